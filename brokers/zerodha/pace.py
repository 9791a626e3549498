"""What all adapters of one app at one address share in this process: the pace of its reads, and
what its answers say of the clocks."""

import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from brokers.zerodha.skew import ClockSkew

_BURST: Final = 1  # together with a second's pace still below the broker's 10
# A read that waited so long goes anyway: the broker's own refusal is better than standing still.
_LONGEST_WAIT_SECONDS: Final = 2.0


class Pace:
    """Lets `per_second` reads a second go, in the order in which they come."""

    def __init__(self, per_second: float) -> None:
        self._pause = 1 / per_second if per_second else 0.0
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Return when it is this read's turn, after two seconds at the latest."""
        with self._lock:
            now = time.monotonic()
            self._next = max(self._next, now - _BURST * self._pause)
            mine = min(self._next, now + _LONGEST_WAIT_SECONDS)
            self._next = mine + self._pause
        left = mine - now
        if left > 0:
            time.sleep(left)


@dataclass(frozen=True, slots=True)
class Shared:
    """`pace` is of reads alone: an order, a change or a cancel waits for nothing here."""

    pace: Pace
    skew: ClockSkew = field(default_factory=ClockSkew)


@lru_cache(maxsize=64)
def shared(root: str, api_key: str, reads_per_second: float) -> Shared:
    """The one of that app at that address; 0 reads a second means as many as one likes."""
    return Shared(Pace(reads_per_second))
