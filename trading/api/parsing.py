"""JSON bodies: UTF-8, one object, exact numbers, each key once."""

import json
from decimal import Decimal
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

MAX_BYTES = 64 * 1024
_MAX_NUMBER_LENGTH = 100
_MAX_EXPONENT = 350


class JsonParser(BaseParser):
    """Raises ParseError (400) with the place of the mistake."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        try:
            value = json.loads(
                stream.read().decode("utf-8-sig"),
                parse_float=_number,
                parse_int=_integer,
                parse_constant=_no_constant,
                object_pairs_hook=_object,
            )
        except UnicodeDecodeError:
            raise ParseError("The body is not UTF-8.") from None
        except RecursionError:
            raise ParseError("The body is nested too deeply.") from None
        except ValueError as error:
            raise ParseError(f"The body is not valid JSON: {error}.") from None
        if not isinstance(value, dict):
            raise ParseError("The body must be one JSON object, {…}.")
        return value


def _integer(literal: str) -> int:
    return int(_short(literal))


def _number(literal: str) -> Decimal:
    try:
        number = Decimal(_short(literal))
    except ArithmeticError:
        raise ValueError("a number is too large or too small") from None
    if number and abs(number.adjusted()) > _MAX_EXPONENT:
        raise ValueError("a number is too large or too small")
    return number


def _short(literal: str) -> str:
    if len(literal) > _MAX_NUMBER_LENGTH:
        raise ValueError(f"a number has over {_MAX_NUMBER_LENGTH} digits")
    return literal


def _no_constant(literal: str) -> None:
    raise ValueError(f"{literal} is no number of JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found
