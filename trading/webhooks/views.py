"""POST /webhook/tradingview: checked from the outside inwards, committed, answered."""

import dataclasses
import hashlib
import logging
from datetime import datetime
from typing import Any, NoReturn

from django.db import Error as DatabaseFault
from django.http import HttpRequest, HttpResponse, JsonResponse
from drf_spectacular.utils import extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from sigmatrader import clock
from sigmatrader.crypto import CryptoError
from sigmatrader.db import Busy, commit_within
from trading.domain.signal import Signal
from trading.models import Strategy
from trading.services import intake, webhook_secrets
from trading.services.intake import Envelope, Intake
from trading.services.webhook_secrets import StoredSecret
from trading.webhooks import gate, payload, transport
from trading.webhooks.gate import Junk
from trading.webhooks.payload import Document, Ignored, Probe, Rejection
from trading.webhooks.transport import Refusal

logger = logging.getLogger(__name__)

SECRET_HEADER = "X-SigmaTrader-Secret"  # noqa: S105 - the header's name
COMMIT_SECONDS = 2
RETRY_SECONDS = 5

_INVALID_SECRET = {"secret": ["The secret is missing or wrong. Copy it from the settings page."]}
_STATUS_CODES = {
    "accepted": 201,
    "duplicate": 200,
    "ignored": 200,
    "rejected": 422,
    "conflict": 409,
}


class _JsonAlone(BaseContentNegotiation):
    """The answer is JSON whatever the request would like, and the query string isn't read."""

    def select_parser(self, request: Request, parsers: Any) -> None:
        return None

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return JSONRenderer(), JSONRenderer.media_type


