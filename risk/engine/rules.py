"""The rules: each one small function, all of them listed in RULES.

A hard rule holds for every order and has no setting. A limit rule is judged once for each scope,
GLOBAL first, against that scope's limits. A rule says what it finds; `evaluate` decides.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from risk.engine.denials import Code, Verdict
from risk.engine.limits import Limits, names_instrument
from risk.engine.snapshot import Intent, Snapshot, left_to_close, net_held
from trading.domain.values import (
    ClampMode,
    ExecutionTarget,
    Mode,
    OrderType,
    Side,
    TradingStateName,
)

Amount = int | Decimal | str | bool


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found: `value` against `limit`, and the units that it leaves to be sent."""

    verdict: Verdict
    limit: Amount
    value: Amount
    quantity: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class HardRule:
    """A rule without a setting. `spares_exits`: it never stops an order that only shrinks."""

    code: Code
    judge: Callable[[Intent, Snapshot, int], Finding]
    spares_exits: bool = False
    setting: str = "hard"
    unit: str = ""

    @property
    def description(self) -> str:
        return inspect.cleandoc(self.judge.__doc__ or "")


@dataclass(frozen=True, slots=True)
class LimitRule:
    """A rule with a setting of that name in `Limits`; it finds nothing (None) when that is off.

    `cuts`: the rule can reduce the quantity, so it is shown what earlier rules left of it. The
    others see the quantity that entered the scope, so that their order does not matter.
    """

    code: Code
    setting: str
    unit: str
    judge: Callable[[Intent, Snapshot, Limits, int], Finding | None]
    spares_exits: bool = False
    cuts: bool = False

    @property
    def description(self) -> str:
        return inspect.cleandoc(self.judge.__doc__ or "")


def plain(number: int | Decimal) -> str:
    """A number without exponent and without trailing zeros: 100.5000 as "100.5"."""
    if isinstance(number, int):
        return str(number)
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def whole_lots(quantity: int, lot_size: int) -> int:
    """The largest multiple of the lot in `quantity`; 0 when the lot size is not known."""
    return quantity // lot_size * lot_size if lot_size > 0 else 0


# Hard rules


