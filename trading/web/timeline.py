"""The story of an order in one list: alert, decisions, attempts, fills, in the order of time."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from trading.models import Fill, Order, OrderAttempt, OrderEvent
from trading.services import recovery
from trading.templatetags.money import price as price_text
from trading.templatetags.money import qty as qty_text

# What the log repeats or keeps for replay alone.
_UNTOLD = frozenset(
    {
        "client_order_id", "symbol", "exchange", "tradingsymbol", "side", "requested_qty",
        "simulated", "origin", "mode", "cancel_requested", "error_message", "set_aside_reason",
        "queued_at", "finished_at", "sent_at", "expires_at", "not_before", "modification_count",
    }
)  # fmt: skip
_CLEARABLE = frozenset({"price", "trigger_price"})


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry. `kind`: alert, event, attempt or fill. `after`: since the entry before.

    `place`: where it stands in the order of time, when that is not `at`.
    """

    at: datetime
    kind: str
    title: str
    actor: str = ""
    text: str = ""
    status: str = ""
    changes: tuple[tuple[str, str], ...] = ()
    after: timedelta | None = None
    place: datetime | None = None


def timeline_of(order: Order) -> list[Moment]:
    """Every moment known of an order that was read with its story, oldest first."""
    moments = [_of_event(event) for event in order.events.all()]
    for attempt in order.attempts.all():
        moments.extend(_of_attempt(attempt))
    moments.extend(_of_fill(fill) for fill in order.fills.all())
    if order.alert is not None:
        alert = order.alert
        text = f"{alert.strategy_name or 'no strategy'} · {alert.platform}"
        moments.append(Moment(alert.received_at, "alert", f"Alert {alert.pk} received", text=text))
    rank = {"alert": 0, "event": 1, "attempt": 2, "fill": 3}
    moments.sort(key=lambda one: (one.place or one.at, rank[one.kind]))
    return [
        _with_gap(one, moments[place - 1] if place else None) for place, one in enumerate(moments)
    ]


def _with_gap(moment: Moment, before: Moment | None) -> Moment:
    if before is None or moment.at < before.at:
        return moment
    return replace(moment, after=moment.at - before.at)


def _of_event(event: OrderEvent) -> Moment:
    moved = event.from_status != event.to_status
    changes = event.data.get("changes") or {}
    told = () if event.from_status is None else _told(changes)
    return Moment(
        event.at,
        "event",
        "" if moved else "Changed",
        actor=event.actor,
        text=event.reason,
        status=event.to_status if moved else "",
        changes=told,
    )


def _told(changes: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name.replace("_", " "), _value_text(value))
        for name, value in changes.items()
        if name not in _UNTOLD and (value not in (None, "") or name in _CLEARABLE)
    )


def _value_text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {one}" for name, one in value.items())
    return "none" if value in (None, "") else str(value)


def _of_attempt(attempt: OrderAttempt) -> list[Moment]:
    """Its beginning, and its end when it is settled."""
    begun = Moment(
        attempt.claimed_at,
        "attempt",
        f"Attempt {attempt.number} begun",
        actor=recovery.worker_words(attempt.worker_id),
        text=f"Tag {attempt.tag}, {attempt.variety}",
    )
    if attempt.closed_at is None:
        return [begun]
    text = " · ".join(
        part
        for part in (
            attempt.message,
            f"Broker order {attempt.broker_order_id}" if attempt.broker_order_id else "",
            f"{attempt.book_reads} reads of the order book" if attempt.book_reads else "",
        )
        if part
    )
    ended = f"Attempt {attempt.number}: {attempt.outcome.replace('_', ' ').lower()}"
    return [begun, Moment(attempt.closed_at, "attempt", ended, text=text)]


def _of_fill(fill: Fill) -> Moment:
    title = f"Filled {qty_text(fill.qty)} at ₹{price_text(fill.price)}"
    text = f"Trade {fill.trade_id}"
    return Moment(fill.at, "fill", title, text=text, place=_within_its_second(fill))


def _within_its_second(fill: Fill) -> datetime:
    """Brokers tell whole seconds: without this, a fill would stand before its order was sent."""
    if fill.at.microsecond:
        return fill.at
    end = fill.at + timedelta(seconds=1)
    return min(end, max(fill.booked_at, fill.at)) if fill.booked_at else end
