"""What SigmaTrader asks of a broker, and the shapes in which a broker answers. Pure.

Every adapter keeps the same promises; tests/brokers/conformance.py checks them. Money and prices
are Decimal rupees, quantities whole units (lots on MCX and CDS), times aware UTC.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from trading.domain.values import InstrumentKey, OrderType, Product, Side, Validity, Variety


class BrokerStatus(StrEnum):
    """An order's state in the broker's book, whatever words the broker uses for it.

    PENDING: taken in, not looked at yet. OPEN: working, perhaps partly filled. TRIGGER_PENDING: a
    stop order whose trigger has not been reached. TRIGGER_ACTIVE: a GTT that has not fired.
    UNKNOWN: a word that we don't know; the order counts as working.
    """

    PENDING = "PENDING"
    OPEN = "OPEN"
    TRIGGER_PENDING = "TRIGGER_PENDING"
    TRIGGER_ACTIVE = "TRIGGER_ACTIVE"
    CANCEL_PENDING = "CANCEL_PENDING"
    COMPLETE = "COMPLETE"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"

    @property
    def final(self) -> bool:
        """Nothing more will happen to an order in this state."""
        return self in _FINAL


_FINAL = frozenset(
    {BrokerStatus.COMPLETE, BrokerStatus.CANCELLED, BrokerStatus.REJECTED, BrokerStatus.EXPIRED}
)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an adapter can do; known without asking the broker.

    triggers: holds GTT triggers. reports_at_once: an order that `place` accepted is in the very
    next read of the book. simulated: no real money. modifies: changes working orders. two_leg:
    holds a stop and a target of which one cancels the other. sessions: needs a daily login, and
    keeps the exchanges' hours. tells_charges: says what executed orders cost.
    """

    triggers: bool
    reports_at_once: bool
    simulated: bool
    modifies: bool
    two_leg: bool = False
    sessions: bool = False
    tells_charges: bool = False


@dataclass(frozen=True, slots=True)
class TriggerLeg:
    """The second leg of a two-leg GTT: its trigger and the limit price of its order."""

    trigger_price: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order to be placed.

    `second_leg`: with variety gtt, the target beside this stop; the same side and quantity.
    `tag`: ours, at most 20 letters and digits, unique per attempt. `trigger_price`: of SL, SL-M and
    of variety gtt. `market_protection`: percent, or -1 for the broker's own choice.
    `reference_price`: what the alert saw; only paper uses it. `multiplier`: rupees per unit and
    point of price. `last_price`: the market's, which a GTT must name; None lets the adapter ask.
    """

    tag: str
    exchange: str
    tradingsymbol: str
    side: Side
    quantity: int
    order_type: OrderType = OrderType.MARKET
    product: Product = Product.MIS
    validity: Validity = Validity.DAY
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    market_protection: Decimal | None = None
    variety: Variety = Variety.REGULAR
    reference_price: Decimal | None = None
    multiplier: Decimal = Decimal(1)
    last_price: Decimal | None = None
    second_leg: TriggerLeg | None = None

    @property
    def key(self) -> InstrumentKey:
        return InstrumentKey(self.exchange, self.tradingsymbol)


@dataclass(frozen=True, slots=True)
class Placed:
    """The broker took the order: `order_id`, or for a GTT `trigger_id`.

    `anomaly` says what was odd about an answer that could still be trusted.
    """

    order_id: str | None
    trigger_id: str | None = None
    anomaly: str = ""


@dataclass(frozen=True, slots=True)
class Trade:
    """One execution in the broker's book. `trade_id` is unique per exchange and day."""

    trade_id: str
    order_id: str
    exchange: str
    tradingsymbol: str
    product: Product
    side: Side
    quantity: int
    price: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderReport:
    """An order as the broker's book shows it now.

    A GTT has `trigger_id`, and no `order_id` until it fires; from then on the report is that of
    the order it became. A two-leg GTT gives two reports, `leg` 0 (the stop) and 1 (the target),
    with one `trigger_id`; the leg that did not fire ends CANCELLED. `average_price` is None while
    nothing is filled. `tags`: every tag, where the broker keeps more than one.
    `placed_by`: the broker's name for who placed it, where it tells.
    """

    order_id: str | None
    trigger_id: str | None
    tag: str
    status: BrokerStatus
    raw_status: str
    exchange: str
    tradingsymbol: str
    side: Side
    product: Product
    order_type: OrderType
    variety: Variety
    quantity: int
    filled_quantity: int
    average_price: Decimal | None
    price: Decimal | None
    trigger_price: Decimal | None
    message: str
    placed_at: datetime | None
    updated_at: datetime | None
    trades: tuple[Trade, ...] = field(default=())
    leg: int = 0
    two_leg: bool = False
    tags: tuple[str, ...] = ()
    trigger_expires_at: datetime | None = None
    placed_by: str = ""


