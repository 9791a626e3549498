"""What the closed trades add up to, for pages and API."""

from trading.analytics.filters import Filter
from trading.analytics.rebuild import Rebuild, current, pending_days, request_rebuild
from trading.analytics.report import Report, report, summary
from trading.analytics.trades import (
    running_total,
    search_trades,
    trades_page,
)

__all__ = [
    "Filter",
    "Rebuild",
    "Report",
    "current",
    "pending_days",
    "report",
    "request_rebuild",
    "running_total",
    "search_trades",
    "summary",
    "trades_page",
]
