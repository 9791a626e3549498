"""Cancels at a broker that answers late, refuses, or fills first."""

from types import SimpleNamespace
from typing import Any

import pytest

from brokers.errors import BrokerError, RateLimited, Refused
from brokers.models import BrokerConnection
from brokers.simulator import faults
from tests.support.desk import NEXT_OPEN, NIGHT, Desk
from trading.models import Order, Position
from trading.services import queue
from trading.services.cancels import CancelLog, send_cancels

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


@pytest.fixture(autouse=True)
def _one_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals are measured by the desk's clock."""
    steady = SimpleNamespace(monotonic=desk.seconds)
    monkeypatch.setattr("trading.services.cancels.time", steady)


@pytest.fixture
def resting(desk: Desk) -> Order:
    """A limit order that works at the broker."""
    order = desk.sent(desk.limit())
    desk.exchange.tick()
    return order


def cancel(desk: Desk, order: Order) -> None:
    assert queue.cancel(desk.fresh(order), actor="asha").pending


def cancelled_by_hand(desk: Desk, order: Order) -> None:
    """In the broker's own app, and for a while on its way to the exchange."""
    desk.behaviour.step_delay = 40
    desk.kite().cancel_order("regular", order.broker_order_id)
    desk.wait(41)
    assert desk.exchange.order_of(order.broker_order_id).status == "CANCEL PENDING"


class Stubborn:
    """The broker, but for its answer to a cancel."""

    def __init__(self, desk: Desk, error: BrokerError) -> None:
        self._broker, self._error = desk.broker, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    def cancel(self, order_id: str, *, variety: str) -> None:
        raise self._error


def refuse(desk: Desk, words: str = "Order can't be cancelled.") -> None:
    send_cancels(desk.connection, Stubborn(desk, Refused(words)))  # type: ignore[arg-type]


# -- asking ---------------------------------------------------------------------------------------


def test_a_cancel_is_pending_until_the_broker_shows_it(desk: Desk, resting: Order) -> None:
    cancel(desk, resting)
    assert desk.status(resting) == "CANCEL_PENDING"
    desk.round()
    assert desk.status(resting) == "CANCELLED"
    assert len(desk.asked("cancel")) == 1
    desk.round()
    assert len(desk.asked("cancel")) == 1


def test_a_cancel_is_asked_once_and_then_only_watched(desk: Desk, resting: Order) -> None:
    desk.behaviour.step_delay = 40
    cancel(desk, resting)
    for _ in range(4):
        desk.round()
        desk.wait(3)
    assert desk.status(resting) == "CANCEL_PENDING"
    assert len(desk.asked("cancel")) == 1
    desk.wait(80)
    desk.read_book()
    assert desk.status(resting) == "CANCELLED"


def test_a_cancel_without_a_clear_answer_is_asked_again_later(desk: Desk, resting: Order) -> None:
    desk.faults.script("cancel", faults.refuse_status(503))
    cancel(desk, resting)
    for _ in range(4):
        desk.round()
        desk.wait(3)
    assert desk.status(resting) == "CANCEL_PENDING"
    assert len(desk.asked("cancel")) == 1
    desk.wait(3)
    desk.round()
    assert len(desk.asked("cancel")) == 2
    assert desk.status(resting) == "CANCELLED"


def test_a_cancel_that_did_not_leave_is_asked_in_the_next_round(desk: Desk, resting: Order) -> None:
    """Not after the pause for those that the broker has."""
    desk.faults.script("cancel", faults.rate_limited())
    cancel(desk, resting)
    with pytest.raises(RateLimited):
        desk.round()
    assert desk.status(resting) == "CANCEL_PENDING"
    desk.wait(3)
    desk.round()
    assert desk.status(resting) == "CANCELLED"


