"""The broker's instrument list as a CSV file: the columns of Kite Connect's own."""

import csv
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal, InvalidOperation

from brokers.port import InstrumentRow
from brokers.zerodha.instruments import COLUMNS
from trading.services.errors import ServiceError


class BadList(ServiceError):
    """The file is no instrument list; the message names the line and the fix."""


def read(lines: Iterable[str]) -> Iterator[InstrumentRow]:
    """The instruments of a CSV text with a header line. Raises BadList at the first bad line."""
    reader = csv.DictReader(lines)
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise BadList(
            f"The first line must name the columns; {', '.join(missing)} is missing. "
            "Use the file that the broker gives."
        )
    for fields in reader:
        try:
            yield _row(fields)
        except (TypeError, ValueError, InvalidOperation) as error:
            raise BadList(f"Line {reader.line_num} can't be read: {error}") from None


def _row(fields: dict[str, str]) -> InstrumentRow:
    expiry, strike = fields["expiry"], _number(fields, "strike")
    return InstrumentRow(
        exchange=fields["exchange"],
        tradingsymbol=fields["tradingsymbol"],
        name=fields["name"],
        instrument_token=int(fields["instrument_token"]),
        instrument_type=fields["instrument_type"],
        segment=fields["segment"],
        expiry=date.fromisoformat(expiry) if expiry else None,
        strike=strike or None,
        tick_size=_number(fields, "tick_size"),
        lot_size=int(fields["lot_size"]),
    )


def _number(fields: dict[str, str], name: str) -> Decimal:
    text = fields[name]
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{name} is {text!r}, not a number.") from None
    if not number.is_finite():
        raise ValueError(f"{name} is {text!r}, not a number.")
    return number
