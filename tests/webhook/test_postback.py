"""Kite's postbacks wake the follower of their account, and nobody else's word does."""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.conf import settings

from brokers.models import BrokerConnection, BrokerQuestion, QuestionKind
from sigmatrader import clock
from trading.models import IntakeCounter

pytestmark = pytest.mark.django_db

SECRET = "postback-secret"
ADDRESS = "/webhook/zerodha/postback"


NOW = datetime(2026, 11, 25, 11, 0, 1, tzinfo=clock.IST)


class Time:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(autouse=True)
def time() -> Iterator[Time]:
    standing = Time()
    clock.use(standing)
    try:
        yield standing
    finally:
        clock.use(None)


@pytest.fixture
def account() -> BrokerConnection:
    connection = BrokerConnection(
        name="zerodha",
        broker_name="zerodha",
        kind="SIMULATOR",
        api_root="http://127.0.0.1:1",
        api_key="key",
        user_id="SIM001",
    )
    connection.api_secret = SECRET
    connection.save()
    return connection


def body(secret: str = SECRET, **changes: object) -> bytes:
    row = {
        "order_id": "1953341975595868160",
        "order_timestamp": "2026-11-25 11:00:00",
        "user_id": "SIM001",
        "status": "COMPLETE",
        **changes,
    }
    signed = f"{row['order_id']}{row['order_timestamp']}{secret}"
    return json.dumps({**row, "checksum": hashlib.sha256(signed.encode()).hexdigest()}).encode()


def post(client, content: bytes, address: str = ADDRESS):
    return client.post(address, content, content_type="application/json")


@pytest.mark.parametrize("address", [ADDRESS, ADDRESS + "/"])
def test_a_genuine_postback_asks_for_the_order_book(client, account, address):
    assert post(client, body(), address).status_code == 200
    question = BrokerQuestion.objects.get()
    assert (question.connection, question.kind) == (account, QuestionKind.SYNC_ORDERS)


def test_many_postbacks_at_once_ask_once(client, account):
    for number in range(20):
        assert post(client, body(order_id=str(number))).status_code == 200
    assert BrokerQuestion.objects.count() == 1


def test_one_postback_sent_again_and_again_asks_once_a_round(client, account, time):
    round_ = timedelta(seconds=settings.ST.RECONCILE_INTERVAL_SECONDS)
    for _ in range(20):
        assert post(client, body()).status_code == 200
        BrokerQuestion.objects.update(answered_at=time.now)
        time.now += round_ / 10
    assert BrokerQuestion.objects.count() == 2


@pytest.mark.parametrize(
    "at",
    [
        "2026-11-24 15:29:59",
        "2026-11-25 05:59:59",
        "2026-11-26 06:00:00",
        "0001-01-01 00:00:00",
        "9999-12-31T23:59:59-12:00",
        "yesterday",
    ],
)
def test_a_postback_of_another_day_asks_nothing(client, account, at):
    assert post(client, body(order_timestamp=at)).status_code == 200
    assert not BrokerQuestion.objects.exists()


def test_the_day_of_the_book_lasts_until_six_in_the_morning(client, account, time):
    time.now = datetime(2026, 11, 26, 5, 59, tzinfo=clock.IST)
    post(client, body(order_timestamp="2026-11-25 06:00:00"))
    assert BrokerQuestion.objects.count() == 1


@pytest.mark.parametrize("name", ["order_id", "user_id", "status", "order_timestamp"])
@pytest.mark.parametrize("text", ["\ud800", "\0", "a\nb", "a" * 65])
def test_texts_that_are_none_are_refused_and_counted(client, account, name, text):
    content = json.loads(body()) | {name: text}
    answer = post(client, json.dumps(content).encode())
    assert answer.status_code == 401
    assert IntakeCounter.objects.get().kind == "wrong_checksum"
    assert not BrokerQuestion.objects.exists()


@pytest.mark.parametrize(
    "content",
    [
        body(secret="another"),
        body(user_id="SIM002"),
        body().replace(b"COMPLETE", b"CANCELLED").replace(b"1953341975595868160", b"7"),
        b"{}",
        b"[]",
        b"no json",
        b"",
        json.dumps({"order_id": 1, "checksum": None}).encode(),
    ],
)
def test_what_the_account_has_not_signed_is_refused_and_asks_nothing(client, account, content):
    answer = post(client, content)
    assert answer.status_code == 401
    assert answer.json() == {"status": "rejected", "code": "invalid_postback"}
    assert not BrokerQuestion.objects.exists()


def test_guessing_is_locked_out(client, account):
    codes = {post(client, body(secret=str(number))).status_code for number in range(700)}
    assert codes == {401, 429}
    assert SECRET not in str(post(client, body(secret="x")).content)


def test_only_post_is_taken(client, account):
    answer = client.get(ADDRESS)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_an_account_without_a_secret_believes_nobody(client, account):
    BrokerConnection.objects.update(api_secret_encrypted="")
    assert post(client, body(secret="")).status_code == 401
