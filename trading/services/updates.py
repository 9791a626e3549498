"""What the broker reports of our orders, applied once, in whatever order it arrives."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from typing import Any

from django.db import InterfaceError, OperationalError

from brokers.errors import BrokerError, SessionExpired
from brokers.port import Broker, BrokerStatus, OrderReport
from sigmatrader.db import Busy, write_transaction
from trading.domain.order import ENDED, FINAL, IllegalTransition, Status, path
from trading.domain.values import OrderType
from trading.models import Order
from trading.services import ledger, legs, lifecycle
from trading.services.errors import Conflict

logger = logging.getLogger(__name__)

BROKER = "broker"
# Averages are told to the paisa or to many digits: less than this is the same price.
_PAISA = Decimal("0.01")
# With market protection the broker shows these as the second of each.
_PROTECTED = frozenset({(OrderType.MARKET, OrderType.LIMIT), (OrderType.SL_M, OrderType.SL)})


def _target(report: OrderReport, filled: int, quantity: int, cancel_asked: bool) -> Status:
    """The status that `report` stands for, with `filled` units booked.

    An order ends only when every unit that the broker counts as filled is booked: a report
    without its trades is not the end yet.
    """
    all_booked = filled >= report.filled_quantity
    if all_booked:
        if report.status is BrokerStatus.COMPLETE or (quantity and filled >= quantity):
            return Status.EXECUTED
        if report.status is BrokerStatus.REJECTED:
            return Status.CANCELLED if filled else Status.REJECTED
        if report.status is BrokerStatus.CANCELLED:
            return Status.CANCELLED
        if report.status is BrokerStatus.EXPIRED:
            return Status.EXPIRED
    if cancel_asked:
        return Status.CANCEL_PENDING
    return Status.PARTIALLY_EXECUTED if filled else Status.SENT


def _book_trades(order: Order, report: OrderReport) -> None:
    for trade in sorted(report.trades, key=lambda one: (one.at, one.trade_id)):
        ledger.record(order, trade)


def _filled(order: Order) -> tuple[int, Decimal | None]:
    fills = list(order.fills.values_list("qty", "price"))
    quantity = sum(qty for qty, _ in fills)
    if not quantity:
        return 0, None
    value = sum((price * qty for qty, price in fills), Decimal(0))
    return quantity, (value / quantity).quantize(Decimal("0.0001"))


def _changes(order: Order, report: OrderReport) -> dict[str, Any]:
    filled, average = _filled(order)
    wanted: dict[str, Any] = {"filled_qty": filled, "average_price": average}
    if report.order_id and not order.broker_order_id:
        wanted["broker_order_id"] = report.order_id
    if report.trigger_id and not order.broker_trigger_id:
        wanted["broker_trigger_id"] = report.trigger_id
    # A change made in the broker's own app is a fact; never below what is filled.
    wanted["qty"] = max(report.quantity or order.qty, filled)
    wanted |= _changed_prices(order, report)
    if report.status is BrokerStatus.REJECTED and report.message:
        wanted["error_message"] = report.message
    return {name: value for name, value in wanted.items() if value != getattr(order, name)}


def _changed_prices(order: Order, report: OrderReport) -> dict[str, Any]:
    """Terms that were changed at the broker. What protection made of an order is no change: its
    own type stays."""
    order_type = OrderType(order.order_type)
    if report.status.final or (order_type, report.order_type) in _PROTECTED:
        return {}
    found: dict[str, Any] = {}
    if report.order_type is not order_type:
        found["order_type"] = order_type = report.order_type
    if order_type.needs_price and report.price:
        found["price"] = report.price
    if order_type.needs_trigger and report.trigger_price:
        found["trigger_price"] = report.trigger_price
    return found


def _is_about(order: Order, report: OrderReport) -> bool:
    """Whether `report` can be of this order: a wrong id must not book another's fills."""
    return (report.exchange, report.tradingsymbol, report.side) == (
        order.exchange,
        order.tradingsymbol,
        order.side,
    )


def is_news(order: Order, report: OrderReport) -> bool:
    """Whether `report` says anything that the row does not know."""
    target = _target(report, order.filled_qty, order.qty, order.status == Status.CANCEL_PENDING)
    return (
        target != order.status
        or report.filled_quantity != order.filled_qty
        or report.quantity != order.qty
        or (report.order_id or "") != order.broker_order_id
        or any(
            getattr(order, name) != value for name, value in _changed_prices(order, report).items()
        )
    )


def apply(order_id: int, report: OrderReport, *, reason: str = "") -> Order:
    """Bring an order to what `report` says; the same or an older report changes nothing.

    Trades are the truth about fills: a report can add to them, never take away. A status that
    the table can't reach from here (an old report that comes late) is left aside.
    """
    with write_transaction():
        order = (
            Order.objects.select_for_update(of=("self",), no_key=True)
            .select_related("connection")
            .get(pk=order_id)
        )
        before = Status(order.status)
        if not _is_about(order, report):
            logger.error("order %s: the broker's order %s is another one", order_id, report)
            return order
        _book_trades(order, report)
        changes = _changes(order, report)
        quantity = changes.get("qty", order.qty)
        target = _target(
            report,
            changes.get("filled_qty", order.filled_qty),
            quantity,
            order.cancel_requested and before is Status.CANCEL_PENDING,
        )
        _move(order, before, target, changes, report, reason)
    return order


