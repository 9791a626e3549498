"""What must hold between our book and the broker's, whatever went wrong on the way."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from brokers.models import BrokerConnection
from risk.models import TradingStateChange
from trading.domain.order import IN_FLIGHT, IllegalTransition, Status, replay
from trading.domain.values import Origin, TradingStateName
from trading.models import Order, OrderAttempt, Position
from trading.services.lifecycle import event_log

TWICE, LOST, WRONG = "sent twice", "lost", "wrong"
_CENT = Decimal("0.01")
# A change's time is taken before its turn to write comes.
_COMMITTED_WITHIN = timedelta(seconds=2)
Span = tuple[datetime, datetime | None]
_SHOWN_AS = {
    "COMPLETE": {Status.EXECUTED},
    "CANCELLED": {Status.CANCELLED, Status.EXPIRED},
    "CANCELLED AMO": {Status.CANCELLED, Status.EXPIRED},
    "REJECTED": {Status.REJECTED, Status.CANCELLED},
}
_WORKING = {Status.SENT, Status.PARTIALLY_EXECUTED, Status.CANCEL_PENDING}


@dataclass(frozen=True)
class Violation:
    """`kind`: sent twice, lost or wrong. `rule`: I1 to I8, or what else was compared."""

    kind: str
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule} ({self.kind}): {self.text}"


Ledger = Mapping[str, Any]


def tags_on(row: Mapping[str, Any]) -> set[str]:
    return {tag for tag in (row["tag"], *row["tags"]) if tag}


def tags_of(order: Order) -> set[str]:
    return {attempt.tag for attempt in order.attempts.all()} | {order.client_order_id}


class TheirBook:
    """The broker's ledger, to be looked up."""

    def __init__(self, ledger: Ledger) -> None:
        self.rows: list[dict[str, Any]] = ledger["orders"]
        self.triggers: list[dict[str, Any]] = ledger["triggers"]
        self.positions: list[dict[str, Any]] = ledger["positions"]
        self._found: dict[str, list[dict[str, Any]]] = {}
        for row in self.rows:
            for key in {row["order_id"], *tags_on(row)}:
                self._found.setdefault(key, []).append(row)

    def copies_of(self, order: Order) -> list[dict[str, Any]]:
        """Its records of `order`: by tag, or by the id that its trigger gave it."""
        keys = tags_of(order) | {order.broker_order_id}
        found = {row["order_id"]: row for key in keys for row in self._found.get(key, ())}
        return list(found.values())


def violations(
    connection: BrokerConnection,
    ledger: Ledger,
    placed: Iterable[Any],
    *,
    first_order: int = 0,
    seen_at_broker: Collection[str] = frozenset(),
    halts: Iterable[Span] = (),
    unknown_allowed: bool = False,
) -> list[Violation]:
    """Everything that is not as it must be; empty when all is well.

    `placed`: the simulator's journal of placing requests. Only orders from `first_order` on, and
    only what the broker had not before (`seen_at_broker`), are looked at. `halts`: from when to
    when the account was halted.
    """
    orders = list(
        Order.objects.filter(connection=connection, pk__gte=first_order)
        .prefetch_related("attempts", "fills", "events")
        .order_by("pk")
    )
    theirs = TheirBook(ledger)
    found: list[Violation] = []
    for order in orders:
        found += _of_order(order, theirs, unknown_allowed)
    found += _strangers(orders, theirs, seen_at_broker)
    found += _after_halt(connection, placed, halts)
    found += _positions(connection, orders, theirs, seen_at_broker)
    return found


def _of_order(order: Order, theirs: TheirBook, unknown_allowed: bool) -> list[Violation]:
    copies = theirs.copies_of(order)
    found: list[Violation] = []

    def wrong(rule: str, text: str, kind: str = WRONG) -> None:
        found.append(Violation(kind, rule, f"{order}: {text}"))

    if len(copies) > 1:
        wrong("I1", f"the broker has it {len(copies)} times: {copies}", TWICE)
    if (copies or order.broker_trigger_id) and not order.risk and _needs_risk(order):
        wrong("I2", "sent without a risk record")
    if len(copies) == 1 and order.broker_order_id != copies[0]["order_id"]:
        wrong("I3", f"the broker's {copies[0]['order_id']} is {order.broker_order_id!r} here", LOST)
    found += _fills(order, copies)
    found += _log(order)
    if order.status == Status.SENDING or (order.status in IN_FLIGHT and not unknown_allowed):
        wrong("I6", f"not settled: {order.error_message}", LOST)
    if order.status not in IN_FLIGHT and any(one.closed_at is None for one in order.attempts.all()):
        wrong("I6", "an attempt is left open")
    if not copies and not order.broker_trigger_id and not _explained(order):
        wrong("lost", f"the broker has nothing of it: {order.error_message!r}", LOST)
    if len(copies) == 1:
        allowed = _SHOWN_AS.get(copies[0]["status"], _WORKING)
        if order.status not in allowed:
            wrong("status", f"the broker shows {copies[0]['status']}")
    return found


def _needs_risk(order: Order) -> bool:
    """Not somebody else's, not a leg that went with its stop, not lost with a restored backup."""
    if order.origin == Origin.EXTERNAL or order.oco_with_id is not None:
        return False
    return not any(event.data.get("restored") for event in order.events.all())


