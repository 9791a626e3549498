"""An alert's symbol becomes the broker's instrument on the order, or waits for a person."""

from datetime import date
from decimal import Decimal

import pytest

from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, StrategyFactory
from tests.webhook.conftest import alert
from trading.domain.session import trading_day
from trading.domain.symbols import search_key
from trading.models import Instrument, InstrumentLoad, Order, SymbolOverride

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.db_backends,
    pytest.mark.usefixtures("contract_rules"),
]

EXPIRY = date(2099, 12, 29)


def add(exchange, tradingsymbol, **fields):
    values = {"name": tradingsymbol, "instrument_type": "EQ", "segment": exchange} | fields
    return Instrument.objects.create(
        exchange=exchange,
        tradingsymbol=tradingsymbol,
        search_key=search_key(tradingsymbol),
        listed_on=trading_day(clock.now()),
        **values,
    )


@pytest.fixture
def market():
    add("NSE", "M&M")
    add("NSE", "NIFTY 50", segment="INDICES")
    contract = {"name": "NIFTY", "instrument_type": "FUT", "expiry": EXPIRY, "lot_size": 65}
    add("NFO", "NIFTY99DECFUT", **contract)
    add("MCX", "GOLD99DECFUT", name="GOLD", instrument_type="FUT", expiry=EXPIRY)


def order_of(post, symbol, **fields):
    response = post(alert(symbol=symbol, **fields))
    assert response.status_code == 201, response.content
    return Order.objects.get(pk=response.json()["order_id"])


def whole_list():
    now = clock.now()
    return InstrumentLoad.objects.create(
        started_at=now, finished_at=now, listed_on=trading_day(now), rows=1
    )


@pytest.fixture
def auto():
    return StrategyFactory(name="supertrend", execution_mode="AUTO")


@pytest.fixture
def live_auto():
    return StrategyFactory(
        name="supertrend",
        execution_mode="AUTO",
        execution_target="LIVE",
        connection=BrokerConnectionFactory(),
    )


def test_the_order_goes_under_the_brokers_name_and_shows_the_alerts(ready, post, market, auto):
    order = order_of(post, "NSE:M_M")
    assert (order.symbol, order.exchange, order.tradingsymbol) == ("NSE:M_M", "NSE", "M&M")
    assert order.status == "QUEUED"


def test_a_future_goes_to_its_own_exchange_in_lots(ready, post, market, auto):
    auto.continuous_futures = True
    auto.save()
    order = order_of(post, "NSE:NIFTY1!")
    assert (order.exchange, order.tradingsymbol, order.lot_size) == ("NFO", "NIFTY99DECFUT", 65)
    assert order.status == "QUEUED"


def test_a_commodity_is_worth_its_multiplier(ready, post, market, auto):
    order = order_of(post, "MCX:GOLDZ2099")
    assert (order.tradingsymbol, order.multiplier) == ("GOLD99DECFUT", Decimal(100))


@pytest.mark.parametrize(
    ("symbol", "words"),
    [
        ("NSE:NIFTY", "is an index and can't be traded"),
        ("NSE:NIFTY1!", "is a chart over many futures"),
        ("NSE:NOSUCH", "is not in the instrument list"),
        ("NSEIX:NIFTY1!", "trades at GIFT City"),
    ],
)
def test_what_is_not_clear_waits_also_for_an_auto_strategy(
    ready, post, market, auto, symbol, words
):
    order = order_of(post, symbol)
    assert (order.status, order.mode) == ("WAITING", "MANUAL")
    assert words in order.set_aside_reason


def test_an_override_makes_a_foreign_symbol_automatic(ready, post, market, auto):
    SymbolOverride.objects.create(
        source_exchange="NSEIX",
        source_symbol="NIFTY1!",
        exchange="NFO",
        tradingsymbol="NIFTY99DECFUT",
    )
    order = order_of(post, "NSEIX:NIFTY1!")
    assert (order.status, order.exchange, order.tradingsymbol) == ("QUEUED", "NFO", "NIFTY99DECFUT")


def test_no_live_order_is_automatic_without_todays_list(ready, post, market, live_auto):
    order = order_of(post, "NSE:M_M")
    assert order.status == "WAITING"
    assert "Today's instrument list is not loaded" in order.set_aside_reason


def test_a_live_order_is_automatic_with_todays_list(ready, post, market, live_auto):
    whole_list()
    assert order_of(post, "NSE:M_M").status == "QUEUED"


def test_a_live_order_without_any_list_says_so_once(ready, post, live_auto):
    order = order_of(post, "NSE:M_M")
    assert order.set_aside_reason.count("list") == 1
    assert "No instrument list is loaded, so NSE:M_M can't be checked" in order.set_aside_reason
