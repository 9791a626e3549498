"""A simulator of Kite, and a clock to set."""

from datetime import UTC, datetime, timedelta

import pytest

from sigmatrader import clock
from tests.support.kite import simulator


@pytest.fixture
def kite():
    with simulator(rate_limits=False) as running:
        yield running


@pytest.fixture
def at():
    """`at(day, hour)`: the application's clock stands there (IST)."""

    def stand(day: datetime, hour: float) -> datetime:
        moment = (day + timedelta(hours=hour)).astimezone(UTC)
        clock.use(lambda: moment)
        return moment

    yield stand
    clock.use(None)
