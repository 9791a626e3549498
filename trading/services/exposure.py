"""The immutable picture of an account that risk decides on, and the decision.

Every picture takes a fixed number of queries, whatever the history. Several orders share what is
the same for them: an account, a strategy and the market are read once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import TypeVar

from brokers.accounts import session_of
from brokers.models import BrokerConnection, PriceTick
from risk import policy
from risk.engine.denials import Code, Verdict
from risk.engine.evaluate import Decision, evaluate
from risk.engine.limits import Limits
from risk.engine.snapshot import (
    AccountFacts,
    DayFacts,
    Intent,
    RecentOrder,
    ScopeState,
    Snapshot,
    StrategyFacts,
)
from risk.models import Breaker
from sigmatrader import clock
from trading.domain.differences import PositionKey
from trading.domain.values import (
    ExecutionTarget,
    InstrumentKey,
    Mode,
    OrderType,
    Origin,
    Product,
    RiskScope,
    Side,
    Validity,
)
from trading.models import Order
from trading.services.account_facts import (
    facts_of,
    has_unknown,
    others_of,
    read_breakers,
    read_prices,
)
from trading.services.account_rows import AccountRows, read_account, with_order
from trading.services.day_pnl import day_facts
from trading.services.instrument_facts import Market, read_market
from trading.services.margin_facts import Purse, read_purse
from trading.services.routing import route_of
from trading.services.strategy_facts import (
    MOST_RECENT,
    Lot,
    Story,
    read_lots,
    read_recent,
    read_stories,
    strategy_facts,
)

_Key = TypeVar("_Key")
_Found = TypeVar("_Found")


def held_for(order: Order, connection: BrokerConnection) -> int:
    """The signed quantity that `order` could close or add to; for delivery with the holdings."""
    rows = read_account(connection, clock.now())
    return _quantity_of(order, rows) + _holding_of(order, rows)


def held_quantities(connection: BrokerConnection) -> dict[str, int]:
    """The signed net quantity of each open position, by "EX:SYM|PRODUCT".

    Our own fills, and for an account whose broker has shown its positions in this book day those
    (they know what was bought elsewhere, or moved to the holdings overnight) with our fills since.
    """
    rows = read_account(connection, clock.now())
    return {_text(one.key): one.quantity for one in rows.held}


def intent_of(order: Order, story: Story | None = None) -> Intent:
    """`order` as risk sees it. `story` is read when it is not given."""
    if story is None:
        story = read_stories([order]).get(order.pk, Story())
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
        gtt=order.gtt,
        validity=Validity(order.validity),
        received_at=story.received_at,
        retries=story.retries,
    )


def snapshot_for(
    order: Order, connection: BrokerConnection, *, session_ok: bool, session_error: str = ""
) -> Snapshot:
    """The account as it stands for `order`, every fact of it."""
    reads = _Reads([(order, connection)], clock.now())
    return reads.snapshot(order, connection, _EVERYTHING, session_ok, session_error)


def decide(
    order: Order, connection: BrokerConnection, *, session_ok: bool, session_error: str = ""
) -> Decision:
    """What risk says of `order` now."""
    reads = _Reads([(order, connection)], clock.now())
    return reads.decide(order, connection, session_ok, session_error)


def adds_exposure(order: Order) -> bool:
    """What REDUCING stops, by risk's own rule on what is held at this moment."""
    decision = decide(order, order.connection, session_ok=True)
    denied = {check.code for check in decision.checks if check.verdict is Verdict.DENY}
    return Code.REDUCING_ONLY in denied


def decide_all(orders: Iterable[Order]) -> dict[int, Decision]:
    """What risk would say of each stored order if it went now, by the order's id.

    Each is judged by itself, as if the others stayed where they are. The queries are a few for
    each account and each strategy, however many orders there are.
    """
    wanted = [(order, order.connection) for order in orders]
    reads = _Reads(wanted, clock.now())
    decisions = {}
    for order, connection in wanted:
        session = session_of(connection)
        decisions[order.pk] = reads.decide(order, connection, session.connected, session.error)
    return decisions


