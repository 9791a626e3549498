"""A simulator of Kite and an account that may log in there."""

import pytest

from brokers.models import BrokerConnection
from tests.support.kite import simulator
from tests.support.logins import connect_to


@pytest.fixture
def kite():
    with simulator(rate_limits=False) as running:
        yield running


@pytest.fixture
def account(db, kite) -> BrokerConnection:
    return connect_to(kite)
