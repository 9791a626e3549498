"""A TradingView message: bytes to a JSON object to a signal. Pure.

`read` gives a Document, `interpret` its meaning. Between the two the secret is checked.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from trading.domain import signal as words
from trading.domain.signal import Signal
from trading.domain.values import Side
from trading.webhooks import fields, meaning
from trading.webhooks.layers import Layers
from trading.webhooks.reading import MAX_BYTES, Document, as_text, read
from trading.webhooks.rejection import Rejection
from trading.webhooks.secret import blank_secret, presented_secrets, quoted_secret_in
from trading.webhooks.text import named, shown

__all__ = [
    "MAX_BYTES",
    "Document",
    "Ignored",
    "Probe",
    "Rejection",
    "as_text",
    "blank_secret",
    "interpret",
    "named_strategy",
    "presented_secrets",
    "quoted_secret_in",
    "read",
]

_PLATFORMS = frozenset({"TRADINGVIEW", "ZERODHA"})
_PROBE = "tradingview"
_INTERVAL_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Ignored:
    """A readable alert that wants no order here. `fields` as in Rejection."""

    code: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Probe:
    """A connection test."""


def named_strategy(document: Document) -> str:
    """The strategy that a body names, for choosing the secret to check; "" when none."""
    return meaning.strategy_name(Layers(document.data))


def interpret(document: Document) -> Signal | Ignored | Probe:
    """What a body means. Raises Rejection 422: invalid_payload, placeholder_not_expanded."""
    layers = Layers(document.data)
    if _is_test(layers):
        if not _has_order(layers):
            return Probe()
        layers.to_person(words.MARKED_AS_TEST)
    if document.repaired:
        layers.to_person(words.BODY_REPAIRED)
    for path, letter in _unstorable(document.data, ""):
        layers.error(path, f"holds {named(letter)}, which is no text. Remove it.")
    strategy_name = meaning.strategy_name(layers)
    instrument = meaning.instrument(layers)
    side, intent = meaning.action(layers)
    platform = meaning.platform(layers)
    known = _known(strategy_name, instrument, side)
    if platform not in _PLATFORMS and "platform" not in layers.errors:
        return Ignored("unsupported_platform", known)

    quantity = meaning.quantity(layers, intent)
    terms = meaning.terms(layers)
    bar_time, alert_time = meaning.moments(layers)
    alert_id = meaning.alert_id(layers)
    order_ref = meaning.order_ref(layers)
    exit_plan = meaning.exit_plan(layers)
    if layers.errors or side is None or instrument is None:
        code = "placeholder_not_expanded" if layers.unfilled else "invalid_payload"
        raise Rejection(422, code, layers.errors, known)
    return Signal(
        strategy_name=strategy_name,
        symbol=instrument.symbol,
        exchange=instrument.exchange,
        tradingsymbol=instrument.tradingsymbol,
        side=side,
        intent=intent,
        quantity=quantity,
        needs_quantity=quantity == 0,
        price=terms.price,
        reference_price=terms.reference_price,
        trigger_price=terms.trigger_price,
        order_type=terms.order_type,
        product=terms.product,
        validity=terms.validity,
        gtt=terms.gtt,
        interval=meaning.short_text(layers, "interval", "timeframe")[:_INTERVAL_LENGTH],
        platform=platform,
        reason=meaning.reason(layers),
        bar_time=bar_time,
        alert_time=alert_time,
        alert_id=alert_id,
        order_ref=order_ref,
        market_position=meaning.short_text(layers, "market_position") or None,
        position_size=meaning.short_text(layers, "position_size", "market_position_size") or None,
        exit_plan=exit_plan,
        warnings=tuple(layers.warnings),
        person_reasons=tuple(layers.person_reasons),
        repaired=document.repaired,
        delayed_feed=instrument.delayed,
    )


def _is_test(layers: Layers) -> bool:
    test = layers.root.get("test")
    return isinstance(test, str) and test.strip(" ").lower() == _PROBE


def _has_order(layers: Layers) -> bool:
    return layers.find("order_action", "side", "symbol", "ticker") is not None


def _known(
    strategy_name: str, instrument: meaning.Instrument | None, side: Side | None
) -> dict[str, str]:
    known = {"strategy_name": strategy_name, "action": side.value if side else ""}
    if instrument is not None:
        known |= {"symbol": instrument.symbol, "exchange": instrument.exchange}
    return {name: text for name, text in known.items() if text}


def _unstorable(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Paths of texts that no database takes. A comment may hold NUL: it is cleaned."""
    if isinstance(value, str):
        letter = fields.unstorable(value)
        free = path.rpartition(".")[2] in meaning.FREE_TEXTS
        if letter is not None and not (free and letter == "\x00"):
            yield shown(path)[1:-1], letter
    elif isinstance(value, dict):
        for key, member in value.items():
            below = f"{path}.{key}" if path else key
            letter = fields.unstorable(key)
            if letter is not None:
                yield shown(below)[1:-1], letter
            yield from _unstorable(member, below)
    elif isinstance(value, list):
        for member in value:
            yield from _unstorable(member, path)
