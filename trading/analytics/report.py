"""One report over all trades that meet a filter, from totals by day."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from sigmatrader import clock
from trading.analytics import execution, totals
from trading.analytics.exposure import exposure
from trading.analytics.filters import Filter
from trading.analytics.rebuild import Rebuild, current, pending_days
from trading.analytics.told import Untold, untold
from trading.domain.performance import (
    Distribution,
    Group,
    Point,
    Summary,
    Total,
    equity_of,
    middle,
    summary_of,
)
from trading.domain.session import trading_day
from trading.models import ChargeRate


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
    charges_by_broker: int = 0  # trades both of whose orders' charges the broker told
    charges_untold: list[Untold] = field(default_factory=list)
    pending_days: int = 0
    rebuild: Rebuild | None = None


def report(asked: Filter) -> Report:
    """Everything there is to say of the trades that meet `asked`."""
    rows = totals.totals_for(asked)
    days = totals.by_day(rows)
    whole = sum((total for _, total in days), Total())
    equity = equity_of((day, total.net) for day, total in days)
    sent = execution.newest_sent(asked)
    slippage, slippage_rupees = execution.slippage(sent)
    return Report(
        summary=summary_of(whole, equity, _median_holding(asked)),
        equity=equity,
        by_day=totals.day_groups(days),
        by_weekday=totals.weekday_groups(days),
        by_hour=totals.hour_groups(asked),
        by_symbol=totals.symbol_groups(asked),
        by_strategy=totals.strategy_groups(rows),
        slippage=slippage,
        slippage_rupees=slippage_rupees,
        latency=execution.latency(sent),
        exposure=exposure(asked),
        kinds=sorted(set(rows.values_list("connection__kind", flat=True).distinct())),
        charges_as_of=_charges_as_of(),
        charges_by_broker=whole.told,
        charges_untold=untold(asked),
        pending_days=pending_days(),
        rebuild=current(),
    )


def summary(asked: Filter) -> Summary:
    """The summary of `report` alone."""
    days = totals.by_day(totals.totals_for(asked))
    whole = sum((total for _, total in days), Total())
    equity = equity_of((day, total.net) for day, total in days)
    return summary_of(whole, equity, _median_holding(asked))


def _median_holding(asked: Filter) -> timedelta | None:
    newest = totals.trades_for(asked).order_by("-closed_at", "-pk")[: execution.NEWEST]
    spans = newest.values_list("opened_at", "closed_at")
    return middle(closed - opened for opened, closed in spans)


def _charges_as_of() -> date | None:
    """From when the youngest rates are that are in force."""
    today = trading_day(clock.now())
    rates = ChargeRate.objects.filter(valid_from__lte=today).order_by("-valid_from")
    return rates.values_list("valid_from", flat=True).first()
