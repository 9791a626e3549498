"""The calendar in use follows its tables; files of days are taken whole or not at all."""

from datetime import date, datetime, time, timedelta
from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from brokers import hours
from sigmatrader import checks, clock
from trading.domain.calendar import Day, DayKind, Segment
from trading.domain.coverage import MOST_DAYS_AHEAD
from trading.domain.session import session_on, trading_day
from trading.domain.shipped_calendar import SHIPPED
from trading.models import Instrument, MarketDay, MarketHours
from trading.services import calendar, calendar_import

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.db_backends,
    pytest.mark.usefixtures("market_calendar"),
]

HEADER = "segment,date,kind,opens,closes,note\n"
REPUBLIC_DAY = date(2027, 1, 26)


def take(lines: str, *, until: date | None = None) -> calendar_import.Imported:
    done = calendar_import.take((HEADER + lines).encode(), source="days.csv", until=until)
    calendar.forget()  # as the commit does, which a test's transaction never reaches
    return done


def refused(lines: str, header: str = HEADER, **more: date) -> list[str]:
    before = list(MarketDay.objects.values_list())
    with pytest.raises(calendar_import.BadFile) as caught:
        calendar_import.take((header + lines).encode(), source="days.csv", **more)
    assert list(MarketDay.objects.values_list()) == before
    return list(caught.value.problems)


# -- reading the tables --------------------------------------------------------------------------


def test_a_new_installation_goes_by_the_calendar_that_came_with_it() -> None:
    assert MarketHours.objects.count() == len(Segment)
    assert MarketDay.objects.count() == len(SHIPPED.days)
    assert calendar.current() == SHIPPED


def test_two_queries_serve_for_a_few_seconds(django_assert_num_queries) -> None:
    with django_assert_num_queries(2):
        for _ in range(5):
            calendar.current()


def test_empty_tables_fall_back_on_the_calendar_that_came_with_the_program() -> None:
    MarketDay.objects.all().delete()
    MarketHours.objects.all().delete()
    calendar.forget()
    assert calendar.current() == SHIPPED


def test_edited_rows_are_gone_by_and_survive_another_seed() -> None:
    christmas = MarketDay.objects.filter(segment=Segment.EQUITY, date=date(2026, 12, 25))
    christmas.update(kind=DayKind.SESSION, opens=time(18), closes=time(19))
    MarketHours.objects.filter(segment=Segment.DERIVATIVES).update(closes=time(15, 30))
    import_module("trading.migrations.0005_market_calendar").seed(apps, None)
    calendar.forget()
    known = calendar.current()
    session = session_on("NSE", date(2026, 12, 25), known)
    assert session is not None and session.opens_at.hour == 18
    assert known.hours[Segment.DERIVATIVES].closes == time(15, 30)
    assert known.hours[Segment.EQUITY] == SHIPPED.hours[Segment.EQUITY]


