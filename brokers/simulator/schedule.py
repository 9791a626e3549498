"""The hours at which the simulated broker acts by itself."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from trading.domain.session import IST, session_on

ROLL = time(6, 0)
_EQUITY_SQUARE_OFF = time(15, 25)
_DERIVATIVE_SQUARE_OFF = time(15, 26)
_BEFORE_CLOSE = timedelta(minutes=10)
_MARKS = tuple(
    time(hour, minute)
    for hour, minute in (
        (6, 0),
        (9, 0),
        (9, 15),
        (15, 25),
        (15, 26),
        (15, 30),
        (15, 40),
        (16, 50),
        (17, 0),
        (23, 20),
        (23, 30),
    )
)
_MOST_STEPS = 240


def moments(since: datetime, until: datetime) -> Iterator[datetime]:
    """Where to stop on the way from `since` to `until`: about every second, in at most a few
    hundred steps, and at every hour that matters. Ends with `until`."""
    elapsed = (until - since).total_seconds()
    if elapsed <= 1:
        yield until
        return
    count = min(max(int(elapsed), 1), _MOST_STEPS)
    stops = {since + timedelta(seconds=elapsed * step / count) for step in range(1, count)}
    day = since.date()
    while day <= until.date():
        marks = (datetime.combine(day, mark, tzinfo=IST) for mark in _MARKS)
        stops.update(mark for mark in marks if since < mark < until)
        day += timedelta(days=1)
    yield from sorted(stops)
    yield until


def trading_day(at: datetime) -> date:
    """The day whose order book is shown at `at`: days change at 06:00."""
    day = at.date()
    return day if at.time() >= ROLL else day - timedelta(days=1)


def next_roll(at: datetime) -> datetime:
    """The first 06:00 after `at`."""
    return datetime.combine(trading_day(at) + timedelta(days=1), ROLL, tzinfo=IST)


def square_off_at(exchange: str, day: date) -> datetime | None:
    """When the broker closes intraday positions of `exchange` on `day`; None on a holiday."""
    session = session_on(exchange, day)
    if session is None:
        return None
    if exchange in {"NSE", "BSE"}:
        return datetime.combine(day, _EQUITY_SQUARE_OFF, tzinfo=IST)
    if exchange in {"NFO", "BFO"}:
        return datetime.combine(day, _DERIVATIVE_SQUARE_OFF, tzinfo=IST)
    return session.closes_at - _BEFORE_CLOSE
