"""What risk is handed: the order as it stands, and the facts around it at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from risk.engine.denials import Code
from trading.domain.values import (
    ExecutionTarget,
    Mode,
    OrderType,
    Product,
    Side,
    StateScope,
    TradingStateName,
    Validity,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """The order to be judged.

    `quantity` is in units (not lots), prices are rupees a unit, `multiplier` is the money value of
    one unit at a price of 1. `reference_price` is the price that the alert carried.
    `strategy_target` is the strategy's target now; None for an order without a strategy.
    `received_at`: when its alert arrived. `retries`: the orders that it retries, which are no
    duplicates of it.
    """

    order_id: int | None
    side: Side
    quantity: int
    order_type: OrderType
    product: Product
    symbol: str
    exchange: str
    tradingsymbol: str
    price: Decimal | None
    trigger_price: Decimal | None
    reference_price: Decimal | None
    strategy_id: int | None
    strategy_name: str
    mode: Mode
    simulated: bool
    connection_id: int | None
    reduce_only: bool
    lot_size: int = 1
    multiplier: Decimal = Decimal(1)
    strategy_enabled: bool = True
    strategy_target: ExecutionTarget | None = None
    gtt: bool = False
    validity: Validity = Validity.DAY
    received_at: datetime | None = None
    retries: tuple[int, ...] = ()

    @property
    def position_key(self) -> str:
        """The position that the order works on, as `Snapshot.open_instruments` writes it."""
        return f"{self.exchange}:{self.tradingsymbol}|{self.product}"

    @property
    def instrument_key(self) -> str:
        return f"{self.exchange}:{self.tradingsymbol}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeState:
    """The trading state of one scope; `label` names it: "everything", "account zerodha"."""

    scope: StateScope
    label: str
    state: TradingStateName
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentFacts:
    """What the day's list, and the market, say of the order's instrument.

    `kind` is EQ, FUT, CE, PE or INDEX, empty when not known. `listed` is None while no list of the
    exchange is loaded. `segment` groups exchanges: EQUITY, DERIVATIVES, CURRENCY or COMMODITY.
    Circuits are the day's, where the plan tells them.
    """

    listed: bool | None = None
    kind: str = ""
    segment: str = ""
    underlying: str = ""
    of_index: bool = False
    expiry: date | None = None
    lot_size: int | None = None
    tick_size: Decimal | None = None
    freeze_quantity: int | None = None
    lower_circuit: Decimal | None = None
    upper_circuit: Decimal | None = None

    @property
    def is_option(self) -> bool:
        return self.kind in ("CE", "PE")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketFacts:
    """The segment's market at the snapshot's moment.

    `covered`: the calendar knows this day. `square_off_at`: when the broker closes intraday (MIS)
    positions of the instrument today; None when it does not, or not today. `no_new_entries_at`:
    from when the user wants no entries of the order's product. `state` is for people.
    """

    covered: bool = True
    open: bool = True
    state: str = ""
    square_off_at: datetime | None = None
    no_new_entries_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPosition:
    """One position, held or about to be: `quantity` is signed, the working ones are not.

    Working quantities are those of entries and exits that may still fill. `price` values one unit:
    the last price, else the average; None when neither is known.
    """

    exchange: str
    tradingsymbol: str
    product: Product
    underlying: str
    segment: str
    kind: str = ""
    quantity: int = 0
    working_buy: int = 0
    working_sell: int = 0
    price: Decimal | None = None
    multiplier: Decimal = Decimal(1)

    @property
    def key(self) -> str:
        return f"{self.exchange}:{self.tradingsymbol}|{self.product}"

    @property
    def instrument_key(self) -> str:
        return f"{self.exchange}:{self.tradingsymbol}"

    @property
    def longest(self) -> int:
        """The signed quantity if every working buy fills and no working sell does."""
        return self.quantity + self.working_buy

    @property
    def shortest(self) -> int:
        """The signed quantity if every working sell fills and no working buy does."""
        return self.quantity - self.working_sell


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingOrder:
    """Another order of the account that may still fill: SENDING, UNKNOWN or at the broker.

    `price` is its limit, else its trigger; None for MARKET. `value` is what is left of it.
    """

    order_id: int
    exchange: str
    tradingsymbol: str
    product: Product
    side: Side
    order_type: OrderType
    quantity: int
    price: Decimal | None
    value: Decimal | None
    reduce_only: bool
    strategy_id: int | None = None

    @property
    def instrument_key(self) -> str:
        return f"{self.exchange}:{self.tradingsymbol}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentOrder:
    """An order of the same strategy that was sent, or is on its way, within the longest window.

    `quantity` is what was asked for, before risk cut it.
    """

    order_id: int
    exchange: str
    tradingsymbol: str
    product: Product
    side: Side
    quantity: int
    automatic: bool
    at: datetime

    @property
    def instrument_key(self) -> str:
        return f"{self.exchange}:{self.tradingsymbol}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFacts:
    """The IST day of an account, or of one strategy on it. Money is rupees; None: not known.

    `orders` were sent today, `trades` are today's fills that opened or enlarged a position, one
    for each order. `losses_in_a_row` counts back from the last closed trade, whatever its day.
    """

    realised: Decimal | None = None
    unrealised: Decimal | None = None
    orders: int = 0
    trades: int = 0
    losses_in_a_row: int = 0

    @property
    def pnl(self) -> Decimal | None:
        if self.realised is None or self.unrealised is None:
            return None
        return self.realised + self.unrealised


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyFacts:
    """The order's strategy on this account.

    `capital`: rupees bound in what it has open or working, entries only; None when a price is
    missing. `entries`: orders that built the open position on the order's instrument.
    `last_exit_at`: when its last trade on the instrument was closed.
    """

    day: DayFacts = DayFacts()
    capital: Decimal | None = Decimal(0)
    entries: int = 0
    last_exit_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginFacts:
    """Rupees: what is free, what the order would take, what orders in flight will take.

    None: not known. `read_at`: when the free amount was read.
    """

    available: Decimal | None = None
    required: Decimal | None = None
    reserved: Decimal = Decimal(0)
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBreaker:
    """A breaker that is open for the order's account or strategy; `reason` is for people."""

    code: Code
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """The account, whatever the order. The order itself is in none of it.

    `doubt` says why what the broker shows of the order's instrument can't be trusted just now;
    empty when it can. `clock_skew` is ours less the broker's, in seconds; None when not known.
    `sent_today` counts against `orders_per_day`, the account's own limit.
    """

    positions: tuple[OpenPosition, ...] = ()
    working: tuple[WorkingOrder, ...] = ()
    day: DayFacts = DayFacts()
    margin: MarginFacts = MarginFacts()
    breakers: tuple[OpenBreaker, ...] = ()
    doubt: str = ""
    clock_skew: Decimal | None = None
    sent_today: int = 0
    orders_per_day: int | None = None
    has_prices: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The facts of one connection at `now`; nothing of another connection is in it.

    `position_quantity` is the signed net of this instrument and product. The working quantities
    are what is still open in other working or in-flight orders of the same instrument and product.
    `open_instruments` holds "EX:SYM|PRODUCT" of every position and every working entry order.
    `connection_simulated` says whether the connection is a paper one. `market_refusal` says why the
    order may not go while its market is closed; empty when it may. `recent` is of the order's
    strategy on this account, newest first, without the order itself. Scopes without an entry in
    `states` are ACTIVE.
    """

    now: datetime
    position_quantity: int
    holding_quantity: int = 0
    working_buy_quantity: int
    working_sell_quantity: int
    open_instruments: frozenset[str]
    last_price: Decimal | None
    last_price_at: datetime | None
    states: tuple[ScopeState, ...]
    session_ok: bool
    session_error: str
    unresolved_unknown: bool
    connection_simulated: bool
    market_refusal: str = ""
    instrument: InstrumentFacts = InstrumentFacts()
    market: MarketFacts = MarketFacts()
    account: AccountFacts = AccountFacts()
    strategy: StrategyFacts = StrategyFacts()
    recent: tuple[RecentOrder, ...] = ()


def net_held(intent: Intent, snapshot: Snapshot) -> int:
    """The signed quantity held; for delivery (CNC) the holdings can be sold too."""
    holdings = snapshot.holding_quantity if intent.product is Product.CNC else 0
    return snapshot.position_quantity + holdings


def left_to_close(intent: Intent, snapshot: Snapshot) -> int:
    """How many units the order may close, if every other working order on its side fills first."""
    held = net_held(intent, snapshot)
    if intent.side is Side.SELL:
        return max(0, held - snapshot.working_sell_quantity)
    return max(0, -held - snapshot.working_buy_quantity)


def only_shrinks(intent: Intent, snapshot: Snapshot, quantity: int) -> bool:
    """Whether the order can do nothing but bring the position nearer to flat.

    A reduce-only order does so by definition, as its own rule cuts it to what is left to close.
    """
    left = left_to_close(intent, snapshot)
    return left > 0 and (intent.reduce_only or quantity <= left)
