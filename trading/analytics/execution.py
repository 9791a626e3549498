"""How well and how fast orders were executed, over the newest of them."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from django.db.models import Min, QuerySet

from brokers.models import BrokerConnection
from trading.analytics.filters import Filter, between
from trading.domain.performance import Distribution, distribution
from trading.domain.values import Mode, OrderType, Side
from trading.models import Fill, Order

# So many orders, the newest that meet the filter: all of years would say less of today.
NEWEST: Final = 2_000
TO_DECISION = "alert to decision"
TO_BROKER = "press to broker"
TO_FILL = "broker to fill"


class _Sent(NamedTuple):
    """What is told of an order that was sent."""

    pk: int
    sent_at: datetime
    side: str
    order_type: str
    price: Decimal | None
    reference_price: Decimal | None
    filled_qty: int
    average_price: Decimal | None
    multiplier: Decimal
    mode: str
    queued_at: datetime | None
    received_at: datetime | None

    @property
    def seen_price(self) -> Decimal | None:
        """See Order.seen_price."""
        market = self.order_type == OrderType.MARKET
        return self.price if self.reference_price is None and market else self.reference_price


def newest_sent(asked: Filter) -> list[_Sent]:
    """The newest orders that were sent, by when they were."""
    found: list[_Sent] = []
    for rows in _indexed(asked):
        rows = between(rows.filter(sent_at__isnull=False), "sent_at", asked)
        newest = rows.order_by("-sent_at")[:NEWEST]
        fields = (name for name in _Sent._fields if name != "received_at")
        found += [_Sent(*row) for row in newest.values_list(*fields, "alert__received_at")]
    return sorted(found, key=lambda one: one.sent_at, reverse=True)[:NEWEST]


def _indexed(asked: Filter) -> Iterator[QuerySet[Order]]:
    """The orders that meet `asked`, its days apart, in parts that an index has by time."""
    rows = Order.objects.order_by()
    accounts = BrokerConnection.objects.order_by("pk")
    if asked.kind:
        accounts = accounts.filter(kind=asked.kind)
    if asked.symbol:
        exchange, colon, name = asked.symbol.strip().upper().rpartition(":")
        rows = rows.filter(tradingsymbol=name, **({"exchange": exchange} if colon else {}))
    if asked.strategy_id is not None:
        rows = rows.filter(strategy_id=asked.strategy_id)
        yield rows.filter(connection__in=accounts) if asked.kind else rows
        return
    for account in accounts:
        yield rows.filter(connection=account)


def slippage(orders: Iterable[_Sent]) -> tuple[Distribution | None, Distribution | None]:
    """From the price that the alert saw to the average fill, in bps of that price and in rupees of
    the whole fill; positive is worse than the alert's."""
    points, rupees = [], []
    for one in orders:
        seen = one.seen_price
        if not seen or not one.filled_qty or one.average_price is None:
            continue
        worse = (one.average_price - seen) * Side(one.side).sign
        points.append(worse / seen * 10_000)
        rupees.append(worse * one.filled_qty * one.multiplier)
    return distribution("bps", points), distribution("₹", rupees)


def latency(orders: Iterable[_Sent]) -> dict[str, Distribution]:
    """Milliseconds of each leg of the way, of the orders that went it by themselves.

    From the alert until it was decided to send (AUTO alone: a person takes their time), from there
    until the broker had the order, from there until the first fill was known here (MARKET alone:
    other orders wait for their price).
    """
    spans: dict[str, list[Decimal]] = {TO_DECISION: [], TO_BROKER: [], TO_FILL: []}
    market = {}
    for one in orders:
        if one.queued_at is not None:
            if one.received_at is not None and one.mode == Mode.AUTO:
                spans[TO_DECISION].append(_milliseconds(one.queued_at - one.received_at))
            spans[TO_BROKER].append(_milliseconds(one.sent_at - one.queued_at))
        if one.order_type == OrderType.MARKET and one.filled_qty:
            market[one.pk] = one.sent_at
    for pk, filled_at in _first_fills(list(market)):
        spans[TO_FILL].append(_milliseconds(filled_at - market[pk]))
    found = {name: distribution("ms", values) for name, values in spans.items()}
    return {name: one for name, one in found.items() if one is not None}


def _first_fills(order_ids: list[int]) -> Iterator[tuple[int, datetime]]:
    rows = Fill.objects.filter(order_id__in=order_ids, booked_at__isnull=False).order_by()
    grouped = rows.values("order_id").annotate(first=Min("booked_at"))
    yield from grouped.values_list("order_id", "first")


def _milliseconds(span: timedelta) -> Decimal:
    """Never below zero: clocks of two machines may differ."""
    return Decimal(max(span, timedelta(0)) // timedelta(microseconds=1)) / 1000
