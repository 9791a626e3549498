"""A position that a person is about to close: how much of it, and what the exit is like."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import QuerySet, Sum

from brokers.models import BrokerConnection
from sigmatrader import clock
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
from trading.services import queue
from trading.services.attempts import new_client_order_id
from trading.services.errors import Conflict, InvalidChange, NotExecutable
from trading.services.exit_legs import Ground
from trading.services.held import Held, held, unfinished_exits

_SAME_PRESS = timedelta(seconds=10)
_PRICE_KNOWN_FOR = timedelta(hours=24)  # a trigger is judged by no older price


@dataclass(frozen=True, slots=True)
class Place:
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
    ) -> "Place":
        """With the account's row locked: two presses at once come one after the other."""
        account = BrokerConnection.objects.select_for_update(no_key=True).get(pk=connection.pk)
        queue.check_account(account)
        return cls.of(account, exchange, tradingsymbol, product)

    @classmethod
    def of(
        cls, account: BrokerConnection, exchange: str, tradingsymbol: str, product: str
    ) -> "Place":
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

    def _ours(self) -> int:
        """What our fills say is open; delivered shares that were sold are not."""
        return max(self.held.ours, 0) if self.product == Product.CNC else self.held.ours

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
        if self.held.read_at is not None and self.held.quantity != self._ours():
            texts.append(
                f"Our fills say {self.held.ours}, the broker {self.held.quantity}: "
                "this exit goes by the broker."
            )
        return texts
