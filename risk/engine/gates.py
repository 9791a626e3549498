"""Gates: temporary conditions under which nothing is sent. A gate holds an order, no more."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from risk.engine.denials import Code
from risk.engine.limits import Limits
from risk.engine.rules.base import due_to, last_price, plain, unit_value, usable
from risk.engine.rules.prices import needs_last_price
from risk.engine.snapshot import Intent, Snapshot, only_shrinks
from trading.domain.session import IST
from trading.domain.values import Mode, TradingStateName


@dataclass(frozen=True, slots=True)
class Gate:
    """A closed gate and, for the person, why and what opens it."""

    code: Code
    message: str


@dataclass(frozen=True, slots=True)
class GateRule:
    """A gate of that code; `judge` returns one message for each cause, none when it is open.

    `auto_only`: it never holds an order that a person sends. `spares_exits`: nor one that only
    shrinks a position. `live_only`: nor a paper order. `settings`: the limits that it goes by.
    """

    code: Code
    judge: Callable[[Intent, Snapshot, Sequence[Limits]], list[str]]
    auto_only: bool = False
    spares_exits: bool = False
    live_only: bool = False
    settings: tuple[str, ...] = ()
    unit: str = ""

    @property
    def description(self) -> str:
        return inspect.cleandoc(self.judge.__doc__ or "")


def trading_halted(intent: Intent, snapshot: Snapshot, limits: Sequence[Limits]) -> list[str]:
    """Everything, the account or the strategy of the order is HALTED; resuming opens the gate."""
    return [
        f"Trading is halted for {s.label}{f': {s.reason}' if s.reason else ''}."
        for s in snapshot.states
        if s.state is TradingStateName.HALTED
    ]


def broker_session(intent: Intent, snapshot: Snapshot, limits: Sequence[Limits]) -> list[str]:
    """The account has no valid broker session; logging in opens the gate."""
    if snapshot.session_ok:
        return []
    why = f" ({snapshot.session_error})" if snapshot.session_error else ""
    return [f"No valid broker session{why}: log in at the broker again."]


def unresolved_unknown(intent: Intent, snapshot: Snapshot, limits: Sequence[Limits]) -> list[str]:
    """An order on this instrument has an unknown outcome: no entry and no AUTO order goes out.

    A person may still send an exit that only shrinks the position.
    """
    if not snapshot.unresolved_unknown:
        return []
    if intent.mode is Mode.MANUAL and only_shrinks(intent, snapshot, intent.quantity):
        return []
    text = f"An order on {intent.symbol} has an unknown outcome: resolve it first."
    return [f"{text} Until then only a person's exit is sent."]


def circuit_breaker(intent: Intent, snapshot: Snapshot, limits: Sequence[Limits]) -> list[str]:
    """So many refusals in a row, or unknown outcomes at once, stop the account's AUTO orders.

    A person resumes it; after unknown outcomes, resolving them does too.
    """
    return _open_breakers(snapshot, Code.CIRCUIT_BREAKER)


def repeated_execution(intent: Intent, snapshot: Snapshot, limits: Sequence[Limits]) -> list[str]:
    """A strategy that sent too many AUTO orders in a short time waits for a person to resume it."""
    return _open_breakers(snapshot, Code.REPEATED_EXECUTION)


def reconciliation_gate(intent: Intent, snapshot: Snapshot, limits: Sequence[Limits]) -> list[str]:
    """What the broker shows of the instrument differs from ours, or was not read lately.

    Reading the account, or settling the difference, opens the gate.
    """
    doubt = snapshot.account.doubt
    return [f"{doubt.rstrip('.')}: look at the account, then execute."] if doubt else []


def clock_skew(intent: Intent, snapshot: Snapshot, limits: Sequence[Limits]) -> list[str]:
    """This machine's clock is so many seconds off the broker's, or has not been compared yet."""
    skew, found = snapshot.account.clock_skew, []
    for scope in limits:
        if scope.clock_skew is None:
            continue
        due = due_to("clock_skew", scope)
        if skew is None or not skew.is_finite():
            text = "This machine's clock has not been compared with the broker's yet"
            found.append(f"{text}; {due}.")
        elif abs(skew) > scope.clock_skew:
            way = "ahead of" if skew > 0 else "behind"
            text = f"This machine's clock is {plain(abs(skew))} s {way} the broker's"
            found.append(f"{text}; {due}. Correct the clock.")
    return found


def stale_reference(intent: Intent, snapshot: Snapshot, limits: Sequence[Limits]) -> list[str]:
    """No last price where a limit needs one: the price collar, or the drift since the alert.

    With `stale_reference` set, one that is older than so many seconds is none.
    """
    collar = any(needs_last_price(intent, snapshot, scope) for scope in limits)
    drift = _measures_drift(intent, snapshot, limits)
    price = last_price(snapshot)
    if collar and price is None:
        return [f"The price collar needs the last price of {intent.symbol}, and none is known."]
    if not (collar or drift):
        return []
    found = []
    for scope in limits:
        most = scope.stale_reference
        if most is None:
            continue
        age = _age(snapshot)
        if price is None or age is None:
            what = f"No last price of {intent.symbol} is known"
        elif age <= timedelta(seconds=most):
            continue
        else:
            what = f"The last price of {intent.symbol} is {age // timedelta(seconds=1)} s old"
        found.append(f"{what}; {due_to('stale_reference', scope)}.")
    return found


def stale_alert(intent: Intent, snapshot: Snapshot, limits: Sequence[Limits]) -> list[str]:
    """The price has moved so far since the alert that a person should look, or that is not known.

    An order with a limit of its own and no other price in its alert is not judged: its limit says
    how far it goes. An account whose plan has no market data is judged only where
    `stale_reference` is set.
    """
    if not snapshot.account.has_prices and all(s.stale_reference is None for s in limits):
        return []
    if _is_bounded(intent):
        return []
    seen, last, found = intent.reference_price, last_price(snapshot), []
    for scope in limits:
        if scope.stale_alert is None:
            continue
        due = due_to("stale_alert", scope)
        if seen is None or not usable(seen):
            found.append(f"The alert told no price to compare with the market; {due}.")
        elif last is None:
            found.append(f"No last price of {intent.symbol} is known to compare; {due}.")
        elif abs(last - seen) / seen * 100 > scope.stale_alert:
            moved = plain(round(abs(last - seen) / seen * 100, 2))
            text = f"{intent.symbol} has moved {moved} % since the alert"
            found.append(f"{text}, from {plain(seen)} to {plain(last)}; {due}.")
    return found


def approval_threshold(intent: Intent, snapshot: Snapshot, limits: Sequence[Limits]) -> list[str]:
    """An AUTO order worth more than so many rupees, or of a worth that is not known."""
    priced, found = unit_value(intent, snapshot), []
    for scope in limits:
        most = scope.approval_threshold
        if most is None:
            continue
        if priced is None:
            what = f"The worth of the order is not known, as {intent.symbol} has no price"
        elif intent.quantity * priced[0] <= most:
            continue
        else:
            what = f"An AUTO order worth {plain(intent.quantity * priced[0])} waits for a person"
        found.append(f"{what}; {due_to('approval_threshold', scope)}.")
    return found


def no_trade_window(intent: Intent, snapshot: Snapshot, limits: Sequence[Limits]) -> list[str]:
    """Hours of the day (IST) in which no entries are wanted."""
    now = snapshot.now.astimezone(IST)
    return [
        f"No entries between {window.start:%H:%M} and {window.end:%H:%M}; "
        f"{due_to('no_trade_windows', scope)}."
        for scope in limits
        for window in scope.no_trade_windows
        if window.contains(now)
    ]


def calendar_ends(intent: Intent, snapshot: Snapshot, limits: Sequence[Limits]) -> list[str]:
    """The market calendar does not say whether the market is open today; a person does."""
    if snapshot.market.covered:
        return []
    why = snapshot.market.state.rstrip(".") or "The market calendar does not reach this day"
    return [f"{why}: check that the market is open, then execute."]


def _measures_drift(intent: Intent, snapshot: Snapshot, limits: Sequence[Limits]) -> bool:
    """Whether STALE_ALERT has to know the last price for this order."""
    concerned = not (
        intent.simulated or _is_bounded(intent) or only_shrinks(intent, snapshot, intent.quantity)
    )
    return concerned and any(scope.stale_alert is not None for scope in limits)


def _is_bounded(intent: Intent) -> bool:
    """Whether the order's own limit is all that its alert said of the price."""
    return intent.reference_price is None and intent.order_type.needs_price


