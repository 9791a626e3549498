"""The pace of reads: below the broker's limit, and in no order's way."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from brokers.errors import RateLimited
from brokers.simulator.clock import SimClock
from brokers.simulator.exchange import Exchange
from brokers.simulator.server import KiteSimulator
from brokers.zerodha.adapter import ZerodhaBroker
from brokers.zerodha.pace import Pace
from tests.brokers.zerodha.samples import an_order
from tests.support import kite
from trading.domain.values import Variety

READS = 14


@pytest.fixture
def simulator() -> Iterator[KiteSimulator]:
    """It counts requests as Kite does."""
    exchange = Exchange(SimClock(), user_id="SIM001", prices_move=False, always_open=True)
    with kite.simulator(exchange=exchange) as running:
        running.set_price("NSE", "INFY", Decimal(1500))
        yield running


def adapters(simulator: KiteSimulator, count: int, pace: float) -> list[ZerodhaBroker]:
    """As senders and the follower have them: each its own, of one app."""
    token = simulator.login()
    return [
        ZerodhaBroker(kite.API_KEY, token, simulator.root, 5.0, reads_per_second=pace)
        for _ in range(count)
    ]


def refused(broker: ZerodhaBroker) -> bool:
    try:
        broker.margins()
    except RateLimited:
        return True
    return False


def test_a_burst_of_reads_stays_below_the_brokers_limit(simulator):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(refused, adapters(simulator, READS, pace=7)))
    assert found == [False] * READS


def test_without_a_pace_the_broker_refuses_some(simulator):
    assert any(refused(broker) for broker in adapters(simulator, 30, pace=0))


def test_an_order_and_its_cancel_wait_for_no_read(simulator):
    broker, *others = adapters(simulator, 6, pace=0.5)
    readers = [threading.Thread(target=refused, args=(one,)) for one in others]
    for reader in readers:
        reader.start()
    begun = time.monotonic()
    number = broker.place(an_order(price=Decimal(1400))).order_id
    broker.cancel(number, variety=Variety.REGULAR)
    assert time.monotonic() - begun < 1
    assert any(reader.is_alive() for reader in readers)
    for reader in readers:
        reader.join()


def test_no_read_waits_for_ever():
    pace = Pace(0.01)
    begun = time.monotonic()
    for _ in range(3):
        pace.wait()
    assert time.monotonic() - begun < 3


def test_reads_that_keep_the_pace_by_themselves_do_not_wait():
    pace = Pace(0.5)
    begun = time.monotonic()
    pace.wait()
    pace.wait()
    assert time.monotonic() - begun < 1
