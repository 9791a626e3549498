"""Fills become positions and closed trades, first in, first out, in the fill's own transaction.

The settlement of a contract that expired closes what is open as a fill would, without an order.
"""

import logging
from collections import Counter
from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from django.db.models import F

from brokers.models import BrokerConnection
from brokers.port import Trade
from brokers.prices import latest_prices, market_ticks
from sigmatrader import clock
from trading.domain.position import (
    Closed,
    FillRow,
    Lot,
    PositionState,
    Settled,
    Unpriced,
    apply,
    fold,
    open_quantities,
    settle,
)
from trading.domain.session import trading_day
from trading.domain.values import InstrumentKey, Side
from trading.models import ClosedTrade, Fill, Order, Position, Settlement, UnpricedLot
from trading.services import day_totals

logger = logging.getLogger(__name__)

_PAISA = Decimal("0.0001")


def _exact(value: Decimal) -> Decimal:
    return value.quantize(_PAISA, rounding=ROUND_HALF_EVEN)


def _position_of(order: Order) -> Position:
    position, _ = Position.objects.select_for_update().get_or_create(
        connection_id=order.connection_id,
        exchange=order.exchange,
        symbol=order.tradingsymbol,
        product=order.product,
        defaults={"last_updated": order.updated_at, "multiplier": order.multiplier},
    )
    return position


def _place(position: Position) -> dict[str, Any]:
    """What its fills, trades and settlements have in common with it."""
    return {
        "connection_id": position.connection_id,
        "exchange": position.exchange,
        "symbol": position.symbol,
        "product": position.product,
    }


def _open_fills(position: Position) -> list[Fill]:
    return list(Fill.objects.filter(**_place(position), open_qty__gt=0).order_by("id"))


def _lots(fills: Iterable[Fill]) -> tuple[Lot, ...]:
    return tuple(
        Lot(Side(fill.side).sign * fill.open_qty, fill.price, fill.order_id, fill.at)
        for fill in fills
    )


def _consume(open_fills: list[Fill], quantity: int) -> None:
    """Take `quantity` off the oldest open fills."""
    for fill in open_fills:
        if quantity == 0:
            return
        taken = min(quantity, fill.open_qty)
        Fill.objects.filter(pk=fill.pk).update(open_qty=F("open_qty") - taken)
        quantity -= taken


def _r_multiple(entry: Order, piece: Closed) -> Decimal | None:
    """P&L in units of the risk to the entry's planned stop; None without a stop."""
    stop = entry.exit_plan.get("stop_price")
    if not stop:
        return None
    risk = abs(piece.entry_price - Decimal(str(stop))) * piece.quantity * entry.multiplier
    return _exact(piece.pnl / risk) if risk else None


def _store_closed(pieces: Iterable[Closed]) -> None:
    for piece in pieces:
        assert piece.entry_order_id is not None
        assert piece.opened_at is not None
        assert piece.closed_at is not None
        entry = Order.objects.get(pk=piece.entry_order_id)
        order = None
        if piece.settlement_id is None:
            assert piece.exit_order_id is not None
            order = Order.objects.get(pk=piece.exit_order_id)
        ClosedTrade.objects.create(
            entry_order=entry,
            exit_order=order,
            settlement_id=piece.settlement_id,
            strategy_id=entry.strategy_id or (order.strategy_id if order else None),
            connection_id=entry.connection_id,
            exchange=entry.exchange,
            symbol=entry.tradingsymbol,
            product=entry.product,
            side=piece.side,
            qty=piece.quantity,
            entry_price=piece.entry_price,
            exit_price=piece.exit_price,
            pnl=_exact(piece.pnl),
            r_multiple=_r_multiple(entry, piece),
            simulated=entry.simulated,
            opened_at=piece.opened_at,
            closed_at=piece.closed_at,
        )


def _store_unpriced(gone: Iterable[Unpriced]) -> None:
    for one in gone:
        lot = one.lot
        assert lot.order_id is not None
        assert lot.at is not None
        UnpricedLot.objects.create(
            settlement_id=one.settlement_id,
            entry_order_id=lot.order_id,
            side=Side.BUY if lot.quantity > 0 else Side.SELL,
            qty=abs(lot.quantity),
            entry_price=lot.price,
            opened_at=lot.at,
        )


def _state(position: Position, open_fills: Iterable[Fill]) -> PositionState:
    return PositionState(
        quantity=position.qty,
        average_price=position.avg_price,
        realised=position.realised,
        open_lots=_lots(open_fills),
    )


def record(order: Order, trade: Trade) -> bool:
    """Book one trade of `order`; False when it was booked before.

    Must run inside the transaction that writes the order's filled quantity.
    """
    if Fill.objects.filter(order=order, trade_id=trade.trade_id).exists():
        return False
    position = _position_of(order)
    open_fills = _open_fills(position)
    after = apply(
        _state(position, open_fills),
        FillRow(Side(order.side), trade.quantity, trade.price, order.pk, trade.at),
        order.multiplier,
    )
    closing = sum(piece.quantity for piece in after.closed)
    _consume(open_fills, closing)
    Fill.objects.create(
        order=order,
        connection_id=order.connection_id,
        trade_id=trade.trade_id,
        exchange=order.exchange,
        symbol=order.tradingsymbol,
        product=order.product,
        side=order.side,
        qty=trade.quantity,
        price=trade.price,
        open_qty=trade.quantity - closing,
        at=trade.at,
    )
    _store_closed(after.closed)
    position.qty = after.quantity
    position.avg_price = _exact(after.average_price)
    position.realised = _exact(after.realised)
    position.last_price = trade.price
    position.pnl = _exact(after.realised + after.unrealised(trade.price, order.multiplier))
    position.last_updated = trade.at
    position.save()
    day_totals.mark(order.connection_id, [trading_day(trade.at)])
    return True


