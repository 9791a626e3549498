"""The one clock. Everything outside the pure core asks here for the time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

IST = ZoneInfo("Asia/Kolkata")


def _system_now() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _system_now


def now() -> datetime:
    """The current instant, aware, in UTC."""
    return _source()


def use(source: Callable[[], datetime] | None) -> None:
    """Read the time from `source` from now on; None returns to the system's clock."""
    global _source
    _source = source or _system_now


def move(seconds: float) -> None:
    """Let the clock run `seconds` ahead of the system's (behind it when negative)."""
    use(None if not seconds else lambda: _system_now() + timedelta(seconds=seconds))


def is_moved() -> bool:
    """Whether the time is not the system's: then nothing may be sent for real money."""
    return _source is not _system_now
