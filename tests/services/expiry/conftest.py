"""The morning of the last day, and a listed call."""

from collections.abc import Iterator

import pytest

from sigmatrader import clock
from tests.support.expiring import CALL, MORNING, Time, contract


@pytest.fixture(autouse=True)
def moment() -> Iterator[None]:
    Time.now = MORNING
    clock.use(lambda: Time.now)
    yield
    clock.use(None)


@pytest.fixture
def call() -> None:
    contract(CALL, "CE", "26000")
