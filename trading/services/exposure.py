"""The immutable picture of an account that risk decides on."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Sum

from brokers.models import (
    AccountHolding,
    AccountPosition,
    AccountState,
    BrokerConnection,
    PriceTick,
)
from brokers.prices import latest_price, market_tick
from risk import policy
from risk.engine.evaluate import Decision, evaluate
from risk.engine.snapshot import Intent, Snapshot
from sigmatrader import clock
from trading.domain.off_hours import book_day
from trading.domain.order import AT_BROKER, Status
from trading.domain.values import ExecutionTarget, Mode, OrderType, Product, Side
from trading.models import Fill, Order, Position
from trading.services.routing import route_of

# Orders that may still change the position. QUEUED ones are looked at when they are claimed.
_COUNTED = tuple(AT_BROKER)


def _position_key(exchange: str, symbol: str, product: str) -> str:
    return f"{exchange}:{symbol}|{product}"


def held_for(order: Order, connection: BrokerConnection) -> int:
    """The signed quantity that `order` could close or add to; for delivery with the holdings."""
    key = _position_key(order.exchange, order.tradingsymbol, order.product)
    return held_quantities(connection).get(key, 0) + _holding(order, connection, clock.now())


def intent_of(order: Order) -> Intent:
    """`order` as risk sees it."""
    strategy = order.strategy
    return Intent(
        order_id=order.pk,
        side=Side(order.side),
        quantity=order.qty,
        order_type=OrderType(order.order_type),
        product=Product(order.product),
        symbol=order.symbol,
        exchange=order.exchange,
        tradingsymbol=order.tradingsymbol,
        price=order.price if order.order_type in ("LIMIT", "SL") else None,
        trigger_price=order.trigger_price,
        reference_price=order.seen_price,
        strategy_id=order.strategy_id,
        strategy_name=strategy.name if strategy else "",
        mode=Mode(order.mode),
        simulated=order.simulated,
        connection_id=order.connection_id,
        reduce_only=order.reduce_only,
        lot_size=order.lot_size,
        multiplier=order.multiplier,
        strategy_enabled=strategy.enabled and not strategy.archived if strategy else True,
        strategy_target=ExecutionTarget(strategy.execution_target) if strategy else None,
    )


@dataclass(frozen=True, slots=True)
class _Working:
    """What is still open in the account's other orders of one instrument, product and side."""

    exchange: str
    tradingsymbol: str
    product: str
    side: str
    reduce_only: bool
    quantity: int

    @property
    def key(self) -> str:
        return _position_key(self.exchange, self.tradingsymbol, self.product)


def _working(order: Order) -> list[_Working]:
    """Other orders of the account that may still fill."""
    # A live exit beside an order in doubt is cut to what the broker shows just before it is sent.
    counted = set(_COUNTED)
    if order.reduce_only and not order.simulated:
        counted.discard(Status.UNKNOWN)
    # Of the two legs of one trigger only one can fill: the stop stands for both while it lives.
    rows = (
        Order.objects.filter(connection_id=order.connection_id, status__in=counted)
        .exclude(oco_with__status__in=_COUNTED)
        .exclude(pk__in=[order.pk, order.oco_with_id or order.pk])
        .values_list("exchange", "tradingsymbol", "product", "side", "reduce_only")
        .annotate(open_qty=Sum("qty") - Sum("filled_qty"))
        .order_by()
    )
    return [
        _Working(exchange, tradingsymbol, product, side, reduce_only, int(open_qty or 0))
        for exchange, tradingsymbol, product, side, reduce_only, open_qty in rows
    ]