def test_an_order_that_is_being_processed_holds_up_no_other_cancel(desk: Desk) -> None:
    first = desk.sent(desk.limit("1450"))
    busy = desk.sent(desk.limit("1440"))
    desk.exchange.tick()
    cancelled_by_hand(desk, busy)
    desk.behaviour.step_delay = 0
    for order in (first, busy):
        cancel(desk, order)
    desk.round()
    assert (desk.status(first), desk.status(busy)) == ("CANCELLED", "CANCEL_PENDING")


def test_another_process_asks_for_what_the_first_has_asked(desk: Desk, resting: Order) -> None:
    """The log of one process is lost with it; cancelling twice does no harm."""
    desk.faults.script("cancel", faults.refuse_status(503))
    cancel(desk, resting)
    desk.round()
    send_cancels(desk.connection, desk.broker, CancelLog())
    desk.round()
    assert desk.status(resting) == "CANCELLED"


# -- refusals -------------------------------------------------------------------------------------


def test_a_refused_cancel_puts_the_order_back_to_work_with_the_brokers_words(
    desk: Desk, resting: Order
) -> None:
    desk.behaviour.cancel_fails = "Order cannot be cancelled at this time."
    cancel(desk, resting)
    desk.round()
    order = desk.fresh(resting)
    assert (order.status, order.cancel_requested) == ("SENT", False)
    assert order.error_message == "Order cannot be cancelled at this time."
    cancel(desk, order)
    desk.round()
    desk.wait(15)
    desk.round()
    assert desk.status(resting) == "CANCELLED"


def test_a_refused_cancel_of_a_partly_filled_order_goes_back_to_partly_filled(
    desk: Desk,
) -> None:
    desk.behaviour.partial_fill = 3
    order = desk.order()
    desk.send_next()
    desk.read_book()
    desk.behaviour.cancel_fails = "Order cannot be cancelled at this time."
    cancel(desk, order)
    desk.round()
    assert desk.status(order) == "PARTIALLY_EXECUTED"


def test_a_refusal_while_the_broker_shows_a_cancel_on_its_way_changes_nothing(
    desk: Desk, resting: Order
) -> None:
    cancelled_by_hand(desk, resting)
    cancel(desk, resting)
    refuse(desk)
    order = desk.fresh(resting)
    assert (order.status, order.cancel_requested) == ("CANCEL_PENDING", True)
    desk.wait(80)
    desk.read_book()
    assert desk.status(resting) == "CANCELLED"


def test_a_refusal_that_nobody_can_explain_changes_nothing(desk: Desk, resting: Order) -> None:
    cancel(desk, resting)
    desk.faults.always("order", faults.refuse_status(503))
    refuse(desk)
    assert desk.status(resting) == "CANCEL_PENDING"


def test_a_refusal_because_the_order_has_filled_shows_the_fill(desk: Desk, resting: Order) -> None:
    cancel(desk, resting)
    desk.price("1450")
    desk.round()
    assert desk.status(resting) == "EXECUTED"
    assert Position.objects.get().qty == 10


def test_a_fill_on_the_way_wins_over_the_cancel(desk: Desk, resting: Order) -> None:
    desk.behaviour.cancel_completes = True
    cancel(desk, resting)
    desk.round()
    desk.read_book()
    assert (desk.status(resting), desk.fresh(resting).filled_qty) == ("EXECUTED", 10)


def test_a_cancel_keeps_what_was_filled_before(desk: Desk) -> None:
    desk.behaviour.partial_fill = 3
    order = desk.order()
    desk.send_next()
    desk.read_book()
    cancel(desk, order)
    desk.round()
    assert (desk.status(order), desk.fresh(order).filled_qty) == ("CANCELLED", 3)
    assert Position.objects.get().qty == 3


def test_a_fill_after_the_cancel_is_a_fact(desk: Desk, resting: Order) -> None:
    desk.behaviour.late_fill = 10
    cancel(desk, resting)
    desk.round()
    assert desk.status(resting) == "CANCELLED"
    desk.wait(11)
    desk.read_book()
    assert (desk.status(resting), Position.objects.get().qty) == ("EXECUTED", 10)


# -- wherever the order is ------------------------------------------------------------------------


