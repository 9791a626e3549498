"""What rows say of one account at one moment: what it holds, what works there, what is shown.

Read in a fixed number of queries, whatever the account's history. Nothing here judges.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings

from brokers.models import AccountHolding, AccountPosition, AccountState, BrokerConnection
from trading.domain.differences import PositionKey
from trading.domain.off_hours import book_day
from trading.domain.order import AT_BROKER, IN_FLIGHT, Status
from trading.domain.session import IST
from trading.domain.values import InstrumentKey, Mode, OrderType, Side
from trading.models import Fill, Order, Position
from trading.services import contract_terms

# The broker's clock, which tells whole seconds, and ours.
CLOCKS_APART = timedelta(seconds=2)
# What the broker said of money is true for so long.
MONEY_MAX_AGE = timedelta(seconds=30)
# How old the last read of the broker's book may be for an order that nobody looks at.
_STALE_ROUNDS = 20
_STALE_AT_LEAST = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRow:
    """A position that is open: signed units, and what a unit was last worth and cost."""

    exchange: str
    tradingsymbol: str
    product: str
    quantity: int
    average_price: Decimal
    last_price: Decimal | None = None
    multiplier: Decimal = Decimal(1)

    @property
    def key(self) -> PositionKey:
        return PositionKey(self.exchange, self.tradingsymbol, self.product)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingRow:
    """An order that may still fill. `margin`: what its broker said that all of it would take.

    `requested_qty` is what was asked for, before risk cut it to `qty`.
    """

    order_id: int
    exchange: str
    tradingsymbol: str
    product: str
    side: Side
    order_type: OrderType
    status: Status
    mode: Mode
    requested_qty: int
    qty: int
    filled_qty: int
    price: Decimal | None
    trigger_price: Decimal | None
    reference_price: Decimal | None
    multiplier: Decimal
    reduce_only: bool
    gtt: bool
    strategy_id: int | None
    oco_with_id: int | None
    sent_at: datetime | None
    updated_at: datetime
    margin: Decimal | None

    @property
    def key(self) -> PositionKey:
        return PositionKey(self.exchange, self.tradingsymbol, self.product)

    @property
    def instrument(self) -> InstrumentKey:
        return InstrumentKey(self.exchange, self.tradingsymbol)

    @property
    def open_quantity(self) -> int:
        return self.qty - self.filled_qty

    @property
    def in_flight(self) -> bool:
        return self.status in IN_FLIGHT

    @property
    def own_price(self) -> Decimal | None:
        """Its limit, else its trigger; None for MARKET."""
        if self.order_type.needs_price:
            return self.price
        return self.trigger_price if self.order_type.needs_trigger else None

    @property
    def seen_price(self) -> Decimal | None:
        """What the alert saw; with MARKET the price is no more than that."""
        if self.reference_price is None and self.order_type is OrderType.MARKET:
            return self.price
        return self.reference_price


_WORKING_FIELDS = tuple(name for name in WorkingRow.__dataclass_fields__ if name != "margin")


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledRow:
    """A fill that the broker's last answer may not have counted yet."""

    exchange: str
    tradingsymbol: str
    product: str
    side: Side
    quantity: int
    price: Decimal
    booked_at: datetime
    order_quantity: int
    reduce_only: bool
    multiplier: Decimal
    margin: Decimal | None

    @property
    def key(self) -> PositionKey:
        return PositionKey(self.exchange, self.tradingsymbol, self.product)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRows:
    """One account as its rows stand.

    `held`: every open position, by the best word there is. `ours`: what our own fills add up to.
    Contracts whose last session is over are in none of them: nothing can be traded there.
    `shown`: what the broker showed in this book day, None when it has not. `delivered`: shares in
    the holdings by symbol, None likewise. `fills`: since then, and a little before. `working` has
    one of the two legs of a trigger; `unknown` are the instruments of orders in doubt by order.
    """

    connection: BrokerConnection
    now: datetime
    state: AccountState | None
    held: tuple[OpenRow, ...]
    ours: Mapping[PositionKey, int]
    shown: Mapping[PositionKey, int] | None
    delivered: Mapping[str, int] | None
    fills: tuple[FilledRow, ...]
    working: tuple[WorkingRow, ...]
    unknown: Mapping[int, InstrumentKey]

    @property
    def instruments(self) -> frozenset[InstrumentKey]:
        """Everything that the account holds or has working."""
        held = {InstrumentKey(one.exchange, one.tradingsymbol) for one in self.held}
        return frozenset(held | {one.instrument for one in self.working})


