"""Idempotency-Key: done once, answered alike, for a day."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connections

from sigmatrader import clock
from tests.api.conftest import api_of
from tests.factories import make_order
from trading.api.views import settings as settings_views
from trading.domain.order import Status
from trading.models import IdempotentRequest, Order, Strategy
from trading.services import lifecycle

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

ONE = {"name": "one"}


@pytest.fixture
def later():
    """`later(seconds)`: so much later than now."""
    real = clock.now()
    yield lambda seconds: clock.use(lambda: real + timedelta(seconds=seconds))
    clock.use(None)


def test_the_same_request_again_gets_the_first_answer_and_does_nothing(api):
    first = api.post("strategies/", ONE, key="k1")
    again = api.post("strategies", ONE, key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert Strategy.objects.count() == 1


def test_a_retry_of_an_order_is_made_once(api):
    failed = make_order(Status.QUEUED)
    lifecycle.transition(failed, Status.REJECTED_RISK, actor="worker")
    answers = [api.post(f"orders/{failed.pk}/retry/", key="k1").json() for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert Order.objects.count() == 2


def test_a_refusal_is_given_again_too(api):
    assert api.post("strategies/", {"name": ""}, key="k1").status_code == 400
    assert api.post("strategies/", {"name": ""}, key="k1").headers["Idempotent-Replayed"]


def test_the_same_key_with_another_body_is_422(api):
    api.post("strategies/", ONE, key="k1")
    response = api.post("strategies/", {"name": "two"}, key="k1")
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert Strategy.objects.count() == 1


def test_a_key_is_of_one_user_and_one_address(api, client):
    ravi = api_of(client, get_user_model().objects.create_superuser("ravi", password="x"))
    assert api.post("strategies/", ONE, key="k1").status_code == 201
    assert ravi.post("strategies/", {"name": "two"}, key="k1").status_code == 201
    assert api.post("risk-settings/", {"scope": "GLOBAL"}, key="k1").status_code == 201


def test_without_a_key_nothing_is_kept(api):
    api.post("strategies/", ONE)
    assert api.post("strategies/", ONE).status_code == 400
    assert not IdempotentRequest.objects.exists()


@pytest.mark.parametrize("key", ["", "x" * 201, "clé", "a\tb"])
def test_a_key_that_is_none_is_400(key, api):
    response = api.post("strategies/", ONE, key=key)
    assert (response.status_code, list(response.json()["errors"])) == (400, ["Idempotency-Key"])
    assert not Strategy.objects.exists()


def test_while_the_first_is_running_the_second_is_409(api):
    api.post("strategies/", ONE, key="k1")
    IdempotentRequest.objects.update(status_code=None, response=None)
    response = api.post("strategies/", ONE, key="k1")
    assert (response.status_code, response.json()["code"]) == (409, "still_running")


def test_a_request_whose_process_died_is_taken_over_after_a_minute(api, later):
    api.post("strategies/", ONE, key="k1")
    Strategy.objects.all().delete()
    IdempotentRequest.objects.update(status_code=None, response=None)
    later(59)
    assert api.post("strategies/", ONE, key="k1").status_code == 409
    later(61)
    assert api.post("strategies/", {"name": "two"}, key="k1").status_code == 422
    assert api.post("strategies/", ONE, key="k1").status_code == 201
    assert Strategy.objects.get().name == "one"


def test_after_a_day_the_key_is_free(api, later):
    api.post("strategies/", ONE, key="k1")
    later(24 * 3600 + 1)
    assert api.post("strategies/", {"name": "two"}, key="k1").status_code == 201
    assert IdempotentRequest.objects.count() == 1


def test_a_fault_of_ours_leaves_the_key_free(api, monkeypatch):
    real = settings_views.store

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(settings_views, "store", broken)
    assert api.post("strategies/", ONE, key="k1").status_code == 500
    monkeypatch.setattr(settings_views, "store", real)
    assert api.post("strategies/", ONE, key="k1").status_code == 201


@pytest.mark.django_db(transaction=True)
def test_of_16_at_once_one_does_it_and_the_others_get_its_answer_or_409(make_api):
    gate = threading.Barrier(16)

    def send(_):
        api = make_api()
        gate.wait(30)
        try:
            return api.post("strategies/", ONE, key="k1").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(send, range(16)))
    assert set(codes) <= {201, 409}
    assert 201 in codes
    assert Strategy.objects.count() == 1
