"""Where values stand in a picture: round marks along an axis, and shares of its length."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from trading.templatetags.money import MINUS, inr

_MOST_STEPS = 4
_FINE_STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
_WHOLE_STEPS = (Decimal(1), Decimal(2), Decimal(5), Decimal(10))
_SHORT = ((Decimal(10_000_000), "Cr"), (Decimal(100_000), "L"), (Decimal(1000), "k"))


@dataclass(frozen=True, slots=True)
class Scale:
    """Evenly spaced marks, lowest first; the axis runs from the first to the last."""

    marks: tuple[Decimal, ...]

    def place(self, value: Decimal) -> Decimal:
        """How far along the axis `value` stands, from 0 to 1."""
        low, high = self.marks[0], self.marks[-1]
        return (value - low) / (high - low)

    def down(self, value: Decimal) -> Decimal:
        """The same in percent from the top, as pictures count."""
        return 100 * (1 - self.place(value))


def scale_of(values: Iterable[Decimal], *, whole: bool = False) -> Scale:
    """An axis that holds zero and all `values`, with a mark at zero.

    `whole`: of counts, so that no mark is a fraction.
    """
    known = [Decimal(0), *values]
    low, high = min(known), max(known)
    step = _step((high - low) / _MOST_STEPS or Decimal(1), whole=whole)
    first = int((low / step).to_integral_value(ROUND_FLOOR))
    last = int((high / step).to_integral_value(ROUND_CEILING))
    if first == last:
        last += 1
    return Scale(tuple(step * place for place in range(first, last + 1)))


def _step(least: Decimal, *, whole: bool) -> Decimal:
    """The next round number from `least` on: 1, 2, 2.5 or 5 times a power of ten."""
    size = Decimal(1).scaleb(least.adjusted())
    if whole and size < 1:
        return Decimal(1)
    steps = _WHOLE_STEPS if whole else _FINE_STEPS
    return next(step * size for step in steps if step * size >= least)


def short_rupees(value: Decimal) -> str:
    """An amount for an axis, in thousands, lakhs and crores: −₹1.5L, ₹20k."""
    size = abs(value)
    sign = MINUS if value < 0 else ""
    for unit, letters in _SHORT:
        if size >= unit:
            return f"{sign}₹{(size / unit).normalize():f}{letters}"
    return f"{sign}₹{inr(size)}" if size != int(size) else f"{sign}₹{size:.0f}"
