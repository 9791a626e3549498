"""How much of each limit is used now, without any order: for bars on a page. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from risk.engine.denials import Code
from risk.engine.limits import Limits
from risk.engine.snapshot import AccountFacts, DayFacts, OpenPosition, StrategyFacts, WorkingOrder
from trading.domain.values import RiskScope


@dataclass(frozen=True, slots=True)
class LimitUse:
    """What is used of one limit of one scope.

    `used` is None when a price or a read is missing. `unit`: units, ₹, orders, trades, positions
    or losses. `where` names what is nearest to the limit: an instrument, an underlying, a segment.
    """

    code: Code
    setting: str
    limit: int | Decimal
    used: int | Decimal | None
    unit: str
    where: str = ""

    @property
    def percent(self) -> int | None:
        """How much of the limit is used, in whole percent; None while that is not known."""
        return None if self.used is None else percent_of(self.used, self.limit)

    @property
    def reached(self) -> bool:
        """Nothing more fits: a use that is not known counts as used up."""
        return self.used is None or self.used >= self.limit


def percent_of(used: int | Decimal, limit: int | Decimal) -> int | None:
    """`used` as whole percent of `limit`, rounded down: 100 is all of it, and of nothing too.

    None where there is no such share: of what is below zero or no number.
    """
    share, most = Decimal(used), Decimal(limit)
    if not (share.is_finite() and most.is_finite()) or share < 0 or most < 0:
        return None
    return int(100 * share / most) if most else 100


Amount = int | Decimal | None
Measure = tuple[Amount, str]


@dataclass(frozen=True, slots=True)
class _Picture:
    """What the measures look at: of the account, or of the strategy whose limits they are."""

    day: DayFacts
    positions: tuple[OpenPosition, ...]
    working: tuple[WorkingOrder, ...]
    capital: Decimal | None


def uses(
    limits: Limits,
    account: AccountFacts,
    strategy: StrategyFacts | None = None,
    strategy_id: int | None = None,
) -> list[LimitUse]:
    """The use of every limit of `limits` that is measured without an order, in a fixed order.

    `strategy` and its id: of the strategy whose limits they are; GLOBAL needs none.
    """
    whole = limits.scope is RiskScope.GLOBAL or strategy is None
    picture = _Picture(
        day=account.day if whole or strategy is None else strategy.day,
        positions=account.positions,
        working=tuple(one for one in account.working if whole or one.strategy_id == strategy_id),
        capital=strategy.capital if strategy else None,
    )
    found = []
    for code, setting, unit, measure in _MEASURES:
        limit = getattr(limits, setting)
        if limit is None or (setting == "strategy_budget" and strategy is None):
            continue
        used, where = measure(picture)
        found.append(LimitUse(code, setting, limit, used, unit, where))
    return found


def _loss(day: DayFacts) -> Decimal | None:
    return None if day.pnl is None else max(Decimal(0), -day.pnl)


def _extent(position: OpenPosition) -> int:
    """The most units, long or short, that it can have once its working orders fill."""
    return max(abs(position.longest), abs(position.shortest))


def _value(position: OpenPosition) -> Decimal | None:
    units = _extent(position)
    if not units:
        return Decimal(0)
    return None if position.price is None else units * position.price * position.multiplier


def _groups(positions: Iterable[OpenPosition]) -> dict[str, list[OpenPosition]]:
    """Positions by instrument and, where that is known, by underlying."""
    groups: dict[str, list[OpenPosition]] = {}
    for one in positions:
        for name in dict.fromkeys((one.instrument_key, one.underlying or one.instrument_key)):
            groups.setdefault(name, []).append(one)
    return groups


def _largest(
    groups: dict[str, list[OpenPosition]], worth: Callable[[OpenPosition], Amount]
) -> Measure:
    """The group with the most on one side; None as soon as a worth is not known."""
    most: int | Decimal = 0
    where = ""
    for name, members in groups.items():
        long: int | Decimal = 0
        short: int | Decimal = 0
        for one in members:
            amount = worth(one)
            if amount is None:
                return None, name
            if one.longest < 0 or (one.longest == 0 and one.shortest < 0):
                short = short + amount
            else:
                long = long + amount
        net = long - short if long >= short else short - long
        if net > most:
            most, where = net, name
    return most, where


def _gross(positions: Iterable[OpenPosition]) -> Measure:
    return _by_segment(positions, lambda _: 1)


def _net(positions: Iterable[OpenPosition]) -> Measure:
    return _by_segment(positions, lambda one: -1 if one.longest + one.shortest < 0 else 1)


def _by_segment(positions: Iterable[OpenPosition], sign: Callable[[OpenPosition], int]) -> Measure:
    totals: dict[str, Decimal] = {}
    for one in positions:
        value = _value(one)
        if value is None:
            return None, one.instrument_key
        totals[one.segment] = totals.get(one.segment, Decimal(0)) + sign(one) * value
    if not totals:
        return Decimal(0), ""
    segment = max(totals, key=lambda name: abs(totals[name]))
    return abs(totals[segment]), segment


def _sum(values: Iterable[Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _plainly(amount: Callable[[_Picture], Amount]) -> Callable[[_Picture], Measure]:
    """A measure that has no place."""
    return lambda picture: (amount(picture), "")


_MEASURES: Final[tuple[tuple[Code, str, str, Callable[[_Picture], Measure]], ...]] = (
    (Code.MAX_DAILY_LOSS, "max_daily_loss", "₹", _plainly(lambda seen: _loss(seen.day))),
    (
        Code.MAX_OPEN_POSITIONS,
        "max_open_positions",
        "positions",
        _plainly(lambda seen: sum(1 for one in seen.positions if _extent(one))),
    ),
    (
        Code.MAX_POSITION_QUANTITY,
        "max_position_quantity",
        "units",
        lambda seen: _largest(_groups(seen.positions), _extent),
    ),
    (
        Code.MAX_POSITION_VALUE,
        "max_position_value",
        "₹",
        lambda seen: _largest(_groups(seen.positions), _value),
    ),
    (Code.MAX_GROSS_EXPOSURE, "max_gross_exposure", "₹", lambda seen: _gross(seen.positions)),
    (Code.MAX_NET_EXPOSURE, "max_net_exposure", "₹", lambda seen: _net(seen.positions)),
    (
        Code.MAX_WORKING_ORDERS,
        "max_working_orders",
        "orders",
        _plainly(lambda seen: len(seen.working)),
    ),
    (
        Code.MAX_WORKING_ORDERS,
        "max_working_value",
        "₹",
        _plainly(lambda seen: _sum(one.value for one in seen.working)),
    ),
    (
        Code.MAX_ORDERS_PER_DAY,
        "max_orders_per_day",
        "orders",
        _plainly(lambda seen: seen.day.orders),
    ),
    (
        Code.MAX_TRADES_PER_DAY,
        "max_trades_per_day",
        "trades",
        _plainly(lambda seen: seen.day.trades),
    ),
    (
        Code.CONSECUTIVE_LOSSES,
        "consecutive_losses",
        "losses",
        _plainly(lambda seen: seen.day.losses_in_a_row),
    ),
    (Code.STRATEGY_BUDGET, "strategy_budget", "₹", _plainly(lambda seen: seen.capital)),
)
