"""Tables to download as CSV: streamed, and safe to open in a spreadsheet.

UTF-8 with a line of column names first. A moment takes two columns, `…_ist` and `…_utc`. Numbers
are written plain (1234.5), without the sign of the rupee or thousands separators.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar

from django.http import StreamingHttpResponse

from sigmatrader import clock

Row = TypeVar("Row")

_ROWS_AT_ONCE: Final = 500
# A spreadsheet takes a cell that begins so for a formula, also behind blanks.
_FORMULA: Final = ("=", "+", "-", "@")
_CONTROL: Final = ("\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """A column: its name, and what it holds of a row: text, a number, yes or no, a day, a length
    of time (as milliseconds), or None for nothing."""

    name: str
    value: Callable[[Row], Any]


def moment(name: str, value: Callable[[Row], datetime | None]) -> tuple[Column[Row], Column[Row]]:
    """The two columns of an aware moment."""
    return (
        Column(f"{name}_ist", lambda row: _in_india(value(row))),
        Column(f"{name}_utc", lambda row: _exact(value(row))),
    )


def csv_response(
    name: str, columns: Sequence[Column[Row]], rows: Iterable[Row]
) -> StreamingHttpResponse:
    """A download called `name`, with today's date. `rows` is walked once, while it is sent."""
    today = clock.now().astimezone(clock.IST)
    return StreamingHttpResponse(
        csv_lines(columns, rows),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}-{today:%Y-%m-%d}.csv"',
            "Cache-Control": "no-store",
        },
    )


def csv_lines(columns: Sequence[Column[Row]], rows: Iterable[Row]) -> Iterator[str]:
    """The text of the table, many lines at a time."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([column.name for column in columns])
    for count, row in enumerate(rows, start=1):
        writer.writerow([cell(column.value(row)) for column in columns])
        if count % _ROWS_AT_ONCE == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def cell(value: Any) -> str:
    """`value` as it stands in the file. Text that a spreadsheet would run begins with a quote."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return f"{value.normalize() if value.is_finite() else value:f}"
    if isinstance(value, timedelta):
        return str(round(value / timedelta(milliseconds=1)))
    if isinstance(value, date):
        return value.isoformat()
    return _harmless(str(value))


def _harmless(text: str) -> str:
    if text.startswith(_CONTROL) or text.lstrip().startswith(_FORMULA):
        return f"'{text}"
    return text


def _in_india(at: datetime | None) -> str:
    return f"{at.astimezone(clock.IST):%Y-%m-%d %H:%M:%S}" if at else ""


def _exact(at: datetime | None) -> str:
    if at is None:
        return ""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
