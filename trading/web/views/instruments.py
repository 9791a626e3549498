"""Suggestions where a symbol is typed."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from trading.services.instrument_search import search

# A box sends what is in it under its own name.
_NAMES = ("q", "symbol", "tradingsymbol")


@require_safe
def suggestions(request: HttpRequest) -> HttpResponse:
    """The options of a datalist for what is typed so far, best first."""
    typed = next((request.GET[name] for name in _NAMES if name in request.GET), "")
    return render(request, "trading/instrument_options.html", {"instruments": search(typed)})
