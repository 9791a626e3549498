"""Market sessions in India: when a segment trades, and when its next session ends. Pure.

Times are IST wall clock. Holidays are data with a date until which they are known; past that
date weekdays count as trading days for expiry of waiting orders only, never to send an order.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

IST = ZoneInfo("Asia/Kolkata")
NEW_YORK = ZoneInfo("America/New_York")

_EQUITY = frozenset({"NSE", "BSE"})
_DERIVATIVES = frozenset({"NFO", "BFO"})
_CURRENCY = frozenset({"CDS", "BCD"})
_COMMODITY = frozenset({"MCX", "NCO"})

_HOURS: dict[str, tuple[time, time]] = {
    **dict.fromkeys(_EQUITY, (time(9, 15), time(15, 30))),
    **dict.fromkeys(_DERIVATIVES, (time(9, 15), time(15, 40))),
    **dict.fromkeys(_CURRENCY, (time(9, 0), time(17, 0))),
    **dict.fromkeys(_COMMODITY, (time(9, 0), time(23, 30))),
}
_DEFAULT_HOURS = _HOURS["NSE"]
_COMMODITY_CLOSE = time(23, 30)

COVERED_UNTIL = date(2026, 12, 31)
NSE_CLOSED_2026 = frozenset(
    date(2026, month, day)
    for month, day in (
        (1, 15),
        (1, 26),
        (3, 3),
        (3, 26),
        (3, 31),
        (4, 3),
        (4, 14),
        (5, 1),
        (5, 28),
        (6, 26),
        (9, 14),
        (10, 2),
        (10, 20),
        (11, 10),
        (11, 24),
        (12, 25),
    )
)
MCX_CLOSED_2026 = frozenset(
    date(2026, month, day) for month, day in ((1, 26), (4, 3), (10, 2), (12, 25))
)
# Sessions on days that the rule above calls closed, or with other hours.
_EVENING = (time(17, 0), time(23, 30))
_SPECIAL_2026: dict[tuple[str, date], tuple[time, time]] = {
    # A Sunday budget, with the usual hours.
    ("equity", date(2026, 2, 1)): (time(9, 15), time(15, 30)),
    ("commodity", date(2026, 2, 1)): (time(9, 0), time(17, 0)),
    # Holidays of the stock exchanges on which commodities trade in the evening.
    **{
        ("commodity", day): _EVENING
        for day in sorted(NSE_CLOSED_2026 - MCX_CLOSED_2026)
        if day.weekday() < 5
    },
}


@dataclass(frozen=True, slots=True)
class Session:
    """One continuous trading session, as aware instants."""

    opens_at: datetime
    closes_at: datetime

    def contains(self, moment: datetime) -> bool:
        return self.opens_at <= moment < self.closes_at


def trading_day(moment: datetime) -> date:
    """The IST date that `moment` falls on."""
    return moment.astimezone(IST).date()


def _is_trading_day(exchange: str, day: date) -> bool:
    closed = MCX_CLOSED_2026 if exchange in _COMMODITY else NSE_CLOSED_2026
    return day.weekday() < 5 and day not in closed


def commodity_close(day: date) -> time:
    """When MCX closes: with the New York markets, so later while they keep winter time."""
    noon = datetime.combine(day, time(12), tzinfo=NEW_YORK)
    return _COMMODITY_CLOSE if noon.dst() else time(23, 55)


def session_on(exchange: str, day: date) -> Session | None:
    """The session of `exchange` on `day`, None when it is closed. Unknown exchanges: NSE hours."""
    special = _SPECIAL_2026.get(("commodity" if exchange in _COMMODITY else "equity", day))
    if special is None and not _is_trading_day(exchange, day):
        return None
    opens, closes = special or _HOURS.get(exchange, _DEFAULT_HOURS)
    if exchange in _COMMODITY and closes == _COMMODITY_CLOSE:
        closes = commodity_close(day)
    return Session(
        datetime.combine(day, opens, tzinfo=IST), datetime.combine(day, closes, tzinfo=IST)
    )


def next_session(exchange: str, after: datetime) -> Session:
    """The first session that opens after `after`."""
    day = trading_day(after)
    for offset in range(15):
        session = session_on(exchange, day + timedelta(days=offset))
        if session is not None and session.opens_at > after:
            return session
    raise ValueError(f"no session of {exchange} within two weeks of {after.isoformat()}")


def current_session(exchange: str, at: datetime) -> Session | None:
    """The session that is running at `at`, if one is."""
    session = session_on(exchange, trading_day(at))
    return session if session is not None and session.contains(at) else None


def waiting_expires_at(exchange: str, received_at: datetime) -> datetime:
    """When an order that waits for a person stops waiting: the end of the next session."""
    return next_session(exchange, received_at).closes_at
