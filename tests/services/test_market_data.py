"""Paper on live prices: which account tells them, how often it is asked, what paper makes of it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connections

from brokers import errors
from brokers.accounts import ensure_paper_account
from brokers.models import (
    AccountPosition,
    AccountState,
    ConnectionKind,
    PriceSource,
    PriceTick,
)
from brokers.prices import record_price
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, make_order
from tests.support.kite import API_KEY, simulator
from tests.support.telling import TellingBroker
from trading.domain.order import Status
from trading.domain.values import InstrumentKey
from trading.models import Order, Position, RateWindow
from trading.services import limiter, market_data, quote_turns
from trading.services.claim import claim_next
from trading.services.dispatch import send

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

NOON = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
INFY, TCS = InstrumentKey("NSE", "INFY"), InstrumentKey("NSE", "TCS")


@pytest.fixture(autouse=True)
def now(monkeypatch):
    """The test's clock: `now[0]` is the time. Nothing is remembered of another test."""
    time = [NOON]
    clock.use(lambda: time[0])
    monkeypatch.setattr(market_data, "_heard", {})
    monkeypatch.setattr(market_data, "_refused_at_login", {})
    yield time
    clock.use(None)


@pytest.fixture
def broker(monkeypatch):
    told = TellingBroker()
    told.says["last_prices"] = {INFY: "1500.05", TCS: "3000"}
    monkeypatch.setattr(market_data, "broker_for", lambda connection: told)
    return told


def live(**fields):
    return BrokerConnectionFactory(token_expires_at=NOON + timedelta(hours=12), **fields)


@pytest.fixture
def account():
    return live(name="zerodha")


def keys_asked(broker):
    return [{str(key) for key in keys} for _, keys in broker.asked]


def hold(connection, symbol="INFY", qty=10, exchange="NSE"):
    return Position.objects.create(
        connection=connection,
        exchange=exchange,
        symbol=symbol,
        product="MIS",
        qty=qty,
        last_updated=NOON,
    )


def ticks():
    rows = PriceTick.objects.filter(source=PriceSource.BROKER).order_by("id")
    return [(str(InstrumentKey(row.exchange, row.tradingsymbol)), row.price) for row in rows]


# -- the source ----------------------------------------------------------------------------------


def test_paper_alone_has_no_source_and_asks_nobody(broker):
    hold(ensure_paper_account())
    assert market_data.price_source() is None
    assert market_data.refresh(NOON) == 0
    assert broker.asked == []


@pytest.mark.parametrize(
    "fields",
    [
        {"enabled": False},
        {"token_expires_at": NOON},
        {"access_token_encrypted": ""},
    ],
)
def test_an_account_that_is_off_or_not_logged_in_is_no_source(broker, fields):
    BrokerConnectionFactory(**{"token_expires_at": NOON + timedelta(hours=1), **fields})
    assert market_data.price_source() is None


def test_the_default_account_comes_first(account):
    second = live()
    assert market_data.price_source() == account
    second.make_default()
    assert market_data.price_source() == second


def test_a_simulator_tells_prices_only_where_no_live_account_is(account):
    simulated = live(kind=ConnectionKind.SIMULATOR)
    assert market_data.price_source() == account
    account.token_expires_at = NOON
    account.save()
    assert market_data.price_source() is None
    account.enabled = False
    account.save()
    assert market_data.price_source() == simulated


# -- refresh -------------------------------------------------------------------------------------


def test_everything_that_matters_is_asked_for_in_one_request(account, broker):
    paper = ensure_paper_account()
    hold(paper, "TCS")
    hold(paper, "FLAT", qty=0)
    hold(paper, "BTCUSD", exchange="BINANCE")
    hold(account, "SBIN")
    hold(live(kind=ConnectionKind.SIMULATOR), "PRETENDED")
    AccountPosition.objects.create(
        connection=account,
        exchange="NFO",
        tradingsymbol="NIFTY26DECFUT",
        product="NRML",
        quantity=-65,
        average_price=26000,
        read_at=NOON,
    )
    make_order(Status.QUEUED)
    make_order(Status.WAITING, tradingsymbol="ITC")
    assert market_data.refresh(NOON) == 2
    assert keys_asked(broker) == [
        {"NSE:INFY", "NSE:TCS", "NSE:SBIN", "NSE:ITC", "NFO:NIFTY26DECFUT"}
    ]
    assert sorted(ticks()) == [("NSE:INFY", Decimal("1500.05")), ("NSE:TCS", Decimal(3000))]
    assert AccountState.objects.get(connection=account).has_market_data is True


def test_without_anything_to_ask_for_nobody_is_asked(account, broker):
    assert market_data.refresh(NOON) == 0
    assert broker.asked == []


def test_an_account_is_asked_once_a_second_whoever_asks(account, broker, now):
    hold(account)
    for milliseconds, requests in [(0, 1), (10, 1), (999, 1), (1060, 2), (1500, 2), (2200, 3)]:
        now[0] = NOON + timedelta(milliseconds=milliseconds)
        market_data.refresh(now[0])
        assert len(broker.asked) == requests, milliseconds


