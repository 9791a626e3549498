"""One round over one account: cancels and changes first, then one read of the book for all else.

UNKNOWN orders are looked up by every tag that they ever wore. Found: adopted. Not found counts
only after several complete reads spread over the grace period.
"""

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Q, QuerySet

from brokers.errors import SessionExpired
from brokers.models import AccountState, BrokerConnection
from brokers.port import Broker, OrderReport
from brokers.registry import broker_for
from brokers.sessions import end_session
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.off_hours import book_day
from trading.domain.order import ENDED, WORKING, Status
from trading.domain.values import Variety
from trading.models import Order, OrderAttempt
from trading.services import (
    adoption,
    day_end,
    external,
    legs,
    modifications,
    triggers,
    updates,
)
from trading.services.attempts import RECONCILER, close_attempt, tags_of
from trading.services.book import Archive, Book, read, tags_on
from trading.services.cancels import CancelLog, send_cancels

logger = logging.getLogger(__name__)

MIN_READS = 3
# Why absence proves nothing: the order stays UNKNOWN until a person has looked.
_DOUBT_GTT = "Triggers wear no tag, and "
_DOUBT_AMO = "An after-market order may appear as late as its release, and "


@dataclass
class Memory:
    """What one process remembers of an account, to do nothing twice. Losing it costs time only."""

    cancels: CancelLog = field(default_factory=CancelLog)
    archive: Archive = field(default_factory=Archive)
    known: set[str] = field(default_factory=set)


def _note_absence(order: Order, attempt: OrderAttempt, book: Book) -> None:
    """Count one complete read without the order; give up when there were enough of them."""
    now = book.read_at
    if now < attempt.claimed_at:
        return
    if book_day(attempt.claimed_at) != book_day(now):
        return  # a new book proves nothing about yesterday's order: a person decides
    grace = settings.ST.RECONCILE_GRACE_SECONDS
    spacing = timedelta(seconds=grace / (2 * MIN_READS))
    if attempt.last_read_at is not None and now - attempt.last_read_at < spacing:
        return
    first_read = attempt.first_read_at or now
    OrderAttempt.objects.filter(pk=attempt.pk, closed_at__isnull=True).update(
        book_reads=F("book_reads") + 1, first_read_at=first_read, last_read_at=now
    )
    reads = attempt.book_reads + 1
    waited = (now - first_read).total_seconds()
    if reads < MIN_READS or waited < grace or attempt.lease_until > now:
        return
    seen = f"{reads} complete reads of the broker's book over {int(waited)} s did not show it."
    if attempt.variety == Variety.AMO:
        _leave_to_person(order, f"{_DOUBT_AMO}{seen} Look in Kite, then resolve it.")
        return
    if attempt.variety == Variety.GTT:
        alike = [str(one.trigger_id) for one in adoption.untagged_triggers(order, book)]
        found = f"triggers {' and '.join(alike)} look like it." if alike else seen
        _leave_to_person(order, f"{_DOUBT_GTT}{found} Look in Kite, then resolve it.")
        return
    message = f"Not found at the broker: {seen} It was not placed."
    with write_transaction():
        close_attempt(attempt, OrderAttempt.Outcome.NOT_PLACED, message)
        legs.transition(
            order,
            Status.FAILED,
            actor=RECONCILER,
            reason=message,
            changes={"error_message": message},
        )


def _leave_to_person(order: Order, message: str) -> None:
    if not order.error_message.startswith((_DOUBT_GTT, _DOUBT_AMO)):
        updates.note(order, message)


def find_late_arrivals(connection: BrokerConnection, broker: Broker) -> int:
    """Look once more for orders that were given up in this book day. Returns how many are there.

    For brokers whose whole book is at hand; of others every order of the book that is not known
    yet is looked at, and an order that was given up is found by its tag (external.py).
    """
    given_up = given_up_today().filter(connection=connection).order_by("id")
    by_tag = {tag: order for order in given_up for tag in tags_of(order)}
    if not by_tag:
        return 0
    arrived: dict[int, list[OrderReport]] = {}
    for report in broker.find_by_tags(list(by_tag)):
        order = next(by_tag[tag] for tag in tags_on(report) if tag in by_tag)
        arrived.setdefault(order.pk, []).append(report)
    for order_id, reports in arrived.items():
        with updates.by_itself(order_id):
            adoption.adopt(Order.objects.get(pk=order_id), reports)
    return len(arrived)


