"""What stops AUTO orders by itself: a streak of refusals, unknown outcomes, a strategy that runs.

A breaker that opened is a row until it is closed. It is looked for inside every claim of an AUTO
order, under the account's lock, so that a burst meets it; and once a second by the worker, so that
it shows. What the account's own state says (a dark order book, a clock that is off) needs no row:
`trading.services.alarms` lists it beside these.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from brokers.models import BrokerConnection
from risk import policy
from risk.engine.denials import Code
from risk.engine.limits import Limits
from risk.models import Breaker
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.order import Status
from trading.domain.values import Mode, Origin, StateScope, TradingStateName
from trading.models import Order, OrderAttempt, Strategy
from trading.services.attempts import WORKER
from trading.services.setting_aside import set_aside_each

logger = logging.getLogger(__name__)

# What a CIRCUIT_BREAKER's reason begins with: by it, and by nothing else, `is_of_unknowns` knows
# which of the two has opened. Rows that are open in a database have these words.
_UNKNOWN = "Unknown outcomes: "
_REFUSED = "Refusals in a row: "
_STREAK_WITHIN = timedelta(days=1)
_REFUSED_LOOKED_AT = 200
_DEFAULT_MINUTES = 5
_NAMED = 5  # orders that a reason names


def look(order: Order, account: BrokerConnection, now: datetime) -> str:
    """Why an AUTO order may not go by itself; empty when it may. Inside its claim.

    A breaker whose condition has come about opens here, before the order goes.
    """
    if order.mode != Mode.AUTO:
        return ""
    strategy = order.strategy
    limits = policy.limits_for(order.strategy_id, strategy.name if strategy else "")
    _watch_account(account, limits[0], now, leaving=order.pk)
    if strategy is not None:
        _watch_strategy(strategy, limits, now)
    found = open_breakers(account.pk, order.strategy_id)
    return " ".join(f"{one.reason} {way_back(one)}" for one in found)


def watch(now: datetime) -> None:
    """Open and close what is due, and take out of the queue what a breaker stops."""
    everywhere = policy.limits_for(None, "")[0]
    for account in BrokerConnection.objects.order_by("id"):
        _watch_account(account, everywhere, now)
    for strategy in Strategy.objects.filter(execution_mode=Mode.AUTO, archived=False):
        _watch_strategy(strategy, policy.limits_for(strategy.pk, strategy.name), now)
    for breaker in Breaker.objects.filter(closed_at__isnull=True):
        _set_queued_aside(breaker)


def open_breakers(
    connection_id: int | None = None, strategy_id: int | None = None
) -> QuerySet[Breaker]:
    """The open breakers of the account and of the strategy; of everything when neither is named."""
    rows = Breaker.objects.filter(closed_at__isnull=True).select_related("connection", "strategy")
    if connection_id is None and strategy_id is None:
        return rows
    mine = Q(pk__in=[])
    if connection_id is not None:
        mine |= Q(connection_id=connection_id)
    if strategy_id is not None:
        mine |= Q(strategy_id=strategy_id)
    return rows.filter(mine)


def is_of_unknowns(breaker: Breaker) -> bool:
    """Whether unknown outcomes opened it, and not refusals or a strategy that ran."""
    return breaker.code == Code.CIRCUIT_BREAKER and breaker.reason.startswith(_UNKNOWN)


def way_back(breaker: Breaker) -> str:
    """What closes the breaker, for people."""
    if breaker.code == Code.REPEATED_EXECUTION:
        return "Resume the strategy when you have looked, then set it to AUTO."
    if is_of_unknowns(breaker):
        return "It closes when they are resolved, or when you resume the account."
    return "Resume the account when you have looked."


def open_breaker(
    code: Code,
    reason: str,
    *,
    connection_id: int | None = None,
    strategy_id: int | None = None,
) -> Breaker:
    """Open the breaker of the account or the strategy, if it is not open yet."""
    target: dict[str, Any] = {"connection_id": connection_id, "strategy_id": strategy_id}
    with write_transaction():
        breaker, opened = Breaker.objects.get_or_create(
            code=code,
            closed_at=None,
            **target,
            defaults={"since": clock.now(), "reason": reason},
        )
    if opened:
        logger.error("ALARM: breaker %s: %s", code, reason)
    return breaker


def close_breakers(
    scope: StateScope,
    connection_id: int | None = None,
    strategy_id: int | None = None,
    *,
    actor: str,
    reason: str,
) -> int:
    """Close what is open in the scope: everything, the account's, or the strategy's."""
    rows = Breaker.objects.filter(closed_at__isnull=True)
    if scope is not StateScope.EVERYTHING:
        rows = open_breakers(connection_id, strategy_id)
    return _close(rows, actor, reason)


def _close(rows: QuerySet[Breaker], actor: str, reason: str) -> int:
    with write_transaction():
        return rows.filter(closed_at__isnull=True).update(
            closed_at=clock.now(), closed_by=actor[:150], close_reason=reason
        )


def _last_closed(code: Code, target: Q) -> datetime | None:
    """What happened before a person, or the facts, closed the breaker counts no more."""
    closed = Breaker.objects.filter(target, code=code, closed_at__isnull=False)
    return closed.order_by("-closed_at").values_list("closed_at", flat=True).first()


# -- an account's outcomes -------------------------------------------------------------------


def _watch_account(
    account: BrokerConnection, limits: Limits, now: datetime, *, leaving: int | None = None
) -> None:
    """`leaving`: the order that is being claimed, which its claim sets aside itself."""
    rows = open_breakers(account.pk).filter(code=Code.CIRCUIT_BREAKER)
    current = rows.first()
    if current is not None and is_of_unknowns(current):
        if not _unknown(account).exists():
            _close(rows, WORKER, "Every outcome is known.")
            current = None
        elif _refusals(account, limits, now):
            _close(rows, WORKER, "Refusals stop the account.")
            current = None
    if current is None:
        reason = _refusals(account, limits, now) or _too_many_unknown(account, limits)
        if reason:
            _stop(account, reason, limits, leaving)


def _stop(account: BrokerConnection, reason: str, limits: Limits, leaving: int | None) -> None:
    breaker = open_breaker(Code.CIRCUIT_BREAKER, reason, connection_id=account.pk)
    _set_queued_aside(breaker, leaving)
    if limits.circuit_breaker_reducing:
        _reduce(account, reason)


def _reduce(account: BrokerConnection, reason: str) -> None:
    """REDUCING, where the account's own state is not stricter."""
    with write_transaction():
        if policy.state_of(StateScope.ACCOUNT, account.pk) is TradingStateName.ACTIVE:
            policy.set_state(
                StateScope.ACCOUNT,
                TradingStateName.REDUCING,
                f"CIRCUIT_BREAKER: {reason}",
                WORKER,
                connection_id=account.pk,
            )


