"""Prices that became known: recorded in order, read newest first."""

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db import OperationalError, connection, transaction
from django.db.models import Count, Max, Q, QuerySet, Subquery

from brokers.models import PriceSource, PriceTick
from sigmatrader.db import is_sqlite, write_transaction
from trading.domain.values import InstrumentKey

# How long a price of the market itself counts as "the last price" before an alert's own price.
LAST_PRICE_MAX_AGE: Final = timedelta(seconds=60)

_RECENT: Final = 20
_AT_ONCE: Final = 100
# Taken shared by whoever records a price, exclusively by whoever must know that none is on its way.
_TICKS_LOCK: Final = 0x5354_5449
_LOCK_TIMEOUT_MS: Final = 250
_SMALLEST: Final = Decimal("0.0001")
_LARGEST: Final = 10**9


def record_price(
    exchange: str, tradingsymbol: str, price: Decimal, at: datetime, source: str
) -> PriceTick | None:
    """Keep a price in rupees; resting paper orders meet it soon. None when it is no price."""
    known = _storable(price)
    if known is None:
        return None
    with nullcontext() if connection.in_atomic_block else write_transaction():
        if not is_sqlite():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_TICKS_LOCK])
        return PriceTick.objects.create(
            exchange=exchange,
            tradingsymbol=tradingsymbol,
            price=known,
            at=at,
            source=PriceSource(source),
        )


def latest_price(exchange: str, tradingsymbol: str) -> PriceTick | None:
    """The last price that became known, from whatever source."""
    return next(iter(_recent(exchange, tradingsymbol, 1)), None)


def latest_prices(keys: Iterable[InstrumentKey]) -> dict[InstrumentKey, PriceTick]:
    """`latest_price` of each instrument that has one; one query for many of them."""
    return _first_of({key: _ticks(key.exchange, key.tradingsymbol) for key in keys})


def market_ticks(keys: Iterable[InstrumentKey], now: datetime) -> dict[InstrumentKey, PriceTick]:
    """`market_tick` of each instrument that has one; one query for many of them."""
    ticks = _first_of({key: _of_the_market(key.exchange, key.tradingsymbol) for key in keys})
    return {key: tick for key, tick in ticks.items() if tick.at > now - LAST_PRICE_MAX_AGE}


def market_price(
    exchange: str, tradingsymbol: str, reference_price: Decimal | None, now: datetime
) -> Decimal | None:
    """What an order trades at now: the market's last price, else the alert's, else any known.

    The market's own price counts for a minute.
    """
    ticks = _recent(exchange, tradingsymbol, _RECENT)
    for tick in ticks:
        if tick.source != PriceSource.ALERT and tick.at > now - LAST_PRICE_MAX_AGE:
            return tick.price
    reference = _storable(reference_price) if reference_price is not None else None
    if reference is not None:
        return reference
    return ticks[0].price if ticks else None


def market_tick(exchange: str, tradingsymbol: str, now: datetime) -> PriceTick | None:
    """The market's own last price of the last minute; alerts are no market.

    Only the newest prices are looked at, so that an instrument of which nothing but alerts is
    known costs no more than another.
    """
    key = InstrumentKey(exchange, tradingsymbol)
    return market_ticks([key], now).get(key)


def last_tick_id() -> int:
    """The id of the newest price; 0 when there is none."""
    return PriceTick.objects.aggregate(newest=Max("id"))["newest"] or 0


def settled_tick_id(after: int) -> int:
    """The highest id such that no price between `after` and it can still turn up.

    PostgreSQL gives out ids before the commit, so a price may become visible after a later one. A
    gap in the ids is either such a price or one that was rolled back; with every writer waited
    for it can only be the latter.
    """
    newest = PriceTick.objects.filter(id__gt=after).aggregate(count=Count("id"), last=Max("id"))
    last = newest["last"] or after
    if newest["count"] == last - after or is_sqlite():
        return last
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MS}")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_TICKS_LOCK])
            cursor.execute("SET LOCAL lock_timeout = DEFAULT")
            return last_tick_id()
    except OperationalError:
        return after


def _storable(price: Decimal) -> Decimal | None:
    """`price` to four decimals; None when that is not a price that could be stored."""
    if not price.is_finite() or not 0 < price <= _LARGEST:
        return None
    return price.quantize(_SMALLEST) or None


def _recent(exchange: str, tradingsymbol: str, count: int) -> list[PriceTick]:
    return list(_ticks(exchange, tradingsymbol)[:count])


def _ticks(exchange: str, tradingsymbol: str) -> QuerySet[PriceTick]:
    """What became known of an instrument, newest first."""
    ticks = PriceTick.objects.filter(exchange=exchange, tradingsymbol=tradingsymbol)
    return ticks.order_by("-id")


def _of_the_market(exchange: str, tradingsymbol: str) -> QuerySet[PriceTick]:
    """Of the newest prices those that no alert told, newest first."""
    newest = _ticks(exchange, tradingsymbol).values("pk")[:_RECENT]
    return PriceTick.objects.filter(pk__in=newest).exclude(source=PriceSource.ALERT).order_by("-id")


def _first_of(
    wanted: Mapping[InstrumentKey, QuerySet[PriceTick]],
) -> dict[InstrumentKey, PriceTick]:
    """The first row of each, where there is one."""
    found: dict[InstrumentKey, PriceTick] = {}
    rows = list(wanted.values())
    for start in range(0, len(rows), _AT_ONCE):
        first = [Subquery(ticks.values("pk")[:1]) for ticks in rows[start : start + _AT_ONCE]]
        for tick in PriceTick.objects.filter(Q(pk__in=first)).order_by():
            found[InstrumentKey(tick.exchange, tick.tradingsymbol)] = tick
    return found