def test_a_cancel_while_the_order_is_on_the_wire_follows_it(desk: Desk) -> None:
    order = desk.limit()
    claim = desk.claim()
    assert claim is not None
    placed = desk.place(claim)
    cancel(desk, order)
    claim.order.refresh_from_db()
    desk.settle(claim, placed)
    assert desk.status(order) == "CANCEL_PENDING"
    desk.round()
    assert desk.status(order) == "CANCELLED"


def test_a_cancel_of_an_order_in_doubt_follows_it_when_it_is_found(desk: Desk) -> None:
    desk.faults.script("place", faults.reset_after_accept())
    order = desk.limit()
    desk.send_next()
    cancel(desk, order)
    assert desk.status(order) == "UNKNOWN"
    desk.round()
    assert desk.status(order) == "CANCEL_PENDING"
    desk.round()
    assert desk.status(order) == "CANCELLED"


def test_a_trigger_that_fired_meanwhile_has_its_order_cancelled(desk: Desk) -> None:
    order = desk.sent(desk.trigger("1390", trigger_price="1400"))
    cancel(desk, order)
    desk.price("1400")
    desk.round()
    fired = desk.fresh(order)
    assert fired.broker_order_id
    assert (fired.status, fired.cancel_requested) == ("CANCEL_PENDING", True)
    desk.wait(15)
    desk.round()
    assert desk.status(order) == "CANCELLED"
    assert [row["status"] for row in desk.at_broker()] == ["CANCELLED"]


def test_a_parked_after_market_order_is_cancelled(desk: Desk) -> None:
    desk.move_to(NIGHT)
    order = desk.sent(desk.limit())
    cancel(desk, order)
    desk.round()
    assert desk.status(order) == "CANCELLED"


def test_a_released_after_market_order_is_cancelled(desk: Desk) -> None:
    """The book goes on calling it amo; it is cancelled as regular."""
    desk.move_to(NIGHT)
    order = desk.sent(desk.limit())
    desk.move_to(NEXT_OPEN)
    desk.log_in()
    cancel(desk, order)
    desk.round()
    assert desk.status(order) == "CANCELLED"


# -- the limiter ----------------------------------------------------------------------------------


def limited(desk: Desk, per_second: int) -> None:
    BrokerConnection.objects.filter(pk=desk.connection.pk).update(orders_per_second=per_second)


def test_cancels_go_where_orders_have_used_the_limit_up(desk: Desk) -> None:
    limited(desk, 2)
    first, second = desk.sent(desk.limit()), desk.sent(desk.limit())
    waiting = desk.limit()
    assert desk.send_next() is None
    assert desk.status(waiting) == "QUEUED"
    for order in (first, second):
        cancel(desk, order)
    desk.round()
    assert {desk.status(first), desk.status(second)} == {"CANCELLED"}


def test_cancels_too_stay_below_the_brokers_own_limit(desk: Desk) -> None:
    limited(desk, 3)
    orders = [desk.sent(desk.limit()) for _ in range(3)]
    for order in orders:
        cancel(desk, order)
    desk.round()
    assert len(desk.asked("cancel")) == 2
    assert sorted(desk.status(order) for order in orders) == [
        "CANCELLED",
        "CANCELLED",
        "CANCEL_PENDING",
    ]
    desk.wait(2)
    desk.round()
    assert {desk.status(order) for order in orders} == {"CANCELLED"}


def test_after_a_429_nothing_new_is_sent_in_this_second_and_the_next(desk: Desk) -> None:
    limited(desk, 8)
    desk.faults.script("place", faults.rate_limited())
    order = desk.order()
    desk.send_next()
    other = desk.order(symbol="NSE:TCS", tradingsymbol="TCS")
    for _ in range(3):
        assert desk.send_next() is None
        desk.wait(1)
    desk.send_next()
    assert len(desk.asked("place")) == 2
    assert [desk.status(one) for one in (order, other)] == ["SENT", "QUEUED"]
