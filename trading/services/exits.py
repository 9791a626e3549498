"""A person closes a position, or puts a stop and a target under it.

Every order made here is reduce-only and QUEUED: it passes risk again when a worker claims it, and
a live one is sized by the broker's own position once more before it leaves.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import QuerySet, Sum

from brokers.accounts import session_of
from brokers.models import BrokerConnection
from brokers.registry import capabilities_of
from risk.engine.denials import Code
from risk.engine.evaluate import Decision
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.order import Status
from trading.domain.values import (
    ExecutionTarget,
    InstrumentKey,
    Mode,
    OrderType,
    Origin,
    Product,
    Side,
)
from trading.models import Fill, Instrument, Order, Strategy
from trading.services import lifecycle, queue
from trading.services.attempts import new_client_order_id
from trading.services.errors import Conflict, InvalidChange, NotExecutable, ServiceError
from trading.services.exit_legs import Ground, legs_of
from trading.services.held import Held, held, unfinished_exits

GTT_PRODUCTS = (Product.CNC, Product.NRML)
_SAME_PRESS = timedelta(seconds=10)
_PRICE_KNOWN_FOR = timedelta(hours=24)  # a trigger is judged by no older price


def exit_position(
    connection: BrokerConnection,
    exchange: str,
    tradingsymbol: str,
    product: str,
    *,
    quantity: int | None,
    actor: str,
    seen: int | None = None,
) -> Order:
    """Queue a MARKET order that closes the position, or `quantity` units of it.

    `quantity` None: all that no other unfinished order closes already. `seen`: the signed quantity
    that the person looked at; when it is another by now, nothing is done. Raises NotExecutable
    (nothing open, account off, halted), InvalidChange (`qty`), Conflict (an exit is on its way).
    """
    with write_transaction():
        place = _Place.locked(connection, exchange, tradingsymbol, product)
        if seen is not None and seen != place.held.quantity:
            raise Conflict(
                f"The position in {place.key} has changed since you looked: {seen} then, "
                f"{place.held.quantity} now. Look again.",
                code="position_changed",
            )
        units, notes = place.units_to_close(quantity)
        order = place.order(units, notes)
        _check_gates(order)
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
        place = _Place.locked(connection, exchange, tradingsymbol, product)
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
            reason = f"{leg.name} of {units} {place.word}"
            made.append(lifecycle.create(order, Status.QUEUED, actor=actor, reason=reason))
        return tuple(made)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a person should know of a position before closing it.

    `order`: the exit of all that is left, not stored, with risk's `decision` on it; None when it
    can't be sent, for `problem`. `no_gtt`: why no protection can be put under it, or nothing.
    """

    held: Held
    unfinished: tuple[Order, ...]
    lot_size: int
    order: Order | None
    decision: Decision | None
    problem: str
    no_gtt: str

    @property
    def units(self) -> int:
        """What the exit would close, after risk has cut it; 0 when nothing would go."""
        return self.decision.final_qty if self.decision else 0

    @property
    def left(self) -> int:
        """What would stay open after it, delivered shares among them."""
        return self.held.most - self.units


