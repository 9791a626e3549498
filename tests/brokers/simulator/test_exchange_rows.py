"""Every row of the simulated exchange has Kite's keys and types, whatever happened to it."""

import json
from decimal import Decimal

import pytest

from tests.brokers.simulator import shapes
from tests.brokers.simulator.exchanges import (
    at,
    exchange,
    future,
    market_order,
    order,
    price,
    trigger,
)


@pytest.fixture(scope="module")
def lived():
    """An account after a day with orders in every state, and a night."""
    sim = exchange(at(7, 10), prices_move=True)
    sim.deposit("NSE", "INFY", 20, Decimal(1300))
    sim.place("regular", market_order(product="CNC"))
    sim.clock.set(at(8, 10))
    price(sim, 1500)
    sim.place("regular", market_order(tag="DONE"))
    sim.place("regular", order(order_type="SL", trigger_price=1540, price=1541))
    sim.place("regular", order(price=1450))
    cancelled = sim.place("regular", order(price=1450))
    sim.orders()
    sim.cancel("regular", cancelled)
    sim.behaviour.reject_async = "RMS: no"
    sim.place("regular", order())
    sim.orders()
    sim.behaviour.partial_fill = 3
    sim.place("regular", market_order(transaction_type="SELL", product="CNC"))
    contract = {"exchange": "NFO", "tradingsymbol": future(sim), "product": "NRML"}
    sim.place("regular", market_order(**contract, quantity=65, transaction_type="SELL"))
    sim.gtt_place(trigger("two-leg", (1450, 1600)))
    sim.gtt_place(trigger(values=(1480,), quantity=9000))
    price(sim, 1479)
    sim.behaviour.market_closed = True
    sim.place("amo", order())
    return sim


def test_orders_in_every_state_have_kites_keys(lived):
    rows = lived.orders()
    assert {row["status"] for row in rows} >= {
        "COMPLETE",
        "OPEN",
        "CANCELLED",
        "REJECTED",
        "TRIGGER PENDING",
        "AMO REQ RECEIVED",
    }
    assert shapes.differences([shapes.ORDER], rows) == []
    for row in rows:
        history = lived.order_history(row["order_id"])
        assert shapes.differences([shapes.ORDER], history) == []
        assert history[-1] == row


@pytest.mark.parametrize(
    ("shape", "read"),
    [
        ([shapes.TRADE], lambda sim: sim.trades()),
        (shapes.POSITIONS, lambda sim: sim.positions()),
        ([shapes.HOLDING], lambda sim: sim.holdings()),
        (shapes.MARGINS, lambda sim: sim.margins()),
        (shapes.SEGMENT, lambda sim: sim.margins("commodity")),
        ([shapes.GTT], lambda sim: sim.gtts()),
        ([shapes.ORDER_MARGIN], lambda sim: sim.order_margins([market_order()])),
        (shapes.BASKET, lambda sim: sim.basket_margins([market_order()], True)),
        ([shapes.CONTRACT_NOTE], lambda sim: sim.charges([market_order()])),
        (shapes.PROFILE, lambda sim: sim.profile()),
        (shapes.QUOTE, lambda sim: sim.quotes(["NSE:INFY", "NSE:NIFTY 50"], "quote")),
        (shapes.OHLC, lambda sim: sim.quotes(["NSE:INFY"], "ohlc")),
        (shapes.LTP, lambda sim: sim.quotes(["NSE:INFY"], "ltp")),
    ],
)
def test_answers_have_kites_keys(lived, shape, read):
    answer = json.loads(json.dumps(read(lived)))
    assert answer
    assert shapes.differences(shape, answer) == []


def test_a_fired_and_refused_trigger_says_why(lived):
    fired = next(row for row in lived.gtts() if row["status"] == "triggered")
    (leg,) = fired["orders"]
    assert shapes.differences(shapes.ORDER_RESULT, leg["result"]["order_result"]) == []
    assert leg["result"]["order_result"]["rejection_reason"]


def test_rows_belong_to_the_reader(lived):
    lived.orders()[0]["status"] = "BROKEN"
    lived.order_history(lived.orders()[0]["order_id"])[-1]["status"] = "BROKEN"
    assert "BROKEN" not in {row["status"] for row in lived.orders()}