def decide_in_turn(orders: Iterable[Order]) -> dict[int, Decision]:
    """What risk would say of each stored order if they went one after the other, by its id.

    Each is judged as if those before it that risk lets go worked already, without a fill. What a
    strategy sent lately is asked again for each.
    """
    wanted = [(order, order.connection) for order in orders]
    reads = _Reads(wanted, clock.now())
    decisions = {}
    for order, connection in wanted:
        session = session_of(connection)
        decision = reads.decide(order, connection, session.connected, session.error)
        if decision.outcome is not Verdict.DENY and not decision.gates:
            reads.count_in(order, decision.final_qty)
        decisions[order.pk] = decision
    return decisions


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """The facts that some limit looks at. What no limit looks at is not read."""

    account_day: bool = True
    strategy_day: bool = True
    margin: bool = True
    strategy: bool = True
    recent: bool = True


_EVERYTHING = _Wanted()
_OF_THE_DAY = ("max_daily_loss", "max_orders_per_day", "max_trades_per_day", "consecutive_losses")
_OF_A_STRATEGY = ("strategy_budget", "pyramiding", "cool_down")
_OF_LATELY = ("duplicate_order", "repeated_execution")


def _wanted_by(limits: Sequence[Limits]) -> _Wanted:
    def is_set(names: Iterable[str], among: Iterable[Limits] = limits) -> bool:
        return any(getattr(scope, name) is not None for scope in among for name in names)

    return _Wanted(
        account_day=is_set(_OF_THE_DAY, [one for one in limits if one.scope is RiskScope.GLOBAL]),
        strategy_day=is_set(
            _OF_THE_DAY, [one for one in limits if one.scope is RiskScope.STRATEGY]
        ),
        margin=is_set(("insufficient_margin",)),
        strategy=is_set(_OF_A_STRATEGY),
        recent=is_set(_OF_LATELY),
    )


