"""Query parameters of lists: read strictly, every refusal names what is allowed."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from sigmatrader.clock import IST

Word = TypeVar("Word", bound=StrEnum)

_MAX_ID = 2**63 - 1
_MAX_TEXT = 140
# As in the pages' filters; the calendar's own ends have no day beside them.
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
# "+" arrives as a blank when nobody escaped it.
_LOST_PLUS = re.compile(r" (?=[0-9]{2}:?[0-9]{2}$)")
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


class Filters:
    """Reads parameters and collects what is wrong; `check()` raises ValidationError with all."""

    def __init__(self, request: Request) -> None:
        self._values = request.query_params
        self._errors: dict[str, list[str]] = {}

    def check(self) -> None:
        if self._errors:
            raise ValidationError(self._errors)

    def _wrong(self, name: str, text: str) -> None:
        self._errors[name] = [text]

    def words(self, name: str, words: type[Word]) -> list[Word]:
        """One or several, by commas or repeated; empty when the parameter is not given."""
        given = [
            part.strip().upper()
            for value in self._values.getlist(name)
            for part in value.split(",")
            if part.strip()
        ]
        allowed = [word.value for word in words]
        if any(word not in allowed for word in given):
            self._wrong(name, f"Use one of {', '.join(allowed)}.")
            return []
        return [words(word) for word in given]

    def id(self, name: str) -> int | None:
        text = self._values.get(name, "").strip()
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= _MAX_ID):
            self._wrong(name, "Use a whole number, an id.")
            return None
        return int(text)

    def flag(self, name: str) -> bool | None:
        text = self._values.get(name, "").strip().lower()
        if text and text not in _FLAGS:
            self._wrong(name, "Use true or false.")
        return _FLAGS.get(text)

    def symbol(self, name: str) -> str:
        text = self._values.get(name, "").strip().upper()
        if len(text) > _MAX_TEXT or not text.isprintable():
            self._wrong(name, "Use a symbol such as NSE:INFY or INFY.")
            return ""
        return text

    def moment(self, name: str, *, end: bool = False) -> datetime | None:
        """A time (UTC unless it says otherwise) or a day in IST; `end`: the end of that day."""
        text = _LOST_PLUS.sub("+", self._values.get(name, "").strip())
        if not text:
            return None
        try:
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
                day = date.fromisoformat(text) + timedelta(days=1 if end else 0)
                return datetime.combine(day, time(), tzinfo=IST).astimezone(UTC)
            at = datetime.fromisoformat(text)
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            self._wrong(name, "Use a day such as 2026-11-23, or a time such as 2026-11-23T09:15Z.")
            return None

    def day(self, name: str) -> date | None:
        """A day in IST."""
        text = self._values.get(name, "").strip()
        if not text:
            return None
        try:
            day = date.fromisoformat(text)
        except ValueError:
            day = date.min
        if not _FIRST_DAY <= day <= _LAST_DAY:
            self._wrong(name, "Use a day such as 2026-11-23.")
            return None
        return day

    def word(self, name: str, allowed: Sequence[str]) -> str:
        """One of `allowed`; empty when the parameter is not given."""
        text = self._values.get(name, "").strip().upper()
        if text and text not in allowed:
            self._wrong(name, f"Use one of {', '.join(allowed)}.")
            return ""
        return text


def word_parameter(name: str, words: type[StrEnum], text: str = "") -> OpenApiParameter:
    allowed = ", ".join(word.value for word in words)
    return OpenApiParameter(name, str, description=f"{text or 'One or several'} of {allowed}.")


ID_OF_STRATEGY = OpenApiParameter("strategy_id", int)
SYMBOL = OpenApiParameter("symbol", str, description="NSE:INFY, or INFY on any exchange.")
SIMULATED = OpenApiParameter("simulated", bool, description="Paper or not.")
PERIOD: Sequence[OpenApiParameter] = (
    OpenApiParameter(
        "from", OpenApiTypes.STR, description="From that day (IST) or that time (UTC) on."
    ),
    OpenApiParameter(
        "to", OpenApiTypes.STR, description="Until the end of that day, or that time."
    ),
)
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key again within 24 hours gives the first answer again.",
)
