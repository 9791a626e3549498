"""The immutable picture of an account that risk decides on."""

from collections.abc import Iterable
from decimal import Decimal

from django.db.models import Sum

from brokers.models import BrokerConnection
from brokers.prices import latest_price
from risk import policy
from risk.engine.evaluate import Decision, evaluate
from risk.engine.snapshot import Intent, Snapshot
from sigmatrader import clock
from trading.domain.order import AT_BROKER, Status
from trading.domain.values import Side
from trading.models import Order, Position

# Orders that may still change the position. QUEUED ones are looked at when they are claimed.
_COUNTED = tuple(AT_BROKER)


def _position_key(exchange: str, symbol: str, product: str) -> str:
    return f"{exchange}:{symbol}|{product}"


def intent_of(order: Order) -> Intent:
    """`order` as risk sees it."""
    strategy = order.strategy
    return Intent(
        order_id=order.pk,
        side=Side(order.side),
        quantity=order.qty,
        order_type=order.order_type,
        product=order.product,
        symbol=order.symbol,
        exchange=order.exchange,
        tradingsymbol=order.tradingsymbol,
        price=order.price if order.order_type in ("LIMIT", "SL") else None,
        trigger_price=order.trigger_price,
        reference_price=order.reference_price or order.price,
        strategy_id=order.strategy_id,
        strategy_name=strategy.name if strategy else "",
        mode=order.mode,
        simulated=order.simulated,
        connection_id=order.connection_id,
        reduce_only=order.reduce_only,
        lot_size=order.lot_size,
        multiplier=order.multiplier,
        strategy_enabled=strategy.enabled and not strategy.archived if strategy else True,
        strategy_target=strategy.execution_target if strategy else None,
    )


def _working(order: Order) -> list[tuple[str, str, str, str, int]]:
    """Other orders of the account that may still fill: (exchange, symbol, product, side, units)."""
    rows = (
        Order.objects.filter(connection_id=order.connection_id, status__in=_COUNTED)
        .exclude(pk=order.pk)
        .values_list("exchange", "tradingsymbol", "product", "side")
        .annotate(open_qty=Sum("qty") - Sum("filled_qty"))
        .order_by()
    )
    return [(row[0], row[1], row[2], row[3], int(row[4] or 0)) for row in rows]


def _working_quantity(
    working: Iterable[tuple[str, str, str, str, int]], order: Order, side: Side
) -> int:
    wanted = (order.exchange, order.tradingsymbol, order.product, side.value)
    return sum(quantity for *key, quantity in working if tuple(key) == wanted)


def snapshot_for(
    order: Order, connection: BrokerConnection, *, session_ok: bool, session_error: str = ""
) -> Snapshot:
    """The account as it stands for `order`, in a fixed number of queries."""
    positions = list(
        Position.objects.filter(connection=connection)
        .exclude(qty=0)
        .values_list("exchange", "symbol", "product", "qty")
    )
    working = _working(order)
    held = {_position_key(row[0], row[1], row[2]): row[3] for row in positions}
    tick = latest_price(order.exchange, order.tradingsymbol)
    mine = _position_key(order.exchange, order.tradingsymbol, order.product)
    opening = {_position_key(row[0], row[1], row[2]) for row in working if row[4] > 0}
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
    return Snapshot(
        now=clock.now(),
        position_quantity=held.get(mine, 0),
        working_buy_quantity=_working_quantity(working, order, Side.BUY),
        working_sell_quantity=_working_quantity(working, order, Side.SELL),
        open_instruments=frozenset(held) | frozenset(opening),
        last_price=Decimal(tick.price) if tick else None,
        last_price_at=tick.at if tick else None,
        states=policy.states_for(connection.pk, order.strategy_id),
        session_ok=session_ok,
        session_error=session_error,
        unresolved_unknown=unknown,
    )


def decide(
    order: Order, connection: BrokerConnection, *, session_ok: bool, session_error: str = ""
) -> Decision:
    """What risk says of `order` now."""
    limits = policy.limits_for(
        order.strategy_id, order.strategy.name if order.strategy else ""
    )
    snapshot = snapshot_for(
        order, connection, session_ok=session_ok, session_error=session_error
    )
    return evaluate(intent_of(order), snapshot, limits)
