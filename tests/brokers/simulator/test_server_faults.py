"""Every fault does what it says, to the caller and to the broker's book, and is then used up."""

import socket
import struct
import threading
import time
from urllib.parse import urlencode, urlsplit

import pytest
import requests

from brokers.simulator import faults
from tests.support import kite
from tests.support.processes import wait_until

IMPATIENT = 0.4
LONG = 30.0


@pytest.fixture
def sim():
    with kite.simulator(rate_limits=False) as running:
        yield running


class Caller:
    """Places orders without the official client, so that every byte can be seen."""

    def __init__(self, sim):
        self.sim = sim
        self.headers = kite.headers(sim)

    def place(self, timeout=5.0, **changes):
        order = kite.an_order(**changes)
        return requests.post(
            f"{self.sim.root}/orders/{order.pop('variety')}",
            data=order,
            headers=self.headers,
            timeout=timeout,
            allow_redirects=False,
        )

    def placed(self):
        return len(self.sim.exchange.ledger()["orders"])

    def raw(self):
        """A bare connection on which an order was sent."""
        target = urlsplit(self.sim.root)
        connection = socket.create_connection((target.hostname, target.port), timeout=5)
        order = kite.an_order()
        body = urlencode(order)
        lines = [
            f"POST /orders/{order['variety']} HTTP/1.1",
            f"Host: {target.netloc}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(body)}",
            "",
            body,
        ]
        connection.sendall("\r\n".join(lines).encode())
        return connection


@pytest.fixture
def caller(sim):
    return Caller(sim)


@pytest.fixture(autouse=True)
def _used_up(sim, caller):
    """After every test here the script is empty and the next order just works."""
    yield
    assert sim.faults.waiting() == {}
    if not sim.stopping.is_set():
        before = caller.placed()
        caller.headers = kite.headers(sim)
        assert caller.place().status_code == 200
        assert caller.placed() == before + 1


def test_accept_then_timeout(sim, caller):
    sim.faults.script("place", faults.accept_then_timeout(LONG))
    with pytest.raises(requests.ReadTimeout):
        caller.place(timeout=IMPATIENT)
    assert caller.placed() == 1
    wait_until(lambda: sim.journal.entries("place")[0].outcome == "ended", "the caller is gone")


def test_a_patient_caller_gets_no_answer_either(sim, caller):
    sim.faults.script("place", faults.accept_then_timeout(0.1))
    with pytest.raises(requests.ConnectionError):
        caller.place()
    assert caller.placed() == 1


def test_timeout_not_accepted(sim, caller):
    sim.faults.script("place", faults.timeout_not_accepted(LONG))
    with pytest.raises(requests.ReadTimeout):
        caller.place(timeout=IMPATIENT)
    wait_until(lambda: sim.journal.entries("place")[0].outcome == "ended", "the caller is gone")
    assert caller.placed() == 0


def test_accept_late(sim, caller):
    sim.faults.script("place", faults.accept_late(0.3))
    with pytest.raises(requests.ReadTimeout):
        caller.place(timeout=IMPATIENT)
    assert caller.placed() == 0
    wait_until(lambda: caller.placed() == 1, "the order appears")


def test_a_late_order_is_forgotten_when_the_simulator_stops(sim, caller):
    sim.faults.script("place", faults.accept_late(0.3))
    with pytest.raises(requests.ReadTimeout):
        caller.place(timeout=IMPATIENT)
    wait_until(lambda: sim.journal.entries("place")[0].outcome == "ended", "the caller is gone")
    sim.stop()
    names = "kitesim-later"
    wait_until(lambda: names not in {one.name for one in threading.enumerate()}, "it is over")
    assert caller.placed() == 0


def test_lying_400(sim, caller):
    sim.faults.script("place", faults.lying_400())
    answer = caller.place()
    assert answer.status_code == 400
    assert "check the order book" in answer.json()["message"]
    assert caller.placed() == 1


def test_an_order_that_is_wrong_anyway_is_refused_for_its_own_reason(sim, caller):
    sim.faults.script("place", faults.lying_400())
    answer = caller.place(quantity=0)
    assert answer.status_code == 400
    assert "check the order book" not in answer.json()["message"]
    assert caller.placed() == 0


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("body", ["json", "html", "empty"])
@pytest.mark.parametrize(
    ("fault", "placed"), [(faults.accept_then_status, 1), (faults.refuse_status, 0)]
)
def test_an_error_status_says_nothing_about_the_order(sim, caller, status, body, fault, placed):
    sim.faults.script("place", fault(status, body))
    answer = caller.place()
    assert answer.status_code == status
    assert caller.placed() == placed
    if body == "json":
        assert answer.json()["status"] == "error"
    else:
        assert answer.headers["Content-Type"].startswith("text/html")
        assert bool(answer.content) is (body == "html")


