"""The knobs that make the simulated exchange misbehave."""

from decimal import Decimal

import pytest

from brokers.simulator.behaviour import KNOBS, Behaviour
from brokers.simulator.errors import KiteError
from tests.brokers.simulator.exchanges import (
    exchange,
    market_order,
    order,
    price,
    refusal,
    row,
    status,
    statuses,
)


def test_an_order_is_rejected_after_it_got_its_id():
    sim = exchange()
    sim.behaviour.reject_async = "RMS:Margin Exceeds"
    first = sim.place("regular", market_order())
    second = sim.place("regular", market_order())
    rejected = row(sim, first)
    assert (rejected["status"], rejected["status_message"]) == ("REJECTED", "RMS:Margin Exceeds")
    assert rejected["exchange_order_id"] is None and rejected["filled_quantity"] == 0
    assert status(sim, second) == "COMPLETE"


def test_a_knob_can_act_on_several_orders():
    sim = exchange()
    sim.behaviour.set("reject_async", "no", times=2)
    ids = [sim.place("regular", market_order()) for _ in range(3)]
    assert [status(sim, each) for each in ids] == ["REJECTED", "REJECTED", "COMPLETE"]


def test_an_acknowledged_order_goes_no_further_until_released():
    sim = exchange()
    sim.behaviour.ack_only = True
    order_id = sim.place("regular", market_order())
    assert statuses(sim, order_id) == ["PUT ORDER REQ RECEIVED"]
    sim.release()
    assert status(sim, order_id) == "COMPLETE"


def test_a_partial_fill_rests_until_the_price_trades_again():
    sim = exchange()
    sim.behaviour.partial_fill = 3
    order_id = sim.place("regular", market_order())
    assert (status(sim, order_id), row(sim, order_id)["filled_quantity"]) == ("OPEN", 3)
    sim.clock.advance(60)
    assert row(sim, order_id)["pending_quantity"] == 7
    price(sim, 1500)
    assert status(sim, order_id) == "COMPLETE"


def test_a_partial_fill_can_be_released_by_hand():
    sim = exchange()
    sim.behaviour.partial_fill = 3
    order_id = sim.place("regular", market_order())
    sim.orders()
    sim.release(order_id)
    assert status(sim, order_id) == "COMPLETE"


def test_the_exchange_cancels_what_a_partial_fill_left():
    sim = exchange()
    sim.behaviour.partial_then_cancel = 3
    order_id = sim.place("regular", market_order())
    assert (status(sim, order_id), row(sim, order_id)["filled_quantity"]) == ("CANCELLED", 3)


def test_a_lag_hides_a_new_order_and_its_trades_but_not_from_the_ledger():
    sim = exchange()
    seen_before = sim.place("regular", order())
    sim.orders()
    sim.behaviour.book_lag = 3600
    sim.all_orders[seen_before].placed_monotonic -= 7200
    order_id = sim.place("regular", market_order())
    assert [each["order_id"] for each in sim.orders()] == [seen_before]
    assert refusal(sim.order_history, order_id).error_type == "OrderException"
    assert sim.trades() == []
    assert len(sim.ledger()["orders"]) == 2
    sim.behaviour.book_lag = 0
    assert len(sim.orders()) == 2


def test_a_stale_book_stays_as_it_was():
    sim = exchange()
    order_id = sim.place("regular", order())
    sim.behaviour.stale_book = True
    sim.cancel("regular", order_id)
    sim.place("regular", order())
    assert [each["status"] for each in sim.orders()] == ["OPEN"]
    sim.behaviour.stale_book = False
    assert [each["status"] for each in sim.orders()] == ["CANCELLED", "OPEN"]


def test_rows_can_come_twice():
    sim = exchange()
    sim.behaviour.duplicate_rows = True
    order_id = sim.place("regular", order())
    assert [each["order_id"] for each in sim.orders()] == [order_id] * 2
    assert len(sim.ledger()["orders"]) == 1


@pytest.mark.parametrize(
    ("knob", "status_code", "error_type", "says"),
    [
        ("margin_reject", 400, "MarginException", "Insufficient funds"),
        ("freeze_reject", 400, "InputException", "higher than the maximum quantity"),
        ("ip_reject", 403, "PermissionException", "IP (10.1.2.3) is not allowed"),
        ("market_closed", 400, "InputException", "MIS (intraday) are blocked"),
    ],
)
def test_a_flag_refuses_placements_at_once(knob, status_code, error_type, says):
    sim = exchange()
    sim.behaviour.set(knob, True)
    with pytest.raises(KiteError) as caught:
        sim.place("regular", order(), ip="10.1.2.3")
    assert (caught.value.status, caught.value.error_type) == (status_code, error_type)
    assert says in caught.value.message
    assert sim.orders() == []


