"""The clock stands at noon of a trading day; a real account was read a second ago."""

from datetime import timedelta
from decimal import Decimal

import pytest

from brokers.models import AccountState, BrokerConnection
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory
from tests.support.snapshots import NOW


@pytest.fixture(autouse=True)
def _noon():
    clock.use(lambda: NOW)
    yield
    clock.use(None)


@pytest.fixture
def live() -> BrokerConnection:
    """A real account whose broker was read a second ago."""
    account = BrokerConnectionFactory()
    read_at = NOW - timedelta(seconds=1)
    AccountState.objects.create(
        connection=account,
        book_read_at=read_at,
        positions_read_at=read_at,
        holdings_read_at=read_at,
        funds_read_at=read_at,
        available=Decimal(50_000),
    )
    return account
