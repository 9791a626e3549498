"""An account in memory, on which orders of the past are filled at their own prices. Pure."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from risk.engine.denials import Code
from risk.engine.limits import Limits
from risk.engine.snapshot import (
    AccountFacts,
    DayFacts,
    InstrumentFacts,
    Intent,
    OpenBreaker,
    OpenPosition,
    RecentOrder,
    Snapshot,
    StrategyFacts,
    left_to_close,
)
from trading.domain.position import Closed, FillRow, Lot, PositionState, apply
from trading.domain.session import trading_day
from trading.domain.values import InstrumentKey, Mode, Product, Side
from trading.services.whatif_orders import AccountKey, OpeningLot, PastOrder

_ZERO = Decimal(0)
_RECENT = timedelta(hours=24)
_MOST_RECENT = 100
_REPEATED_MINUTES = 5
_EVERYONE: int | None = None  # the account itself, beside its strategies


@dataclass(slots=True)
class _Stake:
    """One scope's part of a position: signed units, what they cost, and the orders of entry.

    `cost` is signed as the units are, `capital` is not; both are for a multiplier of 1.
    """

    units: int = 0
    cost: Decimal = _ZERO
    capital: Decimal = _ZERO
    orders: set[int | str | None] = field(default_factory=set)

    def add(self, lot: Lot) -> None:
        rupees = lot.price * lot.quantity
        self.units += lot.quantity
        self.cost += rupees
        self.capital += abs(rupees)
        self.orders.add(lot.order_id)


@dataclass(slots=True)
class _Held:
    key: InstrumentKey
    product: Product
    instrument: InstrumentFacts = field(default_factory=InstrumentFacts)
    multiplier: Decimal = Decimal(1)
    state: PositionState = field(default_factory=PositionState)
    stakes: dict[int | None, _Stake] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return f"{self.key}|{self.product}"


@dataclass(slots=True)
class _Day:
    """One day of the account or of a strategy. `began_with`: the open P&L that it began with."""

    realised: Decimal = _ZERO
    began_with: Decimal = _ZERO
    orders: int = 0
    trades: int = 0


class ReplayAccount:
    """What one account has, as if each order that passed had filled at once and in full.

    Nothing works in it, its broker is connected and trading is ACTIVE. Of a real account intraday
    (MIS) positions end with the day, at the last price seen. Orders must come in time order.
    After `finish`, `by_day` and `by_strategy` (None: without one) hold the P&L.
    """

    def __init__(self, key: AccountKey, opening: Iterable[OpeningLot] = ()) -> None:
        self._key = key
        self._today: date | None = None
        self._held: dict[tuple[InstrumentKey, Product], _Held] = {}
        self._prices: dict[InstrumentKey, tuple[Decimal, datetime]] = {}
        self._days: dict[int | None, _Day] = defaultdict(_Day)
        self._streaks: Counter[int | None] = Counter()
        self._exits: dict[tuple[int | None, InstrumentKey], datetime] = {}
        self._recent: dict[int, deque[RecentOrder]] = defaultdict(
            lambda: deque(maxlen=_MOST_RECENT)
        )
        self._breakers: dict[int, OpenBreaker] = {}
        self._owners: dict[int, int | None] = {}
        self._strategies: set[int] = set()
        self._count = 0
        self.by_day: dict[date, Decimal] = {}
        self.by_strategy: dict[int | None, Decimal] = defaultdict(Decimal)
        for lot in opening:
            self._open(lot)

    def _open(self, lot: OpeningLot) -> None:
        self._count -= 1  # no order of the replay has a number below 1
        self._own(self._count, lot.strategy_id)
        held = self._held.setdefault((lot.key, lot.product), _Held(lot.key, lot.product))
        held.multiplier = lot.multiplier
        side = Side.BUY if lot.quantity > 0 else Side.SELL
        fill = FillRow(side, abs(lot.quantity), lot.price, self._count)
        self._apply(held, fill)

    # -- what comes in -----------------------------------------------------------------------

    def see(self, order: PastOrder) -> None:
        """Time goes on to the order, and the price that its alert saw becomes known."""
        day = trading_day(order.at)
        if day != self._today:
            self._turn_to(day)
        seen = order.intent.reference_price
        if seen is not None and seen > 0:
            self._mark(order.key, seen, order.at)

    def intent_of(self, order: PastOrder) -> Intent:
        """The order as risk would see it, an exit of everything with what is open."""
        if not order.closes_all:
            return order.intent
        left = left_to_close(order.intent, self.snapshot(order, order.intent))
        return replace(order.intent, quantity=left)

    def fill(
        self, order: PastOrder, intent: Intent, quantity: int, limits: Iterable[Limits]
    ) -> Decimal | None:
        """Take the order as sent and filled; the P&L that it realised.

        None when there is no price to fill it at: then it counts as sent alone.
        """
        number = self._sent(order, intent)
        self._watch_repeated(order, intent, limits)
        price = order.own_price or self._last(order.key)
        if price is None or price <= 0:
            return None
        if order.key not in self._prices:
            self._mark(order.key, price, order.at)
        self._own(number, intent.strategy_id)
        fill = FillRow(intent.side, quantity, price, number, order.at)
        return self._book(order, intent, fill)

    def finish(self) -> None:
        """Count the last day's P&L."""
        if self._today is not None:
            self._count_day(self._today)

    # -- what risk sees ----------------------------------------------------------------------

    def snapshot(self, order: PastOrder, intent: Intent) -> Snapshot:
        """The account for that order."""
        mine = self._held.get((order.key, intent.product))
        open_now = [one for one in self._held.values() if one.state.quantity]
        last = self._prices.get(order.key)
        return Snapshot(
            now=order.at,
            position_quantity=mine.state.quantity if mine else 0,
            working_buy_quantity=0,
            working_sell_quantity=0,
            open_instruments=frozenset(one.text for one in open_now),
            last_price=last[0] if last else None,
            last_price_at=last[1] if last else None,
            states=(),
            session_ok=True,
            session_error="",
            unresolved_unknown=False,
            connection_simulated=self._key.simulated,
            market_refusal=order.market_refusal,
            instrument=order.instrument,
            market=order.market,
            account=AccountFacts(
                positions=tuple(self._position(one) for one in open_now),
                day=self._day(_EVERYONE),
                breakers=self._open_breakers(intent.strategy_id),
                clock_skew=_ZERO,
                sent_today=self._days[_EVERYONE].orders,
                orders_per_day=self._key.orders_per_day,
            ),
            strategy=self._strategy(order.key, intent),
            recent=self._recent_of(intent.strategy_id, order.at),
        )

    def _position(self, one: _Held) -> OpenPosition:
        return OpenPosition(
            exchange=one.key.exchange,
            tradingsymbol=one.key.tradingsymbol,
            product=one.product,
            underlying=one.instrument.underlying or one.key.tradingsymbol,
            segment=one.instrument.segment,
            kind=one.instrument.kind,
            quantity=one.state.quantity,
            price=self._last(one.key) or one.state.average_price,
            multiplier=one.multiplier,
        )

    def _day(self, scope: int | None) -> DayFacts:
        day = self._days[scope]
        return DayFacts(
            realised=day.realised,
            unrealised=self._open_pnl(scope) - day.began_with,
            orders=day.orders,
            trades=day.trades,
            losses_in_a_row=self._streaks[scope],
        )

    def _strategy(self, key: InstrumentKey, intent: Intent) -> StrategyFacts:
        scope = intent.strategy_id
        if scope is None:
            return StrategyFacts()
        capital, entries = _ZERO, set()
        for one in self._held.values():
            stake = one.stakes.get(scope)
            if stake is not None:
                capital += stake.capital * one.multiplier
                if one.key == key:
                    entries |= stake.orders
        return StrategyFacts(
            day=self._day(scope),
            capital=capital,
            entries=len(entries),
            last_exit_at=self._exits.get((scope, key)),
        )

    def _recent_of(self, strategy_id: int | None, now: datetime) -> tuple[RecentOrder, ...]:
        if strategy_id is None:
            return ()
        return tuple(one for one in self._recent[strategy_id] if now - one.at < _RECENT)

    def _open_breakers(self, strategy_id: int | None) -> tuple[OpenBreaker, ...]:
        found = self._breakers.get(strategy_id) if strategy_id is not None else None
        return (found,) if found else ()

    # -- the books ---------------------------------------------------------------------------

    def _sent(self, order: PastOrder, intent: Intent) -> int:
        """Count the order as sent; its number in the replay."""
        self._count = max(self._count, 0) + 1
        for scope in _scopes(intent.strategy_id):
            self._days[scope].orders += 1
        if intent.strategy_id is not None:
            self._recent[intent.strategy_id].appendleft(
                RecentOrder(
                    order_id=self._count,
                    exchange=intent.exchange,
                    tradingsymbol=intent.tradingsymbol,
                    product=intent.product,
                    side=intent.side,
                    quantity=intent.quantity,
                    automatic=intent.mode is Mode.AUTO,
                    at=order.at,
                )
            )
        return self._count

    def _watch_repeated(self, order: PastOrder, intent: Intent, limits: Iterable[Limits]) -> None:
        """A strategy that sent too many AUTO orders is MANUAL for what is left of the day."""
        if intent.strategy_id is None:
            return
        for scope in limits:
            if scope.repeated_execution is None:
                continue
            minutes = scope.repeated_execution_minutes or _REPEATED_MINUTES
            since = order.at - timedelta(minutes=minutes)
            recent = self._recent[intent.strategy_id]
            count = sum(one.automatic and one.at > since for one in recent)
            if count >= scope.repeated_execution:
                text = f"{intent.strategy_name} sent {count} orders by itself within {minutes} min"
                self._breakers[intent.strategy_id] = OpenBreaker(
                    code=Code.REPEATED_EXECUTION, reason=text, since=order.at
                )

    def _book(self, order: PastOrder, intent: Intent, fill: FillRow) -> Decimal:
        place = (order.key, intent.product)
        held = self._held.setdefault(place, _Held(order.key, intent.product))
        held.instrument, held.multiplier = order.instrument, intent.multiplier
        before = held.state.quantity
        self._apply(held, fill)
        realised = self._close(held, held.state.closed, order.at)
        if held.state.quantity and abs(held.state.quantity) > (
            abs(before) if before * held.state.quantity > 0 else 0
        ):
            for scope in _scopes(intent.strategy_id):
                self._days[scope].trades += 1
        self._forget_when_flat(held)
        return realised

    def _apply(self, held: _Held, fill: FillRow) -> None:
        before, held.state = held.state, apply(held.state, fill, held.multiplier)
        new: Iterable[Lot] = held.state.open_lots[len(before.open_lots) :]
        if held.state.closed:
            held.stakes, new = {}, held.state.open_lots
        for lot in new:
            for scope in _scopes(self._owner(lot.order_id)):
                held.stakes.setdefault(scope, _Stake()).add(lot)

    def _close(self, held: _Held, pieces: Iterable[Closed], at: datetime) -> Decimal:
        """Book the pieces that one exit has closed, each for the strategy that opened it."""
        pnl: dict[int | None, Decimal] = defaultdict(Decimal)
        for piece in pieces:
            entry, exit_ = self._owner(piece.entry_order_id), self._owner(piece.exit_order_id)
            owner = entry if entry is not None else exit_
            for scope in _scopes(owner):
                pnl[scope] += piece.pnl
            if owner is not None:
                self._exits[owner, held.key] = at
        for scope, rupees in pnl.items():
            self._days[scope].realised += rupees
            self._streaks[scope] = self._streaks[scope] + 1 if rupees < 0 else 0
        return pnl.get(_EVERYONE, _ZERO)

    def _forget_when_flat(self, held: _Held) -> None:
        if not held.state.quantity:
            del self._held[held.key, held.product]

    def _own(self, number: int, strategy_id: int | None) -> None:
        self._owners[number] = strategy_id
        if strategy_id is not None:
            self._strategies.add(strategy_id)

    def _owner(self, number: int | str | None) -> int | None:
        return self._owners.get(number) if isinstance(number, int) else None

    # -- prices and days ---------------------------------------------------------------------

    def _last(self, key: InstrumentKey) -> Decimal | None:
        found = self._prices.get(key)
        return found[0] if found else None

    def _mark(self, key: InstrumentKey, price: Decimal, at: datetime) -> None:
        first = key not in self._prices
        self._prices[key] = (price, at)
        if first:
            # What such a position had earned before the replay is no profit of the replay.
            for held in self._held.values():
                if held.key == key:
                    self._begin_with(held)

    def _begin_with(self, held: _Held) -> None:
        for scope in held.stakes:
            self._days[scope].began_with += self._worth(held, scope)

    def _worth(self, held: _Held, scope: int | None) -> Decimal:
        """The open P&L of the scope's part of a position; nothing while it has no price."""
        price, stake = self._last(held.key), held.stakes.get(scope)
        if price is None or stake is None:
            return _ZERO
        return (price * stake.units - stake.cost) * held.multiplier

    def _open_pnl(self, scope: int | None) -> Decimal:
        return sum((self._worth(held, scope) for held in self._held.values()), _ZERO)

    def _turn_to(self, day: date) -> None:
        if self._today is not None:
            self._square_off()
            self._count_day(self._today)
        self._today = day
        self._days.clear()
        self._breakers.clear()
        for held in self._held.values():
            self._begin_with(held)

    def _square_off(self) -> None:
        """The broker ends what is left of a real account's intraday positions."""
        for held in list(self._held.values()):
            last = self._prices.get(held.key)
            if self._key.simulated or held.product is not Product.MIS or last is None:
                continue
            quantity = held.state.quantity
            side = Side.SELL if quantity > 0 else Side.BUY
            self._apply(held, FillRow(side, abs(quantity), last[0]))
            self._close(held, held.state.closed, last[1])
            self._forget_when_flat(held)

    def _count_day(self, day: date) -> None:
        of_all = self.by_day[day] = self._day(_EVERYONE).pnl or _ZERO
        of_strategies = _ZERO
        for strategy_id in self._strategies:
            earned = self._day(strategy_id).pnl or _ZERO
            self.by_strategy[strategy_id] += earned
            of_strategies += earned
        self.by_strategy[None] += of_all - of_strategies


def _scopes(strategy_id: int | None) -> tuple[int | None, ...]:
    return (_EVERYONE,) if strategy_id is None else (_EVERYONE, strategy_id)
