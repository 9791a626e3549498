"""The one entry point: what risk decides about an order, with every verdict on the way there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from risk.engine.denials import Code, Verdict
from risk.engine.gates import GATES, Gate, GateRule, closed_gates
from risk.engine.limits import Limits
from risk.engine.rules import RULES, Amount, Finding, HardRule, LimitRule, plain
from risk.engine.snapshot import Intent, Snapshot, only_shrinks
from trading.domain.values import ClampMode, RiskScope

Rules = Sequence[HardRule | LimitRule]


@dataclass(frozen=True, slots=True)
class Check:
    """One rule's verdict, kept with the order. Hard rules have the scope GLOBAL."""

    code: Code
    scope: RiskScope
    setting: str
    limit: Amount
    value: Amount
    verdict: Verdict
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What may be sent: `final_qty` units, 0 when denied.

    `outcome` and `gates` are independent: a closed gate holds an order whatever its verdict.
    `notes` are the texts of every clamp and denial in the order of the rules.
    """

    outcome: Verdict
    gates: tuple[Gate, ...]
    requested_qty: int
    final_qty: int
    notes: tuple[str, ...]
    checks: tuple[Check, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """The texts of the denials alone."""
        return tuple(c.message for c in self.checks if c.verdict is Verdict.DENY)

    def as_json(self, evaluated_at: datetime) -> dict[str, Any]:
        """The decision as it is stored on the order: money as text, `evaluated_at` in UTC."""
        return {
            "outcome": self.outcome.value,
            "requested_qty": self.requested_qty,
            "final_qty": self.final_qty,
            "notes": list(self.notes),
            "gates": [{"code": gate.code.value, "message": gate.message} for gate in self.gates],
            "checks": [
                {
                    "code": check.code.value,
                    "scope": check.scope.value,
                    "setting": check.setting,
                    "limit": _as_json(check.limit),
                    "value": _as_json(check.value),
                    "verdict": check.verdict.value,
                    "message": check.message,
                }
                for check in self.checks
            ],
            "evaluated_at": evaluated_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        }


@dataclass(slots=True)
class _Run:
    """The quantity on its way through the rules, and what they said.

    `entered` is what the hard rules left: denials are judged on it, whatever is cut later, so that
    no limit can make an order pass another limit. `quantity` is what every cut so far has left.
    """

    intent: Intent
    snapshot: Snapshot
    quantity: int
    entered: int
    shrinks: bool = False
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def hard(self, rule: HardRule) -> None:
        self._keep(rule, RiskScope.GLOBAL, rule.judge(self.intent, self.snapshot, self.quantity))

    def enter(self) -> None:
        """What is left now is the order that every other rule judges."""
        self.entered = self.quantity
        self.shrinks = only_shrinks(self.intent, self.snapshot, self.entered)

    def limit(self, rule: LimitRule, limits: Limits) -> None:
        if rule.live_only and self.intent.simulated:
            return
        clamps = rule.cuts and limits.clamp_mode is ClampMode.CLAMP
        shown = self.quantity if clamps else self.entered
        finding = rule.judge(self.intent, self.snapshot, limits, shown)
        if finding is not None:
            self._keep(rule, limits.scope, finding)

    def _keep(self, rule: HardRule | LimitRule, scope: RiskScope, finding: Finding) -> None:
        if self.shrinks and rule.spares_exits and finding.verdict is not Verdict.PASS:
            text = "Not applied: the order only shrinks a position."
            finding = replace(finding, verdict=Verdict.PASS, message=text)
        if finding.verdict is Verdict.CLAMP:
            # An exit is cut by a limit with REJECT too, which looks at all that entered.
            self.quantity = min(self.quantity, finding.quantity)
        if finding.verdict is not Verdict.PASS:
            self.notes.append(finding.message)
        self.checks.append(
            Check(
                rule.code,
                scope,
                rule.setting,
                finding.limit,
                finding.value,
                finding.verdict,
                finding.message,
            )
        )


def evaluate(
    intent: Intent,
    snapshot: Snapshot,
    limits: Sequence[Limits],
    rules: Rules = RULES,
    gates: Sequence[GateRule] = GATES,
) -> Decision:
    """Judge an order by every rule: the hard ones, then GLOBAL's limits, then the strategy's.

    What comes out is inside every limit, so the tighter one wins. All rules are evaluated even
    after a denial, and neither their order nor a tighter limit elsewhere can let more through.
    """
    run = _Run(intent, snapshot, intent.quantity, intent.quantity)
    hard = [rule for rule in rules if isinstance(rule, HardRule)]
    for rule in hard:
        if rule.cuts:
            run.hard(rule)
    run.enter()
    for rule in hard:
        if not rule.cuts:
            run.hard(rule)
    for scope in sorted(limits, key=lambda scope: scope.scope is not RiskScope.GLOBAL):
        for limit in rules:
            if isinstance(limit, LimitRule):
                run.limit(limit, scope)
    return _decision(run, closed_gates(intent, snapshot, limits, gates))


def _decision(run: _Run, gates: tuple[Gate, ...]) -> Decision:
    asked = run.intent.quantity
    denied = any(check.verdict is Verdict.DENY for check in run.checks)
    outcome = Verdict.DENY if denied else Verdict.CLAMP if run.quantity < asked else Verdict.PASS
    return Decision(
        outcome=outcome,
        gates=gates,
        requested_qty=asked,
        final_qty=0 if denied else run.quantity,
        notes=tuple(run.notes),
        checks=tuple(run.checks),
    )


def _as_json(amount: Amount) -> int | str | bool:
    return plain(amount) if isinstance(amount, Decimal) else amount
