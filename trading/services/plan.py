"""From a signal to the order that it asks for, and why a person should look at it first."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet

from brokers.models import BrokerConnection
from trading.domain.order import AT_BROKER, Status
from trading.domain.signal import EXCHANGE_UNKNOWN, QUANTITY_MISSING, Intent, Signal
from trading.domain.values import Mode, OrderType, Product, Side
from trading.models import Fill, Order, Position, Strategy
from trading.services.instrument_list import list_problem
from trading.services.instruments import Resolution, resolve
from trading.services.sizing import on_tick, size_entry, sizes_by_itself

STALE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Envelope:
    """How a message arrived."""

    raw_body: str  # the secret blanked
    digest: str  # of the canonical body without its secret
    received_at: datetime
    source_address: str = ""


@dataclass(slots=True)
class Plan:
    """The order that a signal asks for, before it is stored."""

    strategy: Strategy | None
    connection: BrokerConnection
    instrument: Resolution
    quantity: int
    needs_quantity: bool
    product: Product
    order_type: OrderType
    reduce_only: bool
    price: Decimal | None
    trigger_price: Decimal | None
    person_reasons: list[str]
    warnings: list[str]
    # Of an exit: its strategy's entries that could still fill.
    unsent_entries: list[int] = field(default_factory=list)
    sent_entries: list[int] = field(default_factory=list)
    open_elsewhere: bool = False

    def seen_price(self, signal: Signal) -> Decimal | None:
        """What the strategy saw the market at. A limit is a wish, not an observation."""
        seen = signal.reference_price or signal.price
        return None if self.order_type.needs_price and seen == signal.price else seen

    @property
    def nothing_to_exit(self) -> bool:
        """An exit without a quantity, with nothing open and no entry that may still fill."""
        return (
            self.reduce_only
            and self.needs_quantity
            and not self.sent_entries
            and not self.open_elsewhere
        )

    @property
    def automatic(self) -> bool:
        """Whether the order goes by itself."""
        return self._wants_auto and not self.person_reasons

    @property
    def set_aside_reason(self) -> str:
        """Why an AUTO strategy's order waits all the same; empty for a MANUAL one."""
        return " ".join(self.person_reasons) if self._wants_auto else ""

    @property
    def _wants_auto(self) -> bool:
        return self.strategy is not None and self.strategy.execution_mode == Mode.AUTO


def _stale(signal: Signal, received_at: datetime) -> str:
    """Why the alert's own time is not to be trusted for a live order, or nothing."""
    if signal.alert_time is None:
        return ""
    age = (received_at - signal.alert_time).total_seconds()
    if age > STALE_SECONDS:
        return f"The alert is {int(age // 60)} minutes old by its own time."
    if age < -STALE_SECONDS:
        return f"The alert's own time is {int(-age // 60)} minutes in the future."
    return ""


def _open_quantities(connection: BrokerConnection, instrument: Resolution) -> dict[str, int]:
    """The signed net positions of the account in the instrument, by product."""
    positions = Position.objects.filter(
        connection=connection, exchange=instrument.exchange, symbol=instrument.tradingsymbol
    ).exclude(qty=0)
    return dict(positions.values_list("product", "qty"))


def _closable(side: Side, open_quantity: int) -> int:
    """How many units an order on `side` may close."""
    return max(open_quantity, 0) if side is Side.SELL else max(-open_quantity, 0)


def _person_reasons(
    signal: Signal, strategy: Strategy | None, connection: BrokerConnection, envelope: Envelope
) -> tuple[list[str], list[str]]:
    """Why a person must decide although the strategy may be AUTO; and mere warnings."""
    reasons = [reason for reason in signal.person_reasons if reason != QUANTITY_MISSING]
    warnings: list[str] = []
    if strategy is None:
        named = f"“{signal.strategy_name}”" if signal.strategy_name else "without a name"
        reasons.append(f"The strategy {named} is not known here: add it in the admin for AUTO.")
    elif strategy.archived or not strategy.enabled:
        reasons.append(f"The strategy {strategy.name} is switched off.")
    if stale := _stale(signal, envelope.received_at):
        (warnings if connection.simulated else reasons).append(stale)
    return reasons, warnings


