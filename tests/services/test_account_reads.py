"""Positions, holdings and funds as the broker showed them, and how ours differ from them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection as database

from brokers.accounts import ensure_paper_account
from brokers.errors import OutcomeUnknown, RateLimited
from brokers.models import AccountHolding, AccountPosition, AccountState, ConnectionKind
from brokers.port import Margins
from brokers.registry import broker_for
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, make_order
from tests.support.kite import API_KEY, simulator
from tests.support.telling import TellingBroker, holding, position
from trading import selectors
from trading.domain.order import Status
from trading.domain.values import Product
from trading.models import Fill, Position
from trading.services import account_reads, lifecycle

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

NOON = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def now():
    """The test's clock: `now[0]` is the time."""
    time = [NOON]
    clock.use(lambda: time[0])
    yield time
    clock.use(None)


@pytest.fixture
def account():
    return BrokerConnectionFactory(token_expires_at=NOON + timedelta(hours=12))


@pytest.fixture
def broker():
    return TellingBroker()


def read_all(account, broker):
    account_reads.read_positions(account, broker)
    account_reads.read_holdings(account, broker)
    account_reads.read_funds(account, broker)


def test_each_read_replaces_the_last_one_whole(account, broker, now):
    broker.says["positions"] = [position(10), position(5, tradingsymbol="TCS")]
    broker.says["holdings"] = [holding(7, t1_quantity=2, used_quantity=1, pnl=Decimal("700.5"))]
    read_all(account, broker)
    row = AccountPosition.objects.get(tradingsymbol="INFY")
    assert (row.quantity, row.average_price, row.day_pnl) == (10, Decimal(1500), Decimal("12.5"))
    owned = AccountHolding.objects.get()
    assert (owned.sellable, owned.pnl) == (8, Decimal("700.5"))

    now[0] += timedelta(seconds=1)
    broker.says |= {"positions": [position(-3)], "holdings": []}
    read_all(account, broker)
    assert AccountPosition.objects.get().quantity == -3
    assert not AccountHolding.objects.exists()
    state = AccountState.objects.get(connection=account)
    assert {state.positions_read_at, state.holdings_read_at, state.funds_read_at} == {now[0]}


def test_funds_are_kept_with_the_brokers_own_numbers(account, broker):
    raw = {"equity": {"net": Decimal("99.05"), "enabled": True, "at": NOON, "list": [1, "a"]}}
    broker.says["margins"] = Margins(Decimal("99.05"), Decimal("0.95"), Decimal(100), raw)
    account_reads.read_funds(account, broker)
    state = AccountState.objects.get(connection=account)
    assert (state.available, state.used, state.net) == (
        Decimal("99.05"),
        Decimal("0.95"),
        Decimal(100),
    )
    assert state.funds["equity"] == {
        "net": "99.05",
        "enabled": True,
        "at": "2026-11-24T06:30:00+00:00",
        "list": [1, "a"],
    }


def test_a_failed_read_leaves_the_last_picture_with_its_time(account, broker, now):
    broker.says["positions"] = [position(10)]
    account_reads.read_positions(account, broker)
    now[0] += timedelta(minutes=1)
    broker.says["positions"] = RateLimited()
    with pytest.raises(RateLimited):
        account_reads.read_positions(account, broker)
    assert AccountPosition.objects.get().quantity == 10
    assert AccountState.objects.get().positions_read_at == NOON


def test_a_slow_answer_does_not_undo_a_later_one(account, broker, now):
    def slow():
        now[0] += timedelta(seconds=5)
        quick = TellingBroker()
        quick.says["positions"] = [position(2)]
        account_reads.read_positions(account, quick)
        return [position(1)]

    broker.says["positions"] = slow
    account_reads.read_positions(account, broker)
    assert AccountPosition.objects.get().quantity == 2
    assert AccountState.objects.get().positions_read_at == NOON + timedelta(seconds=5)


@pytest.mark.parametrize("name", ["positions", "holdings"])
def test_a_row_that_is_there_twice_is_no_answer(account, broker, name):
    make = position if name == "positions" else holding
    broker.says[name] = [make(1), make(2)]
    read = getattr(account_reads, f"read_{name}")
    with pytest.raises(OutcomeUnknown, match="twice"):
        read(account, broker)
    assert not AccountPosition.objects.exists()
    assert not AccountHolding.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_broker_is_asked(account, broker):
    seen = []

    def answer():
        seen.append(database.in_atomic_block)
        return []

    broker.says = {"positions": answer, "holdings": answer}
    account_reads.read_positions(account, broker)
    account_reads.read_holdings(account, broker)
    assert seen == [False, False]


def test_paper_shows_its_play_money_and_no_holdings():
    account = ensure_paper_account()
    read_all(account, broker_for(account))
    state = AccountState.objects.get(connection=account)
    assert (state.available, state.funds) == (Decimal(1_000_000), {})
    assert not AccountHolding.objects.exists()


