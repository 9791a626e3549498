"""Good-till-triggered orders: conditions that the broker watches, and what becomes of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from brokers.simulator.book import KITE_TIME
from brokers.simulator.errors import KiteError, input_error
from brokers.simulator.listing import Instrument
from brokers.simulator.market import Market

ACTIVE = "active"
ENDINGS = frozenset({"triggered", "disabled", "expired", "cancelled", "rejected", "deleted"})
_VALID_FOR = timedelta(days=365)
_SHOWN_FOR = timedelta(days=7)
_LEG_FIELDS = ("transaction_type", "quantity", "order_type", "product", "price")


@dataclass
class Leg:
    """One order that waits; `result` tells what happened when it fired."""

    side: str
    quantity: int
    product: str
    price: Decimal
    order_type: str = "LIMIT"
    order_id: str = ""
    result: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a trigger is made of: the condition and its legs, one or two."""

    kind: str
    instrument: Instrument
    values: tuple[Decimal, ...]
    last: Decimal
    legs: tuple[Leg, ...]


@dataclass
class Trigger:
    """A plan that the broker keeps."""

    trigger_id: int
    user_id: str
    plan: Plan
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    status: str = ACTIVE
    fired: list[Leg] = field(default_factory=list)

    def reached(self, last: Decimal) -> int | None:
        """The number of the leg that fires at `last`; None while none does."""
        values = self.plan.values
        if self.plan.kind == "two-leg":
            if last <= values[0]:
                return 0
            return 1 if last >= values[1] else None
        above = values[0] > self.plan.last
        return 0 if (last >= values[0] if above else last <= values[0]) else None

    def end(self, status: str, at: datetime) -> None:
        self.status, self.updated_at = status, at

    def shown(self, at: datetime) -> bool:
        """Lists show active triggers and those that ended within the last week."""
        return self.status == ACTIVE or at - self.updated_at <= _SHOWN_FOR

    def row(self) -> dict[str, Any]:
        instrument = self.plan.instrument
        return {
            "id": self.trigger_id,
            "user_id": self.user_id,
            "parent_trigger": None,
            "type": self.plan.kind,
            "created_at": self.created_at.strftime(KITE_TIME),
            "updated_at": self.updated_at.strftime(KITE_TIME),
            "expires_at": self.expires_at.strftime(KITE_TIME),
            "status": self.status,
            "condition": {
                "exchange": instrument.exchange,
                "last_price": float(self.plan.last),
                "tradingsymbol": instrument.tradingsymbol,
                "trigger_values": [float(value) for value in self.plan.values],
                "instrument_token": instrument.token,
            },
            "orders": [self._leg_row(leg) for leg in self.plan.legs],
            "meta": {},
        }

    def _leg_row(self, leg: Leg) -> dict[str, Any]:
        return {
            "exchange": self.plan.instrument.exchange,
            "tradingsymbol": self.plan.instrument.tradingsymbol,
            "product": leg.product,
            "order_type": leg.order_type,
            "transaction_type": leg.side,
            "quantity": leg.quantity,
            "price": float(leg.price),
            "result": leg.result and {**leg.result, "order_result": {**leg.result["order_result"]}},
        }

    def settle(self, leg: Leg, at: datetime, order_id: str, reason: str) -> None:
        """Note what the fired leg led to: an order, or with `reason` a failure."""
        instrument = self.plan.instrument
        leg.order_id = order_id
        leg.result = {
            "account_id": self.user_id,
            "exchange": instrument.exchange,
            "tradingsymbol": instrument.tradingsymbol,
            "validity": "DAY",
            "product": leg.product,
            "order_type": leg.order_type,
            "transaction_type": leg.side,
            "quantity": leg.quantity,
            "price": float(leg.price),
            "meta": json.dumps({"gtt": self.trigger_id}),
            "timestamp": at.strftime(KITE_TIME),
            "order_result": {
                "status": "failed" if reason else "success",
                "order_id": order_id,
                "rejection_reason": reason,
            },
        }


