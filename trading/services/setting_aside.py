"""Taking an order out of the queue, back to a person."""

from collections.abc import Iterable
from typing import Any

from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.order import Status
from trading.domain.session import waiting_expires_at
from trading.domain.values import Mode, Variety
from trading.models import Order
from trading.services import calendar, legs
from trading.services.attempts import WORKER
from trading.services.errors import Conflict


def set_aside(order: Order, reason: str, *, data: dict[str, Any] | None = None) -> Order:
    """QUEUED → WAITING: a person decides. An AUTO order becomes MANUAL, with the reason."""
    return legs.transition(
        order,
        Status.WAITING,
        actor=WORKER,
        reason=reason,
        changes={
            "mode": Mode.MANUAL,
            "set_aside_reason": reason,
            "not_before": None,
            "variety": Variety.REGULAR,
            "expires_at": waiting_expires_at(order.exchange, clock.now(), calendar.current()),
        },
        data=data,
    )


def set_aside_each(orders: Iterable[Order], reason: str) -> list[int]:
    """Set QUEUED orders aside, each by itself; returns which. One that is being claimed at this
    moment is left: the last look before its call sees what has changed."""
    done = []
    for order in orders:
        try:
            with write_transaction():
                set_aside(order, reason)
        except Conflict:
            continue
        done.append(order.pk)
    return done
