"""How a market stands at a moment, for risk and for people. Pure."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from trading.domain.calendar import Calendar, DayKind, Segment, segment_of
from trading.domain.session import (
    IST,
    ClosingAuction,
    Session,
    at_time,
    auction_on,
    next_session,
    session_on,
    trading_day,
)
from trading.domain.values import Product

_WEEK: Final = timedelta(days=6)


class MarketState(StrEnum):
    """HOLIDAY: the calendar names the day as closed. CLOSED: every other time without trading."""

    PRE_OPEN = "PRE_OPEN"
    OPEN = "OPEN"
    CLOSING_AUCTION = "CLOSING_AUCTION"
    CLOSED = "CLOSED"
    HOLIDAY = "HOLIDAY"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketFacts:
    """The market of one instrument at a moment; all times are aware, in IST.

    `covered`: the calendar can say when it trades that day. `opens_at` and `closes_at`: of that
    day's continuous trading, None without one. `square_off_at`: when the broker ends intraday
    positions that day; None for other products. `auction`: the day's closing auction, None where
    there is none. `note`: why the day is special. `next_opens_at`: of the next session whose
    hours are known.
    """

    segment: Segment
    state: MarketState
    covered: bool
    opens_at: datetime | None
    closes_at: datetime | None
    square_off_at: datetime | None
    next_opens_at: datetime
    auction: ClosingAuction | None
    note: str


def market_facts(
    calendar: Calendar,
    exchange: str,
    product: Product,
    now: datetime,
    *,
    has_futures: bool = False,
) -> MarketFacts:
    """How the market stands at `now` for an instrument of `exchange`.

    `has_futures`: it is a share of which the instrument list has futures; those alone end their
    day in the closing auction.
    """
    day = trading_day(now)
    special = calendar.special(exchange, day)
    session = session_on(exchange, day, calendar)
    auction = auction_on(exchange, day, calendar) if has_futures else None
    if session is not None and auction is not None:
        session = Session(session.opens_at, auction.begins_at)
    return MarketFacts(
        segment=segment_of(exchange),
        state=_state(calendar, exchange, now, session, auction),
        covered=calendar.covers(exchange, day),
        opens_at=session.opens_at if session else None,
        closes_at=session.closes_at if session else None,
        square_off_at=_square_off_at(calendar, exchange, product, session, auction),
        next_opens_at=next_session(exchange, now, calendar).opens_at,
        auction=auction,
        note=special.note if special else "",
    )


def _state(
    calendar: Calendar,
    exchange: str,
    now: datetime,
    session: Session | None,
    auction: ClosingAuction | None,
) -> MarketState:
    day = trading_day(now)
    special = calendar.special(exchange, day)
    if session is None:
        closed = special is not None and special.kind is DayKind.CLOSED
        return MarketState.HOLIDAY if closed else MarketState.CLOSED
    if session.contains(now):
        return MarketState.OPEN
    if auction is not None and auction.contains(now):
        return MarketState.CLOSING_AUCTION
    hours = calendar.hours_of(exchange)
    usual = session.opens_at == at_time(day, hours.opens)
    collects = usual and hours.pre_open is not None and now >= at_time(day, hours.pre_open)
    return MarketState.PRE_OPEN if collects and now < session.opens_at else MarketState.CLOSED


def _square_off_at(
    calendar: Calendar,
    exchange: str,
    product: Product,
    session: Session | None,
    auction: ClosingAuction | None,
) -> datetime | None:
    """`session` ends where continuous trading does."""
    if session is None or product is not Product.MIS:
        return None
    hours = calendar.hours_of(exchange)
    minutes = hours.square_off_minutes
    if auction is not None and hours.auction is not None:
        minutes = hours.auction.square_off_minutes
    return max(session.closes_at - timedelta(minutes=minutes), session.opens_at)


# -- in words ------------------------------------------------------------------------------------


def market_words(calendar: Calendar, exchange: str, now: datetime) -> str:
    """How `exchange` stands at `now`, until or from when, and how long that is."""
    facts = market_facts(calendar, exchange, Product.CNC, now)
    day = trading_day(now)
    if not facts.covered:
        return _in_doubt(calendar, exchange, day)
    auction = auction_on(exchange, day, calendar)
    if auction is not None and auction.contains(now):
        return f"{exchange} closing auction until {_clock(auction.closes_at)}"
    if facts.state is MarketState.OPEN and facts.closes_at is not None:
        left = _span(facts.closes_at - now)
        return f"{exchange} open until {_clock(facts.closes_at)}, {left} left"
    if facts.state is MarketState.PRE_OPEN:
        left = _span(facts.next_opens_at - now)
        return f"{exchange} pre-open, trades from {_clock(facts.next_opens_at)}, in {left}"
    word = f"holiday ({facts.note})" if facts.note and facts.opens_at is None else "closed"
    return f"{exchange} {word}, opens {_when(facts.next_opens_at, now, day)}"


def _in_doubt(calendar: Calendar, exchange: str, day: date) -> str:
    special = calendar.special(exchange, day)
    if special is not None and special.hours_unknown:
        return f"{exchange}: {special.note or 'a special session'} today, hours not known"
    return f"{exchange}: trading days not known"


def _when(opens_at: datetime, now: datetime, day: date) -> str:
    """`opens_at` as briefly as it is clear from `now`: within the day also how long it is."""
    opens = trading_day(opens_at)
    if opens == day:
        return f"{_clock(opens_at)}, in {_span(opens_at - now)}"
    if opens - day <= _WEEK:
        return f"{opens:%a} {_clock(opens_at)}"
    return f"{opens:%d %b} {_clock(opens_at)}"


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(IST):%H:%M}"


def _span(left: timedelta) -> str:
    """Whole minutes, rounded up, so that the last one is "1 min" and never 0."""
    minutes = -(-int(left.total_seconds()) // 60) or 1
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
