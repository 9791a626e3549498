"""Kite's postbacks: a hint that an order moved, never the truth about it. Pure.

The checksum covers the order id and the time alone, so whoever has seen one genuine postback can
change everything else in it: read the order before believing anything.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from brokers.zerodha.rows import BadRow, moment
from trading.domain.off_hours import book_day

_LONGEST: Final = 64


class BadPostback(Exception):
    """The body is no genuine postback."""


@dataclass(frozen=True, slots=True)
class Postback:
    """What a postback points at. `status` is Kite's word, and a hint like all the rest."""

    order_id: str
    user_id: str
    status: str
    order_timestamp: str
    checksum: str = field(repr=False)


def read(body: bytes) -> Postback:
    """The fields of a postback, whoever sent it; raises BadPostback when it is none."""
    try:
        row = json.loads(body)
    except (ValueError, RecursionError):
        raise BadPostback("The body is no JSON.") from None
    if not isinstance(row, dict):
        raise BadPostback("The body is no JSON object.")
    return Postback(
        order_id=_text(row, "order_id"),
        user_id=_text(row, "user_id"),
        status=_text(row, "status"),
        order_timestamp=_text(row, "order_timestamp"),
        checksum=_text(row, "checksum"),
    )


def is_genuine(postback: Postback, api_secret: str) -> bool:
    """Whether the sender knows `api_secret`; in constant time. Never with an empty secret."""
    if not api_secret:
        return False
    signed = postback.order_id + postback.order_timestamp + api_secret
    expected = hashlib.sha256(signed.encode("utf-8", "replace")).hexdigest()
    given = postback.checksum.encode("utf-8", "replace")
    return hmac.compare_digest(expected.encode(), given)


def is_of_today(postback: Postback, now: datetime) -> bool:
    """Whether the signed time is of the book day of `now`. An older one, which anybody may send
    again, tells nothing, and neither does a time that can't be read."""
    try:
        at = moment({"order_timestamp": postback.order_timestamp}, "order_timestamp")
    except BadRow:
        return False
    return at is not None and book_day(at) == book_day(now)


def verify(body: bytes, api_secret: str) -> Postback:
    """A postback whose checksum holds; raises BadPostback for everything else."""
    postback = read(body)
    if not is_genuine(postback, api_secret):
        raise BadPostback("The checksum is wrong.")
    return postback


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise BadPostback(f"{name} is missing.")
    if len(value) > _LONGEST or not value.isprintable():
        raise BadPostback(f"{name} is malformed.")
    return value