class TradingViewWebhook(APIView):
    """Takes TradingView's alerts. The secret in the message is the authentication."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = ()
    content_negotiation_class = _JsonAlone
    http_method_names = ["post"]  # noqa: RUF012

    @extend_schema(
        operation_id="tradingview_alert",
        tags=["webhook"],
        auth=[],
        request={"application/json": {"type": "object", "additionalProperties": True}},
        responses={
            code: {"type": "object", "additionalProperties": True}
            for code in (200, 201, 400, 401, 403, 409, 413, 415, 422, 429, 503)
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Store an alert and its order, or say why not."""
        try:
            return _answer(_receive(request._request, clock.now()))
        except Refusal as refusal:
            return _refused(refusal)
        except (Busy, DatabaseFault, CryptoError, OSError) as error:
            logger.error("an alert could not be stored: %s: %s", type(error).__name__, error)
            return _try_again()

    def http_method_not_allowed(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        return _refused(Refusal(405, "method_not_allowed", {"method": ["Use POST."]}))


def _answer(result: Intake | Probe) -> HttpResponse:
    if isinstance(result, Probe):
        return JsonResponse({"status": "ok"})
    code = _STATUS_CODES[result.status]
    if code >= 400:
        answer = {"status": "rejected", "code": result.code, "errors": result.errors}
        return JsonResponse({**answer, "alert_id": result.alert_id}, status=code)
    answer = {"id": result.alert_id, "alert_id": result.alert_id, "status": result.status}
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
    response = JsonResponse(
        {
            "status": "unavailable",
            "code": "not_stored",
            "errors": {"body": ["The alert could not be stored just now. Send it again."]},
        },
        status=503,
    )
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _receive(request: HttpRequest, now: datetime) -> Intake | Probe:
    """Every check in its order. Raises Refusal for what is not stored."""
    address: str = request.client_address  # type: ignore[attr-defined]
    try:
        transport.check_size(request)
    except Refusal as refusal:
        raise _junk(refusal, address, Junk.TOO_LARGE, now) from None
    try:
        transport.check_media_type(request)
    except Refusal as refusal:
        raise _junk(refusal, address, Junk.MEDIA_TYPE, now) from None
    if not gate.is_allowed(address):
        refusal = Refusal(
            403, "address_not_allowed", {"address": [f"{address} may not post here."]}
        )
        raise _junk(refusal, address, Junk.ADDRESS, now)
    body = transport.read_body(request)
    known = webhook_secrets.stored(now)
    try:
        document = payload.read(body)
    except Rejection as rejection:
        _unreadable(request, rejection, body, known, address, now)
    return _understand(request, document, body, known, address, now)


def _junk(refusal: Refusal, address: str, kind: Junk, now: datetime) -> Refusal:
    """The answer to a request without a right secret; counted while its address is in limits."""
    standing = gate.standing(address, now)
    if not standing.wait(kind):
        gate.count(address, kind, now)
        return refusal
    if kind not in (Junk.WRONG_SECRET, Junk.UNREADABLE):
        return refusal
    return Refusal(
        429,
        "too_many_requests",
        {"address": ["Too many requests without a right secret. Wait before the next."]},
        retry_after=standing.wait(kind),
    )


def _values(known: list[StoredSecret]) -> list[str]:
    return [one.value for one in known if one.value is not None]


def _unreadable(
    request: HttpRequest,
    rejection: Rejection,
    body: bytes,
    known: list[StoredSecret],
    address: str,
    now: datetime,
) -> NoReturn:
    """Kept for a person when a valid secret stands in it or came in the header, else junk."""
    secrets = _values(known)
    errors = _blanked_errors(rejection.errors, secrets)
    valid = [one for one in known if one.valid]
    by_header = webhook_secrets.is_one_of(request.headers.get(SECRET_HEADER, ""), valid)
    if not by_header and payload.quoted_secret_in(body, _values(valid)) is None:
        refusal = Refusal(rejection.status, rejection.code, errors)
        raise _junk(refusal, address, Junk.UNREADABLE, now)
    envelope = _envelope(body, hashlib.sha256(body).hexdigest(), secrets, address, now)
    with commit_within(COMMIT_SECONDS):
        intake.reject(envelope, rejection.code, errors, rejection.fields)
    logger.warning("an unreadable alert was refused: %s", rejection.code)
    raise Refusal(rejection.status, rejection.code, errors)


def _understand(
    request: HttpRequest,
    document: Document,
    body: bytes,
    known: list[StoredSecret],
    address: str,
    now: datetime,
) -> Intake | Probe:
    strategy = _strategy(payload.named_strategy(document))
    presented = payload.presented_secrets(document, request.headers.get(SECRET_HEADER))
    if not webhook_secrets.matches(presented, strategy.pk if strategy else None, known):
        refusal = Refusal(401, "invalid_secret", _INVALID_SECRET)
        raise _junk(refusal, address, Junk.WRONG_SECRET, now)
    secrets = _values(known)
    envelope = _envelope(body, document.digest, secrets, address, now)
    clean = dataclasses.replace(document, data=_without(document.data, secrets))
    try:
        meaning = payload.interpret(clean)
    except Rejection as rejection:
        return _reject(envelope, rejection.code, rejection.errors, rejection.fields)
    if isinstance(meaning, Probe):
        return meaning
    with commit_within(COMMIT_SECONDS):
        if isinstance(meaning, Ignored):
            result = intake.ignore(envelope, meaning.code, meaning.fields)
        else:
            result = _accept(meaning, strategy, envelope)
    logger.info(
        "alert %s %s, order %s %s",
        result.alert_id,
        result.status,
        result.order_id,
        result.order_status,
    )
    return result


def _accept(signal: Signal, strategy: Strategy | None, envelope: Envelope) -> Intake:
    result = intake.accept(signal, strategy, envelope)
    if result.status != "conflict":
        return result
    # Refused, but somebody must see that a message was not traded.
    fields = {
        "strategy_name": signal.strategy_name,
        "symbol": signal.symbol,
        "exchange": signal.exchange,
        "action": signal.side.value,
    }
    kept = intake.reject(envelope, result.code, result.errors, fields)
    return dataclasses.replace(result, alert_id=kept.alert_id)


def _reject(
    envelope: Envelope, code: str, errors: dict[str, list[str]], fields: dict[str, Any]
) -> Intake:
    with commit_within(COMMIT_SECONDS):
        result = intake.reject(envelope, code, errors, fields)
    logger.warning("alert %s was refused: %s", result.alert_id, code)
    return result


def _strategy(name: str) -> Strategy | None:
    if not name:
        return None
    return Strategy.objects.select_related("connection").filter(name=name).first()


def _envelope(
    body: bytes, digest: str, secrets: list[str], address: str, now: datetime
) -> Envelope:
    return Envelope(
        raw_body=payload.blank_secret(payload.as_text(body), secrets),
        digest=digest,
        received_at=now,
        source_address=address[:64],
    )


def _without(value: Any, secrets: list[str]) -> Any:
    """`value` with every secret blanked, wherever somebody has pasted it."""
    if isinstance(value, str):
        suspicious = "\\" in value or any(one in value for one in secrets)
        return payload.blank_secret(value, secrets) if suspicious else value
    if isinstance(value, dict):
        return {_without(key, secrets): _without(member, secrets) for key, member in value.items()}
    if isinstance(value, list):
        return [_without(member, secrets) for member in value]
    return value


def _blanked_errors(errors: dict[str, list[str]], secrets: list[str]) -> dict[str, list[str]]:
    return {
        field: [payload.blank_secret(text, secrets) for text in texts]
        for field, texts in errors.items()
    }
