"""Hard rules of the instrument: what the day's list and the exchange take."""

from __future__ import annotations

from decimal import Decimal

from risk.engine.rules.base import (
    Finding,
    denied,
    last_price,
    lot_of,
    passed,
    plain,
    whole_lots,
)
from risk.engine.snapshot import Intent, Snapshot
from trading.domain.session import trading_day
from trading.domain.sizing import passive
from trading.domain.values import OrderType, Side, Validity

NO_LIST = "no list is loaded"


def unknown_instrument(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """A live order's instrument must be in the day's list, once one of its exchange is loaded."""
    listed = snapshot.instrument.listed
    if listed is None or listed:
        return passed("listed", "listed" if listed else NO_LIST, quantity)
    if intent.simulated:
        return passed("listed", "not listed, on paper", quantity)
    text = (
        f"{intent.symbol} is not in the day's instrument list: correct the symbol, or load the "
        "list again."
    )
    return denied("listed", "not listed", quantity, text)


def expired_instrument(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """A contract takes no orders after the day of its expiry."""
    expiry = snapshot.instrument.expiry
    if expiry is None:
        return passed("not expired", "no expiry", quantity)
    if expiry >= trading_day(snapshot.now):
        return passed("not expired", f"expires on {expiry:%d %b %Y}", quantity)
    text = f"{intent.symbol} expired on {expiry:%d %b %Y}: choose another contract."
    return denied("not expired", f"expired on {expiry:%d %b %Y}", quantity, text)


def index_not_tradable(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """An index itself takes no orders; its futures and options do."""
    kind = snapshot.instrument.kind
    if kind != "INDEX":
        return passed("no index", kind or "not known", quantity)
    text = f"{intent.symbol} is an index: trade one of its futures or options."
    return denied("no index", kind, quantity, text)


def lot_size(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """The quantity must be a whole number of the instrument's lots."""
    lot = lot_of(intent, snapshot)
    if lot >= 1 and quantity % lot == 0:
        return passed(f"lots of {lot}", quantity, quantity)
    if lot < 1:
        text = f"The lot of {intent.symbol} is not known: load the instrument list again."
        return denied("whole lots", "lot not known", quantity, text)
    below = whole_lots(quantity, lot)
    choices = " or ".join(str(units) for units in (below, below + lot) if units > 0)
    text = (
        f"{intent.symbol} trades in lots of {lot}, and {quantity} is no whole number of lots: "
        f"use {choices}."
    )
    return denied(f"lots of {lot}", quantity, quantity, text)


def tick_size(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """Prices must be multiples of the instrument's tick.

    An alert's prices are rounded to the passive side when its order is made, with a note.
    """
    tick = snapshot.instrument.tick_size
    if tick is None or tick <= 0:
        return passed("multiples of the tick", "tick not known", quantity)
    limit = f"multiples of {plain(tick)}"
    for name, price in _sent_prices(intent):
        if price % tick != 0:
            below, above = passive(price, tick, down=True), passive(price, tick, down=False)
            choices = " or ".join(plain(one) for one in (below, above) if one > 0)
            text = (
                f"The {name} {plain(price)} of {intent.symbol} is no multiple of its tick "
                f"{plain(tick)}: use {choices}."
            )
            return denied(limit, plain(price), quantity, text)
    return passed(limit, "on the tick", quantity)


def freeze_quantity(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """No more than the exchange takes in one order."""
    freeze = snapshot.instrument.freeze_quantity
    if freeze is None:
        return passed("not known", quantity, quantity)
    most = whole_lots(freeze, lot_of(intent, snapshot))
    if quantity <= most:
        return passed(most, quantity, quantity)
    text = (
        f"The exchange takes at most {most} of {intent.symbol} in one order, and this one has "
        f"{quantity}: split it."
    )
    return denied(most, quantity, quantity, text)


def order_type_policy(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """The order type must be one that the segment takes, and a stop needs a trigger that waits.

    Not taken: MARKET for options on shares, IOC on MCX, SL-M for NSE options and on the BSE. A
    stop's trigger must be on the far side of the last price, where that is known.
    """
    refusal = (
        _type_not_taken(intent, snapshot)
        or _validity_not_taken(intent)
        or _wrong_trigger(intent, snapshot)
    )
    value = f"{intent.order_type} {intent.validity}"
    if refusal:
        return denied("taken by the segment", value, quantity, refusal)
    return passed("taken by the segment", value, quantity)


def _type_not_taken(intent: Intent, snapshot: Snapshot) -> str:
    instrument = snapshot.instrument
    if (
        intent.order_type is OrderType.MARKET
        and instrument.is_option
        and instrument.segment == "DERIVATIVES"
        and not instrument.of_index
    ):
        return f"{intent.symbol} is an option on a share, which takes no MARKET orders: use LIMIT."
    if intent.order_type is OrderType.SL_M:
        if intent.exchange in ("BSE", "BFO", "BCD"):
            return f"{intent.exchange} takes no SL-M orders: use SL with a price."
        if intent.exchange == "NFO" and instrument.is_option:
            return f"{intent.symbol} is an NSE option, which takes no SL-M orders: use SL."
    return ""


def _validity_not_taken(intent: Intent) -> str:
    if intent.exchange == "MCX" and intent.validity is Validity.IOC:
        return "MCX takes no IOC orders: use DAY."
    return ""


def _wrong_trigger(intent: Intent, snapshot: Snapshot) -> str:
    if not intent.order_type.needs_trigger:
        return ""
    trigger, last = intent.trigger_price, last_price(snapshot)
    if trigger is None:
        return f"An {intent.order_type} order needs a trigger price: enter one."
    # On paper a stop whose trigger is passed fills at once, and the price may be an alert's.
    if last is None or intent.simulated:
        return ""
    above = intent.side is Side.BUY
    waits = trigger > last if above else trigger < last
    if waits:
        return ""
    return (
        f"The trigger {plain(trigger)} of a {intent.side} {intent.order_type} must be "
        f"{'above' if above else 'below'} the last price {plain(last)} of {intent.symbol}."
    )


def _sent_prices(intent: Intent) -> list[tuple[str, Decimal]]:
    """The prices that the exchange sees; with MARKET a price is only what the alert saw."""
    prices = []
    if intent.order_type.needs_price and intent.price is not None:
        prices.append(("price", intent.price))
    if (intent.order_type.needs_trigger or intent.gtt) and intent.trigger_price is not None:
        prices.append(("trigger price", intent.trigger_price))
    return prices