def _explained(order: Order) -> bool:
    """An order that is not at the broker waits for somebody, or says why it ended."""
    if order.status in (Status.UNKNOWN, Status.QUEUED, Status.CANCELLED, Status.EXPIRED):
        return True
    if order.status == Status.WAITING:
        return bool(order.set_aside_reason) or not order.attempts.all()
    return order.status in (Status.FAILED, Status.REJECTED_RISK) and bool(order.error_message)


def _fills(order: Order, copies: list[dict[str, Any]]) -> list[Violation]:
    booked = sum(fill.qty for fill in order.fills.all())
    found: list[Violation] = []

    def wrong(text: str) -> None:
        found.append(Violation(WRONG, "I4", f"{order}: {text}"))

    if not booked == order.filled_qty <= order.qty:
        wrong(f"fills of {booked}, filled {order.filled_qty} of {order.qty}")
    if len(copies) == 1:
        row = copies[0]
        if row["filled_quantity"] != order.filled_qty:
            wrong(f"filled {order.filled_qty} here, {row['filled_quantity']} there")
        average = Decimal(str(row["average_price"] or 0))
        if abs(average - (order.average_price or 0)) > _CENT:
            wrong(f"at {order.average_price} here, at {average} there")
    elif not copies and booked:
        wrong(f"fills of {booked} that the broker does not have")
    return found


def _log(order: Order) -> list[Violation]:
    try:
        row = replay(event_log(order))
    except (IllegalTransition, ValueError) as error:
        return [Violation(WRONG, "I5", f"{order}: {error}")]
    differs = {
        name: (value, getattr(order, name))
        for name, value in row.items()
        if hasattr(order, name) and not _same(value, getattr(order, name))
    }
    return [Violation(WRONG, "I7", f"{order}: the log differs: {differs}")] if differs else []


def _same(logged: Any, value: Any) -> bool:
    if isinstance(value, Decimal):
        return logged is not None and Decimal(str(logged)) == value
    if isinstance(value, datetime):
        return logged is not None and datetime.fromisoformat(str(logged)) == value
    return bool(logged == value)


def _strangers(orders: list[Order], theirs: TheirBook, seen: Collection[str]) -> list[Violation]:
    """I3: every order and trigger of the broker's is one of ours here, exactly once."""
    ids = Counter(order.broker_order_id for order in orders if order.broker_order_id)
    triggers = {order.broker_trigger_id for order in orders if order.broker_trigger_id}
    tags = {tag for order in orders for tag in tags_of(order)}
    found = []
    for row in theirs.rows:
        if row["order_id"] not in seen and ids[row["order_id"]] != 1 and not tags & tags_on(row):
            text = f"{row['order_id']} ({row['source']}) stands here {ids[row['order_id']]} times"
            found.append(Violation(LOST, "I3", text))
    for row in theirs.triggers:
        number = str(row["id"])
        if number not in seen and number not in triggers:
            found.append(Violation(LOST, "I3", f"trigger {number} is not known here: {row}"))
    return found


def _after_halt(
    connection: BrokerConnection, placed: Iterable[Any], halts: Iterable[Span]
) -> list[Violation]:
    """I8: what was claimed after a halt was committed has not been sent."""
    tags = {entry.form.get("tag") for entry in placed}
    found = []
    for begun, over in halts:
        attempts = OrderAttempt.objects.filter(
            order__connection=connection, claimed_at__gt=begun, tag__in=tags
        )
        if over is not None:
            attempts = attempts.filter(claimed_at__lt=over)
        found += [
            Violation(WRONG, "I8", f"{attempt.order}: claimed and sent after the halt of {begun}")
            for attempt in attempts.select_related("order")
        ]
    return found


def spans_of_halts(connection: BrokerConnection, since: datetime) -> list[Span]:
    """When the account was halted by an alarm, from a moment by which that was surely committed."""
    changes = TradingStateChange.objects.filter(connection=connection, at__gte=since)
    spans: list[Span] = []
    halted_at: datetime | None = None
    for change in changes.order_by("at", "pk"):
        if change.new == TradingStateName.HALTED and halted_at is None:
            halted_at = change.at + _COMMITTED_WITHIN
        elif change.new == TradingStateName.ACTIVE and halted_at is not None:
            spans.append((halted_at, change.at))
            halted_at = None
    return [*spans, (halted_at, None)] if halted_at is not None else spans


def _positions(
    connection: BrokerConnection, orders: list[Order], book: TheirBook, seen: Collection[str]
) -> list[Violation]:
    """Net quantities of every instrument that these orders, or new ones there, are in."""
    touched = {(one.exchange, one.tradingsymbol, one.product) for one in orders}
    touched |= {_key(row) for row in book.rows if row["order_id"] not in seen}
    theirs: Counter[tuple[str, str, str]] = Counter()
    for row in book.positions:
        theirs[_key(row)] += row["quantity"]
    ours: Counter[tuple[str, str, str]] = Counter()
    for position in Position.objects.filter(connection=connection):
        ours[position.exchange, position.symbol, position.product] += position.qty
    return [
        Violation(WRONG, "position", f"{key}: {ours[key]} here, {theirs[key]} there")
        for key in sorted(touched)
        if ours[key] != theirs[key]
    ]


def _key(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["exchange"], row["tradingsymbol"], row["product"]