def outlook(
    connection: BrokerConnection, exchange: str, tradingsymbol: str, product: str
) -> Outlook:
    """The position as it stands. Changes nothing."""
    place = _Place.of(connection, exchange, tradingsymbol, product)
    order, decision, problem = None, None, ""
    try:
        _check_account(connection)
        order = place.order(*place.units_to_close(None))
        decision = queue.preview(order)
        _check_gates(order)
    except ServiceError as error:
        problem = error.message
    return Outlook(
        held=place.held,
        unfinished=tuple(place.unfinished()),
        lot_size=place.lot_size,
        order=None if problem else order,
        decision=None if problem else decision,
        problem=problem,
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


def _check_account(connection: BrokerConnection) -> None:
    if not connection.enabled:
        raise NotExecutable(
            f"The account {connection.name} is switched off.", code="account_disabled"
        )
    session = session_of(connection)
    if not session.connected:
        raise NotExecutable(
            session.error or f"{connection.name} is not connected: log in first.",
            code="broker_not_connected",
        )


def _check_gates(order: Order) -> None:
    """Raise NotExecutable for what holds every order now, such as HALTED.

    An UNKNOWN order holds entries; an exit that only shrinks may go, with a warning.
    """
    gates = [one for one in queue.preview(order).gates if one.code is not Code.UNRESOLVED_UNKNOWN]
    if gates:
        raise NotExecutable(" ".join(gate.message for gate in gates), code=gates[0].code)


@dataclass(frozen=True, slots=True)
class _Place:
    """A position as it stands, under the account's lock, and what may be made of it."""

    connection: BrokerConnection
    key: InstrumentKey
    product: Product
    held: Held
    lot_size: int
    tick_size: Decimal | None
    multiplier: Decimal

    @classmethod
    def locked(
        cls, connection: BrokerConnection, exchange: str, tradingsymbol: str, product: str
    ) -> "_Place":
        """With the account's row locked: two presses at once come one after the other."""
        account = BrokerConnection.objects.select_for_update().get(pk=connection.pk)
        _check_account(account)
        return cls.of(account, exchange, tradingsymbol, product)

    @classmethod
    def of(
        cls, account: BrokerConnection, exchange: str, tradingsymbol: str, product: str
    ) -> "_Place":
        listed = Instrument.objects.filter(exchange=exchange, tradingsymbol=tradingsymbol).first()
        found = held(account, exchange, tradingsymbol, product)
        return cls(
            connection=account,
            key=InstrumentKey(exchange, tradingsymbol),
            product=Product(product),
            held=found,
            lot_size=listed.lot_size if listed else 1,
            tick_size=listed.tick_size if listed else None,
            multiplier=found.multiplier,
        )

    @property
    def side(self) -> Side:
        return self.held.exit_side

    @property
    def word(self) -> str:
        return f"{'short' if self.held.quantity < 0 else 'long'} {self.key} {self.product}"

    @property
    def ground(self) -> Ground:
        """What a protection is checked against."""
        at = self.held.last_price_at
        fresh = at is not None and at > clock.now() - _PRICE_KNOWN_FOR
        return Ground(
            self.side, self.tick_size, self.held.last_price if fresh else None, queue.MAX_PRICE
        )

    def units_to_close(self, asked: int | None) -> tuple[int, list[str]]:
        """How many units to close, and what the person should know of the figure."""
        if self.held.most == 0:
            raise NotExecutable(
                f"Nothing is open in {self.key} {self.product} on {self.connection.name}.",
                code="nothing_open",
            )
        if asked is not None and asked < 1:
            text = "Enter a whole number of at least 1."
            raise InvalidChange(text, errors={"qty": [text]})
        unfinished = list(self.unfinished())
        taken = sum(one.pending_qty for one in unfinished if self._counts(one))
        free = self.held.most - taken
        names = ", ".join(f"#{one.pk}" for one in unfinished)
        if free <= 0 or self._pressed_before(unfinished, asked):
            raise Conflict(
                f"Order {names} closes {min(taken, self.held.most)} of {self.held.most} "
                f"{self.word} already. Wait for it, or cancel it first.",
                code="already_exiting",
            )
        if asked is None:
            return self._whole_lots(min(self.held.open_units, free))
        if asked > free:
            rest = f", and order {names} closes {taken} of them" if taken else ""
            text = f"At most {free} can be exited: {self.held.most} are open{rest}."
            raise InvalidChange(text, errors={"qty": [text]})
        if asked % self.lot_size:
            text = f"Use a multiple of the lot, {self.lot_size}."
            raise InvalidChange(text, errors={"qty": [text]})
        return asked, []

    def unfinished(self) -> QuerySet[Order]:
        return unfinished_exits(
            self.connection, self.key.exchange, self.key.tradingsymbol, self.product, self.side
        )

    def _counts(self, order: Order) -> bool:
        """Whether an unfinished order takes its part of the position.

        What became of a live UNKNOWN one shows in the broker's position, read before the exit goes.
        """
        return order.status != Status.UNKNOWN or self.connection.simulated

    def _pressed_before(self, unfinished: list[Order], asked: int | None) -> bool:
        since = clock.now() - _SAME_PRESS
        return any(
            one.reduce_only
            and one.created_at >= since
            and (one.requested_qty == asked or (asked is None and not self._counts(one)))
            for one in unfinished
        )

    def _whole_lots(self, units: int) -> tuple[int, list[str]]:
        whole = units // self.lot_size * self.lot_size
        if whole == units:
            return units, []
        if whole == 0:
            text = f"{units} is less than one lot of {self.lot_size}, the least that can be sent."
            raise NotExecutable(text, code="below_one_lot", errors={"qty": [text]})
        left = units - whole
        return whole, [f"{left} of {units} are no whole lot of {self.lot_size} and stay open."]

    def order(self, units: int, notes: list[str]) -> Order:
        """The exit, not stored yet: reduce-only, at market, by a person."""
        order = Order(
            strategy=self._strategy(),
            connection=self.connection,
            origin=Origin.PERSON,
            client_order_id=new_client_order_id(),
            symbol=str(self.key),
            exchange=self.key.exchange,
            tradingsymbol=self.key.tradingsymbol,
            lot_size=self.lot_size,
            multiplier=self.multiplier,
            side=self.side,
            qty=units,
            requested_qty=units,
            reference_price=self.held.last_price,
            order_type=OrderType.MARKET,
            product=self.product,
            reduce_only=True,
            mode=Mode.MANUAL,
            simulated=self.connection.simulated,
            warnings=[*notes, *self._warnings()],
        )
        order.expires_at = queue.sending_deadline(order)
        return order

    def _strategy(self) -> Strategy | None:
        """The one strategy whose orders opened the whole position, if it still trades here."""
        lots = list(
            Fill.objects.filter(
                connection=self.connection,
                exchange=self.key.exchange,
                symbol=self.key.tradingsymbol,
                product=self.product,
                open_qty__gt=0,
            )
            .order_by()
            .values_list("order__strategy")
            .annotate(units=Sum("open_qty"))
        )
        if len(lots) != 1 or lots[0][0] is None or lots[0][1] != self.held.most:
            return None
        strategy = Strategy.objects.get(pk=lots[0][0])
        trades_paper = strategy.execution_target == ExecutionTarget.PAPER
        return strategy if trades_paper == self.connection.simulated else None

    def _warnings(self) -> list[str]:
        """What makes the size of the exit uncertain."""
        texts = []
        unknown = Order.objects.filter(
            connection=self.connection,
            exchange=self.key.exchange,
            tradingsymbol=self.key.tradingsymbol,
            status=Status.UNKNOWN,
        ).order_by("pk")
        if numbers := ", ".join(f"#{one.pk}" for one in unknown):
            texts.append(
                f"The outcome of order {numbers} is unknown, so more or less of {self.key} may be "
                "open than it seems: compare with the broker's own screen."
            )
        if self.held.read_at is not None and self.held.quantity != self.held.ours:
            texts.append(
                f"Our fills say {self.held.ours}, the broker {self.held.quantity}: "
                "this exit goes by the broker."
            )
        return texts
