"""What the broker shows of an account, asked over REST and found out by the worker."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest

from brokers import errors
from brokers.models import BrokerConnection, BrokerQuestion, ConnectionKind
from brokers.port import Margins
from brokers.registry import broker_for
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory
from tests.support.kite import API_KEY, simulator
from tests.support.telling import TellingBroker, holding, position
from trading.api import waiting
from trading.models import Instrument, WorkerHeartbeat
from trading.services import questions

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

READS = [
    ("post", "positions/sync/"),
    ("get", "positions/holdings/"),
    ("post", "zerodha/sync-orders/"),
    ("get", "zerodha/margins/"),
    ("post", "zerodha/order-preview/"),
]
ORDER = {"symbol": "NSE:INFY", "side": "BUY", "qty": 3, "order_type": "LIMIT", "price": "1500.05"}


@pytest.fixture
def beat(db):
    return WorkerHeartbeat.objects.create(
        worker_id="host:1:1", host="host", pid=1, started_at=clock.now(), beat_at=clock.now()
    )


@pytest.fixture
def zerodha():
    return BrokerConnectionFactory(name="zerodha")


@pytest.fixture
def broker():
    return TellingBroker()


@pytest.fixture
def worker(monkeypatch, beat, broker):
    """A worker answers whenever a call waits: with the double, or the account's own broker."""

    def work(seconds):
        assert 0 < seconds <= 0.1
        for account in BrokerConnection.objects.order_by("id"):
            own = account.kind != ConnectionKind.LIVE
            questions.answer_open(account, broker_for(account) if own else broker)

    monkeypatch.setattr(questions.time, "sleep", work)
    return broker


def call(api, method, path):
    if method == "get":
        return api.get(path)
    return api.post(path, ORDER if path.startswith("zerodha/order-preview") else None)


def test_syncing_positions_reads_them_at_the_broker(api, zerodha, worker):
    worker.says = {"positions": [position(4), position(0)][:1], "holdings": [holding(2)]}
    body = api.post("positions/sync/").json()
    assert (body["positions"], body["holdings"]) == (1, 1)
    assert body["read_at"].endswith("Z")
    assert worker.names_asked() == ["positions", "holdings", "margins"]


def test_holdings_have_the_documented_fields(api, zerodha, worker):
    worker.says["holdings"] = [holding(7, t1_quantity=2, pnl=Decimal("700.50"))]
    assert api.get("positions/holdings/").json() == [
        {
            "symbol": "NSE:TCS",
            "exchange": "NSE",
            "tradingsymbol": "TCS",
            "qty": 7,
            "t1_qty": 2,
            "average_price": "3000",
            "last_price": "3100",
            "pnl": "700.5",
        }
    ]


def test_the_order_book_is_followed(api, account, worker):
    body = api.post("zerodha/sync-orders/?connection=paper").json()
    assert body == {"changed": 0, "working": 0, "unknown": 0}


def test_margins_are_what_can_be_spent_and_the_brokers_own_answer(api, zerodha, worker):
    worker.says["margins"] = Margins(
        Decimal("99.05"), Decimal(1), Decimal("100.05"), {"equity": {"net": 99.05}}
    )
    assert api.get("zerodha/margins/").json() == {
        "available": "99.05",
        "raw": {"equity": {"net": 99.05}},
    }


def test_a_preview_costs_exactly_the_order_that_was_described(api, zerodha, worker):
    assert api.post("zerodha/order-preview/", ORDER).json() == {
        "required": "300",
        "charges": "1.5",
        "currency": "INR",
    }
    asked = worker.asked[0][1]
    assert (asked.exchange, asked.tradingsymbol, asked.quantity) == ("NSE", "INFY", 3)
    assert (asked.order_type, asked.product, asked.price) == ("LIMIT", "MIS", Decimal("1500.05"))


def test_paper_answers_too_and_is_meant_while_there_is_no_zerodha_account(api, account, worker):
    assert api.get("zerodha/margins/").json() == {"available": "1000000", "raw": {}}
    assert api.get("positions/holdings/").json() == []
    assert api.post("positions/sync/").json()["positions"] == 0
    preview = api.post("zerodha/order-preview/", ORDER | {"product": "CNC"}).json()
    assert preview == {"required": "4500.15", "charges": "0", "currency": "INR"}


@pytest.mark.parametrize("name", ["paper", "id"])
def test_the_account_is_named_by_the_query(api, account, zerodha, worker, name):
    named = account.pk if name == "id" else name
    assert api.get("zerodha/margins/", connection=named).json()["available"] == "1000000"
    assert api.get("zerodha/margins/").json()["available"] == "1000"


def test_an_unknown_account_is_404_and_several_must_be_named(api, zerodha, worker):
    assert api.get("zerodha/margins/", connection="nobody").status_code == 404
    BrokerConnectionFactory()
    answer = api.get("zerodha/margins/")
    assert (answer.status_code, answer.json()["code"]) == (400, "connection_needed")