def read_account(connection: BrokerConnection, now: datetime) -> AccountRows:
    """Everything that is open in the account at `now`."""
    state = None
    if not connection.simulated:
        state = AccountState.objects.filter(connection=connection).first()
    held = _our_positions(connection)
    ours = {one.key: one.quantity for one in held}
    shown: dict[PositionKey, int] | None = None
    fills: tuple[FilledRow, ...] = ()
    read_at = state.positions_read_at if state is not None else None
    if state is not None and read_at is not None and book_day(read_at) == book_day(now):
        broker = _broker_positions(connection)
        shown = {one.key: one.quantity for one in broker if one.quantity}
        fills = _fills_after(connection, _first_of_interest(read_at, state.funds_read_at, now))
        held = _with_fills(broker, [one for one in fills if one.booked_at > read_at])
    over = _over({*ours, *(one.key for one in held)}, shown or {}, now)
    working = _working(connection)
    return AccountRows(
        connection=connection,
        now=now,
        state=state,
        held=tuple(one for one in held if one.key not in over),
        ours={key: units for key, units in ours.items() if key not in over},
        shown=None
        if shown is None
        else {key: units for key, units in shown.items() if key not in over},
        delivered=_delivered(state, now),
        fills=fills,
        working=_one_leg_of_two(working),
        unknown={one.order_id: one.instrument for one in working if one.status is Status.UNKNOWN},
    )


def stale_book(connection: BrokerConnection, state: AccountState | None, now: datetime) -> str:
    """Why the broker's order book is not known just now; empty when it is, or never was read."""
    if state is None or state.book_read_at is None:
        return ""
    limit = max(
        _STALE_AT_LEAST, timedelta(seconds=_STALE_ROUNDS * settings.ST.RECONCILE_INTERVAL_SECONDS)
    )
    if now - state.book_read_at <= limit:
        return ""
    seen = f"{state.book_read_at.astimezone(IST):%H:%M:%S}"
    why = f": {state.book_error}" if state.book_error else ""
    return f"The order book of {connection.name} was last read at {seen}{why}"


def positions_are_comparable(rows: AccountRows) -> bool:
    """Whether the broker's positions were read after our last fill, and its holdings that day."""
    state = rows.state
    if rows.shown is None or state is None or state.positions_read_at is None:
        return False
    read_at, holdings_at = state.positions_read_at, state.holdings_read_at
    midnight = read_at.astimezone(IST).replace(hour=0, minute=0, second=0, microsecond=0)
    if holdings_at is None or holdings_at < midnight:
        return False
    return all(one.booked_at < read_at - CLOCKS_APART for one in rows.fills)


def with_order(rows: AccountRows, order: Order, quantity: int) -> AccountRows:
    """The account as if `quantity` units of `order` worked there already, and nothing was filled.

    Its broker has not spoken of it: what the order takes counts with its whole value.
    """
    values = {name: getattr(order, name) for name in _WORKING_FIELDS if name != "order_id"}
    values |= {
        "side": Side(order.side),
        "order_type": OrderType(order.order_type),
        "status": Status.SENT,
        "mode": Mode(order.mode),
        "qty": quantity,
        "filled_qty": 0,
        "sent_at": None,
        "updated_at": rows.now,
    }
    row = WorkingRow(order_id=order.pk, margin=None, **values)
    return replace(rows, working=(*rows.working, row))


# -- positions -----------------------------------------------------------------------------------


def _our_positions(connection: BrokerConnection) -> tuple[OpenRow, ...]:
    rows = Position.objects.filter(connection=connection).exclude(qty=0).order_by()
    return tuple(
        OpenRow(
            exchange=row.exchange,
            tradingsymbol=row.symbol,
            product=row.product,
            quantity=row.qty,
            average_price=row.avg_price,
            last_price=row.last_price,
            multiplier=row.multiplier,
        )
        for row in rows
    )


def _over(
    keys: Collection[PositionKey], shown: Collection[PositionKey], now: datetime
) -> frozenset[PositionKey]:
    """Those in contracts that have expired. What the broker `shows` on a later day has not."""
    instruments = {key: InstrumentKey(key.exchange, key.tradingsymbol) for key in keys}
    over = contract_terms.ended(instruments.values(), now)
    return frozenset(
        key
        for key, instrument in instruments.items()
        if instrument in over and not (key in shown and book_day(now) > over[instrument].expiry)
    )


