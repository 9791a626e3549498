"""A contract that has expired: what was open of it, and a person's word on its price."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from sigmatrader.db import Busy
from trading.domain.values import InstrumentKey
from trading.services import expiry
from trading.services.errors import InvalidChange
from trading.templatetags.money import price as price_words
from trading.web.expired import ContractForm, PriceForm, contract_url, settlements_of
from trading.web.forms import add_service_errors
from trading.web.views.shared import actor


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """What each account had open, and the form that states the price."""
    place = ContractForm(request.POST if request.method == "POST" else request.GET, auto_id=False)
    if not place.is_valid():
        raise Http404("There is no such contract.")
    key = InstrumentKey(place.cleaned_data["exchange"], place.cleaned_data["symbol"])
    rows = settlements_of(key)
    unlisted = [one for one in expiry.unlisted() if InstrumentKey(one.exchange, one.symbol) == key]
    if not rows and not unlisted:
        raise Http404("There is no such contract.")
    form = PriceForm(request.POST or None, unlisted=bool(unlisted))
    if request.method == "POST" and form.is_valid() and _stated(request, key, form):
        return redirect(contract_url(key))
    context = {"key": key, "rows": rows, "unlisted": unlisted, "place": place, "form": form}
    return render(request, "trading/expired.html", context, status=422 if form.errors else 200)


def _stated(request: HttpRequest, key: InstrumentKey, form: PriceForm) -> bool:
    price = form.cleaned_data["price"]
    try:
        expiry.state_price(
            key, price, actor=actor(request), expired_on=form.cleaned_data.get("expired_on")
        )
    except InvalidChange as error:
        add_service_errors(form, error.errors or {"price": [error.message]})
        return False
    except Busy as error:
        messages.error(request, str(error))
        return False
    messages.success(request, f"{key} is settled at ₹{price_words(price)}.")
    return True
