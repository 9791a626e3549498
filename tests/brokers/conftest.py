"""A paper account with play money, a market to move, and a clock to set."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from brokers.models import BrokerConnection, PaperAccount
from brokers.paper.adapter import PaperBroker
from brokers.prices import record_price
from sigmatrader import clock as the_clock
from tests.brokers.conformance import KEY, Venue

# A Monday on which every exchange trades; 10:30 IST.
MONDAY = datetime(2026, 11, 16, 5, 0, tzinfo=UTC)


@dataclass
class Clock:
    """The application's clock, standing still until it is moved."""

    now: datetime = MONDAY

    def move(self, **amount: float) -> datetime:
        self.now += timedelta(**amount)
        return self.now


@pytest.fixture
def clock() -> Iterator[Clock]:
    standing = Clock()
    the_clock.use(lambda: standing.now)
    yield standing
    the_clock.use(None)


@dataclass
class PaperMarket:
    """Moves the prices and the time that a paper account sees."""

    broker: PaperBroker
    account: PaperAccount
    clock: Clock

    def trade_at(self, price: str, symbol: str = KEY.tradingsymbol, source: str = "broker") -> None:
        now = self.clock.move(seconds=1)
        record_price(KEY.exchange, symbol, Decimal(price), now, source)
        self.broker.advance(now)

    def limit_depth(self, units: int) -> None:
        self.set(fill_depth=units)

    def end_day(self) -> None:
        self.broker.advance(self.clock.move(days=1))

    def set(self, **fields: object) -> None:
        """Change the account's settings."""
        PaperAccount.objects.filter(pk=self.account.pk).update(**fields)


@pytest.fixture
def connection(db: None, clock: Clock) -> BrokerConnection:
    return BrokerConnection.objects.create(name="paper")


@pytest.fixture
def venue(connection: BrokerConnection, clock: Clock) -> Venue:
    """A paper account in whose market KEY last traded at 1500."""
    account = PaperAccount.objects.create(connection=connection)
    market = PaperMarket(PaperBroker(connection), account, clock)
    market.trade_at("1500")
    return Venue(market.broker, market)


@pytest.fixture
def broker(venue: Venue) -> PaperBroker:
    assert isinstance(venue.broker, PaperBroker)
    return venue.broker


@pytest.fixture
def market(venue: Venue) -> PaperMarket:
    assert isinstance(venue.market, PaperMarket)
    return venue.market