def new_trigger(trigger_id: int, user_id: str, plan: Plan, at: datetime) -> Trigger:
    return Trigger(trigger_id, user_id, plan, at, at, at + _VALID_FOR)


def read_plan(params: Mapping[str, str], market: Market) -> Plan:
    """The form of `/gtt/triggers`: `type`, and `condition` and `orders` as JSON texts."""
    kind = params.get("type") or ""
    legs_wanted = {"single": 1, "two-leg": 2}.get(kind)
    if legs_wanted is None:
        raise input_error("Invalid `type`: use single or two-leg.")
    condition = _json(params, "condition", dict)
    rows = _json(params, "orders", list)
    instrument = _instrument(condition, market)
    raw_values = condition.get("trigger_values")
    if not isinstance(raw_values, list) or len(raw_values) != legs_wanted:
        raise input_error(f"Invalid `trigger_values`: {kind} takes {legs_wanted}.")
    if len(rows) != legs_wanted:
        raise input_error(f"Invalid `orders`: {kind} takes {legs_wanted}.")
    values = tuple(_price(value, "trigger_values", instrument) for value in raw_values)
    last = _number(condition.get("last_price"), "last_price")
    legs = tuple(_leg(row, instrument) for row in rows)
    _check_values(kind, values, last, market.last(instrument))
    return Plan(kind, instrument, values, last, legs)


def _check_values(kind: str, values: tuple[Decimal, ...], last: Decimal, now: Decimal) -> None:
    if kind == "two-leg":
        if not values[0] < last < values[1] or not values[0] < now < values[1]:
            raise input_error(
                "Invalid `trigger_values`: the first must lie below the last price, the second "
                "above it."
            )
        return
    if values[0] == last or (values[0] > last) != (values[0] > now) or values[0] == now:
        raise input_error("Trigger already met: the trigger value must differ from the last price.")


def _leg(row: Any, instrument: Instrument) -> Leg:
    if not isinstance(row, dict) or any(name not in row for name in _LEG_FIELDS):
        raise input_error(f"Invalid `orders`: each needs {', '.join(_LEG_FIELDS)}.")
    if row["transaction_type"] not in ("BUY", "SELL"):
        raise input_error("Invalid `transaction_type` in `orders`.")
    if row["order_type"] != "LIMIT":
        raise input_error("Invalid `order_type` in `orders`: triggers place LIMIT orders only.")
    quantity = _number(row["quantity"], "quantity")
    if quantity != quantity.to_integral_value() or quantity % instrument.lot_size:
        raise input_error(
            f"Invalid `quantity` in `orders`: use multiples of {instrument.lot_size}."
        )
    allowed = ("CNC", "MTF") if instrument.is_equity else ("NRML",)
    if row["product"] not in allowed:
        raise input_error(f"Invalid `product` in `orders`: use {' or '.join(allowed)}.")
    price = _price(row["price"], "price", instrument)
    return Leg(row["transaction_type"], int(quantity), row["product"], price)


def _instrument(condition: Mapping[str, Any], market: Market) -> Instrument:
    key = f"{condition.get('exchange')}:{condition.get('tradingsymbol')}"
    instrument = market.listing.find(key)
    if instrument is None or instrument.is_index:
        raise input_error(f"The instrument {key} does not exist or has expired.")
    return instrument


def _price(value: Any, name: str, instrument: Instrument) -> Decimal:
    price = _number(value, name)
    if price % instrument.tick_size:
        raise input_error(f"Invalid `{name}`: the tick size is {instrument.tick_size}.")
    return price


def _number(value: Any, name: str) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise _bad(name) from None
    if isinstance(value, bool) or not number.is_finite() or not 0 < number < 10**12:
        raise _bad(name)
    return number


def _bad(name: str) -> KiteError:
    return input_error(f"Missing or invalid `{name}`: it must be a number above 0.")


def _json(params: Mapping[str, str], name: str, kind: type) -> Any:
    try:
        value = json.loads(params.get(name) or "")
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, kind):
        raise input_error(f"Missing or invalid `{name}`: it must be a JSON text.")
    return value
