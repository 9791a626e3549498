"""An adapter whose Zerodha is a scripted server."""

from collections.abc import Iterator

import pytest

from brokers.zerodha.adapter import ZerodhaBroker
from tests.brokers.zerodha.samples import API_KEY, TOKEN
from tests.brokers.zerodha.stub import Stub


@pytest.fixture
def stub() -> Iterator[Stub]:
    running = Stub()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def broker(stub: Stub) -> ZerodhaBroker:
    return ZerodhaBroker(API_KEY, TOKEN, stub.root, timeout=0.5)
