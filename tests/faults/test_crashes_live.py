"""kill -9 at every step of a live order's way: nothing is sent twice, nothing is lost."""

import json
import signal
import sys
from pathlib import Path

import pytest
from django.test import Client

from brokers.simulator import faults as f
from tests.support import processes, steps
from tests.support.crashing_web import STEPS as WEB_STEPS
from tests.support.crew import REPOSITORY
from tests.support.rig import Rig, check_invariants
from trading.domain.values import OrderType, Product
from trading.models import Alert, Order
from trading.services import queue, webhook_secrets

pytestmark = [pytest.mark.faults, pytest.mark.db_backends]

SECRET = "the-secret-of-the-webhook"


@pytest.mark.parametrize("step", steps.SENDING)
def test_a_worker_killed_at_any_step_leaves_nothing_wrong(bare_rig: Rig, step: str) -> None:
    rig = bare_rig
    order = rig.order()
    rig.fork("dying", step)
    rig.wait_for_death("dying")
    rig.fork()
    if step in steps.NEVER_PLACED:
        assert "Not found at the broker" in rig.until(order, "FAILED").error_message
        assert rig.at_broker(order) == []
    else:
        assert rig.until(order, "EXECUTED").filled_qty == 2
        assert len(rig.posts(order)) == 1
    check_invariants(rig)


def test_a_worker_killed_while_it_waits_for_the_answer_leaves_nothing_wrong(
    bare_rig: Rig,
) -> None:
    rig = bare_rig
    rig.fork("dying")
    rig.faults.script("place", f.answer_late(0.25))
    order = rig.order()
    rig.wait(lambda: rig.at_broker(order), "the broker has it")
    rig.kill("dying")
    rig.fork()
    rig.until(order, "EXECUTED")
    assert len(rig.posts(order)) == 1
    check_invariants(rig)


@pytest.mark.parametrize("step", steps.CHANGING)
def test_a_worker_killed_while_it_changes_an_order_leaves_the_book_to_decide(
    bare_rig: Rig, step: str
) -> None:
    rig = bare_rig
    rig.fork("first")
    order = rig.until(rig.limit(qty=4), "SENT")
    rig.stop("first")
    cancelled = "cancel" in step
    if cancelled:
        rig.cancel(order)
        assert rig.fresh(order).status == "CANCEL_PENDING"
    else:
        queue.modify(rig.fresh(order), {"qty": 3}, actor="test")
    rig.fork("dying", step)
    rig.wait_for_death("dying")
    rig.fork()
    if cancelled:
        rig.until(order, "CANCELLED")
    else:
        rig.wait(lambda: rig.fresh(order).qty == 3, "the change is done")
        assert rig.at_broker(order)[0]["quantity"] == 3
        rig.cancel(order)
        rig.until(order, "CANCELLED")
    check_invariants(rig)


@pytest.mark.parametrize("step", steps.TRIGGERS)
def test_a_worker_killed_while_it_places_a_trigger_leaves_one_at_most(
    bare_rig: Rig, step: str
) -> None:
    rig = bare_rig
    symbol = rig.new_symbol()
    price = rig.last(symbol) - 1
    order = rig.order(
        symbol,
        order_type=OrderType.LIMIT,
        price=price,
        trigger_price=price,
        gtt=True,
        product=Product.CNC,
    )
    rig.fork("dying", step)
    rig.wait_for_death("dying")
    rig.fork()
    if "before" in step:
        rig.until(order, "UNKNOWN")
        rig.wait(lambda: "resolve it" in rig.fresh(order).error_message, "a person is asked")
        check_invariants(rig, unknown_allowed=True)
        queue.resolve(
            rig.fresh(order),
            outcome="NOT_PLACED",
            broker_order_id="",
            reason="looked",
            actor="test",
        )
    else:
        assert rig.until(order, "SENT").broker_trigger_id
        rig.cancel(order)
        rig.until(order, "CANCELLED")
    check_invariants(rig)


def test_two_workers_killed_in_turn_send_each_order_once(bare_rig: Rig) -> None:
    rig = bare_rig
    orders = [rig.order() for _ in range(10)]
    rig.fork("one", "after the answer's first byte")
    rig.fork("two", "after the claim is committed")
    rig.wait_for_death("one")
    rig.wait_for_death("two")
    rig.fork("three")
    rig.fork("four")
    for order in orders:
        rig.until(order, "EXECUTED", "FAILED")
    assert all(len(rig.posts(order)) <= 1 for order in orders)
    assert sum(rig.fresh(order).status == "EXECUTED" for order in orders) >= 8
    check_invariants(rig)


def alert(rig: Rig, symbol: str) -> dict[str, object]:
    return {
        "secret": SECRET,
        "alert_id": f"crash-{symbol}",
        "strategy_name": rig.strategies["AUTO"].name,
        "symbol": f"NSE:{symbol}",
        "trade_details": {"order_action": "BUY", "quantity": 2},
    }


def crash_web(rig: Rig, step: str, body: bytes, folder: Path) -> None:
    file = folder / "alert.json"
    file.write_bytes(body)
    process = processes.start(
        [sys.executable, "-m", "tests.support.crashing_web", step, str(file)],
        log=rig.log_path("web"),
        environment=rig.environment,
        folder=REPOSITORY,
    )
    rig.wait(lambda: process.poll() is not None, f"the web dies {step}")
    assert processes.stop(process) == -signal.SIGKILL, rig.log("web")


@pytest.fixture
def known_secret(rig_without_worker: Rig) -> None:
    webhook_secrets.create(SECRET)


@pytest.mark.usefixtures("known_secret")
def test_a_web_process_killed_before_its_commit_leaves_no_order(
    bare_rig: Rig, tmp_path: Path
) -> None:
    rig = bare_rig
    body = json.dumps(alert(rig, rig.new_symbol())).encode()
    alerts = Alert.objects.count()
    crash_web(rig, WEB_STEPS[0], body, tmp_path)
    assert Alert.objects.count() == alerts
    assert Order.objects.filter(pk__gte=rig.first_order).count() == 0
    check_invariants(rig)


@pytest.mark.usefixtures("known_secret")
def test_a_web_process_killed_after_its_commit_leaves_one_order(
    bare_rig: Rig, tmp_path: Path
) -> None:
    rig = bare_rig
    symbol = rig.new_symbol()
    body = json.dumps(alert(rig, symbol)).encode()
    crash_web(rig, WEB_STEPS[1], body, tmp_path)
    rig.fork()
    order = Order.objects.get(pk__gte=rig.first_order)
    rig.until(order, "EXECUTED")
    again = Client(headers={"host": "localhost"}).post(
        "/webhook/tradingview", body, content_type="application/json"
    )
    assert (again.status_code, again.json()["status"]) == (200, "duplicate")
    assert again.json()["order_id"] == order.pk
    assert len(rig.posts(order)) == 1
    check_invariants(rig)
