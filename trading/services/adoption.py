"""Taking over what the broker's book shows of orders whose outcome was not known."""

import logging
from datetime import timedelta

from brokers.errors import BrokerError
from brokers.port import Broker, OrderReport, Placed
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.order import Status
from trading.domain.values import StateScope, TradingStateName, Variety
from trading.models import Order, OrderAttempt
from trading.services import halting, legs, triggers, updates
from trading.services.attempts import RECONCILER, close_attempt, tags_of
from trading.services.book import Book, read
from trading.services.setting_aside import set_aside

logger = logging.getLogger(__name__)

# The broker's clock and ours may differ, and its times have no fractions.
_CLOCK_TOLERANCE = timedelta(seconds=10)
FOUND = "found at the broker by its tag"


def adopt_if_present(order: Order, broker: Broker, book: Book | None = None) -> bool:
    """Look for `order` at the broker; adopt what is found. True when it is there.

    Without a `book` the broker is asked for one.
    """
    if order.attempts.count() == 0:
        return False
    tags = tags_of(order)
    if book is None or broker.capabilities.reports_at_once:
        found = broker.find_by_tags(tags)
    else:
        found = book.wearing(tags)
    if found:
        adopt(order, found)
        return True
    if book is None:
        if not order.attempts.filter(variety=Variety.GTT).exists():
            return False
        book = read(broker)
    resting = untagged_triggers(order, book)
    if len(resting) != 1:
        return False
    adopt(order, resting, reason="found at the broker by its legs: triggers wear no tag")
    return True


def untagged_triggers(order: Order, book: Book) -> list[OrderReport]:
    """Triggers that nobody here knows, with the legs of `order`, made since it was sent."""
    certain = (OrderAttempt.Outcome.REFUSED, OrderAttempt.Outcome.NOT_SENT)
    attempt = order.attempts.filter(variety=Variety.GTT).exclude(outcome__in=certain).last()
    if attempt is None:
        return []
    since = attempt.claimed_at - _CLOCK_TOLERANCE
    candidates = [
        report
        for report in book.reports
        if report.trigger_id
        and triggers.matches(order, report)
        and (report.placed_at is None or report.placed_at >= since)
    ]
    known = set(
        Order.objects.filter(
            connection_id=order.connection_id,
            broker_trigger_id__in=[report.trigger_id for report in candidates],
        ).values_list("broker_trigger_id", flat=True)
    )
    unknown = [report for report in candidates if report.trigger_id not in known]
    target = legs.target_of(order)
    if target is None:
        return [report for report in unknown if not report.two_leg]
    return [
        report
        for report in unknown
        if (other := book.by_trigger.get((str(report.trigger_id), 1))) is not None
        and triggers.matches(target, other)
    ]


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
            else updates.of_trigger(order, placed.trigger_id or "", broker)
        )
    except BrokerError as error:
        logger.warning("it can't be read yet, its tag will tell: %s", error.message)
        return
    if report is not None:
        adopt(Order.objects.get(pk=order.pk), [report])


def adopt(order: Order, found: list[OrderReport], *, reason: str = FOUND) -> None:
    """Make `order` what the broker shows; several copies, or one given up before, alarm."""
    report = found[0]
    late = order.status == Status.FAILED
    if len(found) > 1:
        ids = ", ".join(str(one.order_id or one.trigger_id) for one in found)
        logger.error("ALARM: order %s stands %s times at the broker: %s", order.pk, len(found), ids)
    with write_transaction():
        current = Order.objects.select_for_update(no_key=True).get(pk=order.pk)
        if current.status in (Status.UNKNOWN, Status.FAILED):
            _take_over(current, report, len(found), reason)
        _close_open_attempts(current, reason, report)
        if late:
            _set_aside_unsent_retries(current)
    updates.apply(order.pk, report, reason=reason)
    if late or len(found) > 1:
        what = (
            f"Order {order.pk} stands {len(found)} times at the broker."
            if len(found) > 1
            else f"Order {order.pk} was given up and is at the broker after all."
        )
        stop_account(order.connection_id, what)


def _take_over(order: Order, report: OrderReport, copies: int, reason: str) -> None:
    legs.transition(
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
    if report.trigger_id:
        triggers.remember(order)
    if order.cancel_requested:
        legs.transition(
            order, Status.CANCEL_PENDING, actor=RECONCILER, reason="cancel asked before"
        )


def stop_account(connection_id: int, what: str) -> None:
    """The books were wrong about this account: nothing goes by itself until a person has looked."""
    logger.error("ALARM: %s", what)
    halting.set_state(
        TradingStateName.HALTED,
        StateScope.ACCOUNT,
        f"{what} Compare the positions, then resume.",
        RECONCILER,
        connection_id=connection_id,
    )


def _close_open_attempts(order: Order, message: str, report: OrderReport) -> None:
    number = report.order_id or report.trigger_id or ""
    for attempt in order.attempts.filter(closed_at__isnull=True):
        close_attempt(attempt, OrderAttempt.Outcome.SENT, message, number)


def _set_aside_unsent_retries(order: Order) -> None:
    for retry in order.retries.filter(status=Status.QUEUED):
        set_aside(retry, f"Order {order.pk} is at the broker after all.")
