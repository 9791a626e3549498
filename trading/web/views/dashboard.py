"""The dashboard: how today stands, what needs a person first, and how to begin."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from brokers.models import BrokerConnection, ConnectionKind
from risk.engine.use import LimitUse
from risk.models import POSITIVE_LIMITS, RiskSettings
from sigmatrader import clock
from trading import analytics, selectors
from trading.domain import coverage
from trading.domain.order import Status
from trading.domain.session import trading_day
from trading.domain.values import Origin
from trading.models import Alert, ClosedTrade, Fill, Order, OrderEvent, Strategy
from trading.selectors import ProfitAndLoss
from trading.services import calendar
from trading.services.connections import default_connection
from trading.services.limit_use import ScopeUse, limit_use, nearly_used
from trading.templatetags.limits import setting_name, use_limit, use_used
from trading.web.limits import use_anchor
from trading.web.views.shared import is_htmx

_SHOWN = 6
_EVENTS_SHOWN = 12
_REFUSED = (Status.FAILED, Status.REJECTED, Status.REJECTED_RISK)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a new system's checklist."""

    done: bool
    title: str
    text: str
    url: str
    action: str


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that a person should look at; the most urgent first."""

    word: str
    title: str
    text: str
    url: str
    order: Order | None = None


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The dashboard; for HTMX its live part alone, 204 when nothing has changed since `v`."""
    token = selectors.change_token()
    if is_htmx(request) and request.GET.get("v") == token:
        return HttpResponse(status=204)
    now = clock.now()
    today = selectors.day_start(now)
    steps = checklist()
    context = {
        "token": token,
        "steps": steps,
        "steps_done": sum(step.done for step in steps),
        "steps_open": any(not step.done for step in steps),
        "books": _books(today),
        "attention": attention(today),
        "orders_today": Order.objects.filter(created_at__gte=today).count(),
        "alerts_today": Alert.objects.filter(received_at__gte=today).count(),
        "fills_today": Fill.objects.filter(at__gte=today).count(),
        "latency": analytics.dispatch_latency(today),
        "events": OrderEvent.objects.select_related("order").order_by("-at", "-pk")[:_EVENTS_SHOWN],
    }
    template = "trading/dashboard.html#live" if is_htmx(request) else "trading/dashboard.html"
    return render(request, template, context)


@dataclass(frozen=True, slots=True)
class Book:
    """Today's profit and loss of one kind of account, and how it came about."""

    figures: ProfitAndLoss
    curve: list[Decimal]


def _books(today: datetime) -> list[Book]:
    """Live first; the simulator where there is one, and paper. Kinds are never added up."""
    kinds = set(BrokerConnection.objects.values_list("kind", flat=True)) | {ConnectionKind.PAPER}
    return [
        Book(
            selectors.profit_and_loss(today, kind=kind),
            analytics.running_total(
                ClosedTrade.objects.filter(connection__kind=kind, closed_at__gte=today)
            ),
        )
        for kind in (ConnectionKind.LIVE, ConnectionKind.SIMULATOR, ConnectionKind.PAPER)
        if kind in kinds
    ]


def attention(today: datetime) -> list[Attention]:
    """Unknown outcomes, limits that are nearly used up, today's refusals, orders set aside from
    AUTO, refused alerts, and what the market calendar lacks."""
    found = [
        _about(order, order.error_message or "The broker may or may not have this order.")
        for order in Order.objects.filter(status=Status.UNKNOWN).order_by("pk")[:_SHOWN]
    ]
    found += [
        _nearly_used(scope, use) for scope, use in nearly_used(limit_use(clock.now()))[:_SHOWN]
    ]
    refused = Order.objects.filter(status__in=_REFUSED, finished_at__gte=today)
    found += [
        _about(order, order.error_message)
        for order in refused.order_by("-finished_at", "-pk")[:_SHOWN]
    ]
    aside = Order.objects.filter(status=Status.WAITING).exclude(set_aside_reason="")
    found += [
        _about(order, order.set_aside_reason, f"{reverse('queue')}#order-{order.pk}")
        for order in aside.order_by("pk")[:_SHOWN]
    ]
    rejected = Alert.objects.filter(outcome=Alert.Outcome.REJECTED, received_at__gte=today)
    if count := rejected.count():
        found.append(
            Attention(
                "REJECTED",
                "1 alert" if count == 1 else f"{count} alerts",
                "Refused today: the reason and the fix are on the alerts page.",
                f"{reverse('alerts')}?outcome=REJECTED",
            )
        )
    found += [
        Attention(
            "CALENDAR", "Market calendar", text, reverse("admin:trading_marketday_changelist")
        )
        for text in coverage.warnings(calendar.current(), trading_day(clock.now()))
    ]
    return found


def _about(order: Order, text: str, url: str = "") -> Attention:
    where = url or reverse("order", args=[order.pk])
    return Attention(order.status, order.symbol, text, where, order)


def _nearly_used(scope: ScopeUse, use: LimitUse) -> Attention:
    where = f" ({use.where})" if use.where else ""
    return Attention(
        "LIMIT REACHED" if use.reached else "LIMIT",
        f"{setting_name(use.setting)}: {use.percent} % used",
        f"{use_used(use)} of {use_limit(use)} in {scope.label}{where}.",
        f"{reverse('risk')}#{use_anchor(scope)}",
    )


def _where_first_orders_go() -> str:
    """The account of an alert that names no known strategy, in words."""
    account = default_connection()
    if account is None:
        return "as soon as there is an account"
    return {
        ConnectionKind.PAPER: "on paper",
        ConnectionKind.SIMULATOR: f"through {account.name}, at the simulator",
    }.get(ConnectionKind(account.kind), f"through {account.name}, with real money")


def checklist() -> list[Step]:
    """What a new system needs, in order."""
    where = _where_first_orders_go()
    accepted = Alert.objects.filter(outcome=Alert.Outcome.ACCEPTED).exists()
    settings_url = reverse("settings")
    limits = RiskSettings.objects.all()
    limited = any(
        limits.filter(**{f"{limit}__isnull": False}).exists() for limit in POSITIVE_LIMITS
    )
    return [
        Step(
            accepted,
            "Copy the webhook secret",
            "Alerts must carry it. It is shown on the settings page when you ask for it.",
            f"{settings_url}#secret",
            "Show the secret",
        ),
        Step(
            accepted,
            "Send the first alert",
            f"A ready command line on the settings page: its order, one share {where}, "
            "waits in the queue.",
            f"{settings_url}#first-alert",
            "Copy the command",
        ),
        Step(
            Order.objects.filter(status=Status.EXECUTED).exclude(origin=Origin.EXTERNAL).exists(),
            "Execute the first order",
            f"The alert's order waits in the queue. Press Execute: it goes out {where}.",
            reverse("queue"),
            "Open the queue",
        ),
        Step(
            limited,
            "Set limits",
            "The most units and rupees for one order, open positions, allowed symbols.",
            reverse("risk"),
            "Set limits",
        ),
        Step(
            Strategy.objects.filter(archived=False).exists(),
            "Add your strategy",
            "Named exactly as in its alerts. MANUAL waits for you, AUTO goes by itself.",
            reverse("admin:trading_strategy_add"),
            "Add a strategy",
        ),
    ]
