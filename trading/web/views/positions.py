"""What is held, by our fills and by the brokers; closing and protecting a position."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe

from brokers.models import BrokerConnection, QuestionKind
from sigmatrader import clock
from sigmatrader.db import Busy
from trading import selectors
from trading.models import Order
from trading.services import exits, market_data, questions
from trading.services.errors import InvalidChange, ServiceError
from trading.templatetags.money import price as price_text
from trading.web.books import Key, books, place_url, totals
from trading.web.forms import add_service_errors
from trading.web.position_forms import ExitForm, PlaceForm, ProtectForm
from trading.web.rows import preview_of
from trading.web.views.shared import actor, is_htmx, order_link, told


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Positions, holdings and funds of every account, and what was closed today; for HTMX the live
    part alone, 204 when nothing has changed since `v`."""
    token = f"{selectors.change_token()}-{selectors.accounts_token()}"
    if is_htmx(request) and request.GET.get("v") == token:
        return HttpResponse(status=204)
    found = books(selectors.day_start(clock.now()))
    context = {
        "token": token,
        "books": found,
        "totals": totals(found),
        "price_note": market_data.source_note(),
    }
    template = "trading/positions.html#live" if is_htmx(request) else "trading/positions.html"
    return render(request, template, context)


def _place(data: Any) -> tuple[BrokerConnection, Key]:
    form = PlaceForm(data)
    if not form.is_valid():
        raise Http404("There is no such position.")
    asked = form.cleaned_data
    return asked["connection"], (asked["exchange"], asked["symbol"], asked["product"])


def _page_of(
    request: HttpRequest, place: tuple[BrokerConnection, Key], status: int = 200, **forms: Any
) -> HttpResponse:
    connection, key = place
    exchange, symbol, product = key
    outlook = exits.outlook(connection, *key)
    context = {
        "connection": connection,
        "place": PlaceForm(
            initial={
                "connection": connection.pk,
                "exchange": exchange,
                "symbol": symbol,
                "product": product,
            },
            auto_id=False,
        ),
        "name": f"{exchange}:{symbol}" if exchange else symbol,
        "product": product,
        "outlook": outlook,
        "preview": preview_of(outlook.decision) if outlook.decision else None,
        "exit_form": ExitForm.of(seen=outlook.held.quantity),
        "protect_form": ProtectForm.of(),
        "self": place_url("position", connection.pk, key),
        **forms,
    }
    return render(request, "trading/position.html", context, status=status)


@require_safe
def position(request: HttpRequest) -> HttpResponse:
    """One position before it is closed: what would be sent, and what risk says of it."""
    return _page_of(request, _place(request.GET))


@require_POST
def close(request: HttpRequest) -> HttpResponse:
    """Close the position at market, or with `part` as it was typed: how much, at what price."""
    connection, key = place = _place(request.POST)
    quantity, seen, limit = None, None, None
    form = ExitForm.of(request.POST)
    if "part" in request.POST:
        if not form.is_valid():
            return _page_of(request, place, 422, exit_form=form)
        quantity, seen, limit = (form.cleaned_data[name] for name in ("qty", "seen", "limit"))

    def action() -> SafeString:
        order = exits.exit_position(
            connection, *key, quantity=quantity, actor=actor(request), seen=seen, limit=limit
        )
        return format_html(
            "Order {} exits {} {}{}: a worker sends it next.",
            order_link(order),
            order.qty,
            order.symbol,
            f" at ₹{price_text(limit)}" if limit is not None else "",
        )

    if not told(request, action):
        return redirect(place_url("position", connection.pk, key))
    return redirect("positions")


@require_POST
def protect(request: HttpRequest) -> HttpResponse:
    """Put a stop and a target under the position, as a GTT at the broker."""
    connection, key = place = _place(request.POST)
    form = ProtectForm.of(request.POST)
    if form.is_valid():
        try:
            made = exits.protect(
                connection,
                *key,
                quantity=form.cleaned_data["qty"],
                actor=actor(request),
                **form.legs,
            )
            messages.success(request, _protected(made))
            return redirect("positions")
        except InvalidChange as error:
            add_service_errors(form, error.errors)
        except (ServiceError, Busy) as error:
            messages.error(request, str(error))
            return redirect(place_url("position", connection.pk, key))
    return _page_of(request, place, 422, protect_form=form)


def _protected(orders: tuple[Order, ...]) -> SafeString:
    links = [order_link(order) for order in orders]
    if len(links) == 1:
        return format_html("Order {} goes to the broker as a GTT.", links[0])
    return format_html("Orders {} and {} go to the broker as one GTT.", *links)


@require_POST
def read_again(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Have a worker read the account's positions, holdings and funds now."""
    connection = get_object_or_404(BrokerConnection, pk=connection_id)

    def action() -> str:
        questions.ask(connection, QuestionKind.SYNC_POSITIONS, actor=actor(request))
        return f"The worker reads {connection.name} again; the figures here follow in a moment."

    told(request, action)
    return redirect("positions")
