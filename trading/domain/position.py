"""Positions from fills: first in, first out, exact, through zero and back. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
class Lot:
    """What is still open of one fill. `quantity` is signed: negative is short."""

    quantity: int
    price: Decimal
    order_id: int | str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed piece: `quantity` units opened by one fill and closed by another.

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


@dataclass(frozen=True, slots=True)
class PositionState:
    """Net `quantity` (signed), `average_price` of what is open (0 when flat), `realised` P&L."""

    quantity: int = 0
    average_price: Decimal = ZERO
    realised: Decimal = ZERO
    open_lots: tuple[Lot, ...] = ()
    closed: tuple[Closed, ...] = ()

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


def fold(fills: Iterable[FillRow], multiplier: Decimal = Decimal(1)) -> PositionState:
    """The position that `fills`, in order, add up to, with every closed piece."""
    state = PositionState()
    closed: list[Closed] = []
    for fill in fills:
        state = apply(state, fill, multiplier)
        closed.extend(state.closed)
    return PositionState(
        state.quantity, state.average_price, state.realised, state.open_lots, tuple(closed)
    )


def open_quantities(fills: Sequence[FillRow]) -> list[int]:
    """What is still open of each of `fills`, in their order: units, never negative."""
    left = [fill.quantity for fill in fills]
    waiting: list[int] = []
    for number, fill in enumerate(fills):
        while left[number] and waiting and fills[waiting[0]].side != fill.side:
            first = waiting[0]
            taken = min(left[number], left[first])
            left[number] -= taken
            left[first] -= taken
            if not left[first]:
                waiting.pop(0)
        if left[number]:
            waiting.append(number)
    return left
