"""Squaring off: cancel what works, close what is open, follow it to flat.

A step of the worker, done over and over until the scope is flat: whatever it finds half done by a
step before, or by another worker, it takes from there. Every exit is reduce-only and goes through
the queue with its risk, as if a person had pressed for it.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet

from brokers.accounts import session_of
from brokers.models import BrokerConnection
from brokers.registry import capabilities_of
from risk import policy
from risk.models import SquareOff
from sigmatrader import clock
from sigmatrader.db import Busy, write_transaction
from trading.domain.order import AT_BROKER, Status
from trading.domain.symbols import is_index_name
from trading.domain.values import (
    ExecutionTarget,
    Mode,
    OrderType,
    Origin,
    Product,
    Side,
    StateScope,
    TradingStateName,
    Variety,
)
from trading.models import Instrument, Order
from trading.services import contract, halting, lifecycle, queue, squareoff
from trading.services.attempts import new_client_order_id
from trading.services.cancelling import cancel
from trading.services.errors import Conflict
from trading.services.held import Held, held
from trading.services.routing import route_of
from trading.services.setting_aside import set_aside_each
from trading.services.squareoff import UNFINISHED, Place

logger = logging.getLogger(__name__)

TRIES = 5  # rounds of exits of one place of which nothing filled
_LONGEST = timedelta(minutes=15)
_CANCELS_TAKE = timedelta(seconds=30)
_EXIT_TAKES = timedelta(seconds=20)
_PAUSE = timedelta(seconds=2)  # after each try a little more
_MARKETABLE = Decimal("0.05")  # how far through the last price a limit is put
_DELIVERY = (Product.CNC, Product.MTF)
_DATABASE_AWAY = (OperationalError, InterfaceError, Busy)  # concerns all that runs


@dataclass(slots=True)
class _Round:
    """One look at one account: whether something is still under way, and what is in the way."""

    row: SquareOff
    account: BrokerConnection
    now: datetime
    busy: bool = False
    problems: list[str] = field(default_factory=list)

    @property
    def in_time(self) -> bool:
        return self.now - self.row.started_at < _LONGEST

    def wait_for(self, problem: str) -> None:
        """The account is not done; once the time is over, the outcome tells of `problem`."""
        self.problems.append(problem)
        self.busy = self.in_time


def step(now: datetime) -> None:
    """Bring every running square-off one step further; each goes on when another can't."""
    for row in squareoff.running():
        try:
            advance(row, now)
        except _DATABASE_AWAY:
            raise
        except Exception as error:
            logger.exception("ALARM: the square-off of %s can't go on", squareoff.label_of(row))
            if now - row.started_at >= _LONGEST:
                squareoff.finish(row, f"Stopped: {_fault(error)}")


def advance(row: SquareOff, now: datetime) -> None:
    """Cancel, close, or finish: whatever is next. An account that can't go on holds up no other."""
    if stopped := _halted(row):
        squareoff.finish(row, f"Stopped: {stopped}")
        return
    rounds = [_Round(row, account, now) for account in squareoff.accounts_of(row)]
    for one in rounds:
        try:
            _advance_account(one)
        except _DATABASE_AWAY:
            raise
        except Exception as error:
            label = squareoff.label_of(row)
            logger.exception("ALARM: square-off of %s: %s can't go on", label, one.account.name)
            one.wait_for(f"{one.account.name}: {_fault(error)}")
    problems = [text for one in rounds for text in one.problems]
    if any(one.busy for one in rounds):
        return
    if problems:
        squareoff.finish(row, "Not flat: " + " ".join(problems))
        return
    with write_transaction():
        # Both or neither; and not when a person has ended it a moment before.
        if squareoff.finish(row, squareoff.FLAT) and row.then_halt:
            halting.set_state(
                TradingStateName.HALTED,
                StateScope(row.scope),
                f"squared off: {row.reason}" if row.reason else "squared off",
                row.started_by,
                connection_id=row.connection_id,
                strategy_id=row.strategy_id,
            )


def _fault(error: Exception) -> str:
    return f"a step failed ({type(error).__name__}), see the log."


def _halted(row: SquareOff) -> str:
    for state in policy.states_for(row.connection_id, row.strategy_id):
        if state.state is TradingStateName.HALTED:
            return f"trading is HALTED for {state.label}. {state.reason}".strip()
    return ""