def _unknown(account: BrokerConnection) -> QuerySet[Order]:
    return Order.objects.filter(
        connection=account, status=Status.UNKNOWN, oco_with__isnull=True
    ).order_by("pk")


def _too_many_unknown(account: BrokerConnection, limits: Limits) -> str:
    if limits.circuit_breaker_unknown is None:
        return ""
    orders = _unknown(account)
    if since := _last_closed(Code.CIRCUIT_BREAKER, Q(connection=account)):
        orders = orders.filter(sent_at__gt=since)
    found = list(orders.values_list("pk", flat=True))
    if len(found) < limits.circuit_breaker_unknown:
        return ""
    return (
        f"{_UNKNOWN}{_numbers(found)} at once on {account.name} "
        f"(circuit_breaker_unknown={limits.circuit_breaker_unknown} in {limits.label})."
    )


def _refusals(account: BrokerConnection, limits: Limits, now: datetime) -> str:
    """The streak in words when it has reached the limit: orders that the broker refused at once,
    or took and rejected, with none that it kept in between."""
    if limits.circuit_breaker is None:
        return ""
    since = _last_closed(Code.CIRCUIT_BREAKER, Q(connection=account))
    streak = [
        one
        for one in _newest_refused(now)
        if one.connection_id == account.pk
        and one.finished_at is not None
        and (since is None or one.finished_at > since)
    ]
    streak = sorted(streak, key=lambda one: (one.finished_at or now, one.pk), reverse=True)
    streak = streak[: limits.circuit_breaker]
    if len(streak) < limits.circuit_breaker or _kept_since(account, streak[-1]):
        return ""
    words = f": {streak[0].error_message}" if streak[0].error_message else ""
    return (
        f"{_REFUSED}{_numbers(one.pk for one in streak)} on {account.name} "
        f"(circuit_breaker={limits.circuit_breaker} in {limits.label}){words.rstrip('.')}."
    )


