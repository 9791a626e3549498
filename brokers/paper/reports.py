"""Rows of the paper book as reports of the port."""

from decimal import Decimal

from brokers.models import PaperOrder
from brokers.port import BrokerStatus, OrderReport, Trade
from trading.domain.values import OrderType, Product, Side, Variety


def report(order: PaperOrder) -> OrderReport:
    """`order` with its trades; prefetch `trades` when there are many."""
    trades = _trades(order)
    return OrderReport(
        order_id=order.order_id,
        trigger_id=order.trigger_id,
        tag=order.tag,
        status=BrokerStatus(order.status),
        raw_status=order.status,
        exchange=order.exchange,
        tradingsymbol=order.tradingsymbol,
        side=Side(order.side),
        product=Product(order.product),
        order_type=OrderType(order.order_type),
        variety=Variety(order.variety),
        quantity=order.quantity,
        filled_quantity=order.filled_quantity,
        average_price=_average(trades),
        price=order.price,
        trigger_price=order.trigger_price,
        message=order.message,
        placed_at=order.placed_at,
        updated_at=order.updated_at,
        trades=trades,
    )


def _trades(order: PaperOrder) -> tuple[Trade, ...]:
    rows = sorted(order.trades.all(), key=lambda row: row.pk)
    return tuple(
        Trade(
            trade_id=row.trade_id,
            order_id=order.order_id or "",
            exchange=order.exchange,
            tradingsymbol=order.tradingsymbol,
            product=Product(order.product),
            side=Side(order.side),
            quantity=row.quantity,
            price=row.price,
            at=row.at,
        )
        for row in rows
    )


def _average(trades: tuple[Trade, ...]) -> Decimal | None:
    if not trades:
        return None
    value = sum((trade.price * trade.quantity for trade in trades), Decimal(0))
    return value / sum(trade.quantity for trade in trades)
