"""What a replay is given: orders of the past, their accounts, and what was open before. Pure."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from risk.engine.snapshot import InstrumentFacts, Intent, MarketFacts
from trading.domain.values import InstrumentKey, OrderType, Product


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountKey:
    """Which account an order was for; `orders_per_day` is the account's own limit."""

    connection_id: int
    name: str
    kind: str
    simulated: bool
    orders_per_day: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastOrder:
    """An order that an alert asked for at `at`, and what was known around it.

    `closes_all`: an exit without a quantity of its own, which takes what is open. `alert_id`, or
    the `line` of a file, says where it is from; `order_id` is the order that was made.
    """

    at: datetime
    intent: Intent
    account: AccountKey
    instrument: InstrumentFacts
    market: MarketFacts
    market_refusal: str = ""
    closes_all: bool = False
    alert_id: int | None = None
    order_id: int | None = None
    line: int | None = None

    @property
    def key(self) -> InstrumentKey:
        return InstrumentKey(self.intent.exchange, self.intent.tradingsymbol)

    @property
    def own_price(self) -> Decimal | None:
        """What it would fill at: its limit or trigger, else the price that its alert saw."""
        if self.intent.order_type.needs_price:
            return self.intent.price
        if self.intent.order_type is OrderType.SL_M:
            return self.intent.trigger_price
        return self.intent.reference_price


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningLot:
    """Units that were open before the first order: signed, at what they cost."""

    connection_id: int
    key: InstrumentKey
    product: Product
    quantity: int
    price: Decimal
    multiplier: Decimal = Decimal(1)
    strategy_id: int | None = None
