"""The closed trades themselves, and sums that are read straight from them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Count, Max, Q, QuerySet, Sum

from trading.analytics.filters import Filter, named
from trading.models import ClosedTrade
from trading.selectors import Page, between_days, page_of


def search_trades(
    *,
    strategy_id: int | None = None,
    kind: str = "",
    symbol: str = "",
    first_day: date | None = None,
    last_day: date | None = None,
) -> QuerySet[ClosedTrade]:
    """Closed trades, newest first. Days are IST, both included. `kind`: of the account. `symbol`:
    NSE:INFY, or INFY on any exchange."""
    rows = ClosedTrade.objects.select_related("strategy", "connection")
    if strategy_id is not None:
        rows = rows.filter(strategy_id=strategy_id)
    if kind:
        rows = rows.filter(connection__kind=kind)
    if symbol:
        rows = rows.filter(**named(symbol))
    return between_days(rows, "closed_at", first_day, last_day)


@dataclass(frozen=True, slots=True)
class TradeSummary:
    """Totals over closed trades, in rupees before charges; None where nothing can be said."""

    count: int
    wins: int
    losses: int
    pnl: Decimal
    won: Decimal
    lost: Decimal  # zero or negative
    best: Decimal | None
    worst: Decimal | None

    @property
    def win_rate(self) -> Decimal | None:
        return Decimal(100 * self.wins) / self.count if self.count else None

    @property
    def average_win(self) -> Decimal | None:
        return self.won / self.wins if self.wins else None

    @property
    def average_loss(self) -> Decimal | None:
        return self.lost / self.losses if self.losses else None

    @property
    def profit_factor(self) -> Decimal | None:
        return self.won / -self.lost if self.lost else None

    @property
    def expectancy(self) -> Decimal | None:
        return self.pnl / self.count if self.count else None


def summary_of(trades: QuerySet[ClosedTrade]) -> TradeSummary:
    won, lost = Q(pnl__gt=0), Q(pnl__lt=0)
    row = trades.order_by().aggregate(
        count=Count("id"),
        wins=Count("id", filter=won),
        losses=Count("id", filter=lost),
        total=Sum("pnl"),
        won=Sum("pnl", filter=won),
        lost=Sum("pnl", filter=lost),
        best=Max("pnl"),
    )
    worst = trades.order_by("pnl").values_list("pnl", flat=True).first()
    zero = Decimal(0)
    return TradeSummary(
        count=row["count"],
        wins=row["wins"],
        losses=row["losses"],
        pnl=row["total"] or zero,
        won=row["won"] or zero,
        lost=row["lost"] or zero,
        best=row["best"],
        worst=worst,
    )


def running_total(trades: QuerySet[ClosedTrade], limit: int = 500) -> list[Decimal]:
    """The P&L after each of the last `limit` trades, oldest first, starting from 0."""
    newest = list(trades.order_by("-closed_at", "-pk").values_list("pnl", flat=True)[:limit])
    totals = [Decimal(0)]
    for pnl in reversed(newest):
        totals.append(totals[-1] + pnl)
    return totals


def kinds_of(trades: QuerySet[ClosedTrade]) -> list[str]:
    """The kinds of account whose trades these are: LIVE, PAPER, SIMULATOR."""
    return sorted(trades.order_by().values_list("connection__kind", flat=True).distinct())


def trades_page(
    asked: Filter, *, older_than: int | None = None, newer_than: int | None = None
) -> Page[ClosedTrade]:
    """Closed trades that meet `asked`, newest first, beside the trade with that id."""
    rows = search_trades(
        strategy_id=asked.strategy_id,
        kind=asked.kind,
        symbol=asked.symbol,
        first_day=asked.first_day,
        last_day=asked.last_day,
    )
    return page_of(rows, "closed_at", older_than=older_than, newer_than=newer_than)
