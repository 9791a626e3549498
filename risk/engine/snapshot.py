"""What risk is handed: the order as it stands, and the facts around it at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trading.domain.values import (
    ExecutionTarget,
    Mode,
    OrderType,
    Product,
    Side,
    StateScope,
    TradingStateName,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """The order to be judged.

    `quantity` is in units (not lots), prices are rupees a unit, `multiplier` is the money value of
    one unit at a price of 1. `reference_price` is the price that the alert carried.
    `strategy_target` is the strategy's target now; None for an order without a strategy.
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

    @property
    def position_key(self) -> str:
        """The position that the order works on, as `Snapshot.open_instruments` writes it."""
        return f"{self.exchange}:{self.tradingsymbol}|{self.product}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeState:
    """The trading state of one scope; `label` names it: "everything", "account zerodha"."""

    scope: StateScope
    label: str
    state: TradingStateName
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The facts of one connection at `now`; nothing of another connection is in it.

    `position_quantity` is the signed net of this instrument and product. The working quantities
    are what is still open in other working or in-flight orders of the same instrument and product.
    `open_instruments` holds "EX:SYM|PRODUCT" of every position and every working entry order.
    `connection_simulated` says whether the connection is a paper one. `market_refusal` says why the
    order may not go while its market is closed; empty when it may. Scopes without an entry in
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
