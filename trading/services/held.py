"""What an account holds of an instrument, by the best word there is.

A live account's answer of this book day counts, with our fills since; else what our fills add up
to. Delivered shares (holdings) stand beside the CNC position and can be sold as CNC.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet, Sum

from brokers.models import AccountHolding, AccountPosition, AccountState, BrokerConnection
from brokers.prices import latest_price, market_tick
from sigmatrader import clock
from trading.domain.off_hours import book_day
from trading.domain.order import AT_BROKER, Status
from trading.domain.values import InstrumentKey, Product, Side
from trading.models import Fill, Order, Position
from trading.services import contract_terms

# QUEUED ones will be at the broker in a moment: they take their part of a position already.
_UNFINISHED = (Status.QUEUED, *sorted(AT_BROKER))


@dataclass(frozen=True, slots=True)
class Held:
    """`quantity` is signed, in units; `sellable` are delivered shares beside it.

    `read_at`: when the broker said so; None when it is what our own fills add up to. `ours` is
    always the latter. `last_price`: the newest known, with its time.
    """

    quantity: int
    ours: int
    sellable: int = 0
    average_price: Decimal | None = None
    multiplier: Decimal = Decimal(1)
    last_price: Decimal | None = None
    last_price_at: datetime | None = None
    read_at: datetime | None = None

    @property
    def exit_side(self) -> Side:
        return Side.BUY if self.quantity < 0 else Side.SELL

    @property
    def open_pnl(self) -> Decimal | None:
        """Rupees at the last price known; None without one, or when the position is flat."""
        if not self.quantity or self.last_price is None or self.average_price is None:
            return None
        return (self.last_price - self.average_price) * self.quantity * self.multiplier

    @property
    def value(self) -> Decimal | None:
        """Rupees that all that may be closed is worth at the last price known; None for nothing."""
        if not self.most or self.last_price is None:
            return None
        return self.last_price * self.most * self.multiplier

    @property
    def open_units(self) -> int:
        """What an exit closes when nobody says how much: the position, else the holding."""
        return abs(self.quantity) or self.sellable

    @property
    def most(self) -> int:
        """What an exit may close at most: a long delivery position with the shares beside it."""
        return abs(self.quantity) if self.quantity < 0 else self.quantity + self.sellable


def held(connection: BrokerConnection, exchange: str, tradingsymbol: str, product: str) -> Held:
    """What is open of the instrument and product; nothing open gives a quantity of 0."""
    ours = Position.objects.filter(
        connection=connection, exchange=exchange, symbol=tradingsymbol, product=product
    ).first()
    our_quantity = ours.qty if ours else 0
    state = AccountState.objects.filter(connection=connection).first()
    read_at = state.positions_read_at if state and not connection.simulated else None
    row = (
        AccountPosition.objects.filter(
            connection=connection,
            exchange=exchange,
            tradingsymbol=tradingsymbol,
            product=product,
        ).first()
        if not connection.simulated
        else None
    )
    if row is not None:
        read_at = row.read_at
    if read_at is not None and book_day(read_at) != book_day(clock.now()):
        read_at, row = None, None  # positions of yesterday: today's are not known yet
    quantity = our_quantity
    if read_at is not None:
        quantity = row.quantity if row else 0
        quantity += _filled_since(read_at, connection, exchange, tradingsymbol, product)
    if quantity and _is_over(InstrumentKey(exchange, tradingsymbol), row):
        quantity = 0
    sellable = 0
    if product == Product.CNC and not connection.simulated:
        sellable = _sellable(connection, exchange, tradingsymbol)
        if read_at is not None:
            # Shares sold out of the holdings show as a short CNC position, and as used in them.
            quantity = max(quantity, 0)
    price, price_at = _last_price(connection, exchange, tradingsymbol, row)
    if price is None and ours is not None:
        price, price_at = ours.last_price, ours.last_updated
    source = row or ours
    return Held(
        quantity=quantity,
        ours=our_quantity,
        sellable=sellable,
        average_price=row.average_price if row else ours.avg_price if ours else None,
        multiplier=source.multiplier if source else Decimal(1),
        last_price=price,
        last_price_at=price_at,
        read_at=read_at,
    )


def _is_over(key: InstrumentKey, row: AccountPosition | None) -> bool:
    """Whether it is a contract that has expired: nothing of it can be closed any more. What the
    broker shows on a later day has not."""
    over = contract_terms.ended([key], clock.now()).get(key)
    if over is None:
        return False
    return row is None or not row.quantity or book_day(row.read_at) <= over.expiry


def _filled_since(
    moment: datetime, connection: BrokerConnection, exchange: str, symbol: str, product: str
) -> int:
    """The signed quantity that our own orders filled, by what became known after `moment`."""
    rows = (
        Fill.objects.filter(
            connection=connection,
            exchange=exchange,
            symbol=symbol,
            product=product,
            booked_at__gt=moment,
        )
        .order_by()
        .values_list("side")
        .annotate(units=Sum("qty"))
    )
    return sum(Side(side).sign * int(units) for side, units in rows)


def _sellable(connection: BrokerConnection, exchange: str, tradingsymbol: str) -> int:
    row = AccountHolding.objects.filter(
        connection=connection, exchange=exchange, tradingsymbol=tradingsymbol
    ).first()
    return row.sellable if row else 0


def _last_price(
    connection: BrokerConnection, exchange: str, tradingsymbol: str, row: AccountPosition | None
) -> tuple[Decimal | None, datetime | None]:
    """The newest price; where money is at stake none that an alert told, as exits go by it."""
    if connection.simulated:
        tick = latest_price(exchange, tradingsymbol)
    else:
        tick = market_tick(exchange, tradingsymbol, clock.now())
    if row is not None and row.last_price is not None and (tick is None or tick.at < row.read_at):
        return row.last_price, row.read_at
    return (tick.price, tick.at) if tick is not None else (None, None)


def unfinished_exits(
    connection: BrokerConnection, exchange: str, tradingsymbol: str, product: str, side: Side
) -> QuerySet[Order]:
    """Orders that may still close some of the position: queued, in flight, working, resting.

    Of a two-leg GTT the stop leg stands for both while it lives, as one leg alone can fire.
    """
    return (
        Order.objects.filter(
            connection=connection,
            exchange=exchange,
            tradingsymbol=tradingsymbol,
            product=product,
            side=side,
            status__in=_UNFINISHED,
        )
        .exclude(oco_with__status__in=_UNFINISHED)
        .order_by("pk")
    )
