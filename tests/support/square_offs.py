"""Asking for a square-off, and the exits that it makes."""

from typing import Any

from risk.models import SquareOff
from trading.domain.values import Origin
from trading.models import Order
from trading.services import halting


def ask(**options: Any) -> SquareOff:
    """HALTED with square-off, of everything unless named."""
    values = {"scope": "EVERYTHING", "state": "HALTED", "reason": "enough", "actor": "asha"}
    change = halting.set_state(**values | options, square_off=True)
    assert change.square_off is not None
    return change.square_off


def exits() -> list[Order]:
    return list(Order.objects.filter(origin=Origin.SQUAREOFF).order_by("pk"))
