"""What a picture costs: a fixed number of queries, each through an index, whatever the history."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from brokers.accounts import ensure_paper_account
from brokers.models import AccountPosition, AccountState, BrokerConnection
from brokers.prices import record_price
from risk.models import RiskSettings
from sigmatrader import clock
from sigmatrader.db import is_sqlite
from tests.factories import BrokerConnectionFactory, StrategyFactory, make_order
from tests.support.history import SYMBOLS, History
from tests.support.trades import traded
from trading.domain.order import Status
from trading.models import Order, Position
from trading.services import exposure
from trading.services.account_facts import account_facts
from trading.services.claim import claim_next

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

NOW = datetime(2026, 12, 2, 11, 0, tzinfo=clock.IST)
EVERY_LIMIT = {
    "max_daily_loss": 100_000,
    "max_orders_per_day": 10_000,
    "max_trades_per_day": 10_000,
    "consecutive_losses": 50,
    "strategy_budget": 10_000_000,
    "pyramiding": 20,
    "cool_down": 1,
    "duplicate_order": 1,
    "insufficient_margin": Decimal(10),
    "max_gross_exposure": 100_000_000,
}


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    clock.use(lambda: NOW)
    yield
    clock.use(None)


def account(kind: str) -> BrokerConnection:
    if kind == "paper":
        return ensure_paper_account()
    connection = BrokerConnectionFactory()
    at = NOW - timedelta(seconds=1)
    AccountState.objects.create(
        connection=connection,
        book_read_at=at,
        positions_read_at=at,
        holdings_read_at=at,
        funds_read_at=at,
        available=Decimal(10**7),
    )
    AccountPosition.objects.create(
        connection=connection,
        exchange="NSE",
        tradingsymbol="TCS",
        product="MIS",
        quantity=5,
        average_price=Decimal(100),
        read_at=at,
    )
    return connection


def queries_of(act: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(database) as captured:
        act()
    found = [one["sql"] for one in captured.captured_queries]
    return [sql for sql in found if sql.startswith(("SELECT", "WITH"))]


def plan_of(sql: str) -> str:
    with database.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        return "\n".join(str(row[3]) for row in cursor.fetchall())


@pytest.mark.parametrize(("kind", "most"), [("paper", 47), ("live", 39)])
def test_a_picture_takes_the_same_queries_after_one_order_and_after_five_hundred(kind, most):
    connection, strategy = account(kind), StrategyFactory()
    traded(connection, "BUY", 10, "1500", at=NOW, strategy=strategy, tradingsymbol="SYM1")
    # Held over midnight: what its opening was worth is asked too.
    yesterday = NOW - timedelta(days=1)
    traded(connection, "BUY", 10, "1500", at=yesterday, strategy=strategy, tradingsymbol="SYM2")
    traded(connection, "SELL", 10, "1500", at=NOW, strategy=strategy, tradingsymbol="SYM2")
    for symbol in ("SYM1", "SYM2"):
        record_price("NSE", symbol, Decimal(1500), yesterday, "alert")
    history = History(connection, [strategy, StrategyFactory()], NOW)
    order = make_order(
        Status.QUEUED, connection=connection, strategy=strategy, tradingsymbol="SYM1"
    )

    def picture() -> object:
        return exposure.snapshot_for(order, connection, session_ok=True)

    picture()
    before = len(queries_of(picture))
    history.grow_to(500)
    assert len(queries_of(picture)) == before <= most


def test_without_limits_of_its_own_a_paper_order_is_judged_by_few_queries():
    connection, strategy = account("paper"), StrategyFactory()
    history = History(connection, [strategy], NOW)
    history.grow_to(500)
    order = make_order(Status.QUEUED, strategy=strategy)

    def decision() -> object:
        return exposure.decide(order, connection, session_ok=True)

    decision()
    assert len(queries_of(decision)) <= 15


def test_the_account_is_read_without_an_order_too():
    connection, strategy = account("paper"), StrategyFactory()
    History(connection, [strategy], NOW).grow_to(500)
    facts = account_facts(connection, NOW, strategy.pk)
    assert facts.day.orders == 220  # since midnight, every three minutes
    assert len(queries_of(lambda: account_facts(connection, NOW, strategy.pk))) <= 30


def test_a_queue_of_many_orders_takes_no_more_queries_than_a_queue_of_few():
    live, strategy = account("live"), StrategyFactory()
    RiskSettings.objects.create(scope="GLOBAL", **EVERY_LIMIT)

    def queue_up(count: int) -> None:
        for number in range(count):
            make_order(strategy=strategy, tradingsymbol=f"SYM{number % SYMBOLS}", qty=1)
            make_order(connection=live, tradingsymbol=f"SYM{number % SYMBOLS}", qty=1)

    def decisions() -> object:
        waiting = Order.objects.filter(status=Status.WAITING).select_related(
            "connection", "strategy"
        )
        return exposure.decide_all(waiting)

    queue_up(2)
    decisions()
    few = len(queries_of(decisions))
    queue_up(60)
    assert len(queries_of(decisions)) == few


# Tables that grow with trading. What is read of them whole must not be.
GROWING = ("orders", "fills", "analytics_trades", "price_ticks", "alerts", "positions")


@pytest.mark.parametrize("kind", ["paper", "live"])
def test_every_query_of_a_claim_goes_through_an_index(kind):
    if not is_sqlite():
        return
    connection, strategy = account(kind), StrategyFactory()
    RiskSettings.objects.create(scope="GLOBAL", **EVERY_LIMIT)
    RiskSettings.objects.create(scope="STRATEGY", strategy=strategy, **EVERY_LIMIT)
    History(connection, [strategy], NOW).grow_to(500)
    traded(connection, "BUY", 10, "1500", at=NOW, strategy=strategy, tradingsymbol="SYM1")
    make_order(Status.QUEUED, connection=connection, strategy=strategy, tradingsymbol="SYM1")
    for sql in queries_of(lambda: claim_next("here:1:1")):
        plan = plan_of(sql)
        for table in GROWING:
            assert f"SCAN {table}" not in plan, f"{sql}\n{plan}"
        # That index has every fill that the account ever had.
        assert "fills_connection_id" not in plan, f"{sql}\n{plan}"
        # So has this one every trade, but those that were opened lately.
        assert "analytics_trades_opened (connection_id=? AND opened_at<?)" not in plan, sql


def test_flat_positions_of_the_past_are_not_read():
    if not is_sqlite():
        return
    open_ones = Position.objects.filter(connection_id=1).exclude(qty=0).order_by()
    assert "positions_open" in plan_of(str(open_ones.query))
