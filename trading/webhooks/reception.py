"""A request to the webhook, checked from the outside inwards, then committed as an alert."""

import dataclasses
import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import OperationalError
from django.http import HttpRequest

from sigmatrader.db import Busy, commit_within
from trading.domain.signal import Signal
from trading.models import Strategy
from trading.services import intake, webhook_secrets
from trading.services.intake import Intake
from trading.services.plan import Envelope
from trading.services.webhook_secrets import StoredSecret
from trading.webhooks import gate, payload, transport
from trading.webhooks.gate import Junk
from trading.webhooks.payload import Document, Ignored, Probe, Rejection
from trading.webhooks.transport import Refusal

logger = logging.getLogger(__name__)

SECRET_HEADER = "X-SigmaTrader-Secret"
COMMIT_SECONDS = 2

_INVALID_SECRET = "The secret is missing or wrong. Copy it from the settings page."
_TOO_MANY = "Too many requests without a right secret. Wait before the next."


@dataclass(frozen=True, slots=True)
class _Message:
    """A body that was let in, and the secrets to check it against."""

    body: bytes
    header_secret: str | None
    address: str
    received_at: datetime
    known: list[StoredSecret]

    @property
    def secrets(self) -> list[str]:
        """Every secret in clear, for blanking."""
        return _values(self.known)

    @property
    def valid(self) -> list[StoredSecret]:
        return [one for one in self.known if one.valid]

    def envelope(self, digest: str) -> Envelope:
        return Envelope(
            raw_body=payload.blank_secret(payload.as_text(self.body), self.secrets),
            digest=digest,
            received_at=self.received_at,
            source_address=self.address[:64],
        )


def receive(request: HttpRequest, now: datetime) -> Intake | Probe:
    """What became of a POST. Raises Refusal for what is no alert of ours.

    Raises also what the database, its lock and the encryption raise: nothing is stored then.
    """
    address: str = request.client_address  # type: ignore[attr-defined]
    _let_in(request, address, now)
    message = _Message(
        body=transport.read_body(request),
        header_secret=request.headers.get(SECRET_HEADER),
        address=address,
        received_at=now,
        known=webhook_secrets.stored(now),
    )
    try:
        document = payload.read(message.body)
    except Rejection as rejection:
        raise _unreadable(message, rejection) from None
    return _understand(message, document)


def _let_in(request: HttpRequest, address: str, now: datetime) -> None:
    for check, kind in (
        (transport.check_size, Junk.TOO_LARGE),
        (transport.check_media_type, Junk.MEDIA_TYPE),
    ):
        try:
            check(request)
        except Refusal as refusal:
            raise _junk(refusal, address, kind, now) from None
    if not gate.is_allowed(address):
        text = f"{address} is not among the addresses that may post here."
        raise _junk(
            Refusal(403, "address_not_allowed", {"address": [text]}), address, Junk.ADDRESS, now
        )


def _junk(refusal: Refusal, address: str, kind: Junk, now: datetime) -> Refusal:
    """The answer to a request without a right secret; counted while its address is in limits."""
    wait = gate.standing(address, now).wait(kind)
    if not wait:
        gate.count(address, kind, now)
        return refusal
    return _too_many(wait) if kind in (Junk.WRONG_SECRET, Junk.UNREADABLE) else refusal


def _too_many(wait: int) -> Refusal:
    return Refusal(429, "too_many_requests", {"address": [_TOO_MANY]}, retry_after=wait)


def _unreadable(message: _Message, rejection: Rejection) -> Refusal:
    """Kept for a person when a valid secret stands in it or came in the header, else junk."""
    errors = {
        field: [payload.blank_secret(text, message.secrets) for text in texts]
        for field, texts in rejection.errors.items()
    }
    refusal = Refusal(rejection.status, rejection.code, errors)
    in_header = webhook_secrets.is_one_of(message.header_secret or "", message.valid)
    if not in_header and payload.quoted_secret_in(message.body, _values(message.valid)) is None:
        return _junk(refusal, message.address, Junk.UNREADABLE, message.received_at)
    envelope = message.envelope(hashlib.sha256(message.body).hexdigest())
    _reject(envelope, rejection.code, errors, rejection.fields)
    # From an address over its limits the answer must not tell that a secret was in it.
    wait = gate.standing(message.address, message.received_at).wait(Junk.UNREADABLE)
    return _too_many(wait) if wait else refusal


def _understand(message: _Message, document: Document) -> Intake | Probe:
    strategy = _strategy(payload.named_strategy(document))
    presented = payload.presented_secrets(document, message.header_secret)
    if not webhook_secrets.matches(presented, strategy.pk if strategy else None, message.known):
        refusal = Refusal(401, "invalid_secret", {"secret": [_INVALID_SECRET]})
        raise _junk(refusal, message.address, Junk.WRONG_SECRET, message.received_at)
    envelope = message.envelope(document.digest)
    clean = dataclasses.replace(document, data=_without(document.data, message.secrets))
    try:
        meaning = payload.interpret(clean)
    except Rejection as rejection:
        return _reject(envelope, rejection.code, rejection.errors, rejection.fields)
    if isinstance(meaning, Probe):
        return meaning
    if isinstance(meaning, Ignored):
        with commit_within(COMMIT_SECONDS):
            result = intake.ignore(envelope, meaning.code, meaning.fields)
    else:
        result = _commit(meaning, strategy, envelope)
    logger.info(
        "alert %s %s: order %s %s",
        result.alert_id,
        result.status,
        result.order_id,
        result.order_status,
    )
    return result


def _commit(signal: Signal, strategy: Strategy | None, envelope: Envelope) -> Intake:
    try:
        with commit_within(COMMIT_SECONDS):
            return _accept(signal, strategy, envelope)
    except (Busy, OperationalError):
        # A copy that was committed while we waited for our turn answers for both.
        known = intake.known_duplicate(signal, strategy, envelope)
        if known is None:
            raise
        return known


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
    return Strategy.objects.filter(name=name).first()


def _values(secrets: Iterable[StoredSecret]) -> list[str]:
    return [one.value for one in secrets if one.value is not None]


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
