"""What every view of the API has in common."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.db import Error as DatabaseFault
from django.db import IntegrityError
from django.db.models import Model, QuerySet
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.generics import GenericAPIView
from rest_framework.pagination import BasePagination
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from sigmatrader.db import Busy, write_transaction
from trading.api import idempotency
from trading.api.errors import ApiError
from trading.api.idempotency import FirstAnswer
from trading.api.parsing import MAX_BYTES, JsonParser
from trading.models import IdempotentRequest
from trading.services.errors import Conflict

logger = logging.getLogger(__name__)

Row = TypeVar("Row", bound=Model)
_MAX_ID = 2**63 - 1
_MOST_DIGITS = len(str(_MAX_ID))


class _AlreadyAnswered(Exception):
    def __init__(self, answer: FirstAnswer) -> None:
        super().__init__("answered before")
        self.answer = answer


class MayManageAccounts(BasePermission):
    """Whoever may change connections in the admin may log them in and out."""

    message = "Your login may not manage accounts: an administrator can allow it in the admin."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.user.has_perm("brokers.change_brokerconnection"))


class MayWrite(BasePermission):
    """Whoever may write such rows in the admin may write them here; every login may read.

    The view's `rights` say for each method what it takes.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        rights: Mapping[str, tuple[str, ...]] = getattr(view, "rights", {})
        missing = [
            one for one in rights.get(request.method or "", ()) if not request.user.has_perm(one)
        ]
        self.message = (
            f"Your login lacks the right {', '.join(missing)}: an administrator can give it in "
            "the admin."
        )
        return not missing


class ApiView(GenericAPIView[Any]):
    """JSON in, JSON out; a POST with an Idempotency-Key is done once."""

    parser_classes = (JsonParser,)
    pagination_class: type[BasePagination] | None = None
    max_bytes = MAX_BYTES
    _running: IdempotentRequest | None = None

    @property
    def actor(self) -> str:
        """Who acts, as events record it."""
        return str(self.request.user.get_username())

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[BaseRenderer, str]:
        """Always JSON: an odd Accept header is no reason to refuse an order."""
        return JSONRenderer(), JSONRenderer.media_type

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        _check_size(request, self.max_bytes)
        super().initial(request, *args, **kwargs)
        key = request.headers.get(idempotency.HEADER)
        if request.method == "POST" and key is not None:
            begun = idempotency.begin(request, key)
            if isinstance(begun, FirstAnswer):
                raise _AlreadyAnswered(begun)
            self._running = begun

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, _AlreadyAnswered):
            return exc.answer.as_response()
        return super().handle_exception(exc)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        if self._running is not None:
            try:
                idempotency.finish(self._running, response)
            except (Busy, DatabaseFault) as error:
                logger.error("an answer could not be kept for its Idempotency-Key: %s", error)
        return super().finalize_response(request, response, *args, **kwargs)

    def find(self, rows: QuerySet[Row], pk: str) -> Row:
        """The row of that id, or 404 naming it."""
        # Python reads no number of thousands of digits.
        number = int(pk) if len(pk) <= _MOST_DIGITS else _MAX_ID + 1
        row = rows.filter(pk=number).first() if number <= _MAX_ID else None
        if row is None:
            name = rows.model._meta.verbose_name
            raise NotFound(f"There is no {name} {pk[:20]}.")
        return row

    def validated(self, data: Any = None) -> dict[str, Any]:
        """The body by the view's serializer; ValidationError with the fields otherwise."""
        serializer = self.get_serializer(data=self.request.data if data is None else data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)


def _check_size(request: Request, max_bytes: int) -> None:
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if not declared.isdecimal() or request.META.get("HTTP_TRANSFER_ENCODING"):
        raise ApiError(411, "length_required", "Send the body whole, with its Content-Length.")
    if len(declared) > 18 or int(declared) > max_bytes:
        text = f"The body is over {max_bytes} bytes."
        raise ApiError(status.HTTP_413_REQUEST_ENTITY_TOO_LARGE, "body_too_large", text)


def store(serializer: BaseSerializer[Any], again: Callable[[], BaseSerializer[Any]]) -> Any:
    """Save what is valid; `again` makes a fresh serializer to find out why the database refused."""
    serializer.is_valid(raise_exception=True)
    try:
        with write_transaction():
            return serializer.save()
    except IntegrityError:
        # Somebody else stored between the check and the save.
        again().is_valid(raise_exception=True)
        raise Conflict("Somebody has changed this at the same moment. Try again.") from None
