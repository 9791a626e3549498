"""Turns at an account's prices: one request a second, whichever worker makes it.

A turn is kept in the database. One in the future means that the account is left alone until then.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from brokers.models import AccountState, BrokerConnection
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.models import RateWindow
from trading.services.account_reads import state_of

TURN: Final = timedelta(seconds=1.05)  # the broker counts whole seconds by its own clock
_FAR: Final = timedelta(seconds=20)  # a turn beyond this is of a clock that was set back since
_PERIOD: Final = "quote"  # beside the limiter's own periods


def last(source: BrokerConnection) -> datetime | None:
    """When the account was last asked; in the future while it is left alone."""
    rows = RateWindow.objects.filter(connection=source, period=_PERIOD)
    return rows.order_by("-window_start").values_list("window_start", flat=True).first()


def seconds_until(source: BrokerConnection, now: datetime) -> float:
    asked_at = last(source)
    if asked_at is None or asked_at > now + _FAR:
        return 0.0
    return max((asked_at + TURN - now).total_seconds(), 0.0)


def take(source: BrokerConnection, now: datetime) -> bool:
    """Whether the account may be asked now; of several workers one is told so."""
    if seconds_until(source, now) > 0:
        return False
    due = Q(window_start__lte=now - TURN) | Q(window_start__gt=now + _FAR)
    rows = RateWindow.objects.filter(connection=source, period=_PERIOD)
    with write_transaction():
        if rows.filter(due).update(window_start=now):
            return True
        # The account's first turn: whoever holds its state makes the row.
        AccountState.objects.select_for_update(no_key=True).get(pk=state_of(source).pk)
        if rows.exists():
            return False
        RateWindow.objects.create(connection=source, period=_PERIOD, window_start=now, count=1)
    return True


def pause(source: BrokerConnection, length: timedelta) -> None:
    """Leave the account alone for a while, for every worker."""
    RateWindow.objects.filter(connection=source, period=_PERIOD).update(
        window_start=clock.now() + length
    )