def test_turns_leave_the_order_limits_alone(account, broker):
    account.orders_per_second = 1
    account.save()
    hold(account)
    market_data.refresh(NOON)
    assert limiter.take(account, NOON)
    assert not limiter.take(account, NOON)


def test_a_clock_that_was_set_back_does_not_silence_the_source(account, broker, now):
    hold(account)
    market_data.refresh(now[0])
    now[0] -= timedelta(hours=5)
    market_data.refresh(now[0])
    assert len(broker.asked) == 2


def test_more_instruments_than_a_request_may_name_take_turns(account, broker, now, monkeypatch):
    monkeypatch.setattr(market_data, "MAX_INSTRUMENTS", 2)
    broker.says["last_prices"] = {InstrumentKey("NSE", name): "5" for name in "ABC"}
    for name in "ABC":
        hold(account, name)
    for _ in range(3):
        market_data.refresh(now[0])
        now[0] += timedelta(seconds=2)
    first, second, third = keys_asked(broker)
    assert {len(first), len(second), len(third)} == {2}
    assert first | second == {"NSE:A", "NSE:B", "NSE:C"}
    assert first - second <= third


def test_a_price_is_recorded_when_it_changes_or_has_grown_old(account, broker, now):
    hold(account)

    def after(seconds, price):
        now[0] = NOON + timedelta(seconds=seconds)
        broker.says["last_prices"] = {INFY: price}
        return market_data.refresh(now[0])

    assert after(0, "1500") == 1
    assert after(2, "1500") == 0
    assert after(4, "1501") == 1
    assert after(33, "1501") == 0
    assert after(35, "1501") == 1
    assert [price for _, price in ticks()] == [1500, 1501, 1501]
    newest = PriceTick.objects.first()
    assert (newest.at, newest.source) == (NOON + timedelta(seconds=35), PriceSource.BROKER)


def test_the_markets_price_wins_over_an_alerts_that_came_since(account, broker, now):
    hold(account)
    market_data.refresh(now[0])
    record_price("NSE", "INFY", Decimal(1700), now[0], PriceSource.ALERT)
    now[0] += timedelta(seconds=2)
    assert market_data.refresh(now[0]) == 1


# -- failures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [errors.NotSupported("Paid."), errors.PermissionRefused("Paid.")])
def test_a_plan_without_market_data_is_tried_again_after_each_login(account, broker, now, error):
    hold(account)
    broker.says["last_prices"] = error
    market_data.refresh(now[0])
    assert AccountState.objects.get(connection=account).has_market_data is False
    assert market_data.price_source() is None
    now[0] += timedelta(minutes=5)
    assert market_data.refresh(now[0]) == 0
    assert len(broker.asked) == 1

    account.logged_in_at = now[0]
    account.save()
    broker.says["last_prices"] = {INFY: "1500"}
    assert market_data.refresh(now[0]) == 1
    assert AccountState.objects.get(connection=account).has_market_data is True


def test_another_account_tells_the_prices_when_the_first_plan_has_none(account, broker, now):
    second = live()
    hold(account)
    broker.says["last_prices"] = errors.NotSupported("Paid.")
    market_data.refresh(now[0])
    assert market_data.price_source() == second


@pytest.mark.parametrize(
    ("error", "seconds"),
    [(errors.RateLimited(), 5), (errors.OutcomeUnknown(), 12), (errors.NotSent(), 12)],
)
def test_a_source_that_fails_is_left_alone_for_a_while(account, broker, now, error, seconds):
    hold(account)
    broker.says["last_prices"] = error
    market_data.refresh(now[0])
    now[0] += timedelta(seconds=2)
    market_data.refresh(now[0])
    assert len(broker.asked) == 1
    now[0] += timedelta(seconds=seconds)
    market_data.refresh(now[0])
    assert len(broker.asked) == 2
    assert AccountState.objects.get(connection=account).has_market_data is None


def test_an_expired_session_is_over_here_too(account, broker, now):
    hold(account)
    broker.says["last_prices"] = errors.SessionExpired("Incorrect token.")
    market_data.refresh(now[0])
    account.refresh_from_db()
    assert account.token_expires_at == NOON
    assert market_data.price_source() is None


def test_a_token_that_can_not_be_read_here_ends_no_session(account, now):
    hold(account)
    market_data.refresh(now[0])
    account.refresh_from_db()
    assert account.token_expires_at > now[0]
    assert "gives no prices just now" in market_data.source_note()


# -- one price for a paper order -----------------------------------------------------------------


def test_a_paper_order_gets_the_price_of_this_moment(account, broker):
    order = make_order(Status.QUEUED)
    assert market_data.price_for_paper(order) == Decimal("1500.05")
    assert ticks() == [("NSE:INFY", Decimal("1500.05"))]


def test_a_price_heard_a_moment_ago_is_not_asked_for_again(account, broker, now):
    order = make_order(Status.QUEUED)
    market_data.refresh(now[0])
    now[0] += timedelta(seconds=1.5)
    assert market_data.price_for_paper(order) == Decimal("1500.05")
    assert len(broker.asked) == 1


