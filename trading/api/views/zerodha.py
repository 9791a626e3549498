"""Logging in at Zerodha, and out."""

from typing import Any

from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from brokers import login
from brokers.accounts import session_of
from brokers.login_state import LoginFailed
from brokers.models import BrokerConnection
from trading.api.base import ApiView, MayManageAccounts
from trading.api.connections import CONNECTION, chosen_connection
from trading.api.errors import ApiError
from trading.api.filters import IDEMPOTENCY_KEY
from trading.api.serializers.orders import ErrorSerializer
from trading.api.serializers.zerodha import (
    DisconnectedSerializer,
    LoginUrlSerializer,
    RequestTokenSerializer,
    SessionSerializer,
)

_STATUS = {"wrong_user": 409, "user_taken": 409, "key_changed": 409}
_NOT_REACHED = {"unreachable": 502, "unclear": 502, "busy": 503}
_REFUSED = {400: ErrorSerializer, 404: ErrorSerializer}


def _refusal(error: LoginFailed) -> ApiError:
    status = (_STATUS | _NOT_REACHED).get(error.code, 400)
    return ApiError(status, error.code, error.message)


def _session(connection: BrokerConnection) -> dict[str, Any]:
    session = session_of(connection)
    shown: dict[str, Any] = {
        "connection": connection.name,
        "connected": session.connected,
        "updated_at": connection.logged_in_at or connection.updated_at,
        "expires_at": session.expires_at,
    }
    if session.connected:
        shown |= {"user_id": session.user_id, "user_name": session.user_name}
    else:
        shown["error"] = session.error
    return dict(SessionSerializer(shown).data)


class LoginUrl(ApiView):
    permission_classes = (IsAuthenticated, MayManageAccounts)
    serializer_class = LoginUrlSerializer

    @extend_schema(
        operation_id="zerodha_login_url",
        parameters=[CONNECTION],
        responses={200: LoginUrlSerializer, **_REFUSED},
    )
    def get(self, request: Request) -> Response:
        """Begin a login: open the address in a browser that is logged in here as you."""
        by_browser = isinstance(request.successful_authenticator, SessionAuthentication)
        key = request._request.session.session_key if by_browser else None
        try:
            address = login.begin(
                chosen_connection(request), session_key=key or "", actor=self.actor
            )
        except LoginFailed as error:
            raise _refusal(error) from None
        return Response({"login_url": address})


class Connect(ApiView):
    permission_classes = (IsAuthenticated, MayManageAccounts)
    serializer_class = RequestTokenSerializer

    @extend_schema(
        operation_id="zerodha_connect",
        parameters=[CONNECTION, IDEMPOTENCY_KEY],
        responses={
            200: SessionSerializer,
            **_REFUSED,
            409: ErrorSerializer,
            502: ErrorSerializer,
        },
    )
    @method_decorator(sensitive_variables())
    def post(self, request: Request) -> Response:
        """Log in by hand, with the request token that Zerodha sent the browser back with."""
        token = self.validated()["request_token"]
        try:
            found = login.connect_with_token(chosen_connection(request), token, self.actor)
        except LoginFailed as error:
            raise _refusal(error) from None
        return Response(_session(found))


class Status(ApiView):
    serializer_class = SessionSerializer

    @extend_schema(
        operation_id="zerodha_status",
        parameters=[CONNECTION],
        responses={200: SessionSerializer, **_REFUSED},
    )
    def get(self, request: Request) -> Response:
        """Whether the account is logged in, as far as is known here."""
        return Response(_session(chosen_connection(request)))


class Disconnect(ApiView):
    permission_classes = (IsAuthenticated, MayManageAccounts)
    serializer_class = DisconnectedSerializer

    @extend_schema(
        operation_id="zerodha_disconnect",
        request=None,
        parameters=[CONNECTION, IDEMPOTENCY_KEY],
        responses={200: DisconnectedSerializer, **_REFUSED},
    )
    def post(self, request: Request) -> Response:
        """End the session, here at once, then at Zerodha."""
        done = login.disconnect(chosen_connection(request), self.actor)
        return Response({"connected": False, "revoked": done.revoked, "message": done.message})
