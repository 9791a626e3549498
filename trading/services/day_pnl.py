"""What an account's day has come to: profit and loss, orders, trades, a streak of losses.

Real accounts go by what the broker shows of the day, with our fills since. Paper, and a strategy on
any account, go by our own fills: what was closed today and what is open, less what the day began
with. Charges are in none of it. What can't be known is None, never zero; with money, what is open
is not known by a price of some minutes ago.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import OuterRef, QuerySet, Subquery, Sum

from brokers.models import (
    AccountPosition,
    AccountState,
    BrokerConnection,
    PriceSource,
    PriceTick,
)
from risk.engine.snapshot import DayFacts
from risk.models import RiskDay
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.off_hours import book_day
from trading.domain.session import trading_day
from trading.domain.values import InstrumentKey, Origin, Side
from trading.models import ClosedTrade, Fill, Order, Position, UnpricedLot
from trading.services.contract_terms import ended_before_today

_ZERO = Decimal(0)
_LONGEST_STREAK = 50
_ROWS_OF_A_STREAK = 500  # an exit may close many lots, one row each
_CURRENT_AT_LEAST = timedelta(minutes=2)
_CURRENT_ROUNDS = 12  # while something is open, positions are read every third round

Price = tuple[Decimal, datetime]
Prices = dict[InstrumentKey, Price]
Pnl = tuple[Decimal | None, Decimal | None]  # realised, unrealised


@dataclass(frozen=True, slots=True)
class _Lot:
    """Units that were bought (`units` above 0) or sold short at `price`."""

    key: InstrumentKey
    units: int
    price: Decimal
    multiplier: Decimal
    at: datetime
    strategy_id: int | None = None


def day_start(now: datetime) -> datetime:
    """Midnight in India, with which the day of `now` began."""
    return now.astimezone(clock.IST).replace(hour=0, minute=0, second=0, microsecond=0)


def day_facts(
    connection: BrokerConnection, now: datetime, strategy_id: int | None = None
) -> DayFacts:
    """The day of the account, or of one strategy on it. Reads only; the queries are fixed."""
    start = day_start(now)
    if strategy_id is None and not connection.simulated:
        realised, unrealised = _by_the_broker(connection, now)
    else:
        realised, unrealised = _by_our_fills(connection, now, strategy_id)
    return DayFacts(
        realised=realised,
        unrealised=unrealised,
        orders=_sent(connection, start, strategy_id),
        trades=_entries(connection, start, strategy_id),
        losses_in_a_row=_losses_in_a_row(connection, strategy_id),
    )


def day_of(connection: BrokerConnection, now: datetime, strategy_id: int | None) -> date:
    """The day that `day_facts` speaks of: a broker tells of its own until that ends at 06:00."""
    by_broker = strategy_id is None and not connection.simulated
    return book_day(now) if by_broker else trading_day(now)


def opening(connection: BrokerConnection, now: datetime, strategy_id: int | None) -> Decimal | None:
    """The open P&L with which the day of `now` began; None when no price of then is known."""
    return _opening(connection, now, strategy_id, _open_lots(connection, now, strategy_id))


def begin_day(now: datetime) -> int:
    """Keep the openings of the day that has begun, once for each account and strategy that carries
    positions into it. Returns how many were added; what has no price yet is tried again."""
    added = 0
    for connection in BrokerConnection.objects.order_by("id"):
        carried = {
            lot.strategy_id for lot in _open_lots(connection, now, None) if lot.at < day_start(now)
        } - {None}
        for strategy_id in (None, *sorted(one for one in carried if one is not None)):
            added += _begin(connection, now, strategy_id)
    return added


def _begin(connection: BrokerConnection, now: datetime, strategy_id: int | None) -> bool:
    day = trading_day(now)
    if days_of(connection, strategy_id).filter(day=day).exists():
        return False
    # The broker counts a real account's day by itself.
    by_broker = strategy_id is None and not connection.simulated
    began_with = _ZERO if by_broker else opening(connection, now, strategy_id)
    if began_with is None:
        return False
    with write_transaction():
        return keep_day(connection, strategy_id, day, began_with)[1]


def keep_day(
    connection: BrokerConnection, strategy_id: int | None, day: date, began_with: Decimal
) -> tuple[RiskDay, bool]:
    """The day's row, and whether it is a new one. Inside a transaction."""
    target: dict[str, Any] = {"connection": connection, "strategy_id": strategy_id, "day": day}
    return RiskDay.objects.get_or_create(**target, defaults={"opening": began_with})


