"""What the views share: fragments with their messages, the way back, who is asking."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString

from sigmatrader.db import Busy
from trading.domain.order import IllegalTransition
from trading.models import Order
from trading.services import queue
from trading.services.errors import ServiceError

_MAX_ID = 2**63 - 1
_BUSY = "The database is busy with something else. Nothing was changed: try again."


def is_htmx(request: HttpRequest) -> bool:
    return bool(cast(Any, request).htmx)


def actor(request: HttpRequest) -> str:
    """The name that the records keep."""
    return request.user.get_username()


def number_in(request: HttpRequest, name: str) -> int | None:
    """A positive whole number of the query string; None for anything else."""
    text = request.GET.get(name, "")
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
    return number if 0 < number <= _MAX_ID else None


def fragment(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """A part of a page for HTMX, with the messages that are due as toasts."""
    response = render(request, template, context)
    if messages.get_messages(request):
        response.write(render_to_string("base.html#new_toasts", request=request))
    return response


def back(request: HttpRequest, fallback: str) -> HttpResponseRedirect:
    """To the page that the form names in `next`, if it is one of ours."""
    target = request.POST.get("next", "")
    if target.startswith("/") and url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return HttpResponseRedirect(target)
    return redirect(fallback)


def order_or_404(order_id: int) -> Order:
    try:
        return queue.get(order_id)
    except (Order.DoesNotExist, OverflowError):
        raise Http404(f"There is no order {order_id}.") from None


def order_link(order: Order, text: str = "") -> SafeString:
    """“#12” or `text` as a link to the order's page."""
    return format_html(
        '<a href="{}">{}</a>', reverse("order", args=[order.pk]), text or f"#{order.pk}"
    )


def told(request: HttpRequest, action: Callable[[], str | SafeString]) -> bool:
    """Run `action` and tell the person how it went; False when it was refused."""
    try:
        messages.success(request, action())
    except ServiceError as error:
        messages.error(request, _with_fields(error))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    except IllegalTransition as error:
        messages.error(request, str(error))
    except (Busy, OperationalError):
        messages.error(request, _BUSY)
    else:
        return True
    return False


def _with_fields(error: ServiceError) -> str:
    """The refusal's message with what it says of each field, said once."""
    details = [text for texts in error.errors.values() for text in texts]
    return " ".join([error.message, *(text for text in details if text not in error.message)])
