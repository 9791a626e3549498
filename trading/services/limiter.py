"""Our own rate limit per account, below the broker's, in the database: shared by all workers."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F

from brokers.models import BrokerConnection
from trading.domain.order import Status
from trading.domain.session import IST
from trading.models import Order, RateWindow

KEEP = timedelta(days=2)
# Changes may go a little past our own limits: still below the broker's. Cancels, which the broker
# does not count with orders, are held by the second's window alone: the kill switch must work.
CHANGES = {"second": 2, "minute": 90, "day": 900}
CANCELS = {"second": 2, "minute": None, "day": None}


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


def take(
    connection: BrokerConnection,
    now: datetime,
    *,
    headroom: Mapping[str, int | None] | None = None,
) -> bool:
    """Count one request if every window has room; False, and nothing counted, if one is full.

    `headroom`: by how much each window's limit may be passed; None for as much as one likes.
    Call it inside the transaction that commits the request, with the account's row locked.
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
    # The broker's seconds are not ours: what of the second before is less than one ago counts too.
    second = now.replace(microsecond=0)
    before = used_in(connection, "second", second - timedelta(seconds=1))
    used["second", second] = used.get(("second", second), 0) + math.ceil(
        before * (1 - (now - second).total_seconds())
    )
    for period, start, limit in windows:
        more = (headroom or {}).get(period, 0)
        if more is not None and used.get((period, start), 0) >= limit + more:
            return False
    for period, start, _ in windows:
        _count(connection, period, start)
    return True


def held_up(order: Order) -> str:
    """What of its account's own rate kept a queued order until it expired; empty when nothing did.

    In words that follow a colon: "the account's own rate of 8 orders a second was used up".
    """
    at, account = order.expires_at, order.connection
    if order.status != Status.QUEUED or at is None:
        return ""
    # The last full second may have ended just before.
    before = _windows(account, at - timedelta(seconds=1))
    for period, start, limit in [*reversed(_windows(account, at)), *before]:
        if used_in(account, period, start) >= limit:
            return f"the account's own rate of {limit:,} orders a {period} was used up"
    return ""


def used_in(connection: BrokerConnection, period: str, start: datetime) -> int:
    """Requests that were counted in one window."""
    counts = RateWindow.objects.filter(connection=connection, period=period, window_start=start)
    return counts.values_list("count", flat=True).first() or 0


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
