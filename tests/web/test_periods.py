"""Quick choices of days, and the parts into which a picture divides its time."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.web.periods import Unit, full_name, parts, periods, short_name, start_of, unit_for


def days_of(today: date) -> dict[str, tuple[date | None, date | None]]:
    return {one.key: (one.first, one.last) for one in periods(today)}


def test_the_choices_end_today():
    today = date(2026, 11, 27)  # a Friday
    assert days_of(today) == {
        "today": (today, today),
        "week": (date(2026, 11, 23), today),
        "month": (date(2026, 11, 1), today),
        "30days": (date(2026, 10, 29), today),
        "year": (date(2026, 4, 1), today),
        "all": (None, None),
    }


@pytest.mark.parametrize(
    ("today", "first"),
    [
        (date(2027, 3, 31), date(2026, 4, 1)),
        (date(2027, 4, 1), date(2027, 4, 1)),
        (date(2027, 1, 1), date(2026, 4, 1)),
    ],
)
def test_the_financial_year_begins_in_april(today, first):
    assert days_of(today)["year"] == (first, today)


def test_days_leave_out_weekends_on_which_nothing_was_traded():
    friday, muhurat = date(2026, 11, 6), date(2026, 11, 8)
    found = parts(friday, date(2026, 11, 10), Unit.DAY, {muhurat})
    assert found == [friday, muhurat, date(2026, 11, 9), date(2026, 11, 10)]


def test_months_and_years_have_no_gaps():
    first, last = date(2025, 11, 20), date(2026, 2, 3)
    assert [f"{day:%m}" for day in parts(first, last, Unit.MONTH, ())] == ["11", "12", "01", "02"]
    assert parts(first, last, Unit.YEAR, ()) == [date(2025, 1, 1), date(2026, 1, 1)]


@pytest.mark.parametrize(
    ("unit", "short", "full"),
    [
        (Unit.DAY, "3 Nov", "Tue 3 Nov 2026"),
        (Unit.WEEK, "2 Nov", "Week of 2 Nov 2026"),
        (Unit.MONTH, "Nov 26", "November 2026"),
        (Unit.YEAR, "2026", "2026"),
    ],
)
def test_parts_have_a_short_name_and_a_full_one(unit, short, full):
    start = start_of(date(2026, 11, 3), unit)
    assert (short_name(start, unit), full_name(start, unit)) == (short, full)


@given(st.dates(date(2015, 1, 1), date(2030, 1, 1)), st.integers(0, 4000), st.booleans())
def test_however_long_the_time_a_picture_has_room_for_its_parts(first, length, narrow):
    last = first + timedelta(days=length)
    unit = unit_for(first, last, narrow=narrow)
    found = parts(first, last, unit, ())
    assert len(found) <= (40 if narrow else 110)
    assert found == sorted(set(found))
