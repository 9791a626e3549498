"""Middleware that every request passes."""

import ipaddress
import logging
import re
import uuid
from collections.abc import Callable

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader

from sigmatrader.db import Busy
from sigmatrader.logs import request_id

logger = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]
_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


class RequestIdMiddleware:
    """Gives each request an id: in the logs, in the X-Request-Id header of the answer."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        sent = request.headers.get("X-Request-Id", "")
        current = sent if _ID.fullmatch(sent) else uuid.uuid4().hex
        token = request_id.set(current)
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(token)
        response.headers["X-Request-Id"] = current
        return response


def client_address(request: HttpRequest) -> str:
    """The address that the request comes from.

    X-Forwarded-For counts only as far as the proxies of ST_TRUSTED_PROXIES vouch for it: from the
    right, the first address that is not one of them.
    """
    peer = request.META.get("REMOTE_ADDR", "") or "127.0.0.1"
    proxies = settings.ST.TRUSTED_PROXIES
    if not proxies:
        return peer
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    address = peer
    for hop in reversed([hop for hop in hops if hop]):
        try:
            current = ipaddress.ip_address(address)
        except ValueError:
            return peer
        if not any(current in network for network in proxies):
            break
        address = hop
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return peer


class ClientAddressMiddleware:
    """Sets `request.client_address`."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.client_address = client_address(request)  # type: ignore[attr-defined]
        return self.get_response(request)


class NoStoreMiddleware:
    """Pages show money and positions: no cache may keep them."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
        return response


class DatabaseAwayMiddleware:
    """A page that can't have the database says so, and that nothing is known to have happened."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, Busy | OperationalError | InterfaceError):
            return None
        logger.error("%s could not have the database: %s", request.path, error)
        page = loader.get_template("503.html").render()
        return HttpResponse(page, status=503, headers={"Retry-After": "5"})