def days_of(connection: BrokerConnection, strategy_id: int | None) -> QuerySet[RiskDay]:
    """The days that were kept of the account itself, or of one strategy on it."""
    days = RiskDay.objects.filter(connection=connection)
    if strategy_id is None:
        return days.filter(strategy__isnull=True)
    return days.filter(strategy_id=strategy_id)


# -- by the broker ---------------------------------------------------------------------------


def _by_the_broker(connection: BrokerConnection, now: datetime) -> Pnl:
    """What the broker shows of this book day, with our fills since and at the newest prices.

    Delivered shares are no part of it: the broker shows them beside the positions.
    """
    state = AccountState.objects.filter(connection=connection).first()
    read_at = state.positions_read_at if state else None
    if read_at is None or book_day(read_at) != book_day(now):
        return None, None
    rows = list(AccountPosition.objects.filter(connection=connection))
    if any(row.day_pnl is None for row in rows):
        return None, None
    since = _fills_since(connection, read_at)
    prices = _known_since(connection, now, since)
    traded, still_open = {lot.key for lot in since}, _still_open(rows, since)
    if any(lot.key in still_open and not _is_current(prices[lot.key][1], now) for lot in since):
        return None, None
    realised = unrealised = _ZERO
    for row in rows:
        key, known_at = _key(row), read_at
        price, at = prices.get(key, (None, None))
        pnl = row.day_pnl or _ZERO
        if price is not None and at is not None and row.last_price is not None and at > read_at:
            pnl += (price - row.last_price) * row.quantity * row.multiplier
            known_at = at
        if key in still_open and not _is_current(known_at, now):
            return None, None
        if row.quantity or key in traded:
            unrealised += pnl
        else:
            realised += pnl
    for lot in since:
        unrealised += (prices[lot.key][0] - lot.price) * lot.units * lot.multiplier
    return realised, unrealised


def _still_open(rows: Iterable[AccountPosition], since: Iterable[_Lot]) -> set[InstrumentKey]:
    """The instruments whose price still moves the account, after our fills."""
    units: Counter[InstrumentKey] = Counter()
    for row in rows:
        units[_key(row)] += row.quantity
    for lot in since:
        units[lot.key] += lot.units
    return {key for key, left in units.items() if left}


def _is_current(known_at: datetime, now: datetime) -> bool:
    """Whether what was known then says what something open is worth now."""
    rounds = timedelta(seconds=_CURRENT_ROUNDS * settings.ST.RECONCILE_INTERVAL_SECONDS)
    return now - known_at <= max(_CURRENT_AT_LEAST, rounds)


def _fills_since(connection: BrokerConnection, moment: datetime) -> list[_Lot]:
    fills = Fill.objects.filter(connection=connection, booked_at__gt=moment).order_by("id")
    return [_lot(row) for row in fills.values_list(*_lot_fields("qty"))]


def _known_since(connection: BrokerConnection, now: datetime, fills: list[_Lot]) -> Prices:
    """The newest price of each instrument that moved since the broker was read: the market's own,
    the broker's, or what our own fills traded at."""
    rows = AccountPosition.objects.filter(connection=connection)
    prices = _market_prices(rows, "tradingsymbol", now)
    _take(prices, ((_key(row), row.last_price, row.read_at) for row in rows))
    _take(prices, ((lot.key, lot.price, lot.at) for lot in fills))
    return prices


# -- by our own fills ------------------------------------------------------------------------


def _by_our_fills(connection: BrokerConnection, now: datetime, strategy_id: int | None) -> Pnl:
    closed = _closed_today(connection, day_start(now), strategy_id).aggregate(pnl=Sum("pnl"))["pnl"]
    realised: Decimal = closed or _ZERO
    if _waits_for_a_price(connection, day_start(now), strategy_id):
        return None, None
    lots = _open_lots(connection, now, strategy_id)
    began_with = _opening(connection, now, strategy_id, lots)
    is_open = _worth(lots, _prices_now(connection, now, lots))
    if began_with is None or is_open is None:
        return realised, None
    return realised, is_open - began_with


