"""Positions from fills: first in, first out, exact, through zero and back. Pure.

A contract's expiry ends all that is open of it: a settlement is no fill, but stands among them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from trading.domain.values import Side

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class FillRow:
    """One execution: `quantity` whole units at `price` rupees a unit."""

    side: Side
    quantity: int
    price: Decimal
    order_id: int | str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """The end of a contract: all that is open of it is closed at `price` rupees a unit.

    `price` is None while nobody knows it: then the units are gone, and what they made is not known.
    """

    price: Decimal | None
    at: datetime
    settlement_id: int


@dataclass(frozen=True, slots=True)
class Lot:
    """What is still open of one fill. `quantity` is signed: negative is short."""

    quantity: int
    price: Decimal
    order_id: int | str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed piece: `quantity` units opened by one fill and closed by another, or by the
    settlement of the contract, which has no order.

    `side` is the entry's. `pnl` is in rupees, before charges.
    """

    side: Side
    quantity: int
    entry_price: Decimal
    exit_price: Decimal
    pnl: Decimal
    entry_order_id: int | str | None
    exit_order_id: int | str | None
    opened_at: datetime | None
    closed_at: datetime | None
    settlement_id: int | None = None


@dataclass(frozen=True, slots=True)
class Unpriced:
    """A lot that expired, and whose settlement price is not known: no part of `realised`."""

    lot: Lot
    settlement_id: int


@dataclass(frozen=True, slots=True)
class PositionState:
    """Net `quantity` (signed), `average_price` of what is open (0 when flat), `realised` P&L."""

    quantity: int = 0
    average_price: Decimal = ZERO
    realised: Decimal = ZERO
    open_lots: tuple[Lot, ...] = ()
    closed: tuple[Closed, ...] = ()
    unpriced: tuple[Unpriced, ...] = ()

    def unrealised(self, last_price: Decimal | None, multiplier: Decimal = Decimal(1)) -> Decimal:
        """Open P&L in rupees at `last_price`; 0 when flat or without a price."""
        if last_price is None:
            return ZERO
        return sum(
            ((last_price - lot.price) * lot.quantity * multiplier for lot in self.open_lots), ZERO
        )


def _average(lots: Sequence[Lot]) -> Decimal:
    quantity = sum(lot.quantity for lot in lots)
    if quantity == 0:
        return ZERO
    return sum((lot.price * lot.quantity for lot in lots), ZERO) / quantity


def _close(lot: Lot, fill: FillRow, quantity: int, multiplier: Decimal) -> Closed:
    sign = 1 if lot.quantity > 0 else -1
    return Closed(
        side=Side.BUY if sign > 0 else Side.SELL,
        quantity=quantity,
        entry_price=lot.price,
        exit_price=fill.price,
        pnl=(fill.price - lot.price) * quantity * sign * multiplier,
        entry_order_id=lot.order_id,
        exit_order_id=fill.order_id,
        opened_at=lot.at,
        closed_at=fill.at,
    )


def apply(state: PositionState, fill: FillRow, multiplier: Decimal = Decimal(1)) -> PositionState:
    """`state` after `fill`. Closed pieces of this fill alone are in the result's `closed`."""
    if fill.quantity <= 0:
        raise ValueError(f"a fill's quantity must be positive, not {fill.quantity}")
    lots = list(state.open_lots)
    left = fill.quantity
    sign = fill.side.sign
    closed: list[Closed] = []
    while left and lots and lots[0].quantity * sign < 0:
        lot = lots[0]
        taken = min(left, abs(lot.quantity))
        closed.append(_close(lot, fill, taken, multiplier))
        left -= taken
        rest = lot.quantity + sign * taken
        if rest:
            lots[0] = Lot(rest, lot.price, lot.order_id, lot.at)
        else:
            lots.pop(0)
    if left:
        lots.append(Lot(sign * left, fill.price, fill.order_id, fill.at))
    return PositionState(
        quantity=sum(lot.quantity for lot in lots),
        average_price=_average(lots),
        realised=state.realised + sum((piece.pnl for piece in closed), ZERO),
        open_lots=tuple(lots),
        closed=tuple(closed),
    )


def settle(
    state: PositionState, settled: Settled, multiplier: Decimal = Decimal(1)
) -> PositionState:
    """`state` once the contract is settled: flat. What this settlement ended, alone, is in the
    result's `closed`, or in `unpriced` while its price is not known."""
    if settled.price is None:
        gone = tuple(Unpriced(lot, settled.settlement_id) for lot in state.open_lots)
        return PositionState(realised=state.realised, unpriced=gone)
    closed = tuple(_end(lot, settled, settled.price, multiplier) for lot in state.open_lots)
    made = sum((piece.pnl for piece in closed), ZERO)
    return PositionState(realised=state.realised + made, closed=closed)


def _end(lot: Lot, settled: Settled, price: Decimal, multiplier: Decimal) -> Closed:
    # What was traded after the close, as paper may be, ends no sooner than it began.
    at = max(settled.at, lot.at) if lot.at is not None else settled.at
    return Closed(
        side=Side.BUY if lot.quantity > 0 else Side.SELL,
        quantity=abs(lot.quantity),
        entry_price=lot.price,
        exit_price=price,
        pnl=(price - lot.price) * lot.quantity * multiplier,
        entry_order_id=lot.order_id,
        exit_order_id=None,
        opened_at=lot.at,
        closed_at=at,
        settlement_id=settled.settlement_id,
    )


def fold(history: Iterable[FillRow | Settled], multiplier: Decimal = Decimal(1)) -> PositionState:
    """The position that fills and settlements, in order, add up to, with every closed piece."""
    state = PositionState()
    closed: list[Closed] = []
    unpriced: list[Unpriced] = []
    for one in history:
        if isinstance(one, Settled):
            state = settle(state, one, multiplier)
        else:
            state = apply(state, one, multiplier)
        closed.extend(state.closed)
        unpriced.extend(state.unpriced)
    return replace(state, closed=tuple(closed), unpriced=tuple(unpriced))


def open_quantities(history: Sequence[FillRow | Settled]) -> list[int]:
    """What is still open of each fill of `history`, in their order: units, never negative."""
    left: list[int] = []
    sides: list[Side] = []
    waiting: list[int] = []
    for one in history:
        if isinstance(one, Settled):
            for number in waiting:
                left[number] = 0
            waiting.clear()
            continue
        number = len(left)
        left.append(one.quantity)
        sides.append(one.side)
        while left[number] and waiting and sides[waiting[0]] != one.side:
            first = waiting[0]
            taken = min(left[number], left[first])
            left[number] -= taken
            left[first] -= taken
            if not left[first]:
                waiting.pop(0)
        if left[number]:
            waiting.append(number)
    return left
