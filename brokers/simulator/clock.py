"""The simulator's own clock: real time by default, or set, shifted, sped up or frozen."""

import threading
import time
from datetime import datetime, timedelta

from trading.domain.session import IST


class SimClock:
    """An IST clock. It runs `speed` times as fast as real time from the moment it was set.

    `date_ahead`: seconds by which the Date of answers is ahead of it, for a caller whose own clock
    is to be wrong.
    """

    def __init__(
        self, start: datetime | None = None, *, speed: float = 1.0, frozen: bool = False
    ) -> None:
        """`start` must be aware; None starts at the real time."""
        self._lock = threading.Lock()
        self._base = (start or datetime.now(IST)).astimezone(IST)
        self._since = time.monotonic()
        self._speed = _checked_speed(speed)
        self._frozen = frozen
        self.date_ahead = 0.0

    def now(self) -> datetime:
        """The simulated moment, aware, in IST."""
        with self._lock:
            return self._now()

    @property
    def speed(self) -> float:
        return self._speed

    @speed.setter
    def speed(self, value: float) -> None:
        with self._lock:
            self._settle()
            self._speed = _checked_speed(value)

    @property
    def frozen(self) -> bool:
        return self._frozen

    def set(self, moment: datetime) -> None:
        """Jump to `moment` (aware); a running clock runs on from there."""
        if moment.tzinfo is None:
            raise ValueError("moment must be an aware datetime")
        with self._lock:
            self._base = moment.astimezone(IST)
            self._since = time.monotonic()

    def advance(self, seconds: float) -> None:
        """Jump by `seconds`."""
        with self._lock:
            self._settle()
            self._base += timedelta(seconds=seconds)

    def freeze(self) -> None:
        with self._lock:
            self._settle()
            self._frozen = True

    def resume(self) -> None:
        with self._lock:
            self._settle()
            self._frozen = False

    def _now(self) -> datetime:
        if self._frozen:
            return self._base
        return self._base + timedelta(seconds=(time.monotonic() - self._since) * self._speed)

    def _settle(self) -> None:
        self._base = self._now()
        self._since = time.monotonic()


def _checked_speed(value: float) -> float:
    if not value > 0:
        raise ValueError("speed must be above 0; use freeze() to stop the clock")
    return value
