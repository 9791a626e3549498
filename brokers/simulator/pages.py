"""The pages that a person sees at the broker: the login, and the depository's authorisation."""

import re
from typing import TYPE_CHECKING

from brokers.simulator import login
from brokers.simulator.errors import KiteError, input_error
from brokers.simulator.routes import Request, Response

if TYPE_CHECKING:
    from brokers.simulator.server import KiteSimulator

PREFIX = "/connect/"
HTML = "text/html; charset=utf-8"
_AUTHORISE = re.compile(r"/connect/portfolio/authorise/holdings/(\w+)/([\w-]+)")
_PRIVATE = (("Cache-Control", "no-store"), ("X-Frame-Options", "DENY"))


def answer(simulator: "KiteSimulator", request: Request) -> Response:
    """A page or a redirect; an error is a page too."""
    try:
        return _page(simulator, request)
    except KiteError as error:
        return Response(error.status, login.error_page(error), HTML, _PRIVATE)


def _page(simulator: "KiteSimulator", request: Request) -> Response:
    if request.path == "/connect/style.css":
        return Response(200, login.STYLE.encode(), "text/css; charset=utf-8")
    if request.path == "/connect/login" and request.method in ("GET", "POST"):
        return _login(simulator, request)
    matched = _AUTHORISE.fullmatch(request.path)
    if matched is not None and request.method in ("GET", "POST"):
        login.check_app(matched[1], simulator.sessions.api_key)
        return _authorise(simulator, request, matched[2])
    raise KiteError("There is no such page.", "GeneralException", 404)


def _login(simulator: "KiteSimulator", request: Request) -> Response:
    form = request.form
    login.check_app(form.get("api_key", ""), simulator.sessions.api_key)
    params = form.get("redirect_params", "")
    if request.method == "GET":
        page = login.login_page(list(simulator.exchanges), form["api_key"], params)
        return Response(200, page, HTML, _PRIVATE)
    user_id = form.get("user_id", "")
    outcome = {"action": "login", "type": "login", "status": "cancelled"}
    if user_id:
        if user_id not in simulator.exchanges:
            raise input_error(f"There is no user {user_id}.")
        outcome |= {
            "status": "success",
            "request_token": simulator.sessions.request_token(user_id),
        }
    location = login.redirect_location(simulator.redirect_url, params, outcome)
    return Response(302, headers=(("Location", location), *_PRIVATE), content_type=None)


def _authorise(simulator: "KiteSimulator", request: Request, request_id: str) -> Response:
    if request.method == "GET":
        return Response(200, login.authorise_page(request.path), HTML, _PRIVATE)
    confirmed = 0
    for exchange in simulator.exchanges.values():
        try:
            exchange.confirm_authorisation(request_id)
            confirmed += 1
        except KiteError:
            continue  # another user's request
    if not confirmed:
        raise input_error("That authorisation is unknown or was given already.")
    page = login.message_page("Authorised", "The shares may be sold now.")
    return Response(200, page, HTML, _PRIVATE)
