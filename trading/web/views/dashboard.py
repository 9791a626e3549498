"""The dashboard: how today stands, what needs a person first, and how to begin."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from brokers.models import BrokerConnection, ConnectionKind
from trading import analytics, selectors
from trading.models import Alert, ClosedTrade, Fill, Order, OrderEvent
from trading.selectors import ProfitAndLoss
from trading.web.attention import attention
from trading.web.context import current_desk
from trading.web.first_steps import COOKIE, HIDDEN, checklist, first_order_done
from trading.web.latency import stages
from trading.web.views.shared import is_htmx

_EVENTS_SHOWN = 12
_REMEMBERED: Final = timedelta(days=400)  # as long as a browser keeps anything


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The dashboard; for HTMX its live part alone, 204 when nothing has changed since `v`."""
    desk = current_desk()
    token = f"{selectors.change_token()}-{desk.worker.tone}-{desk.broker.word}"
    if is_htmx(request) and request.GET.get("v") == token:
        return HttpResponse(status=204)
    today = selectors.day_start(desk.now)
    context = {
        "desk": desk,
        "token": token,
        "books": _books(today),
        "attention": attention(desk, today),
        "orders_today": Order.objects.filter(created_at__gte=today).count(),
        "alerts_today": Alert.objects.filter(received_at__gte=today).count(),
        "fills_today": Fill.objects.filter(at__gte=today).count(),
        "stages": stages(today),
        "events": OrderEvent.objects.select_related("order").order_by("-at", "-pk")[:_EVENTS_SHOWN],
        **_first_steps(request),
    }
    template = "trading/dashboard.html#live" if is_htmx(request) else "trading/dashboard.html"
    return render(request, template, context)


def _first_steps(request: HttpRequest) -> dict[str, Any]:
    if request.COOKIES.get(COOKIE) == HIDDEN:
        return {"steps_hidden": True}
    steps = checklist()
    done = sum(step.done for step in steps)
    return {
        "steps": steps,
        "steps_done": done,
        "steps_open": done < len(steps),
        "steps_hideable": first_order_done(),
    }


@require_POST
def first_steps(request: HttpRequest) -> HttpResponse:
    """Hide the first steps in this browser, or with `show` bring them back."""
    response = redirect("dashboard")
    if "show" in request.POST:
        response.delete_cookie(COOKIE, samesite="Lax")
        return response
    response.set_cookie(
        COOKIE,
        HIDDEN,
        max_age=_REMEMBERED,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


@dataclass(frozen=True, slots=True)
class Book:
    """Today's profit and loss of one kind of account, and how it came about."""

    figures: ProfitAndLoss
    curve: list[Decimal]


def _books(today: datetime) -> list[Book]:
    """Live first; the simulator where there is one, and paper, which beside another only shows
    when something is on it. Kinds are never added up."""
    kinds = set(BrokerConnection.objects.values_list("kind", flat=True)) | {ConnectionKind.PAPER}
    books = [
        Book(
            selectors.profit_and_loss(today, kind=kind),
            analytics.running_total(
                ClosedTrade.objects.filter(connection__kind=kind, closed_at__gte=today)
            ),
        )
        for kind in (ConnectionKind.LIVE, ConnectionKind.SIMULATOR, ConnectionKind.PAPER)
        if kind in kinds
    ]
    return [book for book in books if len(books) == 1 or not _is_idle_paper(book.figures)]


def _is_idle_paper(figures: ProfitAndLoss) -> bool:
    moved = figures.total or figures.open_positions or figures.closed_trades
    return figures.kind == ConnectionKind.PAPER and not moved
