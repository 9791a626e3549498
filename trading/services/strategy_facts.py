"""A strategy as risk sees it: what it has in use on an account, and what it sent lately."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import OuterRef, Subquery

from brokers.models import BrokerConnection
from risk.engine.snapshot import DayFacts, RecentOrder, StrategyFacts
from trading.domain.values import InstrumentKey, Mode, Product, Side
from trading.models import ClosedTrade, Fill, Order
from trading.services.account_facts import Prices, with_what_is_coming, worth
from trading.services.account_rows import WorkingRow
from trading.services.margin_facts import Answer

# No rule looks back further, nor at more orders.
RECENT = timedelta(hours=24)
MOST_RECENT = 100


@dataclass(frozen=True, slots=True)
class Lot:
    """Units of a fill that no later fill has closed, and who bought or sold them."""

    instrument: InstrumentKey
    side: Side
    quantity: int
    price: Decimal
    multiplier: Decimal
    order_id: int
    strategy_id: int | None


def read_lots(connection: BrokerConnection) -> list[Lot]:
    """Every lot that is open in the account: as many as its positions have, not its history."""
    rows = Fill.objects.filter(connection=connection, open_qty__gt=0).order_by()
    return [
        Lot(InstrumentKey(row[0], row[1]), Side(row[2]), *row[3:])
        for row in rows.values_list(
            "exchange",
            "symbol",
            "side",
            "open_qty",
            "price",
            "order__multiplier",
            "order_id",
            "order__strategy_id",
        )
    ]


def strategy_facts(
    order: Order,
    others: Sequence[WorkingRow],
    lots: Iterable[Lot],
    prices: Prices,
    *,
    day: DayFacts | None,
    last_exit_at: datetime | None,
) -> StrategyFacts:
    """The order's strategy on its account; nothing for an order without one.

    `others`: the account's other working orders. `day` is None where no limit looks at it.
    """
    if order.strategy_id is None:
        return StrategyFacts()
    own = [lot for lot in lots if lot.strategy_id == order.strategy_id]
    entries = _entries_of(order.strategy_id, others)
    return replace(
        standing_of(order.strategy_id, others, own, prices, day=day),
        entries=_entries(order, own, entries),
        last_exit_at=last_exit_at,
    )


def standing_of(
    strategy_id: int,
    others: Sequence[WorkingRow],
    lots: Iterable[Lot],
    prices: Prices,
    *,
    day: DayFacts | None,
) -> StrategyFacts:
    """A strategy on an account, whatever the instrument: its day, and what it has in use."""
    own = [lot for lot in lots if lot.strategy_id == strategy_id]
    working = [one for one in others if one.strategy_id == strategy_id]
    return StrategyFacts(
        day=with_what_is_coming(day or DayFacts(), working),
        capital=_capital(own, _entries_of(strategy_id, others), prices),
    )


def _entries_of(strategy_id: int, others: Iterable[WorkingRow]) -> list[WorkingRow]:
    return [one for one in others if one.strategy_id == strategy_id and not one.reduce_only]


def _capital(lots: Iterable[Lot], entries: Iterable[WorkingRow], prices: Prices) -> Decimal | None:
    """What the lots cost and the working entries may cost; None when one has no price."""
    total = sum((lot.quantity * lot.price * lot.multiplier for lot in lots), Decimal(0))
    for one in entries:
        rupees = worth(one, prices)
        if rupees is None:
            return None
        total += rupees
    return total


def _entries(order: Order, lots: Iterable[Lot], entries: Iterable[WorkingRow]) -> int:
    """Orders that built the position on the order's instrument, or are about to."""
    built = [lot for lot in lots if lot.instrument == order.instrument]
    side = built[0].side if built else Side(order.side)
    coming = [one for one in entries if one.instrument == order.instrument and one.side is side]
    return len({lot.order_id for lot in built} | {one.order_id for one in coming})


# -- lately --------------------------------------------------------------------------------------


def read_recent(
    connection: BrokerConnection,
    strategy_id: int,
    now: datetime,
    working: Iterable[WorkingRow],
) -> list[RecentOrder]:
    """What the strategy sent in this account within a day, newest first, with what is on its
    way. The newest only, one more than anybody is told of."""
    rows = Order.objects.filter(
        strategy_id=strategy_id, connection=connection, sent_at__gt=now - RECENT
    ).order_by("-sent_at")
    asked = ("pk", "exchange", "tradingsymbol", "product", "side", "requested_qty")
    sent = [_recent(row) for row in rows.values_list(*asked, "mode", "sent_at")[: MOST_RECENT + 1]]
    on_the_way = [
        RecentOrder(
            order_id=one.order_id,
            exchange=one.exchange,
            tradingsymbol=one.tradingsymbol,
            product=Product(one.product),
            side=one.side,
            quantity=one.requested_qty,
            automatic=one.mode is Mode.AUTO,
            at=one.updated_at,
        )
        for one in working
        if one.strategy_id == strategy_id and one.sent_at is None
    ]
    return sorted([*on_the_way, *sent], key=lambda one: (one.at, one.order_id), reverse=True)


def _recent(row: tuple[Any, ...]) -> RecentOrder:
    return RecentOrder(
        order_id=row[0],
        exchange=row[1],
        tradingsymbol=row[2],
        product=Product(row[3]),
        side=Side(row[4]),
        quantity=row[5],
        automatic=row[6] == Mode.AUTO,
        at=row[7],
    )


# -- an order's own past -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Story:
    """What rows beside the order's own say of it.

    `retries`: the orders that it retries, the nearest four. `last_exit_at`: when its strategy's
    last trade on the instrument was closed. `answer`: its margin, as the broker said.
    """

    received_at: datetime | None = None
    retries: tuple[int, ...] = ()
    last_exit_at: datetime | None = None
    answer: Answer | None = None


def read_stories(orders: Iterable[Order]) -> dict[int, Story]:
    """The stories of stored orders by id, in one query."""
    ids = [order.pk for order in orders if order.pk is not None]
    if not ids:
        return {}
    exits = ClosedTrade.objects.filter(
        strategy_id=OuterRef("strategy_id"),
        connection_id=OuterRef("connection_id"),
        exchange=OuterRef("exchange"),
        symbol=OuterRef("tradingsymbol"),
    ).order_by("-closed_at")
    rows = (
        Order.objects.filter(pk__in=ids)
        .order_by()
        .annotate(last_exit_at=Subquery(exits.values("closed_at")[:1]))
    )
    return {
        row[0]: Story(
            received_at=row[1],
            last_exit_at=row[2],
            answer=Answer(row[3], row[4], row[5]) if row[5] is not None else None,
            retries=tuple(pk for pk in row[6:] if pk is not None),
        )
        for row in rows.values_list(
            "pk",
            "alert__received_at",
            "last_exit_at",
            "margin__required",
            "margin__asked",
            "margin__read_at",
            "retry_of_id",
            "retry_of__retry_of_id",
            "retry_of__retry_of__retry_of_id",
            "retry_of__retry_of__retry_of__retry_of_id",
        )
    }
