"""From a signal to the order that it asks for, and why a person should look at it first."""

from dataclasses import dataclass
from datetime import datetime

from brokers.models import BrokerConnection
from trading.domain.signal import QUANTITY_MISSING, Intent, Signal
from trading.domain.sizing import size
from trading.domain.values import Mode, OrderType, Product, Side, SizingMode
from trading.models import Position, Strategy
from trading.services.instruments import Resolution, resolve

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
    person_reasons: list[str]
    warnings: list[str]

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


def _open_quantity(connection: BrokerConnection, instrument: Resolution, product: Product) -> int:
    """The signed net position of the account in the instrument and product."""
    position = Position.objects.filter(
        connection=connection,
        exchange=instrument.exchange,
        symbol=instrument.tradingsymbol,
        product=product,
    ).first()
    return position.qty if position else 0


def _closable(side: Side, open_quantity: int) -> int:
    """How many units an order on `side` may close."""
    return max(open_quantity, 0) if side is Side.SELL else max(-open_quantity, 0)


def _sized(signal: Signal, strategy: Strategy | None, instrument: Resolution) -> int:
    if strategy is None:
        return signal.quantity
    return size(
        SizingMode(strategy.sizing_mode),
        alert_quantity=signal.quantity,
        value=strategy.sizing_value,
        price=signal.price or signal.reference_price,
        lot_size=instrument.lot_size,
    )


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
    instrument = resolve(signal.exchange, signal.tradingsymbol)
    for problem in (connection_problem, instrument.problem):
        if problem:
            reasons.append(problem)
    product = signal.product or (Product(strategy.default_product) if strategy else Product.MIS)
    order_type = signal.order_type or (
        OrderType(strategy.default_order_type) if strategy else OrderType.MARKET
    )
    quantity, reduce_only = signal.quantity, False
    if signal.intent is Intent.EXIT:
        reduce_only = True
        closable = _closable(signal.side, _open_quantity(connection, instrument, product))
        if signal.needs_quantity and closable:
            quantity = closable
            warnings.append(f"Quantity {closable} taken from the open position.")
        elif not closable:
            reasons.append("Nothing is open that this exit could close.")
    else:
        quantity = _sized(signal, strategy, instrument)
        if quantity != signal.quantity and quantity:
            warnings.append(f"Quantity {quantity} set by the strategy's sizing.")
    if order_type.needs_price and signal.price is None:
        reasons.append(f"A {order_type} order needs a price: fill it in.")
    if order_type.needs_trigger and signal.trigger_price is None:
        reasons.append(f"A {order_type} order needs a trigger price: fill it in.")
    if quantity <= 0:
        quantity = 0
        reasons.append(QUANTITY_MISSING if signal.needs_quantity else "Fill in the quantity.")
    if signal.gtt and order_type is not OrderType.LIMIT:
        reasons.append("A GTT can only place a LIMIT order: choose LIMIT, or switch GTT off.")
    return Plan(
        strategy=strategy,
        connection=connection,
        instrument=instrument,
        quantity=quantity,
        needs_quantity=quantity == 0,
        product=product,
        order_type=order_type,
        reduce_only=reduce_only,
        person_reasons=reasons,
        warnings=warnings,
    )
