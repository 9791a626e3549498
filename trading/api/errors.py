"""Every refusal of the API as one shape: {"code", "message", "errors": {field: [text]}, "detail"}.

`detail` repeats `message` under the name that clients of Django REST framework look for.
"""

import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from sigmatrader.crypto import CryptoError
from sigmatrader.db import Busy
from trading.domain.order import IllegalTransition
from trading.services.errors import Conflict, NotAllowed, ServiceError

logger = logging.getLogger(__name__)

Errors = dict[str, list[str]]
RETRY_SECONDS = 2
WHOLE_BODY = "body"  # the "field" of an error that concerns no single one
_WHOLE = frozenset({"non_field_errors", "__all__", ""})


class ApiError(exceptions.APIException):
    """A refusal with a status and code of its own; `extra` goes into the body as it is."""

    def __init__(
        self,
        status_code: int,
        code: str,
        message: str,
        errors: Errors | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, code)
        self.status_code = status_code
        self.code = code
        self.message = message
        self.errors = errors or {}
        self.extra = extra or {}


def error_body(code: str, message: str, errors: Errors | None = None) -> dict[str, Any]:
    message = _sendable(message)
    shown = {
        _sendable(field): [_sendable(text) for text in texts]
        for field, texts in (errors or {}).items()
    }
    return {"code": code, "message": message, "errors": shown, "detail": message}


def _sendable(text: str) -> str:
    """Refusals quote what was sent; half a surrogate pair could not be sent back."""
    return text.encode("utf-8", "backslashreplace").decode()


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response:
    """Django REST framework's hook: any exception of a view as an answer."""
    set_rollback()
    if isinstance(exc, ApiError):
        body = error_body(exc.code, exc.message, exc.errors) | dict(exc.extra)
        return Response(body, status=exc.status_code)
    if isinstance(exc, ServiceError):
        return Response(error_body(exc.code, exc.message, exc.errors), status=_status_of(exc))
    if isinstance(exc, IllegalTransition):
        return Response(error_body("conflict", str(exc)), status=409)
    if isinstance(exc, DjangoValidationError):
        return _invalid(_of_django(exc))
    if isinstance(exc, exceptions.ValidationError):
        return _invalid(_flat(exc.detail))
    if isinstance(exc, Http404):
        return Response(error_body("not_found", "There is no such thing."), status=404)
    if isinstance(exc, PermissionDenied):
        return Response(error_body("permission_denied", "This is not allowed."), status=403)
    if isinstance(exc, exceptions.APIException):
        return _of_framework(exc)
    if isinstance(exc, Busy | OperationalError | InterfaceError | CryptoError):
        return _not_now(exc)
    logger.error("an API call broke", exc_info=exc)
    return Response(error_body("server_error", "Something broke. It has been logged."), status=500)


def _status_of(refusal: ServiceError) -> int:
    if isinstance(refusal, NotAllowed):
        return status.HTTP_403_FORBIDDEN
    return status.HTTP_409_CONFLICT if isinstance(refusal, Conflict) else 400


def _invalid(errors: Errors) -> Response:
    texts = [
        text if field == WHOLE_BODY else f"{field}: {text}"
        for field, texts in errors.items()
        for text in texts
    ]
    return Response(error_body("invalid", " ".join(texts[:5]), errors), status=400)


def _of_django(exc: DjangoValidationError) -> Errors:
    if hasattr(exc, "error_dict"):
        return _flat(exc.message_dict)
    return {WHOLE_BODY: list(exc.messages)}


def _flat(detail: Any) -> Errors:
    """Nested details by field: a list's members speak under the list's own name."""
    if not isinstance(detail, Mapping):
        return {WHOLE_BODY: _texts(detail)}
    errors: Errors = {}
    for field, texts in detail.items():
        name = WHOLE_BODY if str(field) in _WHOLE else str(field)
        errors.setdefault(name, []).extend(_texts(texts))
    return errors


def _texts(detail: Any) -> list[str]:
    if isinstance(detail, Mapping):
        return [text for inner in detail.values() for text in _texts(inner)]
    if isinstance(detail, list | tuple):
        return [text for inner in detail for text in _texts(inner)]
    return [str(detail)]


def _of_framework(exc: exceptions.APIException) -> Response:
    """Not logged in, wrong method, unknown media type and their like."""
    headers = {}
    if wanted := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = wanted
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    code = getattr(exc.detail, "code", None) or exc.default_code
    message = " ".join(_texts(exc.detail))
    return Response(error_body(str(code), message), status=exc.status_code, headers=headers)


def _not_now(exc: Exception) -> Response:
    logger.error("an API call could not be served: %s: %s", type(exc).__name__, exc)
    body = error_body("unavailable", "The database can't be had just now. Try again.")
    return Response(body, status=503, headers={"Retry-After": str(RETRY_SECONDS)})
