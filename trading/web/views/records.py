"""What came in."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from sigmatrader import clock
from trading import selectors
from trading.web.forms import AlertFilter
from trading.web.views.shared import number_in


@require_safe
def alerts(request: HttpRequest) -> HttpResponse:
    """Every stored alert with what became of it, newest first."""
    form = AlertFilter(request.GET)
    form.is_valid()
    rows = selectors.search_alerts(
        outcome=form.value("outcome") or "", text=(form.value("q") or "").strip()
    )
    page = selectors.page_of(
        rows,
        "received_at",
        older_than=number_in(request, "older"),
        newer_than=number_in(request, "newer"),
    )
    today = selectors.day_start(clock.now())
    context = {
        "form": form,
        "page": page,
        "filtered": any(form.value(name) for name in form.fields),
        "refused": selectors.refused_requests(today),
    }
    return render(request, "trading/alerts.html", context)
