"""Waiting, for a bounded time, for what the worker makes of an executed order."""

import os
import threading
import time

from sigmatrader import clock
from trading.domain.order import Status
from trading.models import Order

WAIT_SECONDS = 10.0
_FIRST_PAUSE = 0.025
_LONGEST_PAUSE = 0.1
_ON_ITS_WAY = frozenset({Status.QUEUED, Status.SENDING})


def _places() -> int:
    """At most a quarter of the server's threads wait: the others must go on serving."""
    threads = os.environ.get("ST_WEB_THREADS", "16")
    return max(1, int(threads) // 4) if threads.isdecimal() else 4


_waiting = threading.BoundedSemaphore(_places())


def wait_for_outcome(order_id: int, seconds: float = WAIT_SECONDS) -> None:
    """Return when the order is no longer on its way, when `seconds` are over, or at once when too
    many wait already. Polls the row; no transaction is open in between.
    """
    if not _waiting.acquire(blocking=False):
        return
    try:
        deadline = time.monotonic() + seconds
        pause = _FIRST_PAUSE
        while _still_on_its_way(order_id, deadline - time.monotonic()):
            time.sleep(min(pause, max(deadline - time.monotonic(), 0)))
            pause = min(pause * 1.3, _LONGEST_PAUSE)
    finally:
        _waiting.release()


def _still_on_its_way(order_id: int, left: float) -> bool:
    if left <= 0:
        return False
    status, not_before = Order.objects.values_list("status", "not_before").get(pk=order_id)
    if status not in _ON_ITS_WAY:
        return False
    # Deferred beyond our patience: say so now.
    return not_before is None or (not_before - clock.now()).total_seconds() < left
