"""The queue: what waits for a person, and what was decided a moment ago."""

import threading
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from brokers.models import BrokerQuestion, QuestionKind
from sigmatrader import clock
from sigmatrader.db import Busy
from trading import selectors
from trading.domain.order import Status
from trading.models import Order
from trading.services import questions, queue
from trading.services.cost import ask_cost
from trading.services.errors import Conflict, ServiceError
from trading.web.forms import EditForm
from trading.web.rows import COST_LOOKS, Cost, checks_of, preview_of, row_of, rows_of
from trading.web.views.shared import (
    actor,
    back,
    fragment,
    is_htmx,
    number_in,
    order_link,
    order_or_404,
    told,
)

CANCELLED_SHOWN = 10
_LONGEST_SEARCH = 100
COST_SECONDS = 3.0  # a page without JavaScript waits so long for the broker's word
_waiting = threading.BoundedSemaphore(2)


def _lists(request: HttpRequest, forms: dict[int, EditForm] | None = None) -> dict[str, Any]:
    """Both lists; `?q=` narrows them to a symbol, strategy or account."""
    token = selectors.change_token()  # read first: what changes meanwhile is shown next time
    text = request.GET.get("q", "").strip()[:_LONGEST_SEARCH]
    waiting = selectors.in_queue(selectors.waiting_orders(), text)
    on_the_way = selectors.in_queue(selectors.orders_on_the_way(), text)
    count = waiting.count()
    return {
        "token": token,
        "text": text,
        "waiting": rows_of(waiting[: selectors.QUEUE_SIZE], forms),
        "hidden": max(count - selectors.QUEUE_SIZE, 0),
        "on_the_way": rows_of(on_the_way[: selectors.QUEUE_SIZE]),
    }


def _page(
    request: HttpRequest, forms: dict[int, EditForm] | None = None, status: int = 200
) -> HttpResponse:
    today = selectors.day_start(clock.now())
    cancelled = selectors.orders_cancelled_unsent(today)[:CANCELLED_SHOWN]
    context = {**_lists(request, forms), "cancelled": rows_of(cancelled)}
    return render(request, "trading/queue.html", context, status=status)


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The whole queue, or what `?q=` finds in it; `?edit=<id>` opens one order for editing."""
    edited = number_in(request, "edit")
    forms: dict[int, EditForm] = {}
    if edited is not None:
        order = Order.objects.filter(pk=edited).first()
        if order is not None and order.status == Status.WAITING:
            forms[edited] = EditForm.of(order)
        else:
            messages.error(request, f"Order {edited} doesn't wait any more: it can't be edited.")
    return _page(request, forms)


@require_safe
def rows(request: HttpRequest) -> HttpResponse:
    """The rows for a page that is open; 204 when nothing has changed since its token."""
    if request.GET.get("v") == selectors.change_token():
        return HttpResponse(status=204)
    return render(request, "trading/queue.html#lists", _lists(request))


@require_safe
def row(request: HttpRequest, order_id: int) -> HttpResponse:
    """One order's row; 204 when it is still the version `v`."""
    order = order_or_404(order_id)
    if not is_htmx(request):
        return redirect("order", order_id)
    if number_in(request, "v") == order.version:
        return HttpResponse(status=204)
    return _row(request, order)


def _row(request: HttpRequest, order: Order, form: EditForm | None = None) -> HttpResponse:
    return fragment(request, "trading/queue.html#row", {"row": row_of(order, form)})


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, order_id: int) -> HttpResponse:
    """Edit a waiting order in its row. A stale version changes nothing and says so."""
    order = order_or_404(order_id)
    if request.method != "POST":
        if not is_htmx(request):
            return redirect(f"{reverse('queue')}?edit={order_id}#order-{order_id}")
        waits = order.status == Status.WAITING
        return _row(request, order, EditForm.of(order) if waits else None)
    form = EditForm.from_post(request.POST, order)
    if form.is_valid():
        try:
            queue.edit(
                order, form.changes, actor=actor(request), version=form.cleaned_data["version"]
            )
            messages.success(request, format_html("Order {} is changed.", order_link(order)))
        except (Conflict, Busy) as error:
            messages.error(request, f"Nothing was changed. {error}")
        except ServiceError as error:
            form.add_service_errors(error.errors)
    if form.errors:
        if is_htmx(request):
            return _row(request, order_or_404(order_id), form)
        return _page(request, {order_id: form}, status=422)
    return _answer(request, order_id)


