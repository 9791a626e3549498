"""Market sessions in India: when a segment trades, and when its next session ends. Pure.

Every function takes the calendar to go by; without one, the calendar that comes with the program.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from trading.domain.calendar import Calendar
from trading.domain.shipped_calendar import SHIPPED

IST = ZoneInfo("Asia/Kolkata")


@dataclass(frozen=True, slots=True)
class Session:
    """One continuous trading session, as aware instants."""

    opens_at: datetime
    closes_at: datetime

    def contains(self, moment: datetime) -> bool:
        return self.opens_at <= moment < self.closes_at


@dataclass(frozen=True, slots=True)
class ClosingAuction:
    """How a share with futures ends its day, as aware instants.

    Continuous trading ends at `begins_at`, orders are taken from `opens_at`, all is over at
    `closes_at`.
    """

    begins_at: datetime
    opens_at: datetime
    closes_at: datetime

    def contains(self, moment: datetime) -> bool:
        return self.begins_at <= moment < self.closes_at


def trading_day(moment: datetime) -> date:
    """The IST date that `moment` falls on."""
    return moment.astimezone(IST).date()


def at_time(day: date, clock_time: time) -> datetime:
    """The instant of a wall clock time in India."""
    return datetime.combine(day, clock_time, tzinfo=IST)


def session_on(exchange: str, day: date, calendar: Calendar = SHIPPED) -> Session | None:
    """The session of `exchange` on `day`; None when it is closed or its hours are not known."""
    window = calendar.window(exchange, day)
    return None if window is None else Session(*(at_time(day, one) for one in window))


def auction_on(exchange: str, day: date, calendar: Calendar = SHIPPED) -> ClosingAuction | None:
    """The closing auction on `day`; None where there is none and on days with another close."""
    hours, window = calendar.hours_of(exchange), calendar.window(exchange, day)
    auction = hours.auction
    if auction is None or window is None or day < auction.since:
        return None
    if window[1] != hours.closes_on(day) or window[0] >= auction.continuous_until:
        return None
    times = (auction.continuous_until, auction.opens, auction.closes)
    return ClosingAuction(*(at_time(day, one) for one in times))


def next_session(exchange: str, after: datetime, calendar: Calendar = SHIPPED) -> Session:
    """The first session that opens after `after` and whose hours are known."""
    day = trading_day(after)
    while True:
        session = session_on(exchange, day, calendar)
        if session is not None and session.opens_at > after:
            return session
        day += timedelta(days=1)


def current_session(exchange: str, at: datetime, calendar: Calendar = SHIPPED) -> Session | None:
    """The session that is running at `at`, if one is."""
    session = session_on(exchange, trading_day(at), calendar)
    return session if session is not None and session.contains(at) else None


def waiting_expires_at(
    exchange: str, received_at: datetime, calendar: Calendar = SHIPPED
) -> datetime:
    """When an order that waits for a person stops waiting: the end of the next session."""
    return next_session(exchange, received_at, calendar).closes_at
