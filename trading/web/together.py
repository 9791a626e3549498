"""What is shown before several waiting orders are decided at one press, and after it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from brokers.models import ConnectionKind
from risk.engine.denials import Verdict
from risk.engine.evaluate import Decision
from trading import selectors
from trading.domain.order import Status
from trading.domain.values import OrderType, Side
from trading.models import Order
from trading.services import together
from trading.services.together import Result, Step
from trading.web.rows import Preview, QueueRow, preview_of

EXECUTE, CANCEL = "execute", "cancel"
VERBS = {EXECUTE: "Execute", CANCEL: "Cancel"}


@dataclass(frozen=True, slots=True)
class Line:
    """One chosen order. `left_out`: why it is not part of it, empty when it is.

    `quantity` is what risk would leave of it.
    """

    row: QueueRow
    quantity: int
    preview: Preview | None = None
    left_out: str = ""

    @property
    def order(self) -> Order:
        return self.row.order

    @property
    def value(self) -> Decimal | None:
        unit = self.row.unit_price
        return unit * self.quantity * self.order.multiplier if unit is not None else None


@dataclass(frozen=True, slots=True)
class Sum:
    """Orders of one kind, and their rupees. `unknown`: orders without any price."""

    kind: str
    orders: int
    rupees: Decimal
    unknown: int


def _sum(kind: str, lines: Sequence[Line]) -> Sum:
    values = [line.value for line in lines]
    known = [value for value in values if value is not None]
    return Sum(kind, len(lines), sum(known, Decimal(0)), len(values) - len(known))


@dataclass(frozen=True, slots=True)
class Summary:
    """`verb`: execute or cancel. `lines`: every chosen order, oldest first."""

    verb: str
    lines: tuple[Line, ...]

    @property
    def name(self) -> str:
        return VERBS[self.verb]

    @property
    def going(self) -> list[Line]:
        return [line for line in self.lines if not line.left_out]

    @property
    def left_out(self) -> list[Line]:
        return [line for line in self.lines if line.left_out]

    @property
    def total(self) -> Sum:
        return _sum("All together", self.going)

    @property
    def sides(self) -> list[Sum]:
        return self._by(lambda order: order.side, [str(side) for side in Side])

    @property
    def accounts(self) -> list[tuple[str, Sum]]:
        """(PAPER, LIVE or SIMULATOR, the account's sum) of each account."""
        kinds = {line.order.connection.name: line.order.connection.kind for line in self.going}
        sums = self._by(lambda order: order.connection.name, sorted(kinds))
        return [(kinds[one.kind], one) for one in sums]

    @property
    def live(self) -> int:
        """How many of them move real money."""
        return sum(line.order.connection.kind == ConnectionKind.LIVE for line in self.going)

    @property
    def market(self) -> bool:
        """Whether the price of one of them is open."""
        return any(not OrderType(line.order.order_type).needs_price for line in self.going)

    def _by(self, kind_of: Callable[[Order], str], kinds: Iterable[str]) -> list[Sum]:
        sums = []
        for kind in kinds:
            lines = [line for line in self.going if kind_of(line.order) == kind]
            if lines:
                sums.append(_sum(kind, lines))
        return sums


def summary_of(verb: str, orders: Sequence[Order]) -> Summary:
    """What would be done with `orders`, each judged as if those before it had been sent."""
    prices = selectors.last_prices_of(orders)
    decisions = together.judge(orders) if verb == EXECUTE else {}
    lines = []
    for order in orders:
        row = QueueRow(order, last_price=prices.get(order.instrument))
        lines.append(_line(verb, row, decisions.get(order.pk)))
    return Summary(verb, tuple(lines))


def _line(verb: str, row: QueueRow, decision: Decision | None) -> Line:
    order = row.order
    if verb == CANCEL:
        gone = "" if row.waiting else f"It is already {order.status}."
        return Line(row, order.qty, left_out=gone)
    if decision is None:
        return Line(row, order.qty, left_out=together.problem(order))
    preview = preview_of(decision)
    if decision.outcome is Verdict.DENY or decision.gates:
        why = " ".join(preview.texts)
        return Line(row, order.qty, preview, left_out=f"{preview.title}: {why}")
    return Line(row, decision.final_qty, preview)


@dataclass(frozen=True, slots=True)
class Became:
    """A step with the order as it stands now; None when there is none of that number."""

    step: Step
    order: Order | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of each chosen order. `verb`: execute, cancel or restore."""

    verb: str
    steps: tuple[Became, ...]

    @property
    def done(self) -> int:
        return sum(one.step.result is Result.DONE for one in self.steps)

    @property
    def stopped(self) -> bool:
        return any(one.step.result in (Result.STOPPED, Result.LEFT) for one in self.steps)

    @property
    def undoable(self) -> list[int]:
        """Which orders a cancel has taken out of the queue."""
        if self.verb != CANCEL:
            return []
        return [
            one.order.pk
            for one in self.steps
            if one.step.result is Result.DONE
            and one.order is not None
            and one.order.status == Status.CANCELLED
        ]


def outcome_of(verb: str, steps: Sequence[Step]) -> Outcome:
    orders = Order.objects.select_related("connection").in_bulk([one.order_id for one in steps])
    return Outcome(verb, tuple(Became(step, orders.get(step.order_id)) for step in steps))