def _open_breakers(snapshot: Snapshot, code: Code) -> list[str]:
    return [
        f"{one.reason.rstrip('.') or code.text.rstrip('.')}, since "
        f"{one.since.astimezone(IST):%d %b %H:%M}: a person has to resume it."
        for one in snapshot.account.breakers
        if one.code is code
    ]


def _age(snapshot: Snapshot) -> timedelta | None:
    """How old the last price is; None when nobody knows."""
    at = snapshot.last_price_at
    return None if at is None else snapshot.now - at


GATES: tuple[GateRule, ...] = (
    GateRule(Code.TRADING_HALTED, trading_halted),
    GateRule(Code.BROKER_SESSION, broker_session),
    GateRule(Code.UNRESOLVED_UNKNOWN, unresolved_unknown),
    GateRule(
        Code.CIRCUIT_BREAKER,
        circuit_breaker,
        auto_only=True,
        settings=("circuit_breaker", "circuit_breaker_unknown"),
        unit="orders",
    ),
    GateRule(
        Code.REPEATED_EXECUTION,
        repeated_execution,
        auto_only=True,
        settings=("repeated_execution", "repeated_execution_minutes"),
        unit="orders, min",
    ),
    GateRule(
        Code.RECONCILIATION_GATE,
        reconciliation_gate,
        auto_only=True,
        spares_exits=True,
        live_only=True,
    ),
    GateRule(
        Code.CLOCK_SKEW,
        clock_skew,
        auto_only=True,
        live_only=True,
        settings=("clock_skew",),
        unit="s",
    ),
    GateRule(
        Code.STALE_REFERENCE,
        stale_reference,
        auto_only=True,
        settings=("stale_reference",),
        unit="s",
    ),
    GateRule(
        Code.STALE_ALERT,
        stale_alert,
        auto_only=True,
        spares_exits=True,
        live_only=True,
        settings=("stale_alert",),
        unit="%",
    ),
    GateRule(
        Code.APPROVAL_THRESHOLD,
        approval_threshold,
        auto_only=True,
        settings=("approval_threshold",),
        unit="₹",
    ),
    GateRule(
        Code.NO_TRADE_WINDOW,
        no_trade_window,
        spares_exits=True,
        settings=("no_trade_windows",),
        unit="hours (IST)",
    ),
    GateRule(Code.CALENDAR_ENDS, calendar_ends, auto_only=True, live_only=True),
)


def closed_gates(
    intent: Intent,
    snapshot: Snapshot,
    limits: Sequence[Limits],
    gates: Sequence[GateRule] = GATES,
) -> tuple[Gate, ...]:
    """Every gate that holds the order now."""
    exit_only = only_shrinks(intent, snapshot, intent.quantity)
    return tuple(
        Gate(rule.code, message)
        for rule in gates
        if not (rule.auto_only and intent.mode is not Mode.AUTO)
        and not (rule.live_only and intent.simulated)
        and not (rule.spares_exits and exit_only)
        for message in rule.judge(intent, snapshot, limits)
    )
