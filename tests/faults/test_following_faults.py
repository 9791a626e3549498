"""Following orders while the broker's reports are late, old, doubled, corrected, or not of ours."""

from decimal import Decimal

import pytest

from brokers.simulator import faults as f
from tests.support.rig import Rig, check_invariants
from trading.domain.order import Status
from trading.domain.values import OrderType, Origin, Product, Side
from trading.models import Order
from trading.services import queue

pytestmark = [pytest.mark.faults, pytest.mark.db_backends]


def outside(rig: Rig, symbol: str, **changes: str) -> str:
    """An order from the broker's own app."""
    values = {
        "exchange": "NSE",
        "tradingsymbol": symbol,
        "transaction_type": "BUY",
        "quantity": "3",
        "product": "MIS",
        "order_type": "MARKET",
        "validity": "DAY",
    }
    return rig.exchange.place_outside(values | changes)


def adopted(rig: Rig, order_id: str, *statuses: str) -> Order:
    """Our row of somebody else's order, once it is in one of the statuses."""
    rows = Order.objects.filter(connection=rig.connection, broker_order_id=order_id)
    rig.wait(lambda: rows.filter(status__in=statuses).exists(), f"{order_id} is adopted")
    return rows.get()


def statuses(order: Order) -> list[str]:
    return [event.to_status for event in order.events.order_by("sequence")]


def partly_filled(rig: Rig, filled: int, quantity: int = 5) -> Order:
    """A market order that rests after `filled` of its units."""
    rig.exchange.behaviour.partial_fill = filled
    order = rig.order(qty=quantity)
    rig.wait(lambda: rig.fresh(order).filled_qty == filled, "it is partly filled")
    return rig.until(order, "PARTIALLY_EXECUTED")


def test_an_old_book_takes_nothing_back(rig: Rig) -> None:
    order = partly_filled(rig, 2)
    rig.exchange.behaviour.stale_book = True
    rig.exchange.release()
    rig.set_price(order.tradingsymbol, rig.last(order.tradingsymbol))
    rig.book_reads(2)
    rig.exchange.behaviour.stale_book = False
    rig.until(order, "EXECUTED")
    changes = len(statuses(order))
    rig.exchange.behaviour.stale_book = True
    rig.book_reads(2)
    assert (rig.fresh(order).status, len(statuses(order))) == ("EXECUTED", changes)
    check_invariants(rig)


def test_a_book_from_before_the_fill_takes_nothing_back(rig: Rig) -> None:
    resting = rig.limit()
    rig.until(resting, "SENT")
    rig.exchange.behaviour.stale_book = True
    order = rig.order()
    rig.book_reads(3)
    rig.exchange.behaviour.stale_book = False
    rig.until(order, "EXECUTED")
    rig.cancel(resting)
    rig.until(resting, "CANCELLED")
    check_invariants(rig)


def test_a_book_that_lags_behind_does_not_make_an_order_absent(rig: Rig) -> None:
    rig.exchange.behaviour.book_lag = 0.6
    rig.faults.script("place", f.accept_then_timeout(1))
    order = rig.order()
    rig.until(order, "UNKNOWN")
    rig.until(order, "EXECUTED")
    assert "FAILED" not in statuses(order)
    check_invariants(rig)


def test_a_book_with_every_row_twice_counts_once(rig: Rig) -> None:
    rig.exchange.behaviour.duplicate_rows = True
    order = rig.until(rig.order(), "EXECUTED")
    assert order.filled_qty == 2
    rig.book_reads(2)
    check_invariants(rig)


def test_an_order_found_after_it_was_given_up_alarms_and_stops_the_account(rig: Rig) -> None:
    rig.exchange.behaviour.book_lag = 3.0
    rig.faults.script("place", f.accept_then_timeout(1))
    order = rig.until(rig.order(), "FAILED")
    again = queue.retry(order, actor="test")
    rig.exchange.behaviour.book_lag = 0
    rig.until(order, "EXECUTED")
    rig.wait(rig.halt_reason, "the account is halted")
    assert "given up" in rig.halt_reason()
    assert rig.fresh(again).status == "WAITING"
    check_invariants(rig)


def test_a_partial_fill_that_is_cancelled_keeps_its_fills(rig: Rig) -> None:
    rig.exchange.behaviour.partial_then_cancel = 2
    order = rig.until(rig.order(qty=5), "CANCELLED")
    assert order.filled_qty == 2
    by_hand = partly_filled(rig, 3)
    rig.cancel(by_hand)
    assert rig.until(by_hand, "CANCELLED").filled_qty == 3
    check_invariants(rig)


