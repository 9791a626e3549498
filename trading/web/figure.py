"""A picture with its heading, what it tells in a sentence, and the table behind it."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString

from trading.templatetags.money import qty


@dataclass(frozen=True, slots=True)
class Table:
    """The first cell of a row is its name. `note` says what is left out, if anything is."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """Without a picture `lead` says why."""

    key: str
    title: str
    lead: str
    picture: SafeString | str
    table: Table


def trades_text(count: int) -> str:
    """1 trade, 1,250 trades."""
    return f"{qty(count)} trade{'' if count == 1 else 's'}"
