"""A process that dies at any statement, and answers that get lost: no fill lost, none repeated."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError

from brokers.errors import NotSent, OutcomeUnknown
from brokers.models import PaperOrder, PaperTrade
from brokers.paper import adapter
from brokers.paper.adapter import PaperBroker
from brokers.port import BrokerStatus
from brokers.prices import record_price
from sigmatrader.db import Busy
from tests.brokers.conformance import KEY, limit, request
from tests.support.dying import Killed, dies, dying_at
from trading.domain.values import Variety

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_backends, pytest.mark.faults]


def after_restart(connection_row: Any) -> PaperBroker:
    return PaperBroker(type(connection_row).objects.get(pk=connection_row.pk))


def test_a_kill_at_any_statement_of_placing_leaves_one_order_filled_once(venue, connection, clock):
    statement, survived = 0, 0
    while survived == 0:
        statement += 1
        wanted = request(quantity=10)
        if not dies(statement, lambda wanted=wanted: PaperBroker(connection).place(wanted)):
            survived = statement
        broker = after_restart(connection)
        found = broker.find_by_tags([wanted.tag])
        if not found:
            broker.place(wanted)
            found = broker.find_by_tags([wanted.tag])
        [report] = found
        assert report.status is BrokerStatus.COMPLETE, f"killed at {statement}"
        assert [trade.trade_id for trade in report.trades] == [f"{report.order_id}-1"]
        assert report.trades[0].quantity == 10
        assert broker.place(wanted).order_id == report.order_id
        assert broker.advance(clock.now) == 0
    assert survived > 8
    [position] = after_restart(connection).positions()
    assert position.quantity == 10 * survived


def test_a_kill_at_any_statement_of_a_price_fills_each_price_once(venue, market, connection, clock):
    market.limit_depth(4)
    statement, survived = 0, False
    while not survived:
        statement += 1
        market.trade_at("1500")
        broker = after_restart(connection)
        order_id = broker.place(limit("1400", quantity=20)).order_id
        for price in ("1399", "1398"):
            record_price(KEY.exchange, KEY.tradingsymbol, Decimal(price), clock.now, "broker")
        survived = not dies(statement, lambda broker=broker: broker.advance(clock.now))
        broker = after_restart(connection)
        broker.advance(clock.now)
        report = broker.order(order_id)
        assert [trade.quantity for trade in report.trades] == [4, 4], f"killed at {statement}"
        assert [trade.trade_id for trade in report.trades] == [f"{order_id}-1", f"{order_id}-2"]
        assert report.filled_quantity == 8
        broker.cancel(order_id, variety=Variety.REGULAR)
    assert statement > 8


def test_a_kill_at_any_statement_of_a_cancel_cancels_or_does_not(venue, connection, clock):
    statement, survived = 0, False
    while not survived:
        statement += 1
        broker = after_restart(connection)
        order_id = broker.place(limit("1400")).order_id
        survived = not dies(
            statement,
            lambda broker=broker, order_id=order_id: broker.cancel(
                order_id, variety=Variety.REGULAR
            ),
        )
        status = after_restart(connection).order(order_id).status
        assert status is (BrokerStatus.CANCELLED if survived else BrokerStatus.OPEN)
    assert statement > 3


def test_an_order_whose_first_match_was_lost_is_matched_at_its_own_price(
    venue, market, connection, clock, monkeypatch
):
    monkeypatch.setattr(adapter.book, "complete", killed)
    wanted = request(quantity=10)
    with pytest.raises(Killed):
        venue.broker.place(wanted)
    monkeypatch.undo()
    assert PaperOrder.objects.get(tag=wanted.tag).status == BrokerStatus.PENDING
    market.trade_at("1600")
    report = after_restart(connection).find_by_tags([wanted.tag])[0]
    assert report.average_price == Decimal(1500)
    assert PaperTrade.objects.count() == 1


@pytest.mark.parametrize("look", ["orders", "order", "find_by_tags", "advance"])
def test_whoever_looks_first_ends_a_match_that_was_begun(
    venue, connection, clock, monkeypatch, look
):
    monkeypatch.setattr(adapter.book, "complete", killed)
    wanted = request()
    with pytest.raises(Killed):
        venue.broker.place(wanted)
    monkeypatch.undo()
    row = PaperOrder.objects.get(tag=wanted.tag)
    arguments = {
        "orders": (),
        "order": (row.order_id,),
        "find_by_tags": ([wanted.tag],),
        "advance": (clock.now,),
    }[look]
    getattr(after_restart(connection), look)(*arguments)
    row.refresh_from_db()
    assert row.status == BrokerStatus.COMPLETE


def test_a_database_that_fails_while_the_order_is_written_leaves_the_outcome_unknown(venue, broker):
    wanted = request()
    statement, unknown = 0, 0
    while not broker.find_by_tags([wanted.tag]):
        statement += 1
        try:
            with dying_at(statement, lambda: OperationalError("disk I/O error")):
                broker.place(wanted)
        except OutcomeUnknown:
            unknown += 1
    assert unknown > 3
    assert PaperOrder.objects.filter(tag=wanted.tag).count() == 1


def test_a_database_that_fails_after_the_order_is_written_still_gives_its_id(
    venue, broker, monkeypatch
):
    monkeypatch.setattr(adapter.book, "complete", failing(OperationalError("disk I/O error")))
    order_id = broker.place(request()).order_id
    monkeypatch.undo()
    assert broker.order(order_id).status is BrokerStatus.COMPLETE


def test_a_busy_database_means_that_nothing_was_sent(venue, broker, monkeypatch):
    monkeypatch.setattr(adapter.book, "enter", failing(Busy("another process is writing")))
    with pytest.raises(NotSent):
        broker.place(request())
    monkeypatch.undo()
    assert broker.orders() == []


def killed(*args: Any) -> None:
    raise Killed


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*args: Any) -> None:
        raise error

    return fail