def test_the_reads_work_over_http():
    clock.use(None)
    with simulator(frozen=True, rate_limits=False) as kite:
        account = BrokerConnectionFactory(
            kind=ConnectionKind.SIMULATOR, api_root=kite.root, api_key=API_KEY
        )
        account.access_token = kite.login()
        account.save()
        kite.exchange.place_outside(
            {
                "exchange": "NSE",
                "tradingsymbol": "INFY",
                "transaction_type": "BUY",
                "quantity": "4",
                "product": "MIS",
                "order_type": "MARKET",
                "market_protection": "-1",
            }
        )
        read_all(account, broker_for(account))
    row = AccountPosition.objects.get()
    assert (row.exchange, row.tradingsymbol, row.product, row.quantity) == ("NSE", "INFY", "MIS", 4)
    state = AccountState.objects.get(connection=account)
    assert state.available is not None
    assert 0 < state.available < state.net
    assert "equity" in state.funds


# -- differences ---------------------------------------------------------------------------------


def ours(account, qty, symbol="INFY", product=Product.MIS):
    return Position.objects.create(
        connection=account,
        exchange="NSE",
        symbol=symbol,
        product=product,
        qty=qty,
        last_updated=NOON,
    )


def differences(account, broker):
    read_all(account, broker)
    return [
        (one.symbol, one.product, one.ours, one.brokers, one.why)
        for one in selectors.position_differences(account)
    ]


def test_equal_books_show_no_difference(account, broker):
    ours(account, 10)
    broker.says["positions"] = [position(10), position(0, tradingsymbol="SBIN")]
    assert differences(account, broker) == []
    assert selectors.positions_comparable(account)


def test_every_kind_of_difference_has_its_hint(account, broker):
    ours(account, 10)
    ours(account, 5, "TCS")
    ours(account, 8, "SBIN")
    ours(account, 3, "ITC", Product.MIS)
    broker.says["positions"] = [
        position(-4),
        position(7, tradingsymbol="WIPRO"),
        position(3, tradingsymbol="ITC", product=Product.NRML),
        position(6, tradingsymbol="SBIN"),
    ]
    found = {row[:4]: row[4] for row in differences(account, broker)}
    assert set(found) == {
        ("NSE:INFY", "MIS", 10, -4),
        ("NSE:TCS", "MIS", 5, 0),
        ("NSE:WIPRO", "MIS", 0, 7),
        ("NSE:SBIN", "MIS", 8, 6),
        ("NSE:ITC", "MIS", 3, 0),
        ("NSE:ITC", "NRML", 0, 3),
    }
    assert "squared off" in found["NSE:TCS", "MIS", 5, 0]
    assert "outside" in found["NSE:WIPRO", "MIS", 0, 7]
    assert "Converted" in found["NSE:ITC", "MIS", 3, 0]
    assert "Changed" in found["NSE:SBIN", "MIS", 8, 6]


def test_an_order_that_is_not_finished_is_named_as_the_likely_reason(account, broker):
    order = make_order(Status.QUEUED, connection=account)
    lifecycle.transition(order, Status.SENDING, actor="worker")
    broker.says["positions"] = [position(10)]
    assert "may settle by itself" in differences(account, broker)[0][4]


@pytest.mark.parametrize(
    ("own", "shown", "delivered", "differs"),
    [
        (10, 0, 10, False),  # bought yesterday
        (10, 0, 110, False),  # and a hundred long ago
        (10, 0, 4, True),
        (0, -10, 10, False),  # sold today out of the holdings, in the Kite app
        (-10, 0, 90, False),  # sold yesterday out of the holdings
        (10, -10, 10, True),
        (0, 5, 100, True),
    ],
)
def test_delivered_shares_count_as_held(account, broker, own, shown, delivered, differs):
    if own:
        ours(account, own, "TCS", Product.CNC)
    broker.says["positions"] = [position(shown, tradingsymbol="TCS", product=Product.CNC)]
    broker.says["holdings"] = [holding(delivered - 1, exchange="BSE", t1_quantity=1)]
    assert bool(differences(account, broker)) is differs


def test_nothing_is_compared_with_a_picture_from_before_the_last_fill(account, broker, now):
    order = make_order(connection=account)
    ours(account, 10)
    now[0] += timedelta(minutes=1)
    Fill.objects.create(
        order=order,
        connection=account,
        trade_id="1",
        exchange="NSE",
        symbol="INFY",
        product="MIS",
        side="BUY",
        qty=10,
        price=Decimal(1500),
        at=now[0],
    )
    assert differences(account, broker) == []
    assert not selectors.positions_comparable(account)
    now[0] += timedelta(seconds=10)
    assert len(differences(account, broker)) == 1


def test_paper_and_unread_accounts_are_not_compared(account, broker):
    paper = ensure_paper_account()
    ours(paper, 10)
    ours(account, 10)
    assert differences(paper, broker) == []
    assert selectors.position_differences(account) == []
