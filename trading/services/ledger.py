"""Fills become positions and closed trades, first in, first out, in the fill's own transaction."""

import logging
from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal

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
    apply,
    fold,
    open_quantities,
)
from trading.domain.session import trading_day
from trading.domain.values import InstrumentKey, Side
from trading.models import ClosedTrade, Fill, Order, Position
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


def _open_fills(order: Order) -> list[Fill]:
    return list(
        Fill.objects.filter(
            connection_id=order.connection_id,
            exchange=order.exchange,
            symbol=order.tradingsymbol,
            product=order.product,
            open_qty__gt=0,
        ).order_by("id")
    )


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
        assert piece.exit_order_id is not None
        assert piece.opened_at is not None
        assert piece.closed_at is not None
        entry = Order.objects.get(pk=piece.entry_order_id)
        order = Order.objects.get(pk=piece.exit_order_id)
        ClosedTrade.objects.create(
            entry_order=entry,
            exit_order=order,
            strategy_id=entry.strategy_id or order.strategy_id,
            connection_id=order.connection_id,
            exchange=order.exchange,
            symbol=order.tradingsymbol,
            product=order.product,
            side=piece.side,
            qty=piece.quantity,
            entry_price=piece.entry_price,
            exit_price=piece.exit_price,
            pnl=_exact(piece.pnl),
            r_multiple=_r_multiple(entry, piece),
            simulated=order.simulated,
            opened_at=piece.opened_at,
            closed_at=piece.closed_at,
        )


def record(order: Order, trade: Trade) -> bool:
    """Book one trade of `order`; False when it was booked before.

    Must run inside the transaction that writes the order's filled quantity.
    """
    if Fill.objects.filter(order=order, trade_id=trade.trade_id).exists():
        return False
    position = _position_of(order)
    open_fills = _open_fills(order)
    before = PositionState(
        quantity=position.qty,
        average_price=position.avg_price,
        realised=position.realised,
        open_lots=_lots(open_fills),
    )
    after = apply(
        before,
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
        _rebuild(order)
    return changed


def _rebuild(order: Order) -> None:
    """Build the position of the order's instrument again from all its fills."""
    position = _position_of(order)
    key = {
        "connection_id": order.connection_id,
        "exchange": order.exchange,
        "symbol": order.tradingsymbol,
        "product": order.product,
    }
    fills = list(Fill.objects.filter(**key).order_by("id"))
    rows = [FillRow(Side(one.side), one.qty, one.price, one.order_id, one.at) for one in fills]
    state = fold(rows, position.multiplier)
    for fill, left in zip(fills, open_quantities(rows), strict=True):
        if fill.open_qty != left:
            Fill.objects.filter(pk=fill.pk).update(open_qty=left)
    ClosedTrade.objects.filter(**key).delete()
    _store_closed(state.closed)
    # A trade is closed by a fill: the days of those that are gone are among these too.
    day_totals.mark(order.connection_id, {trading_day(fill.at) for fill in fills})
    position.qty = state.quantity
    position.avg_price = _exact(state.average_price)
    position.realised = _exact(state.realised)
    position.pnl = _exact(
        state.realised + state.unrealised(position.last_price, position.multiplier)
    )
    position.save(update_fields=["qty", "avg_price", "realised", "pnl"])


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
