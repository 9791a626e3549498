"""A person closes a position, or puts a stop and a target under it.

Every order made here is reduce-only and QUEUED: it passes risk again when a worker claims it, and
a live one is sized by the broker's own position once more before it leaves.
"""

from dataclasses import dataclass
from decimal import Decimal

from brokers.models import BrokerConnection
from brokers.registry import capabilities_of
from risk.engine.denials import Code
from risk.engine.evaluate import Decision
from sigmatrader.db import write_transaction
from trading.domain.order import Status
from trading.domain.values import (
    OrderType,
    Origin,
    Product,
)
from trading.models import Order
from trading.services import contract, lifecycle, queue
from trading.services.errors import Conflict, InvalidChange, NotExecutable, ServiceError
from trading.services.exit_legs import legs_of
from trading.services.exit_place import Place
from trading.services.held import Held

GTT_PRODUCTS = (Product.CNC, Product.NRML)


def exit_position(
    connection: BrokerConnection,
    exchange: str,
    tradingsymbol: str,
    product: str,
    *,
    quantity: int | None,
    actor: str,
    seen: int | None = None,
    limit: Decimal | None = None,
) -> Order:
    """Queue an order that closes the position, or `quantity` units of it: at market, or at `limit`.

    `quantity` None: all that no other unfinished order closes already. `seen`: the signed quantity
    that the person looked at; when it is another by now, nothing is done. Raises NotExecutable
    (nothing open, account off, halted), InvalidChange (`qty`, `limit`), Conflict (an exit is on its
    way).
    """
    with write_transaction():
        place = Place.locked(connection, exchange, tradingsymbol, product)
        if seen is not None and seen != place.held.quantity:
            raise Conflict(
                f"The position in {place.key} has changed since you looked: {seen} then, "
                f"{place.held.quantity} now. Look again.",
                code="position_changed",
            )
        units, notes = place.units_to_close(quantity)
        order = place.order(units, notes)
        if limit is not None:
            order.order_type, order.price = OrderType.LIMIT, limit
        _check_gates(order)
        _check_size(order)
        _check_limit(order)
        reason = f"exit of {units} {place.word}"
        return lifecycle.create(order, Status.QUEUED, actor=actor, reason=reason)


def protect(
    connection: BrokerConnection,
    exchange: str,
    tradingsymbol: str,
    product: str,
    *,
    quantity: int | None,
    stop_trigger: Decimal | None,
    stop_price: Decimal | None,
    target_trigger: Decimal | None,
    target_price: Decimal | None,
    actor: str,
) -> tuple[Order, ...]:
    """Queue a GTT under an open position: a stop, a target, or both as one two-leg trigger.

    A price left out is its trigger. Returns (stop,), (target,) or (stop, target); of two, the
    target names its stop in `oco_with`. Raises as `exit_position` does; InvalidChange names the
    field: stop_trigger, stop_price, target_trigger, target_price, product.
    """
    _check_gtt(connection, product)
    with write_transaction():
        place = Place.locked(connection, exchange, tradingsymbol, product)
        units, notes = place.units_to_close(quantity)
        legs, errors = legs_of(
            place.ground, (stop_trigger, stop_price), (target_trigger, target_price)
        )
        if errors:
            raise InvalidChange(next(iter(errors.values()))[0], errors=errors)
        made: list[Order] = []
        for leg in legs:
            order = place.order(units, notes)
            order.origin, order.gtt = Origin.EXIT_PLAN, True
            order.order_type, order.price = OrderType.LIMIT, leg.price
            order.trigger_price = leg.trigger
            order.oco_with = made[0] if made else None
            _check_gates(order)
            _check_size(order)
            reason = f"{leg.name} of {units} {place.word}"
            made.append(lifecycle.create(order, Status.QUEUED, actor=actor, reason=reason))
        return tuple(made)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a person should know of a position before closing it.

    `order`: the exit of all that is left, not stored, with risk's `decision` on it; None when it
    can't be sent, for `problem`. `too_large`: why it can only go in parts, or nothing. `no_gtt`:
    why no protection can be put under it, or nothing.
    """

    held: Held
    unfinished: tuple[Order, ...]
    lot_size: int
    order: Order | None
    decision: Decision | None
    problem: str
    too_large: str
    no_gtt: str

    @property
    def units(self) -> int:
        """What the exit would close, after risk has cut it; 0 when nothing would go."""
        return self.decision.final_qty if self.decision and not self.too_large else 0

    @property
    def left(self) -> int:
        """What would stay open after it, delivered shares among them."""
        return self.held.most - self.units


def outlook(
    connection: BrokerConnection, exchange: str, tradingsymbol: str, product: str
) -> Outlook:
    """The position as it stands. Changes nothing."""
    place = Place.of(connection, exchange, tradingsymbol, product)
    order, decision, problem, too_large = None, None, "", ""
    try:
        queue.check_account(connection)
        order = place.order(*place.units_to_close(None))
        decision = queue.preview(order)
        _check_gates(order)
        _check_size(order)
    except InvalidChange as error:
        too_large = error.message
    except ServiceError as error:
        problem = error.message
    return Outlook(
        held=place.held,
        unfinished=tuple(place.unfinished()),
        lot_size=place.lot_size,
        order=None if problem else order,
        decision=None if problem else decision,
        problem=problem,
        too_large=too_large,
        no_gtt=no_gtt(connection, product),
    )


def no_gtt(connection: BrokerConnection, product: str) -> str:
    """Why positions of the product can't be protected by a GTT there; empty when they can."""
    try:
        _check_gtt(connection, product)
    except ServiceError as error:
        return error.message
    return ""


def _check_gtt(connection: BrokerConnection, product: str) -> None:
    if not capabilities_of(connection).two_leg:
        raise NotExecutable(
            f"{connection.name} can't hold a stop and a target at the broker (GTT).",
            code="gtt_not_supported",
        )
    if product not in GTT_PRODUCTS:
        why = "is squared off the same day" if product == Product.MIS else "is not taken"
        text = f"A GTT protects CNC and NRML positions; {product} {why}: place an SL order instead."
        raise InvalidChange(text, errors={"product": [text]})


def _check_gates(order: Order) -> None:
    """Raise NotExecutable for what holds every order now, such as HALTED.

    An UNKNOWN order holds entries; an exit that only shrinks may go, with a warning.
    """
    gates = [one for one in queue.preview(order).gates if one.code is not Code.UNRESOLVED_UNKNOWN]
    if gates:
        raise NotExecutable(" ".join(gate.message for gate in gates), code=gates[0].code)


def _check_size(order: Order) -> None:
    """Raise InvalidChange for more than the exchange takes in one order."""
    if texts := contract.problems(order).get("qty"):
        raise InvalidChange(" ".join(texts), errors={"qty": texts})


def _check_limit(order: Order) -> None:
    """Raise InvalidChange for a limit price that the exchange does not take."""
    if texts := contract.problems(order).get("price"):
        raise InvalidChange(" ".join(texts), errors={"limit": texts})
