"""The kill switch: changing the trading state, and what follows from it for orders."""

from dataclasses import dataclass, field

from django.db.models import QuerySet

from risk import policy
from sigmatrader import second_factor
from sigmatrader.db import write_transaction
from trading.domain.order import AT_BROKER, Status
from trading.domain.values import StateScope, TradingStateName
from trading.models import Order
from trading.services import queue
from trading.services.claim import set_aside
from trading.services.errors import Conflict, InvalidChange


@dataclass(slots=True)
class StateChange:
    """What a change of the trading state did."""

    state: TradingStateName
    scope: StateScope
    set_aside: list[int] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The person who asks for a change, and the code of their second factor ("" for none)."""

    user: second_factor.User
    code: str = field(default="", repr=False)


def _orders_of(
    scope: StateScope, connection_id: int | None, strategy_id: int | None
) -> QuerySet[Order]:
    orders = Order.objects.all()
    if scope is StateScope.ACCOUNT and connection_id is not None:
        return orders.filter(connection_id=connection_id)
    if scope is StateScope.STRATEGY and strategy_id is not None:
        return orders.filter(strategy_id=strategy_id)
    return orders


def _check(
    state: TradingStateName,
    scope: StateScope,
    reason: str,
    connection_id: int | None,
    strategy_id: int | None,
) -> None:
    errors: dict[str, list[str]] = {}
    if state is TradingStateName.ACTIVE and len(reason.strip()) < 3:
        errors["reason"] = ["Type why trading may resume."]
    if scope is StateScope.ACCOUNT and connection_id is None:
        errors["connection_id"] = ["Say which account."]
    if scope is StateScope.STRATEGY and strategy_id is None:
        errors["strategy_id"] = ["Say which strategy."]
    if errors:
        raise InvalidChange("The trading state can't be changed so.", errors=errors)


def _check_code(confirmed: Confirmation) -> None:
    if error := second_factor.verify(confirmed.user, confirmed.code):
        raise InvalidChange("Trading is not resumed.", errors={"code": [error]})


def _cancel_for_sure(order_id: int, actor: str) -> bool:
    """Ask for the cancel until it is asked or the order has ended; fills come in between."""
    while True:
        order = Order.objects.get(pk=order_id)
        if order.ended:
            return False
        try:
            queue.cancel(order, actor=actor, reason="trading state changed")
        except Conflict:
            continue
        return True


def set_state(
    state: TradingStateName | str,
    scope: StateScope | str,
    reason: str,
    actor: str,
    connection_id: int | None = None,
    strategy_id: int | None = None,
    *,
    cancel_working: bool = False,
    confirmed_by: Confirmation | None = None,
) -> StateChange:
    """Change the trading state of everything, one account or one strategy.

    HALTED sets every queued order of the scope aside (a person decides again later); with
    `cancel_working` the working ones are cancelled. The state is committed first, so that nothing
    is claimed after it. A person's request comes with `confirmed_by`: whoever has a second factor
    needs a code for ACTIVE. Raises InvalidChange with the field and the fix.
    """
    state, scope = TradingStateName(state), StateScope(scope)
    _check(state, scope, reason, connection_id, strategy_id)
    if state is TradingStateName.ACTIVE and confirmed_by is not None:
        _check_code(confirmed_by)
    policy.set_state(
        scope, state, reason.strip(), actor, connection_id=connection_id, strategy_id=strategy_id
    )
    change = StateChange(state, scope)
    orders = _orders_of(scope, connection_id, strategy_id)
    if state is TradingStateName.HALTED:
        why = f"Trading was halted by {actor}" + (f": {reason.strip()}" if reason.strip() else "")
        for order in orders.filter(status=Status.QUEUED):
            with write_transaction():
                try:
                    set_aside(order, why)
                    change.set_aside.append(order.pk)
                except Conflict:
                    continue  # claimed at this moment: the last look before the call stops it
    if cancel_working:
        for order_id in orders.filter(status__in=AT_BROKER).values_list("pk", flat=True):
            if _cancel_for_sure(order_id, actor):
                change.cancelled.append(order_id)
    return change
