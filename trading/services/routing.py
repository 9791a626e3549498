"""How an order goes to its broker at this hour: at once, after hours, later, or not at all."""

from datetime import datetime, timedelta

from brokers.models import BrokerConnection
from brokers.registry import capabilities_of
from trading.domain.off_hours import Route, in_closing_auction, route
from trading.domain.values import Mode, OffHours, OrderType, Variety
from trading.models import Order
from trading.services import calendar

DEFAULT_TIME_TO_LIVE = 60


def off_hours_of(order: Order) -> OffHours:
    """What the order's strategy wants while the market is closed."""
    return OffHours(order.strategy.off_hours) if order.strategy else OffHours.AMO


def route_of(order: Order, connection: BrokerConnection, now: datetime) -> Route:
    """The way of `order` at `now`. Brokers that keep no hours, and triggers, always go."""
    if not capabilities_of(connection).sessions:
        return Route()
    if order.gtt:
        return Route(variety=Variety.GTT)
    if order.variety == Variety.AMO:  # the broker itself has said that the market is closed
        return Route(variety=Variety.AMO)
    return way_of(order, now)


def way_of(order: Order, now: datetime, *, said_closed: bool = False) -> Route:
    """The way of a plain order by the market calendar, as its strategy wants.

    `said_closed`: the broker has just refused it as closed; then nobody has looked at it since.
    """
    known = calendar.current()
    return route(
        order.exchange,
        OrderType(order.order_type),
        off_hours_of(order),
        now,
        known,
        said_closed=said_closed,
        by_person=order.mode == Mode.MANUAL,
        has_futures=in_closing_auction(order.exchange, now, known)
        and calendar.has_futures(order.exchange, order.tradingsymbol, now),
    )


def time_to_live(order: Order) -> timedelta:
    """How long a live order may take to be sent once it may go."""
    seconds = order.strategy.time_to_live_seconds if order.strategy else DEFAULT_TIME_TO_LIVE
    return timedelta(seconds=seconds)
