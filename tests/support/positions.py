"""Positions for tests of exits: ours, the broker's, and orders that work on them."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from brokers.models import AccountPosition, BrokerConnection
from brokers.registry import capabilities_of
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, make_order
from trading.domain.order import Status
from trading.models import Instrument, Order, Position
from trading.services import exits, lifecycle


def able_account(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> BrokerConnection:
    """A live account that is logged in and holds two-leg triggers."""
    monkeypatch.setattr("brokers.accounts.is_available", lambda connection: True)
    account: BrokerConnection = BrokerConnectionFactory(**fields)
    able = replace(capabilities_of(account), triggers=True, two_leg=True)
    monkeypatch.setattr(
        exits, "capabilities_of", lambda one: able if one.pk == account.pk else capabilities_of(one)
    )
    return account


def ours(account: BrokerConnection, qty: int, **fields: Any) -> Position:
    values = {
        "connection": account,
        "exchange": "NSE",
        "symbol": "INFY",
        "product": "MIS",
        "qty": qty,
        "avg_price": Decimal(1500),
        "last_updated": clock.now(),
    }
    return Position.objects.create(**values | fields)


def theirs(account: BrokerConnection, quantity: int, **fields: Any) -> AccountPosition:
    values = {
        "connection": account,
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "product": "MIS",
        "quantity": quantity,
        "average_price": Decimal(1500),
        "last_price": Decimal(1510),
        "read_at": clock.now(),
    }
    return AccountPosition.objects.create(**values | fields)


def listed(**fields: Any) -> None:
    values = {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "search_key": "INFY",
        "lot_size": 1,
        "tick_size": Decimal("0.05"),
        "listed_on": date(2026, 11, 23),
    }
    Instrument.objects.create(**values | fields)


def working(account: BrokerConnection, status: Status = Status.SENT, **fields: Any) -> Order:
    """An order that a worker has sent."""
    order = make_order(Status.QUEUED, connection=account, **fields)
    lifecycle.transition(order, Status.SENDING, actor="worker")
    changes = {"broker_order_id": f"B{order.pk}"} if status is not Status.UNKNOWN else {}
    return lifecycle.walk(order, status, actor="worker", changes=changes)