def _closed_today(
    connection: BrokerConnection, start: datetime, strategy_id: int | None
) -> QuerySet[ClosedTrade]:
    rows = ClosedTrade.objects.filter(connection=connection, closed_at__gte=start).order_by()
    return rows if strategy_id is None else rows.filter(strategy_id=strategy_id)


def _waits_for_a_price(
    connection: BrokerConnection, start: datetime, strategy_id: int | None
) -> bool:
    """Whether something expired today of which nobody knows what it was settled at."""
    rows = UnpricedLot.objects.filter(
        settlement__connection=connection, settlement__price__isnull=True, settlement__at__gte=start
    )
    if strategy_id is not None:
        rows = rows.filter(entry_order__strategy_id=strategy_id)
    return rows.exists()


def _lot_fields(units: str) -> tuple[str, ...]:
    return (
        "exchange",
        "symbol",
        "side",
        units,
        "price",
        "order__multiplier",
        "at",
        "order__strategy",
    )


def _lot(row: tuple[Any, ...]) -> _Lot:
    exchange, symbol, side, units, price, multiplier, at, strategy_id = row
    key = InstrumentKey(exchange, symbol)
    return _Lot(key, Side(side).sign * units, price, multiplier, at, strategy_id)


def _open_lots(connection: BrokerConnection, now: datetime, strategy_id: int | None) -> list[_Lot]:
    """What no fill has closed. What expired on an earlier day is no part of this one, whether it
    is settled already or not."""
    fills = Fill.objects.filter(connection=connection, open_qty__gt=0).order_by("id")
    if strategy_id is not None:
        fills = fills.filter(order__strategy_id=strategy_id)
    lots = [_lot(row) for row in fills.values_list(*_lot_fields("open_qty"))]
    over = ended_before_today({lot.key for lot in lots}, now)
    return [lot for lot in lots if lot.key not in over]


def _worth(lots: Iterable[_Lot], prices: Prices) -> Decimal | None:
    """The open P&L of `lots`; None when one of them has no price."""
    total = _ZERO
    for lot in lots:
        if lot.key not in prices:
            return None
        total += (prices[lot.key][0] - lot.price) * lot.units * lot.multiplier
    return total


def _prices_now(connection: BrokerConnection, now: datetime, lots: list[_Lot]) -> Prices:
    if not lots:
        return {}
    positions = Position.objects.filter(connection=connection).exclude(qty=0)
    if connection.simulated:
        prices = {key: (tick.price, tick.at) for key, tick in _ticks(positions, "symbol").items()}
        _take(prices, ((_key(one), one.last_price, one.last_updated) for one in positions))
        return prices
    # Real money is judged by the market, and by no price of yesterday or of some minutes ago.
    prices = _market_prices(positions, "symbol", now)
    shown = AccountPosition.objects.filter(connection=connection)
    _take(prices, ((_key(row), row.last_price, row.read_at) for row in shown))
    _take(prices, ((lot.key, lot.price, lot.at) for lot in lots))
    today = book_day(now)
    return {
        key: known
        for key, known in prices.items()
        if book_day(known[1]) == today and _is_current(known[1], now)
    }


def _opening(
    connection: BrokerConnection, now: datetime, strategy_id: int | None, lots: list[_Lot]
) -> Decimal | None:
    """As it was kept when the day began; else worked out from what was open then."""
    start = day_start(now)
    kept = days_of(connection, strategy_id).filter(day=trading_day(now)).first()
    if kept is not None:
        return kept.opening
    carried = [lot for lot in lots if lot.at < start]
    # Not `opened_at__lt`: SQLite would then go by the index of openings, through the whole past.
    closed = _closed_today(connection, start, strategy_id).exclude(opened_at__gte=start)
    carried += [
        _lot((*row[:3], row[3], *row[4:], None))
        for row in closed.values_list(
            "exchange",
            "symbol",
            "side",
            "qty",
            "entry_price",
            "entry_order__multiplier",
            "opened_at",
        )
    ]
    return _worth(carried, _prices_before(connection, start)) if carried else _ZERO


