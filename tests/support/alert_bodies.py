"""Alert bodies to vary, and what the payload reader makes of them."""

import json

import pytest

from trading.webhooks.payload import Rejection, interpret, read


def body(details=None, **root):
    """A good nested alert; `details` and `root` replace, ... removes."""
    data = {"strategy_name": "ST", "symbol": "NSE:INFY", **root}
    data["trade_details"] = {
        "order_action": "BUY",
        "quantity": 10,
        "price": 1500,
        **(details or {}),
    } | root.get("trade_details", {})
    data["trade_details"] = {k: v for k, v in data["trade_details"].items() if v is not ...}
    return json.dumps({key: value for key, value in data.items() if value is not ...}).encode()


def v6(**signal):
    data = {
        "strategy_id": "ST6",
        "symbol": "INFY",
        "exchange": "NSE",
        "side": "ENTRY_LONG",
        "order_action": "buy",
        "qty": 6,
        **signal,
    }
    data = {key: value for key, value in data.items() if value is not ...}
    return json.dumps({"meta": {"secret": "s"}, "signal": data}).encode()


def signal_of(raw):
    return interpret(read(raw))


def refusal_of(raw):
    with pytest.raises(Rejection) as refusal:
        interpret(read(raw))
    assert refusal.value.status == 422
    return refusal.value
