"""What the accounts hold, as the positions page shows it: our figures beside the broker's."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlencode

from django.db.models import Sum
from django.urls import reverse

from brokers.models import (
    AccountHolding,
    AccountPosition,
    AccountState,
    BrokerConnection,
    ConnectionKind,
)
from trading import selectors
from trading.domain.values import Product
from trading.models import ClosedTrade, Order, Position
from trading.services import exits
from trading.web.expired import ExpiredRow, expired_in

Key = tuple[str, str, str]  # exchange, symbol, product


def _percent(part: Decimal, whole: Decimal) -> Decimal | None:
    return 100 * part / whole if whole else None


def place_url(name: str, connection_id: int, key: Key) -> str:
    """The address of a page on one position."""
    exchange, symbol, product = key
    query = {
        "connection": connection_id,
        "exchange": exchange,
        "symbol": symbol,
        "product": product,
    }
    return f"{reverse(name)}?{urlencode(query)}"


@dataclass(slots=True)
class PositionRow:
    """One position: `ours` by our fills, `theirs` as the broker shows it; one may be missing."""

    connection: BrokerConnection
    key: Key
    ours: Position | None = None
    theirs: AccountPosition | None = None
    realised: Decimal = Decimal(0)  # today, by our fills
    hint: str = ""
    expired: bool = False  # the broker may show it until its day ends
    closing: list[Order] = field(default_factory=list)

    @property
    def name(self) -> str:
        exchange, symbol, _ = self.key
        return f"{exchange}:{symbol}" if exchange else symbol

    @property
    def slug(self) -> str:
        """For ids in the page: letters, digits and dashes alone."""
        text = "-".join((str(self.connection.pk), *self.key))
        return "".join(sign if sign.isalnum() else f"-{ord(sign):x}-" for sign in text)

    @property
    def quantity(self) -> int:
        """What is open: by the broker where it was asked, else by our fills."""
        if self.expired:
            return 0
        if self.theirs is not None:
            return self.theirs.quantity
        return self.ours.qty if self.ours else 0

    @property
    def last_price(self) -> Decimal | None:
        """The price that our P&L is counted with; the broker's where nothing of ours is open."""
        if self.ours is not None and self.ours.qty:
            return self.ours.last_price
        return self.theirs.last_price if self.theirs else None

    @property
    def pnl(self) -> Decimal | None:
        """What is open and what was realised today, as the account's total counts it."""
        return None if self.ours is None else self.ours.unrealised + self.realised

    @property
    def change(self) -> Decimal | None:
        """Our open P&L in percent of what was paid for it; None when nothing of ours is open."""
        ours = self.ours
        if ours is None or not ours.qty or not ours.avg_price:
            return None
        return _percent(ours.unrealised, ours.avg_price * abs(ours.qty) * ours.multiplier)

    @property
    def open(self) -> bool:
        """Open by anybody's figures."""
        return not self.expired and bool(
            (self.ours and self.ours.qty) or (self.theirs and self.theirs.quantity)
        )

    @property
    def url(self) -> str:
        return place_url("position", self.connection.pk, self.key)

    @property
    def delivered(self) -> bool:
        """Shares sold out of the holdings: below zero at the broker until they have left."""
        at_broker = not self.connection.simulated
        return at_broker and self.quantity < 0 and self.key[2] == Product.CNC.value

    @property
    def exitable(self) -> bool:
        return bool(self.quantity) and not self.delivered

    @property
    def protectable(self) -> bool:
        return self.exitable and not exits.no_gtt(self.connection, self.key[2])


@dataclass(frozen=True, slots=True)
class HoldingRow:
    """Delivered shares, and what of them is being sold."""

    holding: AccountHolding
    closing: list[Order]

    @property
    def name(self) -> str:
        return f"{self.holding.exchange}:{self.holding.tradingsymbol}"

    @property
    def url(self) -> str:
        key = (self.holding.exchange, self.holding.tradingsymbol, Product.CNC.value)
        return place_url("position", self.holding.connection_id, key)

    @property
    def pnl(self) -> Decimal | None:
        """The broker's figure, else what the prices come to."""
        one = self.holding
        if one.pnl is not None or one.last_price is None:
            return one.pnl
        return (one.last_price - one.average_price) * (one.quantity + one.t1_quantity)

    @property
    def change(self) -> Decimal | None:
        """The P&L in percent of what was paid."""
        one = self.holding
        cost = one.average_price * (one.quantity + one.t1_quantity)
        return None if self.pnl is None else _percent(self.pnl, cost)

    @property
    def value(self) -> Decimal | None:
        one = self.holding
        return one.last_price and one.last_price * (one.quantity + one.t1_quantity)


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that one account holds."""

    connection: BrokerConnection
    state: AccountState | None
    rows: list[PositionRow]
    closed: list[PositionRow]
    holdings: list[HoldingRow]
    expired: list[ExpiredRow]
    realised: Decimal  # of what was closed today

    @property
    def at_broker(self) -> bool:
        """Whether there is a broker with figures of its own."""
        return not self.connection.simulated

    @property
    def open_pnl(self) -> Decimal:
        return sum((row.ours.unrealised for row in self.rows if row.ours), Decimal(0))

    @property
    def pnl(self) -> Decimal:
        return self.open_pnl + self.realised

    @property
    def day_pnl(self) -> Decimal | None:
        """The broker's own figure of today, over everything that it shows; None without one."""
        shown = [row.theirs for row in (*self.rows, *self.closed) if row.theirs]
        known = [one.day_pnl for one in shown if one.day_pnl is not None]
        return sum(known, Decimal(0)) if known else None

    @property
    def holdings_value(self) -> Decimal:
        return sum((row.value or Decimal(0) for row in self.holdings), Decimal(0))

    @property
    def holdings_pnl(self) -> Decimal:
        return sum((row.pnl or Decimal(0) for row in self.holdings), Decimal(0))

    @property
    def differences(self) -> int:
        return sum(1 for row in self.rows if row.hint)


