"""What the header says of accounts, worker and market."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import RequestFactory
from django.urls import reverse

from brokers.models import AccountState, BrokerConnection
from sigmatrader import clock
from trading.models import WorkerHeartbeat
from trading.web import context
from trading.web.context import current_desk, market_text

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)  # a Monday, 10:30 in India


@pytest.fixture(autouse=True)
def _stopped_clock():
    clock.use(lambda: NOW)
    yield
    clock.use(None)


def beat(seconds_ago: float, *, stopped: bool = False) -> None:
    at = NOW - timedelta(seconds=seconds_ago)
    WorkerHeartbeat.objects.create(
        worker_id=f"desk:1:{seconds_ago}",
        host="desk",
        pid=1,
        started_at=at,
        beat_at=at,
        stopped_at=at if stopped else None,
    )


@pytest.mark.parametrize(
    ("seconds_ago", "stopped", "word"),
    [
        (None, False, "Checking"),
        (3, False, "Connected"),
        (15, False, "Connected"),
        (16, False, "Error"),
        (3, True, "Checking"),
        (600, True, "Error"),
    ],
)
def test_the_chip_follows_the_workers_heartbeat(desk, seconds_ago, stopped, word):
    if seconds_ago is not None:
        beat(seconds_ago, stopped=stopped)
    assert current_desk().broker.word == word


def test_a_new_worker_takes_over_from_one_that_stopped(desk):
    beat(600, stopped=True)
    beat(1)
    assert current_desk().broker.word == "Connected"


def test_a_live_account_without_a_session_is_an_error_with_its_name(desk, live_account):
    beat(1)
    broker = current_desk().broker
    assert (broker.name, broker.word) == ("zerodha", "Error")
    assert broker.detail


def test_an_account_that_is_switched_off_is_no_error_while_the_default_works(desk, live_account):
    beat(1)
    BrokerConnection.objects.filter(pk=live_account.pk).update(enabled=False)
    assert current_desk().broker.word == "Connected"


def test_a_default_account_that_is_switched_off_is_an_error(desk):
    beat(1)
    BrokerConnection.objects.update(enabled=False)
    assert current_desk().broker.word == "Error"


@pytest.mark.django_db
def test_no_account_at_all_is_an_error():
    assert current_desk().broker.word == "Error"
    assert current_desk().money == "PAPER"


def test_one_live_account_makes_the_whole_desk_live(desk, live_account):
    assert current_desk().money == "LIVE"
    page = desk.client.get("/queue/").content.decode()
    assert '<body data-money="live">' in page
    assert 'money-big" title="A live account is connected' in page


def test_a_simulator_is_neither_paper_nor_live(desk):
    BrokerConnection.objects.create(name="sim", broker_name="zerodha", kind="SIMULATOR")
    assert current_desk().money == "SIMULATOR"


def test_the_header_says_the_servers_time_and_each_poll_renews_it(desk):
    moment = '<time datetime="2026-11-23T05:00:00.000Z"'
    for name in ("dashboard", "desk"):
        page = desk.client.get(reverse(name)).content.decode()
        chip = page[page.index("data-server-now") :].partition("</time>")[0]
        assert moment in chip
        assert "as of" in chip


def test_a_page_that_asks_nothing_of_the_desk_reads_nothing(django_assert_num_queries, db):
    with django_assert_num_queries(0):
        context.desk(RequestFactory().get("/"))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOW, "NSE open until 15:30, 5 h left"),
        (NOW.replace(hour=3), "NSE closed, opens 09:15, in 45 min"),
        (NOW.replace(hour=11), "NSE closed, opens Wed 09:15"),  # the 24th is a holiday
    ],
)
@pytest.mark.django_db
def test_the_market_says_when_it_opens_or_closes(moment, text):
    assert market_text(moment) == text


def test_a_book_that_stays_dark_is_an_error_on_every_page(db):
    account = BrokerConnection(
        name="dark", broker_name="zerodha", kind="SIMULATOR", api_root="http://127.0.0.1:1"
    )
    account.access_token = "token"
    account.token_expires_at = clock.now() + timedelta(hours=3)
    account.save()
    WorkerHeartbeat.objects.create(
        worker_id="w", host="h", pid=1, started_at=clock.now(), beat_at=clock.now()
    )
    state = AccountState.objects.create(
        connection=account, book_failures=2, book_error="503", book_read_at=clock.now()
    )
    assert current_desk().broker.word == "Connected"
    state.book_failures = 3
    state.save()
    broker = current_desk().broker
    assert (broker.word, broker.account_id) == ("Error", account.pk)
    assert "can't be read since" in broker.detail
    assert "503" in broker.detail
