"""What becomes of a live order while its market is closed. Pure.

After-market orders (AMO) are taken by the broker outside the session and released at the next
open. Their entry windows are the broker's, not the exchange's.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from trading.domain.session import (
    COVERED_UNTIL,
    IST,
    commodity_close,
    current_session,
    next_session,
    session_on,
    trading_day,
)
from trading.domain.values import OffHours, OrderType, Variety

# (from, until): the window opens after the session and ends the next morning.
_AMO_WINDOWS: dict[str, tuple[time, time]] = {
    **dict.fromkeys(("NSE", "BSE"), (time(16, 0), time(8, 58))),
    **dict.fromkeys(("NFO", "BFO"), (time(15, 45), time(9, 10))),
    **dict.fromkeys(("CDS", "BCD"), (time(17, 0), time(8, 59))),
    **dict.fromkeys(("MCX", "NCO"), (time(23, 30), time(8, 58))),
}
_DEFAULT_WINDOW = _AMO_WINDOWS["NSE"]


@dataclass(frozen=True, slots=True)
class Route:
    """How an order goes: now as `variety`, or not before a moment; or why it does not.

    `refusal`: the strategy wants no orders off hours. `question`: a person must decide.
    """

    variety: Variety = Variety.REGULAR
    not_before: datetime | None = None
    refusal: str = ""
    question: str = ""


def amo_is_open(exchange: str, now: datetime) -> bool:
    """Whether the broker takes after-market orders of `exchange` now; all day on holidays."""
    local = now.astimezone(IST)
    opens, closes = _window(exchange, local.date())
    if session_on(exchange, local.date()) is None:
        return True
    return local.time() >= opens or local.time() < closes


def amo_opens_at(exchange: str, now: datetime) -> datetime:
    """The next moment at which after-market orders are taken; `now` when they are already."""
    if amo_is_open(exchange, now):
        return now
    opens, _ = _window(exchange, trading_day(now))
    return datetime.combine(trading_day(now), opens, tzinfo=IST)


def _window(exchange: str, day: date) -> tuple[time, time]:
    opens, closes = _AMO_WINDOWS.get(exchange, _DEFAULT_WINDOW)
    if exchange in ("MCX", "NCO"):
        opens = commodity_close(day)
    return opens, closes


def _covered(day: date) -> bool:
    return day <= COVERED_UNTIL


def _closed_words(exchange: str, now: datetime) -> str:
    opens = next_session(exchange, now).opens_at.astimezone(IST)
    return f"{exchange} is closed; it opens on {opens:%d %b} at {opens:%H:%M}"


def route(
    exchange: str,
    order_type: OrderType,
    off_hours: OffHours,
    now: datetime,
    *,
    said_closed: bool = False,
    by_person: bool = False,
) -> Route:
    """How an order goes at `now`.

    `said_closed`: the broker has just refused it as closed. `by_person`: somebody has looked at
    this very order, which is what an unknown calendar asks for.
    """
    if not _covered(trading_day(now)):
        if by_person and not said_closed:
            return Route()
        return Route(
            question=f"The trading calendar ends on {COVERED_UNTIL:%d %b %Y}: "
            "check that the market is open, then execute."
        )
    session = current_session(exchange, now)
    if session is not None and not said_closed:
        return Route()
    after = session.closes_at if session is not None else now
    if off_hours is OffHours.REJECT:
        return Route(
            refusal=f"{_closed_words(exchange, after)}. This strategy wants no orders then."
        )
    if off_hours is OffHours.GTT:
        if order_type is OrderType.LIMIT:
            return Route(variety=Variety.GTT)
        return Route(
            question=f"{_closed_words(exchange, after)}, and off hours means GTT, which can only "
            "place a LIMIT order: choose LIMIT with a price."
        )
    opens_at = next_session(exchange, after).opens_at
    if off_hours is OffHours.QUEUE:
        return Route(not_before=opens_at)
    if said_closed or amo_is_open(exchange, now):
        return Route(variety=Variety.AMO)
    return Route(not_before=min(amo_opens_at(exchange, now), opens_at))


def book_day(moment: datetime) -> date:
    """The day of the broker's order book: it runs from 06:00 to 06:00 IST."""
    return (moment.astimezone(IST) - timedelta(hours=6)).date()
