"""kill -9 of the worker at every step: nothing is sent twice, nothing is lost."""

import signal
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from tests.support import processes
from tests.support.books import ReadBooks
from tests.support.nursery import ON_PAPER, Nursery
from tests.support.paper_steps import NEVER_PLACED, STEPS
from tests.support.server import DATABASES, Server, ServerFactory, installation_on

pytestmark = pytest.mark.faults

QUICK = {
    "ST_RECONCILE_GRACE_SECONDS": "0.6",
    "ST_RECONCILE_INTERVAL_SECONDS": "0.2",
    "ST_BROKER_TIMEOUT_SECONDS": "0.5",
    "ST_LEASE_MARGIN_SECONDS": "0.5",
}


def queue_order(server: Server, symbol: str) -> int:
    answer = server.send_alert(
        {
            "alert_id": uuid.uuid4().hex,
            "strategy_name": "killed",
            "symbol": f"NSE:{symbol}",
            "trade_details": {"order_action": "BUY", "quantity": 7, "price": 1500},
        }
    )
    assert answer.status == 201, answer.body
    order_id = int(answer.json()["order_id"])
    executed = server.api(f"/api/orders/{order_id}/execute/", data={"wait": False})
    assert executed.status == 202, executed.body
    return order_id


@dataclass(frozen=True)
class Site:
    """An installation whose web server runs, and from where its workers come."""

    web: Server
    nursery: Nursery

    def crash_worker(self, step: str) -> None:
        log = self.web.data_dir / "output-crash.log"
        process = self.nursery.fork(log, step, ON_PAPER)
        try:
            processes.wait_until(lambda: process.poll() is not None, f"it dies {step}", 40)
        finally:
            if process.poll() is None:
                processes.stop(process, signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL, log.read_text()


@pytest.fixture(scope="module", params=DATABASES)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    cluster = request.getfixturevalue("postgres_cluster") if request.param == "postgres" else None
    with installation_on(request.param, cluster, QUICK) as server:
        server.start_web(worker=False)
        with closing(
            Nursery(server.environment, server.data_dir / "output-nursery.log")
        ) as nursery:
            yield Site(server, nursery)


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_killed_at_any_step_leaves_nothing_wrong(
    site: Site, step: str, read_books: ReadBooks
) -> None:
    order_id = queue_order(site.web, f"KILL{STEPS.index(step)}")
    site.crash_worker(step)
    worker = site.nursery.fork(site.web.data_dir / "output-worker.log")
    try:
        ended = site.web.wait_for_order(order_id, "EXECUTED", "FAILED", seconds=40)
    finally:
        processes.stop(worker)
    books = read_books(site.web)
    books.check_invariants()
    if step in NEVER_PLACED:
        assert ended["status"] == "FAILED"
        assert "Not found at the broker" in ended["error_message"]
        assert books.at_broker(order_id) == []
    else:
        assert (ended["status"], ended["filled_qty"]) == ("EXECUTED", 7)
        assert len(books.at_broker(order_id)) == 1


@pytest.mark.parametrize("database", DATABASES)
def test_two_workers_at_once_send_nothing_twice(
    make_server: ServerFactory, read_books: ReadBooks, database: str
) -> None:
    # With ordinary leases: on a busy machine a very short one ends before the order is sent.
    server = make_server(database, worker=False)
    orders = [queue_order(server, f"PAIR{number % 6}") for number in range(24)]
    for name in ("first", "second"):
        server.start(name, "worker")
    for order_id in orders:
        server.wait_for_order(order_id, "EXECUTED", seconds=40)
    for name in ("first", "second"):
        assert server.stop(name) == 0
    books = read_books(server)
    books.check_invariants()
    assert len(books.theirs) == len(orders)


def test_sigterm_ends_a_worker_cleanly_and_says_so(make_server: ServerFactory) -> None:
    server = make_server(worker=False, environment=QUICK)
    order_id = queue_order(server, "TERM")
    server.start("worker", "worker")
    server.wait_for_order(order_id, "EXECUTED")
    assert server.stop("worker") == 0
    assert "has stopped" in server.log("worker")
