"""Who may knock, and how often: addresses, counters of junk, lock-out.

Only requests without a right secret are counted. They are rows of IntakeCounter by address,
kind and minute; IPv6 addresses of one /64 count as one. Once an address is over a limit nothing
more is written for it, so that a flood can't keep the database busy.
"""

import ipaddress
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import Error as DatabaseFault
from django.db import IntegrityError, transaction
from django.db.models import F

from sigmatrader.db import Busy, commit_within
from trading.models import IntakeCounter

logger = logging.getLogger(__name__)

WINDOW = timedelta(minutes=1)
LOCKOUT_PERIOD = timedelta(minutes=5)
LOCKOUT_TRIES = 30
# Counting is worth little waiting: alerts queue for the same lock.
_WAIT_SECONDS = 0.25


class Junk(StrEnum):
    """What was wrong with a request that had no right secret."""

    WRONG_SECRET = "wrong_secret"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"
    MEDIA_TYPE = "media_type"
    ADDRESS = "address"
    WRONG_CHECKSUM = "wrong_checksum"


@dataclass(frozen=True, slots=True)
class Standing:
    """An address's recent junk: seconds until it is inside its limits again, 0 when it is."""

    flood_wait: int
    lockout_wait: int

    def wait(self, kind: Junk) -> int:
        """How long a request of this kind is shut out. The lock-out is for wrong secrets alone."""
        return max(self.flood_wait, self.lockout_wait if kind is Junk.WRONG_SECRET else 0)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def is_allowed(address: str) -> bool:
    """Whether ST_WEBHOOK_ALLOWED_IPS lets this address in; empty means any."""
    networks = settings.ST.WEBHOOK_ALLOWED_IPS
    if not networks:
        return True
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in networks)


def counted_as(address: str) -> str:
    """The name under which an address is counted: itself, or the /64 of an IPv6 address."""
    parsed = _parsed(address)
    if parsed is None:
        return address[:64]
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def standing(address: str, now: datetime) -> Standing:
    """How an address stands before its next piece of junk is counted."""
    start = _window_start(now)
    rows = IntakeCounter.objects.filter(
        address=counted_as(address), window_start__gt=start - LOCKOUT_PERIOD
    ).values_list("kind", "window_start", "count")
    this_minute, tries, oldest = 0, 0, start
    for kind, window_start, count in rows:
        if window_start >= start:
            this_minute += count
        if kind == Junk.WRONG_SECRET:
            tries += count
            oldest = min(oldest, window_start)
    flooding = this_minute >= settings.ST.WEBHOOK_RATE_PER_MINUTE
    return Standing(
        flood_wait=_seconds(start + WINDOW - now) if flooding else 0,
        lockout_wait=_seconds(oldest + LOCKOUT_PERIOD - now) if tries >= LOCKOUT_TRIES else 0,
    )


def _seconds(wait: timedelta) -> int:
    return int(wait.total_seconds()) + 1


def _window_start(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)


def count(address: str, kind: Junk, now: datetime) -> None:
    """Count one piece of junk. A database that can't be had costs the count, not the answer."""
    key: dict[str, object] = {
        "address": counted_as(address),
        "kind": kind.value,
        "window_start": _window_start(now),
    }
    try:
        with commit_within(_WAIT_SECONDS):
            if not _add_one(key):
                _start_window(key)
    except (Busy, DatabaseFault) as error:
        logger.warning("a refused webhook request could not be counted: %s", error)


def _add_one(key: dict[str, object]) -> bool:
    return bool(IntakeCounter.objects.filter(**key).update(count=F("count") + 1))


def _start_window(key: dict[str, object]) -> None:
    try:
        with transaction.atomic():
            IntakeCounter.objects.create(**key, count=1)
    except IntegrityError:
        _add_one(key)  # another request began the window at the same moment
