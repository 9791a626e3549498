"""Short ways to an exchange of the simulator and to orders on it."""

import json
from datetime import datetime
from decimal import Decimal

import pytest

from brokers.simulator.clock import SimClock
from brokers.simulator.errors import KiteError
from brokers.simulator.exchange import Exchange
from trading.domain.session import IST

MONDAY = datetime(2026, 12, 7, 10, 0, tzinfo=IST)


def at(day, hour, minute=0):
    """A moment of December 2026; the 7th is a Monday, and no day up to the 24th a holiday."""
    return datetime(2026, 12, day, hour, minute, tzinfo=IST)


def exchange(moment=MONDAY, *, always_open=True, prices_move=False, **kwargs):
    clock = SimClock(moment, frozen=True)
    return Exchange(clock, always_open=always_open, prices_move=prices_move, **kwargs)


def order(**changes):
    """The form of a LIMIT order for 10 INFY, below the market."""
    form = {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "quantity": "10",
        "product": "MIS",
        "order_type": "LIMIT",
        "price": "1490",
    }
    return {**form, **{name: str(value) for name, value in changes.items()}}


def market_order(**changes):
    return order(**{"order_type": "MARKET", "price": 0, "market_protection": -1, **changes})


def row(sim, order_id):
    (found,) = [each for each in sim.orders() if each["order_id"] == order_id]
    return found


def status(sim, order_id):
    return row(sim, order_id)["status"]


def statuses(sim, order_id):
    return [each["status"] for each in sim.order_history(order_id)]


def price(sim, value, symbol="INFY", exchange="NSE"):
    sim.set_price(exchange, symbol, Decimal(str(value)))


def future(sim, name="NIFTY", exchange="NFO"):
    """The nearest future's symbol."""
    line = next(
        line for line in sim.instruments_csv(exchange) if f',"{name}",' in line and ",FUT," in line
    )
    return line.split(",")[2]


def trigger(kind="single", values=(1450,), side="SELL", legs=None, last=1500, **changes):
    """The form of a trigger on INFY."""
    leg = {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": side,
        "quantity": 10,
        "order_type": "LIMIT",
        "product": "CNC",
        "price": values[0],
    }
    condition = {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "trigger_values": list(values),
        "last_price": last,
    }
    rows = legs or [{**leg, "price": value, **changes} for value in values]
    return {"type": kind, "condition": json.dumps(condition), "orders": json.dumps(rows)}


def refusal(call, *args):
    """The KiteError that `call` ends with."""
    with pytest.raises(KiteError) as caught:
        call(*args)
    return caught.value
