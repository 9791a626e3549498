"""What was earned."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from trading import analytics, selectors
from trading.web.forms import TradeFilter
from trading.web.views.shared import number_in


@require_safe
def trades(request: HttpRequest) -> HttpResponse:
    """Closed trades and what they add up to; what of different kinds is added up says so."""
    form = TradeFilter(request.GET)
    form.is_valid()
    rows = analytics.search_trades(
        strategy_id=form.strategy_id,
        kind=form.kind,
        first_day=form.value("from_day"),
        last_day=form.value("to_day"),
    )
    page = selectors.page_of(
        rows,
        "closed_at",
        older_than=number_in(request, "older"),
        newer_than=number_in(request, "newer"),
    )
    kinds = analytics.kinds_of(rows)
    context = {
        "form": form,
        "page": page,
        "summary": analytics.summary_of(rows),
        "curve": analytics.running_total(rows),
        "filtered": any(form.value(name) for name in form.fields),
        "mixed": kinds if len(kinds) > 1 else [],
    }
    return render(request, "trading/analytics.html", context)
