"""An account as risk sees it: positions and orders at their worth, its day, breakers and doubts."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Q

from brokers.models import BrokerConnection, PriceTick
from brokers.prices import latest_prices, market_ticks
from risk.engine.denials import Code
from risk.engine.snapshot import (
    AccountFacts,
    DayFacts,
    MarginFacts,
    OpenBreaker,
    OpenPosition,
    WorkingOrder,
)
from risk.models import Breaker
from trading.domain.calendar import segment_of
from trading.domain.differences import Difference, PositionKey, differences
from trading.domain.order import Status
from trading.domain.values import InstrumentKey, Product, Side
from trading.models import Order
from trading.services import limiter
from trading.services.account_rows import (
    AccountRows,
    OpenRow,
    WorkingRow,
    positions_are_comparable,
    read_account,
    stale_book,
)
from trading.services.day_pnl import day_facts, day_start
from trading.services.instrument_facts import (
    Listing,
    kind_of,
    read_listing,
    underlying_of,
)
from trading.services.margin_facts import Answer, Purse, answer_for, margin_of, read_purse

Prices = Mapping[InstrumentKey, PriceTick]

# The follower sees the broker's clock with each read; what is older says nothing of now.
_SKEW_MAX_AGE = timedelta(hours=1)


def account_facts(
    connection: BrokerConnection,
    now: datetime,
    strategy_id: int | None = None,
    order: Order | None = None,
) -> AccountFacts:
    """The account at `now`; `order` is in none of it, and only with one there is a doubt about
    an instrument and a margin that is required. `strategy_id`: whose breakers count too.

    The queries are of a fixed number, whatever the history.
    """
    rows = read_account(connection, now)
    keys = set(rows.instruments)
    if order is not None:
        keys.add(order.instrument)
    return facts_of(
        rows,
        read_listing(rows.instruments),
        read_prices(connection, keys, now),
        breakers=read_breakers([connection.pk], [strategy_id]),
        day=day_facts(connection, now),
        strategy_id=strategy_id,
        order=order,
        answer=answer_for(order) if order is not None else None,
        purse=read_purse(connection),
    )


def facts_of(
    rows: AccountRows,
    listing: Listing,
    prices: Prices,
    *,
    breakers: Iterable[Breaker],
    day: DayFacts | None,
    strategy_id: int | None = None,
    order: Order | None = None,
    answer: Answer | None = None,
    purse: Purse | None = None,
    with_margin: bool = True,
) -> AccountFacts:
    """`account_facts` from what was read. `day` is None, and `with_margin` False, where no limit
    looks at it; `purse` is of a paper account's margin."""
    connection, state = rows.connection, rows.state
    others = others_of(rows, order)
    counted = with_what_is_coming(day or DayFacts(), others)
    return AccountFacts(
        positions=_positions(rows.held, others, listing, prices),
        working=tuple(_working_order(one, prices) for one in others),
        day=counted,
        margin=(
            margin_of(rows, others, prices, order, answer, purse) if with_margin else MarginFacts()
        ),
        breakers=tuple(
            OpenBreaker(code=Code[one.code], reason=one.reason, since=one.since)
            for one in breakers
            if one.connection_id == connection.pk
            or (strategy_id is not None and one.strategy_id == strategy_id)
        ),
        doubt=doubt_about(rows, order),
        clock_skew=_clock_skew(rows),
        sent_today=_sent_today(connection, rows.now, counted),
        orders_per_day=connection.orders_per_day,
        has_prices=state is None or state.has_market_data is not False,
    )


def _clock_skew(rows: AccountRows) -> Decimal | None:
    state = rows.state
    if state is None or state.clock_skew_at is None:
        return None
    return state.clock_skew if rows.now - state.clock_skew_at <= _SKEW_MAX_AGE else None


def others_of(rows: AccountRows, order: Order | None) -> list[WorkingRow]:
    """The account's working orders without `order`, and without the other leg of its trigger.

    A live exit beside an order in doubt is cut to what the broker shows just before it is sent:
    for it the order in doubt does not count.
    """
    if order is None:
        return list(rows.working)
    mine = {order.pk, order.oco_with_id}
    by_the_broker = order.reduce_only and not order.simulated
    return [
        one
        for one in rows.working
        if one.order_id not in mine and not (by_the_broker and one.status is Status.UNKNOWN)
    ]


def read_prices(
    connection: BrokerConnection, keys: Collection[InstrumentKey], now: datetime
) -> dict[InstrumentKey, PriceTick]:
    """What the instruments last traded at. For real money only the market's own word of the last
    minute counts; another alert may be days old, or of another scale."""
    return latest_prices(keys) if connection.simulated else market_ticks(keys, now)


def read_breakers(
    connection_ids: Collection[int], strategy_ids: Collection[int | None]
) -> list[Breaker]:
    """Every breaker that is open for these accounts or strategies."""
    scopes = Q(connection_id__in=connection_ids)
    if strategies := [one for one in strategy_ids if one is not None]:
        scopes |= Q(strategy_id__in=strategies)
    return list(Breaker.objects.filter(scopes, closed_at__isnull=True).order_by("since", "pk"))


