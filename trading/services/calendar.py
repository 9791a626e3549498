"""The market calendar in use: what the tables say, read again every few seconds."""

import time
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.db.models import Q

from trading.domain.calendar import Calendar, Segment
from trading.domain.session import trading_day
from trading.domain.shipped_calendar import SHIPPED
from trading.domain.symbols import CASH_EXCHANGES, FUTURE, search_key
from trading.domain.values import InstrumentKey
from trading.models import Instrument, MarketDay, MarketHours

# How long a change made by another process may go unnoticed.
_KEEP_SECONDS: Final = 5.0
# Later than every key that begins alike: keys hold letters and digits alone.
_LAST: Final = "Z" * 40
_AT_ONCE: Final = 100

_kept: tuple[float, Calendar] | None = None


def current() -> Calendar:
    """The calendar to go by. At most two queries, and none for a few seconds after them.

    A segment without a row of hours keeps those that came with the program, and their days.
    """
    global _kept
    kept = _kept
    if kept is None or time.monotonic() - kept[0] >= _KEEP_SECONDS:
        kept = _kept = (time.monotonic(), _read())
    return kept[1]


def forget() -> None:
    """Read the tables anew when the calendar is next asked for: they have changed."""
    global _kept
    _kept = None


def _read() -> Calendar:
    hours = {Segment(row.segment): row.values() for row in MarketHours.objects.all()}
    shipped_days = {key: day for key, day in SHIPPED.days.items() if key[0] not in hours}
    days = {(Segment(row.segment), row.date): row.values() for row in MarketDay.objects.all()}
    return Calendar(hours={**SHIPPED.hours, **hours}, days={**shipped_days, **days})


def has_futures(exchange: str, tradingsymbol: str, now: datetime) -> bool:
    """Whether the instrument is a share of which the instrument list has a future that lives."""
    key = InstrumentKey(exchange, tradingsymbol)
    return key in with_futures([key], now)


def with_futures(keys: Iterable[InstrumentKey], now: datetime) -> frozenset[InstrumentKey]:
    """The shares among `keys` that have futures; one query for many of them."""
    shares = [key for key in keys if key.exchange in CASH_EXCHANGES]
    names: set[str] = set()
    for start in range(0, len(shares), _AT_ONCE):
        some, begins = shares[start : start + _AT_ONCE], Q()
        for share in some:
            key = search_key(share.tradingsymbol)
            for exchange in ("NFO", "BFO"):  # one range of the index each
                begins |= Q(exchange=exchange, search_key__range=(key, key + _LAST))
        futures = Instrument.objects.filter(
            begins,
            name__in=[share.tradingsymbol for share in some],
            instrument_type=FUTURE,
            expiry__gte=trading_day(now),
        )
        names.update(futures.order_by().values_list("name", flat=True).distinct())
    return frozenset(share for share in shares if share.tradingsymbol in names)
