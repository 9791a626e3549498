"""Settling what nobody can be sure of, by reading the broker's book.

UNKNOWN orders and lost leases are looked up by every tag that the order ever used. Found: adopted.
Not found counts only after several complete reads spread over the grace period.
"""

import logging
import os
import socket
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import F, Q

from brokers.errors import BrokerError, Refused
from brokers.models import BrokerConnection
from brokers.port import Broker, OrderReport, Placed
from brokers.registry import broker_for
from risk import policy
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.order import WORKING, Status
from trading.domain.values import StateScope, TradingStateName, Variety
from trading.models import Order, OrderAttempt, WorkerHeartbeat
from trading.services import halting, lifecycle, modifications, updates
from trading.services.attempts import close_attempt, mark_unknown, tags_of
from trading.services.claim import set_aside
from trading.services.errors import Conflict

logger = logging.getLogger(__name__)

RECONCILER = "reconciler"
MIN_READS = 3


def process_start(pid: int) -> str:
    """A mark that tells this process from a later one with the same pid; empty when it is gone."""
    try:
        # Field 22 of /proc/PID/stat: the start time. The name before it may hold blanks.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def worker_is_dead(worker_id: str) -> bool:
    """Whether a worker of this host is certainly gone. Other hosts: never certain."""
    host, _, rest = worker_id.partition(":")
    pid, _, started = rest.partition(":")
    if host != socket.gethostname() or not pid.isdigit() or not started:
        return False
    if WorkerHeartbeat.objects.filter(worker_id=worker_id, stopped_at__isnull=False).exists():
        return True
    return process_start(int(pid)) != started


def this_worker_id(suffix: str = "") -> str:
    """host:pid:start of this process."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{process_start(pid)}{suffix}"


def recover_lost_leases() -> int:
    """SENDING whose lease ran out, or whose worker is dead, becomes UNKNOWN. Returns how many."""
    now = clock.now()
    lost = 0
    attempts = OrderAttempt.objects.filter(
        closed_at__isnull=True, order__status=Status.SENDING
    ).select_related("order")
    for attempt in attempts:
        if attempt.lease_until > now and not worker_is_dead(attempt.worker_id):
            continue
        try:
            mark_unknown(
                attempt.order,
                attempt,
                "The worker stopped while this order was being sent: the broker may have it.",
            )
            lost += 1
        except Conflict:
            logger.info("order %s was settled meanwhile", attempt.order_id)
    return lost


def adopt_if_present(order: Order, broker: Broker) -> bool:
    """Look for `order` in the book by its tags; adopt what is found. True when it is there."""
    if order.attempts.count() == 0:
        return False
    found = broker.find_by_tags(tags_of(order))
    if not found:
        return False
    _adopt(order, found)
    return True


def adopt_answer(order: Order, broker: Broker, placed: Placed) -> None:
    """The broker's answer came after the order was taken from its sender: it is there."""
    logger.error(
        "order %s: the broker took it as %s after its lease was lost",
        order.pk,
        placed.order_id or placed.trigger_id,
    )
    try:
        report = (
            broker.order(placed.order_id)
            if placed.order_id
            else broker.trigger(placed.trigger_id or "")
        )
    except BrokerError as error:
        logger.warning("it can't be read yet, its tag will tell: %s", error.message)
        return
    if report is not None:
        _adopt(Order.objects.get(pk=order.pk), [report])


def _adopt(order: Order, found: list[OrderReport]) -> None:
    report = found[0]
    late = order.status == Status.FAILED
    if len(found) > 1:
        ids = ", ".join(str(one.order_id or one.trigger_id) for one in found)
        logger.error("ALARM: order %s stands %s times at the broker: %s", order.pk, len(found), ids)
    reason = "found at the broker by its tag"
    with write_transaction():
        current = Order.objects.select_for_update(no_key=True).get(pk=order.pk)
        if current.status in (Status.UNKNOWN, Status.FAILED):
            _take_over(current, report, len(found), reason)
        _close_open_attempts(current, OrderAttempt.Outcome.SENT, reason, report)
        if late:
            _set_aside_unsent_retries(current)
    updates.apply(order.pk, report, reason=reason)
    if late or len(found) > 1:
        _raise_alarm(order, len(found))


