"""What an answer of Kite's means: data, or an error classed by what the caller may do next. Pure.

Kite's error texts are not stable and its errors can lie, so only a short list of answers counts as
a refusal. Everything else about an order leaves it open whether there is one.
"""

import hashlib
import json
import re
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from brokers.errors import (
    AuthorisationNeeded,
    BrokerError,
    MarketClosed,
    NotSent,
    OutcomeUnknown,
    PermissionRefused,
    RateLimited,
    Refused,
    SessionExpired,
)

_LONGEST_TEXT: Final = 500


class Call(StrEnum):
    """PLACE makes an order or a trigger, CHANGE modifies or cancels one, READ only asks."""

    PLACE = "PLACE"
    CHANGE = "CHANGE"
    READ = "READ"


class Answered(Exception):
    """Kite answered, and it is no success. `message` is Kite's own, in one line, or our words."""

    def __init__(self, status: int, error_type: str, message: str) -> None:
        self.status = status
        self.error_type = error_type
        self.message = message
        super().__init__(message)


_REFUSING: Final = frozenset(
    {"InputException", "OrderException", "MarginException", "HoldingException"}
)
_UNCLEAR: Final = re.compile(
    r"time[ds]?[ -]?out|confirm before placing|check (?:the |your )?order ?book", re.IGNORECASE
)
_SHORT_OF: Final = re.compile(r"insufficient (?:funds|stock|margin)", re.IGNORECASE)
_ADDRESS: Final = re.compile(
    r"\bno IPs? (?:is |are )?configured|\bIP \([^)]*\) is not allowed|\bstatic[ -]IP\b"
    r"|\ballowed IPs\b|\bIP (?:address )?(?:is )?not (?:allowed|whitelisted|permitted)",
    re.IGNORECASE,
)
_CLOSED: Final = re.compile(
    r"\bmarkets? (?:is |are )?(?:currently |now )?(?:closed|not open)"
    r"|not (?:been )?open(?:ed)? for trading|\b16278\b|placing an AMO"
    r"|converted to an? after market order",
    re.IGNORECASE,
)
_NO_SESSION: Final = re.compile(r"api_key.{0,9}\bor\b.{0,9}access_token", re.IGNORECASE)
_BUSY: Final = re.compile(r"being processed", re.IGNORECASE)
_CHANGED_TOO_OFTEN: Final = re.compile(r"maximum allowed order modifications", re.IGNORECASE)
_ABSENT: Final = re.compile(
    r"not found|could(?:n't| not) (?:be )?f(?:i|ou)nd|no such|do(?:es)?(?:n't| not) exist"
    r"|invalid (?:order|trigger|gtt)",
    re.IGNORECASE,
)
_CONTROL: Final = dict.fromkeys((*range(32), 127), " ")
_LONGEST_NUMBER: Final = 40
_LARGEST_EXPONENT: Final = 30
# Escapes of a NUL and of halves of characters: no database stores them.
_ESCAPED: Final = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)
_UNSTORABLE: Final = re.compile("[\\0\\ud800-\\udfff]")


def classify(call: Call, status: int, error_type: str, message: str) -> BrokerError:
    """The error that an unsuccessful answer stands for; for the caller to raise."""
    code = error_type or str(status)
    refusing_status = 400 <= status < 500
    if status == 429:
        return RateLimited(message, code=code)
    if _session_is_over(status, error_type, message):
        return SessionExpired(message, code=code)
    if (status, error_type) == (403, "PermissionException") or (
        refusing_status and _ADDRESS.search(message)
    ):
        return PermissionRefused(message, code=code)
    if call is Call.READ:
        return OutcomeUnknown(f"Zerodha could not be read (HTTP {status}): {message}", code=code)
    return _of_an_order(call, status, error_type, message)


def _session_is_over(status: int, error_type: str, message: str) -> bool:
    if (status, error_type) == (403, "TokenException"):
        return True
    # What Kite says when the header is missing altogether.
    return (status, error_type) == (400, "InputException") and bool(_NO_SESSION.search(message))


