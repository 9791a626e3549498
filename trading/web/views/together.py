"""Several waiting orders at one press: the summary before it, and what became of each."""

import threading

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from trading import selectors
from trading.services import together
from trading.services.together import Pick, Result, Step
from trading.web.together import CANCEL, EXECUTE, VERBS, outcome_of, summary_of
from trading.web.views.shared import actor, fragment, is_htmx

_PAGE = "trading/together.html"
_MAX_ID, _MAX_VERSION = 2**63 - 1, 2**31 - 1
# Whoever executes waits for every broker's word in turn: the server's other threads stay free.
_executing = threading.BoundedSemaphore(2)


def _number(text: str, most: int) -> int | None:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
    return number if 0 < number <= most else None


def _chosen(data: QueryDict) -> list[int]:
    """The orders' ids, each once, as many as are done at one press."""
    found = (_number(text, _MAX_ID) for text in data.getlist("order"))
    return list(dict.fromkeys(one for one in found if one is not None))[: together.MOST]


def _picks(data: QueryDict) -> list[Pick]:
    """`order` is written id.version here, in the order in which they go."""
    found: dict[int, Pick] = {}
    for text in data.getlist("order"):
        first, _, second = text.partition(".")
        order_id, version = _number(first, _MAX_ID), _number(second, _MAX_VERSION)
        if order_id is not None and version is not None:
            found.setdefault(order_id, Pick(order_id, version))
    return list(found.values())[: together.MOST]


@require_safe
def summary(request: HttpRequest) -> HttpResponse:
    """What executing or cancelling the chosen orders would do. Changes nothing."""
    verb = request.GET.get("do", "")
    orders = list(selectors.orders_by_age(_chosen(request.GET)))
    if verb not in VERBS or not orders:
        return _nothing_chosen(request)
    context = {"summary": summary_of(verb, orders)}
    if is_htmx(request):
        return fragment(request, f"{_PAGE}#summary", context)
    return render(request, _PAGE, context)


def _nothing_chosen(request: HttpRequest) -> HttpResponse:
    if is_htmx(request):
        return fragment(request, f"{_PAGE}#nothing", {})
    messages.error(request, "Choose at least one order first: tick the box before its symbol.")
    return redirect("queue")


def _told(request: HttpRequest, verb: str, steps: list[Step]) -> HttpResponse:
    context = {"outcome": outcome_of(verb, steps)}
    if is_htmx(request):
        return fragment(request, f"{_PAGE}#outcome", context)
    return render(request, _PAGE, context)


@require_POST
def execute(request: HttpRequest) -> HttpResponse:
    """Execute the orders one after the other; answers when the last is past its broker."""
    picks = _picks(request.POST)
    if not picks:
        return _nothing_chosen(request)
    if not _executing.acquire(blocking=False):
        why = "Not executed: other orders are being executed at this moment. Try again after them."
        return _told(request, EXECUTE, [Step(one.order_id, Result.LEFT, why) for one in picks])
    try:
        steps = together.execute_each(
            picks, actor=actor(request), order_seconds=together.ORDER_SECONDS
        )
    finally:
        _executing.release()
    return _told(request, EXECUTE, steps)


@require_POST
def cancel(request: HttpRequest) -> HttpResponse:
    """Cancel the orders that still wait as they were seen."""
    picks = _picks(request.POST)
    if not picks:
        return _nothing_chosen(request)
    return _told(request, CANCEL, together.cancel_each(picks, actor=actor(request)))


@require_POST
def restore(request: HttpRequest) -> HttpResponse:
    """Undo such a cancel."""
    chosen = _chosen(request.POST)
    if not chosen:
        return _nothing_chosen(request)
    return _told(request, "restore", together.restore_each(chosen, actor=actor(request)))