def _newest_refused(now: datetime) -> QuerySet[Order]:
    """By the index of what is newest in a status, whatever the account: the history may be long."""
    refused_at_once = OrderAttempt.objects.filter(
        order=OuterRef("pk"), outcome=OrderAttempt.Outcome.REFUSED
    )
    return (
        Order.objects.filter(
            status__in=[Status.REJECTED, Status.FAILED], created_at__gt=now - _STREAK_WITHIN
        )
        .filter(Q(status=Status.REJECTED) | Exists(refused_at_once))
        .filter(oco_with__isnull=True)
        .exclude(origin=Origin.EXTERNAL)
        .order_by("-created_at")[:_REFUSED_LOOKED_AT]
    )


def _kept_since(account: BrokerConnection, first: Order) -> bool:
    """Whether the broker has kept an order of ours since that refusal."""
    return (
        Order.objects.filter(connection=account, sent_at__gte=first.finished_at)
        .exclude(status__in=[Status.REJECTED, Status.UNKNOWN, Status.FAILED])
        .exclude(origin=Origin.EXTERNAL)
        .exists()
    )


def _numbers(orders: Iterable[int]) -> str:
    numbers = [f"#{pk}" for pk in sorted(orders)]
    more = f" and {len(numbers) - _NAMED} more" if len(numbers) > _NAMED else ""
    word = "order" if len(numbers) == 1 else "orders"
    return f"{word} {', '.join(numbers[:_NAMED])}{more}"


# -- a strategy that runs --------------------------------------------------------------------


def _watch_strategy(strategy: Strategy, limits: list[Limits], now: datetime) -> None:
    mode = Strategy.objects.values_list("execution_mode", flat=True).get(pk=strategy.pk)
    if mode != Mode.AUTO:
        return
    if open_breakers(strategy_id=strategy.pk).filter(code=Code.REPEATED_EXECUTION).exists():
        # Somebody saved a page from before it opened: only resuming closes it.
        _set_to_manual(strategy, now)
        return
    for one in limits:
        if reason := _ran(strategy, one, now):
            with write_transaction():
                _set_to_manual(strategy, now)
                open_breaker(Code.REPEATED_EXECUTION, reason, strategy_id=strategy.pk)
            return


def _set_to_manual(strategy: Strategy, now: datetime) -> None:
    Strategy.objects.filter(pk=strategy.pk, execution_mode=Mode.AUTO).update(
        execution_mode=Mode.MANUAL, updated_at=now
    )


def _ran(strategy: Strategy, limits: Limits, now: datetime) -> str:
    if limits.repeated_execution is None:
        return ""
    minutes = limits.repeated_execution_minutes or _DEFAULT_MINUTES
    since = now - timedelta(minutes=minutes)
    if closed := _last_closed(Code.REPEATED_EXECUTION, Q(strategy=strategy)):
        since = max(since, closed)
    sent = Order.objects.filter(strategy=strategy, mode=Mode.AUTO, oco_with__isnull=True)
    going = sent.filter(status=Status.SENDING, sent_at__isnull=True).count()
    count = sent.filter(sent_at__gt=since).count() + going
    if count < limits.repeated_execution:
        return ""
    return (
        f"{strategy.name} sent {count} orders by itself within {minutes} minutes "
        f"(repeated_execution={limits.repeated_execution} in {limits.label}): it is MANUAL now."
    )


def _set_queued_aside(breaker: Breaker, leaving: int | None = None) -> None:
    """Orders that were to go by themselves wait for a person, those of a later session too."""
    queued = Order.objects.filter(status=Status.QUEUED, mode=Mode.AUTO, oco_with__isnull=True)
    if breaker.connection_id is not None:
        queued = queued.filter(connection_id=breaker.connection_id)
    elif breaker.strategy_id is not None:
        queued = queued.filter(strategy_id=breaker.strategy_id)
    if leaving is not None:
        queued = queued.exclude(pk=leaving)
    set_aside_each(queued, f"{breaker.reason} {way_back(breaker)}")
