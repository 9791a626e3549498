"""Addresses of this installation as the outside sees them."""

from django.conf import settings
from django.http import HttpRequest


def public_address(request: HttpRequest, path: str) -> str:
    """`path` under ST_PUBLIC_URL, else as this request came."""
    public = str(settings.ST.PUBLIC_URL)
    return f"{public.rstrip('/')}{path}" if public else request.build_absolute_uri(path)