@dataclass(frozen=True, slots=True)
class BrokerPosition:
    """A net position. `quantity` is signed; `realised` is today's, IST.

    `day_pnl`: today's profit in rupees, open positions of earlier days from their last close.
    """

    exchange: str
    tradingsymbol: str
    product: Product
    quantity: int
    average_price: Decimal
    last_price: Decimal | None
    realised: Decimal
    unrealised: Decimal
    multiplier: Decimal = Decimal(1)
    day_pnl: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """Delivered shares that `positions()` does not show any more.

    `t1_quantity`: bought, not settled yet, and not part of `quantity`. `used_quantity`: sold
    today, still part of `quantity`.
    """

    exchange: str
    tradingsymbol: str
    quantity: int
    t1_quantity: int
    average_price: Decimal
    last_price: Decimal | None
    used_quantity: int = 0
    pnl: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Margins:
    """Rupees: `available` for new orders, `used` by positions and working orders, `net` of both.

    `raw`: the broker's own answer, for those who want every number.
    """

    available: Decimal
    used: Decimal
    net: Decimal
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OrderCost:
    """What an order would take, in rupees: `required` margin or cash, `charges` on top."""

    required: Decimal
    charges: Decimal


@dataclass(frozen=True, slots=True)
class ExecutedOrder:
    """An order as it was executed: `quantity` units at `average_price`."""

    order_id: str
    exchange: str
    tradingsymbol: str
    side: Side
    product: Product
    order_type: OrderType
    variety: Variety
    quantity: int
    average_price: Decimal


@dataclass(frozen=True, slots=True)
class Quote:
    """The last price in rupees and when it was told; the day's circuit where there is one."""

    price: Decimal
    at: datetime
    lower: Decimal | None = None
    upper: Decimal | None = None


@dataclass(frozen=True, slots=True)
class InstrumentRow:
    """One line of the broker's instrument list. `tick_size` in rupees, `lot_size` in units."""

    exchange: str
    tradingsymbol: str
    name: str
    instrument_token: int
    instrument_type: str
    segment: str
    expiry: date | None
    strike: Decimal | None
    tick_size: Decimal
    lot_size: int


@dataclass(frozen=True, slots=True)
class SessionState:
    """Whether the broker would take an order now; `error` says why not."""

    connected: bool
    expires_at: datetime | None = None
    user_id: str = ""
    user_name: str = ""
    error: str = ""


class Broker(Protocol):
    """One account at one broker. Every method may raise the errors of `brokers.errors`."""

    @property
    def capabilities(self) -> Capabilities: ...

    def place(
        self, request: OrderRequest, *, before_send: Callable[[], None] | None = None
    ) -> Placed:
        """Place one order, once: nothing below this call tries again.

        Refused: there is no order. NotSent: the broker never saw it. OutcomeUnknown: look by tag.
        `before_send` is asked last, when the broker could be spoken to and has heard nothing yet;
        the NotSent that it raises is raised here.
        """
        ...

    def modify(
        self,
        order_id: str,
        *,
        variety: Variety,
        quantity: int | None = None,
        price: Decimal | None = None,
        trigger_price: Decimal | None = None,
        order_type: OrderType | None = None,
        validity: Validity | None = None,
    ) -> None:
        """Change a working order; None leaves as it is. `quantity` is the new total."""
        ...

    def cancel(self, order_id: str, *, variety: Variety) -> None:
        """Ask for the rest of a working order to be cancelled."""
        ...

    def cancel_trigger(self, trigger_id: str) -> None:
        """Withdraw a GTT that has not fired."""
        ...

    def orders(self) -> list[OrderReport]:
        """The whole day's book with the resting triggers, oldest first: complete, or an error."""
        ...

    def order(self, order_id: str) -> OrderReport | None:
        """One order; None when the broker knows none by that id."""
        ...

    def trigger(self, trigger_id: str) -> OrderReport | None:
        """One GTT; None when the broker knows none by that id."""
        ...

    def find_by_tags(self, tags: Collection[str]) -> list[OrderReport]:
        """Every order of the book that carries one of `tags`."""
        ...

    def positions(self) -> list[BrokerPosition]:
        """Net positions: those that are open, and those traded today."""
        ...

    def holdings(self) -> list[Holding]:
        """Delivered shares beside the positions."""
        ...

    def margins(self) -> Margins:
        """What the account can still spend."""
        ...

    def order_cost(self, request: OrderRequest) -> OrderCost:
        """What `request` would take; nothing is placed. Raises NotSupported where unknown."""
        ...

    def charges(self, executed: Sequence[ExecutedOrder]) -> list[Decimal]:
        """What each of `executed` cost, in rupees and in their order: all that its contract note
        charges. Refused: it does not speak of one of them. Raises NotSupported where unknown."""
        ...

    def instruments(self) -> Iterator[InstrumentRow]:
        """The broker's whole list, read as it arrives; ends early only with an error."""
        ...

    def last_prices(
        self, keys: Collection[InstrumentKey]
    ) -> dict[InstrumentKey, tuple[Decimal, datetime]]:
        """The last price and its time; instruments without one are absent."""
        ...

    def quotes(self, keys: Collection[InstrumentKey]) -> dict[InstrumentKey, Quote]:
        """Last price and circuit; instruments without a price are absent."""
        ...

    def session(self) -> SessionState:
        """Whether the account is logged in."""
        ...

    def clock_skew(self) -> Decimal | None:
        """Seconds that our clock is ahead of the broker's (behind it: negative), as far as its
        answers prove; None when none tells. Asks nothing."""
        ...

    def advance(self, now: datetime) -> int:
        """Let simulated time pass; returns how many orders changed. Real brokers return 0."""
        ...
