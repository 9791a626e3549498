"""Every alert that came in with the right secret, what became of it, and why."""

from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from sigmatrader import clock
from trading import selectors
from trading.models import Alert
from trading.web.chips import Chip, chip_of
from trading.web.forms import AlertFilter
from trading.web.listing import listing_of
from trading.web.search import search_alerts
from trading.web.views.shared import is_htmx

_MAX_ID: Final = 2**63 - 1


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Alerts newest first; for HTMX the list alone, 204 when nothing has changed since `v`."""
    token = selectors.orders_token()
    if is_htmx(request) and request.GET.get("v") == token:
        return HttpResponse(status=204)
    form = AlertFilter(request.GET)
    form.is_valid()
    rows = search_alerts(
        outcome=form.value("outcome") or "",
        strategy_id=form.strategy_id,
        first_day=form.value("from_day"),
        last_day=form.value("to_day"),
        text=(form.value("q") or "").strip(),
    )
    listing = listing_of(request, rows, "received_at")
    context = {
        "token": token,
        "form": form,
        "listing": listing,
        "page": listing.page,
        "filtered": any(form.value(name) for name in form.fields),
        "chips": _chips(form),
        "refused": selectors.refused_requests(selectors.day_start(clock.now())),
    }
    template = "trading/alerts.html#live" if is_htmx(request) else "trading/alerts.html"
    return render(request, template, context)


def _chips(form: AlertFilter) -> list[Chip]:
    today = f"{clock.now().astimezone(clock.IST):%Y-%m-%d}"
    refused = Alert.objects.filter(
        outcome=Alert.Outcome.REJECTED, received_at__gte=selectors.day_start(clock.now())
    ).count()
    return [
        chip_of(form, "All"),
        chip_of(form, "Today", from_day=today),
        chip_of(form, "Refused today", refused, outcome="REJECTED", from_day=today),
        chip_of(form, "Refused", outcome="REJECTED"),
        chip_of(form, "Ignored", outcome="IGNORED"),
    ]


@require_safe
def detail(request: HttpRequest, alert_id: int) -> HttpResponse:
    """One alert: the message as it arrived, what was read in it, and what became of it."""
    rows = Alert.objects.select_related("strategy").prefetch_related("orders__connection")
    alert = rows.filter(pk=alert_id).first() if alert_id <= _MAX_ID else None
    if alert is None:
        raise Http404(f"There is no alert {alert_id}.")
    return render(request, "trading/alert.html", {"alert": alert})
