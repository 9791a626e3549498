"""Hours, after-market orders and the turn of the day at the simulated exchange."""

import pytest

from brokers.simulator.errors import KiteError
from tests.brokers.simulator.exchanges import (
    at,
    exchange,
    future,
    market_order,
    order,
    price,
    row,
    status,
    statuses,
)


def by_calendar(moment, **kwargs):
    return exchange(moment, always_open=False, **kwargs)


def move(sim, moment):
    sim.clock.set(moment)
    sim.tick()


@pytest.mark.parametrize(("product", "says"), [("MIS", "MIS (intraday)"), ("CNC", "closed")])
@pytest.mark.parametrize("moment", [at(7, 8), at(7, 15, 30), at(6, 11)])
def test_a_closed_market_refuses_regular_orders(moment, product, says):
    sim = by_calendar(moment)
    with pytest.raises(KiteError) as caught:
        sim.place("regular", order(product=product))
    assert says in caught.value.message and "AMO" in caught.value.message
    assert sim.orders() == []


@pytest.mark.parametrize("moment", [at(7, 11), at(7, 15, 45), at(7, 9)])
def test_after_market_orders_have_hours_of_their_own(moment):
    with pytest.raises(KiteError, match="AMO"):
        by_calendar(moment).place("amo", order())


def test_a_parked_order_is_released_in_the_morning_and_fills_at_the_open():
    sim = by_calendar(at(7, 17))
    order_id = sim.place("amo", market_order(product="CNC"))
    assert statuses(sim, order_id)[-1] == "AMO REQ RECEIVED"
    assert row(sim, order_id)["exchange_order_id"] is None
    move(sim, at(8, 8, 59))
    assert status(sim, order_id) == "AMO REQ RECEIVED"
    move(sim, at(8, 9))
    assert (status(sim, order_id), row(sim, order_id)["variety"]) == ("OPEN", "amo")
    move(sim, at(8, 9, 15))
    assert status(sim, order_id) == "COMPLETE"


@pytest.mark.parametrize("stop", [True, False])
def test_stops_and_derivatives_are_released_at_the_open_itself(stop):
    sim = by_calendar(at(7, 17))
    stop_form = order(transaction_type="BUY", order_type="SL", trigger_price=1520, price=1525)
    contract = {"exchange": "NFO", "tradingsymbol": future(sim), "product": "NRML"}
    form = stop_form if stop else market_order(**contract, quantity=65)
    order_id = sim.place("amo", form)
    move(sim, at(8, 9, 14))
    assert status(sim, order_id) == "AMO REQ RECEIVED"
    move(sim, at(8, 9, 15))
    assert status(sim, order_id) == ("TRIGGER PENDING" if stop else "COMPLETE")


def test_a_parked_order_waits_over_a_weekend():
    sim = by_calendar(at(12, 12))
    order_id = sim.place("amo", order(product="CNC"))
    move(sim, at(14, 8))
    assert status(sim, order_id) == "AMO REQ RECEIVED"
    move(sim, at(14, 9, 16))
    assert status(sim, order_id) == "OPEN"


def test_a_parked_order_is_changed_as_amo_and_a_released_one_as_regular():
    sim = by_calendar(at(7, 17))
    order_id = sim.place("amo", order(product="CNC"))
    sim.orders()
    with pytest.raises(KiteError) as caught:
        sim.cancel("regular", order_id)
    assert caught.value.error_type == "NetworkException"
    sim.modify("amo", order_id, {"price": "1485"})
    assert status(sim, order_id) == "MODIFY AMO REQ RECEIVED"
    move(sim, at(8, 9, 20))
    assert row(sim, order_id)["price"] == 1485.0
    with pytest.raises(KiteError):
        sim.cancel("amo", order_id)
    sim.cancel("regular", order_id)
    assert status(sim, order_id) == "CANCELLED"


def test_a_parked_order_that_is_cancelled_says_so():
    sim = by_calendar(at(7, 17))
    order_id = sim.place("amo", order(product="CNC"))
    sim.orders()
    sim.cancel("amo", order_id)
    assert status(sim, order_id) == "CANCELLED AMO"


def test_parking_pushes_no_update():
    sim = by_calendar(at(7, 17))
    pushed = []
    sim.on_update = pushed.append
    order_id = sim.place("amo", order(product="CNC"))
    assert status(sim, order_id) == "AMO REQ RECEIVED"
    sim.modify("amo", order_id, {"price": "1485"})
    sim.cancel("amo", order_id)
    assert pushed == []


def test_a_market_closed_by_hand_parks_orders_until_it_opens():
    sim = exchange()
    sim.close_market()
    with pytest.raises(KiteError, match="closed"):
        sim.place("regular", order(product="CNC"))
    order_id = sim.place("amo", market_order(product="CNC"))
    assert status(sim, order_id) == "AMO REQ RECEIVED"
    sim.open_market()
    assert status(sim, order_id) == "COMPLETE"


def test_unfilled_orders_are_cancelled_at_the_close():
    sim = by_calendar(at(7, 15))
    order_id = sim.place("regular", order(product="CNC"))
    move(sim, at(7, 15, 29))
    assert status(sim, order_id) == "OPEN"
    move(sim, at(7, 15, 31))
    assert status(sim, order_id) == "CANCELLED"