@require_http_methods(["GET", "HEAD", "POST"])
def cost(request: HttpRequest, order_id: int) -> HttpResponse:
    """What the order would take as it is typed: asked by POST, looked for again by GET."""
    order = order_or_404(order_id)
    if request.method != "POST":
        if not is_htmx(request):
            return redirect(f"{reverse('queue')}?edit={order_id}#order-{order_id}")
        asked = BrokerQuestion.objects.filter(
            pk=number_in(request, "question") or 0,
            connection=order.connection,
            kind=QuestionKind.ORDER_COST,
        ).first()
        looks = number_in(request, "looks") or COST_LOOKS
        return _cost(request, Cost(order, asked, looks=looks))
    form = EditForm.from_post(request.POST, order)
    if form.is_valid():
        try:
            asked = ask_cost(order, form.changes, actor=actor(request))
            if not is_htmx(request):
                asked = _wait_a_moment(asked)
                messages.info(request, Cost(order, asked, looks=COST_LOOKS).text)
                return _page(request, {order_id: form})
            return _cost(request, Cost(order, asked))
        except (ServiceError, Busy) as error:
            messages.error(request, str(error))
    if is_htmx(request):
        return _cost(request, Cost(order))
    return _page(request, {order_id: form}, status=422)


@require_POST
def preview(request: HttpRequest, order_id: int) -> HttpResponse:
    """What risk would say of a waiting order as it is typed. Changes nothing."""
    order = order_or_404(order_id)
    form = EditForm.from_post(request.POST, order)
    context: dict[str, Any] = {"order": order}
    if form.is_valid():
        try:
            decision = queue.preview_of_changes(order, form.changes)
            context |= {"preview": preview_of(decision), "checks": checks_of(decision)}
        except ServiceError as error:
            context["problems"] = [text for texts in error.errors.values() for text in texts]
    if is_htmx(request):
        return fragment(request, "trading/queue.html#typed", context)
    for text in context.get("problems", []):
        messages.error(request, text)
    if verdict := context.get("preview"):
        messages.info(request, " ".join((f"Risk says: {verdict.title}.", *verdict.texts)))
    return _page(request, {order_id: form}, status=200 if form.is_valid() else 422)


@require_safe
def checks(request: HttpRequest, order_id: int) -> HttpResponse:
    """Every check of a waiting order as it stands now, for its row."""
    order = order_or_404(order_id)
    if not is_htmx(request):
        return redirect(f"{reverse('order', args=[order_id])}#risk-title")
    waits = order.status == Status.WAITING
    found = checks_of(queue.preview(order)) if waits else []
    return fragment(request, "trading/queue.html#checks", {"order": order, "checks": found})


def _wait_a_moment(asked: BrokerQuestion) -> BrokerQuestion:
    """For browsers without JavaScript; most of the server's threads must stay free."""
    if not _waiting.acquire(blocking=False):
        return asked
    try:
        return questions.wait(asked, COST_SECONDS)
    finally:
        _waiting.release()


def _cost(request: HttpRequest, cost: Cost) -> HttpResponse:
    return fragment(request, "trading/queue.html#cost", {"order": cost.order, "cost": cost})


def _answer(request: HttpRequest, order_id: int) -> HttpResponse:
    """The row as it stands now, or the way back for a browser without JavaScript."""
    if is_htmx(request):
        return _row(request, order_or_404(order_id))
    return back(request, "queue")


def _version(request: HttpRequest) -> int | None:
    text = request.POST.get("version", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


@require_POST
def execute(request: HttpRequest, order_id: int) -> HttpResponse:
    """WAITING → QUEUED. The page doesn't wait for the outcome: the row follows it."""
    order = order_or_404(order_id)

    def action() -> SafeString:
        queue.execute(order, actor=actor(request), version=_version(request))
        return format_html("Order {} is queued: a worker sends it next.", order_link(order))

    told(request, action)
    return _answer(request, order_id)


@require_POST
def cancel(request: HttpRequest, order_id: int) -> HttpResponse:
    """Cancel an order wherever it is."""
    order = order_or_404(order_id)

    def action() -> SafeString:
        result = queue.cancel(order, actor=actor(request))
        if result.pending:
            return format_html("A cancel of order {} is asked for.", order_link(order))
        return format_html("Order {} is cancelled. {}", order_link(order), _undo(request, order))

    told(request, action)
    return _answer(request, order_id)


def _undo(request: HttpRequest, order: Order) -> SafeString | str:
    """A button that takes the cancel back, where the queue is what the person sees next."""
    if "next" in request.POST or not order.never_sent:
        return ""
    return render_to_string("trading/queue.html#undo", {"order": order})


@require_POST
def restore(request: HttpRequest, order_id: int) -> HttpResponse:
    """Undo a cancel of an order that was never sent."""
    order = order_or_404(order_id)

    def action() -> SafeString:
        queue.restore(order, actor=actor(request))
        return format_html("Order {} waits in the queue again.", order_link(order))

    told(request, action)
    return _answer(request, order_id)
