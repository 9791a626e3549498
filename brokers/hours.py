"""The market calendar for accounts that keep market hours: handed down from above."""

from collections.abc import Callable

from trading.domain.calendar import Calendar
from trading.domain.shipped_calendar import SHIPPED


def _shipped() -> Calendar:
    return SHIPPED


_source: Callable[[], Calendar] = _shipped


def calendar() -> Calendar:
    """The calendar in use; the one that comes with the program until another is handed over."""
    return _source()


def use(source: Callable[[], Calendar]) -> None:
    """Ask `source` for the calendar from now on."""
    global _source
    _source = source
