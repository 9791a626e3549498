"""Orders of an earlier day that the broker's book no longer shows: ended by evidence.

The book lives for one day (06:00 to 06:00 IST). What it last showed is in its archive.
"""

import logging
from datetime import date, datetime

from brokers.errors import BrokerError, NotSent, SessionExpired
from brokers.port import Broker
from trading.domain.off_hours import book_day
from trading.domain.order import Status
from trading.domain.session import IST, next_session, session_on
from trading.domain.values import Variety
from trading.models import BookEntry, Order
from trading.services import calendar, lifecycle, updates
from trading.services.errors import Conflict

logger = logging.getLogger(__name__)

# With these the broker says that it does not know an order. A silence, or trouble on its side,
# says nothing.
_SAYS_UNKNOWN = frozenset({"GeneralException", "OrderException", "InputException"})


def last_seen(order: Order) -> BookEntry | None:
    """What the broker's book last showed of `order`."""
    return (
        BookEntry.objects.filter(
            connection_id=order.connection_id, broker_order_id=order.broker_order_id
        )
        .order_by("-book_day")
        .first()
    )


def day_of(order: Order, entry: BookEntry | None) -> date | None:
    """The day of the book that the order was last in; None when it never was in one."""
    if entry is not None and order.variety != Variety.AMO:
        return entry.book_day
    if order.variety == Variety.AMO and order.sent_at:
        # It is held for the next open, and stands in that day's book.
        release = book_day(next_session(order.exchange, order.sent_at, calendar.current()).opens_at)
        return max(release, entry.book_day) if entry is not None else release
    # A trigger may be older than the order that it became: that came with the last change.
    sent_at = order.updated_at if order.broker_trigger_id else order.sent_at
    return book_day(sent_at) if sent_at else None


def end_if_over(order: Order, broker: Broker, now: datetime) -> bool:
    """End a DAY order that is gone since its day is over; True when it has ended.

    The broker is asked for it once more: an order that it still tells of is only followed.
    """
    if not order.broker_order_id:
        return _end_trigger_if_gone(order, broker, now)
    entry = last_seen(order)
    day = day_of(order, entry)
    if day is None or day >= book_day(now):
        return False
    try:
        report = broker.order(order.broker_order_id)
    except SessionExpired:
        raise
    except BrokerError as error:
        logger.warning("order %s can't be read at the broker: %s", order.pk, error.message)
        if isinstance(error, NotSent) or error.code not in _SAYS_UNKNOWN:
            return False
        report = None  # it answered: there is no such order to tell of
    if report is not None:
        return updates.apply(order.pk, report).ended
    reason, warning = _evidence(order, entry, day)
    changes = {"warnings": [*order.warnings, warning]} if warning else {}
    try:
        lifecycle.walk(order, Status.EXPIRED, actor=updates.BROKER, reason=reason, changes=changes)
    except Conflict:
        logger.info("order %s moved on at the end of its day", order.pk)
        return False
    return True


def _end_trigger_if_gone(order: Order, broker: Broker, now: datetime) -> bool:
    """A trigger of an earlier day that the broker no longer lists ended more than a week ago.

    Ended triggers stay in its list for seven days, so nobody was looking when it ended.
    """
    if order.sent_at is None or book_day(order.sent_at) >= book_day(now):
        return False
    try:
        if broker.trigger(order.broker_trigger_id) is not None:
            return False
    except BrokerError as error:
        logger.warning("trigger of order %s can't be read: %s", order.pk, error.message)
        return False
    reason = f"The broker no longer lists the trigger {order.broker_trigger_id}."
    warning = "Nobody saw how the trigger ended: compare the position with the broker's."
    try:
        lifecycle.walk(
            order,
            Status.EXPIRED,
            actor=updates.BROKER,
            reason=reason,
            changes={"warnings": [*order.warnings, warning]},
        )
    except Conflict:
        logger.info("order %s moved on at the end of its trigger", order.pk)
        return False
    return True


def _evidence(order: Order, entry: BookEntry | None, day: date) -> tuple[str, str]:
    """Why the order counts as expired, and what a person should check (empty when nothing)."""
    session = session_on(order.exchange, day, calendar.current())
    filled = f"{order.filled_qty} of {order.qty} filled"
    if entry is None:
        return (
            f"Its day ({day:%d %b}) is over and the broker's book no longer shows it; {filled}.",
            "The broker's book was never read with this order in it: compare the position.",
        )
    seen = entry.updated_at.astimezone(IST).strftime("%d %b %H:%M")
    reason = (
        f"Its day ({day:%d %b}) is over and the broker's book no longer shows it; "
        f"it was last seen {entry.status}, since {seen}, {filled}."
    )
    if session is not None and entry.updated_at < session.closes_at:
        return reason, (
            "The book was not read after the close of that day: compare the position with the "
            "broker's."
        )
    return reason, ""
