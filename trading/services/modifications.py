"""Sending a modification that was asked, and writing what came of it."""

import logging
from collections.abc import Mapping
from copy import copy
from decimal import Decimal
from typing import Any

from brokers.errors import BrokerError, NotSent, Refused, SessionExpired
from brokers.models import BrokerConnection
from brokers.port import Broker
from risk import policy
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.values import OrderType, TradingStateName, Validity, Variety
from trading.models import Order
from trading.services import lifecycle, limiter, updates
from trading.services.errors import Conflict
from trading.services.exposure import adds_exposure

logger = logging.getLogger(__name__)


def _values(asked: dict[str, Any]) -> dict[str, Any]:
    """The stored wish in the port's types."""
    values: dict[str, Any] = {}
    for name, value in asked.items():
        if name == "qty":
            values["quantity"] = int(value)
        elif name == "order_type":
            values[name] = OrderType(value)
        elif name == "validity":
            values[name] = Validity(value)
        else:
            values[name] = None if value is None else Decimal(str(value))
    return values


def _row_changes(asked: dict[str, Any]) -> dict[str, Any]:
    values = _values(asked)
    if "quantity" in values:
        values["qty"] = values.pop("quantity")
    return values


def as_changed(order: Order, changes: Mapping[str, Any]) -> Order:
    """`order` with `changes`, as risk judges it: never saved.

    What is filled is in the position already, and a larger order is judged as a whole.
    """
    changed = copy(order)
    for name, value in changes.items():
        setattr(changed, name, value)
    if changed.qty <= order.qty or order.reduce_only:
        changed.qty -= order.filled_qty
    return changed


def send(order: Order, broker: Broker) -> None:
    """Ask the broker for the modification that `order` carries. The book is read afterwards.

    While HALTED it waits. While REDUCING it is dropped, unless the order can only shrink a
    position, or becomes smaller and nothing else.
    """
    asked = order.modification or {}
    with write_transaction():
        accounts = BrokerConnection.objects.select_for_update(no_key=True)
        account = accounts.get(pk=order.connection_id)
        if policy.is_halted(account.pk, order.strategy_id):
            return
        if dropped := _only_exits_go(order, _row_changes(asked)):
            _settle(order, {}, dropped)
            return
        if not limiter.take(account, clock.now(), headroom=limiter.CHANGES):
            return
    try:
        broker.modify(order.broker_order_id, variety=Variety(order.variety), **_values(asked))
    except SessionExpired:
        raise
    except NotSent as error:
        logger.info("modification of order %s not sent yet: %s", order.pk, error.message)
        return
    except Refused as error:
        _settle(order, {}, f"The modification was refused: {error.message}")
    except BrokerError as error:
        # Unclear: the book decides; what it shows is taken over by updates.
        _settle(order, {}, f"The modification's outcome is unclear: {error.message}")
    else:
        _settle(order, _row_changes(asked), "modified at the broker")
    updates.refresh(order, broker)


def _only_exits_go(order: Order, changes: Mapping[str, Any]) -> str:
    """Why the change may not go while a state is REDUCING; empty when it may."""
    becomes_smaller = set(changes) == {"qty"} and changes["qty"] <= order.qty
    for state in policy.states_for(order.connection_id, order.strategy_id):
        if state.state is TradingStateName.REDUCING and not becomes_smaller:
            if not adds_exposure(as_changed(order, changes)):
                return ""
            why = f"only exits are sent ({state.label}): {state.reason}".rstrip(": ")
            return f"The modification was not sent: {why}"
    return ""


def _settle(order: Order, changes: dict[str, Any], reason: str) -> None:
    message = {"error_message": "" if changes else reason}
    try:
        lifecycle.amend(
            order,
            {**changes, **message, "modification": None},
            actor=updates.BROKER,
            reason=reason,
        )
    except Conflict:
        logger.info("order %s moved on while it was being modified", order.pk)
