"""Rows for tests, through factory-boy."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from factory.declarations import LazyFunction, Sequence
from factory.django import DjangoModelFactory

from brokers.accounts import ensure_paper_account
from brokers.models import BrokerConnection
from sigmatrader import clock
from trading.domain.order import Status
from trading.domain.values import Mode, OrderType, Product, Side
from trading.models import Order, Strategy
from trading.services import lifecycle
from trading.services.attempts import new_client_order_id


class StrategyFactory(DjangoModelFactory[Strategy]):
    class Meta:
        model = Strategy

    name = Sequence(lambda number: f"strategy-{number}")


class BrokerConnectionFactory(DjangoModelFactory[BrokerConnection]):
    """A live account that is logged in until tomorrow."""

    class Meta:
        model = BrokerConnection

    name = Sequence(lambda number: f"zerodha-{number}")
    broker_name = "zerodha"
    kind = "LIVE"
    api_key = "key"
    access_token_encrypted = "not-a-real-token"
    token_expires_at = LazyFunction(lambda: clock.now() + timedelta(hours=12))


def make_order(status: Status = Status.WAITING, **fields: Any) -> Order:
    """An order in `status` (WAITING or QUEUED), made the way that the product makes them."""
    values: dict[str, Any] = {
        "connection": fields.pop("connection", None) or ensure_paper_account(),
        "client_order_id": new_client_order_id(),
        "symbol": "NSE:INFY",
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "side": Side.BUY,
        "qty": 10,
        "price": None,
        "reference_price": Decimal("1500"),
        "order_type": OrderType.MARKET,
        "product": Product.MIS,
        "mode": Mode.MANUAL,
    } | fields
    values.setdefault("requested_qty", values["qty"])
    values.setdefault("simulated", values["connection"].simulated)
    return lifecycle.create(Order(**values), status, actor="test")
