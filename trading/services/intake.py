"""From an authenticated alert to a stored alert and its order, in one transaction, once."""

import logging
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from brokers.models import BrokerConnection
from brokers.prices import record_price
from trading.domain.order import Status
from trading.domain.session import waiting_expires_at
from trading.domain.signal import (
    QUANTITY_MISSING,
    DedupeKey,
    Intent,
    Signal,
    client_order_id,
    dedupe_key,
)
from trading.domain.sizing import size
from trading.domain.values import Mode, OrderType, Origin, Product, Side, SizingMode
from trading.models import Alert, Order, Position, Strategy
from trading.services import lifecycle
from trading.services.connections import connection_for
from trading.services.instruments import Resolution, resolve

logger = logging.getLogger(__name__)

STALE_SECONDS = 300
_UNSENT = (Status.WAITING, Status.QUEUED)


@dataclass(frozen=True, slots=True)
class Envelope:
    """How a message arrived."""

    raw_body: str  # the secret blanked
    digest: str  # of the canonical body without its secret
    received_at: datetime
    source_address: str = ""


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of a message. `status`: accepted, duplicate, ignored, rejected or conflict."""

    status: str
    alert_id: int | None = None
    order_id: int | None = None
    order_status: str = ""
    mode: str = ""
    code: str = ""
    errors: dict[str, list[str]] = field(default_factory=dict)


@dataclass(slots=True)
class _Plan:
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


def new_client_order_id() -> str:
    return client_order_id(secrets.token_bytes(16))


def _digest_matches(first: Alert, envelope: Envelope) -> bool:
    return first.body_digest == envelope.digest


def _count_duplicate(first: Alert, envelope: Envelope) -> None:
    Alert.objects.filter(pk=first.pk).update(
        duplicate_count=F("duplicate_count") + 1, last_duplicate_at=envelope.received_at
    )


def _duplicate(first: Alert, envelope: Envelope, kind: str) -> Intake:
    if kind == "ALERT_ID" and not _digest_matches(first, envelope):
        return Intake(
            "conflict",
            first.pk,
            code="alert_id_reused",
            errors={
                "alert_id": [
                    f"alert {first.pk} already carried this id with another body: "
                    "give each alert its own id."
                ]
            },
        )
    _count_duplicate(first, envelope)
    order = first.orders.order_by("id").first()
    return Intake(
        "duplicate",
        first.pk,
        order.pk if order else None,
        order.status if order else "",
        order.mode if order else "",
    )


def _holder(key: DedupeKey, now: datetime) -> Alert | None:
    """The alert that holds `key` now. A key whose window is over is given free."""
    first = Alert.objects.filter(dedupe_key=key.key).first()
    if first is None or first.dedupe_until is None or first.dedupe_until > now:
        return first
    Alert.objects.filter(pk=first.pk, dedupe_key=key.key).update(dedupe_key=None)
    return None


def _new_alert(envelope: Envelope, strategy: Strategy | None, **fields: Any) -> Alert:
    return Alert(
        strategy=strategy,
        raw_body=envelope.raw_body,
        received_at=envelope.received_at,
        source_address=envelope.source_address,
        body_digest=envelope.digest,
        **fields,
    )


def _alert_of(signal: Signal, strategy: Strategy | None, envelope: Envelope) -> Alert:
    return _new_alert(
        envelope,
        strategy,
        strategy_name=signal.strategy_name,
        symbol=signal.symbol,
        exchange=signal.exchange,
        interval=signal.interval,
        action=signal.side,
        qty=signal.quantity,
        price=signal.price if signal.price is not None else signal.reference_price,
        platform=signal.platform[:32],
        reason=signal.reason,
        bar_time=signal.bar_time,
        alert_time=signal.alert_time,
        warnings=list(signal.warnings),
        repaired=signal.repaired,
    )


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


def _plan(
    signal: Signal,
    strategy: Strategy | None,
    connection: BrokerConnection,
    connection_problem: str,
    envelope: Envelope,
) -> _Plan:
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
    return _Plan(
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


def _cancel_unsent_entries(signal: Signal, plan: _Plan) -> list[int]:
    """An exit cancels its strategy's entries that are still here, rather than overtake them."""
    if plan.strategy is None:
        return []
    cancelled: list[int] = []
    entries = Order.objects.filter(
        strategy=plan.strategy,
        connection=plan.connection,
        exchange=plan.instrument.exchange,
        tradingsymbol=plan.instrument.tradingsymbol,
        product=plan.product,
        side=signal.side.opposite,
        reduce_only=False,
        status__in=_UNSENT,
    )
    for entry in entries:
        lifecycle.transition(
            entry,
            Status.CANCELLED,
            actor="intake",
            reason="The strategy's exit arrived before this entry was sent.",
        )
        cancelled.append(entry.pk)
    return cancelled


