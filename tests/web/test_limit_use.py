"""Bars of use on the risk page, histories, the queue's checks, and the dashboard's warning."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from risk import settings_service
from risk.engine.denials import Code
from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import StrategyFactory
from tests.support.trades import traded
from tests.web.conftest import HOSTILE, HX, order_in
from trading.domain.order import Status
from trading.domain.values import StateScope
from trading.services import breakers

pytestmark = pytest.mark.django_db


def text_of(response) -> str:
    return response.content.decode()


def risk_page(desk) -> str:
    return text_of(desk.client.get(reverse("risk")))


def test_a_new_installation_says_so_and_has_no_bars(desk):
    page = risk_page(desk)
    assert "No GLOBAL limits are set." in page
    assert "of a new installation" in page
    assert "<dt>Duplicate within</dt><dd>30 s</dd>" in page
    assert "No limit is set that a day or a position could use up." in page
    assert "<meter" not in page


def test_each_limit_has_its_bar_its_amounts_and_its_place(desk):
    RiskSettings.objects.create(
        scope="GLOBAL", max_position_value=Decimal(20_000), max_open_positions=4
    )
    traded(desk.paper, "BUY", 10, "1500")
    page = risk_page(desk)
    assert 'value="75"></meter> <span class="num">75 %</span>' in page
    for text in ("₹15,000", "₹20,000", "NSE:INFY", "1 position", "4 positions"):
        assert text in page
    assert "GLOBAL</strong> on paper" in page


def test_of_many_scopes_strategies_fold_but_those_that_are_nearly_used_up(desk):
    RiskSettings.objects.create(scope="GLOBAL", max_open_positions=9)
    quiet = [StrategyFactory(connection=desk.paper) for _ in range(3)]
    for strategy in quiet:
        RiskSettings.objects.create(scope="STRATEGY", strategy=strategy, max_orders_per_day=9)
    full = StrategyFactory(connection=desk.paper)
    RiskSettings.objects.create(scope="STRATEGY", strategy=full, max_orders_per_day=1)
    traded(desk.paper, "BUY", 10, "1500", strategy=full)
    page = risk_page(desk)
    assert "REACHED" in page
    for key in ("global", full.pk):
        assert f'id="use-{desk.paper.pk}-{key}" open>' in page
    for strategy in quiet:
        assert f'id="use-{desk.paper.pk}-{strategy.pk}">' in page


def test_the_bars_are_sent_again_only_when_something_has_changed(desk):
    RiskSettings.objects.create(scope="GLOBAL", max_orders_per_day=4)
    token = desk.client.get(reverse("risk")).context["use_token"]
    url = reverse("risk_use")
    assert desk.client.get(url, {"v": token}, headers=HX).status_code == 204
    traded(desk.paper, "BUY", 10, "1500")
    changed = desk.client.get(url, {"v": token}, headers=HX)
    assert changed.status_code == 200
    assert '<section class="panel" id="use"' in text_of(changed)
    assert ">25 %<" in text_of(changed)
    assert "<html" not in text_of(changed)
    assert desk.client.get(url).url == f"{reverse('risk')}#use"


def test_the_page_takes_no_more_queries_for_many_changes(desk, django_assert_max_num_queries):
    row = RiskSettings.objects.create(scope="GLOBAL", max_orders_per_day=4)
    for limit in range(5, 25):
        settings_service.change_settings(row, {"max_orders_per_day": limit}, actor="asha")
    with django_assert_max_num_queries(60):
        risk_page(desk)


def test_changes_of_limits_are_told_with_old_new_who_why_and_until_when(desk):
    row = RiskSettings.objects.create(scope="GLOBAL", max_order_value=Decimal(50_000))
    until = clock.now() + timedelta(hours=2)
    settings_service.change_settings(
        row,
        {"max_order_value": Decimal(75_000)},
        actor="ravi",
        reason=HOSTILE,
        until=until,
    )
    page = risk_page(desk)
    assert "Value of one order: ₹50,000 → <strong>₹75,000</strong>" in page
    assert "ravi" in page
    assert "temporary until" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


def test_closed_breakers_keep_who_closed_them_and_why(desk):
    breakers.open_breaker(Code.CIRCUIT_BREAKER, "Three refusals.", connection_id=desk.paper.pk)
    assert "Circuit breaker" in risk_page(desk)
    assert "Breakers that were closed" not in risk_page(desk)
    breakers.close_breakers(
        StateScope.ACCOUNT, desk.paper.pk, actor="asha", reason="looked at the broker"
    )
    page = risk_page(desk)
    assert "Breakers that were closed" in page
    assert "asha: looked at the broker" in page


def test_a_queue_row_shows_every_check_when_it_is_unfolded(desk):
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=40, max_order_value=1000)
    order = order_in(Status.WAITING)
    url = reverse("order_checks", args=[order.pk])
    queue = text_of(desk.client.get(reverse("queue")))
    assert f'hx-get="{url}" hx-trigger="toggle"' in queue
    assert f'{reverse("order", args=[order.pk])}#risk-title"' in queue
    checks = text_of(desk.client.get(url, headers=HX))
    assert checks.index("Value of one order") < checks.index("Quantity of one order")
    assert checks.index("Quantity of one order") < checks.index("more checks passed")
    assert checks.index("more checks passed") < checks.index("Instrument listed")
    assert desk.client.get(url).url == f"{reverse('order', args=[order.pk])}#risk-title"


def test_a_row_tells_what_a_glance_takes_in_and_the_rest_is_a_press_away(desk):
    RiskSettings.objects.create(
        scope="GLOBAL",
        max_quantity_per_order=8,
        max_order_value=Decimal(9_000),
        max_position_value=Decimal(6_000),
    )
    order = order_in(Status.WAITING)
    queue = text_of(desk.client.get(reverse("queue")))
    assert "Will be cut to 4" in queue
    assert "and 1 more: see every check." in queue
    assert "max_position_value=6000" not in queue
    checks = text_of(desk.client.get(reverse("order_checks", args=[order.pk]), headers=HX))
    assert "max_position_value=6000" in checks


def test_checks_of_an_order_that_has_gone_are_none(desk):
    order = order_in(Status.SENT)
    answer = desk.client.get(reverse("order_checks", args=[order.pk]), headers=HX)
    assert "The order doesn't wait any more." in text_of(answer)
    assert desk.client.get(reverse("order_checks", args=[999]), headers=HX).status_code == 404


def test_a_limit_that_is_nearly_used_up_needs_attention(desk):
    RiskSettings.objects.create(scope="GLOBAL", max_orders_per_day=5, max_open_positions=1)
    traded(desk.paper, "BUY", 10, "1500")
    page = text_of(desk.client.get(reverse("dashboard")))
    assert "Open positions: 100 % used" in page
    assert "1 position of 1 position in GLOBAL on paper." in page
    assert f'href="{reverse("risk")}#use-{desk.paper.pk}-global"' in page
    assert "Orders a day: " not in page
    for _ in range(3):
        traded(desk.paper, "BUY", 10, "1500")
    assert "Orders a day: 80 % used" in text_of(desk.client.get(reverse("dashboard")))
