"""How orders meet the price at the simulated exchange."""

import pytest

from brokers.simulator.errors import KiteError
from tests.brokers.simulator.exchanges import (
    exchange,
    market_order,
    order,
    price,
    row,
    status,
    statuses,
)


def test_a_limit_order_rests_until_the_price_comes_to_it():
    sim = exchange()
    order_id = sim.place("regular", order())
    assert status(sim, order_id) == "OPEN"
    price(sim, 1485)
    assert (status(sim, order_id), row(sim, order_id)["average_price"]) == ("COMPLETE", 1490.0)


def test_a_limit_order_above_the_market_pays_only_the_market():
    sim = exchange()
    order_id = sim.place("regular", order(price=1520))
    assert row(sim, order_id)["average_price"] == 1500.0


@pytest.mark.parametrize(
    ("side", "protection", "limit", "tag"),
    [
        ("BUY", "-1", 1507.5, "mktp:0.50"),
        ("SELL", "-1", 1492.5, "mktp:0.50"),
        ("BUY", "2", 1530.0, "mktp:2.00"),
    ],
)
def test_a_market_order_becomes_a_limit_order_within_its_protection(side, protection, limit, tag):
    sim = exchange()
    sim.behaviour.unfilled_market = True
    form = market_order(transaction_type=side, market_protection=protection)
    order_id = sim.place("regular", form)
    resting = row(sim, order_id)
    assert (resting["status"], resting["order_type"], resting["price"]) == ("OPEN", "LIMIT", limit)
    assert resting["tags"] == ["mktp", tag]
    sim.release()
    assert status(sim, order_id) == "COMPLETE"


def test_a_stop_limit_waits_for_its_trigger_then_fills():
    sim = exchange()
    stop = order(transaction_type="SELL", order_type="SL", trigger_price=1480, price=1478)
    order_id = sim.place("regular", stop)
    assert status(sim, order_id) == "TRIGGER PENDING"
    price(sim, 1481)
    assert status(sim, order_id) == "TRIGGER PENDING"
    price(sim, 1479)
    assert statuses(sim, order_id)[-3:] == ["TRIGGER PENDING", "OPEN", "COMPLETE"]
    assert row(sim, order_id)["average_price"] == 1479.0


def test_a_stop_limit_that_the_price_jumps_over_rests_unfilled():
    sim = exchange()
    stop = order(transaction_type="SELL", order_type="SL", trigger_price=1480, price=1478)
    order_id = sim.place("regular", stop)
    price(sim, 1470)
    assert status(sim, order_id) == "OPEN"
    price(sim, 1478)
    assert status(sim, order_id) == "COMPLETE"


def test_a_stop_at_market_fills_when_triggered():
    sim = exchange()
    stop = order(order_type="SL-M", price=0, trigger_price=1520, market_protection=-1)
    order_id = sim.place("regular", stop)
    price(sim, 1521)
    filled = row(sim, order_id)
    assert (filled["status"], filled["average_price"]) == ("COMPLETE", 1521.0)
    assert "mktp" in filled["tags"]


@pytest.mark.parametrize(
    ("side", "trigger", "limit"),
    [("SELL", 1510, 1505), ("BUY", 1490, 1495), ("SELL", 1480, 1485), ("BUY", 1520, 1515)],
)
def test_a_stop_on_the_wrong_side_is_refused(side, trigger, limit):
    sim = exchange()
    form = order(transaction_type=side, order_type="SL", trigger_price=trigger, price=limit)
    with pytest.raises(KiteError) as caught:
        sim.place("regular", form)
    assert caught.value.error_type == "InputException"


def test_a_stop_may_not_trigger_beyond_the_circuit():
    sim = exchange()
    form = order(
        transaction_type="SELL",
        order_type="SL-M",
        price=0,
        trigger_price=1340,
        market_protection=-1,
    )
    with pytest.raises(KiteError, match="cannot be below the lower circuit price"):
        sim.place("regular", form)


def test_immediate_or_cancel_leaves_nothing_resting():
    sim = exchange()
    missed = sim.place("regular", order(validity="IOC"))
    sim.orders()
    sim.limit_depth(4)
    price(sim, 1500)
    part = sim.place("regular", order(validity="IOC", price=1510))
    assert (status(sim, missed), row(sim, missed)["filled_quantity"]) == ("CANCELLED", 0)
    assert (status(sim, part), row(sim, part)["filled_quantity"]) == ("CANCELLED", 4)


def test_a_timed_order_ends_after_its_minutes():
    sim = exchange()
    order_id = sim.place("regular", order(validity="TTL", validity_ttl=2))
    sim.clock.advance(119)
    assert status(sim, order_id) == "OPEN"
    sim.clock.advance(1)
    assert status(sim, order_id) == "CANCELLED"


def test_one_price_fills_no_more_than_the_depth():
    sim = exchange()
    sim.limit_depth(4)
    order_id = sim.place("regular", market_order())
    seen = []
    for value in (1501, 1502):
        seen.append(row(sim, order_id)["filled_quantity"])
        price(sim, value)
    seen.append(row(sim, order_id)["filled_quantity"])
    assert seen == [4, 8, 10]
    assert row(sim, order_id)["average_price"] == pytest.approx(
        (4 * 1500 + 4 * 1501 + 2 * 1502) / 10
    )
    assert [each["quantity"] for each in sim.order_trades(order_id)] == [4, 4, 2]


def test_nobody_sells_at_the_upper_circuit():
    sim = exchange()
    sim.behaviour.circuit = ("NSE", "INFY", 1400, 1500)
    order_id = sim.place("regular", order(price=1500))
    assert status(sim, order_id) == "OPEN"
    sim.behaviour.circuit = None
    assert status(sim, order_id) == "COMPLETE"


def test_the_circuit_knob_moves_the_daily_range():
    sim = exchange()
    sim.behaviour.circuit = ("NSE", "INFY", 1480, 1520)
    with pytest.raises(KiteError, match="lower circuit limit of 1480"):
        sim.place("regular", order(price=1479))
    quote = sim.quotes(["NSE:INFY"], "quote")["NSE:INFY"]
    assert (quote["lower_circuit_limit"], quote["upper_circuit_limit"]) == (1480.0, 1520.0)


def test_orders_of_a_shut_market_are_not_matched():
    sim = exchange()
    order_id = sim.place("regular", order())
    sim.orders()
    sim.close_market()
    price(sim, 1480)
    assert status(sim, order_id) == "OPEN"
    sim.open_market()
    assert status(sim, order_id) == "COMPLETE"