def with_what_is_coming(day: DayFacts, others: Iterable[WorkingRow]) -> DayFacts:
    """The day with what is on its way counted: orders that the broker has not answered for yet,
    and entries without a fill, which may still become trades."""
    coming = list(others)
    return replace(
        day,
        orders=day.orders + sum(one.sent_at is None for one in coming),
        trades=day.trades + sum(not one.reduce_only and not one.filled_qty for one in coming),
    )


def _sent_today(connection: BrokerConnection, now: datetime, day: DayFacts) -> int:
    """By the limiter's own count, where there is a limit to keep."""
    if connection.orders_per_day is None:
        return day.orders
    return limiter.used_in(connection, "day", day_start(now))


# -- positions and orders at their worth ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Coming:
    """Units of working orders in one instrument and product, by side, and one of the orders."""

    buy: int
    sell: int
    one: WorkingRow


def _coming(others: Iterable[WorkingRow]) -> dict[PositionKey, _Coming]:
    buys: Counter[PositionKey] = Counter()
    sells: Counter[PositionKey] = Counter()
    first: dict[PositionKey, WorkingRow] = {}
    for one in others:
        if one.open_quantity > 0:
            (buys if one.side is Side.BUY else sells)[one.key] += one.open_quantity
            first.setdefault(one.key, one)
    return {key: _Coming(buys[key], sells[key], one) for key, one in first.items()}


def _positions(
    held: Sequence[OpenRow], others: Sequence[WorkingRow], listing: Listing, prices: Prices
) -> tuple[OpenPosition, ...]:
    """What is open, or will be when the working orders fill."""
    coming, is_held = _coming(others), {one.key: one for one in held}
    found = []
    for key in sorted({*is_held, *coming}):
        row, more = is_held.get(key), coming.get(key)
        instrument = InstrumentKey(key.exchange, key.tradingsymbol)
        listed = listing.get(instrument)
        multiplier = row.multiplier if row else more.one.multiplier if more else Decimal(1)
        found.append(
            OpenPosition(
                exchange=key.exchange,
                tradingsymbol=key.tradingsymbol,
                product=Product(key.product),
                underlying=underlying_of(instrument, listed),
                segment=segment_of(key.exchange).value,
                kind=kind_of(instrument, listed),
                quantity=row.quantity if row else 0,
                working_buy=more.buy if more else 0,
                working_sell=more.sell if more else 0,
                price=_price_of(instrument, row, more, prices),
                multiplier=multiplier,
            )
        )
    return tuple(found)


def _price_of(
    instrument: InstrumentKey, row: OpenRow | None, more: _Coming | None, prices: Prices
) -> Decimal | None:
    """The last price, else what the position cost or its order asks for; None when unknown."""
    tick = prices.get(instrument)
    candidates = [tick.price if tick else None]
    if row is not None:
        candidates += [row.last_price, row.average_price]
    if more is not None:
        candidates += [more.one.own_price, more.one.seen_price]
    return next((price for price in candidates if price), None)


def worth(one: WorkingRow, prices: Prices) -> Decimal | None:
    """Rupees of what is left of a working order; None when no price is known."""
    tick = prices.get(one.instrument)
    price = one.own_price or (tick.price if tick else None) or one.seen_price
    return one.open_quantity * price * one.multiplier if price else None


def _working_order(one: WorkingRow, prices: Prices) -> WorkingOrder:
    return WorkingOrder(
        order_id=one.order_id,
        exchange=one.exchange,
        tradingsymbol=one.tradingsymbol,
        product=Product(one.product),
        side=one.side,
        order_type=one.order_type,
        quantity=one.open_quantity,
        price=one.own_price,
        value=worth(one, prices),
        reduce_only=one.reduce_only,
        strategy_id=one.strategy_id,
    )


# -- doubts --------------------------------------------------------------------------------------


def doubt_about(rows: AccountRows, order: Order | None) -> str:
    """Why the account's picture of the order's instrument can't be trusted; empty when it can."""
    if order is not None:
        if has_unknown(rows, order):
            return f"An order on {order.instrument} has an unknown outcome."
        if (found := _difference(rows, order.instrument)) is not None:
            return (
                f"{found.symbol} {found.product}: our fills make {found.ours}, "
                f"the broker shows {found.brokers}. {found.why}"
            )
    return stale_book(rows.connection, rows.state, rows.now)


def has_unknown(rows: AccountRows, order: Order) -> bool:
    """Whether another order on its instrument has an unknown outcome."""
    return any(
        instrument == order.instrument
        for order_id, instrument in rows.unknown.items()
        if order_id != order.pk
    )


def _difference(rows: AccountRows, instrument: InstrumentKey) -> Difference | None:
    """A difference on the instrument that our working orders can't explain.

    A fill shows in the broker's positions a moment before the order book tells us of it.
    """
    if rows.shown is None or not positions_are_comparable(rows):
        return None

    def of_it(quantities: Mapping[PositionKey, int]) -> dict[PositionKey, int]:
        wanted = (instrument.exchange, instrument.tradingsymbol)
        return {key: units for key, units in quantities.items() if key[:2] == wanted}

    coming = _coming(rows.working)
    for found in differences(of_it(rows.ours), of_it(rows.shown), rows.delivered or {}):
        key = PositionKey(found.exchange, found.tradingsymbol, found.product)
        more = coming.get(key)
        low, high = (more.sell, more.buy) if more else (0, 0)
        if not found.ours - low <= found.brokers <= found.ours + high:
            return found
    return None
