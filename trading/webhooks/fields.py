"""One value of an alert to one value of the domain. Pure.

Each reader returns the value, or None where a value counts as missing, and raises FieldError
with the text that the sender sees.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum
from typing import TypeVar

from trading.domain.signal import STRATEGY_NAME_RULE, is_strategy_name
from trading.domain.values import OrderType, Validity
from trading.webhooks.text import UNSTORABLE, named, shown

MAX_QUANTITY = 10**9
MAX_PRICE = 10**9
MAX_NUMBER_DIGITS = 40
TEXT_LENGTH = 500
ORDER_REF_LENGTH = 128
SHORT_TEXT_LENGTH = 64
PLATFORM_LENGTH = 32

_PRICE_STEP = Decimal("0.0001")
_EXACT = Context(prec=60)
_MISSING_NUMBERS = frozenset({"", "nan", "null"})
_PLAIN_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE]-[0-9]{1,2})?")
_GROUPED_NUMBER = re.compile(
    r"-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3})(?:\.[0-9]+)?"
)
_SYMBOL = re.compile(r"[A-Z0-9&._!-]{1,40}")
_NOT_SYMBOL = re.compile(r"[^A-Za-z0-9&._!-]")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.:/@#&+=|~,()-]{0,127}")
_ORDER_TYPES = {"SL_M": OrderType.SL_M, "SLM": OrderType.SL_M}
_DELAYED = ("_DLY", "_DL")
_YES = frozenset({"true", "1", "yes", "on"})
_NO = frozenset({"false", "0", "no", "off", ""})
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Word = TypeVar("Word", bound=StrEnum)


class FieldError(ValueError):
    """What is wrong with one value, and the fix."""


class PlaceholderError(FieldError):
    """TradingView sent a {{placeholder}} as it stands."""


def is_missing(value: object) -> bool:
    """Whether a value counts as not given: null or blank."""
    return value is None or (isinstance(value, str) and not value.strip(" "))


def is_missing_number(value: object) -> bool:
    """As is_missing; "NaN" and "null" in quotes are missing too."""
    if isinstance(value, str):
        return value.strip(" ").lower() in _MISSING_NUMBERS
    return value is None


def refuse_placeholder(value: object) -> None:
    """Raises PlaceholderError when `value` holds an unexpanded {{…}}."""
    if isinstance(value, str) and "{{" in value:
        raise PlaceholderError(
            f"{shown(value)} was not filled in by TradingView. Check the spelling of the "
            "placeholder; {{strategy.…}} works only in alerts made on a strategy. Then delete "
            "the alert in TradingView and create it again."
        )


def number(value: object) -> Decimal | None:
    """A number, plain or quoted, with or without thousands separators. Missing: None."""
    refuse_placeholder(value)
    if is_missing_number(value):
        return None
    if isinstance(value, Decimal):
        return _bounded(value, value)
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) >= 10**MAX_NUMBER_DIGITS:
            raise FieldError(f"{_digits_text()} Send a smaller number.")
        return Decimal(value)
    if not isinstance(value, str):
        raise FieldError(f"must be a number, and is {shown(value)}.")
    text = value.strip(" ")
    if len(text) > MAX_NUMBER_DIGITS:
        raise FieldError(f"{_digits_text()} Send a smaller number.")
    if _PLAIN_NUMBER.fullmatch(text):
        return Decimal(text)
    if _GROUPED_NUMBER.fullmatch(text):
        return Decimal(text.replace(",", ""))
    raise FieldError(
        f"{shown(value)} is not a number. Write digits with an optional decimal point, "
        "such as 1500 or 1,500.50."
    )


def _bounded(number: Decimal, value: object) -> Decimal:
    _sign, digits, exponent = number.as_tuple()
    if len(digits) > MAX_NUMBER_DIGITS:
        raise FieldError(f"{_digits_text()} Send a smaller number.")
    if not isinstance(exponent, int) or exponent > 0:
        raise FieldError(f"{shown(value)} has an exponent. Write the number in full, such as 1000.")
    return number


def _digits_text() -> str:
    return f"has over {MAX_NUMBER_DIGITS} digits."


def quantity(value: object) -> tuple[int, bool]:
    """Whole units and whether a fraction was dropped. Missing and 0: (0, False)."""
    amount = number(value)
    if amount is None or amount.is_zero():
        return 0, False
    if amount < 0:
        raise FieldError(
            f"must not be negative, and is {shown(value)}. The action says buy or sell; "
            "the quantity counts units."
        )
    if amount > MAX_QUANTITY:
        raise FieldError(f"{shown(value)} is over the largest quantity, {MAX_QUANTITY}.")
    whole = int(amount)
    return whole, whole != amount


def price(value: object) -> Decimal | None:
    """Rupees, rounded to the 4 decimals that are kept. Missing and 0: None."""
    amount = number(value)
    if amount is None or amount.is_zero():
        return None
    if amount < 0:
        raise FieldError(f"must not be negative, and is {shown(value)}.")
    if amount > MAX_PRICE:
        raise FieldError(f"{shown(value)} is over the largest price, {MAX_PRICE}.")
    if amount < _PRICE_STEP:
        raise FieldError(f"{shown(value)} is below the smallest price, {_PRICE_STEP}.")
    _sign, _digits, exponent = amount.as_tuple()
    if isinstance(exponent, int) and exponent < -4:
        return amount.quantize(_PRICE_STEP, rounding=ROUND_HALF_UP, context=_EXACT)
    return amount


def word(value: object, words: type[Word], aliases: dict[str, Word] | None = None) -> Word:
    """One of a closed list, in any case."""
    refuse_placeholder(value)
    if isinstance(value, str):
        text = value.strip(" ")
        found = text.upper() if text.isascii() else text
        if found in words.__members__.values():
            return words(found)
        if aliases and found in aliases:
            return aliases[found]
    allowed = ", ".join(word.value for word in words)
    raise FieldError(f"must be one of {allowed}, and is {shown(value)}.")


def flag(value: object) -> bool:
    """true or false, also as "true", "yes", "on", "1", 1 and their opposites. Missing: False."""
    refuse_placeholder(value)
    if isinstance(value, bool):
        return value
    text = str(value).strip(" ").lower() if isinstance(value, int | str) else "?"
    if value is None or text in _NO:
        return False
    if text in _YES:
        return True
    raise FieldError(f"must be true or false, and is {shown(value)}.")


def identifier(value: object) -> str:
    """A symbol or an exchange: trimmed, upper case, of A-Z 0-9 & . _ ! - (1 to 40)."""
    refuse_placeholder(value)
    if not isinstance(value, str):
        raise FieldError(f"must be a text in quotes, and is {shown(value)}.")
    text = value.strip(" ")
    odd = _NOT_SYMBOL.search(text)
    if odd is not None:
        raise FieldError(
            f"{shown(value)} holds {named(odd.group())}. Allowed are letters A-Z, digits "
            "and & . _ ! - ; type the symbol as TradingView shows it."
        )
    upper = text.upper()
    if not _SYMBOL.fullmatch(upper):
        raise FieldError(f"must have 1 to 40 characters, and has {len(upper)}.")
    return upper


def exchange(value: object) -> tuple[str, bool]:
    """The exchange and whether its feed is delayed: ("NSE", True) of "NSE_DLY"."""
    name = identifier(value)
    for suffix in _DELAYED:
        if name.endswith(suffix) and len(name) > len(suffix):
            return name.removesuffix(suffix), True
    return name, False


def symbol(value: object) -> tuple[tuple[str, bool] | None, str]:
    """ "NSE:INFY" as (exchange as `exchange` gives it, None without prefix) and "INFY"."""
    if not isinstance(value, str) or ":" not in value:
        return None, identifier(value)
    refuse_placeholder(value)
    prefix, _, name = value.partition(":")
    return exchange(prefix), identifier(name)


def platform(value: object) -> str:
    """One word in upper case; of a list the first."""
    if isinstance(value, list):
        value = value[0] if value else None
    if is_missing(value):
        return ""
    refuse_placeholder(value)
    if not isinstance(value, str):
        raise FieldError(f"must be a text in quotes, and is {shown(value)}.")
    return free_text(value, PLATFORM_LENGTH).upper()


def order_type(value: object) -> OrderType:
    return word(value, OrderType, _ORDER_TYPES)


def validity(value: object) -> Validity:
    found = word(value, Validity)
    if found is Validity.TTL:
        raise FieldError("TTL needs a number of minutes, which an alert has not. Use DAY or IOC.")
    return found


def position_size(value: object) -> tuple[int, bool]:
    """As quantity; a short position counts its units too."""
    size = number(value)
    return quantity(None if size is None else size.copy_abs())


def strategy_name(value: object) -> str:
    """A strategy's name as it stands, trimmed. Missing: ""."""
    if is_missing(value):
        return ""
    refuse_placeholder(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**MAX_NUMBER_DIGITS else ""
    if not isinstance(value, str):
        raise FieldError(f"must be a text in quotes, and is {shown(value)}.")
    name = value.strip(" ")
    if not is_strategy_name(name):
        raise FieldError(f"{shown(value)} is no strategy name. Allowed are {STRATEGY_NAME_RULE}.")
    return name


def alert_id(value: object) -> str | None:
    """The sender's own id of the alert. Missing: None."""
    if is_missing(value):
        return None
    refuse_placeholder(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**MAX_NUMBER_DIGITS else ""
    if isinstance(value, str) and _ID.fullmatch(value.strip(" ")):
        return value.strip(" ")
    raise FieldError(
        f"{shown(value)} is no id. Allowed are up to 128 letters, digits, spaces and "
        "_ . : / @ # & + = | ~ , ( ) - , beginning with a letter or digit."
    )


def order_ref(value: object) -> str | None:
    """TradingView's order id: whatever the script calls its order, but on one line."""
    if isinstance(value, str) and not value.isprintable():
        odd = next(letter for letter in value if not letter.isprintable())
        raise FieldError(f"holds {named(odd)}. Give the order an id of printable characters.")
    return short_text(value, ORDER_REF_LENGTH) or None


def short_text(value: object, length: int = SHORT_TEXT_LENGTH) -> str:
    """A word that decides nothing; "" for a missing one, a placeholder, or no text or number."""
    if isinstance(value, Decimal):
        value = format(value, "f") if abs(value.adjusted()) < SHORT_TEXT_LENGTH else ""
    elif isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**SHORT_TEXT_LENGTH else ""
    if not isinstance(value, str) or "{{" in value:
        return ""
    return free_text(value, length)


def free_text(value: object, length: int = TEXT_LENGTH) -> str:
    """Any text on one line: unprintable characters become blanks, the rest is cut at `length`."""
    if not isinstance(value, str):
        return ""
    line = value if value.isprintable() else "".join(c if c.isprintable() else " " for c in value)
    return line.strip()[:length]


def moment(value: object) -> datetime | None:
    """A time in UTC from ISO 8601 (without offset: UTC) or epoch s or ms. Missing: None."""
    if is_missing(value):
        return None
    at = _from_epoch(value)
    if at is None and isinstance(value, str) and value.isascii() and len(value) <= 40:
        at = _from_iso(value.strip(" "))
    if at is None or not _EARLIEST <= at < _LATEST:
        raise FieldError(
            f"{shown(value)} is not a time. Use {{{{time}}}} or {{{{timenow}}}}, ISO 8601, "
            "or an epoch in seconds or milliseconds."
        )
    return at


def _from_epoch(value: object) -> datetime | None:
    if isinstance(value, str):
        text = value.strip(" ")
        if not (text.isascii() and text.isdigit() and 9 <= len(text) <= 13):
            return None
        seconds = Decimal(text)
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        if not 0 < value < 10**13:
            return None
        seconds = Decimal(value)
    else:
        return None
    milliseconds = seconds if seconds >= 10**11 else seconds * 1000
    return _EPOCH + timedelta(milliseconds=int(milliseconds))


def _from_iso(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def unstorable(text: str) -> str | None:
    """The first character of `text` that no database takes (NUL, half a surrogate pair)."""
    found = UNSTORABLE.search(text)
    return None if found is None else found.group()
