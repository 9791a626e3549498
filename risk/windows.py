"""Hours without entries as text, one window a line: "Mon-Fri 12:00-13:30"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import time
from itertools import groupby
from typing import Any

from django.core.exceptions import ValidationError

from risk.models.settings import no_trade_windows

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_PLACES = {
    name: place
    for place, names in enumerate(
        (
            "mon monday",
            "tue tues tuesday",
            "wed wednesday",
            "thu thur thurs thursday",
            "fri friday",
            "sat saturday",
            "sun sunday",
        )
    )
    for name in names.split()
}
_EVERY_DAY = frozenset({"", "daily", "every day"})
_LINE = re.compile(r"(?P<days>[^0-9]*)(?P<start>[0-9]{1,2}:[0-9]{2})-(?P<end>[0-9]{1,2}:[0-9]{2})")


def windows_text(windows: Iterable[Mapping[str, Any]]) -> str:
    """Stored windows, one a line, as `parse_windows` reads them."""
    return "\n".join(_line(window) for window in windows)


def parse_windows(text: str) -> list[dict[str, Any]]:
    """Lines as the model keeps them: `{"start", "end", "days"}`, 0 being Monday.

    Blank lines are dropped. Raises ValidationError, whose text names the wrong line and the fix.
    """
    return no_trade_windows([_window(line) for line in text.splitlines() if line.strip()])


def _line(window: Mapping[str, Any]) -> str:
    hours = f"{window['start']}-{window['end']}"
    days = ", ".join(_runs(window.get("days") or ()))
    return f"{days} {hours}" if days else hours


def _runs(days: Iterable[int]) -> list[str]:
    """Days as names; three or more that follow each other as "Mon-Fri"."""
    found = []
    for _, group in groupby(enumerate(sorted(days)), lambda pair: pair[1] - pair[0]):
        run = [_DAYS[day] for _, day in group]
        found += [f"{run[0]}-{run[-1]}"] if len(run) > 2 else run
    return found


def _window(line: str) -> dict[str, Any]:
    tidy = re.sub(r"\s*[-–]\s*", "-", line.strip().lower())
    try:
        match = _LINE.fullmatch(tidy)
        if match is None:
            raise ValueError(line)
        start, end = (time.fromisoformat(match[name].zfill(5)) for name in ("start", "end"))
        if start == end:
            raise ValueError(line)
        return {"start": f"{start:%H:%M}", "end": f"{end:%H:%M}", "days": _days(match["days"])}
    except (ValueError, KeyError):
        fix = "write it like Mon-Fri 12:00-13:30, or without days for every day."
        raise ValidationError(f"“{line.strip()}” is no window; {fix}", code="invalid") from None


def _days(text: str) -> list[int]:
    """Raises KeyError for a day that there is not."""
    text = text.strip(" ,\t")
    if text in _EVERY_DAY:
        return []
    found: set[int] = set()
    for part in re.split(r"[,\s]+", text):
        first, _, last = part.partition("-")
        start, end = _PLACES[first], _PLACES[last or first]
        found |= {(start + step) % 7 for step in range((end - start) % 7 + 1)}
    return sorted(found)
