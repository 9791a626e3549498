"""Special days of the market calendar from a CSV file: all of them, or none."""

import csv
import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, time
from typing import Final, TypeVar

from django.db import transaction

from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.calendar import EXCHANGES, Day, DayKind, Segment, day_problem, segment_of
from trading.domain.coverage import too_far
from trading.domain.session import trading_day
from trading.models import MarketDay, MarketHours
from trading.services import calendar
from trading.services.errors import ServiceError

COLUMNS: Final = ("segment", "date", "kind", "opens", "closes", "note")
MOST_BYTES: Final = 1024 * 1024
MOST_ROWS: Final = 5000
MOST_PROBLEMS: Final = 50
_YEARS: Final = range(2000, 2100)
_OPTIONAL: Final = frozenset({"opens", "closes", "note"})
_EXCHANGES: Final = frozenset(name for names in EXCHANGES.values() for name in names)
_NOTE: Final = MarketDay._meta.get_field("note").max_length or 0
_SOURCE: Final = MarketDay._meta.get_field("source").max_length or 0
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_QUOTED: Final = 40  # letters of a value that a problem quotes
_CLOCK: Final = re.compile(r"([0-9]{1,2}):([0-9]{2})(:00)?")

Value = TypeVar("Value")
Fields = dict[str, str]


class BadFile(ServiceError):
    """The file can't be taken; `problems` names the wrong lines, the first 50, and the fix."""

    code = "bad_calendar"

    def __init__(self, problems: Iterable[str]) -> None:
        found = list(problems)
        more = len(found) - MOST_PROBLEMS
        rest = [f"And {more} more problems like these."] if more > 0 else []
        self.problems = (*found[:MOST_PROBLEMS], *rest)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class Row:
    """One special day of one segment, and the line of the file that it is from."""

    line: int
    segment: Segment
    date: date
    day: Day


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. `until`: how far the segments named are known from now on."""

    added: int
    changed: int
    segments: tuple[Segment, ...]
    until: date | None

    def __str__(self) -> str:
        done = f"{self.added} days added, {self.changed} replaced"
        if self.until is None:
            return f"{done}."
        names = ", ".join(self.segments)
        return f"{done}; {names}: known until {self.until:%d %b %Y}."


def take(data: bytes, *, source: str, until: date | None = None) -> Imported:
    """Store the days of a CSV file in UTF-8; one that is there already is replaced.

    `until` becomes the last day that is known of the segments in the file. Raises BadFile, and
    then nothing is stored.
    """
    rows = read(data)
    segments = tuple(one for one in Segment if any(row.segment is one for row in rows))
    with write_transaction():
        if until is not None:
            _extend(segments, until)
        known = set(
            MarketDay.objects.filter(date__in={row.date for row in rows}).values_list(
                "segment", "date"
            )
        )
        MarketDay.objects.bulk_create(
            [_model(row, source) for row in rows],
            update_conflicts=True,
            unique_fields=["segment", "date"],
            update_fields=["kind", "opens", "closes", "note", "source"],
        )
        transaction.on_commit(calendar.forget)
    changed = sum((row.segment, row.date) in known for row in rows)
    return Imported(len(rows) - changed, changed, segments, until)


def _extend(segments: tuple[Segment, ...], until: date) -> None:
    """Move the end of what is known; never back, which is the work of the hours' own page."""
    if problem := too_far(until, trading_day(clock.now())):
        raise BadFile([problem])
    hours = MarketHours.objects.select_for_update(no_key=True).filter(segment__in=segments)
    if missing := set(segments) - {Segment(row.segment) for row in hours}:
        raise BadFile([f"{', '.join(sorted(missing))}: no row of market hours to extend."])
    later = [row for row in hours if row.covered_until > until]
    if later:
        raise BadFile(
            f"{row.segment} is known until {row.covered_until:%d %b %Y} already: "
            "give that day or a later one."
            for row in later
        )
    hours.update(covered_until=until)


def _model(row: Row, source: str) -> MarketDay:
    return MarketDay(
        segment=row.segment,
        date=row.date,
        kind=row.day.kind,
        opens=row.day.opens,
        closes=row.day.closes,
        note=row.day.note,
        source=source[:_SOURCE],
    )


