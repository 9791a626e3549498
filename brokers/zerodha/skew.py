"""How far this machine's clock is from the broker's, by the Date of its answers."""

import threading
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Final

_KEPT: Final = 200
_LONGEST_SECONDS: Final = 300.0
_DATE_STEP: Final = timedelta(seconds=1)  # the header has whole seconds
_MICROSECOND: Final = timedelta(microseconds=1)
_FINEST: Final = Decimal("0.001")

Span = tuple[timedelta, timedelta]


class ClockSkew:
    """Our clock less the broker's, narrowed by every answer. Threads may share it.

    One answer says no more than this: its Date was written between our request and its arrival,
    and the second that it names had begun and was not over. The difference lies where the answers
    of the last minutes agree.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: deque[tuple[float, Span]] = deque(maxlen=_KEPT)  # newest first

    def note(self, header: str | None, received: datetime, took: float) -> None:
        """An answer with that Date arrived at `received` by our clock, after `took` seconds."""
        date = _read(header)
        if date is None:
            return
        highest = received - date
        span = (highest - timedelta(seconds=took) - _DATE_STEP, highest)
        with self._lock:
            self._seen.appendleft((time.monotonic(), span))

    def seconds(self) -> Decimal | None:
        """The least difference that the answers leave possible; None without a recent answer.

        Positive when our clock is ahead. So it takes a proof to call a clock wrong.
        """
        oldest = time.monotonic() - _LONGEST_SECONDS
        with self._lock:
            spans = [span for at, span in self._seen if at >= oldest]
        if not spans:
            return None
        lowest, highest = _agreed(spans)
        least = max(lowest, timedelta(0)) if highest > timedelta(0) else highest
        return (Decimal(least // _MICROSECOND) / 1_000_000).quantize(_FINEST)


def _agreed(spans: list[Span]) -> Span:
    """Where the answers agree, newest first; those that contradict the newer ones don't count.

    A lone newest answer against those before it is doubted until a second one says the same: a
    clock that was set shows in both, an odd header in one.
    """
    if len(spans) > 2 and not _meet(spans[0], spans[1]) and _meet(spans[1], spans[2]):
        spans = spans[1:]
    agreed = spans[0]
    for span in spans[1:]:
        if _meet(agreed, span):
            agreed = (max(agreed[0], span[0]), min(agreed[1], span[1]))
    return agreed


def _meet(one: Span, other: Span) -> bool:
    return max(one[0], other[0]) <= min(one[1], other[1])


def _read(header: str | None) -> datetime | None:
    """The moment of a Date header; None where there is none that can be read."""
    try:
        date = parsedate_to_datetime(header or "")
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
