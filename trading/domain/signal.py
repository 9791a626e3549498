"""What an alert means: the validated signal, its duplicate key and an order's own id. Pure."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from trading.domain.values import OrderType, Product, Side, Validity

# Why a signal must wait for a person, in the words that the queue shows.
QUANTITY_MISSING = "The alert has no quantity."
QUANTITY_FRACTIONAL = "The alert's quantity was a fraction and has been rounded down."
QUANTITY_FROM_POSITION = "The quantity was taken from the alert's position_size."
BODY_REPAIRED = "The alert's body was not valid JSON and has been repaired."
FEED_DELAYED = "The alert comes from a delayed data feed."
EXCHANGE_UNKNOWN = "The alert names no exchange that orders can go to."
EXCHANGES_DIFFER = "The alert names two different exchanges."
ACTIONS_DIFFER = "The alert names two opposite actions."
PRODUCT_UNKNOWN = "The alert's trade type is unknown; the product is the strategy's default."
MARKED_AS_TEST = "The alert is marked as a connection test but carries an order."

STRATEGY_NAME_LENGTH = 255
STRATEGY_NAME_RULE = (
    f"up to {STRATEGY_NAME_LENGTH} letters, digits, spaces and any of _-.:+()/&#@,[]%|!*, "
    "not beginning with + - @"
)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.:()/&#,\[\]%|!*][A-Za-z0-9 _\-.:+()/&#@,\[\]%|!*]*")
_NAME_MARKS = frozenset(" _-.:+()/&#@,[]%|!*")

_ID_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ID_LENGTH = 18


class Intent(StrEnum):
    """What the alert says of its purpose. ANY: nothing beyond BUY or SELL."""

    ENTRY = "ENTRY"
    EXIT = "EXIT"
    ANY = "ANY"


class DedupeKind(StrEnum):
    """By what a repeated alert is known. BODY holds only within the strategy's window."""

    ALERT_ID = "ALERT_ID"
    ORDER_REF = "ORDER_REF"
    BODY = "BODY"


@dataclass(frozen=True, slots=True)
class Signal:
    """One alert, understood. Prices in rupees, quantities in units, times aware UTC."""

    strategy_name: str  # "" when the alert names none
    symbol: str  # as shown: "NSE:INFY", or "INFY" when no exchange is known
    exchange: str  # "NSE"; "" when unknown
    tradingsymbol: str
    side: Side
    intent: Intent
    quantity: int  # 0 when missing
    needs_quantity: bool
    price: Decimal | None  # the alert's price or limit; None when missing or 0
    reference_price: Decimal | None  # what the strategy saw
    trigger_price: Decimal | None
    order_type: OrderType | None  # None: the strategy's default
    product: Product | None  # None: the strategy's default
    validity: Validity
    gtt: bool
    interval: str
    platform: str
    reason: str
    bar_time: datetime | None
    alert_time: datetime | None  # when the alert says that it fired
    alert_id: str | None  # the sender's own id of this alert
    order_ref: str | None  # TradingView's order id, which is not unique
    market_position: str | None
    position_size: str | None
    exit_plan: Mapping[str, str]  # stop, target and trail as the alert gave them; not binding
    warnings: tuple[str, ...]
    person_reasons: tuple[str, ...]  # not empty: never AUTO
    repaired: bool
    delayed_feed: bool


@dataclass(frozen=True, slots=True)
class DedupeKey:
    """`key` is 64 hex digits and differs between kinds."""

    key: str
    kind: DedupeKind


def dedupe_key(signal: Signal, strategy_key: str, canonical_digest: str) -> DedupeKey:
    """By what a second copy of this alert is recognised.

    strategy_key: names the strategy (its id, or the name when it is unknown here).
    canonical_digest: `Document.digest`, used when the alert carries nothing better.
    """
    if signal.alert_id is not None:
        return _key(DedupeKind.ALERT_ID, strategy_key, signal.alert_id)
    at = signal.alert_time or signal.bar_time
    # Without a time an order id says little: "Long" comes with every entry.
    if signal.order_ref is not None and at is not None:
        return _key(
            DedupeKind.ORDER_REF,
            strategy_key,
            signal.order_ref,
            at.isoformat(),
            signal.symbol,
            signal.side,
            signal.intent,
            signal.quantity,
            signal.market_position,
            signal.position_size,
        )
    return _key(DedupeKind.BODY, strategy_key, canonical_digest)


def _key(kind: DedupeKind, *parts: object) -> DedupeKey:
    text = json.dumps([kind, *parts], separators=(",", ":"))
    return DedupeKey(hashlib.sha256(text.encode()).hexdigest(), kind)


CLIENT_ORDER_ID = r"S[0-9A-Z]{17}"


def client_order_id(random_bytes: bytes) -> str:
    """An order's own id: "S" and 17 of [0-9A-Z]. Give at least 12 random bytes (16 is good)."""
    if len(random_bytes) < 12:
        raise ValueError("client_order_id needs at least 12 random bytes")
    number = int.from_bytes(random_bytes, "big")
    letters = []
    for _ in range(ID_LENGTH - 1):
        number, digit = divmod(number, len(_ID_LETTERS))
        letters.append(_ID_LETTERS[digit])
    return "S" + "".join(letters)


def is_strategy_name(text: str) -> bool:
    """Whether an alert may name a strategy so (STRATEGY_NAME_RULE)."""
    if not 0 < len(text) <= STRATEGY_NAME_LENGTH or text != text.strip():
        return False
    if _PLAIN_NAME.fullmatch(text):
        return True
    if text[0] in "+-@":
        return False
    return all(letter in _NAME_MARKS or _is_letter_or_digit(letter) for letter in text)


def _is_letter_or_digit(letter: str) -> bool:
    if letter.isascii():
        return letter.isalnum()
    # Marks belong to letters: the vowel signs of Devanagari, for one.
    return unicodedata.category(letter)[0] in "LMN"