def plan_order(
    signal: Signal,
    strategy: Strategy | None,
    connection: BrokerConnection,
    connection_problem: str,
    envelope: Envelope,
) -> Plan:
    """The order for `signal` on `connection`, with everything that a person should know."""
    reasons, warnings = _person_reasons(signal, strategy, connection, envelope)
    live = not connection.simulated
    instrument = resolve(
        signal.exchange,
        signal.tradingsymbol,
        strategy=strategy,
        now=envelope.received_at,
        live=live,
    )
    if instrument.overridden:
        # A person has said what such a symbol means, exchange and all.
        reasons = [reason for reason in reasons if reason != EXCHANGE_UNKNOWN]
    stale_list = list_problem(envelope.received_at) if live and not instrument.problem else ""
    reasons += [text for text in (connection_problem, instrument.problem, stale_list) if text]
    product = signal.product or (Product(strategy.default_product) if strategy else Product.MIS)
    order_type = signal.order_type or (
        OrderType(strategy.default_order_type) if strategy else OrderType.MARKET
    )
    plan = Plan(
        strategy=strategy,
        connection=connection,
        instrument=instrument,
        quantity=signal.quantity,
        needs_quantity=False,
        product=product,
        order_type=order_type,
        reduce_only=signal.intent is Intent.EXIT,
        price=signal.price,
        trigger_price=signal.trigger_price,
        person_reasons=reasons,
        warnings=warnings,
    )
    if plan.reduce_only:
        _plan_exit(plan, signal)
    else:
        entry = size_entry(signal, strategy, instrument)
        plan.quantity = entry.units
        warnings += entry.notes
        reasons += entry.problems
    prices = on_tick(signal, order_type, instrument)
    plan.price, plan.trigger_price = prices.price, prices.trigger_price
    warnings += prices.notes
    _ask_for_what_is_missing(plan, signal)
    return plan


def _ask_for_what_is_missing(plan: Plan, signal: Signal) -> None:
    """What a person has to fill in or choose, by the terms and the quantity of `plan`."""
    order_type, reasons = plan.order_type, plan.person_reasons
    if order_type.needs_price and signal.price is None:
        reasons.append(f"A {order_type} order needs a price: fill it in.")
    if order_type.needs_trigger and signal.trigger_price is None:
        reasons.append(f"A {order_type} order needs a trigger price: fill it in.")
    if plan.quantity <= 0:
        plan.quantity = 0
        plan.needs_quantity = True
        if signal.needs_quantity and not sizes_by_itself(plan.strategy):
            reasons.append(QUANTITY_MISSING)
        elif not reasons:
            reasons.append("Fill in the quantity.")
    if signal.gtt and order_type is not OrderType.LIMIT:
        reasons.append("A GTT can only place a LIMIT order: choose LIMIT, or switch GTT off.")


def _entries_that_may_fill(plan: Plan, signal: Signal) -> QuerySet[Order]:
    return Order.objects.filter(
        strategy=plan.strategy,
        connection=plan.connection,
        exchange=plan.instrument.exchange,
        tradingsymbol=plan.instrument.tradingsymbol,
        side=signal.side.opposite,
        reduce_only=False,
        status__in=[Status.WAITING, Status.QUEUED, *AT_BROKER],
    )


def _plan_exit(plan: Plan, signal: Signal) -> None:
    """Size an exit by what is open; whatever makes that uncertain goes to a person."""
    by_product = _open_quantities(plan.connection, plan.instrument)
    closable = _closable(signal.side, by_product.get(plan.product, 0))
    if plan.strategy is not None:
        for pk, status in _entries_that_may_fill(plan, signal).values_list("pk", "status"):
            (plan.sent_entries if status in AT_BROKER else plan.unsent_entries).append(pk)
    if signal.needs_quantity and closable:
        plan.quantity = closable
        plan.warnings.append(f"Quantity {closable} taken from the open position.")
    if plan.sent_entries:
        numbers = ", ".join(f"#{number}" for number in plan.sent_entries)
        plan.person_reasons.append(
            f"The entry {numbers} may still fill: look at the position before this exit goes."
        )
    elif not closable:
        elsewhere = [
            product for product, held in by_product.items() if _closable(signal.side, held)
        ]
        plan.open_elsewhere = bool(elsewhere)
        plan.person_reasons.append(
            f"The open position is {' and '.join(elsewhere)}, not {plan.product}: choose."
            if elsewhere
            else "Nothing is open that this exit could close."
        )
    elif plan.strategy is not None and not _opened_by(plan):
        plan.person_reasons.append(
            f"{plan.strategy.name} opened nothing of this position: it is another's or your own."
        )


def _opened_by(plan: Plan) -> bool:
    """Whether some of the open position came from the strategy's own orders."""
    return Fill.objects.filter(
        order__strategy=plan.strategy,
        connection=plan.connection,
        exchange=plan.instrument.exchange,
        symbol=plan.instrument.tradingsymbol,
        product=plan.product,
        open_qty__gt=0,
    ).exists()
