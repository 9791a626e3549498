"""Orders in the broker's archived book that an order of unknown outcome might be."""

from dataclasses import dataclass
from datetime import datetime

from sigmatrader.clock import IST
from trading.domain.off_hours import book_day
from trading.models import BookEntry, Order
from trading.templatetags.money import price, qty

_MOST = 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """An order at the broker: its id, and what tells it from the others."""

    broker_order_id: str
    text: str


def candidates_of(order: Order) -> list[Candidate]:
    """The book's entries of the order's day, instrument and side that no other order of ours is.

    Those with its quantity come first. A GTT has none: its id is a trigger's.
    """
    if order.gtt:
        return []
    tried = order.attempts.order_by("-number").values_list("claimed_at", flat=True).first()
    entries = BookEntry.objects.filter(
        connection=order.connection_id,
        book_day=book_day(tried or order.sent_at or order.created_at),
        report__exchange=order.exchange,
        report__tradingsymbol=order.tradingsymbol,
        report__side=order.side,
    )
    held = set(
        Order.objects.filter(
            connection=order.connection_id,
            broker_order_id__in=[entry.broker_order_id for entry in entries],
        )
        .exclude(pk=order.pk)
        .values_list("broker_order_id", flat=True)
    )
    free = [entry for entry in entries if entry.broker_order_id not in held]
    free.sort(key=lambda entry: entry.report.get("quantity") != order.qty)
    return [Candidate(entry.broker_order_id, _words(entry)) for entry in free[:_MOST]]


def _words(entry: BookEntry) -> str:
    """“251123000012 · 10:42:05 · BUY 10 LIMIT at 1,500.00 · COMPLETE”."""
    shown = entry.report
    kind = str(shown.get("order_type") or "")
    if shown.get("price") not in (None, "", "0"):
        kind += f" at {price(shown['price'])}"
    words = [entry.broker_order_id]
    if placed := _clock(shown.get("placed_at")):
        words.append(placed)
    words.append(f"{shown.get('side', '')} {qty(shown.get('quantity'))} {kind}".strip())
    words.append(entry.status)
    return " · ".join(words)


def _clock(text: str | None) -> str:
    try:
        return f"{datetime.fromisoformat(text or '').astimezone(IST):%H:%M:%S}"
    except ValueError:
        return ""
