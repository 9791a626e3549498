"""Sending a modification that was asked, and writing what came of it."""

import logging
from decimal import Decimal
from typing import Any

from brokers.errors import BrokerError, NotSent, Refused, SessionExpired
from brokers.models import BrokerConnection
from brokers.port import Broker
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.values import OrderType, Validity, Variety
from trading.models import Order
from trading.services import lifecycle, limiter, updates
from trading.services.errors import Conflict

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


def send(order: Order, broker: Broker) -> None:
    """Ask the broker for the modification that `order` carries. The book is read afterwards."""
    asked = order.modification or {}
    with write_transaction():
        accounts = BrokerConnection.objects.select_for_update(no_key=True)
        account = accounts.get(pk=order.connection_id)
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
