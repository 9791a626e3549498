"""Which price counts, and that none is passed over."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection as database
from django.db import transaction

from brokers.models import PriceTick
from brokers.prices import (
    last_tick_id,
    latest_price,
    latest_prices,
    market_price,
    record_price,
    settled_tick_id,
)
from sigmatrader.db import is_sqlite, write_transaction
from tests.brokers.conftest import MONDAY
from trading.domain.values import InstrumentKey

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

INFY = InstrumentKey("NSE", "INFY")


def know(price: str, source: str = "broker", *, symbol: str = "INFY", seconds_ago: int = 0) -> None:
    at = MONDAY - timedelta(seconds=seconds_ago)
    assert record_price("NSE", symbol, Decimal(price), at, source) is not None


def know_and_roll_back(price: str) -> None:
    with write_transaction():
        know(price)
        transaction.set_rollback(True)


def market(reference: str | None = None) -> Decimal | None:
    return market_price("NSE", "INFY", Decimal(reference) if reference else None, MONDAY)


def test_the_latest_price_is_the_last_that_became_known():
    know("1500")
    know("1501.25")
    know("99", symbol="SBIN")
    tick = latest_price("NSE", "INFY")
    assert tick is not None
    assert (tick.price, tick.source) == (Decimal("1501.25"), "broker")
    assert latest_price("BSE", "INFY") is None


def test_latest_prices_leaves_out_what_has_none():
    know("1500")
    found = latest_prices([INFY, INFY, InstrumentKey("NSE", "SBIN")])
    assert {key: tick.price for key, tick in found.items()} == {INFY: Decimal(1500)}


@pytest.mark.parametrize("price", ["0", "-5", "0.00001", "NaN", "Infinity", "1e30"])
def test_what_is_no_price_is_not_recorded(price):
    assert record_price("NSE", "INFY", Decimal(price), MONDAY, "alert") is None
    assert PriceTick.objects.count() == 0


def test_the_markets_price_goes_before_the_alerts():
    know("1500", seconds_ago=30)
    know("1490", "alert")
    assert market("1490") == Decimal(1500)


def test_an_alerts_price_goes_before_a_market_price_that_is_old():
    know("1500", seconds_ago=61)
    assert market("1490") == Decimal(1490)


def test_an_alerts_own_price_goes_before_another_alerts():
    know("1500", "alert")
    assert market("1490") == Decimal(1490)


def test_without_either_the_last_known_price_counts():
    know("1500", "alert", seconds_ago=86_400)
    assert market() == Decimal(1500)


def test_a_reference_that_is_no_price_is_passed_over():
    know("1500", "alert")
    assert market("0.00001") == Decimal(1500)


def test_with_nothing_known_there_is_no_price():
    assert market() is None


@pytest.mark.django_db(transaction=True)
def test_a_price_that_is_still_being_written_is_waited_for():
    """On PostgreSQL a later price can be visible first; SQLite writes one after the other."""
    know("3")
    start = last_tick_id()
    if is_sqlite():
        know_and_roll_back("1")
        know("2")
        assert settled_tick_id(start) == last_tick_id() == start + 1
        return
    written, go_on = threading.Event(), threading.Event()

    def slow_writer() -> None:
        try:
            with transaction.atomic():
                know("1")
                written.set()
                assert go_on.wait(10)
        finally:
            database.close()

    writer = threading.Thread(target=slow_writer)
    writer.start()
    try:
        assert written.wait(10)
        know("2")
        assert [tick.price for tick in PriceTick.objects.all()] == [Decimal(2), Decimal(3)]
        assert settled_tick_id(start) == start
    finally:
        go_on.set()
        writer.join()
    assert settled_tick_id(start) == last_tick_id() == start + 2


@pytest.mark.django_db(transaction=True)
def test_a_price_that_was_rolled_back_holds_nothing_up():
    start = last_tick_id()
    know_and_roll_back("1")
    know("2")
    assert settled_tick_id(start) == last_tick_id() > start