def _prices_before(connection: BrokerConnection, start: datetime) -> Prices:
    positions = Position.objects.filter(connection=connection)
    ticks = _ticks(positions, "symbol", lambda rows: rows.filter(at__lt=start))
    prices = {key: (tick.price, tick.at) for key, tick in ticks.items()}
    old = positions.filter(last_updated__lt=start)
    _take(prices, ((_key(one), one.last_price, one.last_updated) for one in old))
    shown = AccountPosition.objects.filter(connection=connection, read_at__lt=start)
    _take(prices, ((_key(row), row.last_price, row.read_at) for row in shown))
    return prices


# -- prices ----------------------------------------------------------------------------------


def _key(row: Position | AccountPosition) -> InstrumentKey:
    symbol = row.symbol if isinstance(row, Position) else row.tradingsymbol
    return InstrumentKey(row.exchange, symbol)


def _take(prices: Prices, found: Iterable[tuple[InstrumentKey, Decimal | None, datetime]]) -> None:
    """Put into `prices` what is newer than what is there."""
    for key, price, at in found:
        if price is not None and (key not in prices or prices[key][1] < at):
            prices[key] = (price, at)


def _ticks(
    rows: QuerySet[Any],
    symbol: str,
    among: Callable[[QuerySet[PriceTick]], QuerySet[PriceTick]] = lambda ticks: ticks,
) -> dict[InstrumentKey, PriceTick]:
    """The newest price that became known of each row's instrument, in two queries."""
    ticks = among(
        PriceTick.objects.filter(exchange=OuterRef("exchange"), tradingsymbol=OuterRef(symbol))
    ).order_by("-id")
    newest = rows.order_by().annotate(tick=Subquery(ticks.values("id")[:1]))
    ids = {pk for pk in newest.values_list("tick", flat=True) if pk is not None}
    found = PriceTick.objects.in_bulk(ids).values()
    return {InstrumentKey(tick.exchange, tick.tradingsymbol): tick for tick in found}


def _market_prices(rows: QuerySet[Any], symbol: str, now: datetime) -> Prices:
    """What the market itself said last, in this book day; an alert's price is no market."""
    return {
        key: (tick.price, tick.at)
        for key, tick in _ticks(rows, symbol).items()
        if tick.source != PriceSource.ALERT and book_day(tick.at) == book_day(now)
    }


# -- counts ----------------------------------------------------------------------------------


def _sent(connection: BrokerConnection, start: datetime, strategy_id: int | None) -> int:
    """Orders of ours that were sent today; what was placed outside is no order of ours."""
    orders = Order.objects.filter(connection=connection, sent_at__gte=start)
    if strategy_id is not None:
        orders = orders.filter(strategy_id=strategy_id)
    return orders.exclude(origin=Origin.EXTERNAL).count()


def _entries(connection: BrokerConnection, start: datetime, strategy_id: int | None) -> int:
    """Orders whose fills of today opened or enlarged a position: they are open, or closed since."""
    still_open = Fill.objects.filter(connection=connection, open_qty__gt=0, at__gte=start)
    if strategy_id is not None:
        still_open = still_open.filter(order__strategy_id=strategy_id)
    closed = _closed_today(connection, start, strategy_id).filter(opened_at__gte=start)
    return len(
        set(still_open.order_by().values_list("order_id", flat=True))
        | set(closed.values_list("entry_order_id", flat=True))
    )


def _losses_in_a_row(connection: BrokerConnection, strategy_id: int | None) -> int:
    """How many exits in a row, counted back from the last, have lost."""
    rows = ClosedTrade.objects.filter(connection=connection)
    if strategy_id is not None:
        rows = rows.filter(strategy_id=strategy_id)
    newest = rows.order_by("-closed_at", "-id").values_list("exit_order_id", "settlement_id", "pnl")
    exits: dict[tuple[int | None, int | None], Decimal] = {}
    for order_id, settlement_id, pnl in newest[:_ROWS_OF_A_STREAK]:
        end = (order_id, settlement_id)
        exits[end] = exits.get(end, _ZERO) + pnl
    count = 0
    for pnl in list(exits.values())[:_LONGEST_STREAK]:
        if pnl >= 0:
            return count
        count += 1
    return count
