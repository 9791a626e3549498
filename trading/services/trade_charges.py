"""What closed trades cost: each one's share in the charges of its two orders."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from trading.domain.charges import (
    ChargeSegment,
    Executed,
    Piece,
    Schedule,
    charges_of_pieces,
    counts_told,
    depository_charge,
    segment_of,
)
from trading.domain.session import trading_day
from trading.domain.values import Side
from trading.models import ChargeRate, ClosedTrade, Fill, Order

_TOGETHER: Final = 500
_ZERO: Final = Decimal(0)
_STEP: Final = Decimal("0.0001")


class ClosedPiece(NamedTuple):
    """A row of closed trades, as it is stored."""

    pk: int
    entry_order_id: int
    exit_order_id: int | None  # None: closed by the settlement of its contract
    strategy_id: int | None
    exchange: str
    symbol: str
    product: str
    side: str
    qty: int
    entry_price: Decimal
    exit_price: Decimal
    pnl: Decimal
    opened_at: datetime
    closed_at: datetime
    entry_charges: Decimal | None
    exit_charges: Decimal | None
    depository_charges: Decimal | None
    risk: Decimal | None

    @property
    def opened_on(self) -> date:
        return trading_day(self.opened_at)

    @property
    def closed_on(self) -> date:
        return trading_day(self.closed_at)


@dataclass(slots=True)
class Costs:
    """What a piece costs now, in rupees. `told`: how many of its orders' charges are the broker's
    own word, and `told_charges` what they come to."""

    entry: Decimal | None
    exit: Decimal | None
    depository: Decimal | None
    risk: Decimal | None
    told: int = 0
    told_charges: Decimal = _ZERO

    @property
    def total(self) -> Decimal:
        return (self.entry or _ZERO) + (self.exit or _ZERO) + (self.depository or _ZERO)

    def differ_from(self, piece: ClosedPiece) -> bool:
        stored = (piece.entry_charges, piece.exit_charges, piece.depository_charges, piece.risk)
        return (self.entry, self.exit, self.depository, self.risk) != stored


@dataclass(slots=True)
class Costed:
    """All pieces of some orders, and what they cost, by id."""

    pieces: dict[int, ClosedPiece] = field(default_factory=dict)
    costs: dict[int, Costs] = field(default_factory=dict)

    def changed(self) -> list[ClosedPiece]:
        """Pieces whose row says something else."""
        return [one for one in self.pieces.values() if self.costs[one.pk].differ_from(one)]


class _OrderRow(NamedTuple):
    pk: int
    exchange: str
    tradingsymbol: str
    product: str
    side: str
    multiplier: Decimal
    exit_plan: dict[str, object]
    estimated: Decimal | None
    asked: dict[str, object] | None
    noted: Decimal | None
    noted_quantity: int | None
    noted_price: Decimal | None


@dataclass(slots=True)
class _Filled:
    quantity: int = 0
    value: Decimal = _ZERO
    at: datetime | None = None

    @property
    def average_price(self) -> Decimal:
        """As it is stored and the broker is asked about, of what filled."""
        return average_price(self.value, self.quantity)


def average_price(value: Decimal, quantity: int) -> Decimal:
    """Rupees for a unit, at four decimals."""
    return (value / quantity).quantize(_STEP)


def current_schedule() -> Schedule:
    return Schedule(row.rates for row in ChargeRate.objects.all())


def pieces_of(**conditions: object) -> list[ClosedPiece]:
    """Closed trades that meet `conditions`, oldest row first."""
    rows = ClosedTrade.objects.filter(**conditions).order_by("pk")
    return [ClosedPiece(*row) for row in rows.values_list(*ClosedPiece._fields)]


def cost(order_ids: Collection[int], schedule: Schedule) -> Costed:
    """Charges and risk of every piece that these orders opened or closed.

    Of a piece whose other order is not among them, that order's share stays as it is stored.
    """
    costed = Costed()
    for chunk in _chunks(sorted(order_ids)):
        filled = _filled(chunk)
        found: dict[int, list[ClosedPiece]] = {pk: [] for pk in chunk}
        for piece in _pieces(chunk):
            _take(costed, piece)
            for order_id in (piece.entry_order_id, piece.exit_order_id):
                if order_id in found:
                    found[order_id].append(piece)
        for order in _orders(chunk):
            _cost_order(order, filled[order.pk], found[order.pk], schedule, costed)
    return costed


def charge_depository(pieces: Iterable[ClosedPiece], costed: Costed, schedule: Schedule) -> None:
    """Of the pieces that were closed in one account on one day: the first of each company's that
    was delivery, and is sold, bears what the depository takes for that day."""
    charged: set[tuple[str, str]] = set()
    for piece in pieces:
        amount, company = _ZERO, (piece.exchange, piece.symbol)
        if _leaves_depository(piece) and company not in charged:
            segment = segment_of(piece.exchange, piece.symbol, piece.product, same_day=False)
            rates = schedule.find(segment, piece.exchange, piece.closed_on)
            amount = depository_charge(rates) if rates else _ZERO
            charged.add(company)
        costed.costs[piece.pk].depository = amount


def _leaves_depository(piece: ClosedPiece) -> bool:
    segment = segment_of(piece.exchange, piece.symbol, piece.product, same_day=False)
    delivered = segment in (ChargeSegment.EQUITY_DELIVERY, ChargeSegment.EQUITY_MTF)
    return delivered and piece.side == Side.BUY and piece.opened_on != piece.closed_on


def _take(costed: Costed, piece: ClosedPiece) -> None:
    if piece.pk not in costed.pieces:
        # The rates say nothing of exercise and settlement: no charge is invented for them.
        exit_ = _ZERO if piece.exit_order_id is None else piece.exit_charges
        costed.pieces[piece.pk] = piece
        costed.costs[piece.pk] = Costs(
            piece.entry_charges, exit_, piece.depository_charges, piece.risk
        )


def _cost_order(
    order: _OrderRow,
    filled: _Filled,
    pieces: list[ClosedPiece],
    schedule: Schedule,
    costed: Costed,
) -> None:
    if not pieces:
        return
    mine = [
        Piece(
            one.qty,
            _price(order, one) * one.qty * order.multiplier,
            one.opened_on == one.closed_on,
        )
        for one in pieces
    ]
    # A broker's fills are never less than what was closed of them; rows of an import may be.
    quantity, value = sum(one.quantity for one in mine), sum((one.value for one in mine), _ZERO)
    if filled.quantity > quantity:
        quantity, value = filled.quantity, filled.value * order.multiplier
    executed = Executed(
        exchange=order.exchange,
        tradingsymbol=order.tradingsymbol,
        product=order.product,
        side=Side(order.side),
        day=trading_day(filled.at or pieces[0].opened_at),
        quantity=quantity,
        value=value,
        told=_told(order, quantity, filled),
    )
    told = counts_told(executed, mine)
    for one, share in zip(pieces, charges_of_pieces(executed, mine, schedule), strict=True):
        costs = costed.costs[one.pk]
        if told:
            costs.told += 1
            costs.told_charges += share
        if one.entry_order_id == order.pk:
            costs.entry = share
            costs.risk = _risk(order, one)
        else:
            costs.exit = share


def _price(order: _OrderRow, piece: ClosedPiece) -> Decimal:
    return piece.entry_price if piece.entry_order_id == order.pk else piece.exit_price


def _told(order: _OrderRow, quantity: int, filled: _Filled) -> Decimal | None:
    """What the broker said of just this execution, after it; else what it said before, of an order
    that then filled whole as it was asked about."""
    noted = (order.noted_quantity, order.noted_price)
    if order.noted and filled.quantity == quantity and noted == (quantity, filled.average_price):
        return order.noted
    asked = order.asked or {}
    same = asked.get("quantity") == quantity and asked.get("product") == order.product
    return order.estimated if same and order.estimated and order.estimated > 0 else None


def _risk(order: _OrderRow, piece: ClosedPiece) -> Decimal | None:
    stop = order.exit_plan.get("stop_price")
    if not stop:
        return None
    distance = abs(piece.entry_price - Decimal(str(stop)))
    return (distance * piece.qty * order.multiplier).quantize(_STEP) or None


# -- reading -------------------------------------------------------------------------------------


def _chunks(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), _TOGETHER):
        yield ids[start : start + _TOGETHER]


def _filled(order_ids: list[int]) -> dict[int, _Filled]:
    filled = {pk: _Filled() for pk in order_ids}
    rows = Fill.objects.filter(order_id__in=order_ids).order_by()
    for order_id, qty, price, at in rows.values_list("order_id", "qty", "price", "at"):
        one = filled[order_id]
        one.quantity += qty
        one.value += qty * price
        one.at = min(one.at or at, at)
    return filled


def _pieces(order_ids: list[int]) -> list[ClosedPiece]:
    """Pieces of any of the orders, oldest row first."""
    opened = pieces_of(entry_order_id__in=order_ids)
    closed = pieces_of(exit_order_id__in=order_ids)
    return sorted({one.pk: one for one in (*opened, *closed)}.values())


def _orders(order_ids: list[int]) -> list[_OrderRow]:
    rows = Order.objects.filter(pk__in=order_ids).order_by()
    return [
        _OrderRow(*row)
        for row in rows.values_list(
            "pk",
            "exchange",
            "tradingsymbol",
            "product",
            "side",
            "multiplier",
            "exit_plan",
            "margin__charges",
            "margin__asked",
            "broker_charges__total",
            "broker_charges__quantity",
            "broker_charges__price",
        )
    ]