def _take_over(order: Order, report: OrderReport, copies: int, reason: str) -> None:
    lifecycle.transition(
        order,
        Status.SENT,
        actor=RECONCILER,
        reason=reason,
        changes={
            "broker_order_id": report.order_id or "",
            "broker_trigger_id": report.trigger_id or "",
            "error_message": "",
            "sent_at": order.sent_at or clock.now(),
        },
        data={"tag": report.tag, **({"copies": copies} if copies > 1 else {})},
    )
    if order.cancel_requested:
        lifecycle.transition(
            order, Status.CANCEL_PENDING, actor=RECONCILER, reason="cancel asked before"
        )


def _raise_alarm(order: Order, copies: int) -> None:
    """The books were wrong about this account: nothing goes by itself until a person has looked."""
    what = (
        f"Order {order.pk} stands {copies} times at the broker."
        if copies > 1
        else f"Order {order.pk} was given up and is at the broker after all."
    )
    logger.error("ALARM: %s", what)
    halting.set_state(
        TradingStateName.HALTED,
        StateScope.ACCOUNT,
        f"{what} Compare the positions, then resume.",
        RECONCILER,
        connection_id=order.connection_id,
    )


def _close_open_attempts(
    order: Order, outcome: str, message: str, report: OrderReport | None = None
) -> None:
    number = (report.order_id or report.trigger_id or "") if report else ""
    for attempt in order.attempts.filter(closed_at__isnull=True):
        close_attempt(attempt, outcome, message, number)


def _set_aside_unsent_retries(order: Order) -> None:
    for retry in order.retries.filter(status=Status.QUEUED):
        set_aside(retry, f"Order {order.pk} is at the broker after all.")


def _same_book_day(first: datetime, second: datetime) -> bool:
    """The broker's book runs from 06:00 to 06:00 IST."""
    shift = timedelta(hours=6)
    return (first.astimezone(clock.IST) - shift).date() == (
        second.astimezone(clock.IST) - shift
    ).date()


def _note_absence(order: Order, attempt: OrderAttempt, now: datetime) -> None:
    """Count one complete read without the tag; give up when there were enough of them."""
    if not _same_book_day(attempt.claimed_at, now):
        return  # a new book proves nothing about yesterday's order: a person decides
    OrderAttempt.objects.filter(pk=attempt.pk, closed_at__isnull=True).update(
        book_reads=F("book_reads") + 1,
        first_read_at=attempt.first_read_at or now,
        last_read_at=now,
    )
    first_read = attempt.first_read_at or now
    enough = attempt.book_reads + 1 >= MIN_READS
    waited = (now - first_read).total_seconds() >= settings.ST.RECONCILE_GRACE_SECONDS
    if not (enough and waited) or attempt.lease_until > now:
        return
    message = (
        f"Not found at the broker: {attempt.book_reads + 1} complete reads of its order book over "
        f"{int((now - first_read).total_seconds())} s did not show it. It was not placed."
    )
    with write_transaction():
        close_attempt(attempt, OrderAttempt.Outcome.NOT_PLACED, message)
        lifecycle.transition(
            order,
            Status.FAILED,
            actor=RECONCILER,
            reason=message,
            changes={"error_message": message},
        )


def find_late_arrivals(connection: BrokerConnection, broker: Broker) -> int:
    """Look once more for orders that were given up in this book day. Returns how many are there."""
    shift = timedelta(hours=6)
    day = (clock.now().astimezone(clock.IST) - shift).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    given_up = (
        Order.objects.filter(
            connection=connection,
            status=Status.FAILED,
            attempts__claimed_at__gte=day + shift,
        )
        .distinct()
        .order_by("id")
    )
    by_tag = {tag: order for order in given_up for tag in tags_of(order)}
    if not by_tag:
        return 0
    arrived: dict[int, list[OrderReport]] = {}
    for report in broker.find_by_tags(list(by_tag)):
        arrived.setdefault(by_tag[report.tag].pk, []).append(report)
    for order_id, reports in arrived.items():
        _adopt(Order.objects.get(pk=order_id), reports)
    return len(arrived)