def correct(order: Order, trades: Iterable[Trade]) -> bool:
    """Make the order's booked fills those that the broker shows now; False when they are.

    A broker may revise a trade's price or quantity, or take it back. Everything that was built on
    it is built again. Must run inside a transaction, with all trades of the order.
    """
    shown = {trade.trade_id: trade for trade in trades}
    changed = False
    for fill in Fill.objects.filter(order=order):
        trade = shown.get(fill.trade_id)
        if trade is None:
            fill.delete()
            day_totals.mark(order.connection_id, [trading_day(fill.at)])
        elif (trade.quantity, trade.price) != (fill.qty, fill.price):
            Fill.objects.filter(pk=fill.pk).update(
                qty=trade.quantity, price=trade.price, open_qty=0
            )
        else:
            continue
        changed = True
        logger.error("order %s: the broker revised trade %s", order.pk, fill.trade_id)
    if changed:
        rebuild(_position_of(order))
    return changed


def settle_position(position: Position, settlement: Settlement) -> None:
    """Close all that is open of `position` by its settlement, which is stored and nothing else yet.

    Must run inside a transaction that has locked the position.
    """
    open_fills = _open_fills(position)
    settled = _settled(settlement)
    after = settle(_state(position, open_fills), settled, position.multiplier)
    Fill.objects.filter(pk__in=[fill.pk for fill in open_fills]).update(open_qty=0)
    _store_closed(after.closed)
    _store_unpriced(after.unpriced)
    position.qty, position.avg_price = 0, Decimal(0)
    position.realised = position.pnl = _exact(after.realised)
    if settlement.price is not None:
        position.last_price = settlement.price
    position.last_updated = clock.now()
    position.save()
    days = {trading_day(piece.closed_at) for piece in after.closed if piece.closed_at}
    day_totals.mark(position.connection_id, days | {trading_day(settlement.at)})


def rebuild(position: Position) -> None:
    """Build the position again from all its fills and settlements.

    Must run inside a transaction that has locked the position.
    """
    place = _place(position)
    fills = list(Fill.objects.filter(**place).order_by("id"))
    settlements = list(Settlement.objects.filter(**place).order_by("id"))
    history = _history(fills, settlements)
    state = fold(history, position.multiplier)
    for fill, left in zip(fills, open_quantities(history), strict=True):
        if fill.open_qty != left:
            Fill.objects.filter(pk=fill.pk).update(open_qty=left)
    # A trade is closed by a fill or a settlement: the days of those that are gone are among these.
    days = {trading_day(fill.at) for fill in fills}
    days |= {trading_day(settlement.at) for settlement in settlements}
    ClosedTrade.objects.filter(**place).delete()
    UnpricedLot.objects.filter(settlement__in=settlements).delete()
    _store_closed(state.closed)
    _store_unpriced(state.unpriced)
    _store_quantities(settlements, state)
    day_totals.mark(position.connection_id, days)
    position.qty = state.quantity
    position.avg_price = _exact(state.average_price)
    position.realised = _exact(state.realised)
    position.pnl = _exact(
        state.realised + state.unrealised(position.last_price, position.multiplier)
    )
    position.save(update_fields=["qty", "avg_price", "realised", "pnl"])


def _settled(settlement: Settlement) -> Settled:
    return Settled(settlement.price, settlement.at, settlement.pk)


def _history(fills: list[Fill], settlements: list[Settlement]) -> list[FillRow | Settled]:
    """Both in the order in which they were booked."""
    placed: list[tuple[int, int, FillRow | Settled]] = [
        (one.pk, 0, FillRow(Side(one.side), one.qty, one.price, one.order_id, one.at))
        for one in fills
    ]
    placed += [(one.after_fill, one.pk, _settled(one)) for one in settlements]
    return [one for _, _, one in sorted(placed, key=lambda each: each[:2])]


def _store_quantities(settlements: Iterable[Settlement], state: PositionState) -> None:
    """What each settlement has ended, once fills before it were corrected."""
    ended: Counter[int | None] = Counter()
    for piece in state.closed:
        ended[piece.settlement_id] += piece.side.sign * piece.quantity
    for gone in state.unpriced:
        ended[gone.settlement_id] += gone.lot.quantity
    for one in settlements:
        if one.qty != ended[one.pk]:
            Settlement.objects.filter(pk=one.pk).update(qty=ended[one.pk])


def mark_to_market(connection: BrokerConnection) -> int:
    """Bring open positions to the last known prices; returns how many changed."""
    positions = list(Position.objects.filter(connection=connection).exclude(qty=0))
    if not positions:
        return 0
    keys = {InstrumentKey(position.exchange, position.symbol) for position in positions}
    # Where money is at stake no alert's price counts.
    ticks = latest_prices(keys) if connection.simulated else market_ticks(keys, clock.now())
    changed = 0
    for position in positions:
        tick = ticks.get(InstrumentKey(position.exchange, position.symbol))
        if tick is None or tick.at <= position.last_updated or tick.price == position.last_price:
            continue
        open_pnl = (tick.price - position.avg_price) * position.qty * position.multiplier
        # Only while the quantity is the one that was read: a fill writes its own figures.
        changed += Position.objects.filter(pk=position.pk, qty=position.qty).update(
            last_price=tick.price,
            pnl=_exact(position.realised + open_pnl),
            last_updated=tick.at,
        )
    return changed