class _Reads:
    """What the pictures of some orders share, read once and when it is first asked for."""

    def __init__(self, wanted: Sequence[tuple[Order, BrokerConnection]], now: datetime) -> None:
        self._orders = [order for order, _ in wanted]
        self._connections = {connection.pk: connection for _, connection in wanted}
        self._now = now
        self._limits = _once(self._read_limits)
        self._states = _once(self._read_states)
        self._day = _once(self._read_day)
        self._lots = _once(self._read_lots)
        self._recent = _once(self._read_recent)
        self._purse = _once(self._read_purse)
        self._names = {
            order.strategy_id: order.strategy.name if order.strategy else ""
            for order in self._orders
        }

    # -- shared ----------------------------------------------------------------------------------

    @cached_property
    def _rows(self) -> dict[int, AccountRows]:
        return {
            pk: read_account(connection, self._now) for pk, connection in self._connections.items()
        }

    @cached_property
    def _market(self) -> Market:
        held = {key for rows in self._rows.values() for key in rows.instruments}
        return read_market({order.instrument for order in self._orders}, held, self._now)

    @cached_property
    def _prices(self) -> dict[int, dict[InstrumentKey, PriceTick]]:
        """By account: paper and real money go by different words."""
        found = {}
        for pk, connection in self._connections.items():
            keys = set(self._rows[pk].instruments)
            keys |= {order.instrument for order in self._orders if order.connection_id == pk}
            found[pk] = read_prices(connection, keys, self._now)
        return found

    @cached_property
    def _breakers(self) -> list[Breaker]:
        return read_breakers(list(self._connections), list(self._names))

    @cached_property
    def _stories(self) -> dict[int, Story]:
        return read_stories(self._orders)

    def _read_limits(self, strategy_id: int | None) -> list[Limits]:
        return policy.limits_for(strategy_id, self._names[strategy_id])

    def _read_states(self, scope: tuple[int, int | None]) -> tuple[ScopeState, ...]:
        return policy.states_for(*scope)

    def _read_day(self, scope: tuple[int, int | None]) -> DayFacts:
        connection_id, strategy_id = scope
        return day_facts(self._connections[connection_id], self._now, strategy_id)

    def _read_lots(self, connection_id: int) -> list[Lot]:
        return read_lots(self._connections[connection_id])

    def _read_purse(self, connection_id: int) -> Purse | None:
        return read_purse(self._connections[connection_id])

    def _read_recent(self, scope: tuple[int, int]) -> list[RecentOrder]:
        connection_id, strategy_id = scope
        return read_recent(
            self._connections[connection_id],
            strategy_id,
            self._now,
            self._rows[connection_id].working,
        )

    def count_in(self, order: Order, quantity: int) -> None:
        """From now on judge as if `quantity` units of `order` worked in its account."""
        account = order.connection_id
        self._rows[account] = with_order(self._rows[account], order, quantity)
        self._recent = _once(self._read_recent)

    # -- of one order ----------------------------------------------------------------------------

    def decide(
        self, order: Order, connection: BrokerConnection, session_ok: bool, session_error: str
    ) -> Decision:
        limits = self._limits(order.strategy_id)
        wanted = _wanted_by(limits)
        snapshot = self.snapshot(order, connection, wanted, session_ok, session_error)
        return evaluate(intent_of(order, self._story(order)), snapshot, limits)

    def snapshot(
        self,
        order: Order,
        connection: BrokerConnection,
        wanted: _Wanted,
        session_ok: bool,
        session_error: str,
    ) -> Snapshot:
        rows, prices = self._rows[connection.pk], self._prices[connection.pk]
        tick = prices.get(order.instrument)
        working = others_of(rows, order)
        mine = PositionKey(order.exchange, order.tradingsymbol, order.product)
        opening = {one.key for one in working if one.open_quantity > 0 and not one.reduce_only}

        def working_quantity(side: Side) -> int:
            return sum(one.open_quantity for one in working if (one.key, one.side) == (mine, side))

        return Snapshot(
            now=self._now,
            position_quantity=_quantity_of(order, rows),
            holding_quantity=_holding_of(order, rows),
            working_buy_quantity=working_quantity(Side.BUY),
            working_sell_quantity=working_quantity(Side.SELL),
            open_instruments=frozenset(
                _text(key) for key in opening | {one.key for one in rows.held}
            ),
            last_price=Decimal(tick.price) if tick else None,
            last_price_at=tick.at if tick else None,
            states=self._states((connection.pk, order.strategy_id)),
            session_ok=session_ok,
            session_error=session_error,
            unresolved_unknown=has_unknown(rows, order),
            connection_simulated=connection.simulated,
            market_refusal=route_of(order, connection, self._now).refusal,
            instrument=self._market.instrument(order.instrument),
            market=self._market.session(order.instrument, Product(order.product)),
            account=self._account(order, connection, wanted),
            strategy=self._strategy(order, connection, wanted),
            recent=self._recent_of(order, connection, wanted),
        )

    def _story(self, order: Order) -> Story:
        return self._stories.get(order.pk, Story())

    def _account(self, order: Order, connection: BrokerConnection, wanted: _Wanted) -> AccountFacts:
        return facts_of(
            self._rows[connection.pk],
            self._market.listing,
            self._prices[connection.pk],
            breakers=self._breakers,
            day=self._day((connection.pk, None)) if wanted.account_day else None,
            strategy_id=order.strategy_id,
            order=order,
            answer=self._story(order).answer,
            purse=self._purse(connection.pk) if wanted.margin else None,
            with_margin=wanted.margin,
        )

    def _strategy(
        self, order: Order, connection: BrokerConnection, wanted: _Wanted
    ) -> StrategyFacts:
        if order.strategy_id is None:
            return StrategyFacts()
        scope = (connection.pk, order.strategy_id)
        return strategy_facts(
            order,
            others_of(self._rows[connection.pk], order),
            self._lots(connection.pk) if wanted.strategy else (),
            self._prices[connection.pk],
            day=self._day(scope) if wanted.strategy_day else None,
            last_exit_at=self._story(order).last_exit_at,
        )

    def _recent_of(
        self, order: Order, connection: BrokerConnection, wanted: _Wanted
    ) -> tuple[RecentOrder, ...]:
        if order.strategy_id is None or not wanted.recent:
            return ()
        if order.origin == Origin.SQUAREOFF:
            return ()  # its pieces are alike and no repeats of each other
        recent = self._recent((connection.pk, order.strategy_id))
        return tuple(one for one in recent if one.order_id != order.pk)[:MOST_RECENT]


def _once(read: Callable[[_Key], _Found]) -> Callable[[_Key], _Found]:
    """`read`, asked once for each key."""
    found: dict[_Key, _Found] = {}

    def get(key: _Key) -> _Found:
        if key not in found:
            found[key] = read(key)
        return found[key]

    return get


def _quantity_of(order: Order, rows: AccountRows) -> int:
    mine = PositionKey(order.exchange, order.tradingsymbol, order.product)
    return next((one.quantity for one in rows.held if one.key == mine), 0)


def _holding_of(order: Order, rows: AccountRows) -> int:
    """Delivered shares of the order's instrument; what was sold of them today is a position."""
    if order.product != Product.CNC or rows.delivered is None:
        return 0
    return rows.delivered.get(order.tradingsymbol, 0)


def _text(key: PositionKey) -> str:
    return f"{key.exchange}:{key.tradingsymbol}|{key.product}"
