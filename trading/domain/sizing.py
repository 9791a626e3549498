"""How many units to trade. Pure."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from trading.domain.values import SizingMode


def whole_lots(units: Decimal, lot_size: int) -> int:
    """The largest whole number of lots within `units`, in units."""
    lots = int((units / lot_size).to_integral_value(rounding=ROUND_FLOOR))
    return max(lots, 0) * lot_size


@dataclass(frozen=True, slots=True)
class Sized:
    """Units for an entry, and how they were worked out.

    `each` is what one unit costs (VALUE) or risks (RISK), in rupees; None where nothing was
    divided. `missing` names what the sizing needs and the alert has not; empty when it has.
    """

    units: int
    each: Decimal | None = None
    missing: str = ""


def size(
    mode: SizingMode,
    *,
    alert_quantity: int,
    value: Decimal | None,
    price: Decimal | None,
    stop: Decimal | None = None,
    lot_size: int = 1,
    multiplier: Decimal = Decimal(1),
) -> Sized:
    """Units for an entry; 0 when they can't be told or not even one lot fits.

    ALERT takes the alert's quantity as it is, the others whole lots. FIXED takes `value` units.
    VALUE takes what `value` rupees buy at `price`. RISK takes what loses `value` rupees between
    `price` and `stop`. `multiplier` is the money value of one unit at a price of 1.
    """
    if mode is SizingMode.ALERT:
        return Sized(alert_quantity)
    if value is None or value <= 0:
        return Sized(0, missing="a sizing value")
    if mode is SizingMode.FIXED:
        return Sized(whole_lots(value, lot_size))
    if price is None or price <= 0:
        return Sized(0, missing="a price in the alert")
    if mode is SizingMode.VALUE:
        return _divided(value, price * multiplier, lot_size)
    if stop is None or stop <= 0:
        return Sized(0, missing="a stop in the alert")
    if stop == price:
        return Sized(0, missing="a stop that differs from the price")
    return _divided(value, abs(price - stop) * multiplier, lot_size)


def _divided(value: Decimal, each: Decimal, lot_size: int) -> Sized:
    return Sized(whole_lots(value / each, lot_size), each)


def passive(value: Decimal, tick: Decimal, *, down: bool) -> Decimal:
    """`value` on its tick: the multiple below, or above, when it is none."""
    rounding = ROUND_FLOOR if down else ROUND_CEILING
    return (value / tick).to_integral_value(rounding=rounding) * tick
