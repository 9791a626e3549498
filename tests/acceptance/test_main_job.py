"""From alert to fill through the running system: web and worker, on both databases."""

import threading
from collections.abc import Iterator

import pytest

from tests.support.books import ReadBooks
from tests.support.server import DATABASES, Server, installation_on


def entry(strategy: str, symbol: str, **details: object) -> dict[str, object]:
    return {
        "strategy_name": strategy,
        "symbol": f"NSE:{symbol}",
        "trade_details": {"order_action": "BUY", "quantity": 3, "price": 1500, **details},
    }


@pytest.fixture(scope="module", params=DATABASES)
def running(request: pytest.FixtureRequest) -> Iterator[Server]:
    cluster = request.getfixturevalue("postgres_cluster") if request.param == "postgres" else None
    with installation_on(request.param, cluster) as server:
        server.start_web()
        made = server.api("/api/strategies/", data={"name": "robot", "execution_mode": "AUTO"})
        assert made.status == 201, made.body
        yield server


def in_parallel(count: int, work) -> list:  # type: ignore[no-untyped-def, type-arg]
    results: list = []  # type: ignore[type-arg]
    start = threading.Barrier(count)

    def run() -> None:
        start.wait(timeout=30)
        results.append(work())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_waiting_order_is_executed_by_a_press(running: Server) -> None:
    alert = running.send_alert(entry("by hand", "INFY"))
    assert alert.status == 201
    said = alert.json()
    assert (said["status"], said["order_status"], said["mode"]) == (
        "accepted",
        "WAITING",
        "MANUAL",
    )
    queue = running.api("/api/orders/queue/").json()
    assert said["order_id"] in [order["id"] for order in queue]
    answer = running.api(f"/api/orders/{said['order_id']}/execute/", method="POST", data={})
    assert answer.status == 200, answer.body
    done = running.wait_for_order(said["order_id"], "EXECUTED")
    assert (done["filled_qty"], done["average_price"], done["simulated"]) == (3, "1500", True)
    events = running.api(f"/api/orders/{said['order_id']}/events/").json()
    assert [event["to"] for event in events] == [
        "WAITING",
        "QUEUED",
        "SENDING",
        "SENT",
        "EXECUTED",
    ]
    assert [event["sequence"] for event in events] == [1, 2, 3, 4, 5]


def test_an_auto_strategy_needs_nobody(running: Server) -> None:
    said = running.send_alert(entry("robot", "TCS")).json()
    assert said["mode"] == "AUTO"
    done = running.wait_for_order(said["order_id"], "EXECUTED")
    assert done["risk"]["outcome"] == "PASS"


def test_identical_alerts_at_once_make_one_order(running: Server) -> None:
    alert = entry("by hand", "SBIN", comment="the same")
    answers = in_parallel(32, lambda: running.send_alert(alert))
    assert {answer.status for answer in answers} <= {200, 201}
    assert len({(a.json()["alert_id"], a.json()["order_id"]) for a in answers}) == 1
    assert [answer.status for answer in answers].count(201) == 1


def test_many_executes_of_one_order_send_it_once(running: Server, read_books: ReadBooks) -> None:
    order_id = running.send_alert(entry("by hand", "ITC")).json()["order_id"]
    answers = in_parallel(
        32, lambda: running.api(f"/api/orders/{order_id}/execute/", method="POST", data={})
    )
    assert {answer.status for answer in answers} <= {200, 202, 409}
    assert [answer.status for answer in answers].count(409) == 31
    running.wait_for_order(order_id, "EXECUTED")
    assert len(read_books(running).at_broker(order_id)) == 1


def test_a_denial_names_every_reason_and_keeps_every_verdict(running: Server) -> None:
    made = running.api(
        "/api/risk-settings/",
        data={
            "scope": "GLOBAL",
            "max_quantity_per_order": "2",
            "max_order_value": "1000",
            "clamp_mode": "REJECT",
        },
    )
    assert made.status == 201, made.body
    settings_id = made.json()["id"]
    try:
        order_id = running.send_alert(entry("by hand", "WIPRO")).json()["order_id"]
        answer = running.api(f"/api/orders/{order_id}/execute/", method="POST", data={})
        assert answer.status == 400
        text = answer.body.decode()
        assert "max_quantity_per_order" in text
        assert "max_order_value" in text
        order = running.wait_for_order(order_id, "REJECTED_RISK")
        denied = {check["code"] for check in order["risk"]["checks"] if check["verdict"] == "DENY"}
        assert denied == {"MAX_QUANTITY_PER_ORDER", "MAX_ORDER_VALUE"}
    finally:
        running.api(f"/api/risk-settings/{settings_id}/", method="DELETE")


def test_a_halt_holds_everything_until_somebody_resumes(running: Server) -> None:
    halted = running.api("/api/trading-state/", data={"state": "HALTED", "reason": "storm"})
    assert halted.status == 200, halted.body
    try:
        said = running.send_alert(entry("robot", "LT")).json()
        order = running.wait_for_order(said["order_id"], "WAITING")
        assert "storm" in order["set_aside_reason"]
        answer = running.api(f"/api/orders/{order['id']}/execute/", method="POST", data={})
        assert answer.status == 400
        assert running.api(f"/api/orders/{order['id']}/").json()["status"] == "WAITING"
    finally:
        running.api("/api/trading-state/", data={"state": "ACTIVE", "reason": "it is over"})
    answer = running.api(f"/api/orders/{order['id']}/execute/", method="POST", data={})
    assert answer.status == 200


def test_a_resting_limit_order_fills_when_its_price_comes(running: Server) -> None:
    order_id = running.send_alert(entry("by hand", "HDFC", price=1000, order_type="LIMIT")).json()[
        "order_id"
    ]
    running.api(f"/api/orders/{order_id}/", method="PATCH", data={"price": "900"})
    sent = running.api(f"/api/orders/{order_id}/execute/", method="POST", data={})
    assert (sent.status, sent.json()["status"]) == (200, "SENT")
    running.send_alert(entry("price only", "HDFC", price=895))
    done = running.wait_for_order(order_id, "EXECUTED")
    assert float(done["average_price"]) <= 900


def test_a_resting_order_is_cancelled_at_the_broker(running: Server) -> None:
    order_id = running.send_alert(entry("by hand", "ONGC", price=200, order_type="LIMIT")).json()[
        "order_id"
    ]
    running.api(f"/api/orders/{order_id}/", method="PATCH", data={"price": "100"})
    running.api(f"/api/orders/{order_id}/execute/", method="POST", data={})
    running.wait_for_order(order_id, "SENT")
    answer = running.api(f"/api/orders/{order_id}/cancel/", method="POST", data={})
    assert answer.status == 202
    running.wait_for_order(order_id, "CANCELLED")


def test_a_gtt_rests_as_a_trigger_and_fires(running: Server) -> None:
    order_id = running.send_alert(
        entry("by hand", "COALINDIA", price=300, order_type="LIMIT", gtt=True)
    ).json()["order_id"]
    running.send_alert(entry("price only", "COALINDIA", price=350))
    running.api(f"/api/orders/{order_id}/execute/", method="POST", data={})
    resting = running.wait_for_order(order_id, "SENT")
    assert resting["broker_trigger_id"]
    assert not resting["broker_order_id"]
    running.send_alert(entry("price only", "COALINDIA", price=299))
    done = running.wait_for_order(order_id, "EXECUTED")
    assert done["broker_order_id"]


def test_both_books_agree_in_the_end(running: Server, read_books: ReadBooks) -> None:
    read_books(running).check_invariants()
