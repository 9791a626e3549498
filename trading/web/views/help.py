"""The documentation inside the app."""

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from trading.web import handbook

_WORDS = 100


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The contents, or what `q` finds."""
    words = request.GET.get("q", "").strip()[:_WORDS]
    context = {"contents": handbook.contents(), "words": words, "found": handbook.find(words)}
    return render(request, "trading/help.html", context)


@require_safe
def page(request: HttpRequest, slug: str) -> HttpResponse:
    try:
        found = handbook.page(slug)
    except KeyError:
        raise Http404(f"The handbook has no page {slug}.") from None
    context = {"page": found, "contents": handbook.contents()}
    return render(request, "trading/help_page.html", context)


@require_safe
def picture(request: HttpRequest, name: str) -> FileResponse:
    path = handbook.picture(name)
    if path is None:
        raise Http404(f"The handbook has no picture {name}.")
    return FileResponse(path.open("rb"))
