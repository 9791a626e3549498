"""Waiting, for a bounded time, for what the worker makes of an order or finds out."""

import os
import threading
import time

from brokers.models import BrokerQuestion
from sigmatrader import clock
from trading.domain.order import Status
from trading.domain.values import OrderType
from trading.models import Order
from trading.services import questions

WAIT_SECONDS = 10.0
ANSWER_SECONDS = 8.0
_FIRST_PAUSE = 0.025
_LONGEST_PAUSE = 0.1
_PAPER_FILL_SECONDS = 0.3
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
        _poll(order_id, time.monotonic() + seconds)
    finally:
        _waiting.release()


def wait_for_answer(question: BrokerQuestion) -> BrokerQuestion:
    """The question, answered or not; at once when too many wait already."""
    if not _waiting.acquire(blocking=False):
        return questions.wait(question, 0)
    try:
        return questions.wait(question, ANSWER_SECONDS)
    finally:
        _waiting.release()


def _poll(order_id: int, deadline: float) -> None:
    pause = _FIRST_PAUSE
    sent_at: float | None = None
    while (left := deadline - time.monotonic()) > 0:
        status, not_before, simulated, order_type = Order.objects.values_list(
            "status", "not_before", "simulated", "order_type"
        ).get(pk=order_id)
        if status in _ON_ITS_WAY:
            if not_before is not None and (not_before - clock.now()).total_seconds() >= left:
                return  # deferred beyond our patience: say so now
        elif status == Status.SENT and simulated and order_type == OrderType.MARKET:
            # A paper fill follows at once.
            sent_at = sent_at or time.monotonic()
            if time.monotonic() - sent_at >= _PAPER_FILL_SECONDS:
                return
        else:
            return
        time.sleep(min(pause, left))
        pause = min(pause * 1.3, _LONGEST_PAUSE)
