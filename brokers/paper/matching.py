"""The matching rules of the paper broker. Pure: an order and a price in, fills and a state out.

A price is one trade seen in the market. It fills at most `fill_depth` units of an order. An order
that can trade at the moment it arrives (or is triggered) gets that price; one that rested first
gets its own limit, never worse. Slippage moves only market fills, always against the trader.
"""

from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from typing import Final

from brokers.port import BrokerStatus
from trading.domain.calendar import Calendar
from trading.domain.session import IST, current_session, session_on, trading_day
from trading.domain.values import OrderType, Side, Validity

TICK_SIZE: Final = Decimal("0.05")
_BASIS_POINTS: Final = Decimal(10_000)


class Direction(StrEnum):
    """The way in which the price has to move to fire a GTT."""

    RISE = "RISE"
    FALL = "FALL"


@dataclass(frozen=True, slots=True)
class MatchConfig:
    """`slippage_bps`: hundredths of a percent. `fill_depth`: units a price; None is no limit."""

    slippage_bps: int = 0
    fill_depth: int | None = None
    tick_size: Decimal = TICK_SIZE


@dataclass(frozen=True, slots=True)
class MatchOrder:
    """What matching needs to know of an order. `triggered`: its stop has been reached."""

    side: Side
    order_type: OrderType
    validity: Validity
    quantity: int
    filled: int = 0
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    triggered: bool = False
    status: BrokerStatus = BrokerStatus.PENDING

    @property
    def pending(self) -> int:
        return self.quantity - self.filled


@dataclass(frozen=True, slots=True)
class MatchFill:
    quantity: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Match:
    """The order after a price, and what it filled (at most one fill a price)."""

    order: MatchOrder
    fill: MatchFill | None = None


def arrive(order: MatchOrder, market: Decimal | None, config: MatchConfig) -> Match:
    """A new or modified order meets `market`, the price of the moment (None: none known)."""
    match = _meet(order, market, config, resting=False)
    if order.validity is Validity.IOC and not match.order.status.final:
        return replace(match, order=replace(match.order, status=BrokerStatus.CANCELLED))
    return match


def tick(order: MatchOrder, price: Decimal, config: MatchConfig) -> Match:
    """A resting order meets the next price."""
    return _meet(order, price, config, resting=True)


def gtt_direction(side: Side, trigger_price: Decimal, market: Decimal | None) -> Direction:
    """Where the price must go from `market` to reach the trigger.

    When it is there already, or unknown, the passive side: a buyer waits for a fall.
    """
    if market is None or market == trigger_price:
        return Direction.FALL if side is Side.BUY else Direction.RISE
    return Direction.RISE if market < trigger_price else Direction.FALL


def gtt_fires(direction: Direction, trigger_price: Decimal, price: Decimal) -> bool:
    """Whether `price` has reached the trigger."""
    if direction is Direction.RISE:
        return price >= trigger_price
    return price <= trigger_price


def market_fill_price(side: Side, price: Decimal, config: MatchConfig) -> Decimal:
    """`price` with slippage: whole ticks, rounded up, against the trader; never below one tick."""
    ticks = price * config.slippage_bps / _BASIS_POINTS / config.tick_size
    slippage = ticks.to_integral_value(rounding=ROUND_CEILING) * config.tick_size
    if side is Side.BUY:
        return price + slippage
    return max(price - slippage, min(price, config.tick_size))


def day_start(moment: datetime) -> datetime:
    """The midnight, IST, with which the trading day of `moment` began."""
    return datetime.combine(trading_day(moment), time(), tzinfo=IST)


def day_ends(exchange: str, placed_at: datetime, hours: Calendar | None) -> datetime:
    """When a DAY order placed at `placed_at` expires.

    With `hours` to keep: the end of that day's session. Else: the next midnight IST.
    """
    session = None if hours is None else session_on(exchange, trading_day(placed_at), hours)
    return session.closes_at if session else day_start(placed_at) + timedelta(days=1)


def may_trade(exchange: str, moment: datetime, hours: Calendar | None) -> bool:
    """Whether an order may fill at `moment`: at any hour, unless there are `hours` to keep."""
    return hours is None or current_session(exchange, moment, hours) is not None


def _meet(order: MatchOrder, price: Decimal | None, config: MatchConfig, resting: bool) -> Match:
    """One price against one order; `resting` orders fill at their own limit."""
    was_working = resting and (order.triggered or not order.order_type.needs_trigger)
    order = _after_trigger(order, price)
    if price is None or order.status is BrokerStatus.TRIGGER_PENDING:
        return Match(order)
    fill_price = _fill_price(order, price, config, was_working)
    if fill_price is None:
        return Match(order)
    quantity = order.pending
    if config.fill_depth is not None:
        quantity = min(quantity, config.fill_depth)
    filled = order.filled + quantity
    status = BrokerStatus.COMPLETE if filled == order.quantity else BrokerStatus.OPEN
    return Match(replace(order, filled=filled, status=status), MatchFill(quantity, fill_price))


def _after_trigger(order: MatchOrder, price: Decimal | None) -> MatchOrder:
    """The order as OPEN, or TRIGGER_PENDING while its stop has not been reached."""
    if not order.order_type.needs_trigger or order.triggered:
        return replace(order, status=BrokerStatus.OPEN)
    assert order.trigger_price is not None
    direction = Direction.RISE if order.side is Side.BUY else Direction.FALL
    if price is None or not gtt_fires(direction, order.trigger_price, price):
        return replace(order, status=BrokerStatus.TRIGGER_PENDING)
    return replace(order, triggered=True, status=BrokerStatus.OPEN)


def _fill_price(
    order: MatchOrder, price: Decimal, config: MatchConfig, was_working: bool
) -> Decimal | None:
    """At what price the order trades now; None when its limit isn't reached."""
    if not order.order_type.needs_price:
        return market_fill_price(order.side, price, config)
    limit = order.price
    assert limit is not None
    if (price - limit) * order.side.sign > 0:
        return None
    return limit if was_working else price
