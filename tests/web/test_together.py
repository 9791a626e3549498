"""Several orders at one press on the pages: the summary before it, and what became of each."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from risk.models import RiskSettings
from tests.factories import BrokerConnectionFactory, StrategyFactory
from tests.web.conftest import HOSTILE, HX, order_in
from trading.domain.order import Status
from trading.models import Order
from trading.services import halting, queue, together
from trading.web.views import together as views

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def text_of(response) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def chosen(desk, verb: str, orders: list[Order], **headers: Any):
    return desk.client.get(
        reverse("together"), {"do": verb, "order": [one.pk for one in orders]}, headers=headers
    )


def press(desk, name: str, orders: list[Order], *, htmx: bool = False):
    picks = [f"{one.pk}.{one.version}" for one in orders]
    return desk.client.post(reverse(name), {"order": picks}, headers=HX if htmx else {})


def waiting(symbol: str = "INFY", **fields: Any) -> Order:
    return order_in(Status.WAITING, symbol=f"NSE:{symbol}", tradingsymbol=symbol, **fields)


# -- choosing ----------------------------------------------------------------------------------


def test_only_a_waiting_order_can_be_chosen_and_its_box_belongs_to_the_form(desk):
    order, sent = waiting(), order_in(Status.SENT)
    page = text_of(desk.client.get(reverse("queue")))
    assert f'name="order" value="{order.pk}" form="together"' in page
    assert f'id="choose-{sent.pk}"' not in page
    assert f"Choose order {order.pk}: BUY 10 NSE:INFY" in page


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"do": "execute"},
        {"do": "execute", "order": "abc"},
        {"do": "execute", "order": "9" * 30},
        {"do": "delete", "order": "1"},
    ],
)
def test_without_a_choice_there_is_nothing_to_decide(desk, query):
    waiting()
    response = desk.client.get(reverse("together"), query, follow=True)
    assert response.redirect_chain == [(reverse("queue"), 302)]
    assert "Choose at least one order first" in text_of(response)
    assert "Nothing is chosen" in text_of(desk.client.get(reverse("together"), query, headers=HX))


# -- the summary -------------------------------------------------------------------------------


def test_the_summary_adds_up_sides_and_accounts_and_the_worst_case(desk):
    orders = [
        waiting(),
        waiting("TCS", qty=2, order_type="LIMIT", price=Decimal(4000)),
        waiting("SBIN", side="SELL", reference_price=Decimal(800)),
    ]
    summary = chosen(desk, "execute", orders).context["summary"]
    sides = {one.kind: (one.orders, one.rupees) for one in summary.sides}
    assert sides == {"BUY": (2, Decimal(23000)), "SELL": (1, Decimal(8000))}
    ((kind, account),) = summary.accounts
    assert (kind, account.kind, account.rupees) == ("PAPER", "paper", Decimal(31000))
    assert summary.total.rupees == Decimal(31000)
    page = text_of(chosen(desk, "execute", orders))
    assert "Execute 3 orders?" in page
    assert "31,000.00" in page
    assert "move real money" not in page


def test_an_order_without_any_price_is_counted_apart(desk):
    page = text_of(chosen(desk, "execute", [waiting("XYZ", reference_price=None), waiting()]))
    assert "and 1 without a price" in page
    assert "15,000.00" in page


def test_risk_judges_them_in_turn_and_what_it_would_deny_is_left_out(desk):
    RiskSettings.objects.create(scope="GLOBAL", max_position_quantity=15, clamp_mode="CLAMP")
    orders = [waiting(), waiting(), waiting()]
    response = chosen(desk, "execute", orders)
    summary = response.context["summary"]
    assert [(one.order.pk, one.quantity) for one in summary.going] == [
        (orders[0].pk, 10),
        (orders[1].pk, 5),
    ]
    assert [one.order.pk for one in summary.left_out] == [orders[2].pk]
    page = text_of(response)
    assert "Will be cut to 5" in page
    assert "Will be denied" in page
    assert f'value="{orders[1].pk}.1"' in page
    assert f'value="{orders[2].pk}.1"' not in page


def test_what_is_on_hold_incomplete_or_decided_already_is_left_out_with_the_reason(desk):
    strategy = StrategyFactory()
    halting.set_state("HALTED", "STRATEGY", "tired", "ravi", strategy_id=strategy.pk)
    orders = [
        waiting(strategy=strategy),
        waiting("TCS", qty=0, needs_quantity=True),
        order_in(Status.QUEUED),
    ]
    response = chosen(desk, "execute", orders)
    assert response.context["summary"].going == []
    page = text_of(response)
    assert "None of these can be executed now" in page
    assert "tired" in page
    assert "The quantity is missing" in page
    assert "It is already QUEUED." in page
    assert reverse("queue") in page


def test_real_money_is_named(desk):
    live = BrokerConnectionFactory(name="kite")
    response = chosen(desk, "cancel", [waiting(connection=live), waiting()])
    assert [kind for kind, _ in response.context["summary"].accounts] == ["LIVE", "PAPER"]
    assert response.context["summary"].live == 1


def test_a_cancel_asks_no_risk_and_takes_every_order_that_waits(desk):
    orders = [waiting(qty=0, needs_quantity=True), waiting(), order_in(Status.EXECUTED)]
    response = chosen(desk, "cancel", orders)
    page = text_of(response)
    assert "Cancel 2 orders?" in page
    assert "Passes" not in page
    assert "It is already EXECUTED." in page


def test_the_safe_way_out_has_the_focus(desk):
    page = text_of(chosen(desk, "execute", [waiting()]))
    assert re.search(r'<a class="btn" href="/queue/" data-close autofocus>Back to the queue', page)


def test_the_summary_changes_nothing_and_comes_as_a_part_for_a_dialog(desk):
    order = waiting()
    response = chosen(desk, "execute", [order], **HX)
    assert "<html" not in text_of(response)
    assert f'name="order" value="{order.pk}.1"' in text_of(response)
    order.refresh_from_db()
    assert (order.status, order.version) == (Status.WAITING, 1)


def test_what_comes_from_outside_is_shown_and_never_run(desk):
    order = waiting(HOSTILE)
    for verb in ("execute", "cancel"):
        page = chosen(desk, verb, [order]).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


# -- the press ---------------------------------------------------------------------------------


def test_executing_needs_a_press(desk):
    assert desk.client.get(reverse("together_execute")).status_code == 405
    assert press(desk, "together_execute", []).url == reverse("queue")


def test_an_order_that_changed_after_the_summary_is_passed_over_and_named(desk):
    order = waiting()
    queue.edit(queue.get(order.pk), {"qty": 99}, actor="ravi")
    response = press(desk, "together_execute", [order])
    page = text_of(response)
    assert "0 of 1 sent" in page
    assert "has changed since you looked at it" in page
    assert queue.get(order.pk).status == Status.WAITING


@pytest.mark.parametrize("htmx", [False, True])
def test_what_became_of_each_is_told(desk, htmx, monkeypatch):
    monkeypatch.setattr(together, "ORDER_SECONDS", 0.05)
    orders = [waiting(), waiting("TCS")]
    page = text_of(press(desk, "together_execute", orders, htmx=htmx))
    assert "Stopped: 0 of 2 sent" in page
    assert "has not been sent yet" in page
    assert "It waits as before." in page
    assert ("<html" in page) is not htmx
    assert [queue.get(one.pk).status for one in orders] == ["QUEUED", "WAITING"]


def test_while_others_are_executed_the_servers_threads_are_kept_free(desk):
    order = waiting()
    taken = [views._executing.acquire(blocking=False) for _ in range(2)]
    try:
        page = text_of(press(desk, "together_execute", [order]))
    finally:
        for one in taken:
            if one:
                views._executing.release()
    assert "other orders are being executed at this moment" in page
    assert queue.get(order.pk).status == Status.WAITING


@pytest.mark.parametrize("htmx", [False, True])
def test_a_cancel_of_several_can_be_taken_back_at_one_press(desk, htmx):
    orders = [waiting(), waiting("TCS")]
    page = text_of(press(desk, "together_cancel", orders, htmx=htmx))
    assert "2 of 2 cancelled" in page
    assert "Undo: restore 2" in page
    assert reverse("together_restore") in page
    ids = [one.pk for one in orders]
    headers = HX if htmx else {}
    page = text_of(desk.client.post(reverse("together_restore"), {"order": ids}, headers=headers))
    assert "2 of 2 restored" in page
    assert "Undo" not in page
    assert [queue.get(one).status for one in ids] == ["WAITING", "WAITING"]
