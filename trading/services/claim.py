"""Claiming: the one short transaction in which an order becomes this worker's to send.

Risk is evaluated inside it, and the attempt with its tag and lease is committed before any byte
leaves. The conditional update decides between workers, on SQLite and PostgreSQL alike.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from django.conf import settings
from django.db import connection as database
from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact

from brokers.accounts import session_of
from brokers.models import AccountState, BrokerConnection, ConnectionKind
from brokers.registry import capabilities_of
from risk.engine.denials import Code
from risk.engine.evaluate import Decision
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.order import AT_BROKER, Status
from trading.domain.session import IST
from trading.domain.values import Side, Variety
from trading.models import Order, OrderAttempt
from trading.services import breakers, legs, lifecycle, limiter
from trading.services.attempts import WORKER, tag_for
from trading.services.contract import problems
from trading.services.exposure import decide, held_for
from trading.services.preparation import prepare
from trading.services.routing import route_of, time_to_live
from trading.services.setting_aside import set_aside

_CANDIDATES = 20
_TOO_LATE = "its time to live was over before it could be sent"
_BACKOFF_HORIZON = timedelta(seconds=60)


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
    # An order that was put off to a later session stands in nobody's way; one in backoff does.
    soon = Q(not_before__isnull=True) | Q(not_before__lte=now + _BACKOFF_HORIZON)
    earlier = same_instrument.filter(soon).filter(
        Q(queued_at__lt=OuterRef("queued_at"))
        | Q(queued_at=OuterRef("queued_at"), pk__lt=OuterRef("pk")),
        status=Status.QUEUED,
    )
    due = Q(not_before__isnull=True) | Q(not_before__lte=now)
    # The target leg of a trigger goes with its stop leg. Asked for IS NULL, SQLite would look
    # through the index of legs, in which nearly every order ever made has none.
    alone = Exact(Coalesce("oco_with_id", 0), 0)
    return Order.objects.filter(due, alone, status=Status.QUEUED).filter(
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


def claim_next(
    worker_id: str, busy_accounts: Collection[int] = (), started_at: datetime | None = None
) -> Claim | None:
    """Claim the next order that may be sent, settling on the way those that may not.

    None when there is nothing to send. `busy_accounts`: accounts whose slots in this worker are
    all taken. `started_at`: of this worker; an account's book is read after it before anything is
    sent there. Each order is considered in a transaction of its own, under its account's lock, so
    that no two orders take the last of a limit.
    """
    # A look without the write lock keeps an idle worker from standing in the writers' queue.
    if not Order.objects.filter(status=Status.QUEUED).exists():
        return None
    passed_over = set(busy_accounts)
    while candidates := _candidates(clock.now(), passed_over):
        settled, reading = 0, set[int]()
        for order_id, account_id in candidates:
            if account_id in passed_over:
                continue
            facts = _facts_of(order_id, started_at)
            if facts is _Facts.AWAITED:
                reading.add(account_id)
                continue
            with write_transaction():
                account = BrokerConnection.objects.select_for_update(no_key=True).get(pk=account_id)
                now = clock.now()
                order = _lock(order_id, now)
                if order is None:
                    continue
                order.connection = account
                claim = _consider(order, account, worker_id, now, started_at, facts)
                if claim is not None:
                    return claim
            put_off = order.not_before is not None and order.not_before > now
            if order.status == Status.QUEUED and not put_off:
                passed_over.add(account_id)  # no room in its rate, or its book was not read yet
            else:
                settled += 1
        if not settled and not reading:
            return None
        if not settled:
            passed_over |= reading  # another thread reads for these; the others go on
    return None


class _Facts(Enum):
    """Whether what an order's limits look at was read before its claim."""

    READ = "read, or none is needed"
    NOT_ASKED = "it could not go a moment ago"
    AWAITED = "another thread reads for its account"


def _facts_of(order_id: int, started_at: datetime | None) -> _Facts:
    """Read what the order's limits look at.

    Paper's facts stand in rows already. An order that can't go now is settled without asking; if
    that changes meanwhile, it is for the next look.
    """
    order = (
        Order.objects.filter(pk=order_id, status=Status.QUEUED)
        .select_related("strategy", "connection")
        .first()
    )
    if order is None:
        return _Facts.NOT_ASKED
    if order.simulated:
        return _Facts.READ
    if not session_of(order.connection).connected:
        return _Facts.NOT_ASKED
    now = clock.now()
    expired = order.expires_at is not None and order.expires_at <= now
    if expired or not _book_was_read(order, order.connection, started_at):
        return _Facts.NOT_ASKED
    begins = route_of(order, order.connection, now).not_before
    if begins is not None and begins > now:
        return _Facts.NOT_ASKED
    return _Facts.READ if prepare(order) else _Facts.AWAITED


