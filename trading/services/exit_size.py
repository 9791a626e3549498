"""How much of a position an exit may close, by what the broker itself shows now."""

from brokers.port import Broker
from trading.domain.order import AT_BROKER, Status
from trading.domain.values import Product, Side
from trading.models import Order


def left_to_close(order: Order, broker: Broker) -> int:
    """Units that `order` can close: the broker's net position, less what other exits may take.

    For CNC sells the holdings count too. What may still be working at the broker counts as
    filled; the other leg of the same trigger does not. Raises the broker's error.
    """
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


def _taken_by_others(order: Order) -> int:
    others = Order.objects.filter(
        connection_id=order.connection_id,
        exchange=order.exchange,
        tradingsymbol=order.tradingsymbol,
        product=order.product,
        side=order.side,
        status__in=AT_BROKER - {Status.UNKNOWN},
    ).exclude(pk__in=[order.pk, order.oco_with_id or order.pk])
    # The stop stands for its target too, until the target has fired.
    others = others.exclude(oco_with__status__in=AT_BROKER)
    return sum(qty - filled for qty, filled in others.values_list("qty", "filled_qty"))
