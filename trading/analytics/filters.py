"""Which trades are asked about."""

from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from django.db.models import Model, QuerySet

from trading.selectors import between_days

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Filter:
    """Empty fields leave nothing out. Days are IST, both included, by when a trade was closed.

    `kind`: of the account: LIVE, PAPER, SIMULATOR. `symbol`: NSE:INFY, or INFY on any exchange.
    """

    strategy_id: int | None = None
    kind: str = ""
    symbol: str = ""
    first_day: date | None = None
    last_day: date | None = None


def named(symbol: str) -> dict[str, str]:
    """The columns that `symbol` asks for: NSE:INFY, or INFY on any exchange."""
    exchange, colon, name = symbol.strip().upper().rpartition(":")
    return {"exchange": exchange, "symbol": name} if colon else {"symbol": name}


def between(rows: QuerySet[Row], moment: str, asked: Filter) -> QuerySet[Row]:
    """`rows` whose `moment` is within the days asked for."""
    return between_days(rows, moment, asked.first_day, asked.last_day)