def _consider(
    order: Order,
    account: BrokerConnection,
    worker_id: str,
    now: datetime,
    started_at: datetime | None,
    facts: _Facts,
) -> Claim | None:
    if order.expires_at is not None and order.expires_at <= now:
        legs.transition(
            order,
            Status.EXPIRED,
            actor=WORKER,
            reason=": ".join(filter(None, (_TOO_LATE, limiter.held_up(order)))),
        )
        return None
    way = route_of(order, account, now)
    if way.not_before is not None and way.not_before > now:
        _put_off(order, way.not_before)
        return None
    session = session_of(account)
    live = capabilities_of(account).sessions
    if live and session.connected:
        if not _book_was_read(order, account, started_at):
            return None
        if facts is not _Facts.READ:
            return None  # it may go only since a moment ago: judged now, it would lack its facts
    if stopped := breakers.look(order, account, now):
        set_aside(order, stopped)
        return None
    decision = decide(order, account, session_ok=session.connected, session_error=session.error)
    if decision.gates:
        set_aside(order, " ".join(gate.message for gate in decision.gates))
        return None
    if question := way.question or _question(order, account):
        set_aside(order, question)
        return None
    if decision.outcome == "DENY":
        if holders := _in_the_way(order, account, decision):
            set_aside(order, holders)
        else:
            _deny(order, decision, now)
        return None
    if not limiter.take(account, now):
        return None
    return _take(order, decision, way.variety, worker_id, now)


def _in_the_way(order: Order, account: BrokerConnection, decision: Decision) -> str:
    """What holds an exit up although its position is open: other orders that may close it.

    Nothing is wrong with such an exit, so a person decides. Empty for every other denial.
    """
    denials = {check.code for check in decision.checks if check.verdict == "DENY"}
    held = held_for(order, account)
    open_here = held > 0 if order.side == Side.SELL else held < 0
    if denials != {Code.REDUCE_ONLY} or not open_here:
        return ""
    others = Order.objects.filter(
        connection=account,
        exchange=order.exchange,
        tradingsymbol=order.tradingsymbol,
        product=order.product,
        side=order.side,
        status__in=AT_BROKER,
    ).exclude(pk=order.pk)
    numbers = ", ".join(f"#{pk}" for pk in others.values_list("pk", flat=True)[:5])
    if not numbers:
        return ""
    return f"Orders that close this position already: {numbers}. Cancel them, then execute this."


def _question(order: Order, account: BrokerConnection) -> str:
    """Why a person must look at the order before it can go; empty when nothing is in the way."""
    if order.gtt and not capabilities_of(account).triggers:
        return f"{account.name} can't hold GTT triggers: switch GTT off."
    if account.kind == ConnectionKind.LIVE and clock.is_moved():
        return "The clock of this installation is moved: nothing is sent for real money."
    target = legs.target_of(order)
    if target is not None and target.status != Status.QUEUED:
        return f"Its target, order {target.pk}, is {target.status}: place the stop by itself."
    return " ".join(text for texts in problems(order).values() for text in texts)


def _put_off(order: Order, until: datetime) -> None:
    """Wait for a later session. The time to live begins there."""
    lifecycle.amend(
        order,
        {"not_before": until, "expires_at": until + time_to_live(order)},
        actor=WORKER,
        reason=f"the market is closed: it waits until {until.astimezone(IST):%d %b %H:%M}",
    )


def _book_was_read(order: Order, account: BrokerConnection, started_at: datetime | None) -> bool:
    """Whether the broker's book was read since this worker started, since the last login, and
    since an earlier attempt of this order: what was in flight is settled before anything goes."""
    state = AccountState.objects.filter(connection=account).first()
    last = order.attempts.aggregate(closed=Max("closed_at"))["closed"]
    begun = max((at for at in (started_at, account.logged_in_at, last) if at), default=None)
    if begun is None:
        return True
    if state is None or state.book_read_at is None or state.positions_read_at is None:
        return False
    # Risk judges by the broker's positions: those of an earlier session would be fiction.
    since_login = max((at for at in (started_at, account.logged_in_at) if at), default=begun)
    return state.book_read_at >= begun and state.positions_read_at >= since_login


def _deny(order: Order, decision: Decision, now: datetime) -> None:
    why = "; ".join(reason.rstrip(".") for reason in decision.reasons) + "."
    legs.transition(
        order,
        Status.REJECTED_RISK,
        actor="risk",
        reason=why,
        changes={"risk": decision.as_json(now), "error_message": why},
        data={"outcome": "DENY"},
    )


def _take(
    order: Order, decision: Decision, variety: Variety, worker_id: str, now: datetime
) -> Claim:
    number = order.attempts.count() + 1
    attempt = OrderAttempt(
        order=order,
        number=number,
        tag=tag_for(order.client_order_id, number),
        variety=Variety.GTT if order.gtt else variety,
        worker_id=worker_id,
        lease_token=secrets.token_hex(16),
        lease_until=now + timedelta(seconds=settings.ST.lease_seconds),
        claimed_at=now,
    )
    # Off hours as GTT: the limit is also the price that fires it.
    becomes_trigger = variety is Variety.GTT and not order.gtt
    as_trigger = (
        {"gtt": True, "trigger_price": order.trigger_price or order.price}
        if becomes_trigger
        else {}
    )
    legs.transition(
        order,
        Status.SENDING,
        actor=WORKER,
        reason=" ".join(decision.notes),
        changes={
            "qty": decision.final_qty,
            "risk": decision.as_json(now),
            "not_before": None,
            "variety": attempt.variety,
            **as_trigger,
        },
        data={"attempt": number, "tag": attempt.tag, "risk": decision.outcome},
    )
    attempt.save(force_insert=True)
    return Claim(order, attempt)
