"""News from what is logged anyway: events of orders, changes of the trading state, breakers."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from risk.models import Breaker, TradingStateChange
from trading.domain.notices import NoticeKind
from trading.domain.order import Status
from trading.domain.values import OrderType, Origin, TradingStateName
from trading.models import NoticeChannel, Order, OrderEvent
from trading.services.breakers import way_back
from trading.services.notices import cursors
from trading.services.notices.outbox import News
from trading.services.updates import BROKER
from trading.templatetags.money import price, qty

_NAME_SHOWN: Final = 60
_NOT_DONE: Final = {
    Status.REJECTED: "rejected",
    Status.REJECTED_RISK: "denied by risk",
    Status.FAILED: "failed",
    Status.EXPIRED: "expired",
    Status.CANCELLED: "cancelled by the broker",
}


def collect(channels: list[NoticeChannel], now: datetime) -> int:
    """Take up what has happened since the last look; how many rows that were."""
    return sum(
        cursors.read(name, rows(), news_of, channels, now)
        for name, (rows, news_of) in _SOURCES.items()
    )


def begin_here() -> None:
    """What has happened until now is no news."""
    for name, (rows, _) in _SOURCES.items():
        cursors.skip_to_the_end(name, rows())


# -- orders ------------------------------------------------------------------------------------


def _order_events() -> QuerySet[OrderEvent]:
    return OrderEvent.objects.select_related("order__connection", "order__strategy", "order__alert")


def _of_order_event(event: OrderEvent) -> Iterator[News]:
    order = event.order
    if event.from_status == event.to_status or event.data.get("adoption"):
        return
    if order.origin == Origin.EXTERNAL:
        return  # whoever placed it outside knows of it
    status = Status(event.to_status)
    leg = order.oco_with_id is not None  # its stop stands for both
    if status is Status.EXECUTED:
        yield _about(event, NoticeKind.EXECUTED, f"{order_text(order)}{_filled(order)}")
    elif status is Status.UNKNOWN and not leg:
        text = f"{order_text(order)}. {event.reason}" if event.reason else order_text(order)
        yield _about(event, NoticeKind.UNKNOWN, text, urgent=True)
    elif status is Status.WAITING and not leg and _waits_for_somebody(event):
        why = order.set_aside_reason or ("quantity missing" if order.needs_quantity else "")
        yield _about(event, NoticeKind.WAITING, order_text(order) + (f". {why}" if why else ""))
    elif status in _NOT_DONE and not leg and _is_told(event):
        why = event.reason or order.error_message
        text = f"{order_text(order)}: {_NOT_DONE[status]}" + (f". {why}" if why else "")
        yield _about(event, NoticeKind.REFUSED, text)


def _waits_for_somebody(event: OrderEvent) -> bool:
    """Not what a person has just restored, or made to wait by a retry."""
    if event.from_status == Status.CANCELLED:
        return False
    return event.from_status is not None or event.order.origin != Origin.PERSON


def _is_told(event: OrderEvent) -> bool:
    """A cancel that somebody asked for is no news; one that the broker made is."""
    if event.to_status != Status.CANCELLED:
        return True
    return event.actor == BROKER and not event.order.cancel_requested


def _about(event: OrderEvent, kind: NoticeKind, text: str, *, urgent: bool = False) -> News:
    waits = kind is NoticeKind.WAITING
    return News(
        kind=kind,
        key=f"event:{event.pk}",
        text=text,
        at=event.at,
        urgent=urgent,
        order=event.order,
        order_version=event.sequence if waits else None,
    )


def order_text(order: Order) -> str:
    """#12 BUY 10 NSE:INFY LIMIT 1,500.00 MIS on zerodha (LIVE), supertrend."""
    words = [
        f"#{order.pk}",
        order.side,
        "?" if order.needs_quantity else qty(order.qty),
        order.symbol,
        order.order_type,
    ]
    if OrderType(order.order_type).needs_price and order.price is not None:
        words.append(price(order.price))
    if order.trigger_price is not None:
        words.append(f"trigger {price(order.trigger_price)}")
    words.append(f"{order.product} on {order.connection.name} ({order.connection.kind})")
    named = order.strategy.name if order.strategy else ""
    named = named or (order.alert.strategy_name if order.alert else "")
    return " ".join(words) + (f", {named[:_NAME_SHOWN]}" if named else "")


def _filled(order: Order) -> str:
    at = f" at {price(order.average_price)}" if order.average_price is not None else ""
    return f": executed{at}"


# -- the trading state and breakers ------------------------------------------------------------


def _state_changes() -> QuerySet[Any]:
    return TradingStateChange.objects.all()


def _of_state_change(change: TradingStateChange) -> Iterator[News]:
    if change.old == change.new:
        return
    why = f": {change.reason}" if change.reason else ""
    yield News(
        kind=NoticeKind.STATE,
        key=f"state:{change.pk}",
        text=f"{change.label} is {change.new} (was {change.old}), set by {change.actor}{why}",
        at=change.at,
        urgent=change.new != TradingStateName.ACTIVE,
    )


def _breakers() -> QuerySet[Breaker]:
    return Breaker.objects.select_related("connection", "strategy")


def _of_breaker(breaker: Breaker) -> Iterator[News]:
    whose = f"account {breaker.connection}" if breaker.connection else ""
    yield News(
        kind=NoticeKind.BREAKER,
        key=f"breaker:{breaker.pk}",
        text=f"{whose or f'strategy {breaker.strategy}'}: {breaker.reason} {way_back(breaker)}",
        at=breaker.since,
        urgent=True,
    )


_Source = tuple[Callable[[], QuerySet[Any]], Callable[[Any], Iterable[News]]]
_SOURCES: Final[dict[str, _Source]] = {
    "orders": (_order_events, _of_order_event),
    "states": (_state_changes, _of_state_change),
    "breakers": (_breakers, _of_breaker),
}
