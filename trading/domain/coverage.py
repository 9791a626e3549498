"""How far a market calendar reaches, and when somebody should see to it. Pure."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from trading.domain.calendar import Calendar, Segment

WARN_DAYS: Final = 30
# Exchanges publish the next year's holidays in December: nobody knows more than some years.
MOST_DAYS_AHEAD: Final = 3 * 366


def too_far(until: date, today: date) -> str:
    """Why days can't be known until `until`; empty when they can."""
    last = today + timedelta(days=MOST_DAYS_AHEAD)
    if until <= last:
        return ""
    return f"Days can't be known until {until:%d %b %Y}: give a day up to {last:%d %b %Y}."


def ends_on(calendar: Calendar) -> date:
    """The last day that is known for every segment."""
    return min(hours.covered_until for hours in calendar.hours.values())


def warnings(calendar: Calendar, today: date) -> list[str]:
    """What ends, or is not known, within the next 30 days; with the fix. Empty when nothing is."""
    soon = today + timedelta(days=WARN_DAYS)
    found: list[str] = []
    for until in sorted({hours.covered_until for hours in calendar.hours.values()}):
        if until <= soon:
            names = _names(one for one in Segment if calendar.hours[one].covered_until == until)
            found.append(_ending(names, until, today))
    unknown = {
        day: special.note
        for (_, day), special in sorted(calendar.days.items())
        if special.hours_unknown and today <= day <= soon
    }
    for day, note in unknown.items():
        names = _names(
            one
            for one in Segment
            if (special := calendar.days.get((one, day))) and special.hours_unknown
        )
        what = note or "A special session"
        found.append(f"{what} on {day:%d %b %Y}: enter the hours of {names}.")
    return found


def _ending(names: str, until: date, today: date) -> str:
    left = (until - today).days
    if left < 0:
        return (
            f"The market calendar of {names} ended on {until:%d %b %Y}: every order waits for a "
            "person until the next days are entered."
        )
    when = {0: "today", 1: "tomorrow"}.get(left, f"in {left} days")
    return (
        f"The market calendar of {names} ends on {until:%d %b %Y}, {when}: enter the next days, "
        "else every order waits for a person."
    )


def _names(segments: Iterable[Segment]) -> str:
    words = [segment.value for segment in segments]
    if len(words) == len(Segment):
        return "all segments"
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else words[0]
