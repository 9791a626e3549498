"""Alerts that have come in, by the way that the webhook takes."""

import json
from typing import Any

from sigmatrader import clock
from trading.models import Strategy
from trading.services import intake
from trading.services.plan import Envelope
from trading.webhooks import payload


def receive(strategy: Strategy, side: str = "ENTRY_LONG", **signal: Any) -> intake.Intake:
    """An alert of `strategy` for INFY, taken in; `signal` says what is different in it."""
    body = {
        "meta": {"platform": "TRADINGVIEW"},
        "signal": {
            "strategy_id": strategy.name,
            "symbol": "INFY",
            "exchange": "NSE",
            "side": side,
            "product": "MIS",
            "ref_price": 1500,
            **signal,
        },
    }
    document = payload.read(json.dumps(body).encode())
    meaning = payload.interpret(document)
    assert isinstance(meaning, payload.Signal)
    return intake.accept(
        meaning, strategy, Envelope("{}", document.digest, clock.now(), "127.0.0.1")
    )
