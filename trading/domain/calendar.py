"""What a market calendar is made of: hours of each segment and its special days. Pure.

Times are IST wall clock, dates are those of India.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

NEW_YORK: Final = ZoneInfo("America/New_York")
_SATURDAY: Final = 5


class Segment(StrEnum):
    """Exchanges that keep the same days and hours."""

    EQUITY = "EQUITY"
    DERIVATIVES = "DERIVATIVES"
    CURRENCY = "CURRENCY"
    COMMODITY = "COMMODITY"


class DayKind(StrEnum):
    """What a special day is."""

    CLOSED = "CLOSED"
    SESSION = "SESSION"


EXCHANGES: Final[Mapping[Segment, tuple[str, ...]]] = {
    Segment.EQUITY: ("NSE", "BSE"),
    Segment.DERIVATIVES: ("NFO", "BFO"),
    Segment.CURRENCY: ("CDS", "BCD"),
    Segment.COMMODITY: ("MCX", "NCO"),
}
_SEGMENTS: Final = {name: segment for segment, names in EXCHANGES.items() for name in names}


def segment_of(exchange: str) -> Segment:
    """The segment of an exchange; one that is not known keeps the days and hours of NSE."""
    return _SEGMENTS.get(exchange, Segment.EQUITY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Auction:
    """The closing auction of shares with futures, on days that close at the regular time.

    Until `continuous_until` such a share trades as usual. From there to `opens` no orders are
    taken; the auction's price is made by `closes`. `since`: the first day.
    """

    since: date
    continuous_until: time
    opens: time
    closes: time
    square_off_minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """The regular day of a segment, and until when its special days are known.

    `winter_closes`: the close while New York keeps winter time, None when that changes nothing.
    `pre_open`: from when orders are collected for the open. `square_off_minutes`: how long before
    the close the broker ends intraday (MIS) positions. After-market orders are taken from
    `amo_opens` (None: from the close) until `amo_closes` of the next morning.
    """

    opens: time
    closes: time
    winter_closes: time | None = None
    pre_open: time | None = None
    square_off_minutes: int = 0
    amo_opens: time | None = None
    amo_closes: time
    auction: Auction | None = None
    covered_until: date

    def closes_on(self, day: date) -> time:
        """The regular close on `day`."""
        if self.winter_closes is None:
            return self.closes
        noon = datetime.combine(day, time(12), tzinfo=NEW_YORK)
        return self.closes if noon.dst() else self.winter_closes

    def amo_opens_on(self, day: date) -> time:
        """From when after-market orders are taken on `day`."""
        return self.amo_opens or self.closes_on(day)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A date that is not as its weekday says. A SESSION without times: its hours are not known."""

    kind: DayKind
    opens: time | None = None
    closes: time | None = None
    note: str = ""

    @property
    def hours_unknown(self) -> bool:
        return self.kind is DayKind.SESSION and (self.opens is None or self.closes is None)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The hours of every segment and its special days.

    Past a segment's `covered_until` weekdays count as trading days for the expiry of waiting
    orders only, never to send an order.
    """

    hours: Mapping[Segment, Hours]
    days: Mapping[tuple[Segment, date], Day]

    def hours_of(self, exchange: str) -> Hours:
        return self.hours[segment_of(exchange)]

    def special(self, exchange: str, day: date) -> Day | None:
        """What is special about `day`; None when it is as its weekday says."""
        return self.days.get((segment_of(exchange), day))

    def window(self, exchange: str, day: date) -> tuple[time, time] | None:
        """From when until when `exchange` trades on `day`; None when closed or not known."""
        special = self.special(exchange, day)
        if special is None:
            hours = self.hours_of(exchange)
            return None if day.weekday() >= _SATURDAY else (hours.opens, hours.closes_on(day))
        if special.opens is None or special.closes is None:
            return None
        return special.opens, special.closes

    def gap(self, exchange: str, day: date) -> str:
        """Why the calendar can't say whether `exchange` trades on `day`; empty when it can."""
        until = self.hours_of(exchange).covered_until
        if day > until:
            return f"The trading calendar ends on {until:%d %b %Y} for {exchange}"
        special = self.special(exchange, day)
        if special is not None and special.hours_unknown:
            note = f" ({special.note})" if special.note else ""
            return f"{exchange} has a session on {day:%d %b}{note} whose hours are not known"
        return ""

    def covers(self, exchange: str, day: date) -> bool:
        """Whether the calendar can say when `exchange` trades on `day`."""
        return not self.gap(exchange, day)


def day_problem(kind: DayKind, opens: time | None, closes: time | None) -> str:
    """What is wrong with the times of a special day, and the fix; empty when nothing is."""
    if kind is DayKind.CLOSED:
        return "A CLOSED day has no times: leave them empty." if opens or closes else ""
    if (opens is None) != (closes is None):
        return "Give both times, or neither when the hours are not known."
    if opens is not None and closes is not None and opens >= closes:
        return "The session must open before it closes."
    return ""
