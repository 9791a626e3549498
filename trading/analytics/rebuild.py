"""Totals that are made anew: asking for it, and how far it is."""

from dataclasses import dataclass
from datetime import datetime

from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.models import AnalyticsRebuild, DayDue


@dataclass(frozen=True, slots=True)
class Rebuild:
    """How far the worker is with making all totals anew: `done` of `total` days of accounts."""

    done: int
    total: int
    started_at: datetime | None
    finished_at: datetime | None
    error: str


def request_rebuild(by: str) -> Rebuild:
    """Ask the worker to work out charges and totals of all trades again.

    One that was asked for and has not begun is enough; one that is under way may have passed what
    has changed since, so another follows it.
    """
    with write_transaction():
        waiting = AnalyticsRebuild.objects.filter(started_at=None).order_by("pk").first()
        row = waiting or AnalyticsRebuild.objects.create(asked_by=by[:150], asked_at=clock.now())
    return _rebuild(row)


def current() -> Rebuild | None:
    """The rebuild that was asked for last, while it is not finished."""
    row = AnalyticsRebuild.objects.filter(finished_at=None).order_by("-pk").first()
    return _rebuild(row) if row else None


def pending_days() -> int:
    """Days of accounts that the worker has yet to add up."""
    return DayDue.objects.values("connection_id", "day").distinct().count()


def _rebuild(row: AnalyticsRebuild) -> Rebuild:
    left = row.due.values("connection_id", "day").distinct().count()
    return Rebuild(row.total - left, row.total, row.started_at, row.finished_at, row.error)
