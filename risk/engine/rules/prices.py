"""The collar: limit prices near the market and inside the day's circuit."""

from __future__ import annotations

from decimal import Decimal

from risk.engine.limits import Limits
from risk.engine.rules.base import Finding, denied, due_to, is_contract, last_price, passed, plain
from risk.engine.snapshot import Intent, Snapshot
from trading.domain.values import Mode, OrderType


def price_collar(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """The limit price of an order for shares or futures: so far off the last price, at most.

    A stop's limit is measured from its trigger. Price and trigger must be inside the day's circuit
    too, where that is known. Without a last price a person's order is denied; an AUTO order is held
    by STALE_REFERENCE. GTTs, which wait for a far price, are not judged.
    """
    if limits.price_collar is None or not collared(intent, snapshot, of_options=False):
        return None
    return _judge(intent, snapshot, limits, "price_collar", limits.price_collar, quantity)


def price_collar_options(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """The same for options. A contract of which nobody knows what it is must be inside both."""
    limit = limits.price_collar_options
    if limit is None or not collared(intent, snapshot, of_options=True):
        return None
    return _judge(intent, snapshot, limits, "price_collar_options", limit, quantity)


def collared(intent: Intent, snapshot: Snapshot, *, of_options: bool) -> bool:
    """Whether the collar of options, or the one of everything else, means the order."""
    if intent.gtt or intent.order_type is OrderType.MARKET:
        return False
    if not of_options:
        return not snapshot.instrument.is_option
    unknown = not snapshot.instrument.kind and is_contract(intent, snapshot)
    return snapshot.instrument.is_option or unknown


def needs_last_price(intent: Intent, snapshot: Snapshot, limits: Limits) -> bool:
    """Whether a collar of the scope has to know the last price."""
    if intent.order_type is not OrderType.LIMIT:
        return False
    plain_one = limits.price_collar is not None and collared(intent, snapshot, of_options=False)
    return plain_one or (
        limits.price_collar_options is not None and collared(intent, snapshot, of_options=True)
    )


def _judge(
    intent: Intent, snapshot: Snapshot, limits: Limits, setting: str, limit: Decimal, quantity: int
) -> Finding:
    due = due_to(setting, limits)
    if outside := _outside_circuit(intent, snapshot):
        return denied(limit, "outside the circuit", quantity, f"{outside}; {due}.")
    if intent.order_type is OrderType.SL_M:
        return passed(limit, "no limit price", quantity)
    of_stop = intent.order_type is OrderType.SL
    anchor = intent.trigger_price if of_stop else last_price(snapshot)
    name = "trigger" if of_stop else "last price"
    if intent.price is None or not anchor:
        if intent.mode is Mode.AUTO and not of_stop and intent.price is not None:
            return passed(limit, "no price", quantity, "Held until there is a last price.")
        text = (
            f"{due} needs the order's price and the {name} of {intent.symbol}, and one is not "
            "known: enter or wait for it, or send the order at MARKET."
        )
        return denied(limit, "no price", quantity, text)
    off = abs(intent.price - anchor) / anchor * 100
    if off <= limit:
        return passed(limit, round(off, 2), quantity)
    text = (
        f"The price {plain(intent.price)} of {intent.symbol} is {plain(round(off, 2))} % off the "
        f"{name} {plain(anchor)}; {due}."
    )
    return denied(limit, round(off, 2), quantity, text)


def _outside_circuit(intent: Intent, snapshot: Snapshot) -> str:
    """Which of the order's prices is outside the day's circuit, empty when none is."""
    lower, upper = snapshot.instrument.lower_circuit, snapshot.instrument.upper_circuit
    sent = {
        "price": intent.price if intent.order_type.needs_price else None,
        "trigger": intent.trigger_price if intent.order_type.needs_trigger else None,
    }
    for name, price in sent.items():
        if price is None:
            continue
        if lower is not None and price < lower:
            return f"The {name} {plain(price)} is below the day's lower circuit {plain(lower)}"
        if upper is not None and price > upper:
            return f"The {name} {plain(price)} is above the day's upper circuit {plain(upper)}"
    return ""
