"""The broker's rate limits: per account, counted in calendar seconds, minutes and days."""

import threading
import time
from collections.abc import Callable

from brokers.simulator.errors import too_many

QUOTE = "quote"
ORDER = "order"
OTHER = "other"
TOO_MANY_ORDERS = "Maximum allowed order requests exceeded."

PER_SECOND = {QUOTE: 1, ORDER: 10, OTHER: 10}
ORDERS_PER_MINUTE = 400
ORDERS_PER_DAY = 5000
_INDIA = 19_800  # seconds that Indian time is ahead of UTC: the day changes at midnight there


class RateLimits:
    """Counts requests by account and kind. Refused requests count as well.

    `now` gives seconds since the epoch, of real time: a simulated clock that runs faster does not
    make the limits tighter.
    """

    def __init__(self, *, enabled: bool = True, now: Callable[[], float] = time.time) -> None:
        self.enabled = enabled
        self._now = now
        self._counts: dict[tuple[str, str, int], tuple[int, int]] = {}
        self._lock = threading.Lock()

    def check(self, account: str, kind: str) -> None:
        """Count one request. Raises KiteError (429) when it is one too many."""
        if not self.enabled:
            return
        with self._lock:
            second = self._count(account, kind, 1)
            minute = self._count(account, kind, 60)
            day = self._count(account, kind, 86_400)
        if second > PER_SECOND[kind]:
            raise too_many()
        if kind == ORDER and (minute > ORDERS_PER_MINUTE or day > ORDERS_PER_DAY):
            raise too_many(TOO_MANY_ORDERS)

    def _count(self, account: str, kind: str, length: int) -> int:
        window = int(self._now() + _INDIA) // length
        key = (account, kind, length)
        current, count = self._counts.get(key, (window, 0))
        count = count + 1 if current == window else 1
        self._counts[key] = (window, count)
        return count