def _expires_at(mode: Mode, plan: _Plan, envelope: Envelope) -> datetime | None:
    if mode is Mode.MANUAL:
        return waiting_expires_at(plan.instrument.exchange, envelope.received_at)
    if plan.connection.simulated or plan.strategy is None:
        return None
    return envelope.received_at + timedelta(seconds=plan.strategy.time_to_live_seconds)


def _place_in_queue(signal: Signal, plan: _Plan, alert: Alert, envelope: Envelope) -> Order:
    automatic = (
        plan.strategy is not None
        and plan.strategy.execution_mode == Mode.AUTO
        and not plan.person_reasons
    )
    mode = Mode.AUTO if automatic else Mode.MANUAL
    order = Order(
        alert=alert,
        strategy=plan.strategy,
        connection=plan.connection,
        origin=Origin.ALERT,
        client_order_id=new_client_order_id(),
        symbol=signal.symbol,
        exchange=plan.instrument.exchange,
        tradingsymbol=plan.instrument.tradingsymbol,
        lot_size=plan.instrument.lot_size,
        multiplier=plan.instrument.multiplier,
        side=signal.side,
        qty=plan.quantity,
        requested_qty=plan.quantity,
        needs_quantity=plan.needs_quantity,
        price=signal.price,
        reference_price=signal.reference_price or signal.price,
        trigger_price=signal.trigger_price,
        order_type=plan.order_type,
        product=plan.product,
        validity=signal.validity,
        gtt=signal.gtt,
        reduce_only=plan.reduce_only,
        exit_plan=dict(signal.exit_plan),
        mode=mode,
        simulated=plan.connection.simulated,
        repaired=signal.repaired,
        warnings=[*signal.warnings, *plan.warnings, *_not_yet_said(plan, signal)],
        set_aside_reason=_set_aside_reason(plan),
        created_at=envelope.received_at,
        expires_at=_expires_at(mode, plan, envelope),
    )
    return lifecycle.create(
        order,
        Status.QUEUED if automatic else Status.WAITING,
        actor="intake",
        reason="AUTO strategy" if automatic else _set_aside_reason(plan) or "waits for a person",
        data={"alert_id": alert.pk},
    )


def _not_yet_said(plan: _Plan, signal: Signal) -> list[str]:
    return [reason for reason in plan.person_reasons if reason not in signal.warnings]


def _set_aside_reason(plan: _Plan) -> str:
    """Why an AUTO strategy's order waits all the same."""
    if plan.strategy is not None and plan.strategy.execution_mode == Mode.AUTO:
        return " ".join(plan.person_reasons)
    return ""


