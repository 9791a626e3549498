"""Kite's instrument list, read line by line: it has more than a hundred thousand. Pure."""

import csv
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final

from brokers.errors import OutcomeUnknown
from brokers.port import InstrumentRow

COLUMNS: Final = (
    "instrument_token",
    "tradingsymbol",
    "name",
    "expiry",
    "strike",
    "tick_size",
    "lot_size",
    "instrument_type",
    "segment",
    "exchange",
)
_LARGEST: Final = 10**9
_LARGEST_TOKEN: Final = 2**63 - 1
# A list with more broken lines than this is not a list that anybody should trade by.
MALFORMED_LIMIT: Final = 100


def read_instruments(
    lines: Iterable[str],
    *,
    malformed_limit: int = MALFORMED_LIMIT,
    on_malformed: Callable[[int, str], None] | None = None,
) -> Iterator[InstrumentRow]:
    """The instruments of a CSV whose first line names its columns.

    A malformed line is told to `on_malformed` (its number, what is wrong) and left out. Raises
    OutcomeUnknown for a list without these columns, without a row, or with too many such lines.
    """
    reader = csv.reader(lines)
    try:
        positions = _columns(next(reader, []))
    except csv.Error:
        raise OutcomeUnknown("The instrument list can't be read.") from None
    good = malformed = 0
    while True:
        try:
            cells = next(reader)
            if not cells:
                continue
            row = _row(cells, positions)
        except StopIteration:
            break
        except (ValueError, IndexError, InvalidOperation, csv.Error) as error:
            malformed += 1
            if on_malformed is not None:
                on_malformed(reader.line_num, f"{type(error).__name__}: {error}")
            if malformed > malformed_limit:
                raise OutcomeUnknown(
                    f"The instrument list has more than {malformed_limit} malformed lines."
                ) from None
            continue
        good += 1
        yield row
    if not good:
        raise OutcomeUnknown("The instrument list is empty.")


def _columns(header: list[str]) -> dict[str, int]:
    """Where each column stands."""
    positions = {name.strip().lstrip("\ufeff"): at for at, name in enumerate(header)}
    missing = [name for name in COLUMNS if name not in positions]
    if missing:
        raise OutcomeUnknown(f"The instrument list lacks the columns {', '.join(missing)}.")
    return positions


def _row(cells: list[str], positions: dict[str, int]) -> InstrumentRow:
    def cell(name: str) -> str:
        return cells[positions[name]].strip()

    exchange, symbol = cell("exchange"), cell("tradingsymbol")
    tick_size, lot_size = Decimal(cell("tick_size")), int(cell("lot_size"))
    strike = Decimal(cell("strike") or 0)
    token = int(cell("instrument_token"))
    if not (exchange and symbol):
        raise ValueError("no exchange or no symbol")
    if not all(cells[at].isprintable() and "\ufffd" not in cells[at] for at in positions.values()):
        raise ValueError("a character that is none")
    if not (0 <= tick_size <= _LARGEST and 0 <= lot_size <= _LARGEST and abs(strike) <= _LARGEST):
        raise ValueError("a number is out of range")
    if not 0 <= token <= _LARGEST_TOKEN:
        raise ValueError("the token is out of range")
    expiry = cell("expiry")
    return InstrumentRow(
        exchange=exchange,
        tradingsymbol=symbol,
        name=cell("name"),
        instrument_token=token,
        instrument_type=cell("instrument_type"),
        segment=cell("segment"),
        expiry=date.fromisoformat(expiry) if expiry else None,
        strike=strike or None,
        tick_size=tick_size,
        lot_size=lot_size,
    )
