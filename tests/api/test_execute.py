"""Execute: it sends once, waits a while, and says what came of it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connections

from brokers.models import BrokerConnection
from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import make_order
from trading.api import waiting
from trading.domain.order import Status
from trading.models import Order, OrderAttempt
from trading.services import halting, lifecycle, queue
from trading.services.claim import claim_next
from trading.services.dispatch import send
from trading.services.setting_aside import set_aside

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


@pytest.fixture
def worker(monkeypatch):
    """A worker does its work whenever the call waits; `worker(do)` does something else instead."""
    steps = []

    def work(order_id):
        claim = claim_next("worker")
        if claim is not None:
            send(claim)

    def instead(do):
        steps.append(do)

    def sleep(seconds):
        assert 0 < seconds <= 0.1
        (steps[-1] if steps else work)(Order.objects.latest("id").pk)

    monkeypatch.setattr(waiting.time, "sleep", sleep)
    return instead


def walked(status, reason="because", **changes):
    """A step of the worker that takes the order to `status`."""

    def step(order_id):
        order = Order.objects.get(pk=order_id)
        if order.status == Status.QUEUED and status not in (Status.CANCELLED, Status.EXPIRED):
            lifecycle.transition(order, Status.SENDING, actor="worker")
        lifecycle.walk(order, status, actor="worker", reason=reason, changes=changes)

    return step


def execute(api, order, body=None, **more):
    return api.post(f"orders/{order.pk}/execute/", body, **more)


def test_an_order_that_is_sent_is_200_with_the_order(api, worker):
    order = make_order()
    response = execute(api, order)
    assert response.status_code == 200, response.json()
    body = response.json()
    assert body["status"] in ("SENT", "EXECUTED")
    assert body["broker_order_id"] == body["zerodha_order_id"]
    assert OrderAttempt.objects.count() == 1


def test_a_clamp_is_kept_with_its_note(api, worker):
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=100)
    body = execute(api, make_order(qty=150)).json()
    assert (body["qty"], body["requested_qty"], body["risk"]["outcome"]) == (100, 150, "CLAMP")
    assert body["risk"]["notes"] == [
        "Quantity clamped from 150 to 100 due to max_quantity_per_order=100 in GLOBAL."
    ]


def test_an_order_that_risk_denies_is_400_with_every_reason(api, worker):
    RiskSettings.objects.create(
        scope="GLOBAL", symbol_blacklist=["INFY"], max_quantity_per_order=5, clamp_mode="REJECT"
    )
    order = make_order()
    response = execute(api, order)
    body = response.json()
    assert (response.status_code, body["code"]) == (400, "REJECTED_RISK")
    assert len(body["errors"]["risk"]) == 2
    assert all(reason in body["message"] for reason in body["errors"]["risk"])
    assert (body["status"], body["order"]["id"]) == ("REJECTED_RISK", order.pk)


def test_an_order_that_the_broker_refuses_is_502_with_its_words(api, worker):
    worker(walked(Status.FAILED, error_message="Insufficient funds."))
    order = make_order()
    response = execute(api, order)
    body = response.json()
    assert (response.status_code, body["code"]) == (502, "FAILED")
    assert body["message"] == body["detail"] == "Insufficient funds."
    assert body["order"]["status"] == "FAILED"


def test_an_order_that_is_refused_after_it_had_an_id_is_200_with_that_status(api, worker):
    order = make_order(reference_price=None)
    response = execute(api, order)
    assert (response.status_code, response.json()["status"]) == (200, "REJECTED")
    assert "no price" in response.json()["error_message"].lower()


def test_an_order_whose_outcome_is_unknown_is_202(api, worker):
    worker(walked(Status.UNKNOWN))
    response = execute(api, make_order())
    assert (response.status_code, response.json()["status"]) == (202, "UNKNOWN")


def test_an_order_that_is_set_aside_is_400_with_the_reason_and_waits_again(api, worker):
    worker(lambda order_id: set_aside(Order.objects.get(pk=order_id), "The session has expired."))
    response = execute(api, make_order())
    body = response.json()
    assert (response.status_code, body["code"]) == (400, "set_aside")
    assert (body["message"], body["status"]) == ("The session has expired.", "WAITING")


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.EXPIRED])
def test_an_order_that_somebody_stops_meanwhile_is_409(status, api, worker):
    worker(walked(status))
    response = execute(api, make_order())
    assert (response.status_code, response.json()["code"]) == (409, status.value)


def test_a_fill_that_does_not_come_is_not_waited_for_long(api, worker):
    worker(lambda pk: Order.objects.get(pk=pk).status == "SENT" or walked(Status.SENT)(pk))
    response = execute(api, make_order())
    assert (response.status_code, response.json()["status"]) == (200, "SENT")


def test_wait_false_answers_at_once(api, worker):
    worker(lambda _: pytest.fail("it waited"))
    response = execute(api, make_order(), {"wait": False})
    assert (response.status_code, response.json()["status"]) == (202, "QUEUED")


def test_the_wait_is_bounded(api, monkeypatch):
    passed = [0.0]
    monkeypatch.setattr(waiting.time, "sleep", lambda s: passed.__setitem__(0, passed[0] + s))
    monkeypatch.setattr(waiting.time, "monotonic", lambda: passed[0])
    response = execute(api, make_order())
    assert (response.status_code, response.json()["status"]) == (202, "QUEUED")
    assert 9.9 < passed[0] <= 10.1


def test_nobody_waits_for_an_order_that_is_deferred(api, worker):
    def defer(order_id):
        Order.objects.filter(pk=order_id).update(not_before=clock.now() + timedelta(hours=1))

    worker(defer)
    assert execute(api, make_order()).status_code == 202


def test_only_some_threads_wait_and_the_others_get_202_at_once(api, worker, monkeypatch):
    monkeypatch.setattr(waiting, "_waiting", threading.BoundedSemaphore(1))
    worker(lambda _: pytest.fail("it waited"))
    with waiting._waiting:
        assert execute(api, make_order()).status_code == 202


@pytest.mark.parametrize(
    ("threads", "places"), [("16", 4), ("8", 2), ("3", 1), ("1", 1), ("x", 4), ("", 4)]
)
def test_a_quarter_of_the_servers_threads_may_wait(threads, places, monkeypatch):
    monkeypatch.setenv("ST_WEB_THREADS", threads)
    assert waiting._places() == places


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"qty": 0, "needs_quantity": True}, "not_executable", "qty"),
        ({"order_type": "LIMIT"}, "not_executable", "price"),
        ({"order_type": "LIMIT", "price": Decimal(5), "gtt": True}, None, None),
    ],
)
def test_what_can_not_be_executed_is_400_and_waits_on(fields, code, field, api, worker):
    order = make_order(**fields)
    response = execute(api, order)
    if code is None:  # the paper account holds triggers
        assert response.status_code == 200
        return
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert field in response.json()["errors"]
    assert Order.objects.get().status == "WAITING"


def test_an_account_that_can_not_trade_is_400_and_the_order_waits_on(api, worker):
    order = make_order()
    BrokerConnection.objects.update(enabled=False)
    response = execute(api, order)
    assert (response.status_code, response.json()["code"]) == (400, "account_disabled")
    halted = make_order(connection=order.connection)
    BrokerConnection.objects.update(enabled=True)
    halting.set_state("HALTED", "EVERYTHING", "storm", "asha")
    response = execute(api, halted)
    assert response.status_code == 400
    assert "storm" in response.json()["message"]
    assert set(Order.objects.values_list("status", flat=True)) == {"WAITING"}


def test_the_second_press_is_409_and_sends_nothing_more(api, worker):
    order = make_order()
    assert execute(api, order).status_code == 200
    again = execute(api, order)
    assert (again.status_code, again.json()["code"]) == (409, "already_decided")
    assert OrderAttempt.objects.count() == 1


@pytest.mark.parametrize("body", [{"wait": "soon"}, {"version": "x"}, {"waits": True}])
def test_a_wrong_option_is_400_and_nothing_is_queued(body, api, worker):
    order = make_order()
    response = execute(api, order, body)
    assert (response.status_code, list(response.json()["errors"])) == (400, list(body))
    assert execute(api, order, {"version": 7}).status_code == 409
    assert Order.objects.get().status == "WAITING"


@pytest.mark.django_db(transaction=True)
def test_of_32_parallel_executes_one_wins_and_the_others_get_409(make_api):
    order = make_order()
    gate = threading.Barrier(32)

    def press(_):
        api = make_api()
        gate.wait(30)
        try:
            response = execute(api, order, {"wait": False})
            return response.status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(32) as pool:
        codes = sorted(pool.map(press, range(32)))
    assert codes == [202] + [409] * 31
    assert [event.to_status for event in queue.get(order.pk).events.order_by("sequence")] == [
        "WAITING",
        "QUEUED",
    ]


@pytest.mark.django_db(transaction=True)
def test_a_waiting_call_holds_no_transaction_while_a_worker_sends(make_api):
    order = make_order()
    answers = []

    def press():
        try:
            answers.append(execute(make_api(), order))
        finally:
            connections.close_all()

    caller = threading.Thread(target=press)
    caller.start()
    while not (claim := claim_next("worker")):
        assert caller.is_alive()
    send(claim)
    caller.join(10)
    assert answers[0].status_code == 200
