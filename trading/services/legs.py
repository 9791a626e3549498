"""The two legs of one GTT move together until the broker has it.

The stop leg is the one that is claimed, judged by risk and sent; the target leg goes with it.
From the moment the broker reports them, each leg has a life of its own.
"""

from collections.abc import Mapping
from typing import Any

from sigmatrader.db import write_transaction
from trading.domain.order import Status
from trading.models import Order
from trading.services import lifecycle

# What the two legs never share.
_OWN = frozenset({"broker_order_id", "price", "trigger_price", "filled_qty", "average_price"})


def target_of(order: Order) -> Order | None:
    """The target leg of `order`, read afresh; None when it has none."""
    return Order.objects.filter(oco_with_id=order.pk).first()


def other_leg(order: Order) -> Order | None:
    """The leg that `order` is tied to, whichever of the two it is."""
    if order.oco_with_id is not None:
        return Order.objects.filter(pk=order.oco_with_id).first()
    return target_of(order)


def leg_number(order: Order) -> int:
    """0: a stop, or an order by itself; 1: a target. As the broker counts them."""
    return 1 if order.oco_with_id is not None else 0


def transition(
    order: Order,
    to_status: Status,
    *,
    actor: str,
    reason: str = "",
    changes: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
) -> Order:
    """`lifecycle.transition` for an order and, in the same transaction, its target leg."""
    before = order.status
    with write_transaction():
        lifecycle.transition(
            order, to_status, actor=actor, reason=reason, changes=changes, data=data
        )
        target = target_of(order)
        if target is not None and target.status == before:
            shared = {name: value for name, value in (changes or {}).items() if name not in _OWN}
            lifecycle.transition(
                target, to_status, actor=actor, reason=reason, changes=shared, data=data
            )
    return order