def _of_an_order(call: Call, status: int, error_type: str, message: str) -> BrokerError:
    code = error_type or str(status)
    unknown = OutcomeUnknown(
        f"Zerodha gave no clear answer (HTTP {status} {error_type}): {message}", code=code
    )
    if call is Call.CHANGE and status < 500 and _BUSY.search(message):
        return NotSent(message, code=code)
    if call is Call.CHANGE and _CHANGED_TOO_OFTEN.search(message):
        return Refused(message, code=code)
    # A shortage is a refusal although it, too, advises to look into the order book.
    if _UNCLEAR.search(message) and not _SHORT_OF.search(message):
        return unknown
    if status == 428:
        return AuthorisationNeeded(message, code=code)
    if status != 400 or error_type not in _REFUSING:
        return unknown
    if _CLOSED.search(message):
        return MarketClosed(message, code=code)
    return Refused(message, code=code)


def says_absent(error: Answered) -> bool:
    """Whether Kite clearly knows no order or trigger by the id that was asked for."""
    if error.status == 404:
        return True
    return error.status == 400 and bool(_ABSENT.search(error.message))


def data_of(status: int, content_type: str, body: bytes) -> Any:
    """What a success carries, numbers with a point as Decimal; raises Answered for the rest.

    The HTTP status is not looked at: a success under a wrong status is for the caller to judge.
    """
    if 300 <= status < 400:
        raise Answered(status, "", "a redirect, which is never followed")
    envelope = _envelope(status, content_type, body)
    error_type = envelope.get("error_type")
    if envelope.get("status") == "success" and not error_type and "data" in envelope:
        return envelope["data"]
    message = envelope.get("message")
    if not isinstance(message, str) or not message.strip():
        raise Answered(status, "", _odd("neither success nor a message", body))
    raise Answered(status, _word(error_type), clean(message))


def clean(message: str) -> str:
    """One line of readable length."""
    return " ".join(message.translate(_CONTROL).split())[:_LONGEST_TEXT]


def _envelope(status: int, content_type: str, body: bytes) -> dict[str, Any]:
    if "json" not in content_type.lower():
        raise Answered(status, "", _odd(f"content type {content_type[:60]!r}", body))
    try:
        envelope = _parsed(body)
    except (ValueError, RecursionError):
        raise Answered(status, "", _odd("no JSON", body)) from None
    if not isinstance(envelope, dict):
        raise Answered(status, "", _odd("no JSON object", body))
    return envelope


def _parsed(body: bytes) -> Any:
    """The JSON of `body`. One odd value must not spoil the rest: a number that is none, or that
    nobody can reckon with, becomes null; a character that can't be stored a mark.
    """
    written = body.decode("utf-8", "replace")
    parsed = json.loads(
        written, parse_float=_decimal, parse_int=_integer, parse_constant=lambda _: None
    )
    return _storable(parsed) if _ESCAPED.search(written) else parsed


def _decimal(written: str) -> Decimal | None:
    if len(written) > _LONGEST_NUMBER:
        return None
    number = Decimal(written)
    return number if abs(number.adjusted()) <= _LARGEST_EXPONENT else None


def _integer(written: str) -> int | None:
    return int(written) if len(written) <= _LONGEST_NUMBER else None


def _storable(value: Any) -> Any:
    if isinstance(value, dict):
        return {_storable(name): _storable(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_storable(one) for one in value]
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    return value


def _word(error_type: object) -> str:
    return clean(error_type)[:40] if isinstance(error_type, str) else ""


def _odd(what: str, body: bytes) -> str:
    """An odd body by its traces: it may hold anything, so it is never quoted."""
    digest = hashlib.sha256(body).hexdigest()[:16]
    return f"an answer that can't be read: {what}, {len(body)} bytes, sha256 {digest}"
