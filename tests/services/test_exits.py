"""An exit and what its strategy has open, on the way, or not sent at all."""

from decimal import Decimal

import pytest

from brokers.accounts import ensure_paper_account
from tests.factories import StrategyFactory, make_order
from tests.support.alerts import receive
from trading.domain.order import Status
from trading.models import Alert, Order, Strategy
from trading.services import queue
from trading.services.claim import claim_next
from trading.services.dispatch import send

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


@pytest.fixture
def strategy() -> Strategy:
    ensure_paper_account()
    return StrategyFactory(name="supertrend", execution_mode="AUTO")


def run_all() -> None:
    while (claim := claim_next("here:1:1")) is not None:
        send(claim)


def test_an_exit_takes_the_open_quantity_and_goes_by_itself(strategy: Strategy) -> None:
    receive(strategy, "ENTRY_LONG", qty=6)
    run_all()
    result = receive(strategy, "EXIT_LONG")
    order = Order.objects.get(pk=result.order_id)
    assert (order.qty, order.mode, order.reduce_only, order.side) == (6, "AUTO", True, "SELL")
    run_all()
    order.refresh_from_db()
    assert order.status == "EXECUTED"


def test_an_exit_with_nothing_open_is_ignored_and_kept(strategy: Strategy) -> None:
    result = receive(strategy, "EXIT_LONG")
    assert (result.status, result.code) == ("ignored", "no_open_position")
    assert Alert.objects.get(pk=result.alert_id).outcome == "IGNORED"
    assert receive(strategy, "EXIT_LONG", qty=5).status == "accepted"
    assert Order.objects.get().mode == "MANUAL"


def test_an_exit_cancels_an_entry_that_was_not_sent(strategy: Strategy) -> None:
    entry = receive(strategy, "ENTRY_LONG", qty=6)
    result = receive(strategy, "EXIT_LONG")
    assert result.status == "ignored"
    assert Order.objects.get(pk=entry.order_id).status == "CANCELLED"
    assert f"#{entry.order_id}" in Alert.objects.get(pk=result.alert_id).warnings[0]


def test_an_exit_behind_an_entry_on_its_way_waits_for_a_person(strategy: Strategy) -> None:
    entry = receive(strategy, "ENTRY_LONG", qty=6)
    claim = claim_next("here:1:1")
    assert claim is not None
    result = receive(strategy, "EXIT_LONG")
    order = Order.objects.get(pk=result.order_id)
    assert (result.status, order.status, order.needs_quantity) == ("accepted", "WAITING", True)
    assert f"#{entry.order_id} may still fill" in order.set_aside_reason
    assert Order.objects.get(pk=entry.order_id).cancel_requested


def test_an_exit_of_a_partly_filled_entry_stops_the_rest(strategy: Strategy) -> None:
    from brokers.models import PaperAccount

    PaperAccount.objects.filter(connection=ensure_paper_account()).update(fill_depth=4)
    entry = receive(strategy, "ENTRY_LONG", qty=6)
    run_all()
    assert Order.objects.get(pk=entry.order_id).status == "PARTIALLY_EXECUTED"
    result = receive(strategy, "EXIT_LONG")
    assert Order.objects.get(pk=entry.order_id).status == "CANCEL_PENDING"
    order = Order.objects.get(pk=result.order_id)
    assert (order.qty, order.status, order.mode) == (4, "WAITING", "MANUAL")


def test_an_exit_of_another_product_waits_for_a_person(strategy: Strategy) -> None:
    receive(strategy, "ENTRY_LONG", qty=6, product="CNC")
    run_all()
    result = receive(strategy, "EXIT_LONG")
    order = Order.objects.get(pk=result.order_id)
    assert order.status == "WAITING"
    assert "CNC, not MIS" in order.set_aside_reason


def test_an_exit_of_what_another_opened_waits_for_a_person(strategy: Strategy) -> None:
    make_order(Status.QUEUED, qty=6, reference_price=Decimal(1500))
    run_all()
    result = receive(strategy, "EXIT_LONG")
    order = Order.objects.get(pk=result.order_id)
    assert (order.qty, order.status) == (6, "WAITING")
    assert "supertrend opened nothing" in order.set_aside_reason


def test_a_limit_is_no_observation_of_the_market(strategy: Strategy) -> None:
    from brokers.prices import latest_price

    result = receive(
        strategy,
        "ENTRY_LONG",
        qty=6,
        ref_price=None,
        hints={"order_type": "LIMIT", "limit_price": 1300},
    )
    assert Order.objects.get(pk=result.order_id).reference_price is None
    assert latest_price("NSE", "INFY") is None


def test_a_market_order_fills_at_the_newest_price_known(strategy: Strategy) -> None:
    strategy.execution_mode = "MANUAL"
    strategy.save()
    first = receive(strategy, "ENTRY_LONG", qty=6)
    receive(strategy, "ENTRY_LONG", qty=1, ref_price=1510)
    queue.execute(queue.get(first.order_id or 0), actor="asha")
    run_all()
    assert Order.objects.get(pk=first.order_id).average_price == Decimal(1510)
