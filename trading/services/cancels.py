"""Passing cancels on to the broker. The book says what became of them."""

import logging
import time
from dataclasses import dataclass, field

from django.conf import settings
from django.db.models import QuerySet

from brokers.errors import BrokerError, NotSent, RateLimited, Refused, SessionExpired
from brokers.models import BrokerConnection
from brokers.port import Broker, BrokerStatus, OrderReport
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.order import Status
from trading.domain.values import Variety
from trading.models import Order
from trading.services import legs, lifecycle, limiter, updates
from trading.services.errors import Conflict

logger = logging.getLogger(__name__)

_AGAIN_AFTER_ROUNDS = 5


@dataclass
class CancelLog:
    """When each cancel was last asked of the broker by this process (monotonic seconds).

    A cancel that was taken is not asked again at once: the broker may need a minute for it, and
    every request counts against its limits.
    """

    asked: dict[int, float] = field(default_factory=dict)

    def due(self, order: Order) -> bool:
        pause = _AGAIN_AFTER_ROUNDS * settings.ST.RECONCILE_INTERVAL_SECONDS
        last = self.asked.get(order.pk)
        return last is None or time.monotonic() - last >= pause

    def note(self, order: Order) -> None:
        self.asked[order.pk] = time.monotonic()

    def keep(self, order_ids: set[int]) -> None:
        self.asked = {pk: at for pk, at in self.asked.items() if pk in order_ids}


def pending(connection: BrokerConnection) -> QuerySet[Order]:
    """The account's orders whose cancel the broker has not confirmed."""
    return Order.objects.filter(connection=connection, status=Status.CANCEL_PENDING)


def send_cancels(
    connection: BrokerConnection, broker: Broker, log: CancelLog | None = None
) -> None:
    """Ask the broker for every cancel that is due. Raises SessionExpired and RateLimited."""
    log = log or CancelLog()
    orders = list(pending(connection))
    log.keep({order.pk for order in orders})
    asked_triggers: set[str] = set()
    for order in orders:
        resting = not order.broker_order_id
        if not log.due(order) or (resting and order.broker_trigger_id in asked_triggers):
            continue
        if not _may_ask(connection):
            return
        if resting:
            asked_triggers.add(order.broker_trigger_id)
        with updates.by_itself(order.pk):
            if _ask(order, broker):
                log.note(order)


def _may_ask(connection: BrokerConnection) -> bool:
    with write_transaction():
        account = BrokerConnection.objects.select_for_update(no_key=True).get(pk=connection.pk)
        return limiter.take(account, clock.now(), headroom=limiter.CANCELS)


def _ask(order: Order, broker: Broker) -> bool:
    """Ask once; False when the request certainly did not leave, so that the next round asks."""
    try:
        if order.broker_order_id:
            broker.cancel(order.broker_order_id, variety=Variety(order.variety))
        else:
            broker.cancel_trigger(order.broker_trigger_id)
    except (SessionExpired, RateLimited):
        raise
    except NotSent as error:
        logger.info("cancel of order %s was not sent: %s", order.pk, error.message)
        return False
    except BrokerError as error:
        logger.info("cancel of order %s: %s", order.pk, error.message)
        _refused(order, broker, error)
        return True
    if broker.capabilities.reports_at_once:
        updates.refresh(order, broker)
    return True


def _refused(order: Order, broker: Broker, error: BrokerError) -> None:
    """A refused cancel: the book decides whether the order still works."""
    report = updates.read(order, broker)
    if report is None:
        return
    current = updates.apply(order.pk, report)
    if current.status != Status.CANCEL_PENDING or not isinstance(error, Refused):
        return
    if report.status is BrokerStatus.CANCEL_PENDING:
        return  # the broker is at it: an earlier request of ours, or one from its own app
    if current.broker_order_id != order.broker_order_id:
        return  # the trigger has just fired: the next round cancels the order that it became
    _go_back(current, report, error)


def _go_back(order: Order, report: OrderReport, error: BrokerError) -> None:
    back = Status.PARTIALLY_EXECUTED if order.filled_qty else Status.SENT
    try:
        lifecycle.transition(
            order,
            back,
            actor=updates.BROKER,
            reason=f"The cancel was refused: {error.message}",
            changes={"cancel_requested": False, "error_message": error.message},
            data={"broker_status": report.raw_status},
        )
    except Conflict:
        logger.info("order %s moved on while its cancel was refused", order.pk)
        return
    other = legs.other_leg(order)
    if other is not None and other.status == Status.CANCEL_PENDING:
        _go_back(other, report, error)
