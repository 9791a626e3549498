"""The browser's way through Zerodha's login, and what the settings page does to a connection."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required, permission_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from brokers import login
from brokers.connections import NotChosen, choose
from brokers.login_state import BadState, LoginFailed
from brokers.models import BrokerConnection
from sigmatrader import clock


def _home() -> HttpResponseRedirect:
    return HttpResponseRedirect(f"{reverse('settings')}#accounts")


def _actor(request: HttpRequest) -> str:
    return cast(User, request.user).get_username()


def _chosen(request: HttpRequest) -> BrokerConnection | None:
    """The connection that `connection` names; without one the person is told why."""
    named = request.POST.get("connection") or request.GET.get("connection") or ""
    try:
        return choose(named)
    except NotChosen as error:
        messages.error(request, str(error))
        return None


@require_http_methods(["GET", "POST"])
@permission_required("brokers.change_brokerconnection", raise_exception=True)
def begin_login(request: HttpRequest) -> HttpResponse:
    """To Zerodha's login page. Changes nothing but that a login has begun."""
    connection = _chosen(request)
    if connection is None:
        return _home()
    try:
        address = login.begin(
            connection, session_key=request.session.session_key or "", actor=_actor(request)
        )
    except LoginFailed as error:
        messages.error(request, error.message)
        return _home()
    return HttpResponseRedirect(address)


@login_not_required
@require_GET
@sensitive_variables()
def callback(request: HttpRequest) -> HttpResponse:
    """Where Zerodha sends the browser. Leaves this address, with its token, at once."""
    response = _came_back(request)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@sensitive_variables()
def _came_back(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        messages.error(
            request,
            "Zerodha sent you back to a browser, or an address, that is not logged in to "
            "SigmaTrader. Log in here, then begin the login to Zerodha anew.",
        )
        return redirect(f"{reverse('login')}?{urlencode({'next': reverse('settings')})}")
    if not request.user.has_perm("brokers.change_brokerconnection"):
        raise PermissionDenied
    try:
        connection = login.finish(
            state=request.GET.get("state", ""),
            request_token=request.GET.get("request_token", ""),
            status=request.GET.get("status", ""),
            session_key=request.session.session_key or "",
            actor=_actor(request),
        )
    except BadState as error:
        return render(request, "brokers/bad_state.html", {"problem": error.message}, status=400)
    except LoginFailed as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _welcome(connection))
    return _home()


def _welcome(connection: BrokerConnection) -> str:
    until = connection.token_expires_at
    span = f" until {until.astimezone(clock.IST):%d %b, %H:%M} IST" if until else ""
    return f"{connection.name} is connected as {connection.user_id}{span}."


@require_POST
@permission_required("brokers.change_brokerconnection", raise_exception=True)
@sensitive_post_parameters("request_token")
@sensitive_variables()
def connect(request: HttpRequest) -> HttpResponse:
    """The manual way: what a person pasted."""
    connection = _chosen(request)
    if connection is None:
        return _home()
    try:
        found = login.connect_with_token(
            connection, request.POST.get("request_token", ""), _actor(request)
        )
    except LoginFailed as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _welcome(found))
    return _home()


@require_POST
@permission_required("brokers.change_brokerconnection", raise_exception=True)
def disconnect(request: HttpRequest) -> HttpResponse:
    """End the session, here and at Zerodha."""
    connection = _chosen(request)
    if connection is not None:
        done = login.disconnect(connection, _actor(request))
        (messages.success if done.revoked else messages.error)(request, done.message)
    return _home()


@require_POST
@permission_required("brokers.change_brokerconnection", raise_exception=True)
def make_default(request: HttpRequest) -> HttpResponse:
    """Orders of alerts without a known strategy go to this connection from now on."""
    connection = _chosen(request)
    if connection is None:
        return _home()
    if not connection.enabled:
        messages.error(request, f"{connection} is switched off: switch it on in the admin first.")
        return _home()
    connection.make_default()
    messages.success(request, f"{connection} is the default connection now.")
    return _home()
