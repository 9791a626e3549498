"""Limits of one order: its direction, size, worth and symbol."""

from __future__ import annotations

from dataclasses import replace

from risk.engine.limits import Limits, names_instrument
from risk.engine.rules.base import (
    Finding,
    Use,
    denied,
    is_contract,
    is_cut,
    last_lot,
    no_price,
    passed,
    short_after,
    unit_value,
    units_in,
    within,
)
from risk.engine.snapshot import Intent, Snapshot
from trading.domain.values import Side


def short_selling(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """With short selling off, a SELL must not leave a net short position.

    What is held can be sold, less what other working sells already take; delivery (CNC) counts
    holdings too. With nothing held every SELL is a short sale. It denies and never clamps.
    """
    if limits.allow_short_selling is not False:
        return None
    if intent.side is not Side.SELL:
        return passed(False, intent.side, quantity)
    after = short_after(intent, snapshot, quantity)
    if after >= 0:
        return passed(False, after, quantity)
    return denied(False, after, quantity, f"Short selling is disabled in {limits.label}")


def naked_option_sell(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """With option writing off, a SELL of an option must not leave a net short position.

    A contract of which nobody knows what it is counts as an option.
    """
    if limits.naked_option_sell is not False:
        return None
    kind = snapshot.instrument.kind
    option = snapshot.instrument.is_option or (not kind and is_contract(intent, snapshot))
    if intent.side is not Side.SELL or not option:
        return passed(False, f"{intent.side} {kind}".strip(), quantity)
    after = short_after(intent, snapshot, quantity)
    if after >= 0:
        return passed(False, after, quantity)
    text = f"Writing options is disabled in {limits.label}, and {intent.symbol} is not held."
    return denied(False, after, quantity, text)


def max_quantity_per_order(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """The quantity of one order, at most; over it the order is clamped or denied.

    An exit is clamped, to one lot at the least, and never denied.
    """
    limit = limits.max_quantity_per_order
    if limit is None:
        return None
    use = Use("Quantity", quantity, limit)
    return within(
        intent, snapshot, limits, quantity, "max_quantity_per_order", use, of_one_order=True
    )


def max_order_value(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """Quantity × reference price × multiplier, at most; over it clamped or denied.

    Reference: the order's own price (limit, or the trigger of an SL-M), else the last price, else
    the alert's price. Without any of them the order is denied. A clamp leaves whole lots. An exit
    is clamped, to one lot at the least, and never denied.
    """
    limit, setting = limits.max_order_value, "max_order_value"
    if limit is None:
        return None
    priced = unit_value(intent, snapshot)
    if priced is None:
        return _of_unknown_worth(intent, snapshot, limits, quantity)
    unit, valued = priced
    use = Use("Value", quantity * unit, units_in(limit, unit), valued)
    return within(intent, snapshot, limits, quantity, setting, use, of_one_order=True)


def _of_unknown_worth(intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int) -> Finding:
    """Without a price only the one lot of an exit goes that any price would let through."""
    setting, lot = "max_order_value", last_lot(intent, snapshot)
    if not lot or (quantity > lot and not is_cut(intent, snapshot, limits, quantity)):
        return no_price(intent, limits, setting, quantity)
    use = Use("Value", 0, 0, "No price is known.")
    finding = within(intent, snapshot, limits, quantity, setting, use, of_one_order=True)
    return replace(finding, value="no price")


def symbol_whitelist(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """With a whitelist, only the symbols on it: "NSE:INFY", or "INFY" for any exchange."""
    entries = limits.symbol_whitelist
    if not entries:
        return None
    limit = _count(entries)
    if any(names_instrument(e, intent.exchange, intent.tradingsymbol) for e in entries):
        return passed(limit, intent.symbol, quantity)
    text = f"{intent.symbol} is not on the symbol_whitelist in {limits.label}."
    return denied(limit, intent.symbol, quantity, text)


def symbol_blacklist(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """None of the symbols on the blacklist: "NSE:INFY", or "INFY" for any exchange."""
    entries = limits.symbol_blacklist
    if not entries:
        return None
    limit = _count(entries)
    for entry in entries:
        # An order that doesn't say its exchange could be on any of them.
        exchange = intent.exchange or entry.rpartition(":")[0].strip()
        if names_instrument(entry, exchange, intent.tradingsymbol):
            text = f"{intent.symbol} is on the symbol_blacklist in {limits.label} as {entry}."
            return denied(limit, intent.symbol, quantity, text)
    return passed(limit, intent.symbol, quantity)


def _count(entries: tuple[str, ...]) -> str:
    return f"{len(entries)} symbol{'' if len(entries) == 1 else 's'}"
