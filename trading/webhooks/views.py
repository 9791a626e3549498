"""POST /webhook/tradingview as HTTP: the checks are in reception.py."""

import logging
from typing import Any

from django.db import Error as DatabaseFault
from django.http import HttpResponse, JsonResponse
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from sigmatrader import clock
from sigmatrader.crypto import CryptoError
from sigmatrader.db import Busy
from trading.services.intake import Intake
from trading.webhooks.payload import Probe
from trading.webhooks.reception import receive
from trading.webhooks.transport import Refusal

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5
_STATUS_CODES = {
    "accepted": 201,
    "duplicate": 200,
    "ignored": 200,
    "rejected": 422,
    "conflict": 409,
}
_ANSWERS = (200, 201, 400, 401, 403, 409, 411, 413, 415, 422, 429, 503)
_ANY_OBJECT = {"type": "object", "additionalProperties": True}


class TradingViewWebhook(APIView):
    """Takes TradingView's alerts. The secret in the message is the authentication."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = ()
    http_method_names = ["post"]

    @extend_schema(
        operation_id="tradingview_alert",
        tags=["webhook"],
        auth=[],
        request={"application/json": _ANY_OBJECT},
        responses=dict.fromkeys(_ANSWERS, _ANY_OBJECT),
    )
    def post(self, request: Request) -> HttpResponse:
        """Store an alert and its order, or say why not."""
        try:
            return _answer(receive(request._request, clock.now()))
        except Refusal as refusal:
            return _refused(refusal)
        except (Busy, DatabaseFault, CryptoError, OSError) as error:
            logger.error("an alert could not be stored: %s: %s", type(error).__name__, error)
            return _try_again()

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[BaseRenderer, str]:
        """The answer is JSON whatever the request would like; the query string isn't read."""
        return JSONRenderer(), JSONRenderer.media_type

    def http_method_not_allowed(  # type: ignore[override]
        self, request: Request, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        return _refused(Refusal(405, "method_not_allowed", {"method": ["Use POST."]}))


def _answer(result: Intake | Probe) -> HttpResponse:
    if isinstance(result, Probe):
        return JsonResponse({"status": "ok"})
    code = _STATUS_CODES[result.status]
    if code >= 400:
        refusal = {"status": "rejected", "code": result.code, "errors": result.errors}
        return JsonResponse({**refusal, "alert_id": result.alert_id}, status=code)
    answer: dict[str, Any] = {
        "id": result.alert_id,
        "alert_id": result.alert_id,
        "status": result.status,
    }
    if result.status == "ignored":
        return JsonResponse({**answer, "code": result.code})
    answer["order_id"] = result.order_id
    if result.order_id is not None:
        answer |= {"order_status": result.order_status, "mode": result.mode}
    return JsonResponse(answer, status=code)


def _refused(refusal: Refusal) -> HttpResponse:
    response = JsonResponse(
        {"status": "rejected", "code": refusal.code, "errors": refusal.errors},
        status=refusal.status,
    )
    if refusal.retry_after:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def _try_again() -> HttpResponse:
    """TradingView sends an alert again after a 5xx answer."""
    text = "The alert could not be stored just now. Send it again."
    response = JsonResponse(
        {"status": "unavailable", "code": "not_stored", "errors": {"body": [text]}}, status=503
    )
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response
