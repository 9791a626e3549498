"""What becomes of a live order at every hour at which its market may be closed."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain.calendar import Day, DayKind, Segment
from trading.domain.off_hours import (
    Route,
    amo_is_open,
    amo_opens_at,
    book_day,
    in_closing_auction,
    route,
)
from trading.domain.session import IST, current_session, session_on, trading_day
from trading.domain.shipped_calendar import COVERED_UNTIL, SHIPPED
from trading.domain.values import OffHours, OrderType, Variety

SEGMENTS = ("NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX", "NCO")
MONDAY, TUESDAY, WEDNESDAY = 23, 24, 25  # November 2026; on Tuesday stocks have a holiday
FRIDAY, SATURDAY, SUNDAY = 20, 21, 22


def ist(day: int, hour: int, minute: int = 0, second: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, second, tzinfo=IST)


def way(
    exchange: str,
    now: datetime,
    off_hours: OffHours = OffHours.AMO,
    order_type: OrderType = OrderType.MARKET,
    **said: bool,
) -> Route:
    return route(exchange, order_type, off_hours, now, **said)


NOW, AMO = Route(), Route(variety=Variety.AMO)

# exchange, moment, what an order of a strategy with off hours AMO does
_HOURS: list[tuple[str, datetime, Route]] = [
    # a stock's day
    ("NSE", ist(WEDNESDAY, 8, 57, 59), AMO),
    ("NSE", ist(WEDNESDAY, 8, 58), Route(not_before=ist(WEDNESDAY, 9, 15))),
    ("NSE", ist(WEDNESDAY, 9, 14, 59), Route(not_before=ist(WEDNESDAY, 9, 15))),
    ("NSE", ist(WEDNESDAY, 9, 15), NOW),
    ("NSE", ist(WEDNESDAY, 15, 29, 59), NOW),
    ("NSE", ist(WEDNESDAY, 15, 30), Route(not_before=ist(WEDNESDAY, 16))),
    ("NSE", ist(WEDNESDAY, 16), AMO),
    ("NSE", ist(WEDNESDAY, 23, 59, 59), AMO),
    ("BSE", ist(WEDNESDAY, 8, 57), AMO),
    ("BSE", ist(WEDNESDAY, 9, 15), NOW),
    ("BSE", ist(WEDNESDAY, 15, 59, 59), Route(not_before=ist(WEDNESDAY, 16))),
    # derivatives close and open their window at other times
    ("NFO", ist(WEDNESDAY, 9, 9, 59), AMO),
    ("NFO", ist(WEDNESDAY, 9, 10), Route(not_before=ist(WEDNESDAY, 9, 15))),
    ("NFO", ist(WEDNESDAY, 15, 39, 59), NOW),
    ("NFO", ist(WEDNESDAY, 15, 40), Route(not_before=ist(WEDNESDAY, 15, 45))),
    ("BFO", ist(WEDNESDAY, 15, 45), AMO),
    # currency
    ("CDS", ist(WEDNESDAY, 8, 58, 59), AMO),
    ("CDS", ist(WEDNESDAY, 8, 59), Route(not_before=ist(WEDNESDAY, 9))),
    ("CDS", ist(WEDNESDAY, 16, 59, 59), NOW),
    ("BCD", ist(WEDNESDAY, 17), AMO),
    # commodities trade into the night
    ("MCX", ist(WEDNESDAY, 8, 57, 59), AMO),
    ("MCX", ist(WEDNESDAY, 8, 58), Route(not_before=ist(WEDNESDAY, 9))),
    ("MCX", ist(WEDNESDAY, 20), NOW),
    ("MCX", ist(WEDNESDAY, 23, 54, 59), NOW),
    ("MCX", ist(WEDNESDAY, 23, 55), AMO),
    ("NCO", ist(WEDNESDAY, 23, 55), AMO),
    # closed days: after-market orders are taken all day
    ("NSE", ist(SATURDAY, 11), AMO),
    ("NFO", ist(SUNDAY, 15, 42), AMO),
    ("MCX", ist(SATURDAY, 20), AMO),
    ("NSE", ist(TUESDAY, 11), AMO),
    ("NFO", ist(TUESDAY, 9, 12), AMO),
    # on a stock holiday commodities trade in the evening
    ("MCX", ist(TUESDAY, 8, 57), AMO),
    ("MCX", ist(TUESDAY, 11), Route(not_before=ist(TUESDAY, 17))),
    ("MCX", ist(TUESDAY, 17), NOW),
    ("MCX", ist(TUESDAY, 23, 29), NOW),
    # a holiday of both; the budget Sunday
    ("MCX", ist(2, 20, month=10), AMO),
    ("NSE", ist(1, 11, month=2), NOW),
    ("MCX", ist(1, 16, 59, month=2), NOW),
    ("MCX", ist(1, 17, month=2), Route(not_before=ist(1, 23, 55, month=2))),
]


@pytest.mark.parametrize(
    ("exchange", "now", "expected"),
    _HOURS,
    ids=[f"{exchange}-{now:%a-%d%b-%H%M%S}" for exchange, now, _ in _HOURS],
)
def test_an_order_goes_now_as_amo_or_when_the_next_of_both_is_possible(
    exchange: str, now: datetime, expected: Route
) -> None:
    assert way(exchange, now) == expected
    assert way(exchange, now.astimezone(UTC)) == expected


@pytest.mark.parametrize(
    ("exchange", "now", "opens"),
    [
        ("NSE", ist(WEDNESDAY, 8), ist(WEDNESDAY, 9, 15)),
        ("NSE", ist(WEDNESDAY, 15, 30), ist(26, 9, 15)),
        ("NSE", ist(MONDAY, 20), ist(WEDNESDAY, 9, 15)),  # over the holiday
        ("NFO", ist(FRIDAY, 15, 40), ist(MONDAY, 9, 15)),  # over the weekend
        ("CDS", ist(WEDNESDAY, 17), ist(26, 9)),
        ("MCX", ist(MONDAY, 23, 56), ist(TUESDAY, 17)),  # the evening of the holiday
        ("MCX", ist(TUESDAY, 23, 55), ist(WEDNESDAY, 9)),
    ],
)
def test_queue_waits_for_the_next_open_of_its_own_segment(
    exchange: str, now: datetime, opens: datetime
) -> None:
    assert way(exchange, now, OffHours.QUEUE) == Route(not_before=opens)


def test_reject_says_when_the_market_opens_again() -> None:
    refused = way("NSE", ist(MONDAY, 20), OffHours.REJECT)
    assert "NSE is closed; it opens on 25 Nov at 09:15" in refused.refusal
    assert not refused.question
    assert way("NSE", ist(MONDAY, 11), OffHours.REJECT) == NOW


def test_gtt_is_for_limit_orders_and_asks_a_person_for_the_rest() -> None:
    now = ist(MONDAY, 20)
    limit = way("NSE", now, OffHours.GTT, OrderType.LIMIT)
    assert limit == Route(variety=Variety.GTT)
    for order_type in (OrderType.MARKET, OrderType.SL, OrderType.SL_M):
        asked = way("NSE", now, OffHours.GTT, order_type)
        assert "choose LIMIT" in asked.question
        assert asked == Route(question=asked.question)
    assert way("NSE", ist(MONDAY, 11), OffHours.GTT) == NOW


SAID = {"said_closed": True}


@pytest.mark.parametrize(
    ("off_hours", "expected"),
    [
        (OffHours.AMO, AMO),
        (OffHours.QUEUE, Route(not_before=ist(WEDNESDAY, 9, 15))),
        (OffHours.GTT, Route(variety=Variety.GTT)),
    ],
)
def test_the_brokers_word_that_it_is_closed_wins_over_our_calendar(
    off_hours: OffHours, expected: Route
) -> None:
    """At 11:00 on Monday: what waits does so for the session after the one we took to run."""
    assert way("NSE", ist(MONDAY, 11), off_hours, OrderType.LIMIT, **SAID) == expected


def test_the_brokers_word_wins_over_its_own_window_too() -> None:
    assert way("NSE", ist(MONDAY, 15, 45), **SAID) == AMO
    assert way("NSE", ist(MONDAY, 11), OffHours.REJECT, **SAID).refusal


LAST = datetime.combine(COVERED_UNTIL, datetime.min.time(), tzinfo=IST)


@pytest.mark.parametrize("off_hours", list(OffHours))
def test_past_the_calendar_nothing_goes_that_nobody_looked_at(off_hours: OffHours) -> None:
    for hour in (11, 20):
        after = LAST + timedelta(days=4, hours=hour)  # Monday, 4 January
        asked = way("NSE", after, off_hours, OrderType.LIMIT)
        assert "calendar ends on 31 Dec 2026" in asked.question
        assert asked == Route(question=asked.question)
        assert way("NSE", after, off_hours, OrderType.LIMIT, by_person=True) == NOW


@pytest.mark.parametrize("exchange", SEGMENTS)
def test_on_the_day_of_a_session_whose_hours_nobody_knows_a_person_decides(exchange: str) -> None:
    muhurat = ist(8, 18, 15)
    asked = way(exchange, muhurat)
    assert f"{exchange} has a session on 08 Nov (Muhurat trading)" in asked.question
    assert asked == Route(question=asked.question)
    assert way(exchange, muhurat, by_person=True) == NOW
    assert way(exchange, muhurat + timedelta(days=-1)) == AMO


def test_known_hours_of_a_special_session_are_kept_to() -> None:
    hour = Day(kind=DayKind.SESSION, opens=time(18, 15), closes=time(19, 15))
    known = replace(SHIPPED, days={**SHIPPED.days, (Segment.EQUITY, date(2026, 11, 8)): hour})
    assert route("NSE", OrderType.MARKET, OffHours.QUEUE, ist(8, 18, 15), known) == NOW
    before = route("NSE", OrderType.MARKET, OffHours.QUEUE, ist(7, 12), known)
    assert before == Route(not_before=ist(8, 18, 15))


AUCTION = [(15, 14, 59, False), (15, 15, 0, True), (15, 34, 59, True), (15, 35, 0, False)]


@pytest.mark.parametrize(("hour", "minute", "second", "asked"), AUCTION)
def test_a_share_with_futures_asks_a_person_while_only_its_closing_auction_takes_orders(
    hour: int, minute: int, second: int, asked: bool
) -> None:
    now = ist(WEDNESDAY, hour, minute, second)
    assert in_closing_auction("NSE", now) == asked
    found = way("NSE", now, has_futures=True)
    assert bool(found.question) == asked
    if asked:
        assert "closing auction, from 15:20 to 15:35" in found.question
        assert way("NSE", now, has_futures=True, by_person=True) == NOW
    assert not way("NSE", now).question
    assert not in_closing_auction("NFO", now)


def test_each_segment_ends_on_its_own_day() -> None:
    later = replace(SHIPPED.hours[Segment.COMMODITY], covered_until=date(2027, 12, 31))
    known = replace(SHIPPED, hours={**SHIPPED.hours, Segment.COMMODITY: later})
    monday = LAST + timedelta(days=4, hours=11)
    assert route("MCX", OrderType.MARKET, OffHours.AMO, monday, known) == NOW
    assert "for NFO" in route("NFO", OrderType.MARKET, OffHours.AMO, monday, known).question


def test_past_the_calendar_the_brokers_word_goes_to_a_person_again() -> None:
    after = LAST + timedelta(days=4, hours=11)
    assert way("NSE", after, by_person=True, said_closed=True).question


def test_the_calendar_ends_at_midnight_in_india() -> None:
    assert way("MCX", LAST + timedelta(hours=23, minutes=29)) == NOW
    assert way("NSE", LAST + timedelta(hours=23, minutes=59)) == AMO
    assert way("NSE", LAST + timedelta(days=1)).question


def test_what_waits_for_a_session_past_the_calendar_is_asked_for_again_there() -> None:
    waiting = way("NSE", LAST + timedelta(hours=20), OffHours.QUEUE)
    assert waiting.not_before is not None
    assert waiting.not_before.date() > COVERED_UNTIL
    assert way("NSE", waiting.not_before, OffHours.QUEUE).question


def test_an_exchange_that_is_not_known_keeps_the_hours_of_nse() -> None:
    for now in (ist(MONDAY, 11), ist(MONDAY, 15, 40), ist(MONDAY, 20)):
        assert way("ELSEWHERE", now) == way("NSE", now)


@given(
    st.sampled_from(SEGMENTS),
    st.sampled_from(OffHours),
    st.booleans(),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31, 18)),
)
def test_what_waits_may_go_at_the_moment_for_which_it_waits(
    exchange: str, off_hours: OffHours, said_closed: bool, naive: datetime
) -> None:
    now = naive.replace(tzinfo=UTC)
    found = way(exchange, now, off_hours, OrderType.LIMIT, said_closed=said_closed)
    if found.not_before is None:
        return
    assert found.not_before > now
    if found.not_before.astimezone(IST).date() <= COVERED_UNTIL:
        assert SHIPPED.covers(exchange, trading_day(found.not_before))
        then = way(exchange, found.not_before, off_hours, OrderType.LIMIT)
        assert then in (NOW, AMO)


@given(st.sampled_from(SEGMENTS), st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31, 18)))
def test_a_regular_order_goes_in_a_session_and_never_outside(
    exchange: str, naive: datetime
) -> None:
    now = naive.replace(tzinfo=UTC)
    open_now = current_session(exchange, now) is not None
    if not SHIPPED.covers(exchange, trading_day(now)):
        assert way(exchange, now).question
        return
    assert (way(exchange, now) == NOW) == open_now
    opens = amo_opens_at(exchange, now)
    assert opens >= now
    assert amo_is_open(exchange, opens)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (ist(MONDAY, 5, 59, 59), date(2026, 11, 22)),
        (ist(MONDAY, 6), date(2026, 11, 23)),
        (ist(MONDAY, 23, 59), date(2026, 11, 23)),
        (datetime(2026, 11, 23, 20, 0, tzinfo=UTC), date(2026, 11, 23)),  # 01:30 on Tuesday
        (datetime(2026, 11, 24, 0, 30, tzinfo=UTC), date(2026, 11, 24)),
    ],
)
def test_the_book_of_a_day_runs_from_six_to_six(moment: datetime, day: date) -> None:
    assert book_day(moment) == day


@pytest.mark.parametrize(
    ("exchange", "day", "hours"),
    [
        ("MCX", date(2026, 3, 3), ((17, 0), (23, 55))),
        ("MCX", date(2026, 1, 26), None),
        ("MCX", date(2026, 4, 3), None),
        ("MCX", date(2026, 2, 1), ((9, 0), (17, 0))),
        ("MCX", date(2026, 1, 1), ((9, 0), (17, 0))),
        ("MCX", date(2026, 11, 10), ((17, 0), (23, 55))),
        ("NSE", date(2026, 2, 1), ((9, 15), (15, 30))),
        ("NSE", date(2026, 11, 8), None),
        ("NSE", date(2026, 3, 3), None),
        ("CDS", date(2026, 3, 3), None),
    ],
)
def test_special_days_have_their_own_hours(
    exchange: str, day: date, hours: tuple[tuple[int, int], tuple[int, int]] | None
) -> None:
    session = session_on(exchange, day)
    if hours is None:
        assert session is None
        return
    assert session is not None
    for moment, (hour, minute) in zip((session.opens_at, session.closes_at), hours, strict=True):
        assert moment == datetime(day.year, day.month, day.day, hour, minute, tzinfo=IST)