def settle_unknown(connection: BrokerConnection, broker: Broker) -> int:
    """Look up every UNKNOWN order of the account. Returns how many are settled now."""
    now = clock.now()
    settled = 0
    orders = Order.objects.filter(connection=connection, status=Status.UNKNOWN)
    for order in orders.prefetch_related("attempts"):
        attempt = next((one for one in order.attempts.all() if one.closed_at is None), None)
        if adopt_if_present(order, broker):
            settled += 1
        elif attempt is not None:
            try:
                _note_absence(order, attempt, now)
            except Conflict:
                logger.info("order %s was settled meanwhile", order.pk)
                continue
            settled += int(order.status == Status.FAILED)
    return settled


def send_cancels(connection: BrokerConnection, broker: Broker) -> None:
    """Pass cancels on that were asked; the book says what became of them."""
    pending = Order.objects.filter(connection=connection, status=Status.CANCEL_PENDING)
    for order in pending:
        try:
            if order.broker_order_id:
                broker.cancel(order.broker_order_id, variety=Variety(order.variety))
            else:
                broker.cancel_trigger(order.broker_trigger_id)
        except BrokerError as error:
            logger.info("cancel of order %s: %s", order.pk, error.message)
            _cancel_refused(order, broker, error)
            continue
        updates.refresh(order, broker)


def _cancel_refused(order: Order, broker: Broker, error: BrokerError) -> None:
    """A refused cancel: the book decides whether the order still works."""
    had_order_id = order.broker_order_id
    current = updates.refresh(order, broker)
    if current.status != Status.CANCEL_PENDING or not isinstance(error, Refused):
        return
    if current.broker_order_id != had_order_id:
        return  # the trigger has just fired: the next round cancels the order that it became
    back = Status.PARTIALLY_EXECUTED if current.filled_qty else Status.SENT
    try:
        lifecycle.transition(
            current,
            back,
            actor=updates.BROKER,
            reason=f"The cancel was refused: {error.message}",
            changes={"cancel_requested": False, "error_message": error.message},
        )
    except Conflict:
        logger.info("order %s moved on while its cancel was refused", order.pk)


def send_modifications(connection: BrokerConnection, broker: Broker) -> None:
    """Pass modifications on that were asked."""
    asked = Order.objects.filter(
        connection=connection,
        status__in=[Status.SENT, Status.PARTIALLY_EXECUTED],
        modification__isnull=False,
    )
    for order in asked:
        if not policy.is_halted(connection.pk, order.strategy_id):
            modifications.send(order, broker)


def follow_working(connection: BrokerConnection, broker: Broker) -> None:
    """Compare every working order with the broker's book."""
    working = list(
        Order.objects.filter(connection=connection, status__in=WORKING).exclude(
            Q(broker_order_id="") & Q(broker_trigger_id="")
        )
    )
    if not working:
        return
    book = broker.orders()
    by_order = {report.order_id: report for report in book if report.order_id}
    by_trigger = {report.trigger_id: report for report in book if report.trigger_id}
    for order in working:
        report = by_order.get(order.broker_order_id) or by_trigger.get(order.broker_trigger_id)
        if report is None:
            updates.refresh(order, broker)
        elif updates.is_news(order, report):
            updates.apply(order.pk, report)


def reconcile_account(connection: BrokerConnection) -> None:
    """One round for one account: cancels first, then what is unknown, then what works."""
    broker = broker_for(connection)
    send_cancels(connection, broker)
    send_modifications(connection, broker)
    settle_unknown(connection, broker)
    find_late_arrivals(connection, broker)
    follow_working(connection, broker)
