"""An order as one row of the queue, with what risk would say before anything is pressed."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from math import ceil
from typing import Any

from brokers.models import BrokerQuestion
from risk.engine.denials import Verdict
from risk.engine.evaluate import Decision
from sigmatrader import clock
from trading import selectors
from trading.domain.order import ENDED, IN_FLIGHT, Status
from trading.domain.values import OrderType, Side
from trading.models import Order
from trading.services import queue
from trading.templatetags.limits import Check, percent_of_check
from trading.templatetags.money import rupees
from trading.web.forms import EditForm

COST_LOOKS = 12
_AT_A_GLANCE = 2
_URGENT_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Preview:
    """The verdict of risk in words. `tone`: pass, cut, deny or hold."""

    tone: str
    title: str
    texts: tuple[str, ...] = ()

    @property
    def first(self) -> tuple[str, ...]:
        """As many texts as a glance takes in."""
        return self.texts[:_AT_A_GLANCE]

    @property
    def more(self) -> int:
        """How many texts are left out of them."""
        return len(self.texts) - len(self.first)

    @property
    def key(self) -> str:
        """Differs when the words do; ages in them don't count."""
        words = re.sub(r"\d+ (s|m|h|d) old", "", " ".join((self.title, *self.texts)))
        return hashlib.sha256(words.encode()).hexdigest()[:12]


def preview_of(decision: Decision) -> Preview:
    gates = tuple(gate.message for gate in decision.gates)
    if decision.outcome is Verdict.DENY:
        return Preview("deny", "Will be denied", (*decision.reasons, *gates))
    if gates:
        return Preview("hold", "On hold", (*gates, *decision.notes))
    if decision.outcome is Verdict.CLAMP:
        return Preview("cut", f"Will be cut to {decision.final_qty}", decision.notes)
    count = len(decision.checks)
    return Preview("pass", f"Passes {count} {'check' if count == 1 else 'checks'}")


def checks_of(decision: Decision) -> list[dict[str, Any]]:
    """Every check of `decision` in the form that is kept on orders, for templates."""
    checks: list[dict[str, Any]] = decision.as_json(clock.now())["checks"]
    return checks


def uses_key(checks: Iterable[Check]) -> str:
    """Differs when another share of a limit is used."""
    shares = " ".join(str(percent_of_check(check)) for check in checks)
    return hashlib.sha256(shares.encode()).hexdigest()[:12]


def sent_until(order: Order) -> datetime | None:
    """When an order that is not sent yet expires. What is sent has no time to live here."""
    return order.expires_at if order.status in (Status.WAITING, Status.QUEUED) else None


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """Whole seconds until an order that is not sent yet expires, of `total` that it had."""

    seconds: int
    total: int

    @property
    def urgent(self) -> bool:
        return self.seconds < self.total * _URGENT_SHARE


def time_left_of(order: Order) -> TimeLeft | None:
    """None for an order without an end, or one that is past it."""
    until = sent_until(order)
    if until is None:
        return None
    begun = order.queued_at if order.status == Status.QUEUED else order.created_at
    left = ceil((until - clock.now()).total_seconds())
    total = int((until - (begun or order.created_at)).total_seconds())
    return TimeLeft(min(left, total), total) if left > 0 and total > 0 else None


@dataclass(slots=True)
class QueueRow:
    """`form` is there while the row is edited; `preview` only while it waits."""

    order: Order
    preview: Preview | None = None
    last_price: Decimal | None = None
    form: EditForm | None = None
    seconds: int = field(init=False)

    def __post_init__(self) -> None:
        quick = {Status.QUEUED, Status.CANCEL_PENDING, *IN_FLIGHT}
        self.seconds = 1 if self.order.status in quick else 3

    @property
    def waiting(self) -> bool:
        return self.order.status == Status.WAITING

    @property
    def ended(self) -> bool:
        return self.order.status in ENDED

    @property
    def sent_until(self) -> datetime | None:
        return sent_until(self.order)

    @property
    def time_left(self) -> TimeLeft | None:
        return time_left_of(self.order)

    @property
    def restorable(self) -> bool:
        return self.order.status == Status.CANCELLED and self.order.never_sent

    @property
    def cancellable(self) -> bool:
        return not self.ended and not self.order.cancel_requested

    @property
    def source(self) -> str:
        """The strategy's name, as we know it or as the alert said it."""
        if self.order.strategy is not None:
            return self.order.strategy.name
        return self.order.alert.strategy_name if self.order.alert else ""

    @property
    def unit_price(self) -> Decimal | None:
        """What a unit would cost: the order's own price, else the last one, else the alert's."""
        if OrderType(self.order.order_type).needs_price and self.order.price is not None:
            return self.order.price
        return self.last_price or self.order.reference_price

    @property
    def value(self) -> Decimal | None:
        unit = self.unit_price
        if unit is None or not self.order.qty:
            return None
        return unit * self.order.qty * self.order.multiplier

    @property
    def from_limit(self) -> Decimal | None:
        """How far the order's limit is from the last price, in percent; None without the two."""
        order = self.order
        if order.order_type != OrderType.LIMIT or order.price is None or not self.last_price:
            return None
        return 100 * (order.price - self.last_price) / self.last_price

    @property
    def drift(self) -> Decimal | None:
        """How far the last price is from the alert's, in percent."""
        reference = self.order.reference_price
        if not reference or self.last_price is None or self.last_price == reference:
            return None
        return 100 * (self.last_price - reference) / reference

    @property
    def drift_direction(self) -> str:
        """Whether the price has moved “against” the order since the alert, “for” it, or neither:
        a purchase wants it lower, a sale higher."""
        if not self.drift:
            return ""
        return "against" if (self.drift > 0) == (self.order.side == Side.BUY) else "for"


def row_of(order: Order, form: EditForm | None = None) -> QueueRow:
    return rows_of([order], {order.pk: form} if form else {})[0]


def rows_of(orders: Iterable[Order], forms: dict[int, EditForm] | None = None) -> list[QueueRow]:
    found = list(orders)
    prices = selectors.last_prices_of(found)
    decisions = queue.previews(found)
    return [
        QueueRow(
            order,
            preview=preview_of(decisions[order.pk]) if order.pk in decisions else None,
            last_price=prices.get(order.instrument),
            form=(forms or {}).get(order.pk),
        )
        for order in found
    ]


@dataclass(frozen=True, slots=True)
class Cost:
    """What an order would take, as far as the broker has answered. `looks`: how often we looked."""

    order: Order
    question: BrokerQuestion | None = None
    looks: int = 0

    @property
    def pending(self) -> bool:
        """Whether it is worth another look in a moment."""
        asked = self.question is not None and self.question.answered_at is None
        return asked and self.looks < COST_LOOKS

    @property
    def known(self) -> bool:
        return self.question is not None and self.question.answer is not None

    @property
    def text(self) -> str:
        """The answer in words, or why there is none."""
        if self.question is None:
            return "Fill in the order: then the broker can say."
        if self.pending:
            return "Asking the broker …"
        answer = self.question.answer
        if answer is not None:
            required, charges = rupees(answer["required"]), rupees(answer["charges"])
            return f"{required} margin or cash, and {charges} charges, says the broker."
        return self.question.error or "The worker has not answered yet."
