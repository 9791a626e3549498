"""Rare moments that once would have cost money: each is told in its test's name."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from brokers.errors import NotAvailable
from brokers.models import BrokerConnection, ConnectionKind, PriceSource
from brokers.port import BrokerStatus
from brokers.prices import record_price
from brokers.registry import broker_for
from brokers.simulator import faults
from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import StrategyFactory
from tests.support.desk import NEXT_OPEN, NIGHT, SYMBOL, Desk
from trading.domain.order import Status
from trading.domain.values import ExecutionTarget, OrderType, Product, Variety
from trading.models import Order
from trading.services import lifecycle, reconcile, updates
from trading.services.book import Book
from trading.services.connections import connection_for

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def test_an_exit_beside_a_resting_stop_waits_for_a_person_instead_of_dying(desk: Desk) -> None:
    desk.own(10)
    stop = desk.sent(
        desk.trigger("1400", side="SELL", qty=10, reduce_only=True, trigger_price=Decimal(1400))
    )
    leave = desk.order(side="SELL", qty=10, product=Product.CNC, reduce_only=True, auto=True)
    assert desk.send_next() is None
    leave = desk.fresh(leave)
    assert leave.status == "WAITING"
    assert f"#{stop.pk}" in leave.set_aside_reason


def test_an_exit_of_nothing_is_still_denied(desk: Desk) -> None:
    order = desk.order(side="SELL", qty=10, reduce_only=True)
    assert desk.send_next() is None
    assert desk.status(order) == "REJECTED_RISK"


def test_the_order_of_our_trigger_is_not_taken_for_somebody_elses(desk: Desk) -> None:
    """Kite places the order first and notes it on the trigger a moment later."""
    order = desk.sent(desk.trigger("1450", trigger_price=Decimal(1450)))
    resting = next(one for one in reconcile.read(desk.broker).reports if one.trigger_id)
    became = replace(
        resting,
        order_id="77",
        trigger_id=None,
        status=BrokerStatus.OPEN,
        raw_status="OPEN",
        variety=Variety.REGULAR,
        trigger_price=None,
        placed_at=desk.now,
    )
    desk.take_in(Book((resting, became), desk.now))
    assert Order.objects.count() == 1
    desk.take_in(Book((replace(became, trigger_id=resting.trigger_id),), desk.now))
    assert desk.fresh(order).broker_order_id == "77"
    assert not desk.halt_reason()


def test_another_order_with_other_terms_is_adopted_beside_a_resting_trigger(desk: Desk) -> None:
    desk.sent(desk.trigger("1450", trigger_price=Decimal(1450)))
    desk.outside(price="1444", product="CNC", quantity=10)
    desk.read_book()
    assert Order.objects.filter(origin="EXTERNAL").count() == 1


def test_a_type_that_was_changed_in_the_brokers_app_is_taken_over(desk: Desk) -> None:
    order = desk.sent(
        desk.order(order_type=OrderType.SL, price=Decimal(1511), trigger_price=Decimal(1510))
    )
    report = desk.broker.order(order.broker_order_id)
    assert report is not None
    changed = replace(
        report, order_type=OrderType.LIMIT, price=Decimal(1455), status=BrokerStatus.OPEN
    )
    assert updates.is_news(order, changed)
    order = updates.apply(order.pk, changed)
    assert (order.order_type, order.price) == ("LIMIT", Decimal(1455))


def test_what_protection_makes_of_a_market_order_is_no_change(desk: Desk) -> None:
    desk.behaviour.unfilled_market = True
    order = desk.sent(desk.order())
    desk.read_book()
    order = desk.fresh(order)
    assert (order.order_type, order.price, order.status) == ("MARKET", None, "SENT")


def test_an_alerts_old_price_values_no_real_order(desk: Desk) -> None:
    RiskSettings.objects.update(max_order_value=Decimal(10_000), clamp_mode="REJECT")
    old = desk.now - timedelta(days=3)
    record_price("NSE", SYMBOL, Decimal(1), old, PriceSource.ALERT)
    order = desk.order(qty=100, reference_price=Decimal(1500))
    assert desk.send_next() is None
    order = desk.fresh(order)
    assert order.status == "REJECTED_RISK"
    assert "max_order_value" in order.error_message


def test_a_given_up_order_that_appears_another_day_is_found(desk: Desk) -> None:
    desk.faults.script("place", faults.accept_then_timeout(0))
    order = desk.order(order_type=OrderType.LIMIT, price=Decimal(1450))
    desk.send_next()
    claimed = desk.fresh(order)
    report = next(one for one in reconcile.read(desk.broker).reports if one.order_id)
    lifecycle.transition(claimed, Status.FAILED, actor="reconciler", reason="not found")
    claimed.attempts.update(closed_at=desk.now, outcome="NOT_PLACED")
    desk.move_to(NEXT_OPEN)
    desk.log_in(read=False)
    desk.take_in(Book((report,), desk.now))
    assert desk.fresh(order).broker_order_id == report.order_id
    assert "given up" in desk.halt_reason()


def test_an_after_market_order_belongs_to_the_day_of_its_release(desk: Desk) -> None:
    desk.move_to(NIGHT)
    desk.read_all()
    order = desk.sent(desk.limit())
    assert order.variety == "amo"
    desk.move_to(NEXT_OPEN.replace(hour=6, minute=30))
    desk.log_in(read=False)
    desk.faults.always("order", faults.refuse_status(404))
    desk.take_in(Book((), desk.now))
    assert desk.status(order) == "SENT"


def test_of_two_family_accounts_nobody_but_a_person_chooses() -> None:
    for name in ("father", "mother"):
        BrokerConnection.objects.create(
            name=name, broker_name="zerodha", kind=ConnectionKind.LIVE, api_key=name
        )
    strategy = StrategyFactory(execution_target=ExecutionTarget.LIVE)
    account, problem = connection_for(strategy)
    assert account is None or account.simulated
    assert "make one the default" in problem


def test_a_simulator_never_stands_in_for_real_money() -> None:
    simulator = BrokerConnection.objects.create(
        name="demo",
        broker_name="zerodha",
        kind=ConnectionKind.SIMULATOR,
        api_root="http://127.0.0.1:1",
    )
    strategy = StrategyFactory(execution_target=ExecutionTarget.LIVE)
    assert connection_for(strategy)[0] == simulator
    real = BrokerConnection.objects.create(
        name="real", broker_name="zerodha", kind=ConnectionKind.LIVE, api_key="real"
    )
    assert connection_for(strategy)[0] == real


def test_a_moved_clock_leaves_real_money_alone() -> None:
    real = BrokerConnection(
        name="real",
        broker_name="zerodha",
        kind=ConnectionKind.LIVE,
        api_key="real",
        token_expires_at=clock.now() + timedelta(hours=1),
    )
    real.access_token = "token"
    clock.move(60)
    try:
        with pytest.raises(NotAvailable, match="clock"):
            broker_for(real)
    finally:
        clock.move(0)
    assert broker_for(real) is not None
