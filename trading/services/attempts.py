"""Attempts to place an order: their tags, and how they are settled."""

import secrets

from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.order import Status
from trading.domain.signal import client_order_id
from trading.models import Order, OrderAttempt
from trading.services import legs

WORKER = "worker"
RECONCILER = "reconciler"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def tag_for(client_order_id: str, attempt_number: int) -> str:
    """The broker tag of an attempt, computable from the order alone; at most 20 characters."""
    if attempt_number == 1:
        return client_order_id
    high, low = divmod(attempt_number, len(_DIGITS))
    return f"{client_order_id}{_DIGITS[high]}{_DIGITS[low]}"


def new_client_order_id() -> str:
    """A new order's own id, and the tag of its first attempt."""
    return client_order_id(secrets.token_bytes(16))


def tags_of(order: Order) -> list[str]:
    """Every tag that the order may wear at the broker."""
    attempts = max(order.attempts.count(), 1)
    return [tag_for(order.client_order_id, number) for number in range(1, attempts + 1)]


def close_attempt(
    attempt: OrderAttempt, outcome: str, message: str = "", broker_order_id: str = ""
) -> None:
    """Settle an attempt, if nobody has."""
    OrderAttempt.objects.filter(pk=attempt.pk, closed_at__isnull=True).update(
        closed_at=clock.now(),
        outcome=outcome,
        message=message[:2000],
        broker_order_id=broker_order_id,
    )


def mark_unknown(order: Order, attempt: OrderAttempt, message: str) -> Order:
    """SENDING → UNKNOWN: the broker may or may not have it. The attempt stays open."""
    with write_transaction():
        legs.transition(
            order,
            Status.UNKNOWN,
            actor=WORKER,
            reason=message,
            changes={"error_message": message, "sent_at": order.sent_at or clock.now()},
            data={"attempt": attempt.number},
        )
        OrderAttempt.objects.filter(pk=attempt.pk).update(
            outcome=OrderAttempt.Outcome.UNKNOWN, message=message[:2000]
        )
    return order
