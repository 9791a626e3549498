"""How much of a position an exit may close, by what the broker itself shows now."""

from django.db.models import QuerySet

from brokers.port import Broker
from trading.domain.order import AT_BROKER, WORKING, Status
from trading.domain.values import Product, Side
from trading.models import Order
from trading.services import updates


def left_to_close(order: Order, broker: Broker) -> int:
    """Units that `order` can close: the broker's net position, less what other exits may take.

    For CNC sells the holdings count too. What may still be working at the broker counts as
    filled; the other leg of the same trigger does not. Others are brought up to date first, so
    that what has filled at the broker is not taken off twice. Raises the broker's error.
    """
    for other in _others(order).filter(status__in=WORKING).exclude(broker_order_id=""):
        report = broker.order(other.broker_order_id)
        if report is not None:
            updates.apply(other.pk, report)
    net = sum(
        position.quantity
        for position in broker.positions()
        if (position.exchange, position.tradingsymbol, position.product)
        == (order.exchange, order.tradingsymbol, order.product)
    )
    if order.product == Product.CNC and order.side == Side.SELL:
        net += sum(
            holding.quantity + holding.t1_quantity
            for holding in broker.holdings()
            if holding.tradingsymbol == order.tradingsymbol
        )
    held = net if order.side == Side.SELL else -net
    return max(held - _taken_by_others(order), 0)


def _others(order: Order) -> QuerySet[Order]:
    """Other orders of the account on this side that may close some of the same position."""
    others = Order.objects.filter(
        connection_id=order.connection_id,
        exchange=order.exchange,
        tradingsymbol=order.tradingsymbol,
        product=order.product,
        side=order.side,
        status__in=AT_BROKER - {Status.UNKNOWN},
    ).exclude(pk__in=[order.pk, order.oco_with_id or order.pk])
    # The stop stands for its target too, until the target has fired.
    return others.exclude(oco_with__status__in=AT_BROKER)


def _taken_by_others(order: Order) -> int:
    return sum(qty - filled for qty, filled in _others(order).values_list("qty", "filled_qty"))