def test_paper_accounts_that_keep_market_hours_go_by_the_same_calendar() -> None:
    take("NSE,2026-11-25,CLOSED,,,A strike\n")
    assert hours.calendar() is calendar.current()
    assert session_on("NSE", date(2026, 11, 25), hours.calendar()) is None


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "CLOSED", "opens": time(9), "closes": time(10)},
        {"kind": "SESSION", "opens": time(9), "closes": None},
        {"kind": "SESSION", "opens": time(10), "closes": time(9)},
        {"kind": "HALF", "opens": None, "closes": None},
    ],
)
def test_the_database_refuses_a_day_that_makes_no_sense(values: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        MarketDay.objects.create(segment=Segment.EQUITY, date=date(2027, 1, 4), **values)


@pytest.mark.parametrize(
    "values",
    [
        {"closes": time(9)},
        {"pre_open": time(9, 30)},
        {"amo_closes": time(10)},
        {"amo_opens": time(15)},
        {"auction_opens": None},
        {"continuous_until": time(15, 31)},
    ],
)
def test_the_database_refuses_hours_that_make_no_sense(values: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        MarketHours.objects.filter(segment=Segment.EQUITY).update(**values)


def test_a_share_has_futures_while_the_list_has_one_that_lives() -> None:
    now = datetime(2026, 12, 2, 15, 20, tzinfo=clock.IST)
    Instrument.objects.create(
        exchange="NFO",
        tradingsymbol="M&M26DECFUT",
        name="M&M",
        search_key="MM26DECFUT",
        instrument_type="FUT",
        expiry=date(2026, 12, 29),
        listed_on=now.date(),
    )
    assert calendar.has_futures("NSE", "M&M", now)
    assert calendar.has_futures("BSE", "M&M", now)
    assert not calendar.has_futures("NSE", "M", now)
    assert not calendar.has_futures("NFO", "M&M", now)
    assert not calendar.has_futures("NSE", "M&M", now.replace(day=30))


# -- files ---------------------------------------------------------------------------------------


def test_a_file_adds_days_replaces_known_ones_and_moves_the_end() -> None:
    done = take(
        "equity,2027-01-26,closed,,,Republic Day\n"
        "MCX,2027-01-26,CLOSED,,,Republic Day\n"
        "\n"
        "NSE,2026-11-08,SESSION,18:15,19:15,Muhurat trading\n"
        "MCX,2027-03-22,SESSION,17:00,23:30:00,\n",
        until=date(2027, 12, 31),
    )
    assert (done.added, done.changed) == (3, 1)
    assert str(done) == ("3 days added, 1 replaced; EQUITY, COMMODITY: known until 31 Dec 2027.")
    known = calendar.current()
    assert known.days[Segment.EQUITY, REPUBLIC_DAY] == Day(kind=DayKind.CLOSED, note="Republic Day")
    assert known.covers("NSE", date(2026, 11, 8))
    assert known.covers("MCX", date(2027, 12, 31))
    assert not known.covers("NFO", date(2027, 1, 1))
    assert MarketDay.objects.get(segment="EQUITY", date=REPUBLIC_DAY).source == "days.csv"


def test_every_wrong_line_is_named_with_the_fix_and_nothing_is_stored() -> None:
    problems = refused(
        "EQUITY,2027-01-26,CLOSED,,,Republic Day\n"
        "SHARES,2027-01-26,CLOSED,,,\n"
        "EQUITY,26-01-2027,CLOSED,,,\n"
        "EQUITY,2027-02-30,CLOSED,,,\n"
        "EQUITY,2027-01-27,HALF,,,\n"
        "EQUITY,2027-01-28,SESSION,9.15,25:00,\n"
        "EQUITY,2027-01-29,CLOSED,09:15,,\n"
        "EQUITY,2027-02-01,SESSION,09:15,,\n"
        "EQUITY,2027-02-02,SESSION,15:30,09:15,\n"
        "EQUITY,2027-02-03\n"
        "EQUITY,2027-02-04,CLOSED,,,a,b\n"
        f"EQUITY,2027-02-05,CLOSED,,,{'x' * 256}\n"
        "NSE,2027-01-26,CLOSED,,,\n"
    )
    named = [problem.partition(":")[0] for problem in problems]
    lines = [3, 4, 5, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14]
    assert named == [f"Line {number}" for number in lines]
    assert "use EQUITY, DERIVATIVES, CURRENCY, COMMODITY" in problems[0]
    assert "write it as 2027-01-26" in problems[1]
    assert "no such day" in problems[2]
    assert "use CLOSED or SESSION" in problems[3]
    assert "write it as 09:15" in problems[4]
    assert "on line 2 already" in problems[-1]


@pytest.mark.parametrize(
    ("header", "lines", "words"),
    [
        ("segment;date;kind\n", "EQUITY;2027-01-26;CLOSED\n", "the columns must be"),
        ("segment,date,kind,remark\n", "", "the columns must be"),
        ("", "", "the columns must be"),
        (HEADER, "", "no days"),
        (HEADER, 'EQUITY,2027-01-26,CLOSED,,,"open\n', "no CSV"),
    ],
)
def test_what_is_no_list_of_days_is_refused(header: str, lines: str, words: str) -> None:
    assert words in refused(lines, header)[-1]


def test_text_of_another_encoding_or_without_end_is_refused() -> None:
    for data in ("segment,ä".encode("latin-1"), b"x" * (calendar_import.MOST_BYTES + 1)):
        with pytest.raises(calendar_import.BadFile):
            calendar_import.take(data, source="days.csv")


def test_what_is_known_never_shrinks_by_an_import() -> None:
    (problem,) = refused("EQUITY,2026-12-24,CLOSED,,,\n", until=date(2026, 12, 30))
    assert "EQUITY is known until 31 Dec 2026 already" in problem


def test_nobody_knows_the_days_of_more_than_three_years() -> None:
    line = "EQUITY,2027-01-26,CLOSED,,,\n"
    (problem,) = refused(line, until=date(9999, 12, 31))
    assert "up to" in problem and "9999" in problem
    last = trading_day(clock.now()) + timedelta(days=MOST_DAYS_AHEAD)
    refused(line, until=last + timedelta(days=1))
    assert take(line, until=last).until == last


@pytest.mark.parametrize("day", ["0001-01-01", "1999-12-31", "2100-01-01", "9999-12-31"])
def test_a_day_of_another_century_is_refused(day: str) -> None:
    (problem,) = refused(f"EQUITY,{day},CLOSED,,,\n")
    assert "the year must be 2000 to 2099" in problem


def test_of_many_wrong_lines_the_first_are_named_and_the_others_counted() -> None:
    problems = refused("EQUITY,never,CLOSED,,,\n" * 60)
    assert len(problems) == calendar_import.MOST_PROBLEMS + 1
    assert problems[-1] == "And 10 more problems like these."


def test_a_file_of_too_many_days_is_refused() -> None:
    lines = "EQUITY,2027-01-26,CLOSED,,,\n" * (calendar_import.MOST_ROWS + 1)
    assert refused(lines) == ["The file has over 5000 days: split it."]


def test_the_command_takes_a_file_as_spreadsheets_write_it(tmp_path: Path) -> None:
    path = tmp_path / "2027.csv"
    path.write_text(f"\ufeff{HEADER}CDS,2027-01-26,CLOSED,,,Republic Day\r\n", encoding="utf-8")
    out = StringIO()
    call_command("importcalendar", str(path), "--until", "2027-12-31", stdout=out)
    assert "CURRENCY: known until 31 Dec 2027" in out.getvalue()
    path.write_text(HEADER + "CDS,soon,CLOSED,,,\n")
    with pytest.raises(CommandError, match="Line 2: date is 'soon'"):
        call_command("importcalendar", str(path))
    with pytest.raises(CommandError, match="can't be read"):
        call_command("importcalendar", str(tmp_path / "none.csv"))


# -- the end of what is known --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "told", "fit"),
    [
        (datetime(2026, 11, 25, 11, tzinfo=clock.IST), False, True),
        (datetime(2026, 12, 10, 11, tzinfo=clock.IST), True, True),
        (datetime(2027, 1, 2, 11, tzinfo=clock.IST), True, False),
    ],
)
def test_check_and_health_tell_of_the_end(client, now: datetime, told: bool, fit: bool) -> None:
    clock.use(lambda: now)
    try:
        found = checks.check_calendar()
        answer = client.get("/health/ready").json()["checks"]["calendar"]
    finally:
        clock.use(None)
    assert [one.id for one in found] == ["sigmatrader.W020"] * told
    assert answer["ok"] == fit
    assert ("all segments" in answer["detail"]) == told
