"""From an authenticated alert to a stored alert and its order, in one transaction, once."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from brokers.prices import record_price
from trading.domain.order import Status
from trading.domain.session import waiting_expires_at
from trading.domain.signal import (
    DedupeKey,
    DedupeKind,
    Signal,
    dedupe_key,
)
from trading.domain.values import Mode, Origin, Side
from trading.models import Alert, Order, Strategy
from trading.services import calendar, lifecycle
from trading.services.attempts import new_client_order_id
from trading.services.cancelling import cancel
from trading.services.connections import connection_for
from trading.services.errors import Conflict
from trading.services.plan import Envelope, Plan, plan_order
from trading.services.wakeup import wake_workers


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


def _count_duplicate(first: Alert, envelope: Envelope) -> None:
    Alert.objects.filter(pk=first.pk).update(
        duplicate_count=F("duplicate_count") + 1, last_duplicate_at=envelope.received_at
    )


def _duplicate(first: Alert, envelope: Envelope, kind: str) -> Intake:
    if kind == "ALERT_ID" and first.body_digest != envelope.digest:
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
    return _as_duplicate(first)


def _as_duplicate(first: Alert) -> Intake:
    order = first.orders.order_by("id").first()
    return Intake(
        "duplicate",
        first.pk,
        order.pk if order else None,
        order.status if order else "",
        order.mode if order else "",
    )


def _key(signal: Signal, strategy: Strategy | None, envelope: Envelope) -> DedupeKey:
    strategy_key = str(strategy.pk) if strategy else f"?{signal.strategy_name}"
    return dedupe_key(signal, strategy_key, envelope.digest)


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


def _stop_entries(plan: Plan) -> list[int]:
    """An exit stops its strategy's entries that have not filled, rather than overtake them.

    What is unsent is cancelled, what is on its way or works at the broker is asked to be. Returns
    the ids.
    """
    stopped: list[int] = []
    for entry_id in [*plan.unsent_entries, *plan.sent_entries]:
        while True:
            entry = Order.objects.get(pk=entry_id)
            if entry.ended:
                break
            try:
                cancel(entry, actor="intake", reason="The strategy's exit has arrived.")
            except Conflict:
                continue  # it has just moved on: look again
            stopped.append(entry_id)
            break
    return stopped


def _expires_at(mode: Mode, plan: Plan, envelope: Envelope) -> datetime | None:
    if mode is Mode.MANUAL:
        return waiting_expires_at(
            plan.instrument.exchange, envelope.received_at, calendar.current()
        )
    if plan.connection.simulated or plan.strategy is None:
        return None
    return envelope.received_at + timedelta(seconds=plan.strategy.time_to_live_seconds)


def _place_in_queue(signal: Signal, plan: Plan, alert: Alert, envelope: Envelope) -> Order:
    mode = Mode.AUTO if plan.automatic else Mode.MANUAL
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
        price=plan.price,
        reference_price=plan.seen_price(signal),
        trigger_price=plan.trigger_price,
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
        set_aside_reason=plan.set_aside_reason,
        created_at=envelope.received_at,
        expires_at=_expires_at(mode, plan, envelope),
    )
    return lifecycle.create(
        order,
        Status.QUEUED if plan.automatic else Status.WAITING,
        actor="intake",
        reason="AUTO strategy" if plan.automatic else plan.set_aside_reason or "waits for a person",
        data={"alert_id": alert.pk},
    )


def _not_yet_said(plan: Plan, signal: Signal) -> list[str]:
    return [reason for reason in plan.person_reasons if reason not in signal.warnings]


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
    plan = plan_order(signal, strategy, connection, problem, envelope)
    alert.outcome = Alert.Outcome.ACCEPTED
    if stopped := _stop_entries(plan):
        numbers = ", ".join(f"#{number}" for number in stopped)
        alert.warnings = [*alert.warnings, f"Cancelled the entry {numbers}."]
    if plan.nothing_to_exit:
        alert.outcome = Alert.Outcome.IGNORED
        alert.code = "no_open_position"
        alert.save(force_insert=True)
        return Intake("ignored", alert.pk, code=alert.code)
    alert.save(force_insert=True)
    _remember_price(signal, plan, envelope)
    order = _place_in_queue(signal, plan, alert, envelope)
    return Intake("accepted", alert.pk, order.pk, order.status, order.mode)


def _remember_price(signal: Signal, plan: Plan, envelope: Envelope) -> None:
    """An alert's price is news for paper orders that rest."""
    seen = plan.seen_price(signal)
    if seen is not None and not signal.delayed_feed:
        record_price(
            plan.instrument.exchange,
            plan.instrument.tradingsymbol,
            seen,
            envelope.received_at,
            "alert",
        )
        wake_workers()


def accept(signal: Signal, strategy: Strategy | None, envelope: Envelope) -> Intake:
    """Store `signal` as an alert and make its order; the same alert again changes nothing.

    Must run inside a write transaction that the caller commits. Two at the same moment are told
    apart by the UNIQUE dedupe key: the second finds the first.
    """
    key = _key(signal, strategy, envelope)
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


def known_duplicate(signal: Signal, strategy: Strategy | None, envelope: Envelope) -> Intake | None:
    """The first one's answer when the very same message is stored already.

    Only reads, for when the database can't be had for writing: the copy is not counted.
    """
    first = Alert.objects.filter(dedupe_key=_key(signal, strategy, envelope).key).first()
    if first is None or first.body_digest != envelope.digest:
        return None
    over = first.dedupe_until is not None and first.dedupe_until <= envelope.received_at
    return None if over else _as_duplicate(first)


def ignore(envelope: Envelope, code: str, fields: dict[str, Any]) -> Intake:
    """Store a message that is understood and not wanted; the same again is counted on it."""
    key = DedupeKey(f"I:{envelope.digest}", DedupeKind.BODY)
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
