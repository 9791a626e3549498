"""All orders: filtered by the address, page by page, and as a file."""

from collections.abc import Sequence
from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from sigmatrader import clock
from trading import selectors
from trading.domain.order import ENDED, Status
from trading.models import Order
from trading.web.chips import Chip, chip_of
from trading.web.csv_export import Column, csv_response, moment
from trading.web.forms import OPEN, REFUSED, OrderFilter
from trading.web.listing import listing_of
from trading.web.search import search_orders
from trading.web.views.shared import is_htmx

_STATUSES: Final = {
    OPEN: tuple(status for status in Status if status not in ENDED),
    REFUSED: (Status.FAILED, Status.REJECTED, Status.REJECTED_RISK),
}


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Orders newest first; for HTMX the list alone, 204 when nothing has changed since `v`."""
    token = selectors.orders_token()
    if is_htmx(request) and request.GET.get("v") == token:
        return HttpResponse(status=204)
    form = OrderFilter(request.GET)
    form.is_valid()
    listing = listing_of(request, _found(form), "created_at")
    context = {
        "token": token,
        "form": form,
        "listing": listing,
        "page": listing.page,
        "filtered": any(form.value(name) for name in form.fields),
        "chips": _chips(form),
    }
    template = "trading/orders.html#live" if is_htmx(request) else "trading/orders.html"
    return render(request, template, context)


@require_safe
def download(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The orders that the address filters, all of them, as CSV."""
    form = OrderFilter(request.GET)
    if not form.is_valid():
        # A file of all orders must not pass for one of some.
        return redirect(f"{reverse('orders')}?{request.GET.urlencode()}")
    return csv_response("orders", _COLUMNS, selectors.walk(_found(form), "created_at"))


def _found(form: OrderFilter) -> QuerySet[Order]:
    status = form.value("status")
    return search_orders(
        statuses=_STATUSES.get(status, [status] if status else []),
        strategy_id=form.strategy_id,
        symbol=(form.value("symbol") or "").strip(),
        side=form.value("side") or "",
        mode=form.value("mode") or "",
        kind=form.kind,
        external=form.external,
        first_day=form.value("from_day"),
        last_day=form.value("to_day"),
        text=(form.value("q") or "").strip(),
    )


def _chips(form: OrderFilter) -> list[Chip]:
    today = f"{clock.now().astimezone(clock.IST):%Y-%m-%d}"
    unknown = Order.objects.filter(status=Status.UNKNOWN).count()
    open_orders = Order.objects.filter(status__in=_STATUSES[OPEN]).count()
    return [
        chip_of(form, "All"),
        chip_of(form, "Today", from_day=today),
        chip_of(form, "Open", open_orders, status=OPEN),
        chip_of(form, "Failed or refused", status=REFUSED),
        chip_of(form, "Unknown", unknown, status=Status.UNKNOWN.value),
    ]


def _strategy_of(order: Order) -> str:
    return order.strategy.name if order.strategy else ""


_COLUMNS: Final[Sequence[Column[Any]]] = (
    Column("id", lambda order: order.pk),
    *moment("created", lambda order: order.created_at),
    Column("account", lambda order: order.connection.name),
    Column("kind", lambda order: order.connection.kind),
    Column("strategy", _strategy_of),
    Column("mode", lambda order: order.mode),
    Column("origin", lambda order: order.origin),
    Column("symbol", lambda order: order.symbol),
    Column("exchange", lambda order: order.exchange),
    Column("tradingsymbol", lambda order: order.tradingsymbol),
    Column("side", lambda order: order.side),
    Column("requested_qty", lambda order: order.requested_qty),
    Column("qty", lambda order: order.qty),
    Column("filled_qty", lambda order: order.filled_qty),
    Column("order_type", lambda order: order.order_type),
    Column("product", lambda order: order.product),
    Column("validity", lambda order: order.validity),
    Column("variety", lambda order: order.variety),
    Column("gtt", lambda order: order.gtt),
    Column("price", lambda order: order.price),
    Column("trigger_price", lambda order: order.trigger_price),
    Column("alert_price", lambda order: order.reference_price),
    Column("average_price", lambda order: order.average_price),
    Column("status", lambda order: order.status),
    Column("message", lambda order: order.error_message or order.set_aside_reason),
    *moment("queued", lambda order: order.queued_at),
    *moment("sent", lambda order: order.sent_at),
    *moment("finished", lambda order: order.finished_at),
    Column("client_order_id", lambda order: order.client_order_id),
    Column("broker_order_id", lambda order: order.broker_order_id),
    Column("broker_trigger_id", lambda order: order.broker_trigger_id),
    Column("retry_of", lambda order: order.retry_of_id),
    Column("alert_id", lambda order: order.alert_id),
)
