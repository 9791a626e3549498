"""Our own rate limit per account, below the broker's, in the database: shared by all workers."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F

from brokers.models import BrokerConnection
from trading.domain.session import IST
from trading.models import RateWindow

KEEP = timedelta(days=2)
# Cancels and changes count, and may go a little past our own limits: still below the broker's.
CANCEL_HEADROOM = 2


def _windows(connection: BrokerConnection, now: datetime) -> list[tuple[str, datetime, int]]:
    day = now.astimezone(IST).replace(hour=0, minute=0, second=0, microsecond=0)
    candidates = (
        ("second", now.replace(microsecond=0), connection.orders_per_second),
        ("minute", now.replace(second=0, microsecond=0), connection.orders_per_minute),
        ("day", day, connection.orders_per_day),
    )
    return [(period, start, limit) for period, start, limit in candidates if limit is not None]


def _count(connection: BrokerConnection, period: str, start: datetime) -> None:
    window = RateWindow.objects.filter(connection=connection, period=period, window_start=start)
    if window.update(count=F("count") + 1):
        return
    try:
        with transaction.atomic():
            RateWindow.objects.create(
                connection=connection, period=period, window_start=start, count=1
            )
    except IntegrityError:
        window.update(count=F("count") + 1)


def take(connection: BrokerConnection, now: datetime, *, headroom: int = 0) -> bool:
    """Count one request if every window has room; False, and nothing counted, if one is full.

    `headroom`: by how much the limits may be passed. Call it inside the transaction that commits
    the request, with the account's row locked.
    """
    windows = _windows(connection, now)
    if not windows:
        return True
    used = {
        (row.period, row.window_start): row.count
        for row in RateWindow.objects.filter(
            connection=connection, window_start__in=[start for _, start, _ in windows]
        )
    }
    if any(used.get((period, start), 0) >= limit + headroom for period, start, limit in windows):
        return False
    for period, start, _ in windows:
        _count(connection, period, start)
    return True


def exhaust_second(connection: BrokerConnection, now: datetime) -> None:
    """The broker said 429: nothing more in this second and the next."""
    for start in (now.replace(microsecond=0), now.replace(microsecond=0) + timedelta(seconds=1)):
        limit = connection.orders_per_second or 10
        RateWindow.objects.update_or_create(
            connection=connection, period="second", window_start=start, defaults={"count": limit}
        )


def forget_old(now: datetime) -> None:
    """Delete windows that no limit looks at any more."""
    RateWindow.objects.filter(window_start__lt=now - KEEP).delete()
