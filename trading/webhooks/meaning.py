"""From the layers of a body to what its order is: who, what, which way, how much, on what terms.

Pure. What is wrong is noted in the layers; a function then returns None or the missing value.
"""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from trading.domain import signal as words
from trading.domain.signal import Intent
from trading.domain.values import Exchange, OrderType, Product, Side, Validity
from trading.webhooks import fields
from trading.webhooks.fields import FieldError, is_missing_number
from trading.webhooks.layers import Found, Layers
from trading.webhooks.text import shown

DEFAULT_PLATFORM = "TRADINGVIEW"
COMMENTS = ("comment", "order_comment", "alert_message", "order_alert_message")
FREE_TEXTS = frozenset({*COMMENTS, "note"})

_TRADE_TYPES = {
    "CASH_AND_CARRY": Product.CNC,
    "DELIVERY": Product.CNC,
    "INTRADAY": Product.MIS,
}
_ACTIONS: dict[str, tuple[Side | None, Intent]] = {
    "BUY": (Side.BUY, Intent.ANY),
    "SELL": (Side.SELL, Intent.ANY),
    "ENTRY_LONG": (Side.BUY, Intent.ENTRY),
    "ENTRY_SHORT": (Side.SELL, Intent.ENTRY),
    "EXIT_LONG": (Side.SELL, Intent.EXIT),
    "EXIT_SHORT": (Side.BUY, Intent.EXIT),
    "CLOSE_LONG": (Side.SELL, Intent.EXIT),
    "CLOSE_SHORT": (Side.BUY, Intent.EXIT),
}
_PURPOSES = {"ENTRY": Intent.ENTRY, "EXIT": Intent.EXIT, "CLOSE": Intent.EXIT}
_EXIT_NUMBERS = ("stop_price", "take_profit", "trail_dist")
_EXIT_FLAGS = ("tp_enabled", "trail_enabled")


class Instrument(NamedTuple):
    """exchange is "" when the alert names none; delayed: the feed's suffix was taken off."""

    exchange: str
    tradingsymbol: str
    delayed: bool

    @property
    def symbol(self) -> str:
        return f"{self.exchange}:{self.tradingsymbol}" if self.exchange else self.tradingsymbol


class Terms(NamedTuple):
    """How the order is to be placed. None: the strategy's default, or no such price."""

    order_type: OrderType | None
    product: Product | None
    validity: Validity
    gtt: bool
    price: Decimal | None
    reference_price: Decimal | None
    trigger_price: Decimal | None


def strategy_name(layers: Layers) -> str:
    """The key of the strategy: signal.strategy_id before any name. "" when there is none."""
    found = layers.find_in("signal.", "strategy_id") or layers.find("strategy_name", "strategy")
    return layers.read(found, fields.strategy_name) or ""


def platform(layers: Layers) -> str:
    found = layers.find_in("meta.", "platform") or layers.find("platform")
    return layers.read(found, fields.platform) or DEFAULT_PLATFORM


def instrument(layers: Layers) -> Instrument | None:
    found = layers.find("symbol", "ticker")
    if found is None:
        layers.error(
            "symbol", 'is missing. Put "symbol": "{{exchange}}:{{ticker}}" into the message.'
        )
        return None
    named = layers.find("exchange")
    given = layers.read(named, fields.exchange)
    parts = layers.read(found, fields.symbol)
    if parts is None or (named is not None and given is None):
        return None
    prefix, tradingsymbol = parts
    exchange, delayed = prefix or given or ("", False)
    if prefix and given and prefix[0] != given[0]:
        layers.to_person(words.EXCHANGES_DIFFER)
    if delayed or (given is not None and given[1]):
        delayed = True
        layers.to_person(words.FEED_DELAYED)
    if exchange not in Exchange.__members__:
        layers.to_person(words.EXCHANGE_UNKNOWN)
    return Instrument(exchange, tradingsymbol, delayed)


def action(layers: Layers) -> tuple[Side | None, Intent]:
    """A side that names its purpose (EXIT_LONG) wins over a plain order_action."""
    plain, purposeful = layers.find("order_action"), layers.find("side")
    given = [found for found in (plain, purposeful) if found is not None]
    if not given:
        path = "trade_details.order_action" if layers.signal is None else "signal.side"
        layers.error(
            path, 'is missing. Put BUY, SELL or "{{strategy.order.action}}" into the message.'
        )
        return None, Intent.ANY
    readings: list[tuple[Side | None, Intent]] = []
    refused: list[tuple[Found, FieldError]] = []
    for found in given:
        try:
            readings.append(_action(found.value))
        except FieldError as error:
            refused.append((found, error))
    side, intent = _agreed(layers, readings)
    # With the purpose known, what the plain action says decides nothing.
    if side is None or intent is Intent.ANY:
        for found, problem in refused:
            layers.error(found.path, problem)
        if side is None and not refused:
            layers.error(given[0].path, "names no side. Add BUY or SELL as order_action.")
    return side, intent


def _agreed(
    layers: Layers, readings: list[tuple[Side | None, Intent]]
) -> tuple[Side | None, Intent]:
    if len({side for side, _ in readings if side is not None}) > 1:
        layers.to_person(words.ACTIONS_DIFFER)
    # Stable: a full meaning first, then one with a side, order_action before side.
    ranked = sorted(readings, key=lambda r: (r[0] is None or r[1] is Intent.ANY, r[0] is None))
    if not ranked:
        return None, Intent.ANY
    side = ranked[0][0]
    purposes = [intent for _, intent in ranked if intent is not Intent.ANY]
    return side, purposes[0] if purposes else Intent.ANY


