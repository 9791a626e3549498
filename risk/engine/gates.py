"""Gates: temporary conditions under which nothing is sent. A gate holds an order, no more."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from risk.engine.denials import Code
from risk.engine.snapshot import Intent, Snapshot, only_shrinks
from trading.domain.values import Mode, TradingStateName


@dataclass(frozen=True, slots=True)
class Gate:
    """A closed gate and, for the person, why and what opens it."""

    code: Code
    message: str


@dataclass(frozen=True, slots=True)
class GateRule:
    """A gate of that code; `judge` returns one message for each cause, none when it is open."""

    code: Code
    judge: Callable[[Intent, Snapshot], list[str]]

    @property
    def description(self) -> str:
        return inspect.cleandoc(self.judge.__doc__ or "")


def trading_halted(intent: Intent, snapshot: Snapshot) -> list[str]:
    """Everything, the account or the strategy of the order is HALTED; resuming opens the gate."""
    return [
        f"Trading is halted for {s.label}{f': {s.reason}' if s.reason else ''}."
        for s in snapshot.states
        if s.state is TradingStateName.HALTED
    ]


def broker_session(intent: Intent, snapshot: Snapshot) -> list[str]:
    """The account has no valid broker session; logging in opens the gate."""
    if snapshot.session_ok:
        return []
    why = f" ({snapshot.session_error})" if snapshot.session_error else ""
    return [f"No valid broker session{why}: log in at the broker again."]


def unresolved_unknown(intent: Intent, snapshot: Snapshot) -> list[str]:
    """An order on this instrument has an unknown outcome: no entry and no AUTO order goes out.

    A person may still send an exit that only shrinks the position.
    """
    if not snapshot.unresolved_unknown:
        return []
    if intent.mode is Mode.MANUAL and only_shrinks(intent, snapshot, intent.quantity):
        return []
    text = f"An order on {intent.symbol} has an unknown outcome: resolve it first."
    return [f"{text} Until then only a person's exit is sent."]


GATES: tuple[GateRule, ...] = (
    GateRule(Code.TRADING_HALTED, trading_halted),
    GateRule(Code.BROKER_SESSION, broker_session),
    GateRule(Code.UNRESOLVED_UNKNOWN, unresolved_unknown),
)


def closed_gates(intent: Intent, snapshot: Snapshot) -> tuple[Gate, ...]:
    """Every gate that holds the order now."""
    return tuple(
        Gate(rule.code, message) for rule in GATES for message in rule.judge(intent, snapshot)
    )
