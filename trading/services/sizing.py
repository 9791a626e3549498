"""How many units an alert's entry has, and its prices on the instrument's tick."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from trading.domain.signal import Signal
from trading.domain.sizing import Sized, passive, size
from trading.domain.values import OrderType, Side, SizingMode
from trading.models import Strategy
from trading.services.instruments import Resolution
from trading.templatetags.money import price as price_text
from trading.templatetags.money import qty, rupees


@dataclass(frozen=True, slots=True)
class Entry:
    """Units for an entry, 0 when they can't be told; the sum that led there, or what it lacks."""

    units: int
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prices:
    """The order's prices in rupees, and what was rounded."""

    price: Decimal | None
    trigger_price: Decimal | None
    notes: tuple[str, ...] = ()


def sizes_by_itself(strategy: Strategy | None) -> bool:
    """Whether the strategy works quantities out, whatever the alert says."""
    return strategy is not None and strategy.sizing_mode != SizingMode.ALERT


def size_entry(signal: Signal, strategy: Strategy | None, instrument: Resolution) -> Entry:
    """The quantity of `signal` by its strategy's sizing."""
    if strategy is None or not sizes_by_itself(strategy):
        return Entry(signal.quantity)
    mode, value = SizingMode(strategy.sizing_mode), strategy.sizing_value or Decimal(0)
    seen = signal.price or signal.reference_price
    sized = size(
        mode,
        alert_quantity=signal.quantity,
        value=value,
        price=seen,
        stop=_stop_of(signal, seen),
        lot_size=instrument.lot_size,
        multiplier=instrument.multiplier,
    )
    if sized.units > 0:
        return Entry(sized.units, notes=(_sum_of(mode, value, sized, instrument),))
    if sized.missing:
        text = f"Sizing {mode} needs {sized.missing}: fill in the quantity."
    else:
        what = f"{qty(value)} units" if mode is SizingMode.FIXED else rupees(value)
        text = f"Sizing {mode}: {what} are less than one lot of {qty(instrument.lot_size)}."
    return Entry(0, problems=(text,))


def _sum_of(mode: SizingMode, value: Decimal, sized: Sized, instrument: Resolution) -> str:
    lots = f", in lots of {qty(instrument.lot_size)}" if instrument.lot_size > 1 else ""
    if sized.each is None:
        return f"Quantity {qty(sized.units)} by sizing FIXED{lots}."
    verb = "risked" if mode is SizingMode.RISK else "spent"
    return (
        f"Quantity {qty(sized.units)} by sizing {mode}: {rupees(value)} {verb} at "
        f"{rupees(sized.each)} a unit{lots}."
    )


def _stop_of(signal: Signal, seen: Decimal | None) -> Decimal | None:
    """The alert's stop, if it is on the losing side of the price; on the other it is no stop."""
    try:
        stop = Decimal(signal.exit_plan.get("stop_price") or "0")
    except InvalidOperation:
        return None
    if seen is None or not stop.is_finite() or stop <= 0:
        return None
    protects = stop < seen if signal.side is Side.BUY else stop > seen
    return stop if protects else None


def on_tick(signal: Signal, order_type: OrderType, instrument: Resolution) -> Prices:
    """Prices between two ticks become the passive one: TradingView works with more decimals.

    A limit gives nothing away: a buy's is rounded down, a sell's up. A trigger comes later: a
    buy's is rounded up, a sell's down.
    """
    notes: list[str] = []

    def rounded(name: str, value: Decimal | None, sent: bool, *, down: bool) -> Decimal | None:
        tick = instrument.tick_size
        if value is None or tick is None or not sent:
            return value
        valid = passive(value, tick, down=down)
        if valid == value or valid <= 0:
            return value
        notes.append(
            f"{name} {value.normalize():f} rounded to {price_text(valid)}, a multiple of the tick "
            f"{price_text(tick)}."
        )
        return valid

    buys = signal.side is Side.BUY
    limit = rounded("Price", signal.price, order_type.needs_price, down=buys)
    waits = order_type.needs_trigger or signal.gtt
    trigger = rounded("Trigger price", signal.trigger_price, waits, down=not buys)
    return Prices(limit, trigger, tuple(notes))
