from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain.session import (
    IST,
    current_session,
    next_session,
    session_on,
    trading_day,
    waiting_expires_at,
)


def ist(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=IST)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("exchange", "opens", "closes"),
    [
        ("NSE", (9, 15), (15, 30)),
        ("NFO", (9, 15), (15, 40)),
        ("CDS", (9, 0), (17, 0)),
        ("MCX", (9, 0), (23, 55)),  # New York keeps winter time
    ],
)
def test_each_segment_has_its_hours(
    exchange: str, opens: tuple[int, int], closes: tuple[int, int]
) -> None:
    session = session_on(exchange, date(2026, 11, 23))
    assert session is not None
    assert session.opens_at == ist(2026, 11, 23, *opens)
    assert session.closes_at == ist(2026, 11, 23, *closes)


def test_holidays_and_weekends_have_no_session() -> None:
    assert session_on("NSE", date(2026, 11, 24)) is None
    assert session_on("NSE", date(2026, 11, 22)) is None
    assert session_on("MCX", date(2026, 11, 24)) is not None


def test_the_close_itself_is_outside_the_session() -> None:
    assert current_session("NSE", ist(2026, 11, 23, 15, 29, 59)) is not None
    assert current_session("NSE", ist(2026, 11, 23, 15, 30)) is None


def test_an_order_of_the_evening_waits_over_the_holiday() -> None:
    assert waiting_expires_at("NSE", ist(2026, 11, 23, 20, 0)) == ist(2026, 11, 25, 15, 30)


def test_an_order_of_the_session_waits_until_the_end_of_the_next() -> None:
    assert waiting_expires_at("NSE", ist(2026, 11, 25, 10, 0)) == ist(2026, 11, 26, 15, 30)


@pytest.mark.parametrize(
    ("day", "closes"),
    [((2026, 3, 6), (23, 55)), ((2026, 3, 9), (23, 30)), ((2026, 10, 30), (23, 30))],
)
def test_commodities_close_with_new_york(
    day: tuple[int, int, int], closes: tuple[int, int]
) -> None:
    session = session_on("MCX", date(*day))
    assert session is not None
    assert session.closes_at == ist(*day, *closes)


def test_the_trading_day_is_the_date_in_india() -> None:
    assert trading_day(datetime(2026, 11, 23, 19, 0, tzinfo=UTC)) == date(2026, 11, 24)


@given(
    st.sampled_from(["NSE", "NFO", "CDS", "MCX", "BSE", "ELSEWHERE"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 6, 30)),
)
def test_the_next_session_is_ahead_and_within_a_week(exchange: str, naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)
    session = next_session(exchange, moment)
    assert moment < session.opens_at < session.closes_at
    assert session.opens_at - moment < timedelta(days=7)
    budget_sunday = date(2026, 2, 1)
    assert session.opens_at.weekday() < 5 or session.opens_at.date() == budget_sunday
