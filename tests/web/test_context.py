"""What the header says of accounts, worker and market."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import RequestFactory
from django.urls import reverse

from brokers.models import AccountState, BrokerConnection
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory
from trading.models import WorkerHeartbeat
from trading.web import context
from trading.web.context import current_desk
from trading.web.market_chip import market_chip

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
    ("moment", "word", "tone", "then", "at", "when"),
    [
        (NOW, "open", "open", "closes", "2026-11-23T15:30", ""),
        (NOW.replace(hour=3, minute=20), "closed", "shut", "opens", "2026-11-23T09:15", ""),
        (NOW.replace(hour=3, minute=35), "pre-open", "soon", "opens", "2026-11-23T09:15", ""),
        (NOW.replace(hour=9, minute=50), "closing auction", "soon", "ends", "2026-11-23T15:35", ""),
        (NOW.replace(hour=11), "closed", "shut", "opens", "2026-11-25T09:15", "Wed 09:15"),
        (
            NOW.replace(day=24),
            "holiday: Guru Nanak Jayanti",
            "shut",
            "opens",
            "2026-11-25T09:15",
            "",
        ),
    ],
)
@pytest.mark.django_db
def test_the_market_says_how_it_stands_and_what_comes_next(moment, word, tone, then, at, when):
    chip = market_chip(moment)
    assert (chip.word, chip.tone, chip.next, chip.when) == (word, tone, then, when)
    assert chip.at == datetime.fromisoformat(at).replace(tzinfo=clock.IST)
    assert "MCX" in chip.words


@pytest.mark.django_db
def test_a_market_whose_days_are_not_known_counts_down_to_nothing():
    chip = market_chip(NOW.replace(year=2035))
    assert (chip.tone, chip.at) == ("doubt", None)
    assert "not known" in chip.words


@pytest.mark.parametrize(
    ("seconds_ago", "stopped", "word", "tone"),
    [
        (None, False, "not seen yet", "wait"),
        (3, False, "running", "ok"),
        (16, False, "silent", "bad"),
        (3, True, "stopped", "wait"),
        (600, True, "stopped", "bad"),
    ],
)
def test_the_worker_has_a_chip_of_its_own(desk, seconds_ago, stopped, word, tone):
    if seconds_ago is not None:
        beat(seconds_ago, stopped=stopped)
    worker = current_desk().worker
    assert (worker.word, worker.tone) == (word, tone)
    page = desk.client.get(reverse("dashboard")).content.decode()
    assert f"chip-worker-{tone}" in page


def test_the_header_says_when_the_books_of_the_brokers_were_last_read(desk):
    beat(1)
    assert current_desk().worker.synced_at is None  # paper has no book outside
    for number, seconds in enumerate((4, 40)):
        account = BrokerConnectionFactory(name=f"kite {number}")
        AccountState.objects.create(
            connection=account, book_read_at=NOW - timedelta(seconds=seconds)
        )
    assert current_desk().worker.synced_at == NOW - timedelta(seconds=40)
    page = desk.client.get(reverse("desk")).content.decode()
    assert "synced <time" in page


def test_a_session_counts_down_to_its_end(desk):
    beat(1)
    BrokerConnectionFactory(token_expires_at=NOW + timedelta(hours=3, minutes=5))
    page = desk.client.get(reverse("desk")).content.decode()
    assert "3 h 05 m</time>" in page
    assert 'id="chip-login"' not in page


def test_an_account_that_must_log_in_does_so_in_one_press(desk):
    beat(1)
    account = BrokerConnectionFactory(token_expires_at=NOW - timedelta(hours=1))
    page = desk.client.get(reverse("desk")).content.decode()
    assert f'href="{reverse("zerodha_login")}?connection={account.pk}"' in page


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
    assert "can't be read since 23 Nov, 10:30:00" in broker.detail
    assert "503" in broker.detail