def quantity_required(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """The order must have a quantity of at least 1."""
    if quantity >= 1:
        return Finding(Verdict.PASS, 1, quantity, quantity)
    text = f"The order for {intent.symbol} has no quantity: enter a whole number of at least 1."
    return Finding(Verdict.DENY, 1, quantity, quantity, text)


def strategy_disabled(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """A strategy that is switched off sends no AUTO orders; a person may still send one."""
    value = f"{intent.mode}, {'enabled' if intent.strategy_enabled else 'disabled'}"
    if intent.strategy_enabled or intent.mode is not Mode.AUTO:
        return Finding(Verdict.PASS, "enabled", value, quantity)
    text = f"Strategy {intent.strategy_name} is disabled: its AUTO orders are not sent."
    return Finding(Verdict.DENY, "enabled", value, quantity, text)


def mode_mismatch(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """An order made for paper is never sent live, nor the reverse, whatever was switched since."""
    order = _target(intent.simulated)
    connection = _target(snapshot.connection_simulated)
    others = []
    if connection is not order:
        others.append(f"its connection is {connection}")
    if intent.strategy_target not in (None, order):
        others.append(f"strategy {intent.strategy_name} is {intent.strategy_target} now")
    if not others:
        return Finding(Verdict.PASS, order, order, quantity)
    text = f"The order was made for {order}, but {' and '.join(others)}."
    return Finding(Verdict.DENY, order, _opposite(order), quantity, text)


def reduce_only(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """A reduce-only exit is cut to what is left to close, so that it can't open the other side.

    Other working orders on its side count as filled. With nothing left to close it is denied.
    """
    left = left_to_close(intent, snapshot)
    if not intent.reduce_only or quantity <= left:
        limit: Amount = left if intent.reduce_only else "not a reduce-only order"
        return Finding(Verdict.PASS, limit, quantity, quantity)
    where = f"{intent.symbol} {intent.product}"
    lots = whole_lots(left, intent.lot_size)
    if lots > 0:
        text = (
            f"Quantity clamped from {quantity} to {lots} due to reduce_only: "
            f"{left} left to close in {where}."
        )
        return Finding(Verdict.CLAMP, left, quantity, lots, text)
    text = (
        f"A reduce-only {intent.side} finds nothing to close in {where}: {_held(intent, snapshot)}."
    )
    return Finding(Verdict.DENY, left, quantity, quantity, text)


def market_closed(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """A live order while its market is closed, of a strategy whose off hours are REJECT."""
    if not snapshot.market_refusal:
        return Finding(Verdict.PASS, "market hours", "may go", quantity)
    return Finding(Verdict.DENY, "market hours", "closed", quantity, snapshot.market_refusal)


def reducing_only(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """While a trading state is REDUCING, only orders that shrink a position pass."""
    reducing = [s for s in snapshot.states if s.state is TradingStateName.REDUCING]
    if not reducing:
        return Finding(Verdict.PASS, "shrinks", "not reducing", quantity)
    where = ", ".join(f"{s.label}{f' ({s.reason})' if s.reason else ''}" for s in reducing)
    text = (
        f"Trading is REDUCING for {where}: only orders that shrink a position pass, "
        f"and {_held(intent, snapshot)} in {intent.symbol} {intent.product}."
    )
    return Finding(Verdict.DENY, "shrinks", "adds exposure", quantity, text)


# Limit rules


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
        return Finding(Verdict.PASS, False, intent.side, quantity)
    after = net_held(intent, snapshot) - snapshot.working_sell_quantity - quantity
    if after >= 0:
        return Finding(Verdict.PASS, False, after, quantity)
    text = f"Short selling is disabled in {limits.label}"
    return Finding(Verdict.DENY, False, after, quantity, text)


def max_quantity_per_order(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """The quantity of one order, at most; over it the order is clamped or denied."""
    limit = limits.max_quantity_per_order
    if limit is None:
        return None
    if quantity <= limit:
        return Finding(Verdict.PASS, limit, quantity, quantity)
    return _over(intent, limits, quantity, "max_quantity_per_order", limit, quantity, limit)


def max_order_value(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """Quantity × reference price × multiplier, at most; over it clamped or denied.

    Reference: the order's own price (limit, or the trigger of an SL-M), else the last price, else
    the alert's price. Without any of them the order is denied. A clamp leaves whole lots.
    """
    limit = limits.max_order_value
    if limit is None:
        return None
    reference = reference_price(intent, snapshot)
    if reference is None:
        text = (
            f"max_order_value={plain(limit)} in {limits.label} needs a price and none is known "
            f"for {intent.symbol}: give the order a limit price, or wait for a last price."
        )
        return Finding(Verdict.DENY, limit, "no price", quantity, text)
    price, source = reference
    unit = price * intent.multiplier
    value = quantity * unit
    if value <= limit:
        return Finding(Verdict.PASS, limit, value, quantity, f"Valued at {plain(unit)} ({source}).")
    finding = _over(intent, limits, quantity, "max_order_value", limit, value, int(limit // unit))
    return replace(finding, message=f"{finding.message} Valued at {plain(unit)} ({source}).")


def symbol_whitelist(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """With a whitelist, only the symbols on it: "NSE:INFY", or "INFY" for any exchange."""
    entries = limits.symbol_whitelist
    if not entries:
        return None
    limit = _count(entries)
    if any(names_instrument(e, intent.exchange, intent.tradingsymbol) for e in entries):
        return Finding(Verdict.PASS, limit, intent.symbol, quantity)
    text = f"{intent.symbol} is not on the symbol_whitelist in {limits.label}."
    return Finding(Verdict.DENY, limit, intent.symbol, quantity, text)


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
            return Finding(Verdict.DENY, limit, intent.symbol, quantity, text)
    return Finding(Verdict.PASS, limit, intent.symbol, quantity)


def max_open_positions(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """Open positions of the account, at most; an order that would open one more is denied.

    Working entry orders count as filled. Adding to or turning an open position opens none.
    """
    limit = limits.max_open_positions
    if limit is None:
        return None
    after = len(snapshot.open_instruments | {intent.position_key})
    if after <= limit or intent.position_key in snapshot.open_instruments:
        return Finding(Verdict.PASS, limit, after, quantity)
    text = (
        f"{intent.symbol} {intent.product} would be open position {after}; "
        f"max_open_positions={limit} in {limits.label}."
    )
    return Finding(Verdict.DENY, limit, after, quantity, text)


# What the rules share


def reference_price(intent: Intent, snapshot: Snapshot) -> tuple[Decimal, str] | None:
    """The rupees a unit at which an order is valued, and where that price is from."""
    if snapshot.last_price_at is None:
        last = "last price"
    else:
        last = f"last price, {int((snapshot.now - snapshot.last_price_at).total_seconds())} s old"
    candidates: list[tuple[Decimal | None, str]] = [
        (snapshot.last_price, last),
        (intent.reference_price, "alert's price"),
    ]
    if intent.order_type.needs_price:
        candidates.insert(0, (intent.price, "limit price"))
    elif intent.order_type is OrderType.SL_M:
        candidates.insert(0, (intent.trigger_price, "trigger price"))
    for price, source in candidates:
        if price is not None and price.is_finite() and price * intent.multiplier > 0:
            return price, source
    return None


def _over(
    intent: Intent,
    limits: Limits,
    quantity: int,
    setting: str,
    limit: int | Decimal,
    value: int | Decimal,
    allowed: int,
) -> Finding:
    """The finding for a quantity over its limit, of which `allowed` units are inside it."""
    due = f"{setting}={plain(limit)} in {limits.label}"
    if limits.clamp_mode is ClampMode.REJECT:
        what = (
            f"Quantity {quantity}"
            if setting.startswith("max_quantity")
            else f"Value {plain(value)}"
        )
        return Finding(Verdict.DENY, limit, value, quantity, f"{what} is over {due}.")
    lots = whole_lots(allowed, intent.lot_size)
    if lots > 0:
        text = f"Quantity clamped from {quantity} to {lots} due to {due}."
        return Finding(Verdict.CLAMP, limit, value, lots, text)
    least = "one unit" if intent.lot_size == 1 else f"one lot of {intent.lot_size}"
    text = f"Quantity {quantity} can't be clamped: not even {least} is inside {due}."
    return Finding(Verdict.DENY, limit, value, quantity, text)


def _target(simulated: bool) -> ExecutionTarget:
    return ExecutionTarget.PAPER if simulated else ExecutionTarget.LIVE


def _opposite(target: ExecutionTarget) -> ExecutionTarget:
    return _target(target is ExecutionTarget.LIVE)


def _held(intent: Intent, snapshot: Snapshot) -> str:
    """What is open, in words: "100 long, 80 of it being sold by working orders"."""
    held = net_held(intent, snapshot)
    if held == 0:
        return "nothing is open"
    if held > 0:
        text, working, verb = f"{held} long", snapshot.working_sell_quantity, "sell"
    else:
        text, working, verb = f"{-held} short", snapshot.working_buy_quantity, "buy"
    return f"{text} with working orders to {verb} {working}" if working else text


def _count(entries: tuple[str, ...]) -> str:
    return f"{len(entries)} symbol{'' if len(entries) == 1 else 's'}"


RULES: tuple[HardRule | LimitRule, ...] = (
    HardRule(Code.QUANTITY_REQUIRED, quantity_required),
    HardRule(Code.STRATEGY_DISABLED, strategy_disabled),
    HardRule(Code.MODE_MISMATCH, mode_mismatch),
    HardRule(Code.MARKET_CLOSED, market_closed, setting="off_hours"),
    HardRule(Code.REDUCE_ONLY, reduce_only),
    HardRule(Code.REDUCING_ONLY, reducing_only, spares_exits=True),
    LimitRule(Code.SHORT_SELLING_DISABLED, "allow_short_selling", "yes or no", short_selling),
    LimitRule(
        Code.MAX_QUANTITY_PER_ORDER,
        "max_quantity_per_order",
        "units",
        max_quantity_per_order,
        cuts=True,
    ),
    LimitRule(Code.MAX_ORDER_VALUE, "max_order_value", "₹", max_order_value, cuts=True),
    LimitRule(
        Code.SYMBOL_NOT_ALLOWED, "symbol_whitelist", "symbols", symbol_whitelist, spares_exits=True
    ),
    LimitRule(
        Code.SYMBOL_NOT_ALLOWED, "symbol_blacklist", "symbols", symbol_blacklist, spares_exits=True
    ),
    LimitRule(
        Code.MAX_OPEN_POSITIONS,
        "max_open_positions",
        "positions",
        max_open_positions,
        spares_exits=True,
    ),
)
