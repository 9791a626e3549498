"""What becomes of a live order while its market is closed. Pure.

After-market orders (AMO) are taken by the broker outside the session and released at the next
open. Their entry windows are the broker's, not the exchange's.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from trading.domain.calendar import Calendar
from trading.domain.session import (
    IST,
    at_time,
    auction_on,
    current_session,
    next_session,
    session_on,
    trading_day,
)
from trading.domain.shipped_calendar import SHIPPED
from trading.domain.values import OffHours, OrderType, Product, Variety


@dataclass(frozen=True, slots=True)
class Route:
    """How an order goes: now as `variety`, or not before a moment; or why it does not.

    `refusal`: the strategy wants no orders off hours. `question`: a person must decide.
    """

    variety: Variety = Variety.REGULAR
    not_before: datetime | None = None
    refusal: str = ""
    question: str = ""


def amo_is_open(exchange: str, now: datetime, calendar: Calendar = SHIPPED) -> bool:
    """Whether the broker takes after-market orders of `exchange` now; all day on holidays."""
    local = now.astimezone(IST)
    if session_on(exchange, local.date(), calendar) is None:
        return True
    hours = calendar.hours_of(exchange)
    return local.time() >= hours.amo_opens_on(local.date()) or local.time() < hours.amo_closes


def amo_opens_at(exchange: str, now: datetime, calendar: Calendar = SHIPPED) -> datetime:
    """The next moment at which after-market orders are taken; `now` when they are already."""
    if amo_is_open(exchange, now, calendar):
        return now
    day = trading_day(now)
    return at_time(day, calendar.hours_of(exchange).amo_opens_on(day))


def in_closing_auction(exchange: str, now: datetime, calendar: Calendar = SHIPPED) -> bool:
    """Whether shares with futures have stopped trading and their closing auction is not over."""
    auction = auction_on(exchange, trading_day(now), calendar)
    return auction is not None and auction.contains(now)


def _closed_words(exchange: str, now: datetime, calendar: Calendar) -> str:
    opens = next_session(exchange, now, calendar).opens_at.astimezone(IST)
    return f"{exchange} is closed; it opens on {opens:%d %b} at {opens:%H:%M}"


def _doubt(exchange: str, now: datetime, calendar: Calendar, has_futures: bool) -> str:
    """Why nobody but a person can say whether an order may go at `now`; empty when it is clear."""
    day = trading_day(now)
    if gap := calendar.gap(exchange, day):
        return f"{gap}: check that the market is open, then execute."
    auction = auction_on(exchange, day, calendar)
    if not has_futures or auction is None or not auction.contains(now):
        return ""
    return (
        f"The share has futures, so it trades only in the closing auction, from "
        f"{auction.opens_at:%H:%M} to {auction.closes_at:%H:%M}: execute to take part in it."
    )


def route(
    exchange: str,
    order_type: OrderType,
    off_hours: OffHours,
    now: datetime,
    calendar: Calendar = SHIPPED,
    *,
    said_closed: bool = False,
    by_person: bool = False,
    has_futures: bool = False,
) -> Route:
    """How an order goes at `now`.

    `said_closed`: the broker has just refused it as closed. `by_person`: somebody has looked at
    this very order, which is what a day or an hour that the calendar can't judge asks for.
    `has_futures`: of a share; then the closing auction is such an hour.
    """
    if doubt := _doubt(exchange, now, calendar, has_futures):
        return Route() if by_person and not said_closed else Route(question=doubt)
    session = current_session(exchange, now, calendar)
    if session is not None and not said_closed:
        return Route()
    after = session.closes_at if session is not None else now
    if off_hours is OffHours.REJECT:
        closed = _closed_words(exchange, after, calendar)
        return Route(refusal=f"{closed}. This strategy wants no orders then.")
    if off_hours is OffHours.GTT:
        if order_type is OrderType.LIMIT:
            return Route(variety=Variety.GTT)
        return Route(
            question=f"{_closed_words(exchange, after, calendar)}, and off hours means GTT, which "
            "can only place a LIMIT order: choose LIMIT with a price."
        )
    opens_at = next_session(exchange, after, calendar).opens_at
    if off_hours is OffHours.QUEUE:
        return Route(not_before=opens_at)
    if said_closed or amo_is_open(exchange, now, calendar):
        return Route(variety=Variety.AMO)
    return Route(not_before=min(amo_opens_at(exchange, now, calendar), opens_at))


def misfit(off_hours: OffHours, product: Product) -> str:
    """Why orders of `product` can't do so while their market is closed; empty when they can."""
    if off_hours is OffHours.GTT and product is Product.MIS:
        return (
            "A GTT rests until its price comes, and MIS ends with the day: no broker holds one for "
            "MIS. Choose CNC or NRML as the product, or AMO, QUEUE or REJECT off hours."
        )
    return ""


def book_day(moment: datetime) -> date:
    """The day of the broker's order book: it runs from 06:00 to 06:00 IST."""
    return (moment.astimezone(IST) - timedelta(hours=6)).date()
