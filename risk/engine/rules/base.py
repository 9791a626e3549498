"""What a rule is, what it finds, and the sums that the rules share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from risk.engine.denials import Code, Verdict
from risk.engine.limits import Limits
from risk.engine.snapshot import Intent, Snapshot, left_to_close, net_held, only_shrinks
from trading.domain.symbols import CASH_EXCHANGES
from trading.domain.values import ClampMode, OrderType, RiskScope

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
    """A rule without a setting in `Limits`.

    `spares_exits`: it never stops an order that only shrinks. `cuts`: it can reduce the quantity;
    the other hard rules judge what it leaves.
    """

    code: Code
    judge: Callable[[Intent, Snapshot, int], Finding]
    spares_exits: bool = False
    cuts: bool = False
    setting: str = "hard"
    unit: str = ""

    @property
    def description(self) -> str:
        return inspect.cleandoc(self.judge.__doc__ or "")


@dataclass(frozen=True, slots=True)
class LimitRule:
    """A rule with a setting of that name in `Limits`; it finds nothing (None) when that is off.

    `cuts`: the rule can reduce the quantity. `live_only`: paper orders don't concern it.
    """

    code: Code
    setting: str
    unit: str
    judge: Callable[[Intent, Snapshot, Limits, int], Finding | None]
    spares_exits: bool = False
    cuts: bool = False
    live_only: bool = False

    @property
    def description(self) -> str:
        return inspect.cleandoc(self.judge.__doc__ or "")


@dataclass(frozen=True, slots=True)
class Use:
    """How an order uses a limit: what `value` becomes with it, the units `allowed` inside it.

    `allowed` may be negative: not even what is there without the order is inside. `of` says in a
    word what the value is of.
    """

    of: str
    value: int | Decimal
    allowed: int
    note: str = ""


def plain(number: int | Decimal) -> str:
    """A number without exponent and without trailing zeros: 100.5000 as "100.5"."""
    if isinstance(number, int):
        return str(number)
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def whole_lots(quantity: int, lot_size: int) -> int:
    """The largest multiple of the lot in `quantity`; 0 when the lot size is not known."""
    return quantity // lot_size * lot_size if lot_size > 0 else 0


def lot_of(intent: Intent, snapshot: Snapshot) -> int:
    """The instrument's lot by the day's list, else the one that the order was made with."""
    listed = snapshot.instrument.lot_size
    return intent.lot_size if listed is None else listed


def last_lot(intent: Intent, snapshot: Snapshot) -> int:
    """One lot where the order would close it, which always goes; else 0."""
    lot = lot_of(intent, snapshot)
    return lot if 0 < lot <= left_to_close(intent, snapshot) else 0


def is_cut(intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int) -> bool:
    """Whether an order over a limit of its own size is cut: with CLAMP, and an exit always."""
    return limits.clamp_mode is ClampMode.CLAMP or only_shrinks(intent, snapshot, quantity)


def due_to(setting: str, limits: Limits) -> str:
    """The limit as texts name it: "max_open_positions=2 in GLOBAL"."""
    value = getattr(limits, setting)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        setting = f"{setting}={plain(value)}"
    return f"{setting} in {limits.label}"


def passed(limit: Amount, value: Amount, quantity: int, message: str = "") -> Finding:
    return Finding(Verdict.PASS, limit, value, quantity, message)


def denied(limit: Amount, value: Amount, quantity: int, message: str) -> Finding:
    return Finding(Verdict.DENY, limit, value, quantity, message)


def within(
    intent: Intent,
    snapshot: Snapshot,
    limits: Limits,
    quantity: int,
    setting: str,
    use: Use,
    *,
    spares_exits: bool = False,
    of_one_order: bool = False,
) -> Finding:
    """The finding of a rule that cuts: pass, cut to whole lots inside the limit, or deny.

    With `spares_exits` what only closes the position always stays, so an order that turns it is
    cut to that much at least. With `of_one_order` one lot of an exit always stays, and an exit is
    cut where another order would be denied.
    """
    limit = getattr(limits, setting)
    allowed, cuts = use.allowed, limits.clamp_mode is ClampMode.CLAMP
    if spares_exits:
        allowed = max(allowed, left_to_close(intent, snapshot))
    if of_one_order:
        allowed = max(allowed, last_lot(intent, snapshot))
        cuts = is_cut(intent, snapshot, limits, quantity)
    note = f" {use.note}" if use.note else ""
    if quantity <= allowed:
        spared = of_one_order and quantity > use.allowed
        text = f"Not applied: one lot of an exit always goes.{note}" if spared else use.note
        return passed(limit, use.value, quantity, text)
    due = due_to(setting, limits)
    if not cuts:
        text = f"{use.of} {plain(use.value)} is over {due}.{note}"
        return denied(limit, use.value, quantity, text)
    lot = lot_of(intent, snapshot)
    lots = whole_lots(allowed, lot)
    if lots > 0:
        text = f"Quantity clamped from {quantity} to {lots} due to {due}.{note}"
        return Finding(Verdict.CLAMP, limit, use.value, lots, text)
    least = "one unit" if lot == 1 else f"one lot of {lot}"
    text = f"Quantity {quantity} can't be clamped: not even {least} is inside {due}.{note}"
    return denied(limit, use.value, quantity, text)


def usable(price: Decimal | None) -> bool:
    """Whether it is a price at all: finite and above zero."""
    return price is not None and price.is_finite() and price > 0


def last_price(snapshot: Snapshot) -> Decimal | None:
    """The last price, None when there is no usable one."""
    return snapshot.last_price if usable(snapshot.last_price) else None


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


def unit_value(intent: Intent, snapshot: Snapshot) -> tuple[Decimal, str] | None:
    """The rupees that one unit of the order is worth, and the sentence that says why."""
    reference = reference_price(intent, snapshot)
    if reference is None:
        return None
    unit = reference[0] * intent.multiplier
    return unit, f"Valued at {plain(unit)} ({reference[1]})."


def units_in(rupees: Decimal, unit: Decimal) -> int:
    """How many whole units so much money is; none when there is no money left."""
    return int(rupees // unit) if rupees > 0 else 0


def no_price(intent: Intent, limits: Limits, setting: str, quantity: int) -> Finding:
    """The denial of an order whose worth has to be known, and is not."""
    text = (
        f"{due_to(setting, limits)} needs a price and none is known for {intent.symbol}: "
        "give the order a limit price, or wait for a last price."
    )
    return denied(getattr(limits, setting), "no price", quantity, text)


def is_of(intent: Intent, limits: Limits, strategy_id: int | None) -> bool:
    """Whether an order of that strategy counts for the scope: GLOBAL counts every one."""
    return limits.scope is RiskScope.GLOBAL or strategy_id == intent.strategy_id


def is_contract(intent: Intent, snapshot: Snapshot) -> bool:
    """Whether it is a future or an option, or may be one for all that is known."""
    if snapshot.instrument.kind:
        return snapshot.instrument.kind != "EQ"
    return intent.exchange not in CASH_EXCHANGES


def short_after(intent: Intent, snapshot: Snapshot, quantity: int) -> int:
    """The signed quantity that is left if the sell and every working sell fill."""
    return net_held(intent, snapshot) - snapshot.working_sell_quantity - quantity


def held_words(intent: Intent, snapshot: Snapshot) -> str:
    """What is open, in words: "100 long with working orders to sell 80"."""
    held = net_held(intent, snapshot)
    if held == 0:
        return "nothing is open"
    if held > 0:
        text, working, verb = f"{held} long", snapshot.working_sell_quantity, "sell"
    else:
        text, working, verb = f"{-held} short", snapshot.working_buy_quantity, "buy"
    return f"{text} with working orders to {verb} {working}" if working else text


def adds_to(intent: Intent, snapshot: Snapshot) -> bool:
    """Whether the order enlarges the position on its side, or opens one."""
    return snapshot.position_quantity * intent.side.sign >= 0
