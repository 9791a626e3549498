"""Claiming: the one short transaction in which an order becomes this worker's to send.

Risk is evaluated inside it, and the attempt with its tag and lease is committed before any byte
leaves. The conditional update decides between workers, on SQLite and PostgreSQL alike.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection as database
from django.db.models import Exists, OuterRef, Q, QuerySet

from brokers.accounts import session_of
from brokers.models import BrokerConnection
from brokers.registry import capabilities_of
from risk.engine.evaluate import Decision
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.order import Status
from trading.domain.session import waiting_expires_at
from trading.domain.values import Mode, Variety
from trading.models import Order, OrderAttempt
from trading.services import lifecycle, limiter
from trading.services.attempts import WORKER, tag_for
from trading.services.exposure import decide

_CANDIDATES = 20


@dataclass(frozen=True, slots=True)
class Claim:
    """An order that this worker may send, once, until `attempt.lease_until`."""

    order: Order
    attempt: OrderAttempt


def _due(now: datetime) -> QuerySet[Order]:
    """QUEUED orders that may go now: nothing of their instrument is before them or being sent."""
    same_instrument = Order.objects.filter(
        connection=OuterRef("connection"),
        exchange=OuterRef("exchange"),
        tradingsymbol=OuterRef("tradingsymbol"),
    ).exclude(pk=OuterRef("pk"))
    sending = same_instrument.filter(status=Status.SENDING)
    earlier = same_instrument.filter(
        Q(queued_at__lt=OuterRef("queued_at"))
        | Q(queued_at=OuterRef("queued_at"), pk__lt=OuterRef("pk")),
        status=Status.QUEUED,
    )
    due = Q(not_before__isnull=True) | Q(not_before__lte=now)
    return Order.objects.filter(due, status=Status.QUEUED).filter(
        ~Exists(earlier), ~Exists(sending)
    )


def _candidates(now: datetime, passed_over: Collection[int]) -> list[tuple[int, int]]:
    """(order, account) of what is due. `passed_over`: accounts that can't send just now."""
    return list(
        _due(now)
        .exclude(connection_id__in=passed_over)
        .order_by("queued_at", "pk")
        .values_list("pk", "connection_id")[:_CANDIDATES]
    )


def _lock(order_id: int, now: datetime) -> Order | None:
    """The order, locked for this transaction and still due; None when it isn't any more."""
    rows = _due(now).filter(pk=order_id).select_related("strategy")
    if database.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True, no_key=True, of=("self",))
    return rows.first()


def claim_next(worker_id: str, busy_accounts: Collection[int] = ()) -> Claim | None:
    """Claim the next order that may be sent, settling on the way those that may not.

    None when there is nothing to send. `busy_accounts`: accounts whose slots in this worker are
    all taken. Each order is considered in a transaction of its own, under its account's lock, so
    that no two orders take the last of a limit.
    """
    # A look without the write lock keeps an idle worker from standing in the writers' queue.
    if not Order.objects.filter(status=Status.QUEUED).exists():
        return None
    passed_over = set(busy_accounts)
    while candidates := _candidates(clock.now(), passed_over):
        settled = 0
        for order_id, account_id in candidates:
            if account_id in passed_over:
                continue
            with write_transaction():
                account = BrokerConnection.objects.select_for_update().get(pk=account_id)
                now = clock.now()
                order = _lock(order_id, now)
                if order is None:
                    continue
                order.connection = account
                if (claim := _consider(order, account, worker_id, now)) is not None:
                    return claim
            if order.status == Status.QUEUED:  # no room in the account's rate
                passed_over.add(account_id)
            else:
                settled += 1
        if not settled:
            return None
    return None


def _consider(
    order: Order, account: BrokerConnection, worker_id: str, now: datetime
) -> Claim | None:
    if order.expires_at is not None and order.expires_at <= now:
        lifecycle.transition(
            order,
            Status.EXPIRED,
            actor=WORKER,
            reason="its time to live was over before it could be sent",
        )
        return None
    session = session_of(account)
    decision = decide(order, account, session_ok=session.connected, session_error=session.error)
    if decision.gates:
        set_aside(order, " ".join(gate.message for gate in decision.gates))
        return None
    if order.gtt and not capabilities_of(account).triggers:
        set_aside(order, f"{account.name} can't hold GTT triggers: switch GTT off.")
        return None
    if decision.outcome == "DENY":
        _deny(order, decision, now)
        return None
    if not limiter.take(account, now):
        return None
    return _take(order, decision, worker_id, now)


def set_aside(order: Order, reason: str, *, data: dict[str, Any] | None = None) -> Order:
    """QUEUED → WAITING: a person decides. An AUTO order becomes MANUAL, with the reason."""
    return lifecycle.transition(
        order,
        Status.WAITING,
        actor=WORKER,
        reason=reason,
        changes={
            "mode": Mode.MANUAL,
            "set_aside_reason": reason,
            "not_before": None,
            "expires_at": waiting_expires_at(order.exchange, clock.now()),
        },
        data=data,
    )


def _deny(order: Order, decision: Decision, now: datetime) -> None:
    why = "; ".join(reason.rstrip(".") for reason in decision.reasons) + "."
    lifecycle.transition(
        order,
        Status.REJECTED_RISK,
        actor="risk",
        reason=why,
        changes={"risk": decision.as_json(now), "error_message": why},
        data={"outcome": "DENY"},
    )


def _take(order: Order, decision: Decision, worker_id: str, now: datetime) -> Claim:
    number = order.attempts.count() + 1
    attempt = OrderAttempt(
        order=order,
        number=number,
        tag=tag_for(order.client_order_id, number),
        variety=Variety.GTT if order.gtt else order.variety,
        worker_id=worker_id,
        lease_token=secrets.token_hex(16),
        lease_until=now + timedelta(seconds=settings.ST.lease_seconds),
        claimed_at=now,
    )
    lifecycle.transition(
        order,
        Status.SENDING,
        actor=WORKER,
        reason=" ".join(decision.notes),
        changes={
            "qty": decision.final_qty,
            "risk": decision.as_json(now),
            "not_before": None,
        },
        data={"attempt": number, "tag": attempt.tag, "risk": decision.outcome},
    )
    attempt.save(force_insert=True)
    return Claim(order, attempt)