def test_orders_of_one_moment_share_a_request(account, broker):
    first, second = make_order(Status.QUEUED), make_order(Status.QUEUED, tradingsymbol="TCS")
    assert market_data.price_for_paper(first) == Decimal("1500.05")
    assert market_data.price_for_paper(second) == Decimal(3000)
    assert len(broker.asked) == 1


def test_an_order_waits_a_moment_for_the_accounts_next_turn(account, broker, now, monkeypatch):
    def pass_time(seconds):
        now[0] += timedelta(seconds=0.5)

    monkeypatch.setattr(market_data.time, "sleep", pass_time)
    hold(account, "TCS")
    market_data.refresh(now[0])
    order = make_order(Status.QUEUED)
    assert market_data.price_for_paper(order) == Decimal("1500.05")
    assert len(broker.asked) == 2


@pytest.mark.parametrize("error", [errors.OutcomeUnknown(), errors.NotSupported()])
def test_without_a_price_the_order_goes_on_and_the_next_one_does_not_even_wait(
    account, broker, error, monkeypatch
):
    order = make_order(Status.QUEUED)
    broker.says["last_prices"] = error
    assert market_data.price_for_paper(order) is None

    def no_waiting(seconds):
        raise AssertionError("it waited for a silent source")

    monkeypatch.setattr(market_data.time, "sleep", no_waiting)
    assert market_data.price_for_paper(order) is None
    assert len(broker.asked) == 1


def test_a_source_that_hangs_holds_a_paper_order_up_for_a_moment_only(account, broker, monkeypatch):
    hanging = threading.Event()
    broker.says["last_prices"] = lambda: hanging.wait(30) and {}
    monkeypatch.setattr(market_data, "PATIENCE_SECONDS", 0.05)
    order = make_order(Status.QUEUED)
    try:
        assert market_data.price_for_paper(order) is None
        assert market_data.price_for_paper(order) is None
        assert len(broker.asked) == 1
        assert "gives no prices just now" in market_data.source_note()
    finally:
        hanging.set()


def test_a_symbol_that_no_exchange_has_is_not_asked_for(account, broker):
    order = make_order(Status.QUEUED, exchange="BINANCE", tradingsymbol="BTCUSD")
    assert market_data.price_for_paper(order) is None
    assert broker.asked == []


def test_a_paper_order_fills_at_the_live_price(account, broker):
    order = make_order(Status.QUEUED, reference_price=Decimal(1400))
    market_data.price_for_paper(order)
    claim = claim_next("worker")
    assert claim is not None
    send(claim)
    assert Order.objects.get(pk=order.pk).average_price == Decimal("1500.05")


# -- in words ------------------------------------------------------------------------------------


def test_the_note_says_where_papers_prices_come_from(broker, now):
    assert market_data.source_note() == (
        "Paper fills at the alerts' prices: no account is connected."
    )
    account = live(name="zerodha")
    assert market_data.source_note() == (
        "Paper fills at live prices of zerodha (none was needed yet)."
    )
    hold(account)
    now[0] = datetime(2026, 11, 24, 5, 1, 5, tzinfo=UTC)
    market_data.refresh(now[0])
    now[0] += timedelta(seconds=1)
    assert market_data.source_note() == "Paper fills at live prices of zerodha (as of 10:31:05)."
    now[0] += timedelta(days=1)
    account.token_expires_at = now[0] + timedelta(hours=1)
    account.save()
    assert "(as of 24 Nov 10:31)" in market_data.source_note()
    broker.says["last_prices"] = errors.NotSupported("Paid.")
    market_data.refresh(now[0])
    assert market_data.source_note() == (
        "Paper fills at the alerts' prices: the plan of zerodha has no market data."
    )


def test_live_prices_arrive_over_http():
    clock.use(None)
    with simulator(frozen=True) as kite:
        account = BrokerConnectionFactory(
            kind=ConnectionKind.SIMULATOR, api_root=kite.root, api_key=API_KEY
        )
        account.access_token = kite.login()
        account.save()
        kite.exchange.set_price("NSE", "INFY", Decimal("1512.5"))
        order = make_order(Status.QUEUED, reference_price=Decimal(1400))
        assert market_data.price_for_paper(order) == Decimal("1512.5")
    claim = claim_next("worker")
    assert claim is not None
    send(claim)
    assert Order.objects.get(pk=order.pk).average_price == Decimal("1512.5")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turns", [1, 2])
def test_of_many_threads_one_gets_the_turn(account, turns):
    """The account's first turn of all, and every one after it."""
    for number in range(turns):
        moment = NOON + timedelta(seconds=10 * number)
        together = threading.Barrier(6)

        def take(at, together):
            try:
                together.wait(10)
                return quote_turns.take(account, at)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(6) as pool:
            taken = [pool.submit(take, moment, together) for _ in range(6)]
            assert [one.result() for one in taken].count(True) == 1
    assert RateWindow.objects.filter(connection=account).count() == 1
