"""What is used of the limits, read from rows: accounts apart, strategies by their own orders."""

from decimal import Decimal

import pytest
from django.urls import reverse

from brokers.accounts import ensure_paper_account
from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import StrategyFactory, make_order
from trading.domain.order import Status
from trading.services.claim import claim_next
from trading.services.dispatch import send
from trading.services.limit_use import scope_uses

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def bought(strategy=None, qty=10, **fields):
    order = make_order(Status.QUEUED, qty=qty, strategy=strategy, **fields)
    claim = claim_next("here:1:1")
    assert claim is not None
    send(claim)
    order.refresh_from_db()
    assert order.status == "EXECUTED", order.error_message
    return order


def use_of(setting, **narrowed):
    for scope in scope_uses(clock.now(), **narrowed):
        for one in scope.uses:
            if one.setting == setting:
                return one
    raise AssertionError(f"{setting} has no use")


def test_a_position_uses_the_accounts_limits():
    ensure_paper_account()
    RiskSettings.objects.create(
        scope="GLOBAL", max_open_positions=4, max_position_value=Decimal(60_000)
    )
    assert use_of("max_open_positions").used == 0
    bought()
    assert use_of("max_open_positions").used == 1
    value = use_of("max_position_value")
    assert (value.used, value.where) == (15_000, "NSE:INFY")


def test_a_strategys_budget_and_day_are_its_own():
    RiskSettings.objects.create(scope="GLOBAL", max_orders_per_day=10)
    mine = StrategyFactory(name="mine")
    RiskSettings.objects.create(
        scope="STRATEGY", strategy=mine, strategy_budget=Decimal(50_000), max_orders_per_day=5
    )
    bought(mine, qty=10)
    bought(None, qty=20)
    own = {"strategy_id": mine.pk}
    assert use_of("strategy_budget", **own).used == 15_000
    assert use_of("max_orders_per_day", **own).used == 1
    assert use_of("max_orders_per_day").used == 2


def test_an_archived_strategy_and_an_account_that_is_off_are_left_out():
    account = ensure_paper_account()
    StrategyFactory(name="old", archived=True)
    account.enabled = False
    account.save()
    assert scope_uses(clock.now()) == []


def test_the_queries_do_not_grow_with_orders(django_assert_max_num_queries):
    RiskSettings.objects.create(scope="GLOBAL", max_open_positions=4)
    bought()
    for _ in range(20):
        make_order(Status.WAITING)
    with django_assert_max_num_queries(25):
        scope_uses(clock.now())


def test_the_risk_page_shows_bars_and_renews_them_only_when_they_change(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("asha"))
    RiskSettings.objects.create(scope="GLOBAL", max_open_positions=4, max_quantity_per_order=100)
    bought()
    page = client.get(reverse("risk")).content.decode()
    assert '<span class="num">25 %</span>' in page
    assert "<dt>Max quantity</dt><dd>100</dd>" in page
    token = page.partition('id="use" data-v="')[2].partition('"')[0]
    url = reverse("risk_use")
    assert client.get(url, {"v": token}).status_code == 204
    bought(qty=5, tradingsymbol="TCS", symbol="NSE:TCS")
    fresh = client.get(url, {"v": token})
    assert fresh.status_code == 200
    assert '<span class="num">50 %</span>' in fresh.content.decode()
