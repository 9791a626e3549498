"""What a day's executed orders cost by their broker's own word, asked once the day is over.

Each step makes one request at most. Without an answer the estimate by the schedule stays.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Final

from django.db.models import QuerySet

from brokers.errors import BrokerError, NotSupported, Refused, SessionExpired
from brokers.models import BrokerConnection
from brokers.port import Broker, ExecutedOrder
from sigmatrader.db import write_transaction
from trading.domain.order import AT_BROKER
from trading.domain.session import auction_on, session_on, trading_day
from trading.domain.values import OrderType, Product, Side, Variety
from trading.models import ChargeRate, ChargesRead, Fill, Order, OrderCharges
from trading.services import calendar, day_totals
from trading.services.day_exposure import bounds_of
from trading.services.trade_charges import average_price

logger = logging.getLogger(__name__)

_A_REQUEST: Final = 20
# So long a day is asked about when nobody was there, or logged in, at its end.
_DAYS: Final = 7
_AFTER_THE_CLOSE: Final = timedelta(minutes=15)
# Doubled with every failure.
_AGAIN_AFTER: Final = timedelta(minutes=5)
_MOST_FAILURES: Final = 6
# Together with others, then by itself: one that the broker won't speak of must not hide the rest.
_MOST_REFUSALS: Final = 2
# When it speaks of none of so many, it is not about them.
_MOST_ALONE: Final = 20


@dataclass(frozen=True, slots=True)
class _Executed:
    """An order as it was executed on one day, and what is known of its charges."""

    pk: int
    order: ExecutedOrder
    told: OrderCharges | None

    @property
    def known(self) -> bool:
        """Whether what is stored is about just this execution."""
        if self.told is None:
            return False
        told = (self.told.quantity, self.told.price)
        return told == (self.order.quantity, self.order.average_price)

    @property
    def refusals(self) -> int:
        return self.told.refusals if self.told is not None and self.known else 0

    @property
    def answered(self) -> bool:
        return self.known and self.told is not None and self.told.total is not None

    @property
    def settled(self) -> bool:
        return self.answered or self.refusals >= _MOST_REFUSALS

    @property
    def instrument(self) -> tuple[str, str, str]:
        return (self.order.exchange, self.order.tradingsymbol, self.order.product)


def step(connection: BrokerConnection, broker: Broker, now: datetime) -> bool:
    """Ask the account's broker what some executed orders cost, if it is time; True while more may
    be due. Raises SessionExpired; any other trouble is noted and tried again later."""
    if not broker.capabilities.tells_charges:
        return False
    read = _next_read(connection, now)
    if read is None:
        return False
    executed = _executed(connection, read.day)
    refused = sum(one.refusals >= _MOST_REFUSALS for one in executed)
    missing = [one for one in executed if not one.settled]
    batch = _batch(missing) if refused < _MOST_ALONE else []
    if not batch:
        _finish(read, executed, now)
        return True
    try:
        totals = broker.charges([one.order for one in batch])
    except SessionExpired:
        raise
    except NotSupported as error:
        _finish(read, executed, now, error.message)
    except Refused as error:
        _keep(batch, [None] * len(batch), now, error.message)
    except BrokerError as error:
        _note_failure(read, executed, now, error.message)
    else:
        _keep(batch, totals, now)
    return True


# -- when ----------------------------------------------------------------------------------------


def _next_read(connection: BrokerConnection, now: datetime) -> ChargesRead | None:
    """The oldest day of the account that is over and not asked about to its end."""
    today = trading_day(now)
    days = [today - timedelta(days=back) for back in range(_DAYS, -1, -1)]
    reads = {
        one.day: one for one in ChargesRead.objects.filter(connection=connection, day__in=days)
    }
    rates = ChargeRate.objects.filter(valid_from__lte=today).order_by("-valid_from")
    newest = rates.values_list("valid_from", flat=True).first()
    for day in days:
        read = reads.get(day) or ChargesRead(connection=connection, day=day)
        # Brokers tell by today's rates: of a day before they changed the schedule knows better.
        outdated = newest is not None and day < newest
        if read.finished_at is None and not outdated and _may_ask(read, now):
            fills = _fills(connection, day)
            if fills.exists() and (day < today or _is_over(fills, now)):
                return read
    return None


def _may_ask(read: ChargesRead, now: datetime) -> bool:
    if read.tried_at is None or not read.failures:
        return True
    return now >= read.tried_at + _AGAIN_AFTER * 2 ** (read.failures - 1)


def _is_over(fills: QuerySet[Fill], now: datetime) -> bool:
    """Whether nothing more of today's orders can fill: all their markets are closed."""
    market_calendar, day = calendar.current(), trading_day(now)
    for exchange in fills.order_by().values_list("exchange", flat=True).distinct():
        session = session_on(exchange, day, market_calendar)
        if session is None:
            return False
        auction = auction_on(exchange, day, market_calendar)
        closes_at = max(session.closes_at, auction.closes_at) if auction else session.closes_at
        if now < closes_at + _AFTER_THE_CLOSE:
            return False
    return not fills.filter(order__status__in=AT_BROKER).exists()


