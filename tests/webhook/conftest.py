"""A webhook that is ready for alerts, and a way to post them as TradingView does."""

import json

import pytest

from brokers.accounts import ensure_paper_account
from trading.services import webhook_secrets

SECRET = "test-secret"
URL = "/webhook/tradingview"


@pytest.fixture
def ready(db):
    """The common secret and the paper account, as the first run makes them."""
    webhook_secrets.create(SECRET)
    return ensure_paper_account()


@pytest.fixture
def post(client):
    """`post(body, content_type=…, address=…, headers={…})`: a dict is sent as JSON."""

    def send(body, content_type="application/json", address="52.89.214.238", url=URL, **more):
        raw = json.dumps(body).encode() if isinstance(body, dict) else body
        # The client leaves the type out when the body is empty.
        return client.generic(
            "POST", url, raw, CONTENT_TYPE=content_type, REMOTE_ADDR=address, **more
        )

    return send


def alert(**changes):
    """A good alert; `changes` replace members, ... removes them."""
    body = {
        "secret": SECRET,
        "strategy_name": "supertrend",
        "symbol": "NSE:INFY",
        "interval": "5",
        "trade_details": {"order_action": "BUY", "quantity": 10, "price": 1500.5},
    } | changes
    return {name: value for name, value in body.items() if value is not ...}
