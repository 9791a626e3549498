"""One complete read of a broker's order book, and its archive."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cached_property
from typing import Any

from brokers.models import BrokerConnection
from brokers.port import Broker, OrderReport
from sigmatrader import clock
from trading.domain.off_hours import book_day
from trading.models import BookEntry, Order


@dataclass(frozen=True)
class Book:
    """Everything that the broker showed: the day's orders and the triggers.

    `read_at`: the moment before it was asked.
    """

    reports: tuple[OrderReport, ...]
    read_at: datetime

    @cached_property
    def by_order(self) -> dict[str, OrderReport]:
        return {report.order_id: report for report in self.reports if report.order_id}

    @cached_property
    def by_trigger(self) -> dict[tuple[str, int], OrderReport]:
        """By trigger id and leg."""
        return {
            (report.trigger_id, report.leg): report for report in self.reports if report.trigger_id
        }

    @cached_property
    def by_tag(self) -> dict[str, list[OrderReport]]:
        found: dict[str, list[OrderReport]] = {}
        for report in self.reports:
            for tag in tags_on(report):
                found.setdefault(tag, []).append(report)
        return found

    def wearing(self, tags: Collection[str]) -> list[OrderReport]:
        """Every order or trigger that wears one of `tags`, each once."""
        seen: dict[int, OrderReport] = {}
        for tag in tags:
            for report in self.by_tag.get(tag, ()):
                seen[id(report)] = report
        return list(seen.values())


def tags_on(report: OrderReport) -> set[str]:
    """Every tag that an order wears."""
    return {tag for tag in (report.tag, *report.tags) if tag}


def read(broker: Broker) -> Book:
    """The whole book; raises the broker's error when it is not complete."""
    asked_at = clock.now()
    return Book(tuple(broker.orders()), asked_at)


@dataclass
class Archive:
    """Keeps each order's last state, so that yesterday can be told when the broker forgets it.

    Remembers what it has written, so that an unchanged book costs nothing.
    """

    written: dict[str, str] = field(default_factory=dict)
    day: date | None = None

    def keep(self, connection: BrokerConnection, book: Book) -> dict[int, OrderReport]:
        """Store what is new in `book`; returns those reports by the order of ours they are of."""
        today = book_day(book.read_at)
        if today != self.day:
            self.written.clear()
            self.day = today
        changed = {
            order_id: report
            for order_id, report in book.by_order.items()
            if self.written.get(order_id) != repr(report)
        }
        if not changed:
            return {}
        ours = dict(
            Order.objects.filter(connection=connection, broker_order_id__in=changed).values_list(
                "broker_order_id", "pk"
            )
        )
        BookEntry.objects.bulk_create(
            [
                BookEntry(
                    connection=connection,
                    book_day=today,
                    broker_order_id=order_id,
                    order_id=ours.get(order_id),
                    status=report.raw_status[:64],
                    report=plain(asdict(report)),
                    updated_at=book.read_at,
                )
                for order_id, report in changed.items()
            ],
            update_conflicts=True,
            unique_fields=["connection", "book_day", "broker_order_id"],
            update_fields=["order_id", "status", "report", "updated_at"],
            batch_size=500,
        )
        self.written |= {order_id: repr(report) for order_id, report in changed.items()}
        return {ours[order_id]: report for order_id, report in changed.items() if order_id in ours}


def plain(value: Any) -> Any:
    """`value` as JSON: decimals and times as text."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return value
