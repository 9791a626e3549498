"""An order's way in a few steps, and what came of it: fills, slippage, position, closed trades."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Sum

from trading.domain.values import Side
from trading.models import ClosedTrade, Fill, Order, OrderEvent, Position
from trading.web.books import place_url


@dataclass(frozen=True, slots=True)
class WayPoint:
    """One step: when it was reached, by whom, and how long after the step before."""

    name: str
    at: datetime
    who: str = ""
    after: timedelta | None = None


def way_of(order: Order) -> list[WayPoint]:
    """The steps that an order has reached, of one that was read with its story, oldest first."""
    found: list[WayPoint] = []
    # An order that was taken back into the queue was pressed again: what counts is the last time.
    for point in sorted(_points(order), key=lambda one: one.at):
        after = point.at - found[-1].at if found else None
        found.append(WayPoint(point.name, point.at, point.who, after))
    return found


def _points(order: Order) -> Iterator[WayPoint]:
    events = list(order.events.all())
    if order.alert is not None:
        yield WayPoint("Alert received", order.alert.received_at)
    if events:
        yield WayPoint("Order stored", events[0].at, events[0].actor)
    if order.queued_at is not None:
        yield WayPoint("To be sent", order.queued_at, _presser(events))
    attempts = list(order.attempts.all())
    if attempts:
        yield WayPoint("Handed to the broker", attempts[-1].claimed_at)
    if order.sent_at is not None and order.broker_order_id:
        yield WayPoint("Taken by the broker", order.sent_at)
    fills = list(order.fills.all())
    if fills:
        filled = fills[-1].booked_at or fills[-1].at
        name = "Filled" if order.filled_qty >= order.qty else "Filled in part"
        yield WayPoint(name, max(filled, order.sent_at or filled))


def _presser(events: list[OrderEvent]) -> str:
    queued = [event for event in events if event.to_status == "QUEUED" != event.from_status]
    return queued[-1].actor if queued else ""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an order. `slippage`: how much worse than the alert's price it was filled, in
    percent; below zero it was better. `realised`: rupees of the positions that it closed."""

    fills: list[Fill]
    slippage: Decimal | None
    slippage_value: Decimal | None
    realised: Decimal | None
    position: Position | None
    position_url: str

    @property
    def worse(self) -> bool:
        return self.slippage is not None and self.slippage > 0

    @property
    def size(self) -> Decimal:
        """The slippage without its sign."""
        return abs(self.slippage or Decimal(0))

    @property
    def size_value(self) -> Decimal:
        return abs(self.slippage_value or Decimal(0))


def result_of(order: Order) -> Result | None:
    """None for an order of which nothing was filled."""
    fills = list(order.fills.all())
    if not fills and not order.filled_qty:
        return None
    key = (order.exchange, order.tradingsymbol, order.product)
    lost = _lost_per_unit(order)
    seen = order.seen_price
    closed = ClosedTrade.objects.filter(exit_order=order).aggregate(pnl=Sum("pnl"))
    return Result(
        fills=fills,
        slippage=100 * lost / seen if lost is not None and seen else None,
        slippage_value=None if lost is None else lost * order.filled_qty * order.multiplier,
        realised=closed["pnl"],
        position=Position.objects.filter(
            connection=order.connection_id,
            exchange=order.exchange,
            symbol=order.tradingsymbol,
            product=order.product,
        ).first(),
        position_url=place_url("position", order.connection_id, key),
    )


def _lost_per_unit(order: Order) -> Decimal | None:
    """Rupees of a unit by which the fills were worse than the price that the alert saw."""
    if order.alert is None or not order.seen_price or order.average_price is None:
        return None
    more = order.average_price - order.seen_price
    return more if order.side == Side.BUY else -more
