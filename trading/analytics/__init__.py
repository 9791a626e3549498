"""What the closed trades add up to, for pages and API."""

from trading.analytics.filters import Filter
from trading.analytics.rebuild import Rebuild, current, pending_days, request_rebuild
from trading.analytics.report import Report, report, summary
from trading.analytics.trades import (
    TradeSummary,
    kinds_of,
    running_total,
    search_trades,
    summary_of,
    trades_page,
)

__all__ = [
    "Filter",
    "Rebuild",
    "Report",
    "TradeSummary",
    "current",
    "kinds_of",
    "pending_days",
    "report",
    "request_rebuild",
    "running_total",
    "search_trades",
    "summary",
    "summary_of",
    "trades_page",
]
