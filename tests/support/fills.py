"""Fills of orders, piece by piece, booked by the product's own ledger."""

from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any

from brokers.port import Trade
from sigmatrader.db import write_transaction
from tests.factories import make_order
from trading.domain.order import Status
from trading.domain.values import Product, Side
from trading.models import Order
from trading.services import ledger

_numbers = count(1)


def order_of(side: str, qty: int, **fields: Any) -> Order:
    """An order on its way to the broker."""
    return make_order(Status.QUEUED, side=Side(side), qty=qty, **fields)


def execution(order: Order, qty: int, price: str, at: datetime, trade_id: str = "") -> Trade:
    """A trade of `order` as a broker reports it."""
    return Trade(
        trade_id=trade_id or f"F{next(_numbers)}",
        order_id=f"B{order.pk}",
        exchange=order.exchange,
        tradingsymbol=order.tradingsymbol,
        product=Product(order.product),
        side=Side(order.side),
        quantity=qty,
        price=Decimal(price),
        at=at,
    )


def fill(order: Order, qty: int, price: str, at: datetime, trade_id: str = "") -> None:
    """Book so much of `order`."""
    with write_transaction():
        ledger.record(order, execution(order, qty, price, at, trade_id))
