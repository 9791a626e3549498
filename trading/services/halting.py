"""The kill switch: changing the trading state, and what follows from it for orders."""

from dataclasses import dataclass, field
from typing import Final

from django.db.models import QuerySet

from brokers.models import BrokerConnection
from risk import policy
from risk.models import SquareOff
from sigmatrader import second_factor
from sigmatrader.db import write_transaction
from trading.domain.order import AT_BROKER, Status
from trading.domain.values import Mode, Side, StateScope, TradingStateName
from trading.models import Order
from trading.services import breakers, queue, squareoff
from trading.services.attempts import WORKER
from trading.services.errors import Conflict, InvalidChange, NotAllowed
from trading.services.exposure import held_quantities
from trading.services.setting_aside import set_aside_each

RESUME_RIGHT: Final = "risk.change_tradingstate"
NO_SECOND_FACTOR: Final = (
    "Second factors are in use here, and you have none: set yours up (Settings, Second factor), "
    "then resume with its code."
)


@dataclass(slots=True)
class StateChange:
    """What a change of the trading state did."""

    state: TradingStateName
    scope: StateScope
    set_aside: list[int] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    square_off: SquareOff | None = None
    breakers_closed: int = 0


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


def _check_person(confirmed: Confirmation) -> None:
    """Whether this person may resume: by right, and by the code of their second factor."""
    if not confirmed.user.has_perm(RESUME_RIGHT):
        text = (
            f"Your login may not resume trading: an administrator can give it the right "
            f"{RESUME_RIGHT} in the admin."
        )
        raise NotAllowed(text, errors={"state": [text]})
    if second_factor.lacks_one(confirmed.user):
        raise InvalidChange("Trading is not resumed.", errors={"code": [NO_SECOND_FACTOR]})
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
    square_off: bool = False,
    confirmed_by: Confirmation | None = None,
) -> StateChange:
    """Change the trading state of everything, one account or one strategy.

    HALTED sets every queued order of the scope aside (a person decides again later); with
    `cancel_working` the working ones are cancelled. With `square_off` the scope is REDUCING until
    the worker has closed what is open, and HALTED after that if it was asked for. ACTIVE closes
    the scope's breakers. The state is committed first, so that nothing is claimed after it.

    A person's request comes with `confirmed_by`. ACTIVE takes a right then, and where anybody has
    a second factor, a code of theirs. Raises InvalidChange with the field and the fix, NotAllowed
    without the right.
    """
    state, scope, reason = TradingStateName(state), StateScope(scope), reason.strip()
    _check(state, scope, reason, connection_id, strategy_id)
    if square_off:
        _check_square_off(state, scope, connection_id, strategy_id)
    if state is TradingStateName.ACTIVE and confirmed_by is not None:
        _check_person(confirmed_by)  # last: a right code is used up by it
    begins_with = TradingStateName.REDUCING if square_off else state
    change = StateChange(begins_with, scope)
    with write_transaction():
        # The square-off before the state, as the worker does: so neither waits for the other.
        if square_off:
            change.square_off = squareoff.begin(
                scope,
                reason,
                actor,
                connection_id=connection_id,
                strategy_id=strategy_id,
                then_halt=state is TradingStateName.HALTED,
            )
        else:
            _end_square_off(state, scope, actor, connection_id, strategy_id)
        if state is TradingStateName.ACTIVE:
            # Breakers before the state, as a claim does.
            change.breakers_closed = breakers.close_breakers(
                scope, connection_id, strategy_id, actor=actor, reason=reason
            )
        policy.set_state(
            scope, begins_with, reason, actor, connection_id=connection_id, strategy_id=strategy_id
        )
    orders = _orders_of(scope, connection_id, strategy_id)
    if begins_with is TradingStateName.HALTED:
        why = f"Trading was halted by {actor}" + (f": {reason}" if reason else "")
        change.set_aside = set_aside_each(orders.filter(status=Status.QUEUED), why)
    if cancel_working:
        for order_id in orders.filter(status__in=AT_BROKER).values_list("pk", flat=True):
            if _cancel_for_sure(order_id, actor):
                change.cancelled.append(order_id)
    return change


def _check_square_off(
    state: TradingStateName,
    scope: StateScope,
    connection_id: int | None,
    strategy_id: int | None,
) -> None:
    """Exits must be able to pass: nothing wider may be HALTED."""
    text = ""
    if state is TradingStateName.ACTIVE:
        text = "Squaring off goes with REDUCING or HALTED."
    for wider in policy.states_for(connection_id, strategy_id):
        if wider.scope is not scope and wider.state is TradingStateName.HALTED:
            text = f"Trading is HALTED for {wider.label}, so no exit can go: square that off."
    if text:
        raise InvalidChange(text, errors={"square_off": [text]})


def _end_square_off(
    state: TradingStateName,
    scope: StateScope,
    actor: str,
    connection_id: int | None,
    strategy_id: int | None,
) -> None:
    """A person's later word counts: a halt stops the exits, and resuming ends the wish for them."""
    if state is TradingStateName.REDUCING:
        return
    squareoff.stop(scope, connection_id, strategy_id, f"Stopped: {actor} set {state}.")


def stop_entries(connection: BrokerConnection, strategy_id: int | None, reason: str) -> StateChange:
    """Take back what would enlarge a position by itself: AUTO entries in the queue are set aside,
    working ones cancelled. Exits go on."""
    change = StateChange(TradingStateName.REDUCING, StateScope.ACCOUNT)
    orders = Order.objects.filter(connection=connection, mode=Mode.AUTO, oco_with__isnull=True)
    if strategy_id is not None:
        orders = orders.filter(strategy_id=strategy_id)
    held = held_quantities(connection)
    entries = [
        order
        for order in orders.filter(status__in=[Status.QUEUED, *AT_BROKER]).order_by("pk")
        if not _only_shrinks(order, held)
    ]
    change.set_aside = set_aside_each(
        [order for order in entries if order.status == Status.QUEUED], reason
    )
    for order in entries:
        if order.at_broker and _cancel_for_sure(order.pk, WORKER):
            change.cancelled.append(order.pk)
    return change


def _only_shrinks(order: Order, held: dict[str, int]) -> bool:
    units = held.get(f"{order.exchange}:{order.tradingsymbol}|{order.product}", 0)
    against = units * Side(order.side).sign < 0
    return order.reduce_only or (against and order.pending_qty <= abs(units))
