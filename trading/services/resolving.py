"""A person's word on an order whose outcome is unknown, checked against the broker's book."""

from brokers.registry import capabilities_of
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.order import Status
from trading.models import BookEntry, Order, OrderAttempt
from trading.services import legs, triggers
from trading.services.errors import Conflict, InvalidChange


def resolve(order: Order, *, outcome: str, broker_order_id: str, reason: str, actor: str) -> Order:
    """A person says what became of an UNKNOWN order: NOT_PLACED, or PLACED with the broker's id.

    Raises Conflict for an order that can't be resolved, InvalidChange with the field and the fix.
    """
    broker_id, reason = broker_order_id.strip(), reason.strip()
    _check(order, outcome, broker_id, reason)
    placed = outcome == "PLACED"
    with write_transaction():
        order.attempts.filter(closed_at__isnull=True).update(
            closed_at=clock.now(),
            outcome=OrderAttempt.Outcome.SENT if placed else OrderAttempt.Outcome.NOT_PLACED,
            broker_order_id=broker_id if placed else "",
            message=f"{actor}: {reason}",
        )
        if placed:
            return _placed(order, broker_id, reason, actor)
        return legs.transition(
            order,
            Status.FAILED,
            actor=actor,
            reason=reason,
            changes={"error_message": f"Not placed, says {actor}: {reason}"},
        )


def _check(order: Order, outcome: str, broker_id: str, reason: str) -> None:
    """Whether the order can be resolved, and with these words. The database is asked last."""
    if order.status != Status.UNKNOWN:
        raise Conflict(f"Only an UNKNOWN order can be resolved; this one is {order.status}.")
    if order.oco_with_id is not None:
        raise Conflict(f"This is the target of order {order.oco_with_id}: resolve that one.")
    if len(reason) < 5:
        raise InvalidChange(
            "Say how you know.", errors={"reason": ["Type how you know, in a few words."]}
        )
    if outcome not in ("NOT_PLACED", "PLACED"):
        raise InvalidChange(
            "What became of the order?", errors={"outcome": ["Use NOT_PLACED or PLACED."]}
        )
    if outcome == "NOT_PLACED":
        return
    if not broker_id:
        raise _wrong_id("Which order is it?", "Enter the order id that the broker shows.")
    if (holder := _holder_of(order, broker_id)) is not None:
        raise _wrong_id(
            "That id belongs to another order.", f"Order {holder} has this id: look again."
        )
    if doubt := _not_in_book(order, broker_id):
        raise _wrong_id("The broker's book does not show that order.", doubt)


def _wrong_id(message: str, fix: str) -> InvalidChange:
    return InvalidChange(message, errors={"broker_order_id": [fix]})


def _placed(order: Order, broker_id: str, reason: str, actor: str) -> Order:
    """SENT, to be followed from now on; a cancel that was asked for before is asked for now."""
    legs.transition(
        order,
        Status.SENT,
        actor=actor,
        reason=reason,
        changes={_id_field(order): broker_id, "error_message": ""},
    )
    if order.gtt:
        triggers.remember(order)
    if order.cancel_requested:
        legs.transition(order, Status.CANCEL_PENDING, actor=actor, reason="cancel asked before")
    return order


def _id_field(order: Order) -> str:
    return "broker_trigger_id" if order.gtt else "broker_order_id"


def _holder_of(order: Order, broker_id: str) -> int | None:
    """Another order of the account that has this id at the broker."""
    same = Order.objects.filter(connection_id=order.connection_id).exclude(pk=order.pk)
    return same.filter(**{_id_field(order): broker_id}).values_list("pk", flat=True).first()


def _not_in_book(order: Order, broker_id: str) -> str:
    """Why `broker_id` can't be this order, by the book as it was last read; empty when it can.

    A mistyped id would leave an order that no report ever ends.
    """
    if order.gtt or not capabilities_of(order.connection).sessions:
        return ""
    entry = BookEntry.objects.filter(
        connection_id=order.connection_id, broker_order_id=broker_id
    ).first()
    if entry is None:
        return "The order book that was last read has no such id: copy it from Kite's order book."
    shown = (entry.report["exchange"], entry.report["tradingsymbol"], entry.report["side"])
    if shown != (order.exchange, order.tradingsymbol, order.side):
        return f"That is {shown[2]} {shown[0]}:{shown[1]}: another order."
    return ""
