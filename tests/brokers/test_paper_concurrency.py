"""Several workers and requests at once on one paper account."""

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database

from brokers.models import PaperOrder, PaperTrade
from brokers.paper.adapter import PaperBroker
from brokers.port import BrokerStatus
from brokers.prices import record_price
from tests.brokers.conformance import KEY, limit, request
from trading.domain.values import Product, Variety

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_backends]


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run `acts` in threads that start together; what each returned or raised."""
    results: list[Any] = [None] * len(acts)
    start = threading.Barrier(len(acts))

    def run(index: int) -> None:
        try:
            start.wait(10)
            results[index] = acts[index]()
        except Exception as error:  # noqa: BLE001 - the caller looks at every result
            results[index] = error
        finally:
            database.close()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_one_tag_placed_by_many_at_once_is_one_order(venue, connection):
    wanted = request(quantity=10)
    results = at_once(*[lambda: PaperBroker(connection).place(wanted) for _ in range(8)])
    assert len({result.order_id for result in results}) == 1
    assert PaperOrder.objects.count() == PaperTrade.objects.count() == 1


def test_two_workers_meet_each_price_once(venue, market, connection, clock):
    market.limit_depth(1)
    ids = [venue.broker.place(limit("1400", quantity=50)).order_id for _ in range(3)]
    for _ in range(20):
        record_price(KEY.exchange, KEY.tradingsymbol, Decimal(1399), clock.now, "broker")

    def work() -> None:
        for _ in range(10):
            PaperBroker(connection).advance(clock.now)

    assert at_once(work, work, work) == [None, None, None]
    venue.broker.advance(clock.now)
    for order_id in ids:
        report = venue.broker.order(order_id)
        assert (report.status, report.filled_quantity) == (BrokerStatus.OPEN, 20)
        assert len(report.trades) == 20


def test_orders_that_come_at_once_cannot_spend_the_same_money(venue, connection):
    """Each needs 3 lakh of 10."""
    wanted = [request(quantity=200, product=Product.CNC) for _ in range(6)]
    at_once(*[lambda one=one: PaperBroker(connection).place(one) for one in wanted])
    statuses = [report.status for report in venue.broker.orders()]
    assert statuses.count(BrokerStatus.COMPLETE) == 3
    assert statuses.count(BrokerStatus.REJECTED) == 3
    assert venue.broker.margins().available == Decimal(100_000)


def test_a_cancel_and_a_price_at_once_agree_on_one_end(venue, connection, clock):
    for _ in range(5):
        order_id = venue.broker.place(limit("1400", quantity=10)).order_id
        record_price(KEY.exchange, KEY.tradingsymbol, Decimal(1399), clock.now, "broker")
        at_once(
            lambda: PaperBroker(connection).advance(clock.now),
            lambda order_id=order_id: PaperBroker(connection).cancel(
                order_id, variety=Variety.REGULAR
            ),
        )
        report = venue.broker.order(order_id)
        expected = 10 if report.status is BrokerStatus.COMPLETE else 0
        assert report.status in (BrokerStatus.COMPLETE, BrokerStatus.CANCELLED)
        assert sum(trade.quantity for trade in report.trades) == expected
        venue.broker.advance(clock.now)


def test_prices_that_are_recorded_while_orders_are_matched_are_all_met(
    venue, market, connection, clock
):
    market.limit_depth(1)
    order_id = venue.broker.place(limit("1400", quantity=500)).order_id

    def feed() -> None:
        for _ in range(25):
            record_price(KEY.exchange, KEY.tradingsymbol, Decimal(1399), clock.now, "alert")

    def work() -> None:
        for _ in range(25):
            PaperBroker(connection).advance(clock.now)

    assert at_once(feed, feed, feed, work, work) == [None] * 5
    while venue.broker.advance(clock.now):
        pass
    assert venue.broker.order(order_id).filled_quantity == 75