def test_a_fill_beats_a_cancel(rig: Rig) -> None:
    order = rig.limit()
    rig.until(order, "SENT")
    rig.exchange.behaviour.cancel_completes = True
    rig.cancel(order)
    assert rig.until(order, "EXECUTED").filled_qty == 2
    check_invariants(rig)


def test_a_fill_after_the_cancel_was_confirmed_is_booked(rig: Rig) -> None:
    order = rig.limit()
    rig.until(order, "SENT")
    rig.exchange.behaviour.late_fill = 0.5
    rig.cancel(order)
    rig.until(order, "CANCELLED")
    assert rig.until(order, "EXECUTED").filled_qty == 2
    check_invariants(rig)


@pytest.mark.parametrize(
    "message",
    [
        "Order cannot be cancelled as it is being processed. Try later.",
        "Order can't be cancelled at this moment.",
    ],
)
def test_a_cancel_that_is_refused_leaves_the_order_as_the_book_has_it(
    rig: Rig, message: str
) -> None:
    order = rig.limit()
    rig.until(order, "SENT")
    rig.exchange.behaviour.cancel_fails = message
    rig.cancel(order)
    if "being processed" in message:
        rig.until(order, "CANCELLED")  # it is asked again by itself
    else:
        rig.wait(lambda: "The cancel was refused" in str(reasons(order)), "it is refused")
        rig.until(order, "SENT")
        rig.cancel(order)
        rig.until(order, "CANCELLED")
    check_invariants(rig)


def reasons(order: Order) -> list[str]:
    return [event.reason for event in order.events.order_by("sequence")]


@pytest.mark.parametrize(
    "fault",
    [f.accept_then_timeout(1), f.timeout_not_accepted(1), f.lying_400(), f.refuse_status(503)],
    ids=lambda fault: fault.kind,
)
def test_an_unclear_cancel_is_decided_by_the_book(rig: Rig, fault: f.Fault) -> None:
    order = rig.limit()
    rig.until(order, "SENT")
    rig.faults.script("cancel", fault)
    rig.cancel(order)
    rig.until(order, "CANCELLED")
    check_invariants(rig)


@pytest.mark.parametrize(
    "fault",
    [
        None,
        f.accept_then_timeout(1),
        f.timeout_not_accepted(1),
        f.lying_400(),
        f.refuse_status(503),
    ],
    ids=lambda fault: fault.kind if fault else "none",
)
def test_a_modification_is_what_the_book_shows(rig: Rig, fault: f.Fault | None) -> None:
    order = rig.until(rig.limit(qty=4), "SENT")
    rig.faults.script("modify", fault)
    queue.modify(rig.fresh(order), {"qty": 3}, actor="test")
    rig.wait(lambda: rig.fresh(order).modification is None, "it was asked of the broker")
    rig.book_reads(2)
    taken = fault is None or fault.accepted
    assert rig.at_broker(order)[0]["quantity"] == rig.fresh(order).qty == (3 if taken else 4)
    rig.cancel(order)
    rig.until(order, "CANCELLED")
    check_invariants(rig)


def test_what_is_done_in_the_brokers_app_is_taken_over(rig: Rig) -> None:
    changed, dropped = rig.limit(qty=4), rig.limit()
    for order in (changed, dropped):
        rig.until(order, "SENT")
    rig.exchange.modify("regular", rig.fresh(changed).broker_order_id, {"quantity": "3"})
    rig.exchange.cancel("regular", rig.fresh(dropped).broker_order_id)
    rig.until(dropped, "CANCELLED")
    rig.wait(lambda: rig.fresh(changed).qty == 3, "the change is taken over")
    symbol = rig.new_symbol()
    row = adopted(rig, outside(rig, symbol), "EXECUTED")
    assert (row.origin, row.mode, row.filled_qty) == (Origin.EXTERNAL, "MANUAL", 3)
    rig.cancel(changed)
    rig.until(changed, "CANCELLED")
    check_invariants(rig)


def test_an_order_of_the_app_can_be_cancelled_here_and_counts_for_risk(rig: Rig) -> None:
    symbol = rig.new_symbol()
    price = str(rig.away(symbol, Decimal("-0.02")))
    row = adopted(rig, outside(rig, symbol, order_type="LIMIT", price=price), "SENT")
    rig.cancel(row)
    rig.until(row, "CANCELLED")
    check_invariants(rig)