# -- reading -------------------------------------------------------------------------------------


def read(data: bytes) -> list[Row]:
    """The days of a CSV file. Raises BadFile with the lines that are wrong."""
    if len(data) > MOST_BYTES:
        raise BadFile(["The file is larger than 1 MB: that is no list of holidays."])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadFile(["The file is not UTF-8 text: save it as CSV (UTF-8)."]) from None
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    rows: list[Row] = []
    problems: list[str] = []
    try:
        _check_columns(reader.fieldnames or ())
        for count, fields in enumerate(reader, start=1):
            if count > MOST_ROWS:
                raise BadFile([f"The file has over {MOST_ROWS} days: split it."])
            wrong = _take_line(fields, reader.line_num, rows)
            problems += [f"Line {reader.line_num}: {text}" for text in wrong]
    except csv.Error as error:
        problems.append(f"Line {reader.line_num}: no CSV: {error}.")
    problems += _twice(rows)
    if problems:
        raise BadFile(problems)
    if not rows:
        raise BadFile(["The file has no days: write one on each line below the columns."])
    return rows


def _check_columns(names: Iterable[str]) -> None:
    given = list(names)
    missing = [name for name in COLUMNS if name not in given and name not in _OPTIONAL]
    strange = [name or "(empty)" for name in given if name not in COLUMNS]
    if missing or strange or len(set(given)) < len(given):
        raise BadFile([f"Line 1: the columns must be {','.join(COLUMNS)}."])


def _take_line(fields: Fields, line: int, rows: list[Row]) -> list[str]:
    """Add the line's day to `rows`, or say what is wrong with it."""
    if None in fields or None in fields.values():
        return ["it has not as many fields as there are columns."]
    problems: list[str] = []

    def value(name: str, parse: Callable[[str], Value]) -> Value | None:
        try:
            return parse(fields.get(name, "").strip())
        except ValueError as error:
            problems.append(str(error))
            return None

    segment, day = value("segment", _segment), value("date", _date)
    kind, note = value("kind", _kind), value("note", _note)
    opens = value("opens", lambda text: _time("opens", text))
    closes = value("closes", lambda text: _time("closes", text))
    if segment is None or day is None or kind is None or note is None or problems:
        return problems
    if problem := day_problem(kind, opens, closes):
        return [problem]
    rows.append(Row(line, segment, day, Day(kind=kind, opens=opens, closes=closes, note=note)))
    return []


def _twice(rows: list[Row]) -> list[str]:
    first: dict[tuple[Segment, date], int] = {}
    problems: list[str] = []
    for row in rows:
        earlier = first.setdefault((row.segment, row.date), row.line)
        if earlier != row.line:
            problems.append(
                f"Line {row.line}: {row.segment} {row.date} is on line {earlier} already: "
                "leave one of them."
            )
    return problems


def _segment(text: str) -> Segment:
    word = text.upper()
    if word in _EXCHANGES:
        return segment_of(word)
    try:
        return Segment(word)
    except ValueError:
        names = ", ".join(Segment)
        raise ValueError(
            f"segment is {text[:_QUOTED]!r}: use {names} or an exchange's name."
        ) from None


def _date(text: str) -> date:
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        raise ValueError(f"date is {text!r}: there is no such day.") from None
    if day is None:
        raise ValueError(f"date is {text[:_QUOTED]!r}: write it as 2027-01-26.")
    if day.year not in _YEARS:
        raise ValueError(f"date is {text!r}: the year must be {_YEARS[0]} to {_YEARS[-1]}.")
    return day


def _kind(text: str) -> DayKind:
    try:
        return DayKind(text.upper())
    except ValueError:
        raise ValueError(f"kind is {text[:_QUOTED]!r}: use {' or '.join(DayKind)}.") from None


def _time(name: str, text: str) -> time | None:
    if not text:
        return None
    found = _CLOCK.fullmatch(text)
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise ValueError(f"{name} is {text[:_QUOTED]!r}: write it as 09:15.")
    return time(int(found[1]), int(found[2]))


def _note(text: str) -> str:
    if len(text) > _NOTE:
        raise ValueError(f"note is longer than {_NOTE} letters: shorten it.")
    if not text.isprintable():
        raise ValueError("note has a line break or a control character: take it out.")
    return text