def snapshot_for(
    order: Order, connection: BrokerConnection, *, session_ok: bool, session_error: str = ""
) -> Snapshot:
    """The account as it stands for `order`, in a fixed number of queries."""
    working = _working(order)
    held = held_quantities(connection)
    tick = _last_price(order, connection)
    mine = _position_key(order.exchange, order.tradingsymbol, order.product)
    opening = {one.key for one in working if one.quantity > 0 and not one.reduce_only}

    def working_quantity(side: Side) -> int:
        return sum(one.quantity for one in working if one.key == mine and one.side == side)

    unknown = (
        Order.objects.filter(
            connection=connection,
            exchange=order.exchange,
            tradingsymbol=order.tradingsymbol,
            status=Status.UNKNOWN,
        )
        .exclude(pk=order.pk)
        .exists()
    )
    now = clock.now()
    return Snapshot(
        now=now,
        position_quantity=held.get(mine, 0),
        holding_quantity=_holding(order, connection, now),
        working_buy_quantity=working_quantity(Side.BUY),
        working_sell_quantity=working_quantity(Side.SELL),
        open_instruments=frozenset(held) | frozenset(opening),
        last_price=Decimal(tick.price) if tick else None,
        last_price_at=tick.at if tick else None,
        states=policy.states_for(connection.pk, order.strategy_id),
        session_ok=session_ok,
        session_error=session_error,
        unresolved_unknown=unknown,
        connection_simulated=connection.simulated,
        market_refusal=route_of(order, connection, now).refusal,
    )


def _last_price(order: Order, connection: BrokerConnection) -> PriceTick | None:
    """What the instrument last traded at. For real orders only the market's own word of the last
    minute counts; another alert may be days old, or of another scale."""
    if connection.simulated:
        return latest_price(order.exchange, order.tradingsymbol)
    return market_tick(order.exchange, order.tradingsymbol, clock.now())


def held_quantities(connection: BrokerConnection) -> dict[str, int]:
    """The signed net quantity of each open position, by "EX:SYM|PRODUCT".

    Our own fills, and for an account whose broker has shown its positions in this book day those
    (they know what was bought elsewhere, or moved to the holdings overnight) with our fills since.
    """
    state = AccountState.objects.filter(connection=connection).first()
    if (
        connection.simulated
        or state is None
        or state.positions_read_at is None
        or book_day(state.positions_read_at) != book_day(clock.now())
    ):
        rows = Position.objects.filter(connection=connection).exclude(qty=0)
        return {
            _position_key(*row[:3]): row[3]
            for row in rows.values_list("exchange", "symbol", "product", "qty")
        }
    held = Counter(
        {
            _position_key(*row[:3]): row[3]
            for row in AccountPosition.objects.filter(connection=connection).values_list(
                "exchange", "tradingsymbol", "product", "quantity"
            )
        }
    )
    since = Fill.objects.filter(connection=connection, booked_at__gt=state.positions_read_at)
    for exchange, symbol, product, side, qty in since.values_list(
        "exchange", "symbol", "product", "side", "qty"
    ):
        held[_position_key(exchange, symbol, product)] += Side(side).sign * qty
    return {key: quantity for key, quantity in held.items() if quantity}


def _holding(order: Order, connection: BrokerConnection, now: datetime) -> int:
    """Delivered shares of the order's instrument; what was sold of them today is a position."""
    if order.product != Product.CNC or connection.simulated:
        return 0
    state = AccountState.objects.filter(connection=connection).first()
    if (
        state is None
        or state.holdings_read_at is None
        or state.positions_read_at is None
        or book_day(state.holdings_read_at) != book_day(now)
    ):
        return 0
    held = AccountHolding.objects.filter(
        connection=connection, tradingsymbol=order.tradingsymbol
    ).aggregate(total=Sum("quantity") + Sum("t1_quantity"))
    return int(held["total"] or 0)


def decide(
    order: Order, connection: BrokerConnection, *, session_ok: bool, session_error: str = ""
) -> Decision:
    """What risk says of `order` now."""
    limits = policy.limits_for(order.strategy_id, order.strategy.name if order.strategy else "")
    snapshot = snapshot_for(order, connection, session_ok=session_ok, session_error=session_error)
    return evaluate(intent_of(order), snapshot, limits)
