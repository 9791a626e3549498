"""What is used of the limits now, account by account and strategy by strategy."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from brokers.models import BrokerConnection
from risk import policy
from risk.engine.limits import Limits
from risk.engine.snapshot import StrategyFacts
from risk.engine.use import LimitUse, uses
from risk.models import RiskSettings
from trading.models import Strategy
from trading.services.account_facts import account_facts, read_prices
from trading.services.account_rows import read_account
from trading.services.connections import connection_for
from trading.services.day_pnl import day_facts
from trading.services.strategy_facts import capital_of, read_lots


@dataclass(frozen=True, slots=True)
class ScopeUse:
    """One scope's limits on one account, and the use of those that can be measured.

    `strategy` is None for GLOBAL.
    """

    connection: BrokerConnection
    strategy: Strategy | None
    limits: Limits
    uses: tuple[LimitUse, ...]

    @property
    def label(self) -> str:
        return f"{self.limits.label} on {self.connection.name}"


def scope_uses(
    now: datetime, connection_id: int | None = None, strategy_id: int | None = None
) -> list[ScopeUse]:
    """GLOBAL on each account that is switched on, then each strategy with limits of its own.

    Either id narrows it to that account or strategy. The queries grow with accounts and
    strategies, not with their history.
    """
    found = [] if strategy_id is not None else [_of_account(one, now) for one in _accounts()]
    found += _of_strategies(now, strategy_id)
    return [one for one in found if connection_id in (None, one.connection.pk)]


def _accounts() -> Iterable[BrokerConnection]:
    return BrokerConnection.objects.filter(enabled=True).order_by("name")


def _of_account(connection: BrokerConnection, now: datetime) -> ScopeUse:
    (limits,) = policy.limits_for(None, "")
    found = uses(limits, account_facts(connection, now))
    return ScopeUse(connection, None, limits, tuple(found))


def _of_strategies(now: datetime, strategy_id: int | None) -> list[ScopeUse]:
    rows = RiskSettings.objects.filter(strategy__archived=False)
    if strategy_id is not None:
        rows = rows.filter(strategy_id=strategy_id)
    found = []
    for row in rows.select_related("strategy__connection").order_by("strategy__name"):
        strategy = row.strategy
        assert strategy is not None
        connection, _ = connection_for(strategy)
        if connection is not None:
            limits = policy.limits_for(strategy.pk, strategy.name)[-1]
            found.append(_of_strategy(connection, strategy, limits, now))
    return found


def _of_strategy(
    connection: BrokerConnection, strategy: Strategy, limits: Limits, now: datetime
) -> ScopeUse:
    rows = read_account(connection, now)
    facts = StrategyFacts(
        day=day_facts(connection, now, strategy.pk),
        capital=capital_of(
            strategy.pk,
            read_lots(connection),
            rows.working,
            read_prices(connection, rows.instruments, now),
        ),
    )
    account = account_facts(connection, now, strategy.pk)
    found = uses(limits, account, facts, strategy.pk)
    return ScopeUse(connection, strategy, limits, tuple(found))
