"""Orders that were sent and filled, booked by the product's own ledger."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from brokers.models import BrokerConnection
from brokers.port import Trade
from sigmatrader import clock
from sigmatrader.db import write_transaction
from tests.factories import make_order
from trading.domain.order import Status
from trading.domain.values import Product, Side
from trading.models import Order
from trading.services import ledger, lifecycle


def traded(
    connection: BrokerConnection,
    side: str,
    qty: int,
    price: str,
    *,
    at: datetime | None = None,
    **fields: Any,
) -> Order:
    """An order of `connection` that traded whole at `price`."""
    at = at or clock.now()
    order = make_order(Status.QUEUED, connection=connection, side=Side(side), qty=qty, **fields)
    with write_transaction():
        lifecycle.transition(order, Status.SENDING, actor="worker")
        ledger.record(order, trade_of(order, price, at))
        lifecycle.walk(
            order,
            Status.EXECUTED,
            actor="broker",
            changes={
                "sent_at": at,
                "broker_order_id": f"B{order.pk}",
                "filled_qty": qty,
                "average_price": Decimal(price),
            },
        )
    return order


def trade_of(order: Order, price: str, at: datetime) -> Trade:
    return Trade(
        trade_id=f"T{order.pk}",
        order_id=f"B{order.pk}",
        exchange=order.exchange,
        tradingsymbol=order.tradingsymbol,
        product=Product(order.product),
        side=Side(order.side),
        quantity=order.qty,
        price=Decimal(price),
        at=at,
    )
