"""Past alerts under the limits in force, beside the same under limits to try."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from trading.models import Strategy
from trading.services import whatif
from trading.services.errors import ServiceError
from trading.web.forms import add_service_errors
from trading.web.what_if import MOST_ROWS, context_of
from trading.web.what_if_form import WhatIfForm


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """The form, filled in with the limits in force; a POST shows what they, and others, do.

    Nothing is stored: `?strategy=` says whose limits are tried, GLOBAL's without it.
    """
    strategy = _strategy(request)
    row = whatif.row_in_force(strategy.pk if strategy else None)
    form = WhatIfForm(row, request.POST or None, request.FILES or None)
    context: dict[str, Any] = {
        "form": form,
        "strategy": strategy,
        "all_strategies": Strategy.objects.filter(archived=False),
        "most_alerts": whatif.MOST_ALERTS,
        "most_rows": MOST_ROWS,
    }
    if request.method == "POST" and form.is_valid():
        try:
            context |= context_of(_look(form, strategy))
        except ServiceError as error:
            add_service_errors(form, error.errors or {"": [error.message]})
    status = 422 if request.method == "POST" and form.errors else 200
    return render(request, "risk/what_if.html", context, status=status)


def _strategy(request: HttpRequest) -> Strategy | None:
    """The strategy that the address or the form names; None for GLOBAL or nonsense."""
    text = request.POST.get("strategy") or request.GET.get("strategy") or ""
    if not (text.isascii() and text.isdecimal() and len(text) < 18):
        return None
    return Strategy.objects.filter(pk=int(text)).first()


def _look(form: WhatIfForm, strategy: Strategy | None) -> whatif.WhatIf:
    candidate = whatif.Candidate(
        settings=form.settings, strategy_id=strategy.pk if strategy else None
    )
    content = form.cleaned_data.get("csv")
    if content is not None:
        return whatif.of_file(content, candidate)
    return whatif.of_stored(form.cleaned_data.get("days") or whatif.USUAL_DAYS, candidate)
