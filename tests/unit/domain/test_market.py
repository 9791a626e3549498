"""How a market stands at a moment: for risk, and in words for the header."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain import coverage
from trading.domain.calendar import Calendar, Day, DayKind, Segment, segment_of
from trading.domain.market import MarketFacts, MarketState, market_facts, market_words
from trading.domain.session import IST, auction_on, next_session, session_on
from trading.domain.shipped_calendar import COVERED_UNTIL, SHIPPED
from trading.domain.values import Product

EXCHANGES = ("NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX", "NCO", "ELSEWHERE")
MONDAY, TUESDAY, SATURDAY = 23, 24, 28  # November 2026; on Tuesday stocks have a holiday


def ist(day: int, hour: int, minute: int = 0, month: int = 11, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=IST)


def facts(exchange: str, now: datetime, **more: bool) -> MarketFacts:
    return market_facts(SHIPPED, exchange, Product.MIS, now, **more)


def test_a_segment_holds_the_exchanges_that_keep_its_hours() -> None:
    assert [segment_of(name) for name in ("BSE", "BFO", "BCD", "NCO")] == list(Segment)
    assert segment_of("ELSEWHERE") is Segment.EQUITY


@pytest.mark.parametrize(
    ("exchange", "now", "state"),
    [
        ("NSE", ist(MONDAY, 8, 59), MarketState.CLOSED),
        ("NSE", ist(MONDAY, 9), MarketState.PRE_OPEN),
        ("NSE", ist(MONDAY, 9, 15), MarketState.OPEN),
        ("NSE", ist(MONDAY, 15, 29), MarketState.OPEN),
        ("NSE", ist(MONDAY, 15, 30), MarketState.CLOSED),
        ("NFO", ist(MONDAY, 9, 10), MarketState.CLOSED),
        ("NFO", ist(MONDAY, 15, 39), MarketState.OPEN),
        ("CDS", ist(MONDAY, 16, 59), MarketState.OPEN),
        ("MCX", ist(MONDAY, 23, 54), MarketState.OPEN),
        ("MCX", ist(MONDAY, 23, 55), MarketState.CLOSED),
        ("NSE", ist(TUESDAY, 11), MarketState.HOLIDAY),
        ("MCX", ist(TUESDAY, 11), MarketState.CLOSED),
        ("MCX", ist(TUESDAY, 17), MarketState.OPEN),
        ("NSE", ist(SATURDAY, 11), MarketState.CLOSED),
        ("NSE", ist(1, 9, 5, month=2), MarketState.PRE_OPEN),
        ("MCX", ist(1, 18, month=1), MarketState.CLOSED),
    ],
)
def test_the_state_follows_the_day(exchange: str, now: datetime, state: MarketState) -> None:
    assert facts(exchange, now).state is state
    assert facts(exchange, now.astimezone(UTC)) == facts(exchange, now)


@pytest.mark.parametrize(
    ("hour", "minute", "state"),
    [
        (15, 14, MarketState.OPEN),
        (15, 15, MarketState.CLOSING_AUCTION),
        (15, 34, MarketState.CLOSING_AUCTION),
        (15, 35, MarketState.CLOSED),
    ],
)
def test_a_share_with_futures_ends_its_day_in_the_closing_auction(
    hour: int, minute: int, state: MarketState
) -> None:
    found = facts("NSE", ist(MONDAY, hour, minute), has_futures=True)
    assert found.state is state
    assert found.closes_at == ist(MONDAY, 15, 15)
    assert found.auction is not None
    assert (found.auction.opens_at, found.auction.closes_at) == (
        ist(MONDAY, 15, 20),
        ist(MONDAY, 15, 35),
    )
    assert facts("NSE", ist(MONDAY, hour, minute)).auction is None


def test_the_closing_auction_has_a_first_day() -> None:
    assert auction_on("NSE", date(2026, 7, 31)) is None
    assert auction_on("BSE", date(2026, 8, 3)) is not None
    assert auction_on("NFO", date(2026, 8, 3)) is None


def test_a_day_with_another_close_has_no_closing_auction() -> None:
    half = Day(kind=DayKind.SESSION, opens=time(9, 15), closes=time(13))
    day = date(2026, 11, MONDAY)
    known = replace(SHIPPED, days={**SHIPPED.days, (Segment.EQUITY, day): half})
    assert auction_on("NSE", day, known) is None
    found = market_facts(known, "NSE", Product.MIS, ist(MONDAY, 10), has_futures=True)
    assert (found.closes_at, found.square_off_at) == (ist(MONDAY, 13), ist(MONDAY, 12, 55))


@pytest.mark.parametrize(
    ("exchange", "day", "has_futures", "ends"),
    [
        ("NSE", (MONDAY, 11), False, (15, 25)),
        ("NSE", (MONDAY, 11), True, (15, 12)),
        ("BFO", (MONDAY, 11), False, (15, 26)),
        ("MCX", (MONDAY, 11), False, (23, 45)),
        ("MCX", (15, 7), False, (23, 20)),
        ("CDS", (MONDAY, 11), False, (17, 0)),
    ],
)
def test_intraday_positions_end_before_the_segments_close(
    exchange: str, day: tuple[int, int], has_futures: bool, ends: tuple[int, int]
) -> None:
    number, month = day
    now = ist(number, 10, month=month)
    assert facts(exchange, now, has_futures=has_futures).square_off_at == ist(
        number, *ends, month=month
    )
    delivery = market_facts(SHIPPED, exchange, Product.NRML, now, has_futures=has_futures)
    assert delivery.square_off_at is None


def test_a_day_without_a_session_has_no_times_and_says_why() -> None:
    found = facts("NSE", ist(TUESDAY, 11))
    assert (found.opens_at, found.closes_at, found.square_off_at) == (None, None, None)
    assert found.next_opens_at == ist(25, 9, 15)
    assert (found.covered, found.note) == (True, "Guru Nanak Jayanti")


def test_what_the_calendar_does_not_know_is_not_covered() -> None:
    muhurat = facts("NSE", ist(8, 18, 15))
    assert (muhurat.covered, muhurat.state) == (False, MarketState.CLOSED)
    assert not facts("NSE", ist(4, 11, month=1, year=2027)).covered


@pytest.mark.parametrize(
    ("now", "text"),
    [
        (ist(MONDAY, 8), "NSE closed, opens 09:15, in 1 h 15 min"),
        (ist(MONDAY, 9, 3), "NSE pre-open, trades from 09:15, in 12 min"),
        (ist(MONDAY, 12, 30), "NSE open until 15:30, 3 h left"),
        (ist(MONDAY, 15, 14) + timedelta(seconds=30), "NSE open until 15:30, 16 min left"),
        (ist(MONDAY, 15, 15), "NSE closing auction until 15:35"),
        (ist(MONDAY, 15, 35), "NSE closed, opens Wed 09:15"),
        (ist(TUESDAY, 11), "NSE holiday (Guru Nanak Jayanti), opens Wed 09:15"),
        (ist(SATURDAY, 11), "NSE closed, opens Mon 09:15"),
        (ist(8, 11), "NSE: Muhurat trading today, hours not known"),
        (ist(4, 11, month=1, year=2027), "NSE: trading days not known"),
    ],
)
def test_the_header_says_how_the_market_stands_and_for_how_long(now: datetime, text: str) -> None:
    assert market_words(SHIPPED, "NSE", now) == text


# -- properties ----------------------------------------------------------------------------------

MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 3, 1))
EDGES = st.sampled_from([time(9, 15), time(15, 15), time(15, 20), time(15, 30), time(15, 35)])
TIMES = EDGES | st.times(time(1), time(23)).map(lambda one: one.replace(second=0, microsecond=0))
SESSIONS = st.lists(TIMES, min_size=2, max_size=2, unique=True).map(
    lambda pair: Day(kind=DayKind.SESSION, opens=min(pair), closes=max(pair))
)
DAYS = st.one_of(st.just(Day(kind=DayKind.CLOSED)), st.just(Day(kind=DayKind.SESSION)), SESSIONS)
CALENDARS = st.dictionaries(
    st.tuples(st.sampled_from(Segment), st.dates(date(2026, 1, 1), date(2026, 2, 28))),
    DAYS,
    max_size=120,
).map(lambda days: Calendar(hours=SHIPPED.hours, days=days))


@given(st.sampled_from(EXCHANGES), MOMENTS, st.booleans())
def test_an_open_market_is_inside_its_session_and_squares_off_there(
    exchange: str, naive: datetime, has_futures: bool
) -> None:
    now = naive.replace(tzinfo=UTC)
    found = facts(exchange, now, has_futures=has_futures)
    inside = found.opens_at is not None and found.opens_at <= now < (found.closes_at or now)
    assert (found.state is MarketState.OPEN) == inside
    assert found.next_opens_at > now
    if found.opens_at is not None and found.closes_at is not None:
        assert found.square_off_at is not None
        assert found.opens_at <= found.square_off_at <= found.closes_at
    assert market_words(SHIPPED, exchange, now).startswith(exchange)


@given(
    CALENDARS,
    st.sampled_from(EXCHANGES),
    st.datetimes(datetime(2025, 12, 25), datetime(2026, 3, 5)),
    st.booleans(),
)
def test_whatever_is_entered_there_is_a_next_session_and_no_closed_day_trades(
    known: Calendar, exchange: str, naive: datetime, has_futures: bool
) -> None:
    now = naive.replace(tzinfo=UTC)
    coming = next_session(exchange, now, known)
    assert now < coming.opens_at < coming.closes_at
    day = coming.opens_at.astimezone(IST).date()
    special = known.days.get((segment_of(exchange), day))
    assert special is None or special.kind is DayKind.SESSION
    assert session_on(exchange, day, known) == coming
    found = market_facts(known, exchange, Product.MIS, now, has_futures=has_futures)
    if found.opens_at is not None and found.closes_at is not None:
        assert found.opens_at < found.closes_at
        assert found.square_off_at is not None
        assert found.opens_at <= found.square_off_at <= found.closes_at


# -- coverage ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "words"),
    [
        (date(2026, 12, 1), "ends on 31 Dec 2026, in 30 days"),
        (date(2026, 12, 30), "ends on 31 Dec 2026, tomorrow"),
        (date(2026, 12, 31), "ends on 31 Dec 2026, today"),
        (date(2027, 1, 1), "ended on 31 Dec 2026"),
    ],
)
def test_the_end_is_told_from_thirty_days_before(today: date, words: str) -> None:
    (text,) = coverage.warnings(SHIPPED, today)
    assert words in text
    assert "all segments" in text


def test_nothing_is_told_while_everything_is_known() -> None:
    assert coverage.warnings(SHIPPED, date(2026, 11, 30)) == []
    assert coverage.ends_on(SHIPPED) == COVERED_UNTIL


def test_segments_that_end_apart_are_told_apart() -> None:
    later = replace(SHIPPED.hours[Segment.COMMODITY], covered_until=date(2027, 1, 5))
    known = replace(SHIPPED, hours={**SHIPPED.hours, Segment.COMMODITY: later})
    first, second = coverage.warnings(known, date(2026, 12, 20))
    assert "of EQUITY, DERIVATIVES and CURRENCY ends on 31 Dec" in first
    assert "of COMMODITY ends on 05 Jan 2027" in second


def test_a_session_without_hours_is_told_before_its_day() -> None:
    (text,) = coverage.warnings(SHIPPED, date(2026, 11, 1))
    assert text == "Muhurat trading on 08 Nov 2026: enter the hours of all segments."
    assert coverage.warnings(SHIPPED, date(2026, 11, 9)) == []
