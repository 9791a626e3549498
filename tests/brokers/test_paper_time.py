"""Prices are met in order and once; days end; market hours are kept when asked."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from brokers.models import PaperAccount, PaperOrder
from brokers.paper import market as market_module
from brokers.port import BrokerStatus
from brokers.prices import last_tick_id, record_price
from tests.brokers.conformance import KEY, limit, request
from trading.domain.values import OrderType, Side, Variety

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

IST = ZoneInfo("Asia/Kolkata")


def know(clock, *prices: str, symbol: str = KEY.tradingsymbol) -> None:
    """Record prices that the broker has not looked at yet."""
    for price in prices:
        record_price(KEY.exchange, symbol, Decimal(price), clock.move(seconds=1), "broker")


def test_a_price_from_before_the_order_does_not_fill_it(broker, clock):
    know(clock, "1300", "1500")
    order_id = broker.place(limit("1400")).order_id
    assert broker.advance(clock.move(seconds=1)) == 0
    assert broker.order(order_id).status is BrokerStatus.OPEN


def test_a_price_from_between_two_orders_fills_the_first_alone(broker, clock):
    first = broker.place(limit("1400")).order_id
    know(clock, "1399", "1500")
    second = broker.place(limit("1400")).order_id
    assert broker.advance(clock.now) == 1
    assert broker.order(first).status is BrokerStatus.COMPLETE
    assert broker.order(second).status is BrokerStatus.OPEN


def test_every_price_is_met_in_its_order(broker, clock):
    stop = broker.place(request(Side.BUY, order_type=OrderType.SL_M, trigger_price=Decimal(1510)))
    rest = broker.place(limit("1400"))
    know(clock, "1512", "1390", "1515")
    assert broker.advance(clock.now) == 2
    assert broker.order(stop.order_id).average_price == Decimal(1512)
    assert broker.order(rest.order_id).average_price == Decimal(1400)


def test_a_price_is_met_once(broker, market, clock):
    market.limit_depth(4)
    order_id = broker.place(limit("1400", quantity=20)).order_id
    know(clock, "1399")
    assert broker.advance(clock.now) == 1
    assert broker.advance(clock.now) == 0
    assert broker.order(order_id).filled_quantity == 4


def test_prices_of_other_instruments_fill_nothing(broker, clock):
    order_id = broker.place(limit("1400")).order_id
    know(clock, "100", symbol="SBIN")
    record_price("BSE", KEY.tradingsymbol, Decimal(100), clock.now, "broker")
    assert broker.advance(clock.now) == 0
    assert broker.order(order_id).status is BrokerStatus.OPEN
    assert PaperAccount.objects.get().tick_cursor == last_tick_id()


def test_one_call_meets_a_bounded_number_of_prices_and_the_next_goes_on(broker, clock, monkeypatch):
    monkeypatch.setattr(market_module, "TICKS_PER_CALL", 2)
    order_id = broker.place(limit("1400")).order_id
    know(clock, "1450", "1449", "1448", "1447", "1390")
    clock.move(days=1)
    assert [broker.advance(clock.now) for _ in range(4)] == [0, 0, 1, 0]
    assert broker.order(order_id).status is BrokerStatus.COMPLETE


def test_an_alerts_price_reaches_resting_orders_too(broker, market):
    order_id = broker.place(limit("1400")).order_id
    market.trade_at("1399", source="alert")
    assert broker.order(order_id).status is BrokerStatus.COMPLETE


def test_a_fill_carries_the_time_of_its_price(broker, market, clock):
    order_id = broker.place(limit("1400")).order_id
    market.trade_at("1399")
    seen_at = clock.now
    clock.move(hours=1)
    [trade] = broker.order(order_id).trades
    assert trade.at == seen_at


def test_a_day_order_ends_at_midnight_in_india_and_not_before(broker, market, clock):
    order_id = broker.place(limit("1400", quantity=10)).order_id
    clock.now = datetime(2026, 11, 16, 23, 59, 59, tzinfo=IST)
    assert broker.advance(clock.now) == 0
    assert broker.order(order_id).status is BrokerStatus.OPEN
    clock.now = datetime(2026, 11, 17, tzinfo=IST)
    assert broker.advance(clock.now) == 1
    report = broker.order(order_id)
    assert (report.status, report.message) == (BrokerStatus.EXPIRED, "The order's day is over.")
    assert broker.margins().used == 0


def test_a_partly_filled_order_that_expires_keeps_its_fills(broker, market):
    market.limit_depth(3)
    order_id = broker.place(limit("1500", quantity=10)).order_id
    market.end_day()
    report = broker.order(order_id)
    assert (report.status, report.filled_quantity) == (BrokerStatus.EXPIRED, 3)


def test_a_price_of_the_day_that_nobody_looked_at_still_fills_after_midnight(broker, clock):
    order_id = broker.place(limit("1400")).order_id
    know(clock, "1399")
    broker.advance(clock.move(days=1))
    assert broker.order(order_id).status is BrokerStatus.COMPLETE


def test_a_price_of_the_next_day_ends_an_order_and_does_not_fill_it(broker, clock):
    order_id = broker.place(limit("1400")).order_id
    clock.move(days=1)
    know(clock, "1399")
    broker.advance(clock.now)
    report = broker.order(order_id)
    assert (report.status, report.filled_quantity) == (BrokerStatus.EXPIRED, 0)


def test_the_order_of_a_gtt_lives_for_the_day_on_which_it_fired(broker, market, clock):
    wanted = limit("1550", trigger_price=Decimal(1540), variety=Variety.GTT)
    trigger_id = broker.place(wanted).trigger_id
    clock.move(days=3)
    market.trade_at("1560")
    assert broker.trigger(trigger_id).status is BrokerStatus.OPEN
    market.end_day()
    assert broker.trigger(trigger_id).status is BrokerStatus.EXPIRED


def test_paper_trades_at_night_unless_it_keeps_market_hours(broker, market, clock):
    clock.now = datetime(2026, 11, 16, 22, tzinfo=IST)
    assert broker.order(broker.place(request()).order_id).status is BrokerStatus.COMPLETE
    market.set(keep_market_hours=True)
    report = broker.order(broker.place(request()).order_id)
    assert (report.status, report.message) == (
        BrokerStatus.REJECTED,
        "The market of NSE is closed.",
    )


def test_with_market_hours_kept_orders_end_with_the_session(broker, market, clock):
    market.set(keep_market_hours=True)
    order_id = broker.place(limit("1400")).order_id
    clock.now = datetime(2026, 11, 16, 15, 29, 59, tzinfo=IST)
    broker.advance(clock.now)
    assert broker.order(order_id).status is BrokerStatus.OPEN
    broker.advance(clock.move(seconds=1))
    assert broker.order(order_id).status is BrokerStatus.EXPIRED


def test_with_market_hours_kept_a_gtt_fires_in_a_session_only(broker, market, clock):
    market.set(keep_market_hours=True)
    wanted = limit("1451", trigger_price=Decimal(1450), variety=Variety.GTT)
    trigger_id = broker.place(wanted).trigger_id
    clock.now = datetime(2026, 11, 16, 20, tzinfo=IST)
    market.trade_at("1440")
    assert broker.trigger(trigger_id).status is BrokerStatus.TRIGGER_ACTIVE
    clock.now = datetime(2026, 11, 17, 9, 20, tzinfo=IST)
    market.trade_at("1441")
    assert broker.trigger(trigger_id).status is BrokerStatus.COMPLETE


def test_a_cancel_that_comes_after_the_price_comes_too_late(broker, clock):
    order_id = broker.place(limit("1400")).order_id
    know(clock, "1399")
    with pytest.raises(Exception, match="is COMPLETE"):
        broker.cancel(order_id, variety=Variety.REGULAR)


def test_with_nothing_resting_nothing_is_written(broker, clock, django_assert_num_queries):
    broker.place(request())
    know(clock, "1501", "1502")
    broker.advance(clock.now)
    with django_assert_num_queries(1):
        assert broker.advance(clock.now) == 0
    assert PaperOrder.objects.count() == 1
