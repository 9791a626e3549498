"""Halting from any page, resuming with a reason, and the limits in force."""

from decimal import Decimal

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from risk import policy
from risk.engine.denials import Code
from risk.models import RiskSettings, SquareOff, TradingStateChange
from tests.factories import StrategyFactory
from tests.support.positions import ours
from tests.web.conftest import HX, order_in
from trading.domain.order import Status
from trading.domain.values import TradingStateName
from trading.services import breakers, halting, squareoff

pytestmark = pytest.mark.django_db


def text_of(response) -> str:
    return response.content.decode()


def said(response) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def state_now() -> TradingStateName:
    return policy.current_states()[0].state


def change(desk, **data):
    values = {"target": "EVERYTHING", "state": "HALTED", "reason": ""} | data
    return desk.client.post(reverse("risk"), values)


@pytest.mark.parametrize("name", ["dashboard", "orders", "settings", "risk"])
def test_every_page_halts_with_one_press(desk, name):
    page = text_of(desk.client.get(reverse(name)))
    assert f'action="{reverse("halt")}"' in page
    response = desk.client.post(reverse("halt"), {"next": reverse(name)})
    assert response.url == reverse(name)
    assert state_now() is TradingStateName.HALTED
    page = text_of(desk.client.get(reverse(name)))
    assert "Trading is HALTED." in page
    assert f'action="{reverse("halt")}"' not in page


def test_halting_brings_queued_orders_back_and_says_so(desk):
    order = order_in(Status.QUEUED)
    response = desk.client.post(reverse("halt"))
    order.refresh_from_db()
    assert order.status == Status.WAITING
    assert "1 queued order set aside" in said(response)
    assert TradingStateChange.objects.get().actor == "asha"


def test_resuming_needs_a_typed_reason(desk):
    halting.set_state("HALTED", "EVERYTHING", "lunch", "asha")
    response = change(desk, state="ACTIVE")
    assert response.status_code == 422
    assert "Type why trading may resume." in text_of(response)
    assert state_now() is TradingStateName.HALTED
    response = change(desk, state="ACTIVE", reason="back from lunch")
    assert response.status_code == 302
    assert state_now() is TradingStateName.ACTIVE
    page = text_of(desk.client.get(reverse("risk")))
    assert "back from lunch" in page


def test_one_strategy_can_be_stopped_alone(desk):
    strategy = StrategyFactory(name="supertrend")
    answer = change(desk, target=f"STRATEGY:{strategy.pk}", reason="odd signals")
    assert "Strategy supertrend: HALTED now." in said(answer)
    assert state_now() is TradingStateName.ACTIVE
    page = text_of(desk.client.get(reverse("risk")))
    assert "Strategy supertrend" in page
    assert "1 stopped" in page


def test_a_stopped_account_has_a_banner_on_every_page(desk):
    change(desk, target=f"ACCOUNT:{desk.paper.pk}", reason="odd fills")
    assert "HALTED: account paper." in text_of(desk.client.get(reverse("orders")))


def test_working_orders_are_cancelled_when_that_is_ticked(desk):
    order = order_in(Status.SENT)
    response = change(desk, cancel_working="on")
    order.refresh_from_db()
    assert order.status == Status.CANCEL_PENDING
    assert "A cancel of 1 working order is" in said(response)


@pytest.mark.parametrize(
    "data",
    [
        {"state": "PAUSED"},
        {"target": "STRATEGY:999"},
        {"target": "ACCOUNT:abc"},
        {"target": ""},
        {"reason": "x" * 501},
    ],
)
def test_a_change_that_makes_no_sense_is_refused_beside_its_field(desk, data):
    response = change(desk, **data)
    assert response.status_code == 422
    assert "errorlist" in text_of(response)
    assert state_now() is TradingStateName.ACTIVE


@pytest.mark.parametrize(
    ("query", "state"), [({"to": "ACTIVE"}, "ACTIVE"), ({"to": "<b>"}, "HALTED"), ({}, "HALTED")]
)
def test_the_link_to_resume_fills_in_the_form(desk, query, state):
    page = text_of(desk.client.get(reverse("risk"), query))
    assert f'<option value="{state}" selected>' in page


def test_limits_stand_with_their_scope_and_a_link_to_edit(desk):
    strategy = StrategyFactory(name="supertrend")
    row = RiskSettings.objects.create(scope="GLOBAL", max_order_value=Decimal("500000"))
    RiskSettings.objects.create(
        scope="STRATEGY", strategy=strategy, symbol_blacklist=["NSE:YESBANK"]
    )
    page = text_of(desk.client.get(reverse("risk")))
    for text in (
        "<dt>Value of one order</dt><dd>₹5,00,000</dd>",
        "STRATEGY(supertrend)",
        "<dt>Blocked symbols</dt><dd>NSE:YESBANK</dd>",
        "<dt>Over a limit</dt><dd>cut to what fits (CLAMP)</dd>",
        "Without a limit: Quantity of one order",
    ):
        assert text in page
    assert "No GLOBAL limits are set." not in page
    assert reverse("admin:risk_risksettings_change", args=[row.pk]) in page


def test_a_user_without_the_admin_sees_no_links_into_it(client, reader, desk):
    client.force_login(reader)
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=1)
    for name in ("risk", "settings", "queue"):
        assert "/admin/" not in text_of(client.get(reverse(name)))


def test_the_headers_parts_change_only_when_the_state_does(desk):
    url = reverse("desk")
    token = desk.client.get(reverse("queue")).context["desk"].token
    same = text_of(desk.client.get(url, {"v": token}, headers=HX))
    assert 'id="desk"' in same
    assert "hx-swap-oob" not in same
    halting.set_state("HALTED", "EVERYTHING", "lunch", "asha")
    after = text_of(
        desk.client.get(
            url, {"v": token}, headers={**HX, "HX-Current-URL": "http://testserver/orders/"}
        )
    )
    assert 'id="banner" hx-swap-oob="true"' in after
    assert "Trading is HALTED." in after
    assert "Resume" in after


def test_open_breakers_have_a_banner_and_their_way_back(desk):
    breakers.open_breaker(Code.CIRCUIT_BREAKER, "Three refusals.", connection_id=desk.paper.pk)
    assert "AUTO orders of paper are stopped" in text_of(desk.client.get(reverse("orders")))
    page = text_of(desk.client.get(reverse("risk")))
    assert "Three refusals. Resume the account when you have looked." in page
    assert f"?to=ACTIVE&amp;for=ACCOUNT:{desk.paper.pk}#change" in page
    response = change(
        desk, target=f"ACCOUNT:{desk.paper.pk}", state="ACTIVE", reason="looked at it"
    )
    assert "Closed: 1 breaker." in said(response)
    assert "are stopped" not in text_of(desk.client.get(reverse("orders")))


def test_squaring_off_shows_how_far_it_is(desk):
    ours(desk.paper, 10)
    response = change(desk, square_off="on", reason="enough")
    assert "Everything: REDUCING now. The square-off has begun, then it is HALTED." in said(
        response
    )
    page = text_of(desk.client.get(reverse("risk")))
    assert "1 position still open, 0 orders on the way." in page
    assert "asha: enough" in page
    squareoff.finish(SquareOff.objects.get(), "Flat.")
    page = text_of(desk.client.get(reverse("risk")))
    assert "Flat." in page
    assert "every 3s" not in page


def test_squaring_off_and_resuming_do_not_go_together(desk):
    response = change(desk, state="ACTIVE", square_off="on", reason="all is well")
    assert response.status_code == 422
    assert "goes with REDUCING or HALTED" in text_of(response)
