"""What is used now of every limit that can be used up, on every account that trades.

The queries are a few for each account and each strategy with limits of its own, whatever their
history. What no limit looks at is not read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from brokers.models import BrokerConnection, PriceTick
from risk import policy
from risk.engine.denials import Code
from risk.engine.limits import Limits
from risk.engine.snapshot import AccountFacts, DayFacts, StrategyFacts
from risk.engine.use import LimitUse, uses
from trading.domain.values import InstrumentKey
from trading.models import Strategy
from trading.services import limiter
from trading.services.account_facts import facts_of, others_of, read_prices
from trading.services.account_rows import AccountRows, read_account
from trading.services.connections import accounts_of
from trading.services.day_pnl import day_facts, day_start
from trading.services.instrument_facts import Listing, read_listing
from trading.services.strategy_facts import Lot, read_lots, standing_of

# From this share of a limit on, in percent, a person should know of it.
NEARLY = 80
_OF_THE_DAY = frozenset(
    {"max_daily_loss", "max_orders_per_day", "max_trades_per_day", "consecutive_losses"}
)


@dataclass(frozen=True, slots=True)
class ScopeUse:
    """The use of one scope's limits on one account; `strategy` is None for GLOBAL.

    GLOBAL's has the account's own limit of orders a day too.
    """

    connection: BrokerConnection
    strategy: Strategy | None
    limits: Limits
    uses: tuple[LimitUse, ...]

    @property
    def label(self) -> str:
        """For people: "GLOBAL on paper", "supertrend on zerodha"."""
        return f"{self.strategy.name if self.strategy else 'GLOBAL'} on {self.connection.name}"


def nearly_used(found: Iterable[ScopeUse]) -> list[tuple[ScopeUse, LimitUse]]:
    """The limits of which `NEARLY` percent or more is used, the fullest first.

    What is not known is not among them: it may be nothing at all.
    """
    near = [
        (use.percent, scope, use)
        for scope in found
        for use in scope.uses
        if use.percent is not None and use.percent >= NEARLY
    ]
    near.sort(key=lambda one: one[0], reverse=True)
    return [(scope, use) for _, scope, use in near]


def limit_use(
    now: datetime, *, connection_id: int | None = None, strategy_id: int | None = None
) -> list[ScopeUse]:
    """The use of GLOBAL's limits on each account that is switched on, and of each strategy's own
    limits on its account.

    `connection_id`: of that account alone. `strategy_id`: of that strategy's own limits alone.
    """
    return list(_each(now, connection_id, strategy_id))


def _each(now: datetime, connection_id: int | None, strategy_id: int | None) -> Iterator[ScopeUse]:
    accounts = BrokerConnection.objects.filter(enabled=True).order_by("-is_default", "name")
    if connection_id is not None:
        accounts = accounts.filter(pk=connection_id)
    scopes = [
        (scope.limits, scope.row.strategy if scope.row else None)
        for scope in policy.limits_of_all()
    ]
    if strategy_id is not None:
        scopes = [one for one in scopes if one[1] is not None and one[1].pk == strategy_id]
    homes = accounts_of(strategy for _, strategy in scopes if strategy is not None)
    for account in accounts:
        reads = _Reads(account, now)
        for limits, strategy in scopes:
            if strategy is None:
                yield ScopeUse(account, None, limits, tuple(reads.of_account(limits)))
            elif homes.get(strategy.pk) == account and not strategy.archived:
                yield ScopeUse(
                    account, strategy, limits, tuple(reads.of_strategy(limits, strategy))
                )


class _Reads:
    """What the scopes of one account share, read once and when it is first needed."""

    def __init__(self, connection: BrokerConnection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def of_account(self, limits: Limits) -> list[LimitUse]:
        wanted = _measured(limits, None)
        found = uses(limits, self._facts(self._day(wanted, None))) if wanted else []
        return found + self._orders_a_day()

    def of_strategy(self, limits: Limits, strategy: Strategy) -> list[LimitUse]:
        wanted = _measured(limits, StrategyFacts())
        if not wanted:
            return []
        standing = standing_of(
            strategy.pk,
            others_of(self._rows, None),
            self._lots if "strategy_budget" in wanted else (),
            self._prices,
            day=self._day(wanted, strategy.pk),
        )
        return uses(limits, self._facts(None), standing, strategy.pk)

    def _orders_a_day(self) -> list[LimitUse]:
        limit = self._connection.orders_per_day
        if limit is None:
            return []
        sent = limiter.used_in(self._connection, "day", day_start(self._now))
        return [LimitUse(Code.ORDER_RATE, "orders_per_day", limit, sent, "orders")]

    def _day(self, wanted: frozenset[str], strategy_id: int | None) -> DayFacts | None:
        if not wanted & _OF_THE_DAY:
            return None
        return day_facts(self._connection, self._now, strategy_id)

    def _facts(self, day: DayFacts | None) -> AccountFacts:
        return facts_of(
            self._rows, self._listing, self._prices, breakers=(), day=day, with_margin=False
        )

    @cached_property
    def _rows(self) -> AccountRows:
        return read_account(self._connection, self._now)

    @cached_property
    def _listing(self) -> Listing:
        return read_listing(self._rows.instruments)

    @cached_property
    def _prices(self) -> dict[InstrumentKey, PriceTick]:
        return read_prices(self._connection, self._rows.instruments, self._now)

    @cached_property
    def _lots(self) -> list[Lot]:
        return read_lots(self._connection)


def _measured(limits: Limits, strategy: StrategyFacts | None) -> frozenset[str]:
    """The settings of the scope that are set and can be used up."""
    return frozenset(one.setting for one in uses(limits, AccountFacts(), strategy))
