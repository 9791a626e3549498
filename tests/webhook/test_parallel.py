"""Many at once: one order, the same answer for all, nothing lost."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection, connections
from django.db.models import Sum
from django.test import Client

from brokers.accounts import ensure_paper_account
from tests.webhook.conftest import SECRET, URL, alert
from trading.models import Alert, IntakeCounter, Order
from trading.services import webhook_secrets
from trading.webhooks import gate as webhook_gate
from trading.webhooks import reception

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_backends]


@pytest.fixture
def ready(transactional_db):
    webhook_secrets.create(SECRET)
    return ensure_paper_account()


@pytest.fixture
def patient(monkeypatch):
    """However slow the machine is, each gets its turn."""
    monkeypatch.setattr(reception, "COMMIT_SECONDS", 60)
    monkeypatch.setattr(webhook_gate, "_WAIT_SECONDS", 60)


def all_at_once(bodies):
    """Post every body from a thread of its own, all in the same moment."""
    gate = threading.Barrier(len(bodies))

    def post(body):
        client = Client()
        gate.wait(30)
        try:
            response = client.post(URL, body, content_type="application/json")
            return response.status_code, response.json()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(post, bodies))


@pytest.mark.parametrize("own_id", [{}, {"alert_id": "A1"}])
def test_32_identical_alerts_make_one_order_and_32_answers_with_its_ids(own_id, ready, patient):
    answers = all_at_once([alert(**own_id)] * 32)
    assert sorted(code for code, _ in answers) == [200] * 31 + [201]
    assert {(body["alert_id"], body["order_id"]) for _, body in answers} == {
        (Alert.objects.get().pk, Order.objects.get().pk)
    }
    assert Alert.objects.get().duplicate_count == 31


def test_16_different_alerts_are_16_orders(ready, patient):
    answers = all_at_once([alert(interval=str(number)) for number in range(16)])
    assert [code for code, _ in answers] == [201] * 16
    assert Order.objects.count() == 16


def test_16_wrong_secrets_at_once_are_all_counted(ready, patient):
    answers = all_at_once([alert(secret="wrong")] * 16)
    assert {code for code, _ in answers} == {401}
    assert IntakeCounter.objects.aggregate(all=Sum("count")) == {"all": 16}


@pytest.fixture
def locked(ready):
    """Another process holds the database for writing."""
    assert Client().post(URL, alert(), content_type="application/json").status_code == 201
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        other = sqlite3.connect(settings["NAME"], timeout=5, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
    else:
        other = _postgres()
        other.execute("LOCK TABLE alerts IN SHARE MODE")  # others may read
    yield
    other.rollback()
    other.close()


def _postgres():
    parameters = connection.get_connection_params()
    wanted = ("dbname", "user", "host", "port", "password")
    return psycopg.connect(**{name: parameters[name] for name in wanted if name in parameters})


def test_a_database_that_is_locked_for_long_gives_503_in_time_and_nothing_is_written(
    locked, client
):
    started = time.monotonic()
    response = client.post(URL, alert(interval="15"), content_type="application/json")
    assert response.status_code == 503
    # TradingView's patience is 3 s and ours 2; a busy machine gets twice that.
    assert time.monotonic() - started < 6
    assert int(response.headers["Retry-After"]) >= 1
    assert Alert.objects.count() == 1


def test_a_copy_of_a_stored_alert_is_answered_although_nothing_can_be_written(locked, client):
    response = client.post(URL, alert(), content_type="application/json")
    assert (response.status_code, response.json()["status"]) == (200, "duplicate")
    assert response.json()["order_id"] == Order.objects.get().pk