def _action(value: object) -> tuple[Side | None, Intent]:
    fields.refuse_placeholder(value)
    if isinstance(value, str) and value.isascii():
        text = value.strip(" ").upper()
        if text in _ACTIONS:
            return _ACTIONS[text]
        purpose = _PURPOSES.get(text.partition("_")[0])
        if purpose is not None:
            return None, purpose
    raise FieldError(
        f"must be BUY or SELL, or one of {', '.join(list(_ACTIONS)[2:])}, and is {shown(value)}."
    )


def quantity(layers: Layers, intent: Intent) -> int:
    """Units; 0 when missing."""
    found = layers.find("quantity", "qty", "order_contracts", missing=is_missing_number)
    read = layers.read(found, fields.quantity)
    if found is not None and read is None:
        return 0
    units, fraction = read or (0, False)
    if fraction:
        layers.to_person(words.QUANTITY_FRACTIONAL)
    elif units == 0 and intent is Intent.ENTRY:
        units = _position_size(layers)
    if units == 0:
        layers.person_reasons.append(words.QUANTITY_MISSING)
    return units


def _position_size(layers: Layers) -> int:
    """An entry from flat is as large as the position after it: a good guess, for a person."""
    found = layers.find("position_size", missing=is_missing_number)
    if found is None or (isinstance(found.value, str) and "{{" in found.value):
        return 0
    units, _fraction = layers.read_leniently(found, fields.position_size) or (0, False)
    if units:
        layers.to_person(words.QUANTITY_FROM_POSITION)
    return units


def terms(layers: Layers) -> Terms:
    limit = layers.find("limit_price", missing=is_missing_number) or layers.hint("limit_price")
    own = layers.find("price", "order_price", missing=is_missing_number)
    trigger = layers.find("trigger_price", missing=is_missing_number)
    seen = layers.find("ref_price", missing=is_missing_number)
    own_price = layers.read(own, fields.price)
    price = layers.read(limit, fields.price) or own_price
    found = Terms(
        order_type=layers.read(
            layers.find("order_type") or layers.hint("order_type"), fields.order_type
        ),
        product=_product(layers),
        validity=layers.read(layers.find("validity"), fields.validity) or Validity.DAY,
        gtt=layers.read(layers.find("gtt"), fields.flag) or False,
        price=price,
        reference_price=layers.read_leniently(seen, fields.price) or own_price or price,
        trigger_price=layers.read(trigger, fields.price),
    )
    if not any(value and value.path in layers.errors for value in (limit, own, trigger)):
        _check(layers, found)
    return found


def _check(layers: Layers, terms: Terms) -> None:
    """Terms that contradict each other."""
    order_type = terms.order_type
    if order_type is None:
        return
    if order_type.needs_price and terms.price is None:
        layers.error("price", f"is missing. A {order_type} order needs a price above 0.")
    if order_type.needs_trigger and terms.trigger_price is None:
        layers.error("trigger_price", f"is missing. A {order_type} order needs one above 0.")
    if terms.gtt and order_type is not OrderType.LIMIT:
        layers.error("gtt", f"needs order_type LIMIT, and the alert says {order_type}.")


def _product(layers: Layers) -> Product | None:
    """An explicit product must be right; a hint or trade type that is unknown waits."""
    explicit = layers.find("product")
    if explicit is not None:
        return layers.read(explicit, lambda value: fields.word(value, Product))
    found = layers.find("product_hint") or layers.hint("product_hint") or layers.find("trade_type")
    if found is None:
        return None
    try:
        return fields.word(found.value, Product, _TRADE_TYPES)
    except FieldError as error:
        layers.warnings.append(f"{found.path} is left out: {error}")
        layers.to_person(words.PRODUCT_UNKNOWN)
        return None


def moments(layers: Layers) -> tuple[datetime | None, datetime | None]:
    """The bar's time and the alert's own. A bad one is left out with a warning."""
    bar = layers.find("bar_time") or layers.find_in("", "timestamp")
    alert = layers.find("timenow") or layers.find_in("signal.", "timestamp")
    return layers.read_leniently(bar, fields.moment), layers.read_leniently(alert, fields.moment)


def order_ref(layers: Layers) -> str | None:
    return layers.read(layers.find("order_id"), fields.order_ref)


def alert_id(layers: Layers) -> str | None:
    return layers.read(layers.find("alert_id", "id"), fields.alert_id)


def short_text(layers: Layers, *names: str) -> str:
    found = layers.find(*names)
    return "" if found is None else fields.short_text(found.value)


def reason(layers: Layers) -> str:
    """Why the strategy acted, in its own words."""
    for name in COMMENTS:
        found = layers.find(name)
        if found is not None:
            return fields.free_text(found.value)
    note = layers.hint("note")
    return "" if note is None else fields.free_text(note.value)


def exit_plan(layers: Layers) -> dict[str, str]:
    """Stop, target and trail of the hints, as plain text; nothing acts on them by itself."""
    plan: dict[str, str] = {}
    stop_type = layers.hint("stop_type")
    if stop_type is not None:
        plan["stop_type"] = fields.short_text(stop_type.value)
    for name in _EXIT_NUMBERS:
        number = layers.read_leniently(layers.hint(name), fields.price)
        if number is not None:
            plan[name] = format(number, "f")
    for name in _EXIT_FLAGS:
        enabled = layers.read_leniently(layers.hint(name), fields.flag)
        if enabled is not None:
            plan[name] = "true" if enabled else "false"
    return {name: text for name, text in plan.items() if text}