# -- what ----------------------------------------------------------------------------------------


def _fills(connection: BrokerConnection, day: date) -> QuerySet[Fill]:
    start, end = bounds_of(day)
    return Fill.objects.filter(connection=connection, at__gte=start, at__lt=end)


def _executed(connection: BrokerConnection, day: date) -> list[_Executed]:
    """The orders that filled on `day`, those of one instrument together."""
    quantities: dict[int, int] = {}
    values: dict[int, Decimal] = {}
    rows = _fills(connection, day).order_by().values_list("order_id", "qty", "price")
    for order_id, qty, price in rows:
        quantities[order_id] = quantities.get(order_id, 0) + qty
        values[order_id] = values.get(order_id, Decimal(0)) + qty * price
    orders = Order.objects.filter(pk__in=list(quantities)).exclude(broker_order_id="")
    told = {one.order_id: one for one in OrderCharges.objects.filter(order__in=orders)}
    found = [
        _Executed(
            order.pk,
            _as_executed(order, quantities[order.pk], values[order.pk]),
            told.get(order.pk),
        )
        for order in orders.order_by("pk")
    ]
    return sorted(found, key=lambda one: (one.instrument, one.pk))


def _as_executed(order: Order, quantity: int, value: Decimal) -> ExecutedOrder:
    return ExecutedOrder(
        order_id=order.broker_order_id,
        exchange=order.exchange,
        tradingsymbol=order.tradingsymbol,
        side=Side(order.side),
        product=Product(order.product),
        order_type=OrderType(order.order_type),
        variety=Variety(order.variety),
        quantity=quantity,
        average_price=average_price(value, quantity),
    )


def _batch(missing: Sequence[_Executed]) -> list[_Executed]:
    """The next ones to ask about; the orders of one instrument in one request, if they fit."""
    fresh = [one for one in missing if not one.refusals]
    if not fresh:
        return list(missing[:1])
    batch: list[_Executed] = []
    for _, group in groupby(fresh, key=lambda one: one.instrument):
        together = list(group)
        if batch and len(batch) + len(together) > _A_REQUEST:
            break
        batch += together
    return batch[:_A_REQUEST]


# -- what came of it -----------------------------------------------------------------------------


def _keep(
    batch: Iterable[_Executed],
    totals: Sequence[Decimal | None],
    now: datetime,
    error: str = "",
) -> None:
    with write_transaction():
        for one, total in zip(batch, totals, strict=True):
            OrderCharges.objects.update_or_create(
                order_id=one.pk,
                defaults={
                    "quantity": one.order.quantity,
                    "price": one.order.average_price,
                    "total": total,
                    "error": error[:2000],
                    "refusals": one.refusals + 1 if total is None else 0,
                    "told_at": now,
                },
            )


def _note_failure(
    read: ChargesRead, executed: Sequence[_Executed], now: datetime, error: str
) -> None:
    read.failures += 1
    if read.failures >= _MOST_FAILURES:
        _finish(read, executed, now, error)
        return
    logger.warning("charges of %s in account %s: %s", read.day, read.connection_id, error)
    with write_transaction():
        _save(read, executed, now, error)


def _finish(
    read: ChargesRead, executed: Sequence[_Executed], now: datetime, error: str = ""
) -> None:
    """The day is asked about no more; what was told is added up anew."""
    error = error or next((one.told.error for one in executed if one.told and not one.answered), "")
    read.finished_at = now
    with write_transaction():
        _save(read, executed, now, error)
        if read.told:
            day_totals.mark(read.connection_id, [read.day])
    if error:
        logger.warning(
            "charges of %s in account %s: the broker told those of %s of %s orders: %s",
            read.day, read.connection_id, read.told, read.orders, error,
        )  # fmt: skip


def _save(read: ChargesRead, executed: Sequence[_Executed], now: datetime, error: str) -> None:
    read.orders, read.told = len(executed), sum(one.answered for one in executed)
    ChargesRead.objects.update_or_create(
        connection_id=read.connection_id,
        day=read.day,
        defaults={
            "orders": read.orders,
            "told": read.told,
            "failures": read.failures,
            "tried_at": now,
            "finished_at": read.finished_at,
            "error": error[:2000],
        },
    )
