"""One order of the simulated broker: its state, its history and the rows that Kite shows of it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from brokers.simulator.listing import Instrument
from brokers.simulator.portfolio import Movement

RECEIVED = "PUT ORDER REQ RECEIVED"
VALIDATING = "VALIDATION PENDING"
OPEN_PENDING = "OPEN PENDING"
OPEN = "OPEN"
TRIGGER_PENDING = "TRIGGER PENDING"
AMO_RECEIVED = "AMO REQ RECEIVED"
AMO_MODIFIED = "MODIFY AMO REQ RECEIVED"
MODIFY_VALIDATING = "MODIFY VALIDATION PENDING"
MODIFY_PENDING = "MODIFY PENDING"
MODIFIED = "MODIFIED"
NOT_MODIFIED = "NOT MODIFIED"
CANCEL_PENDING = "CANCEL PENDING"
COMPLETE = "COMPLETE"
CANCELLED = "CANCELLED"
CANCELLED_AMO = "CANCELLED AMO"
REJECTED = "REJECTED"

PARKED = frozenset({AMO_RECEIVED, AMO_MODIFIED})
UNSENT = frozenset({RECEIVED, VALIDATING, OPEN_PENDING}) | PARKED
ENDED = frozenset({COMPLETE, CANCELLED, CANCELLED_AMO, REJECTED})

KITE_TIME = "%Y-%m-%d %H:%M:%S"


@dataclass
class Trade:
    """One fill. `price` may be corrected later by the broker."""

    trade_id: str
    order: "Order"
    movement: Movement
    quantity: int
    price: Decimal
    at: datetime

    def row(self) -> dict[str, Any]:
        order = self.order
        return {
            "trade_id": self.trade_id,
            "order_id": order.order_id,
            "exchange": order.instrument.exchange,
            "tradingsymbol": order.instrument.tradingsymbol,
            "instrument_token": order.instrument.token,
            "product": order.product,
            "average_price": float(self.price),
            "quantity": self.quantity,
            "exchange_order_id": order.exchange_order_id,
            "transaction_type": order.side,
            "fill_timestamp": self.at.strftime(KITE_TIME),
            "order_timestamp": self.at.strftime("%H:%M:%S"),
            "exchange_timestamp": self.at.strftime(KITE_TIME),
        }


@dataclass
class Terms:
    """What a modification may change."""

    order_type: str
    quantity: int
    price: Decimal
    trigger_price: Decimal
    validity: str
    validity_ttl: int
    disclosed_quantity: int
    market_protection: Decimal


@dataclass
class Order:
    """An order and what the exchange knows of it."""

    order_id: str
    source: str
    variety: str
    instrument: Instrument
    side: str
    product: str
    terms: Terms
    tag: str | None
    placed_by: str
    placed_at: datetime
    placed_monotonic: float
    status: str = RECEIVED
    message: str | None = None
    message_raw: str | None = None
    exchange_order_id: str | None = None
    registered_at: datetime | None = None
    filled: int = 0
    steps: list[str] = field(default_factory=list)
    step_due: datetime | None = None
    wanted: Terms | None = None
    triggered: bool = False
    extra_tags: list[str] = field(default_factory=list)
    modifications: int = 0
    trades: list[Trade] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    fill_cap: int | None = None
    cap_lifts_at: int = 0
    cancel_after_fill: bool = False
    reject_with: str | None = None
    fills_on_cancel: bool = False
    fills_late: float | None = None
    from_market: bool = False
    met_at: int = -1
    met_quantity: int = 0
    fresh: bool = True

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def at_exchange(self) -> bool:
        """Registered at the exchange and not ended, whatever request is under way."""
        return self.exchange_order_id is not None and not self.ended

    @property
    def remaining(self) -> int:
        return self.terms.quantity - self.filled

    @property
    def waits_for_trigger(self) -> bool:
        return self.terms.order_type in {"SL", "SL-M"} and not self.triggered

    @property
    def average(self) -> Decimal:
        """Average price of the fills; 0 without one."""
        if not self.filled:
            return Decimal(0)
        return sum((t.price * t.quantity for t in self.trades), Decimal(0)) / self.filled

    @property
    def ttl_ends_at(self) -> datetime | None:
        if self.terms.validity != "TTL":
            return None
        return self.placed_at + timedelta(minutes=self.terms.validity_ttl)

    def move(self, status: str, at: datetime) -> None:
        """Enter `status` and note it in the history."""
        self.status = status
        self.history.append(self._row(at))

    def note(self, at: datetime) -> None:
        """Another row of history in the same status: a fill, or a corrected price."""
        self.history.append(self._row(at))

    def _row(self, at: datetime) -> dict[str, Any]:
        terms, instrument = self.terms, self.instrument
        open_quantity = 0 if self.status == COMPLETE else self.remaining
        cancelled = self.remaining if self.status in {CANCELLED, CANCELLED_AMO} else 0
        registered = self.registered_at and self.registered_at.strftime(KITE_TIME)
        row: dict[str, Any] = {
            "placed_by": self.placed_by,
            "order_id": self.order_id,
            "exchange_order_id": self.exchange_order_id,
            "parent_order_id": None,
            "status": self.status,
            "status_message": self.message,
            "status_message_raw": self.message_raw,
            "order_timestamp": self.placed_at.strftime(KITE_TIME),
            "exchange_update_timestamp": at.strftime(KITE_TIME) if registered else None,
            "exchange_timestamp": registered,
            "variety": self.variety,
            "modified": self.modifications > 0,
            "exchange": instrument.exchange,
            "tradingsymbol": instrument.tradingsymbol,
            "instrument_token": instrument.token,
            "order_type": terms.order_type,
            "transaction_type": self.side,
            "validity": terms.validity,
            "validity_ttl": terms.validity_ttl,
            "product": self.product,
            "quantity": terms.quantity,
            "disclosed_quantity": terms.disclosed_quantity,
            "price": float(terms.price),
            "trigger_price": float(terms.trigger_price),
            "average_price": float(self.average),
            "filled_quantity": self.filled,
            "pending_quantity": open_quantity,
            "cancelled_quantity": cancelled,
            "market_protection": _number(terms.market_protection),
            "meta": {},
            "tag": self.tag,
            "guid": f"{int(self.order_id) % 100_000}X{instrument.exchange_token}",
        }
        tags = [*([self.tag] if self.tag else []), *self.extra_tags]
        if tags:
            row["tags"] = tags
        return row


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)
