"""How many units an alert's order has when its strategy sizes by itself, and its prices' ticks."""

from decimal import Decimal

import pytest

from sigmatrader import clock
from tests.factories import StrategyFactory
from tests.webhook.conftest import alert
from trading.domain.session import trading_day
from trading.models import Instrument, Order

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends, pytest.mark.usefixtures("ready")]


@pytest.fixture
def order_of(post):
    def send(details=None, **fields):
        given = {"order_action": "BUY", "quantity": 10, "price": 1500} | (details or {})
        response = post(alert(trade_details=given, **fields))
        assert response.status_code == 201, response.content
        return Order.objects.get(pk=response.json()["order_id"])

    return send


def listed(tradingsymbol="INFY", **fields):
    return Instrument.objects.create(
        exchange="NSE",
        tradingsymbol=tradingsymbol,
        search_key=tradingsymbol,
        listed_on=trading_day(clock.now()),
        **fields,
    )


def strategy(**fields):
    return StrategyFactory(name="supertrend", execution_mode="AUTO", **fields)


def test_risk_per_trade_is_divided_by_the_way_to_the_alerts_stop(order_of):
    strategy(sizing_mode="RISK", sizing_value=Decimal(2000))
    order = order_of(hints={"stop_price": 1480})
    assert (order.qty, order.status) == (100, "QUEUED")
    assert "Quantity 100 by sizing RISK: ₹2,000.00 risked at ₹20.00 a unit." in order.warnings


@pytest.mark.parametrize(
    ("hints", "missing"),
    [
        ({}, "a stop in the alert"),
        ({"stop_price": 1520}, "a stop in the alert"),  # above a BUY's price: no stop
    ],
)
def test_risk_per_trade_without_a_stop_waits_for_a_person(order_of, hints, missing):
    strategy(sizing_mode="RISK", sizing_value=Decimal(2000))
    order = order_of(hints=hints)
    assert (order.status, order.mode, order.needs_quantity) == ("WAITING", "MANUAL", True)
    assert f"Sizing RISK needs {missing}: fill in the quantity." in order.set_aside_reason


def test_sizing_takes_whole_lots(order_of):
    listed(lot_size=65)
    strategy(sizing_mode="VALUE", sizing_value=Decimal(250_000))
    order = order_of()
    assert order.qty == 130
    assert "in lots of 65" in " ".join(order.warnings)


def test_less_than_one_lot_waits_for_a_person(order_of):
    listed(lot_size=65)
    strategy(sizing_mode="FIXED", sizing_value=Decimal(50))
    order = order_of()
    assert (order.qty, order.status) == (0, "WAITING")
    assert order.set_aside_reason == "Sizing FIXED: 50 units are less than one lot of 65."


@pytest.mark.parametrize(
    ("side", "limit", "expected"), [("BUY", 1500.4567, "1500.4"), ("SELL", 1500.4567, "1500.5")]
)
def test_a_limit_between_two_ticks_becomes_the_passive_one(order_of, side, limit, expected):
    listed(tick_size=Decimal("0.1"))
    strategy(default_order_type="LIMIT")
    order = order_of({"order_action": side, "price": limit})
    assert order.price == Decimal(expected)
    assert order.status == "QUEUED"
    assert "Price 1500.4567 rounded to" in order.warnings[0]


def test_a_price_on_its_tick_and_an_unlisted_symbols_price_stay_as_they_are(order_of):
    listed(tick_size=Decimal("0.1"))
    strategy(default_order_type="LIMIT")
    assert order_of({"price": 1500.4}).warnings == []
    assert order_of({"price": 1500.4567}, symbol="NSE:NEW").price == Decimal("1500.4567")


def test_a_trigger_between_two_ticks_comes_later(order_of):
    listed(tick_size=Decimal("0.1"))
    strategy()
    order = order_of(
        {"order_type": "SL", "price": 1510.06, "trigger_price": 1505.01, "order_action": "BUY"}
    )
    assert (order.trigger_price, order.price) == (Decimal("1505.1"), Decimal("1510"))
