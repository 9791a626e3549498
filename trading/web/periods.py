"""Stretches of days: the quick choices of a filter, and the parts into which a picture divides
its time. Pure; days are those of India."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

_LONGEST_BY_DAY = timedelta(days=92)
_LONGEST_BY_WEEK = timedelta(days=2 * 366)
_LONGEST_BY_MONTH = timedelta(days=8 * 366)
_APRIL = 4
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Period:
    """A quick choice. Days are both included; None: without an end."""

    key: str
    label: str
    first: date | None
    last: date | None


def periods(today: date) -> list[Period]:
    """The choices as they stand today, the shortest first."""
    year = today.year if today.month >= _APRIL else today.year - 1
    return [
        Period("today", "Today", today, today),
        Period("week", "This week", today - timedelta(days=today.weekday()), today),
        Period("month", "This month", today.replace(day=1), today),
        Period("30days", "Last 30 days", today - timedelta(days=29), today),
        Period("year", "This financial year", date(year, _APRIL, 1), today),
        Period("all", "All", None, None),
    ]


class Unit(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


def unit_for(first: date, last: date, *, narrow: bool = False) -> Unit:
    """What divides that time into as many parts as a picture can show; `narrow`: a third of it."""
    length = (last - first) * (3 if narrow else 1)
    if length <= _LONGEST_BY_DAY:
        return Unit.DAY
    if length <= _LONGEST_BY_WEEK:
        return Unit.WEEK
    return Unit.MONTH if length <= _LONGEST_BY_MONTH else Unit.YEAR


def start_of(day: date, unit: Unit) -> date:
    """The first day of the part that `day` lies in. Weeks begin on Monday."""
    if unit is Unit.DAY:
        return day
    if unit is Unit.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit is Unit.MONTH else day.replace(month=1, day=1)


def parts(first: date, last: date, unit: Unit, traded: Collection[date]) -> list[date]:
    """The first day of each part from `first` to `last`, without gaps.

    Of days Saturdays and Sundays are left out unless something was `traded` on them.
    """
    found: list[date] = []
    day = first
    while day <= last:
        if unit is not Unit.DAY or day.weekday() < _SATURDAY or day in traded:
            start = start_of(day, unit)
            if not found or found[-1] != start:
                found.append(start)
        day += timedelta(days=1)
    return found


def short_name(start: date, unit: Unit) -> str:
    """What stands below a picture: 23 Nov, Nov 26, 2026."""
    if unit is Unit.YEAR:
        return f"{start.year}"
    return f"{start:%b %y}" if unit is Unit.MONTH else f"{start.day} {start:%b}"


def full_name(start: date, unit: Unit) -> str:
    """What stands in a table: Mon 23 Nov 2026, Week of 23 Nov 2026, November 2026."""
    if unit is Unit.YEAR:
        return f"{start.year}"
    if unit is Unit.MONTH:
        return f"{start:%B %Y}"
    day = f"{start.day} {start:%b %Y}"
    return f"{start:%a} {day}" if unit is Unit.DAY else f"Week of {day}"
