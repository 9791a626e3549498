"""The header's chips, asked for again while a page is open."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from trading.web.context import current_desk


@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    """The chips; with banner, halt button and count when `v` is not their token any more."""
    now = current_desk()
    changed = request.GET.get("v") != now.token
    return render(request, "base.html#desk", {"desk": now, "changed": changed})