def _store(signal: Signal, strategy: Strategy | None, key: DedupeKey, envelope: Envelope) -> Intake:
    connection, problem = connection_for(strategy)
    if connection is None:
        return _reject(
            envelope,
            code="no_account",
            errors={"strategy_name": [problem]},
            alert=_alert_of(signal, strategy, envelope),
        )
    alert = _alert_of(signal, strategy, envelope)
    alert.dedupe_key = key.key
    if key.kind == "BODY":
        window = strategy.dedupe_window_seconds if strategy else 30
        alert.dedupe_until = envelope.received_at + timedelta(seconds=window)
    plan = _plan(signal, strategy, connection, problem, envelope)
    alert.outcome = Alert.Outcome.ACCEPTED
    cancelled = _cancel_unsent_entries(signal, plan) if plan.reduce_only else []
    if cancelled:
        numbers = ", ".join(f"#{number}" for number in cancelled)
        alert.warnings = [*alert.warnings, f"Cancelled the unsent entry {numbers}."]
    if plan.reduce_only and plan.needs_quantity:
        alert.outcome = Alert.Outcome.IGNORED
        alert.code = "no_open_position"
        alert.save(force_insert=True)
        return Intake("ignored", alert.pk, code=alert.code)
    alert.save(force_insert=True)
    _remember_price(signal, plan, envelope)
    order = _place_in_queue(signal, plan, alert, envelope)
    return Intake("accepted", alert.pk, order.pk, order.status, order.mode)


def _remember_price(signal: Signal, plan: _Plan, envelope: Envelope) -> None:
    """An alert's price is news for paper orders that rest."""
    seen: Decimal | None = signal.reference_price or signal.price
    if seen is not None and not signal.delayed_feed:
        record_price(
            plan.instrument.exchange,
            plan.instrument.tradingsymbol,
            seen,
            envelope.received_at,
            "alert",
        )


def accept(signal: Signal, strategy: Strategy | None, envelope: Envelope) -> Intake:
    """Store `signal` as an alert and make its order; the same alert again changes nothing.

    Must run inside a write transaction that the caller commits. Two at the same moment are told
    apart by the UNIQUE dedupe key: the second finds the first.
    """
    strategy_key = str(strategy.pk) if strategy else f"?{signal.strategy_name}"
    key = dedupe_key(signal, strategy_key, envelope.digest)
    first = _holder(key, envelope.received_at)
    if first is None:
        try:
            with transaction.atomic():
                return _store(signal, strategy, key, envelope)
        except IntegrityError:
            first = _holder(key, envelope.received_at)
            if first is None:
                raise
    return _duplicate(first, envelope, key.kind)


def ignore(envelope: Envelope, code: str, fields: dict[str, Any]) -> Intake:
    """Store a message that is understood and not wanted; the same again is counted on it."""
    key = DedupeKey(f"I:{envelope.digest}", "BODY")
    first = _holder(key, envelope.received_at)
    if first is None:
        alert = _new_alert(
            envelope,
            None,
            **_storable(fields),
            outcome=Alert.Outcome.IGNORED,
            code=code,
            dedupe_key=key.key,
            dedupe_until=envelope.received_at + timedelta(seconds=30),
        )
        try:
            with transaction.atomic():
                alert.save(force_insert=True)
            return Intake("ignored", alert.pk, code=code)
        except IntegrityError:
            first = _holder(key, envelope.received_at)
            if first is None:
                raise
    _count_duplicate(first, envelope)
    return Intake("ignored", first.pk, code=code)


def reject(
    envelope: Envelope, code: str, errors: dict[str, list[str]], fields: dict[str, Any]
) -> Intake:
    """Store a message that is no order, with the reason and the fix."""
    alert = _new_alert(envelope, None, **_storable(fields))
    return _reject(envelope, code=code, errors=errors, alert=alert)


def _reject(envelope: Envelope, *, code: str, errors: dict[str, list[str]], alert: Alert) -> Intake:
    alert.outcome = Alert.Outcome.REJECTED
    alert.code = code
    alert.errors = errors
    alert.save(force_insert=True)
    return Intake("rejected", alert.pk, code=code, errors=errors)


_TEXT_LIMITS = {"symbol": 128, "exchange": 64, "strategy_name": 255, "platform": 32}


def _storable(fields: dict[str, Any]) -> dict[str, Any]:
    """What could be read of a refused message, cut to what the columns hold."""
    kept = {
        name: str(fields[name])[:limit] for name, limit in _TEXT_LIMITS.items() if fields.get(name)
    }
    action = str(fields.get("action") or "")
    if action in (Side.BUY, Side.SELL):
        kept["action"] = action
    return kept
