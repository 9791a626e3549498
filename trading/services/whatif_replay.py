"""Walk orders of the past through limits, with the engine that judges every order. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from risk.engine.denials import Verdict
from risk.engine.evaluate import Decision, evaluate
from risk.engine.limits import Limits
from trading.domain.session import trading_day
from trading.services.whatif_account import ReplayAccount
from trading.services.whatif_orders import OpeningLot, PastOrder

LimitsByStrategy = Mapping[int | None, Sequence[Limits]]


class Outcome(StrEnum):
    """What becomes of an order. HOLD: a gate leaves it to a person. NOTHING: an exit without
    anything to close, of which no order is made."""

    PASS = "PASS"
    CLAMP = "CLAMP"
    HOLD = "HOLD"
    DENY = "DENY"
    NOTHING = "NOTHING"


STOPS = (Outcome.CLAMP, Outcome.HOLD, Outcome.DENY)


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule or gate that cut, held or denied an order. A gate has neither scope nor setting."""

    outcome: Outcome
    code: str
    scope: str
    setting: str
    text: str

    @property
    def rule(self) -> tuple[str, str, str]:
        return self.code, self.scope, self.setting


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the limits say of one order: of `asked` units `quantity` are sent.

    `realised`: what its fill earned by closing; None when it is not filled.
    """

    outcome: Outcome
    asked: int
    quantity: int
    reasons: tuple[Reason, ...] = ()
    realised: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One order, judged by the limits in force and, where others are tried, by those."""

    order: PastOrder
    now: Judgement
    tried: Judgement | None = None

    @property
    def differs(self) -> bool:
        return self.tried is not None and (
            (self.now.outcome, self.now.quantity) != (self.tried.outcome, self.tried.quantity)
        )

    @property
    def stopped(self) -> bool:
        """Whether either cuts, holds or denies the order."""
        return any(one.outcome in STOPS for one in (self.now, self.tried) if one)


@dataclass(slots=True)
class Tally:
    """How many orders had each outcome, and the P&L of the fills."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    pnl: Decimal = Decimal(0)

    def count(self, outcome: Outcome) -> int:
        return self.outcomes[outcome]

    @property
    def orders(self) -> int:
        return self.outcomes.total()


@dataclass(slots=True)
class Walk:
    """What one set of limits did: its judgements, in the order of the orders, and the sums."""

    judgements: list[Judgement] = field(default_factory=list)
    total: Tally = field(default_factory=Tally)
    by_day: dict[date, Tally] = field(default_factory=lambda: defaultdict(Tally))
    by_strategy: dict[int | None, Tally] = field(default_factory=lambda: defaultdict(Tally))
    by_rule: dict[tuple[str, str, str], Counter[Outcome]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    without_price: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """Orders walked through the limits in force and through others; `tried` None: no others.

    `unfinished`: orders that time did not allow; the newest ones.
    """

    rows: tuple[Row, ...]
    now: Walk
    tried: Walk | None
    unfinished: int = 0


def replay(
    orders: Sequence[PastOrder],
    now: LimitsByStrategy,
    tried: LimitsByStrategy | None = None,
    opening: Iterable[OpeningLot] = (),
    keep_going: Callable[[], bool] = lambda: True,
) -> Report:
    """Judge `orders`, which are in time order, by one or two sets of limits.

    Each set has accounts of its own, beginning with `opening`: what it lets through is filled in
    them, and so changes what the next orders meet. Stops early when `keep_going` says no.
    """
    lots = tuple(opening)
    one = _Replay(now, lots)
    other = _Replay(tried, lots) if tried is not None else None
    done = 0
    for order in orders:
        if not keep_going():
            break
        one.judge(order)
        if other is not None:
            other.judge(order)
        done += 1
    one.finish()
    if other is not None:
        other.finish()
    second = other.walk.judgements if other is not None else [None] * done
    rows = tuple(map(Row, orders[:done], one.walk.judgements, second))
    return Report(rows, one.walk, other.walk if other else None, len(orders) - done)


class _Replay:
    """One set of limits with the accounts that it leads to."""

    def __init__(self, limits: LimitsByStrategy, opening: Sequence[OpeningLot]) -> None:
        self._limits = limits
        self._opening = opening
        self._accounts: dict[int, ReplayAccount] = {}
        self.walk = Walk()

    def judge(self, order: PastOrder) -> None:
        account = self._account(order)
        account.see(order)
        intent = account.intent_of(order)
        if order.closes_all and not intent.quantity:
            self._keep(order, Judgement(Outcome.NOTHING, 0, 0))
            return
        limits = self._limits[intent.strategy_id]
        decision = evaluate(intent, account.snapshot(order, intent), limits)
        outcome, realised = outcome_of(decision), None
        sent = decision.final_qty if outcome in (Outcome.PASS, Outcome.CLAMP) else 0
        if sent:
            realised = account.fill(order, intent, sent, limits)
            self.walk.without_price += realised is None
        reasons = reasons_of(decision)
        self._keep(order, Judgement(outcome, intent.quantity, sent, reasons, realised))

    def finish(self) -> None:
        for account in self._accounts.values():
            account.finish()
            for day, pnl in account.by_day.items():
                self.walk.by_day[day].pnl += pnl
                self.walk.total.pnl += pnl
            for strategy_id, pnl in account.by_strategy.items():
                if pnl or strategy_id in self.walk.by_strategy:
                    self.walk.by_strategy[strategy_id].pnl += pnl

    def _account(self, order: PastOrder) -> ReplayAccount:
        number = order.account.connection_id
        if number not in self._accounts:
            mine = [lot for lot in self._opening if lot.connection_id == number]
            self._accounts[number] = ReplayAccount(order.account, mine)
        return self._accounts[number]

    def _keep(self, order: PastOrder, judgement: Judgement) -> None:
        walk = self.walk
        walk.judgements.append(judgement)
        tallies = (
            walk.total,
            walk.by_day[trading_day(order.at)],
            walk.by_strategy[order.intent.strategy_id],
        )
        for tally in tallies:
            tally.outcomes[judgement.outcome] += 1
        for rule, outcome in {(reason.rule, reason.outcome) for reason in judgement.reasons}:
            walk.by_rule[rule][outcome] += 1


def outcome_of(decision: Decision) -> Outcome:
    """A denial stays one whatever the gates; a closed gate holds what would pass."""
    if decision.outcome is Verdict.DENY:
        return Outcome.DENY
    if decision.gates:
        return Outcome.HOLD
    return Outcome(decision.outcome.value)


def reasons_of(decision: Decision) -> tuple[Reason, ...]:
    """Every rule that cut or denied, then every gate that is closed."""
    rules = [
        Reason(Outcome(check.verdict.value), check.code, check.scope, check.setting, check.message)
        for check in decision.checks
        if check.verdict is not Verdict.PASS
    ]
    gates = [Reason(Outcome.HOLD, gate.code, "", "", gate.message) for gate in decision.gates]
    return (*rules, *gates)
