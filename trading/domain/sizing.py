"""How many units to trade. Pure."""

from decimal import ROUND_FLOOR, Decimal

from trading.domain.values import SizingMode


def whole_lots(units: Decimal, lot_size: int) -> int:
    """The largest whole number of lots within `units`, in units."""
    lots = int((units / lot_size).to_integral_value(rounding=ROUND_FLOOR))
    return max(lots, 0) * lot_size


def size(
    mode: SizingMode,
    *,
    alert_quantity: int,
    value: Decimal | None,
    price: Decimal | None,
    lot_size: int = 1,
) -> int:
    """Units for an entry; 0 when they can't be told.

    ALERT takes the alert's quantity as it is. FIXED takes `value` units. VALUE takes as many
    whole lots as `value` rupees buy at `price`, and 0 without a price.
    """
    if mode is SizingMode.ALERT:
        return alert_quantity
    if value is None or value <= 0:
        return 0
    if mode is SizingMode.FIXED:
        return int(value)
    if price is None or price <= 0:
        return 0
    return whole_lots(value / price, lot_size)