def _advance_account(one: _Round) -> None:
    row, account = one.row, one.account
    places = squareoff.open_in(row, account)
    unfinished = squareoff.exits_of(row, account).filter(status__in=UNFINISHED)
    if not places and not _to_cancel(one, places) and not unfinished.exists():
        return
    if problem := _unreachable(one):
        one.wait_for(problem)
        return
    with write_transaction():
        one.account = BrokerConnection.objects.select_for_update(no_key=True).get(pk=account.pk)
        if not squareoff.still_runs(row):
            return
        places = squareoff.open_in(row, one.account)
        one.busy = unfinished.exists()
        in_the_way = _clear_the_way(one, places)
        for place, units in places.items():
            if place in in_the_way and one.now - row.started_at < _CANCELS_TAKE:
                one.busy = True
            else:
                _close(one, place, units)


def _unreachable(one: _Round) -> str:
    """Why nothing can be closed on the account just now."""
    name, strategy = one.account.name, one.row.strategy
    if strategy is not None:
        trades_paper = strategy.execution_target == ExecutionTarget.PAPER
        if trades_paper != one.account.simulated:
            return f"{strategy.name} trades {strategy.execution_target} now, and {name} does not."
    session = session_of(one.account)
    if not session.connected:
        return session.error or f"{name} is not connected."
    if policy.state_of(StateScope.ACCOUNT, one.account.pk) is TradingStateName.HALTED:
        return f"The account {name} is HALTED."
    return ""


# -- clearing the way ------------------------------------------------------------------------


def _to_cancel(one: _Round, places: dict[Place, int]) -> list[Order]:
    """What may still fill in the scope, but for what guards holdings beside the open `places`."""
    unfinished = (
        squareoff.orders_of(one.row, one.account)
        .filter(status__in=UNFINISHED)
        .exclude(origin=Origin.SQUAREOFF, created_at__gte=one.row.started_at)
        .order_by("pk")
    )
    return [
        order for order in unfinished if _place_of(order) in places or not _guards_holdings(order)
    ]


def _clear_the_way(one: _Round, places: dict[Place, int]) -> set[Place]:
    """Ask for every cancel; the places where an order may still fill."""
    orders = _to_cancel(one, places)
    set_aside_each(
        [order for order in orders if order.status == Status.QUEUED],
        f"Set aside: {squareoff.label_of(one.row)} is being squared off.",
    )
    for order in orders:
        if order.at_broker:
            try:
                cancel(order, actor=one.row.started_by, reason="square-off")
            except Conflict:
                logger.info("order %s moved on before its cancel", order.pk)
    left = [order for order in orders if Status(order.status) in AT_BROKER]
    if left and one.in_time:
        one.busy = True
    elif left:
        numbers = ", ".join(f"#{order.pk}" for order in left)
        one.problems.append(f"No cancel is confirmed of order {numbers} on {one.account.name}.")
    return {_place_of(order) for order in left}


def _place_of(order: Order) -> Place:
    return Place(order.instrument, Product(order.product))


def _guards_holdings(order: Order) -> bool:
    """A sale of delivered shares, such as the stop under them: it stays."""
    return order.product in _DELIVERY and order.side == Side.SELL


# -- closing ---------------------------------------------------------------------------------


def _close(one: _Round, place: Place, units: int) -> None:
    """The next exits of one place, unless some are under way or it is given up."""
    exits = squareoff.exits_of(one.row, one.account).filter(
        exchange=place.key.exchange,
        tradingsymbol=place.key.tradingsymbol,
        product=place.product,
    )
    unfinished = list(exits.filter(status__in=UNFINISHED))
    if unfinished:
        _chase(one, unfinished)
        return
    for order in exits.filter(status=Status.WAITING):
        cancel(order, actor=one.row.started_by, reason="square-off: tried anew")
    last = exits.filter(filled_qty=0).order_by("-updated_at", "-pk").first()
    tries = _lost_rounds(exits)
    if tries >= TRIES or not one.in_time:
        why = (last.error_message or last.set_aside_reason) if last else ""
        one.problems.append(_left_open(one, place, units, why))
        return
    if last is not None and one.now - last.updated_at < _PAUSE * tries:
        one.busy = True
    elif problem := _send(one, place, units):
        one.problems.append(_left_open(one, place, units, problem))
    else:
        one.busy = True


def _lost_rounds(exits: QuerySet[Order]) -> int:
    """How often exits were sent of which not one unit filled. The pieces of a round share the
    moment of their making."""
    rounds = exits.order_by().values_list("created_at", flat=True)
    return len(set(rounds) - set(rounds.filter(filled_qty__gt=0)))


def _left_open(one: _Round, place: Place, units: int, why: str) -> str:
    text = f"{abs(units)} {'long' if units > 0 else 'short'} {place} on {one.account.name}"
    return f"{text}: {why.rstrip('.')}." if why else f"{text}."


