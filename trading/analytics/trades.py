"""The closed trades themselves, and a sum that is read straight from them."""

from decimal import Decimal

from django.db.models import QuerySet

from trading.analytics.filters import Filter
from trading.analytics.totals import trades_for
from trading.models import ClosedTrade
from trading.selectors import PAGE_SIZE, Page, page_of


def search_trades(asked: Filter) -> QuerySet[ClosedTrade]:
    """Closed trades that meet `asked`, newest first."""
    rows = trades_for(asked).select_related("strategy", "connection")
    return rows.order_by("-closed_at", "-pk")


def trades_page(
    asked: Filter,
    *,
    older_than: int | None = None,
    newer_than: int | None = None,
    size: int = PAGE_SIZE,
) -> Page[ClosedTrade]:
    """Closed trades that meet `asked`, newest first, beside the trade with that id."""
    return page_of(
        search_trades(asked),
        "closed_at",
        older_than=older_than,
        newer_than=newer_than,
        size=size,
    )


def running_total(trades: QuerySet[ClosedTrade], limit: int = 500) -> list[Decimal]:
    """The P&L after each of the last `limit` trades, oldest first, starting from 0."""
    newest = list(trades.order_by("-closed_at", "-pk").values_list("pnl", flat=True)[:limit])
    totals = [Decimal(0)]
    for pnl in reversed(newest):
        totals.append(totals[-1] + pnl)
    return totals
