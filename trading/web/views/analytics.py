"""What closed trades add up to: figures, pictures, the trades themselves, and their CSV."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from sigmatrader import clock
from trading import analytics, selectors
from trading.models import ClosedTrade
from trading.web.analytics_form import AnalyticsFilter
from trading.web.analytics_groups import group_figures
from trading.web.analytics_spread import spread_figures
from trading.web.analytics_time import exposure_figures, time_figures
from trading.web.csv_export import Column, csv_response, moment
from trading.web.views.shared import actor, back, number_in, told

_PAGE_SIZE = 20


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The figures of one kind of account: play money and real money are never added up."""
    form = _form(request)
    report = analytics.report(form.asked)
    trades = analytics.trades_page(
        form.asked,
        older_than=number_in(request, "older"),
        newer_than=number_in(request, "newer"),
        size=_PAGE_SIZE,
    )
    context: dict[str, Any] = {
        "form": form,
        "report": report,
        "summary": report.summary,
        "wide": time_figures(report),
        "narrow": [
            *group_figures(report),
            *exposure_figures(report),
            *spread_figures(report),
        ],
        "exposure": max(report.exposure, key=lambda one: one[1], default=None),
        "page": trades,
        "rebuild": report.rebuild,
    }
    return render(request, "trading/analytics.html", context)


@require_safe
def trades_csv(request: HttpRequest) -> HttpResponseBase:
    """Every trade that meets the page's filters, newest first."""
    rows = analytics.search_trades(_form(request).asked)
    return csv_response("trades", _COLUMNS, selectors.walk(rows, "closed_at"))


@require_http_methods(["GET", "HEAD", "POST"])
def rebuild(request: HttpRequest) -> HttpResponse:
    """POST asks the worker to make the totals anew; GET tells HTMX how far it is.

    When it has ended the page is loaded again, since its figures may be others.
    """
    if request.method == "POST":
        told(request, lambda: _asked_for(actor(request)))
        return back(request, "analytics")
    running = analytics.current()
    if running is None:
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return render(request, "trading/analytics.html#rebuilding", {"rebuild": running})


def _asked_for(name: str) -> str:
    analytics.request_rebuild(name)
    return "The worker makes the totals anew. You can go on meanwhile."


def _form(request: HttpRequest) -> AnalyticsFilter:
    return AnalyticsFilter(
        request.GET,
        kinds=selectors.kinds_in_use(),
        traded=selectors.kinds_with_trades(),
        today=clock.now().astimezone(clock.IST).date(),
    )


_COLUMNS: tuple[Column[ClosedTrade], ...] = (
    *moment("closed", lambda one: one.closed_at),
    *moment("opened", lambda one: one.opened_at),
    Column("account", lambda one: one.connection.name),
    Column("kind", lambda one: one.connection.kind),
    Column("strategy", lambda one: one.strategy.name if one.strategy else None),
    Column("exchange", lambda one: one.exchange),
    Column("symbol", lambda one: one.symbol),
    Column("product", lambda one: one.product),
    Column("side", lambda one: one.side),
    Column("quantity", lambda one: one.qty),
    Column("entry_price", lambda one: one.entry_price),
    Column("exit_price", lambda one: one.exit_price),
    Column("gross", lambda one: one.pnl),
    Column("charges", lambda one: one.charges),
    Column("net", lambda one: one.net),
    Column("net_r", lambda one: round(one.net_r, 4) if one.net_r is not None else None),
    Column("entry_order", lambda one: one.entry_order_id),
    Column("exit_order", lambda one: one.exit_order_id),
    Column("exit_reason", lambda one: one.exit_reason),
)