def _broker_positions(connection: BrokerConnection) -> tuple[OpenRow, ...]:
    """Also those that were closed today: later fills may open them again."""
    rows = AccountPosition.objects.filter(connection=connection).order_by()
    return tuple(
        OpenRow(
            exchange=row.exchange,
            tradingsymbol=row.tradingsymbol,
            product=row.product,
            quantity=row.quantity,
            average_price=row.average_price,
            last_price=row.last_price,
            multiplier=row.multiplier,
        )
        for row in rows
    )


def _with_fills(positions: Iterable[OpenRow], fills: Iterable[FilledRow]) -> tuple[OpenRow, ...]:
    """The positions with what has filled since; those that are flat are left out."""
    known = {one.key: one for one in positions}
    quantities = Counter({key: one.quantity for key, one in known.items()})
    for fill in fills:
        quantities[fill.key] += fill.side.sign * fill.quantity
        known[fill.key] = known.get(fill.key) or OpenRow(
            exchange=fill.exchange,
            tradingsymbol=fill.tradingsymbol,
            product=fill.product,
            quantity=0,
            average_price=fill.price,
            multiplier=fill.multiplier,
        )
    return tuple(
        OpenRow(
            exchange=one.exchange,
            tradingsymbol=one.tradingsymbol,
            product=one.product,
            quantity=quantities[key],
            average_price=one.average_price,
            last_price=one.last_price,
            multiplier=one.multiplier,
        )
        for key, one in known.items()
        if quantities[key]
    )


def _first_of_interest(
    positions_at: datetime, funds_at: datetime | None, now: datetime
) -> datetime:
    """From when on fills may be missing in what the broker last showed of the account."""
    first = positions_at - CLOCKS_APART
    if funds_at is not None and now - funds_at <= MONEY_MAX_AGE:
        return min(first, funds_at)
    return first


def _fills_after(connection: BrokerConnection, moment: datetime) -> tuple[FilledRow, ...]:
    rows = Fill.objects.filter(connection=connection, booked_at__gt=moment).order_by()
    names = ("side", "qty", "price", "booked_at", "order__qty", "order__reduce_only")
    found = rows.values_list(
        "exchange", "symbol", "product", *names, "order__multiplier", "order__margin__required"
    )
    return tuple(_filled(row) for row in found)


def _filled(row: tuple[Any, ...]) -> FilledRow:
    return FilledRow(
        exchange=row[0],
        tradingsymbol=row[1],
        product=row[2],
        side=Side(row[3]),
        quantity=row[4],
        price=row[5],
        booked_at=row[6],
        order_quantity=row[7],
        reduce_only=row[8],
        multiplier=row[9],
        margin=row[10],
    )


def _delivered(state: AccountState | None, now: datetime) -> Mapping[str, int] | None:
    """Shares in the holdings by symbol, NSE and BSE as one; what was sold today is a position."""
    if (
        state is None
        or state.holdings_read_at is None
        or state.positions_read_at is None
        or book_day(state.holdings_read_at) != book_day(now)
    ):
        return None
    shares: Counter[str] = Counter()
    rows = AccountHolding.objects.filter(connection_id=state.connection_id).order_by()
    for symbol, settled, unsettled in rows.values_list("tradingsymbol", "quantity", "t1_quantity"):
        shares[symbol] += settled + unsettled
    return shares


# -- orders --------------------------------------------------------------------------------------


def _working(connection: BrokerConnection) -> list[WorkingRow]:
    """Orders that may still fill, oldest first. QUEUED ones are looked at when they are claimed."""
    # Sorted here: asked to sort by the key, SQLite would go through the whole past.
    rows = Order.objects.filter(connection=connection, status__in=AT_BROKER).order_by()
    names = ["pk" if name == "order_id" else name for name in _WORKING_FIELDS]
    found = []
    for *row, asked in rows.values_list(*names, "margin__required", "modification"):
        values = dict(zip((*_WORKING_FIELDS, "margin"), row, strict=True))
        values["side"] = Side(values["side"])
        values["order_type"] = OrderType(values["order_type"])
        values["status"] = Status(values["status"])
        values["mode"] = Mode(values["mode"])
        # What a change would make of it counts from the moment it is asked.
        values["qty"] = max(values["qty"], int((asked or {}).get("qty") or 0))
        found.append(WorkingRow(**values))
    return sorted(found, key=lambda one: one.order_id)


def _one_leg_of_two(working: list[WorkingRow]) -> tuple[WorkingRow, ...]:
    """Of the two legs of a trigger only one can fill: the stop stands for both while it lives."""
    living = {one.order_id for one in working}
    return tuple(one for one in working if one.oco_with_id not in living)
