"""The page behind a link in a notice: one waiting order, to execute or cancel without a login."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from sigmatrader.db import Busy
from sigmatrader.middleware import client_address
from trading.models import NoticeLink
from trading.services import queue
from trading.services.errors import ServiceError
from trading.services.notices import links
from trading.services.notices.links import BadLink, Choice
from trading.web.rows import row_of

# Forged links from one address in a minute; a right one is not counted.
_GUESSES = 20
_WINDOW_SECONDS = 60
_BUSY = "The database is busy with something else. Nothing was changed: try again."


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, token: str, choice: str) -> HttpResponse:
    """GET shows the order and what risk says, and changes nothing; POST decides."""
    try:
        chosen = Choice(choice)
    except ValueError:
        raise Http404("There is no such page.") from None
    if _guesses(request) >= _GUESSES:
        text = "Too many wrong links came from your address: wait a minute."
        return _page(request, {"refusal": text}, status=429)
    try:
        link = links.open_link(token)
        if request.method == "POST":
            return _decided(request, link, chosen, token)
    except BadLink as error:
        if error.forged:
            _count_guess(request)
        return _page(request, {"refusal": error.message}, status=404 if error.forged else 410)
    return _shown(request, link, chosen, token)


def _decided(request: HttpRequest, link: NoticeLink, chosen: Choice, token: str) -> HttpResponse:
    try:
        order = links.decide(link, chosen)
    except ServiceError as error:
        return _shown(request, link, chosen, token, problem=error.message)
    except (Busy, OperationalError):
        return _shown(request, link, chosen, token, problem=_BUSY)
    return _page(request, {"order": order, "done": chosen.value})


def _shown(
    request: HttpRequest, link: NoticeLink, chosen: Choice, token: str, problem: str = ""
) -> HttpResponse:
    row = row_of(queue.get(link.order_id))
    passes = row.preview is not None and row.preview.tone in ("pass", "cut")
    context = {
        "row": row,
        "order": row.order,
        "link": link,
        "token": token,
        "choice": chosen.value,
        "may_execute": passes and not row.order.needs_quantity,
        "problem": problem,
    }
    return _page(request, context, status=409 if problem else 200)


def _page(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    response = render(request, "trading/decide.html", context, status=status)
    # The address is a secret. With a form on it, no-referrer would have browsers send the form
    # with “Origin: null”, which the check against forged requests has to refuse.
    has_form = "link" in context
    response.headers["Referrer-Policy"] = "strict-origin" if has_form else "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Cache-Control"] = "no-store"
    return response


def _key(request: HttpRequest) -> str:
    return f"forged-links:{client_address(request)}"


def _guesses(request: HttpRequest) -> int:
    return int(cache.get(_key(request), 0))


def _count_guess(request: HttpRequest) -> None:
    cache.add(_key(request), 0, _WINDOW_SECONDS)
    try:
        cache.incr(_key(request))
    except ValueError:
        cache.add(_key(request), 1, _WINDOW_SECONDS)  # the window ended in between
