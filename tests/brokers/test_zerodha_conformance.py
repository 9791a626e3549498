"""Zerodha, over HTTP to the Kite simulator, keeps the promises that every broker must."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import pytest

from brokers.simulator.clock import SimClock
from brokers.simulator.exchange import Exchange
from brokers.simulator.server import KiteSimulator
from brokers.zerodha.adapter import ZerodhaBroker
from tests.brokers.conformance import *  # noqa: F403
from tests.brokers.conformance import KEY, Venue
from tests.support import kite


@dataclass
class KiteMarket:
    """Moves the market of the simulator."""

    simulator: KiteSimulator

    def trade_at(self, price: str) -> None:
        self.simulator.set_price(KEY.exchange, KEY.tradingsymbol, Decimal(price))

    def limit_depth(self, units: int) -> None:
        self.simulator.exchange.limit_depth(units)

    def end_day(self) -> None:
        self.simulator.exchange.end_day()


@pytest.fixture
def venue() -> Iterator[Venue]:
    """A new account at a simulator where prices stand still until a test moves them."""
    exchange = Exchange(SimClock(), user_id="SIM001", prices_move=False, always_open=True)
    with kite.simulator(exchange=exchange, rate_limits=False) as simulator:
        broker = ZerodhaBroker(kite.API_KEY, simulator.login(), simulator.root, timeout=5)
        market = KiteMarket(simulator)
        market.trade_at("1500")
        yield Venue(broker, market)