def test_intraday_positions_are_squared_off_by_the_broker_before_the_close():
    sim = by_calendar(at(7, 15))
    sim.place("regular", market_order())
    stop = sim.place("regular", order(transaction_type="SELL", price=1600))
    move(sim, at(7, 15, 26))
    closing = sim.orders()[-1]
    assert (closing["placed_by"], closing["tag"], closing["status"]) == (
        "ADMINSQF",
        None,
        "COMPLETE",
    )
    assert status(sim, stop) == "CANCELLED"
    assert sim.positions()["net"][0]["quantity"] == 0


@pytest.mark.parametrize("moment", [at(7, 10), at(8, 2)])
def test_the_book_and_the_trades_are_purged_at_six_but_the_ledger_stays(moment):
    sim = exchange(moment)
    sim.place("regular", market_order(tag="A1"))
    resting = sim.place("regular", order(tag="A2"))
    move(sim, at(8, 5, 59))
    assert len(sim.orders()) == 2 and len(sim.trades()) == 1
    move(sim, at(8, 6))
    assert sim.orders() == [] and sim.trades() == []
    with pytest.raises(KiteError):
        sim.order_history(resting)
    truth = sim.ledger()
    assert [(each["tag"], each["status"]) for each in truth["orders"]] == [
        ("A1", "COMPLETE"),
        ("A2", "CANCELLED"),
    ]
    assert len(truth["trades"]) == 1


def test_the_end_of_the_day_cancels_and_carries_positions_over():
    sim = exchange()
    contract = {"exchange": "NFO", "tradingsymbol": future(sim), "product": "NRML"}
    sim.place("regular", market_order(**contract, quantity=65))
    resting = sim.place("regular", order())
    sim.orders()
    sim.end_day()
    assert status(sim, resting) == "CANCELLED"
    (position,) = sim.positions()["net"]
    assert (position["overnight_quantity"], position["day_buy_quantity"]) == (65, 0)
    assert sim.positions()["day"] == []


def test_bought_shares_are_t1_on_the_next_day_and_settled_on_the_one_after():
    sim = exchange(at(7, 10))
    sim.place("regular", market_order(product="CNC"))
    assert sim.holdings() == []
    move(sim, at(8, 10))
    (holding,) = sim.holdings()
    assert (holding["quantity"], holding["t1_quantity"]) == (0, 10)
    assert holding["average_price"] == 1500.0
    assert sim.positions()["net"] == []
    move(sim, at(9, 10))
    (holding,) = sim.holdings()
    assert (holding["quantity"], holding["t1_quantity"]) == (10, 0)


def test_t1_shares_can_be_sold_and_leave_the_holdings_overnight():
    sim = exchange(at(7, 10))
    sim.place("regular", market_order(product="CNC"))
    move(sim, at(8, 10))
    sale = market_order(transaction_type="SELL", product="CNC", quantity=4)
    sim.place("regular", sale)
    (holding,) = sim.holdings()
    assert (holding["t1_quantity"], holding["used_quantity"]) == (10, 4)
    assert sim.positions()["net"][0]["quantity"] == -4
    move(sim, at(9, 10))
    (holding,) = sim.holdings()
    assert (holding["quantity"], holding["used_quantity"]) == (6, 0)


def test_the_previous_close_is_yesterdays_last_price():
    sim = exchange(at(7, 10))
    price(sim, 1512)
    move(sim, at(8, 10))
    assert sim.quotes(["NSE:INFY"], "ohlc")["NSE:INFY"]["ohlc"]["close"] == 1512.0


def test_a_contract_ends_with_its_expiry_and_the_next_one_is_listed():
    sim = exchange(at(29, 10))
    contract = {"exchange": "NFO", "tradingsymbol": "NIFTY26DECFUT", "product": "NRML"}
    sim.place("regular", market_order(**contract, quantity=65))
    move(sim, at(30, 10))
    assert sim.positions()["net"] == []
    assert future(sim) == "NIFTY27JANFUT"
    with pytest.raises(KiteError, match="NFO:NIFTY26DECFUT"):
        sim.place("regular", market_order(**contract, quantity=65))


def test_a_clock_set_back_moves_nothing():
    sim = exchange(at(8, 10))
    order_id = sim.place("regular", order())
    before = status(sim, order_id)
    move(sim, at(8, 9))
    assert (before, status(sim, order_id)) == ("OPEN", "OPEN")


@pytest.mark.parametrize("moment", [at(7, 10), at(8, 2)])
def test_a_day_ended_by_hand_is_not_ended_again_at_six(moment):
    sim = exchange(moment)
    sim.place("regular", market_order(product="CNC"))
    sim.orders()
    sim.end_day()
    move(sim, at(8, 7))
    (holding,) = sim.holdings()
    assert (holding["quantity"], holding["t1_quantity"]) == (0, 10)


def test_a_market_opened_by_hand_at_night_keeps_its_orders_and_positions():
    sim = by_calendar(at(7, 20))
    sim.open_market()
    sim.place("regular", market_order())
    resting = sim.place("regular", order())
    move(sim, at(7, 21))
    assert status(sim, resting) == "OPEN"
    assert sim.positions()["net"][0]["quantity"] == 10


def test_the_day_turns_again_after_the_clock_was_set_back():
    sim = exchange(at(9, 10))
    move(sim, at(7, 10))
    sim.place("regular", order())
    move(sim, at(8, 7))
    assert sim.orders() == []


def test_a_market_closed_by_hand_keeps_its_orders():
    sim = by_calendar(at(7, 10))
    order_id = sim.place("regular", order())
    sim.orders()
    sim.close_market()
    move(sim, at(7, 10, 1))
    assert status(sim, order_id) == "OPEN"
