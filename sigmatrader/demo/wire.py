"""What reaches the demo over HTTP: alerts as TradingView posts them, and a bare login."""

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from rest_framework.authtoken.models import Token

from sigmatrader import clock
from sigmatrader.demo import environment
from sigmatrader.first_run import ADMIN_USER
from trading.services import webhook_secrets

_TIMEOUT_SECONDS = 10


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())


def web_address() -> str:
    return f"http://{environment.HOST}:{settings.ST.PORT}"


def post_alert(message: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Status and answer of the webhook. The message gets secret and time, as TradingView fills
    them in. OSError when nobody answers."""
    now = clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {"secret": webhook_secrets.current(), **message, "timenow": now}
    return _send(f"{web_address()}/webhook/tradingview", json.dumps(body).encode())


def log_in(user_id: str) -> None:
    """Log the demo's account in as `user_id`: what a person does in the browser, by REST.

    OSError or RuntimeError, which says what was answered, when it does not work.
    """
    user = get_user_model().objects.get(username=ADMIN_USER)
    token = {"Authorization": f"Token {Token.objects.get_or_create(user=user)[0].key}"}
    status, answer = _send(f"{web_address()}/api/zerodha/login-url/", headers=token)
    if status != 200:
        raise RuntimeError(f"login-url: {status} {answer}")
    request_token = _through_the_page(str(answer["login_url"]), user_id)
    body = json.dumps({"request_token": request_token}).encode()
    status, answer = _send(f"{web_address()}/api/zerodha/connect/", body, headers=token)
    if status != 200:
        raise RuntimeError(f"connect: {status} {answer}")


def _through_the_page(login_url: str, user_id: str) -> str:
    """The request token that the broker's page gives."""
    page, _, query = login_url.partition("?")
    form = dict(urllib.parse.parse_qsl(query)) | {"user_id": user_id}
    request = urllib.request.Request(  # noqa: S310 the demo's own address
        page, urllib.parse.urlencode(form).encode()
    )
    try:
        with _opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            location = ""
            status = answer.status
    except urllib.error.HTTPError as error:
        with error:
            location, status = error.headers.get("Location", ""), error.code
    found = urllib.parse.parse_qs(urllib.parse.urlsplit(location).query).get("request_token")
    if not found:
        raise RuntimeError(f"the login page answered {status} and gave no request token")
    return found[0]


def _send(
    url: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(  # noqa: S310 the demo's own address
        url, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    )
    try:
        with _opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            return answer.status, _read(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _read(error.read())


def _read(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}  # a page of an error; its status says what went wrong
    return found if isinstance(found, dict) else {}
