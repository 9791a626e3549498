"""Orders of the account that SigmaTrader did not place: they are shown, counted and followed.

Only what is left when every tag, trigger and id of ours has been tried is somebody else's.
"""

import logging
import re

from brokers.models import BrokerConnection
from brokers.port import BrokerStatus, OrderReport
from sigmatrader.db import write_transaction
from trading.domain.order import Status
from trading.domain.signal import CLIENT_ORDER_ID
from trading.domain.values import Mode, Origin, Validity, Variety
from trading.models import Instrument, Order, OrderAttempt
from trading.services import lifecycle, updates
from trading.services.adoption import stop_account
from trading.services.attempts import new_client_order_id
from trading.services.book import Book, tags_on

logger = logging.getLogger(__name__)

OUTSIDE = "placed outside SigmaTrader"
_OUR_FORM = re.compile(CLIENT_ORDER_ID + "(?:[0-9A-Z]{2})?")
_ENDED_UNFILLED = {
    BrokerStatus.CANCELLED: Status.CANCELLED,
    BrokerStatus.REJECTED: Status.REJECTED,
    BrokerStatus.EXPIRED: Status.EXPIRED,
}


def adopt_foreign(connection: BrokerConnection, book: Book, known: set[str]) -> int:
    """Adopt the orders of `book` that are nobody's here; returns how many.

    `known`: broker order ids that were looked at before; what is settled now is added to it.
    """
    fresh = [report for order_id, report in book.by_order.items() if order_id not in known]
    if not fresh:
        return 0
    ours = set(
        Order.objects.filter(
            connection=connection, broker_order_id__in=[report.order_id for report in fresh]
        ).values_list("broker_order_id", flat=True)
    )
    wearers = {
        tag: (order_id, holds)
        for tag, order_id, holds in OrderAttempt.objects.filter(
            order__connection=connection,
            tag__in={tag for report in fresh for tag in tags_on(report)},
        ).values_list("tag", "order_id", "order__broker_order_id")
    }
    in_doubt = _triggers_in_doubt(connection)
    adopted = 0
    for report in fresh:
        if report.order_id in ours:
            known.add(str(report.order_id))
            continue
        worn = [wearers[tag] for tag in tags_on(report) if tag in wearers]
        taken = any(holds in ("", report.order_id) for _, holds in worn)
        if taken or _is_our_trigger(connection, report):
            continue  # its own order takes it over, or has just done so
        if any(_may_be_of(order, report) for order in in_doubt):
            continue  # a trigger in doubt may have become it
        _adopt(connection, report, copy_of=worn[0][0] if worn else None)
        known.add(str(report.order_id))
        adopted += 1
    return adopted


def _triggers_in_doubt(connection: BrokerConnection) -> list[Order]:
    return list(
        Order.objects.filter(
            connection=connection, gtt=True, status__in=[Status.SENDING, Status.UNKNOWN]
        )
    )


def _is_our_trigger(connection: BrokerConnection, report: OrderReport) -> bool:
    return Order.objects.filter(connection=connection, broker_trigger_id=report.trigger_id).exists()


def _may_be_of(order: Order, report: OrderReport) -> bool:
    return (report.exchange, report.tradingsymbol, report.side, report.quantity) == (
        order.exchange,
        order.tradingsymbol,
        order.side,
        order.qty,
    )


def _adopt(
    connection: BrokerConnection, report: OrderReport, *, copy_of: int | None = None
) -> None:
    """Make a row of `report`. `copy_of`: our order whose tag it wears a second time."""
    instrument = Instrument.objects.filter(
        exchange=report.exchange, tradingsymbol=report.tradingsymbol
    ).first()
    order = Order(
        connection=connection,
        origin=Origin.EXTERNAL,
        mode=Mode.MANUAL,
        simulated=False,
        client_order_id=new_client_order_id(),
        symbol=f"{report.exchange}:{report.tradingsymbol}",
        exchange=report.exchange,
        tradingsymbol=report.tradingsymbol,
        lot_size=instrument.lot_size if instrument else 1,
        side=report.side,
        qty=report.quantity,
        requested_qty=report.quantity,
        price=report.price,
        trigger_price=report.trigger_price,
        order_type=report.order_type,
        product=report.product,
        validity=Validity.DAY,
        variety=Variety(report.variety),
        gtt=bool(report.trigger_id),
        broker_order_id=report.order_id or "",
        broker_trigger_id=report.trigger_id or "",
        sent_at=report.placed_at,
        error_message=report.message if report.status is BrokerStatus.REJECTED else "",
    )
    if instrument is not None:
        order.multiplier = instrument.multiplier
    ended = _ENDED_UNFILLED.get(report.status) if not report.filled_quantity else None
    with write_transaction():
        lifecycle.create(
            order,
            ended or Status.SENT,
            actor=updates.BROKER,
            reason=OUTSIDE,
            data={"broker_status": report.raw_status, "tag": report.tag},
            adoption=True,
        )
        updates.apply(order.pk, report, reason=OUTSIDE)
    logger.warning("order %s: %s was placed outside SigmaTrader", order.pk, report.order_id)
    _alarm(connection, report, copy_of)


def _alarm(connection: BrokerConnection, report: OrderReport, copy_of: int | None) -> None:
    """A tag like ours on an order that isn't: the account stops until a person has looked."""
    if copy_of is not None:
        stop_account(
            connection.pk,
            f"Order {copy_of} stands at the broker a second time, as {report.order_id}.",
        )
    elif strangers := sorted(tag for tag in tags_on(report) if _OUR_FORM.fullmatch(tag)):
        stop_account(
            connection.pk,
            f"Order {report.order_id} at {connection.name} wears the tag {strangers[0]}, which "
            "looks like SigmaTrader's and is not in its records: another installation, or an "
            "older backup.",
        )
