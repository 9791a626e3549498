"""How long an alert takes to the broker, step by step."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from trading.domain.values import Mode
from trading.models import Order

_MOST: Final = 500


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of the way over `count` orders: half of them took `median` at most, 95 % `p95`."""

    name: str
    count: int
    median: timedelta
    p95: timedelta


def stages(since: datetime) -> list[Stage]:
    """The steps of the last 500 orders since that moment; those that nothing took are left out."""
    rows = list(
        Order.objects.filter(created_at__gte=since, events__sequence=1)
        .order_by("-created_at")
        .values_list("alert__received_at", "events__at", "queued_at", "sent_at", "mode")[:_MOST]
    )
    found = (
        _stage("Alert to answer", [(received, stored) for received, stored, *_ in rows]),
        _stage("Press to broker", [(queued, sent) for _, _, queued, sent, _ in rows]),
        _stage(
            "Alert to broker, AUTO",
            [(received, sent) for received, _, _, sent, mode in rows if mode == Mode.AUTO],
        ),
    )
    return [stage for stage in found if stage is not None]


def _stage(name: str, pairs: Iterable[tuple[datetime | None, datetime | None]]) -> Stage | None:
    spans = sorted(end - begin for begin, end in pairs if begin and end and end >= begin)
    if not spans:
        return None
    last = len(spans) - 1
    return Stage(name, len(spans), spans[last // 2], spans[round(last * 0.95)])
