"""Cancelling an order wherever it is. Asks nothing of a broker: the worker does."""

from dataclasses import dataclass

from sigmatrader.db import write_transaction
from trading.domain.order import Status
from trading.models import Order
from trading.services import legs, lifecycle
from trading.services.errors import Conflict


@dataclass(frozen=True, slots=True)
class CancelResult:
    """`pending`: asked of the broker, not confirmed yet."""

    order: Order
    pending: bool


def cancel(order: Order, *, actor: str, reason: str = "cancelled") -> CancelResult:
    """Cancel, wherever the order is. Raises Conflict when it has already ended."""
    status = Status(order.status)
    if status in (Status.WAITING, Status.QUEUED):
        with write_transaction():
            done = lifecycle.transition(order, Status.CANCELLED, actor=actor, reason=reason)
            other = legs.other_leg(order)
            if other is not None and other.status == status:
                lifecycle.transition(other, Status.CANCELLED, actor=actor, reason=reason)
        return CancelResult(done, pending=False)
    if status in (Status.SENT, Status.PARTIALLY_EXECUTED):
        done = lifecycle.transition(
            order,
            Status.CANCEL_PENDING,
            actor=actor,
            reason=reason,
            changes={"cancel_requested": True},
        )
        return CancelResult(done, pending=True)
    if status in (Status.SENDING, Status.UNKNOWN):
        if not order.cancel_requested:
            _ask(order, actor)
        return CancelResult(order, pending=True)
    if status is Status.CANCEL_PENDING:
        return CancelResult(order, pending=True)
    raise Conflict(f"This order is already {order.status}.", code="already_ended")


def _ask(order: Order, actor: str) -> None:
    """Note the wish; one leg of a trigger can't stay without the other."""
    with write_transaction():
        lifecycle.amend(order, {"cancel_requested": True}, actor=actor, reason="cancel asked")
        other = legs.other_leg(order)
        if other is not None and other.status == order.status and not other.cancel_requested:
            lifecycle.amend(other, {"cancel_requested": True}, actor=actor, reason="cancel asked")