def given_up_today() -> QuerySet[Order]:
    """FAILED orders of which an attempt was made in this day of the broker's book (from 06:00)."""
    shift = timedelta(hours=6)
    day = (clock.now().astimezone(clock.IST) - shift).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    return Order.objects.filter(
        status=Status.FAILED,
        finished_at__gte=day + shift,
        attempts__claimed_at__gte=day + shift,
    ).distinct()


def settle_unknown(connection: BrokerConnection, broker: Broker, book: Book) -> int:
    """Look up every UNKNOWN order of the account. Returns how many are settled now."""
    settled = 0
    orders = Order.objects.filter(
        connection=connection, status=Status.UNKNOWN, oco_with__isnull=True
    )
    for order in orders.prefetch_related("attempts"):
        with updates.by_itself(order.pk):
            settled += int(_settle_one(order, broker, book))
    return settled


def _settle_one(order: Order, broker: Broker, book: Book) -> bool:
    attempt = next((one for one in order.attempts.all() if one.closed_at is None), None)
    if adoption.adopt_if_present(order, broker, book):
        return True
    if attempt is not None:
        _note_absence(order, attempt, book)
    return order.status == Status.FAILED


def send_modifications(connection: BrokerConnection, broker: Broker) -> None:
    """Pass modifications on that were asked."""
    asked = Order.objects.filter(
        connection=connection,
        status__in=[Status.SENT, Status.PARTIALLY_EXECUTED],
        modification__isnull=False,
    )
    for order in asked:
        with updates.by_itself(order.pk):
            modifications.send(order, broker)


def working_of(connection: BrokerConnection) -> QuerySet[Order]:
    """The account's orders that the broker is known to hold."""
    return Order.objects.filter(connection=connection, status__in=WORKING).exclude(
        Q(broker_order_id="") & Q(broker_trigger_id="")
    )


def follow_working(connection: BrokerConnection, broker: Broker, book: Book | None = None) -> None:
    """Compare every working order with the broker's book."""
    working = list(working_of(connection))
    if not working:
        return
    book = book or read(broker)
    for order in working:
        with updates.by_itself(order.pk):
            _follow_one(order, broker, book)


def _follow_one(order: Order, broker: Broker, book: Book) -> None:
    report = book.by_order.get(order.broker_order_id) or book.by_trigger.get(
        (order.broker_trigger_id, legs.leg_number(order))
    )
    if report is not None:
        if updates.is_news(order, report):
            updates.apply(order.pk, report)
    elif not day_end.end_if_over(order, broker, book.read_at):
        updates.refresh(order, broker)


def _note_read(connection: BrokerConnection, broker: Broker, book: Book) -> None:
    seen: dict[str, Any] = {"book_read_at": book.read_at, "book_error": "", "book_failures": 0}
    skew = broker.clock_skew()
    if skew is not None:
        seen |= {"clock_skew": skew, "clock_skew_at": clock.now()}
    AccountState.objects.update_or_create(connection=connection, defaults=seen)


def take_in(connection: BrokerConnection, broker: Broker, book: Book, memory: Memory) -> None:
    """Bring our orders to what `book` shows: our own first, then what was placed outside."""
    settle_unknown(connection, broker, book)
    if broker.capabilities.reports_at_once:
        find_late_arrivals(connection, broker)
    follow_working(connection, broker, book)
    if broker.capabilities.sessions:
        triggers.follow(connection.pk, book.reports)
        external.adopt_foreign(connection, book, memory.known)
    _note_read(connection, broker, book)
    if broker.capabilities.sessions:
        _review_ended(memory.archive.keep(connection, book))


def _review_ended(reports: dict[int, OrderReport]) -> None:
    """Look again at ended orders of which the book tells something else than the row."""
    rows = Order.objects.filter(pk__in=reports, status__in=ENDED).values_list(
        "pk", "status", "filled_qty", "average_price"
    )
    for pk, status, filled, average in rows:
        if updates.differs(reports[pk], Status(status), filled, average):
            with updates.by_itself(pk):
                updates.review(pk, reports[pk])


def reconcile_account(connection: BrokerConnection, memory: Memory | None = None) -> None:
    """One whole round for one account. Raises the broker's error when its book can't be read."""
    memory = memory or Memory()
    broker = broker_for(connection)
    try:
        send_cancels(connection, broker, memory.cancels)
        send_modifications(connection, broker)
        take_in(connection, broker, read(broker), memory)
    except SessionExpired as error:
        end_session(connection, error.message)
        raise
