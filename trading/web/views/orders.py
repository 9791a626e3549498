"""The whole story of one order, and what can be done with it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe

from trading import selectors
from trading.domain.order import RETRYABLE, Status
from trading.models import Order
from trading.services import legs, queue
from trading.services.errors import Conflict, ServiceError
from trading.web.book_entries import candidates_of
from trading.web.forms import ModifyForm, ResolveForm, add_service_errors
from trading.web.rows import QueueRow, checks_of, preview_of, sent_until, uses_key
from trading.web.story import result_of, way_of
from trading.web.timeline import timeline_of
from trading.web.views.shared import actor, order_link, order_or_404, told


def _story(order_id: int) -> Order:
    order_or_404(order_id)
    return selectors.order_with_story(order_id)


def _context(order: Order, **refused: Any) -> dict[str, Any]:
    status = Status(order.status)
    waiting = status is Status.WAITING
    modifiable = selectors.can_be_modified(order) and order.modification is None
    decision = queue.preview(order) if waiting else None
    preview = preview_of(decision) if decision else None
    checks = checks_of(decision) if decision else []
    verdict_key = f"{preview.key}-{uses_key(checks)}" if preview else ""
    now = None if order.ended else QueueRow(order, last_price=_last_price(order))
    return {
        "order": order,
        "live_key": f"{order.version}-{verdict_key}-{now and now.last_price}",
        "timeline": timeline_of(order),
        "way": way_of(order),
        "result": result_of(order),
        "preview": preview,
        "now": now,
        "now_checks": checks,
        "ended": order.ended,
        "sent_until": sent_until(order),
        "retryable": status in RETRYABLE,
        "restorable": status is Status.CANCELLED and order.never_sent,
        "resolve_form": _resolve_form(order) if status is Status.UNKNOWN else None,
        "trigger": selectors.trigger_of(order),
        "other_leg": legs.other_leg(order),
        "modify_form": ModifyForm.of(order) if modifiable else None,
        "forms": "resolve" if status is Status.UNKNOWN else "modify" if modifiable else "none",
        **refused,
    }


def _last_price(order: Order) -> Decimal | None:
    return selectors.last_prices_of([order]).get(order.instrument)


def _resolve_form(order: Order, data: Any = None) -> ResolveForm:
    found = candidates_of(order)
    form = ResolveForm(data, candidates=[(one.broker_order_id, one.text) for one in found])
    if order.gtt:
        form.fields["broker_order_id"].label = "Trigger (GTT) id at the broker, when placed"
    return form


@require_safe
def detail(request: HttpRequest, order_id: int) -> HttpResponse:
    """The order's page."""
    return render(request, "trading/order_detail.html", _context(_story(order_id)))


@require_safe
def live(request: HttpRequest, order_id: int) -> HttpResponse:
    """What moves on the order's page; 204 when it is still the version `v`. The form below comes
    along when it is not the one that the page shows, which `forms` names."""
    order = _story(order_id)
    context = _context(order)
    context["forms_changed"] = request.GET.get("forms") != context["forms"]
    if request.GET.get("v") == context["live_key"]:
        return HttpResponse(status=204)
    return render(request, "trading/order_detail.html#live", context)


@require_POST
def retry(request: HttpRequest, order_id: int) -> HttpResponse:
    """A new, linked order in the queue, with the same intent."""
    order = order_or_404(order_id)
    made: list[Order] = []

    def action() -> SafeString:
        made.append(queue.retry(order, actor=actor(request)))
        return format_html("Order {} retries {}.", order_link(made[0]), order_link(order))

    told(request, action)
    return redirect("order", made[0].pk if made else order_id)


@require_POST
def resolve(request: HttpRequest, order_id: int) -> HttpResponse:
    """A person says what became of an order whose outcome is unknown."""
    order = order_or_404(order_id)
    form = _resolve_form(order, request.POST)

    def action() -> SafeString:
        queue.resolve(order, actor=actor(request), **form.cleaned_data)
        return format_html("Order {} is resolved.", order_link(order))

    return _after(request, order_id, action, resolve_form=form)


@require_POST
def modify(request: HttpRequest, order_id: int) -> HttpResponse:
    """Ask the broker to change a working order; the worker sends it."""
    order = order_or_404(order_id)
    form = ModifyForm.of(order, request.POST)

    def action() -> str:
        queue.modify(order, form.changes_of(order), actor=actor(request))
        return "The change is asked of the broker."

    return _after(request, order_id, action, modify_form=form)


def _after(
    request: HttpRequest, order_id: int, action: Callable[[], str], **named: forms.Form
) -> HttpResponse:
    """The order's page after `action`; what was refused stands in the form, beside its field."""
    (form,) = named.values()
    if form.is_valid():
        try:
            messages.success(request, action())
            return redirect("order", order_id)
        except Conflict as error:
            messages.error(request, error.message)
            return redirect("order", order_id)
        except ServiceError as error:
            add_service_errors(form, error.errors)
    context = _context(_story(order_id), **named)
    return render(request, "trading/order_detail.html", context, status=422)
