"""What risk is handed of breakers, doubts, clocks and the strategy, and what it makes of them."""

from datetime import timedelta
from decimal import Decimal

import pytest

from brokers.models import AccountHolding, AccountState, PriceTick
from brokers.prices import record_price
from risk.engine.denials import Code
from risk.models import Breaker, RiskSettings
from tests.factories import BrokerConnectionFactory, StrategyFactory, make_order
from tests.support.snapshots import NOW, limit, paper, shown, snapshot, working
from tests.support.trades import traded
from trading.domain.order import Status
from trading.domain.values import Product
from trading.services import exposure, queue
from trading.services.account_facts import account_facts

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


# -- breakers, doubts, clocks ------------------------------------------------------------------


def test_open_breakers_of_the_account_and_of_the_strategy_count():
    mine, other = StrategyFactory(), StrategyFactory()
    Breaker.objects.create(
        code="CIRCUIT_BREAKER", connection=paper(), since=NOW, reason="three refusals"
    )
    for strategy in (mine, other):
        Breaker.objects.create(
            code="REPEATED_EXECUTION", strategy=strategy, since=NOW, reason=strategy.name
        )
    Breaker.objects.create(
        code="CIRCUIT_BREAKER",
        connection=BrokerConnectionFactory(),
        since=NOW,
        reason="elsewhere",
    )
    found = snapshot(strategy=mine).account.breakers
    assert {(one.code, one.reason) for one in found} == {
        (Code.CIRCUIT_BREAKER, "three refusals"),
        (Code.REPEATED_EXECUTION, mine.name),
    }
    Breaker.objects.update(closed_at=NOW)
    assert snapshot(strategy=mine).account.breakers == ()


def test_an_unknown_outcome_on_the_instrument_is_a_doubt(live):
    working(Status.UNKNOWN, connection=live)
    assert "unknown outcome" in snapshot(connection=live).account.doubt
    assert snapshot(connection=live, tradingsymbol="TCS").account.doubt == ""


def test_a_position_that_differs_is_a_doubt_about_its_instrument_alone(live):
    shown(live, 15)
    assert "the broker shows 15" in snapshot(connection=live).account.doubt
    assert snapshot(connection=live, tradingsymbol="TCS").account.doubt == ""


def test_a_difference_that_a_working_order_explains_is_no_doubt(live):
    limit(connection=live, qty=15)
    shown(live, 15)  # filled at the broker, as the next read of the book will tell
    assert snapshot(connection=live).account.doubt == ""


def test_positions_read_before_our_last_fill_are_not_compared(live):
    traded(live, "BUY", 10, "1500", at=NOW)
    assert snapshot(connection=live).account.doubt == ""


def test_delivered_shares_explain_a_delivery_position(live):
    AccountHolding.objects.create(
        connection=live,
        exchange="NSE",
        tradingsymbol="INFY",
        quantity=10,
        average_price=Decimal(1400),
        read_at=NOW,
    )
    order = traded(live, "BUY", 10, "1400", at=NOW - timedelta(days=3), product=Product.CNC)
    order.fills.update(booked_at=NOW - timedelta(days=3))
    facts = snapshot(connection=live, side="SELL", product=Product.CNC)
    assert (facts.holding_quantity, facts.account.doubt) == (10, "")


def test_a_book_that_was_not_read_lately_is_a_doubt(live):
    AccountState.objects.update(book_read_at=NOW - timedelta(minutes=10))
    assert "was last read at 10:50:00" in snapshot(connection=live).account.doubt
    assert "was last read" in account_facts(live, NOW).doubt


def test_paper_has_no_broker_to_doubt():
    traded(paper(), "BUY", 10, "1500")
    assert snapshot().account.doubt == ""


def test_the_clocks_skew_counts_while_it_is_news(live):
    AccountState.objects.update(clock_skew=Decimal("2.5"), clock_skew_at=NOW)
    assert snapshot(connection=live).account.clock_skew == Decimal("2.5")
    AccountState.objects.update(clock_skew_at=NOW - timedelta(hours=2))
    assert snapshot(connection=live).account.clock_skew is None


@pytest.mark.parametrize(("told", "has_prices"), [(None, True), (True, True), (False, False)])
def test_only_a_plan_that_is_known_to_have_no_prices_has_none(live, told, has_prices):
    AccountState.objects.update(has_market_data=told)
    assert snapshot(connection=live).account.has_prices is has_prices


# -- the strategy ------------------------------------------------------------------------------