def test_an_unknown_address_may_not_cancel_either():
    sim = exchange()
    order_id = sim.place("regular", order())
    sim.behaviour.ip_reject = True
    assert refusal(sim.cancel, "regular", order_id).error_type == "PermissionException"


def test_a_market_reported_closed_takes_after_market_orders():
    sim = exchange()
    sim.behaviour.market_closed = True
    order_id = sim.place("amo", market_order())
    assert status(sim, order_id) == "AMO REQ RECEIVED"
    sim.behaviour.market_closed = False
    assert status(sim, order_id) == "COMPLETE"


def test_a_cancellation_can_fail_once():
    sim = exchange()
    order_id = sim.place("regular", order())
    sim.orders()
    sim.behaviour.cancel_fails = "Try later."
    assert refusal(sim.cancel, "regular", order_id).message == "Try later."
    assert status(sim, order_id) == "OPEN"
    sim.cancel("regular", order_id)
    assert status(sim, order_id) == "CANCELLED"


def test_an_order_can_fill_while_its_cancellation_is_pending():
    sim = exchange()
    order_id = sim.place("regular", order())
    sim.orders()
    sim.behaviour.cancel_completes = True
    sim.cancel("regular", order_id)
    assert statuses(sim, order_id)[-2:] == ["CANCEL PENDING", "COMPLETE"]
    assert row(sim, order_id)["filled_quantity"] == 10


def test_a_cancelled_order_can_turn_out_filled():
    sim = exchange()
    order_id = sim.place("regular", order())
    sim.orders()
    sim.behaviour.late_fill = 30
    sim.cancel("regular", order_id)
    assert status(sim, order_id) == "CANCELLED"
    sim.clock.advance(30)
    assert statuses(sim, order_id)[-2:] == ["CANCELLED", "COMPLETE"]
    assert sim.positions()["net"][0]["quantity"] == 10


def test_an_average_price_can_be_revised():
    sim = exchange()
    sim.behaviour.revise_average = Decimal("0.5")
    order_id = sim.place("regular", market_order())
    assert row(sim, order_id)["average_price"] == 1500.0
    assert row(sim, order_id)["average_price"] == 1500.5
    assert sim.trades()[0]["average_price"] == 1500.5
    assert sim.positions()["net"][0]["buy_value"] == 15005.0


def test_a_busted_fill_takes_quantity_back():
    sim = exchange()
    sim.limit_depth(6)
    order_id = sim.place("regular", market_order())
    price(sim, 1501)
    sim.revise(order_id, filled=7)
    assert row(sim, order_id)["filled_quantity"] == 7
    assert [each["quantity"] for each in sim.order_trades(order_id)] == [6, 1]
    assert sim.positions()["net"][0]["quantity"] == 7


def test_updates_tell_of_endings_and_changes_but_not_of_resting():
    sim = exchange()
    pushed = []
    sim.on_update = pushed.append
    resting = sim.place("regular", order())
    sim.orders()
    assert pushed == []
    sim.modify("regular", resting, {"price": "1480"})
    sim.orders()
    sim.cancel("regular", resting)
    sim.orders()
    sim.behaviour.partial_fill = 4
    sim.place("regular", market_order())
    sim.orders()
    price(sim, 1500)
    told = [each.get("_event", each["status"]) for each in pushed]
    assert told == ["UPDATE", "CANCELLED", "UPDATE", "COMPLETE"]


def test_an_order_from_the_brokers_app_has_no_tag_and_says_where_it_came_from():
    sim = exchange()
    pushed = []
    sim.on_update = pushed.append
    order_id = sim.place_outside(market_order(tag="mine"))
    assert row(sim, order_id)["tag"] is None
    assert sim.ledger()["orders"][0]["source"] == "app"
    assert pushed[0]["_source"] == "app"


def test_a_square_off_closes_one_products_positions():
    sim = exchange()
    sim.place("regular", market_order())
    sim.place("regular", market_order(product="CNC"))
    sim.square_off("MIS")
    held = {each["product"]: each["quantity"] for each in sim.positions()["net"]}
    assert held == {"MIS": 0, "CNC": 10}


def test_clearing_puts_every_knob_back():
    behaviour = Behaviour()
    untouched = behaviour.as_dict()
    for name, value in (("reject_async", "no"), ("stale_book", True), ("book_lag", 5)):
        behaviour.set(name, value)
    behaviour.set("partial_fill", 2, times=3)
    assert behaviour.as_dict() != untouched
    behaviour.clear()
    assert behaviour.as_dict() == untouched
    assert set(untouched) == KNOBS | {"times"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nonsense", 1),
        ("partial_fill", "x"),
        ("ack_only", 1),
        ("reject_async", 5),
        ("book_lag", "x"),
    ],
)
def test_a_knob_takes_only_its_kind_of_value(name, value):
    with pytest.raises(ValueError, match=name if name != "book_lag" else "float"):
        Behaviour().set(name, value)