def test_a_square_off_by_the_broker_is_taken_over(rig: Rig) -> None:
    symbol = rig.new_symbol()
    rig.until(rig.order(symbol, qty=4), "EXECUTED")
    rig.exchange.square_off("MIS")
    rows = Order.objects.filter(
        connection=rig.connection, origin=Origin.EXTERNAL, tradingsymbol=symbol, side=Side.SELL
    )
    rig.wait(lambda: rows.filter(status=Status.EXECUTED).exists(), "the square-off is adopted")
    assert rows.get().filled_qty == 4
    check_invariants(rig)


def test_slices_made_elsewhere_are_each_adopted(rig: Rig) -> None:
    symbol = rig.new_symbol()
    parts = [outside(rig, symbol, quantity=str(quantity)) for quantity in (40, 40, 7)]
    rows = [adopted(rig, part, "EXECUTED") for part in parts]
    assert {row.origin for row in rows} == {Origin.EXTERNAL}
    assert sum(row.filled_qty for row in rows) == 87
    check_invariants(rig)


def test_a_corrected_price_is_taken_over_and_the_old_one_kept(rig: Rig) -> None:
    order = rig.until(rig.order(), "EXECUTED")
    old = order.average_price
    tick = rig.away(order.tradingsymbol, Decimal("0.01"))
    rig.exchange.revise(order.broker_order_id, average_price=tick)
    rig.wait(lambda: rig.fresh(order).average_price == tick, "the price is corrected", 5)
    before = [event.data.get("average_price_before") for event in order.events.all()]
    assert [Decimal(text) for text in before if text] == [old]
    check_invariants(rig)


def test_a_fill_that_the_broker_takes_back_is_taken_back(rig: Rig) -> None:
    order = rig.until(rig.order(qty=5), "EXECUTED")
    rig.exchange.revise(order.broker_order_id, filled=3)
    rig.wait(lambda: rig.fresh(order).filled_qty == 3, "the fill is corrected", 5)
    check_invariants(rig)


@pytest.mark.parametrize("call", ["orders", "trades", "gtts"])
@pytest.mark.parametrize(
    "fault", [f.slow(1), f.refuse_status(502, "html"), f.cut_body(), f.rate_limited()],
    ids=lambda fault: fault.kind,
)  # fmt: skip
def test_a_book_that_can_not_be_read_decides_nothing(rig: Rig, call: str, fault: f.Fault) -> None:
    rig.faults.script(call, *[fault] * 3)
    order = rig.until(rig.order(), "EXECUTED")
    assert order.filled_qty == 2
    check_invariants(rig)


def test_a_trigger_without_an_answer_is_known_by_its_legs(rig: Rig) -> None:
    symbol = rig.new_symbol()
    rig.faults.script("gtt_place", f.accept_then_timeout(1))
    order = gtt(rig, symbol)
    now = rig.until(order, "SENT")
    assert now.broker_trigger_id
    rig.set_price(symbol, now.price)
    rig.until(order, "EXECUTED")
    check_invariants(rig)


def gtt(rig: Rig, symbol: str) -> Order:
    price = rig.away(symbol, Decimal("-0.03"))
    return rig.order(
        symbol,
        order_type=OrderType.LIMIT,
        price=price,
        trigger_price=price,
        gtt=True,
        product=Product.CNC,
    )


def test_a_trigger_that_was_not_taken_is_left_to_a_person(rig: Rig) -> None:
    rig.faults.script("gtt_place", f.timeout_not_accepted(1))
    order = gtt(rig, rig.new_symbol())
    rig.until(order, "UNKNOWN")
    rig.wait(lambda: "resolve it" in rig.fresh(order).error_message, "a person is asked")
    check_invariants(rig, unknown_allowed=True)
    queue.resolve(
        rig.fresh(order), outcome="NOT_PLACED", broker_order_id="", reason="looked", actor="test"
    )
    check_invariants(rig)


def test_a_trigger_fires_into_a_rejection_and_says_so(rig: Rig) -> None:
    symbol = rig.new_symbol()
    order = rig.until(gtt(rig, symbol), "SENT")
    rig.exchange.behaviour.reject_async = "RMS:Margin Exceeds"
    rig.set_price(symbol, order.price)
    assert "RMS:Margin Exceeds" in rig.until(order, "REJECTED").error_message
    check_invariants(rig)


def test_a_trigger_is_withdrawn(rig: Rig) -> None:
    order = rig.until(gtt(rig, rig.new_symbol()), "SENT")
    rig.cancel(order)
    rig.until(order, "CANCELLED")
    check_invariants(rig)
