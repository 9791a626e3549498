"""Bytes to a JSON object: strict first, then the marked repairs. Pure."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from trading.webhooks.rejection import Rejection, unreadable
from trading.webhooks.repair import repair
from trading.webhooks.text import JSON_STRING, PLACEHOLDER, shown

MAX_BYTES = 16 * 1024
MAX_DEPTH = 32
MAX_KEYS = 200
# A longer number literal is an attack; what fits is judged by its meaning later.
MAX_NUMBER_LENGTH = 1000
MAX_EXPONENT = 308

_BLANKS = " \t\r\n\v\f\xa0\ufeff"
_BRACKET = re.compile(rf"{JSON_STRING}|[{{}}\[\]]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Document:
    """A body as one JSON object; numbers are int or Decimal.

    digest: SHA-256 (hex) of the object without its secret, keys sorted.
    """

    data: dict[str, Any]
    repaired: bool
    digest: str


def read(body: bytes) -> Document:
    """Raises Rejection 400 (413 above MAX_BYTES)."""
    if len(body) > MAX_BYTES:
        raise Rejection(
            413, "body_too_large", {"body": [f"The body is over {MAX_BYTES} bytes. Shorten it."]}
        )
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise unreadable(
            "invalid_encoding",
            f"Byte {error.start + 1} of the body is not UTF-8. Send the alert as UTF-8.",
        ) from None
    data, repaired = _parse(text.strip(_BLANKS))
    return Document(data=data, repaired=repaired, digest=_digest(data))


def as_text(body: bytes) -> str:
    """The body as text that any database can hold: U+FFFD for what is not UTF-8, and for NUL."""
    return body.decode("utf-8", "replace").replace("\x00", "\ufffd")


def _parse(text: str) -> tuple[dict[str, Any], bool]:
    try:
        value = _strict(text)
        if isinstance(value, str):  # JSON that was put into a JSON string
            text = value.strip(_BLANKS)
            value = _strict(text)
        repaired = False
    except json.JSONDecodeError as error:
        value = _repaired(text, error)
        repaired = True
    if not isinstance(value, dict):
        raise unreadable(
            "invalid_json",
            f"The body must be one JSON object, {{…}}, and is {_kind(value)}.",
        )
    return value, repaired


def _repaired(text: str, error: json.JSONDecodeError) -> Any:
    mended = repair(text)
    if mended is not None:
        try:
            return _strict(mended)
        except json.JSONDecodeError as second:
            error = second
            text = mended
    raise unreadable("invalid_json", _why(text, error))


def _strict(text: str) -> Any:
    """Raises json.JSONDecodeError where the text isn't JSON, Rejection where it is over a limit."""
    _check_depth(text)
    return json.JSONDecoder(
        object_pairs_hook=_object_hook(),
        parse_int=_integer,
        parse_float=_decimal,
        parse_constant=_constant,
    ).decode(text)


def _check_depth(text: str) -> None:
    """Before parsing, because the parser recurses."""
    depth = 0
    for match in _BRACKET.finditer(text):
        token = match.group()
        if token in ("{", "["):
            depth += 1
            if depth > MAX_DEPTH:
                raise unreadable(
                    "too_deep", f"The body is nested over {MAX_DEPTH} levels deep. Flatten it."
                )
        elif token in ("}", "]"):
            depth -= 1


def _object_hook() -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    total = 0

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal total
        total += len(pairs)
        if total > MAX_KEYS:
            raise unreadable("too_many_keys", f"The body has over {MAX_KEYS} keys. Remove some.")
        if len({key.casefold() for key, _ in pairs}) != len(pairs):
            raise unreadable("duplicate_keys", _which_twice(pairs))
        return dict(pairs)

    return build


def _which_twice(pairs: list[tuple[str, Any]]) -> str:
    seen: dict[str, str] = {}
    for key, _ in pairs:
        first = seen.setdefault(key.casefold(), key)
        if first is not key:
            break
    both = shown(key) if key == first else f"{shown(first)} and {shown(key)}"
    return f"The key {both} occurs twice in one object. Keep one of the two."


def _integer(literal: str) -> int:
    _check_length(literal)
    return int(literal)


def _decimal(literal: str) -> Decimal:
    _check_length(literal)
    try:
        value = Decimal(literal)
    except InvalidOperation:
        value = Decimal("Infinity")
    if not value.is_finite() or (value and abs(value.adjusted()) > MAX_EXPONENT):
        raise unreadable("invalid_json", f"The number {shown(literal, 30)} is out of range.")
    # A zero keeps its exponent, and 0e999999 would be costly to print in full.
    return value if value else Decimal(0)


def _check_length(literal: str) -> None:
    if len(literal) > MAX_NUMBER_LENGTH:
        raise unreadable("invalid_json", f"A number has over {MAX_NUMBER_LENGTH} digits.")


def _constant(literal: str) -> Any:
    raise unreadable(
        "invalid_json",
        f"{literal} is not JSON. Put the placeholder in quotes: NaN in quotes counts as missing.",
    )


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return "a text" if isinstance(value, str) else shown(value)


def _why(text: str, error: json.JSONDecodeError) -> str:
    if not text:
        return "The body is empty. Put the JSON message into the alert's Message box."
    placeholder = PLACEHOLDER.search(text)
    if placeholder is not None:
        return (
            f"The body is not valid JSON: {shown(placeholder.group())} was not filled in by "
            "TradingView. Check its spelling; {{strategy.…}} works only in alerts made on a "
            "strategy."
        )
    where = f"line {error.lineno}, column {error.colno}"
    if error.msg.startswith("Invalid control character"):
        return (
            f"The body is not valid JSON: a line break or tab inside quotes at {where}. "
            "Keep each text of the message on one line."
        )
    return (
        f"The body is not valid JSON at {where}: {error.msg}. "
        "Compare it with the message builder's under Settings; a quotation mark inside a comment "
        "breaks it."
    )


def _digest(data: dict[str, Any]) -> str:
    body = {key: value for key, value in data.items() if key != "secret"}
    meta = body.get("meta")
    if isinstance(meta, dict) and "secret" in meta:
        body["meta"] = {key: value for key, value in meta.items() if key != "secret"}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), default=_canonical)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _canonical(number: Decimal) -> int | str:
    """1500.0 and 1500 are one number; so are 1500.5 and 1500.50."""
    if number == number.to_integral_value():
        return int(number)
    return format(number, "f").rstrip("0")
