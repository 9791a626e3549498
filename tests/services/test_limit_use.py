"""What is used of each limit, account by account and strategy by strategy."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from brokers.accounts import ensure_paper_account
from brokers.models import BrokerConnection
from brokers.prices import record_price
from risk import settings_service
from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, StrategyFactory
from tests.support.history import History
from tests.support.positions import working
from tests.support.trades import traded
from trading.models import Strategy
from trading.services import limiter
from trading.services.limit_use import ScopeUse, limit_use, nearly_used

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

NOW = datetime(2026, 12, 2, 11, 0, tzinfo=clock.IST)


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    clock.use(lambda: NOW)
    yield
    clock.use(None)


@pytest.fixture
def paper(db: None) -> BrokerConnection:
    return ensure_paper_account()


def global_limits(**limits: object) -> RiskSettings:
    return RiskSettings.objects.create(scope="GLOBAL", **limits)


def limits_of(strategy: Strategy, **limits: object) -> RiskSettings:
    return RiskSettings.objects.create(scope="STRATEGY", strategy=strategy, **limits)


def used(found: list[ScopeUse]) -> dict[str, dict[str, object]]:
    return {scope.label: {use.setting: use.used for use in scope.uses} for scope in found}


def test_a_new_installation_has_nothing_that_could_be_used_up_and_reads_no_account(paper):
    with CaptureQueriesContext(database) as captured:
        (found,) = limit_use(NOW)
    assert (found.label, found.uses) == ("GLOBAL on paper", ())
    assert len(captured) <= 3


def test_global_limits_are_used_on_each_account_by_itself(paper):
    live = BrokerConnectionFactory(name="zerodha")
    BrokerConnectionFactory(name="asleep", enabled=False)
    global_limits(max_open_positions=5, max_orders_per_day=10)
    traded(paper, "BUY", 10, "1500", at=NOW)
    traded(paper, "BUY", 10, "1500", at=NOW, tradingsymbol="TCS")
    traded(live, "BUY", 10, "1500", at=NOW)
    assert used(limit_use(NOW)) == {
        "GLOBAL on paper": {"max_open_positions": 2, "max_orders_per_day": 2},
        "GLOBAL on zerodha": {"max_open_positions": 1, "max_orders_per_day": 1},
    }
    assert list(used(limit_use(NOW, connection_id=live.pk))) == ["GLOBAL on zerodha"]


def test_a_strategys_limits_count_its_own_orders_on_its_account(paper):
    live = BrokerConnectionFactory(name="zerodha")
    mine, other = StrategyFactory(name="mine", connection=paper), StrategyFactory(name="other")
    gone = StrategyFactory(name="gone", archived=True, connection=paper)
    limits_of(mine, max_working_orders=4, strategy_budget=Decimal(100_000), max_orders_per_day=9)
    limits_of(gone, max_working_orders=4)
    traded(paper, "BUY", 10, "1500", at=NOW, strategy=mine)
    traded(paper, "BUY", 10, "1500", at=NOW, strategy=other)
    working(paper, strategy=mine, qty=4)
    working(paper, strategy=other)
    found = used(limit_use(NOW))
    assert set(found) == {"GLOBAL on paper", "mine on paper", "GLOBAL on zerodha"}
    assert found["mine on paper"] == {
        "max_working_orders": 1,
        "strategy_budget": Decimal(21_000),
        "max_orders_per_day": 2,
    }
    assert list(used(limit_use(NOW, strategy_id=mine.pk))) == ["mine on paper"]
    assert limit_use(NOW, strategy_id=mine.pk, connection_id=live.pk) == []


def test_the_days_loss_and_where_the_largest_position_is(paper):
    global_limits(max_daily_loss=Decimal(5_000), max_position_value=Decimal(20_000))
    traded(paper, "BUY", 10, "1500", at=NOW)
    record_price("NSE", "INFY", Decimal(1100), NOW, "broker")
    (found,) = limit_use(NOW)
    loss, value = found.uses
    assert (loss.setting, loss.used, loss.percent) == ("max_daily_loss", 4_000, 80)
    assert (value.used, value.where, value.percent) == (11_000, "NSE:INFY", 55)
    assert nearly_used([found]) == [(found, loss)]


def test_the_accounts_own_limit_of_orders_counts_what_was_asked_of_it(paper):
    BrokerConnection.objects.filter(pk=paper.pk).update(orders_per_day=4)
    paper.refresh_from_db()
    for _ in range(4):
        limiter.take(paper, NOW)
    (found,) = limit_use(NOW)
    (use,) = found.uses
    assert (use.setting, use.used, use.limit, use.reached) == ("orders_per_day", 4, 4, True)


def test_a_temporary_limit_that_has_run_out_is_not_the_limit_any_more(paper):
    row = global_limits(max_open_positions=5)
    until = NOW + timedelta(hours=1)
    settings_service.change_settings(row, {"max_open_positions": 9}, actor="asha", until=until)

    def limit() -> object:
        return limit_use(clock.now())[0].uses[0].limit

    assert limit() == 9
    clock.use(lambda: until)
    assert limit() == 5


def test_the_fullest_limits_come_first_and_what_is_not_known_is_none_of_them(paper):
    global_limits(
        max_open_positions=1,
        max_orders_per_day=1,
        max_working_orders=5,
        max_trades_per_day=2,
        max_working_value=Decimal(1),
    )
    traded(paper, "BUY", 10, "1500", at=NOW)
    working(paper, reference_price=None, tradingsymbol="TCS")
    found = limit_use(NOW)
    assert {one.setting: one.used for one in found[0].uses}["max_working_value"] is None
    assert [use.setting for _, use in nearly_used(found)] == [
        "max_open_positions",
        "max_orders_per_day",
        "max_trades_per_day",
    ]


def queries_of(act: Callable[[], object]) -> int:
    with CaptureQueriesContext(database) as captured:
        act()
    return len(captured)


def test_the_queries_are_the_same_after_one_order_and_after_five_hundred(paper):
    strategy = StrategyFactory(connection=paper)
    global_limits(max_daily_loss=Decimal(10**6), max_gross_exposure=Decimal(10**9))
    limits_of(strategy, max_daily_loss=Decimal(10**6), strategy_budget=Decimal(10**9))
    history = History(paper, [strategy, StrategyFactory()], NOW)
    traded(paper, "BUY", 10, "1500", at=NOW, strategy=strategy, tradingsymbol="SYM1")
    history.grow_to(20)
    few = queries_of(lambda: limit_use(NOW))
    history.grow_to(500)
    assert queries_of(lambda: limit_use(NOW)) == few <= 40


def test_strategies_without_day_limits_share_what_is_read_of_their_account(paper):
    global_limits(max_open_positions=5)
    traded(paper, "BUY", 10, "1500", at=NOW)

    def add(count: int) -> None:
        for _ in range(count):
            strategy = StrategyFactory()
            limits_of(strategy, max_working_orders=3, strategy_budget=Decimal(1000))

    add(1)
    few = queries_of(lambda: limit_use(NOW))
    add(5)
    assert len(limit_use(NOW)) == 7
    # Each day that some strategy's limit looks at is read for itself; nothing else is.
    assert queries_of(lambda: limit_use(NOW)) == few