def was_reset(connection):
    try:
        return not connection.recv(1) and False
    except ConnectionResetError:
        return True
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("fault", "placed"), [(faults.reset_before(), 0), (faults.reset_after_accept(), 1)]
)
def test_resets(sim, caller, fault, placed):
    sim.faults.script("place", fault)
    assert was_reset(caller.raw())
    assert caller.placed() == placed
    wait_until(lambda: sim.journal.entries("place")[0].outcome == "reset", "it is in the journal")


def test_cut_body(sim, caller):
    sim.faults.script("place", faults.cut_body())
    with caller.raw() as connection:
        received = b"".join(iter(lambda: connection.recv(4096), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    announced = int(head.lower().partition(b"content-length: ")[2].split()[0])
    assert 0 < len(body) < announced
    assert caller.placed() == 1


def test_cut_body_as_the_official_client_sees_it(sim, caller):
    sim.faults.script("place", faults.cut_body())
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        caller.place()


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize(
    ("fault", "body"),
    [
        (faults.null_body, b"null"),
        (faults.list_body, b"[]"),
        (faults.no_order_id, b'{"status":"success","data":{}}'),
        (faults.empty_200, b""),
    ],
)
def test_odd_bodies(sim, caller, fault, body, accepted):
    sim.faults.script("place", fault(accepted=accepted))
    answer = caller.place()
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.content == body
    assert caller.placed() == int(accepted)


@pytest.mark.parametrize("accepted", [True, False])
def test_malformed(sim, caller, accepted):
    sim.faults.script("place", faults.malformed(accepted=accepted))
    answer = caller.place()
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="line 1 column"):
        answer.json()
    assert caller.placed() == int(accepted)


def test_no_content_type(sim, caller):
    sim.faults.script("place", faults.no_content_type())
    answer = caller.place()
    assert "Content-Type" not in answer.headers
    assert answer.json()["data"]["order_id"]
    assert caller.placed() == 1


def test_success_500(sim, caller):
    sim.faults.script("place", faults.success_500())
    answer = caller.place()
    assert answer.status_code == 500
    placed = sim.exchange.ledger()["orders"]
    assert answer.json() == {"status": "success", "data": {"order_id": placed[0]["order_id"]}}


def test_rate_limited_once(sim, caller):
    sim.faults.script("place", faults.rate_limited())
    answer = caller.place()
    assert answer.status_code == 429
    assert answer.json()["error_type"] == "NetworkException"
    assert caller.placed() == 0


def test_rate_limited_for_a_while(sim, caller):
    sim.faults.script("place", faults.rate_limited(0.5))
    started = time.monotonic()
    assert caller.place().status_code == 429
    assert caller.place().status_code == 429
    assert requests.get(f"{sim.root}/orders", headers=caller.headers, timeout=5).ok
    wait_until(lambda: caller.place().status_code == 200, "orders are taken again")
    assert time.monotonic() - started >= 0.5
    assert caller.placed() == 1


@pytest.mark.parametrize(
    ("fault", "error_type", "words"),
    [
        (faults.token_exception(), "TokenException", "access_token"),
        (faults.permission_ip(), "PermissionException", "IP (127.0.0.1) is not allowed"),
    ],
)
def test_refusals_with_403(sim, caller, fault, error_type, words):
    sim.faults.script("place", fault)
    answer = caller.place()
    assert answer.status_code == 403
    assert answer.json()["error_type"] == error_type
    assert words in answer.json()["message"]
    assert caller.placed() == 0


def test_slow(sim, caller):
    sim.faults.script("place", faults.slow(0.3))
    started = time.monotonic()
    assert caller.place().status_code == 200
    assert time.monotonic() - started >= 0.3
    assert caller.placed() == 1


def test_answer_late(sim, caller):
    sim.faults.script("place", faults.answer_late(LONG))
    with caller.raw() as connection:
        wait_until(lambda: caller.placed() == 1, "the order is taken")
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
    sim.faults.script("place", faults.answer_late(0.1))
    assert caller.place().json()["data"]["order_id"]


def test_slow_and_then_something_else(sim, caller):
    sim.faults.script("place", faults.slow(0.2, then=faults.refuse_status(502, "html")))
    started = time.monotonic()
    assert caller.place().status_code == 502
    assert time.monotonic() - started >= 0.2
    assert caller.placed() == 0


def test_redirect(sim, caller):
    sim.faults.script("place", faults.redirect("http://127.0.0.1:9/elsewhere", 307))
    answer = caller.place()
    assert answer.status_code == 307
    assert answer.headers["Location"] == "http://127.0.0.1:9/elsewhere"
    assert caller.placed() == 0


def test_duplicate_order(sim, caller):
    sim.faults.script("place", faults.duplicate_order())
    answer = caller.place(tag="twice")
    placed = sim.exchange.ledger()["orders"]
    assert [order["tag"] for order in placed] == ["twice", "twice"]
    assert answer.json()["data"]["order_id"] == placed[0]["order_id"]
    assert placed[0]["order_id"] != placed[1]["order_id"]


def listens(sim):
    target = urlsplit(sim.root)
    try:
        socket.create_connection((target.hostname, target.port), timeout=1).close()
    except ConnectionRefusedError:
        return False
    return True


def test_refuse_connection(sim, caller):
    kept = requests.Session()
    assert kept.get(f"{sim.root}/orders", headers=caller.headers, timeout=5).ok
    sim.faults.script("place", faults.refuse_connection(2))
    with pytest.raises(requests.ConnectionError):
        caller.place()
    assert not listens(sim)
    # A kept connection is gone as well.
    with pytest.raises(requests.ConnectionError):
        kept.get(f"{sim.root}/orders", headers=caller.headers, timeout=5)
    wait_until(lambda: listens(sim), "somebody listens again")
    assert caller.placed() == 0


@pytest.mark.parametrize(
    ("call", "act"),
    [
        ("orders", lambda client, order: client.orders()),
        ("order", lambda client, order: client.order_history(order)),
        ("order_trades", lambda client, order: client.order_trades(order)),
        ("trades", lambda client, order: client.trades()),
        ("positions", lambda client, order: client.positions()),
        ("holdings", lambda client, order: client.holdings()),
        ("margins", lambda client, order: client.margins()),
        ("profile", lambda client, order: client.profile()),
        ("gtts", lambda client, order: client.get_gtts()),
        ("quote", lambda client, order: client.ltp("NSE:INFY")),
        ("instruments", lambda client, order: client.instruments("NSE")),
        ("modify", lambda client, order: client.modify_order("regular", order, quantity=2)),
        ("cancel", lambda client, order: client.cancel_order("regular", order)),
        ("any", lambda client, order: client.trades()),
    ],
)
def test_each_call_can_go_wrong_and_the_others_do_not(sim, call, act):
    from kiteconnect.exceptions import NetworkException

    client = kite.logged_in(sim)
    order = client.place_order(**kite.an_order(order_type="LIMIT", price=1400))
    sim.faults.script(call, faults.refuse_status(503))
    if call != "any":
        assert client.margins("equity") if call != "margins" else client.profile()
    with pytest.raises(NetworkException) as refused:
        act(client, order)
    assert refused.value.code == 503
    act(client, order)


def test_a_cancellation_can_be_taken_without_an_answer(sim):
    client = kite.logged_in(sim)
    order = client.place_order(**kite.an_order(order_type="LIMIT", price=1400))
    sim.faults.script("cancel", faults.reset_after_accept())
    with pytest.raises(requests.ConnectionError):
        client.cancel_order("regular", order)
    wait_until(lambda: client.orders()[0]["status"] == "CANCELLED", "the order is cancelled")


def test_a_reset_by_the_caller_disturbs_nobody(sim, caller):
    sim.faults.script("place", faults.slow(0.1))
    connection = caller.raw()
    wait_until(lambda: sim.journal.count("place") == 1, "the order arrives")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    wait_until(lambda: caller.placed() == 1, "the order is taken all the same")


def test_a_script_is_played_in_order_and_none_behaves(sim, caller):
    sim.faults.script("place", None, faults.refuse_status(503), None, faults.lying_400())
    assert [caller.place().status_code for _ in range(5)] == [200, 503, 200, 400, 200]
    assert [entry.fault for entry in sim.journal.entries("place")] == [
        "", "refuse_status", "", "lying_400", "",
    ]  # fmt: skip


def test_always_lasts_until_cleared(sim, caller):
    sim.faults.always("place", faults.refuse_status(504))
    assert [caller.place().status_code for _ in range(3)] == [504] * 3
    sim.faults.clear("place")
    assert caller.place().status_code == 200