def test_a_strategy_uses_what_its_lots_cost_and_its_entries_may_cost():
    strategy, other = StrategyFactory(), StrategyFactory()
    traded(paper(), "BUY", 10, "1500", strategy=strategy)
    traded(paper(), "BUY", 7, "1500", strategy=other)
    limit(qty=2, price="1400", strategy=strategy)
    limit(qty=9, side="SELL", price="1600", reduce_only=True, strategy=strategy)
    assert snapshot(strategy=strategy).strategy.capital == Decimal(15_000 + 2_800)


def test_a_strategys_entry_without_a_price_makes_its_capital_unknown():
    strategy = StrategyFactory()
    working(strategy=strategy, reference_price=None)
    assert snapshot(strategy=strategy).strategy.capital is None


def test_entries_are_the_orders_that_built_the_position_or_are_about_to():
    strategy = StrategyFactory()
    traded(paper(), "BUY", 10, "1500", strategy=strategy)
    traded(paper(), "BUY", 10, "1510", strategy=strategy)
    limit(strategy=strategy)
    limit(side="SELL", price="1600", reduce_only=True, strategy=strategy)
    traded(paper(), "BUY", 10, "100", strategy=strategy, tradingsymbol="SBIN")
    assert snapshot(strategy=strategy).strategy.entries == 3


def test_a_first_entry_that_is_on_its_way_is_one():
    strategy = StrategyFactory()
    working(Status.SENDING, strategy=strategy)
    assert snapshot(strategy=strategy).strategy.entries == 1


def test_the_last_exit_is_that_of_the_instrument_and_the_account():
    strategy = StrategyFactory()
    for minutes in (30, 20):
        at = NOW - timedelta(minutes=minutes)
        traded(paper(), "BUY", 1, "1500", strategy=strategy, at=at)
        traded(paper(), "SELL", 1, "1501", strategy=strategy, at=at)
    assert snapshot(strategy=strategy).strategy.last_exit_at == NOW - timedelta(minutes=20)
    other = snapshot(strategy=strategy, tradingsymbol="TCS")
    assert other.strategy.last_exit_at is None


def test_recent_orders_are_the_strategys_own_of_a_day_newest_first():
    strategy = StrategyFactory()
    old = traded(paper(), "BUY", 1, "1500", strategy=strategy, at=NOW - timedelta(hours=25))
    first = traded(paper(), "BUY", 1, "1500", strategy=strategy, at=NOW - timedelta(minutes=5))
    second = working(Status.SENDING, strategy=strategy, tradingsymbol="TCS", mode="AUTO")
    working(Status.SENDING, tradingsymbol="SBIN")
    found = snapshot(strategy=strategy).recent
    assert old.pk not in [one.order_id for one in found]
    assert [(one.order_id, one.automatic) for one in found] == [
        (second.pk, True),
        (first.pk, False),
    ]


@pytest.mark.parametrize("status", [Status.SENDING, Status.SENT])
def test_an_order_that_risk_cut_is_still_the_same_as_the_one_that_asked_for_as_much(status):
    strategy = StrategyFactory()
    working(status, strategy=strategy, qty=100, requested_qty=150)
    again = make_order(strategy=strategy, qty=150)
    decision = exposure.decide(again, again.connection, session_ok=True)
    assert [c.code for c in decision.checks if c.verdict == "DENY"] == ["DUPLICATE_ORDER"]


def test_an_order_without_a_strategy_has_no_strategys_facts():
    working(Status.SENDING)
    facts = snapshot()
    assert (facts.recent, facts.strategy.entries) == ((), 0)


# -- decisions ---------------------------------------------------------------------------------


def test_many_orders_at_once_are_judged_as_each_by_itself(live):
    strategy = StrategyFactory(execution_target="LIVE", connection=live)
    RiskSettings.objects.create(
        scope="GLOBAL", max_quantity_per_order=12, max_open_positions=1, max_orders_per_day=3
    )
    RiskSettings.objects.create(scope="STRATEGY", strategy=strategy, max_order_value=14_000)
    traded(paper(), "BUY", 10, "1500")
    orders = [
        make_order(qty=20),
        make_order(tradingsymbol="TCS"),
        make_order(side="SELL", reduce_only=True),
        make_order(connection=live, strategy=strategy),
    ]
    together = exposure.decide_all(orders)
    assert together == {order.pk: queue.preview(order) for order in orders}
    assert {one.outcome for one in together.values()} == {"CLAMP", "DENY", "PASS"}


def test_prices_that_nothing_but_alerts_told_are_looked_at_no_further_than_the_newest():
    PriceTick.objects.create(
        exchange="NSE", tradingsymbol="INFY", price=1500, at=NOW, source="broker"
    )
    for _ in range(20):
        record_price("NSE", "INFY", Decimal(9), NOW, "alert")
    assert snapshot(connection=BrokerConnectionFactory()).last_price is None
