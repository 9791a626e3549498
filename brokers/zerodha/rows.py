"""Reading single fields of Kite's rows, strictly. Pure.

BadRow: a field is missing, of the wrong type or out of all bounds, so the row can't be used.
UnknownWord: the row is sound and says something that this program has no word for.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

Row = Mapping[str, Any]
W = TypeVar("W", bound=StrEnum)

IST: Final = ZoneInfo("Asia/Kolkata")
_LARGEST: Final = 10**14
_MOST_UNITS: Final = 10**9
_LONGEST_ID: Final = 64
_LONGEST_NAME: Final = 128
_FINEST: Final = Decimal("0.0001")
# Kite's zero time, 0001-01-01, and whatever else is older than every order.
_FIRST_YEAR: Final = 1990


class BadRow(Exception):
    """A row that is not what Kite's documentation says."""


class UnknownWord(Exception):
    """A row with a word that has no counterpart here."""

    def __init__(self, name: str, value: object) -> None:
        super().__init__(f"{name} {str(value)[:40]!r} is not known")


def rows_of(data: object, what: str) -> list[Row]:
    """`data` as a list of rows."""
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise BadRow(f"the {what} are no list of rows")
    return data


def row_of(data: object, what: str) -> Row:
    if not isinstance(data, dict):
        raise BadRow(f"{what} is no row")
    return data


def text(row: Row, name: str) -> str:
    """A text; "" when it is null or absent."""
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRow(f"{name} is no text")
    return value


def required_text(row: Row, name: str) -> str:
    value = text(row, name).strip()
    if not value:
        raise BadRow(f"{name} is missing")
    if len(value) > _LONGEST_NAME or not value.isprintable():
        raise BadRow(f"{name} is no name")
    return value


def identifier(row: Row, name: str) -> str:
    """An id, which Kite writes as a text or a whole number; "" when there is none."""
    value = row.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    found = text(row, name).strip()
    if len(found) > _LONGEST_ID or not found.isprintable():
        raise BadRow(f"{name} is no id")
    return found


def number(row: Row, name: str) -> Decimal | None:
    """A number; None when it is null or absent."""
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise BadRow(f"{name} is no number")
    amount = Decimal(value)
    if not amount.is_finite() or abs(amount) > _LARGEST:
        raise BadRow(f"{name} is out of range")
    return amount


def required_number(row: Row, name: str) -> Decimal:
    value = number(row, name)
    if value is None:
        raise BadRow(f"{name} is missing")
    return value


def price(row: Row, name: str) -> Decimal | None:
    """A price; Kite writes 0 where there is none."""
    value = number(row, name)
    if value and value < _FINEST:
        raise BadRow(f"{name} is out of range")
    return value or None


def quantity(row: Row, name: str) -> int:
    """Whole units, of either sign."""
    value = required_number(row, name)
    if value != value.to_integral_value():
        raise BadRow(f"{name} is no whole number")
    if abs(value) > _MOST_UNITS:
        raise BadRow(f"{name} is out of range")
    return int(value)


def units(row: Row, name: str) -> int:
    """Whole units that can't be negative."""
    value = quantity(row, name)
    if value < 0:
        raise BadRow(f"{name} is negative")
    return value


def optional_units(row: Row, name: str) -> int:
    """Whole units; 0 when they are null or absent."""
    return 0 if row.get(name) is None else units(row, name)


def rounded(amount: Decimal, name: str) -> Decimal:
    """A worked-out sum, without the noise of Kite's rounded floats."""
    if abs(amount) > _LARGEST:
        raise BadRow(f"{name} is out of range")
    return amount.quantize(_FINEST)


def moment(row: Row, name: str) -> datetime | None:
    """A time in UTC; Kite's have no zone and are IST. None when it is null, absent or zero."""
    value = row.get(name)
    if value is None or value == "":
        return None
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        if found.year < _FIRST_YEAR:
            return None
        return (found if found.tzinfo else found.replace(tzinfo=IST)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise BadRow(f"{name} is no time") from None


def moment_if_readable(row: Row, name: str) -> datetime | None:
    """As `moment`, for a time that only informs: None also when it can't be read."""
    try:
        return moment(row, name)
    except BadRow:
        return None


def word(row: Row, name: str, words: type[W]) -> W:
    """One of `words`; raises UnknownWord for any other."""
    value = required_text(row, name)
    try:
        return words(value)
    except ValueError:
        raise UnknownWord(name, value) from None
