"""Orders of the account that SigmaTrader did not place: they are shown, counted and followed.

Only what is left when every tag, trigger and id of ours has been tried is somebody else's.
"""

import logging
import re
from datetime import timedelta

from brokers.models import BrokerConnection
from brokers.port import BrokerStatus, OrderReport
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.order import AT_BROKER, WORKING, Status
from trading.domain.signal import CLIENT_ORDER_ID, ID_LENGTH
from trading.domain.values import Mode, Origin, Validity, Variety
from trading.models import Instrument, Order, OrderAttempt
from trading.services import legs, lifecycle, updates
from trading.services.adoption import adopt, stop_account
from trading.services.attempts import new_client_order_id
from trading.services.book import Book, tags_on

logger = logging.getLogger(__name__)

OUTSIDE = "placed outside SigmaTrader"
_OUR_FORM = re.compile(CLIENT_ORDER_ID + "(?:[0-9A-Z]{2})?")
# Whose order in the book is taken over by reconciliation, and what was never sent by our records.
_TAKEN_OVER = frozenset({Status.SENDING, Status.UNKNOWN})
_NOTED_WITHIN = timedelta(minutes=1)
_UNSENT = frozenset({Status.WAITING, Status.QUEUED})
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
    wearers = _wearers(connection, fresh)
    in_doubt = _triggers_in_doubt(connection)
    adopted = 0
    for report in fresh:
        if report.order_id in ours:
            known.add(str(report.order_id))
            continue
        settled = False
        with updates.guarded(f"the broker's order {report.order_id}"):
            settled = _look_at(connection, report, wearers, in_doubt, book)
        if settled:
            known.add(str(report.order_id))
            adopted += 1
    return adopted


def _look_at(
    connection: BrokerConnection,
    report: OrderReport,
    wearers: dict[str, Order],
    in_doubt: list[Order],
    book: Book,
) -> bool:
    """Take one order of the book in, unless it is, or may be, that of an order of ours."""
    worn = next((wearers[tag] for tag in tags_on(report) if tag in wearers), None)
    if worn is not None and worn.broker_order_id == report.order_id:
        return False  # its sender has just noted it
    if worn is not None and not worn.broker_order_id and worn.status in _TAKEN_OVER:
        return False  # its own order takes it over
    if _is_our_trigger(connection, report):
        return False
    if any(_may_have_become(order, report, book) for order in in_doubt):
        return False  # a trigger in doubt may have become it
    if worn is not None and not worn.broker_order_id and worn.status == Status.FAILED:
        adopt(worn, [report])
    elif worn is not None and not worn.broker_order_id and worn.status in _UNSENT:
        resume(worn, report)
    else:
        _adopt(connection, report, copy_of=worn.pk if worn else None)
    return True


def _wearers(connection: BrokerConnection, reports: list[OrderReport]) -> dict[str, Order]:
    """Our orders by the tags on `reports`, those of attempts that this database never saw too."""
    ids = {tag[:ID_LENGTH]: tag for report in reports for tag in tags_on(report)}
    orders = {
        order.client_order_id: order
        for order in Order.objects.filter(connection=connection, client_order_id__in=ids)
    }
    return {
        tag: orders[tag[:ID_LENGTH]]
        for report in reports
        for tag in tags_on(report)
        if tag[:ID_LENGTH] in orders
    }


def resume(order: Order, report: OrderReport) -> None:
    """The broker has an order that counts as unsent here: this database is older than it.

    Sending it would be sending it twice. It is taken to where the broker shows it, with the
    attempt that is missing, and the account stops until a person has looked.
    """
    tag = next(tag for tag in tags_on(report) if tag.startswith(order.client_order_id))
    data = {"restored": True, "tag": tag}
    reason = "the broker has it already: these records are older than the order"
    with write_transaction():
        current = Order.objects.select_for_update(no_key=True).get(pk=order.pk)
        if current.status not in _UNSENT:
            return  # claimed at this moment: the next look sees what became of it
        if current.status == Status.WAITING:
            changes = {"qty": report.quantity, "needs_quantity": False}
            lifecycle.transition(
                current, Status.QUEUED, actor=updates.BROKER, reason=reason, changes=changes
            )
        lifecycle.transition(current, Status.SENDING, actor=updates.BROKER, reason=reason)
        lifecycle.transition(
            current,
            Status.SENT,
            actor=updates.BROKER,
            reason=reason,
            changes={
                "broker_order_id": report.order_id or "",
                "sent_at": report.placed_at or clock.now(),
                "not_before": None,
                "set_aside_reason": "",
            },
            data=data,
        )
        _note_attempt(current, tag, report)
        updates.apply(current.pk, report, reason=reason)
    stop_account(
        order.connection_id, f"Order {order.pk} is at the broker, and was to be sent here."
    )


def _note_attempt(order: Order, tag: str, report: OrderReport) -> None:
    """The attempt that placed it, as far as the broker's book tells of it."""
    if OrderAttempt.objects.filter(tag=tag).exists():
        return
    at = report.placed_at or clock.now()
    OrderAttempt.objects.create(
        order=order,
        number=order.attempts.count() + 1,
        tag=tag,
        variety=report.variety,
        lease_until=at,
        claimed_at=at,
        closed_at=clock.now(),
        outcome=OrderAttempt.Outcome.SENT,
        broker_order_id=report.order_id or "",
        message="found in the broker's book",
    )


def _triggers_in_doubt(connection: BrokerConnection) -> list[Order]:
    """Our triggers of which an order may have come that does not say so (yet)."""
    return list(
        Order.objects.filter(
            connection=connection,
            gtt=True,
            broker_order_id="",
            status__in=[Status.SENDING, Status.UNKNOWN, *WORKING],
        )
    )


def _may_have_become(order: Order, report: OrderReport, book: Book) -> bool:
    """Whether `report` may be the order that our trigger `order` has become.

    The broker places it first and notes it on the trigger afterwards: while the trigger still
    looks active, a fresh order without a tag and with its very terms is left alone.
    """
    if tags_on(report) or not _same_contract(order, report):
        return False
    shown = book.by_trigger.get((order.broker_trigger_id, legs.leg_number(order)))
    if shown is None or shown.status is not BrokerStatus.TRIGGER_ACTIVE:
        return True
    placed_at = report.placed_at or book.read_at
    return (report.product, report.price) == (order.product, order.price) and (
        book.read_at - placed_at < _NOTED_WITHIN
    )


def _is_our_trigger(connection: BrokerConnection, report: OrderReport) -> bool:
    """Whether an order of ours that still lives takes it over."""
    return Order.objects.filter(
        connection=connection, broker_trigger_id=report.trigger_id, status__in=AT_BROKER
    ).exists()


def _same_contract(order: Order, report: OrderReport) -> bool:
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
            reason=_by_whom(connection, report),
            data={"broker_status": report.raw_status, "tag": report.tag},
            adoption=True,
        )
        updates.apply(order.pk, report, reason=_by_whom(connection, report))
    logger.warning("order %s: %s was placed outside SigmaTrader", order.pk, report.order_id)
    _alarm(connection, report, copy_of)


def _by_whom(connection: BrokerConnection, report: OrderReport) -> str:
    """Who placed it: the account's user elsewhere, or the broker itself."""
    if report.placed_by and connection.user_id and report.placed_by != connection.user_id:
        return f"placed by the broker ({report.placed_by}), such as a square-off"
    return OUTSIDE


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
