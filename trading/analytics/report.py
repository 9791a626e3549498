"""One report over all trades that meet a filter, from totals by day."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from trading.analytics.filters import Filter
from trading.analytics.rebuild import Rebuild
from trading.domain.performance import Distribution, Group, Point, Summary


@dataclass(frozen=True, slots=True)
class Report:
    """Rupees; days and hours are IST. Groups by day, weekday and hour are in order of time
    (keys 2026-11-27, 0 to 6 from Monday, 9 to 23), by symbol and strategy the best net first.

    `exposure`: the highest value of open positions of each day, at their entry prices.
    Distributions are over the newest orders that meet the filter, see docs/analytics.md.
    `pending_days`: days of accounts that the worker has yet to add up: their trades are missing.
    """

    summary: Summary
    equity: list[Point] = field(default_factory=list)
    by_day: list[Group] = field(default_factory=list)
    by_weekday: list[Group] = field(default_factory=list)
    by_hour: list[Group] = field(default_factory=list)
    by_symbol: list[Group] = field(default_factory=list)
    by_strategy: list[Group] = field(default_factory=list)
    slippage: Distribution | None = None  # bps of the alert's price, adverse is positive
    slippage_rupees: Distribution | None = None
    latency: dict[str, Distribution] = field(default_factory=dict)
    exposure: list[tuple[date, Decimal]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)  # of the accounts whose trades are added up
    charges_as_of: date | None = None
    charges_by_broker: int = 0
    pending_days: int = 0
    rebuild: Rebuild | None = None


def report(asked: Filter) -> Report:
    """Everything there is to say of the trades that meet `asked`."""
    raise NotImplementedError