@pytest.mark.parametrize(("method", "path"), READS)
def test_an_account_that_is_not_logged_in_is_not_asked(api, zerodha, worker, method, path):
    zerodha.token_expires_at = clock.now()
    zerodha.save()
    answer = call(api, method, path)
    assert (answer.status_code, answer.json()["code"]) == (400, "broker_not_connected")
    assert "log in again" in answer.json()["message"]
    assert not BrokerQuestion.objects.exists()


@pytest.mark.parametrize(("method", "path"), READS)
@pytest.mark.parametrize("silence", [None, "stopped", "stale"])
def test_without_a_worker_nobody_waits(api, zerodha, beat, monkeypatch, method, path, silence):
    def no_waiting(seconds):
        raise AssertionError("it waited for nobody")

    monkeypatch.setattr(questions.time, "sleep", no_waiting)
    if silence is None:
        beat.delete()
    elif silence == "stopped":
        WorkerHeartbeat.objects.update(stopped_at=clock.now())
    else:
        WorkerHeartbeat.objects.update(beat_at=clock.now() - timedelta(minutes=1))
    answer = call(api, method, path)
    assert (answer.status_code, answer.json()["code"]) == (503, "no_worker")
    assert not BrokerQuestion.objects.exists()


@pytest.mark.parametrize(("method", "path"), READS)
def test_a_worker_that_does_not_answer_in_time_is_202_pending(
    api, zerodha, beat, monkeypatch, method, path
):
    monkeypatch.setattr(waiting, "ANSWER_SECONDS", 0.02)
    answer = call(api, method, path)
    assert answer.status_code == 202
    assert answer.json()["status"] == "pending"
    assert answer.headers["Retry-After"]
    assert BrokerQuestion.objects.get().asked_by == "asha"


def test_at_most_a_quarter_of_the_threads_wait(api, zerodha, beat, monkeypatch):
    def no_waiting(seconds):
        raise AssertionError("it waited although too many do")

    monkeypatch.setattr(questions.time, "sleep", no_waiting)
    full = threading.BoundedSemaphore(1)
    assert full.acquire(blocking=False)
    monkeypatch.setattr(waiting, "_waiting", full)
    assert api.get("zerodha/margins/").status_code == 202


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.SessionExpired("Log in again."), 400, "broker_not_connected"),
        (errors.NotSupported("It can't."), 400, "not_supported"),
        (errors.RateLimited("Too many requests"), 503, "rate_limited"),
        (errors.Refused("Insufficient funds."), 502, "refused"),
        (errors.OutcomeUnknown("It timed out."), 502, "no_answer"),
    ],
)
def test_the_brokers_error_is_told_in_its_words(api, zerodha, worker, error, status, code):
    worker.says["margins"] = error
    answer = api.get("zerodha/margins/")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"] == error.message


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"symbol": "INFY"}, "symbol"),
        ({"symbol": ""}, "symbol"),
        ({"exchange": "BSE"}, "exchange"),
        ({"side": "HOLD"}, "side"),
        ({"qty": 0}, "qty"),
        ({"qty": "1.5"}, "qty"),
        ({"price": None}, "price"),
        ({"price": "-1"}, "price"),
        ({"order_type": "SL"}, "trigger_price"),
        ({"product": "BO"}, "product"),
        ({"quantity": 1}, "quantity"),
    ],
)
def test_what_is_no_order_names_the_field_and_nobody_is_asked(api, zerodha, worker, changes, field):
    answer = api.post("zerodha/order-preview/", ORDER | changes)
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {field}
    assert worker.asked == []


def test_a_symbol_that_is_not_clear_is_refused_by_name(api, zerodha, worker):
    Instrument.objects.create(
        exchange="NSE", tradingsymbol="TCS", search_key="TCS", listed_on=clock.now().date()
    )
    answer = api.post("zerodha/order-preview/", ORDER | {"symbol": "NSE:NOSUCH"})
    assert answer.status_code == 400
    assert "NOSUCH" in answer.json()["errors"]["symbol"][0]


@pytest.mark.parametrize(("method", "path"), READS)
def test_each_call_answers_without_the_trailing_slash(api, account, worker, method, path):
    assert call(api, method, path.rstrip("/")).status_code == 200


def test_the_same_idempotency_key_reads_once(api, zerodha, worker):
    first = api.post("positions/sync/", key="k1")
    again = api.post("positions/sync/", key="k1")
    assert again.json() == first.json()
    assert len(worker.asked) == 3


def test_everything_is_read_over_http(api, worker):
    with simulator(frozen=True, rate_limits=False) as kite:
        account = BrokerConnectionFactory(
            kind=ConnectionKind.SIMULATOR, api_root=kite.root, api_key=API_KEY
        )
        account.access_token = kite.login()
        account.save()
        margins = api.get("zerodha/margins/").json()
        assert Decimal(margins["available"]) > 0
        assert "equity" in margins["raw"]
        preview = api.post("zerodha/order-preview/", ORDER).json()
        assert Decimal(preview["required"]) > 0
        assert api.post("positions/sync/").json()["positions"] == 0
        assert api.post("zerodha/sync-orders/").json()["unknown"] == 0
        assert isinstance(api.get("positions/holdings/").json(), list)