@dataclass(frozen=True, slots=True)
class Total:
    """Rupees of today over all accounts of one kind, and how many positions are open there."""

    kind: str
    realised: Decimal
    open_pnl: Decimal
    positions: int
    accounts: int

    @property
    def pnl(self) -> Decimal:
        return self.realised + self.open_pnl


def totals(found: Iterable[Book]) -> list[Total]:
    """One for each kind of account: play money and real money are never added up."""
    by_kind: dict[str, list[Book]] = {}
    for book in found:
        by_kind.setdefault(book.connection.kind, []).append(book)
    return [
        Total(
            kind=kind,
            realised=sum((book.realised for book in some), Decimal(0)),
            open_pnl=sum((book.open_pnl for book in some), Decimal(0)),
            positions=sum(1 for book in some for row in book.rows if row.quantity),
            accounts=len(some),
        )
        for kind in (ConnectionKind.LIVE, ConnectionKind.SIMULATOR, ConnectionKind.PAPER)
        if (some := by_kind.get(kind))
    ]


def books(since: datetime) -> list[Book]:
    """A book for each account that is on or holds something, the default account first."""
    found = []
    for connection in BrokerConnection.objects.order_by("-is_default", "name"):
        book = book_of(connection, since)
        if connection.enabled or book.rows or book.holdings or book.expired:
            found.append(book)
    return found


def book_of(connection: BrokerConnection, since: datetime) -> Book:
    """The account's book; positions that were closed before `since` are left out."""
    rows: dict[Key, PositionRow] = {}

    def row(key: Key) -> PositionRow:
        return rows.setdefault(key, PositionRow(connection, key))

    for ours in Position.objects.filter(connection=connection).order_by("symbol", "product"):
        row((ours.exchange, ours.symbol, ours.product)).ours = ours
    holdings: list[AccountHolding] = []
    if not connection.simulated:
        for theirs in AccountPosition.objects.filter(connection=connection):
            row((theirs.exchange, theirs.tradingsymbol, theirs.product)).theirs = theirs
        holdings = list(AccountHolding.objects.filter(connection=connection))
        for difference in selectors.position_differences(connection):
            key = (difference.exchange, difference.tradingsymbol, difference.product)
            row(key).hint = difference.why
    closing = _closing(connection)
    settled = {tuple(key) for key in selectors.settled_today(connection)}
    realised = _realised(connection, since)
    for key, one in rows.items():
        one.expired = key in settled and not (one.ours and one.ours.qty)
        one.realised = realised.get(key, Decimal(0))
        one.closing = [
            order
            for order in closing.get(key, [])
            if one.quantity and (order.side == "SELL") == (one.quantity > 0)
        ]
    expired = expired_in(connection, since)
    over = {row.key for row in expired}
    ordered = sorted(rows.values(), key=lambda one: (one.key[1], one.key[2]))
    return Book(
        connection=connection,
        state=AccountState.objects.filter(connection=connection).first(),
        rows=[one for one in ordered if one.open or one.hint],
        closed=[
            one
            for one in ordered
            if not (one.open or one.hint or one.key in over) and _moved(one, since)
        ],
        holdings=[HoldingRow(one, _sells(closing, one)) for one in holdings],
        expired=expired,
        realised=sum(realised.values(), Decimal(0)),
    )


def _realised(connection: BrokerConnection, since: datetime) -> dict[Key, Decimal]:
    """Rupees of what was closed since then, by position."""
    closed = ClosedTrade.objects.filter(connection=connection, closed_at__gte=since).order_by()
    sums = closed.values_list("exchange", "symbol", "product").annotate(pnl=Sum("pnl"))
    return {(exchange, symbol, product): pnl for exchange, symbol, product, pnl in sums}


def _closing(connection: BrokerConnection) -> dict[Key, list[Order]]:
    """Reduce-only orders of the account that have not ended, by position."""
    found: dict[Key, list[Order]] = {}
    orders = Order.objects.filter(
        connection=connection, reduce_only=True, status__in=selectors.ON_THE_WAY
    ).order_by("pk")
    for order in orders:
        key = (order.exchange, order.tradingsymbol, order.product)
        found.setdefault(key, []).append(order)
    return found


def _sells(closing: dict[Key, list[Order]], holding: AccountHolding) -> list[Order]:
    key = (holding.exchange, holding.tradingsymbol, Product.CNC.value)
    return [order for order in closing.get(key, []) if order.side == "SELL"]


def _moved(row: PositionRow, since: datetime) -> bool:
    """Whether a flat position is one of today."""
    return row.theirs is not None or (row.ours is not None and row.ours.last_updated >= since)