def _move(
    order: Order,
    before: Status,
    target: Status,
    changes: dict[str, Any],
    report: OrderReport,
    reason: str,
) -> None:
    words = reason or report.message or f"the broker shows {report.raw_status}"
    data = {"broker_status": report.raw_status}
    grew = changes.get("filled_qty", 0) > order.filled_qty
    if target is before or not _may_move(before, target, grew=grew):
        if changes and not (before in FINAL and set(changes) <= {"error_message"}):
            lifecycle.amend(order, changes, actor=BROKER, reason=words, data=data)
        return
    lifecycle.walk(order, target, actor=BROKER, reason=words, changes=changes, data=data)
    if target is Status.REJECTED and order.broker_trigger_id:
        logger.error("order %s: its trigger fired into a rejection: %s", order.pk, words)


def _may_move(before: Status, target: Status, *, grew: bool) -> bool:
    """Whether a report may move an order. `grew`: it brought fills that were not booked."""
    if before in (Status.CANCELLED, Status.EXPIRED) and not grew:
        return False
    if before in ENDED and target in (Status.SENT, Status.CANCEL_PENDING):
        # Only a FAILED order may turn out to be at the broker after all.
        return before is Status.FAILED and target is Status.SENT
    if before is Status.PARTIALLY_EXECUTED and target is Status.SENT:
        return False
    try:
        path(before, target)
    except IllegalTransition:
        return False
    return True


def differs(report: OrderReport, status: Status, filled: int, average: Decimal | None) -> bool:
    """Whether `report` tells of an ended order something else than its row."""
    if not report.status.final or report.filled_quantity != filled:
        return True
    shown = report.average_price
    if shown is not None and (average is None or abs(shown - average) >= _PAISA):
        return True
    return (report.status is BrokerStatus.COMPLETE) != (status is Status.EXECUTED)


def review(order_id: int, report: OrderReport) -> None:
    """Look at a report of an order that may have ended.

    Late fills are facts, and so is what the broker corrects: a trade's price or quantity, an
    average. The old figures stay in the event's data.
    """
    order = Order.objects.get(pk=order_id)
    if not order.ended:
        return
    with write_transaction():
        complete = sum(trade.quantity for trade in report.trades) == report.filled_quantity
        if report.filled_quantity and complete and ledger.correct(order, report.trades):
            _note_correction(order, *_filled(order))
    if is_news(order, report):
        order = apply(order_id, report)
    if order.ended and not report.status.final and report.order_id:
        note(order, f"The broker shows this order as {report.raw_status}: look at it in Kite.")
        logger.error("ALARM: order %s has ended here and works at the broker", order_id)
    shown = report.average_price
    if (
        shown is not None
        and order.average_price is not None
        and report.filled_quantity == order.filled_qty
        and abs(shown - order.average_price) >= _PAISA
    ):
        _note_correction(order, order.filled_qty, shown)


def _note_correction(order: Order, filled: int, average: Decimal | None) -> None:
    try:
        lifecycle.amend(
            order,
            {"filled_qty": filled, "average_price": average},
            actor=BROKER,
            reason=f"the broker corrected it: {order.filled_qty} at {order.average_price} became "
            f"{filled} at {average}",
            data={
                "filled_qty_before": order.filled_qty,
                "average_price_before": format(order.average_price or 0, "f"),
            },
        )
    except Conflict:
        logger.info("order %s moved on while it was corrected", order.pk)


def read(order: Order, broker: Broker) -> OrderReport | None:
    """What the broker tells of one order; None when it can't, or knows none by that id."""
    try:
        report = (
            broker.order(order.broker_order_id)
            if order.broker_order_id
            else of_trigger(order, order.broker_trigger_id, broker)
        )
    except SessionExpired:
        raise
    except BrokerError as error:
        logger.warning("order %s can't be read at the broker: %s", order.pk, error.message)
        return None
    if report is None:
        logger.info("order %s is not in the broker's book", order.pk)
    return report


def of_trigger(order: Order, trigger_id: str, broker: Broker) -> OrderReport | None:
    """The order's own leg of its trigger. Raises the broker's error."""
    number = legs.leg_number(order)
    report = broker.trigger(trigger_id)
    if report is None or report.leg == number:
        return report
    return next(
        (one for one in broker.orders() if one.trigger_id == trigger_id and one.leg == number),
        None,
    )


def refresh(order: Order, broker: Broker) -> Order:
    """Ask the broker for one order and apply the answer; a broker that can't say is left for
    the next round. Raises SessionExpired."""
    report = read(order, broker)
    return order if report is None else apply(order.pk, report)


def note(order: Order, message: str) -> None:
    """Put `message` on an order whose state does not change; lost when it has moved on."""
    if order.error_message == message:
        return
    try:
        lifecycle.amend(order, {"error_message": message}, actor=BROKER, reason=message)
    except Conflict:
        logger.info("order %s moved on: %s", order.pk, message)


@contextmanager
def guarded(what: str, tell: Callable[[Exception], None] | None = None) -> Iterator[None]:
    """What goes wrong with one order is said, and the rest of the account is followed.

    A broker or database that does not answer concerns all of it, and is raised. `tell`: whom else.
    """
    try:
        yield
    except (BrokerError, OperationalError, InterfaceError, Busy):
        raise
    except Conflict:
        logger.info("%s moved on meanwhile", what)
    except Exception as error:
        logger.exception("ALARM: %s can't be followed", what)
        if tell is not None:
            tell(error)


def by_itself(order_id: int) -> AbstractContextManager[None]:
    """`guarded` for an order of ours, which then says so itself."""

    def tell(error: Exception) -> None:
        note(
            Order.objects.get(pk=order_id),
            f"This order can't be followed ({type(error).__name__}): look at it in Kite.",
        )

    return guarded(f"order {order_id}", tell)
