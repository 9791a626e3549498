"""The only writer of Order.status.

Every change is a compare-and-swap on (status, version), with its OrderEvent in the same
transaction. Whoever loses the race gets Conflict and has changed nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from django.db.models import F, Model

from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.order import ENDED, LoggedChange, Status, check_transition, path
from trading.models import Order, OrderEvent
from trading.services.errors import Conflict
from trading.services.wakeup import wake_workers

# What of a new row the log must be able to tell again.
_LOGGED_AT_CREATION = (
    "client_order_id",
    "symbol",
    "exchange",
    "tradingsymbol",
    "side",
    "qty",
    "requested_qty",
    "needs_quantity",
    "price",
    "trigger_price",
    "order_type",
    "product",
    "validity",
    "variety",
    "gtt",
    "mode",
    "simulated",
    "origin",
    "broker_order_id",
    "broker_trigger_id",
    "filled_qty",
    "average_price",
    "cancel_requested",
    "set_aside_reason",
    "error_message",
)
_NEEDS_WORKER = frozenset({Status.QUEUED, Status.CANCEL_PENDING})


def _plain(value: Any) -> Any:
    """`value` as the log stores it (JSON)."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f") if value else "0"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Model):
        return value.pk
    return value


def _log(
    order: Order,
    *,
    sequence: int,
    at: datetime,
    from_status: str | None,
    to_status: str,
    actor: str,
    reason: str,
    changes: Mapping[str, Any],
    data: Mapping[str, Any] | None,
) -> None:
    logged = {name: _plain(value) for name, value in changes.items() if name != "risk"}
    OrderEvent.objects.create(
        order=order,
        sequence=sequence,
        at=at,
        from_status=from_status,
        to_status=to_status,
        actor=actor[:150],
        reason=reason,
        data={**(data or {}), "changes": logged},
    )


def create(
    order: Order,
    status: Status,
    *,
    actor: str,
    reason: str = "",
    data: Mapping[str, Any] | None = None,
    adoption: bool = False,
) -> Order:
    """Insert `order` in its first status, with its first event."""
    check_transition(None, status, adoption=adoption)
    now = clock.now()
    order.status = status
    order.version = 1
    order.created_at = order.created_at or now
    order.updated_at = now
    if status is Status.QUEUED:
        order.queued_at = now
    if status in ENDED:
        order.finished_at = now
    with write_transaction():
        order.save(force_insert=True)
        _log(
            order,
            sequence=1,
            at=now,
            from_status=None,
            to_status=status,
            actor=actor,
            reason=reason,
            changes={name: getattr(order, name) for name in _LOGGED_AT_CREATION},
            data={**(data or {}), **({"adoption": True} if adoption else {})},
        )
        if status in _NEEDS_WORKER:
            wake_workers()
    return order


def _write(
    order: Order,
    to_status: Status,
    *,
    actor: str,
    reason: str,
    changes: Mapping[str, Any],
    data: Mapping[str, Any] | None,
) -> None:
    now = clock.now()
    values: dict[str, Any] = dict(changes)
    if to_status is Status.QUEUED and "queued_at" not in values:
        values["queued_at"] = order.queued_at or now
    if to_status in ENDED and order.finished_at is None:
        values["finished_at"] = now
    elif to_status not in ENDED and order.finished_at is not None:
        values["finished_at"] = None
    with write_transaction():
        written = Order.objects.filter(
            pk=order.pk, status=order.status, version=order.version
        ).update(status=to_status, version=F("version") + 1, updated_at=now, **values)
        if not written:
            raise Conflict("This order has just changed. Look at it again before you decide.")
        _log(
            order,
            sequence=order.version + 1,
            at=now,
            from_status=order.status,
            to_status=to_status,
            actor=actor,
            reason=reason,
            changes=values,
            data=data,
        )
        if to_status in _NEEDS_WORKER or values.get("cancel_requested"):
            wake_workers()
    for name, value in values.items():
        setattr(order, name, value)
    order.status = to_status
    order.version += 1
    order.updated_at = now


def transition(
    order: Order,
    to_status: Status,
    *,
    actor: str,
    reason: str = "",
    changes: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
) -> Order:
    """Move `order` one step of the transition table and write `changes` with it.

    `order` must be as it was read: its status and version are what is compared. Raises Conflict
    when the row has moved on, IllegalTransition when the table has no such step.
    """
    check_transition(Status(order.status), to_status)
    _write(order, to_status, actor=actor, reason=reason, changes=changes or {}, data=data)
    return order


def walk(
    order: Order,
    to_status: Status,
    *,
    actor: str,
    reason: str = "",
    changes: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
) -> Order:
    """Reach `to_status` in legal steps, in one transaction; `changes` go with the first."""
    steps = path(Status(order.status), to_status)
    with write_transaction():
        for number, step in enumerate(steps):
            first = number == 0
            _write(
                order,
                step,
                actor=actor,
                reason=reason,
                changes=(changes or {}) if first else {},
                data=data if first else None,
            )
    return order


def amend(
    order: Order,
    changes: Mapping[str, Any],
    *,
    actor: str,
    reason: str = "",
    data: Mapping[str, Any] | None = None,
) -> Order:
    """Write `changes` without a change of status; compared and logged like a transition."""
    _write(order, Status(order.status), actor=actor, reason=reason, changes=changes, data=data)
    return order


def event_log(order: Order) -> list[LoggedChange]:
    """The order's events in the form that trading.domain.order.replay reads."""
    return [
        LoggedChange(
            sequence=event.sequence,
            from_status=Status(event.from_status) if event.from_status else None,
            to_status=Status(event.to_status),
            changes=event.data.get("changes", {}),
            adoption=bool(event.data.get("adoption")),
        )
        for event in order.events.order_by("sequence")
    ]