def _chase(one: _Round, unfinished: list[Order]) -> None:
    """An exit that rests is taken back, to be sent anew at the price of then."""
    if not one.in_time:
        numbers = ", ".join(f"#{order.pk}" for order in unfinished)
        one.problems.append(f"Order {numbers} on {one.account.name} is not done.")
        return
    one.busy = True
    for order in unfinished:
        resting = order.status in (Status.SENT, Status.PARTIALLY_EXECUTED)
        if resting and order.sent_at is not None and one.now - order.sent_at > _EXIT_TAKES:
            try:
                cancel(order, actor=one.row.started_by, reason="square-off: not filled in time")
            except Conflict:
                logger.info("order %s moved on before its cancel", order.pk)


def _send(one: _Round, place: Place, units: int) -> str:
    """Queue exits of `units` (signed), each within what the exchange takes in one order.

    Returns why none can go, or nothing.
    """
    listed = Instrument.objects.filter(
        exchange=place.key.exchange, tradingsymbol=place.key.tradingsymbol
    ).first()
    found = held(one.account, place.key.exchange, place.key.tradingsymbol, place.product)
    lot = listed.lot_size if listed else 1
    whole = abs(units) // lot * lot
    if not whole:
        return f"less than one lot of {lot}"
    if problem := _no_way(one, _exit(one, place, found, listed, units, whole)):
        return problem
    most, together = _most(one, listed, found, lot), clock.now()
    while whole:
        size = min(whole, most or whole)
        piece = _exit(one, place, found, listed, units, size)
        piece.created_at = together
        reason = f"square-off of {squareoff.label_of(one.row)}"
        lifecycle.create(piece, Status.QUEUED, actor=one.row.started_by, reason=reason)
        whole -= size
    return ""


def _most(one: _Round, listed: Instrument | None, found: Held, lot: int) -> int | None:
    """The most units of one piece: what the exchange takes, and what the limits let through."""
    strategy = one.row.strategy
    bounds = [contract.most_in_one_order(listed, found.last_price)] if listed else []
    for limits in policy.limits_for(one.row.strategy_id, strategy.name if strategy else ""):
        bounds.append(limits.max_quantity_per_order)
        if limits.max_order_value is not None and found.last_price:
            each = found.last_price * found.multiplier
            bounds.append(int(limits.max_order_value / each))
    known = [bound for bound in bounds if bound is not None]
    return max(min(known) // lot * lot, lot) if known else None


def _no_way(one: _Round, order: Order) -> str:
    if order.order_type == OrderType.LIMIT and order.price is None:
        return "no price is known for a limit order"
    way = route_of(order, one.account, one.now)
    if way.refusal or way.question:
        return way.refusal or way.question
    if way.not_before is not None or way.variety is not Variety.REGULAR:
        return f"{order.exchange} is closed"
    return ""


def _exit(
    one: _Round, place: Place, found: Held, listed: Instrument | None, units: int, size: int
) -> Order:
    """The exit, not stored yet. A person, or a person's schedule, has decided on it: MANUAL."""
    side = Side.SELL if units > 0 else Side.BUY
    at_market = capabilities_of(one.account).simulated or not _takes_limits_alone(listed)
    order = Order(
        strategy=one.row.strategy,
        connection=one.account,
        origin=Origin.SQUAREOFF,
        client_order_id=new_client_order_id(),
        symbol=str(place.key),
        exchange=place.key.exchange,
        tradingsymbol=place.key.tradingsymbol,
        lot_size=listed.lot_size if listed else 1,
        multiplier=found.multiplier,
        side=side,
        qty=size,
        requested_qty=size,
        reference_price=found.last_price,
        order_type=OrderType.MARKET if at_market else OrderType.LIMIT,
        price=None if at_market else _marketable(side, found.last_price, listed),
        product=place.product,
        reduce_only=True,
        mode=Mode.MANUAL,
        simulated=one.account.simulated,
    )
    order.expires_at = queue.sending_deadline(order)
    return order


def _takes_limits_alone(listed: Instrument | None) -> bool:
    """Options on shares take no MARKET orders; those on an index do."""
    return (
        listed is not None
        and listed.instrument_type in ("CE", "PE")
        and not any(is_index_name(exchange, listed.name) for exchange in ("NSE", "BSE"))
    )


def _marketable(side: Side, last: Decimal | None, listed: Instrument | None) -> Decimal | None:
    """A limit that trades at once: through the last price, on the tick."""
    if last is None or listed is None:
        return None
    tick = listed.tick_size
    if side is Side.BUY:
        return (last * (1 + _MARKETABLE) / tick).to_integral_value(ROUND_CEILING) * tick
    lowest = (last * (1 - _MARKETABLE) / tick).to_integral_value(ROUND_FLOOR) * tick
    return max(lowest, tick)
