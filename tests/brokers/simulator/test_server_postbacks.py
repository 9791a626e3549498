"""Order updates pushed to the app: the right ones, and the knobs that spoil them."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.brokers.simulator import shapes
from tests.support import kite
from tests.support.processes import wait_until


class Receiver(BaseHTTPRequestHandler):
    """Keeps every body that is posted."""

    bodies: list[dict]

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.bodies.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def received():
    """(url, bodies)"""
    bodies: list[dict] = []
    handler = type("Handler", (Receiver,), {"bodies": bodies})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/postback/", bodies
        server.shutdown()


@pytest.fixture
def sim(received):
    with kite.simulator(rate_limits=False, postback_url=received[0]) as running:
        yield running


@pytest.fixture
def bodies(received):
    return received[1]


def arrive(bodies, count):
    wait_until(lambda: len(bodies) >= count, f"{count} postbacks arrive")


def right(body):
    text = body["order_id"] + body["order_timestamp"] + kite.API_SECRET
    return body["checksum"] == hashlib.sha256(text.encode()).hexdigest()


def test_a_completed_order_is_pushed_with_its_checksum(sim, bodies):
    order_id = kite.logged_in(sim).place_order(**kite.an_order(quantity=3, tag="mine"))
    arrive(bodies, 1)
    body = bodies[-1]
    assert shapes.differences(shapes.POSTBACK, body) == []
    assert right(body)
    assert (body["order_id"], body["status"], body["tag"]) == (order_id, "COMPLETE", "mine")
    assert (body["quantity"], body["unfilled_quantity"]) == (3, 0)
    assert body["user_id"] == "SIM001"


def test_resting_is_not_pushed_and_cancelling_is(sim, bodies):
    client = kite.logged_in(sim)
    order_id = client.place_order(**kite.an_order(order_type="LIMIT", price=1400))
    wait_until(lambda: client.orders()[0]["status"] == "OPEN", "the order rests")
    client.cancel_order("regular", order_id)
    arrive(bodies, 1)
    assert [body["status"] for body in bodies] == ["CANCELLED"]
    assert bodies[0]["unfilled_quantity"] == 1


def test_a_late_rejection_is_pushed(sim, bodies):
    sim.exchange.behaviour.reject_async = "RMS:Margin Exceeds"
    kite.logged_in(sim).place_order(**kite.an_order())
    arrive(bodies, 1)
    assert (bodies[0]["status"], bodies[0]["status_message"]) == ("REJECTED", "RMS:Margin Exceeds")
    assert shapes.differences(shapes.POSTBACK, bodies[0]) == []


def test_a_partial_fill_is_pushed_as_an_update(sim, bodies):
    sim.exchange.behaviour.partial_fill = 2
    kite.logged_in(sim).place_order(**kite.an_order(quantity=5))
    arrive(bodies, 1)
    assert (bodies[0]["status"], bodies[0]["filled_quantity"]) == ("UPDATE", 2)
    assert bodies[0]["unfilled_quantity"] == 3
    assert right(bodies[0])


def test_a_modification_is_pushed_as_an_update(sim, bodies):
    client = kite.logged_in(sim)
    order_id = client.place_order(**kite.an_order(order_type="LIMIT", price=1400))
    wait_until(lambda: client.orders()[0]["status"] == "OPEN", "the order rests")
    client.modify_order("regular", order_id, quantity=2)
    arrive(bodies, 1)
    assert (bodies[0]["status"], bodies[0]["quantity"]) == ("UPDATE", 2)


def test_orders_of_other_apps_are_not_pushed(sim, bodies):
    outside = {**kite.an_order(), "quantity": "1"}
    del outside["tag"]
    sim.exchange.place_outside(outside)
    order_id = kite.logged_in(sim).place_order(**kite.an_order())
    wait_until(lambda: any(body["order_id"] == order_id for body in bodies), "ours arrives")
    assert {body["order_id"] for body in bodies} == {order_id}


def place_and_wait(sim, count):
    """So many orders, complete at the broker; their ids."""
    client = kite.logged_in(sim)
    placed = [client.place_order(**kite.an_order()) for _ in range(count)]
    wait_until(
        lambda: all(order["status"] == "COMPLETE" for order in client.orders()), "all complete"
    )
    return placed


def test_some_are_lost(sim, bodies):
    sim.postbacks.knobs.drop = 2
    placed = place_and_wait(sim, 3)
    arrive(bodies, 1)
    assert [body["order_id"] for body in bodies] == placed[2:]
    assert sim.postbacks.knobs.drop == 0


def test_some_come_twice(sim, bodies):
    sim.postbacks.knobs.duplicate = 1
    placed = place_and_wait(sim, 2)
    arrive(bodies, 3)
    assert [body["order_id"] for body in bodies] == [placed[0], placed[0], placed[1]]


def test_some_come_in_the_wrong_order(sim, bodies):
    sim.postbacks.knobs.reorder = 2
    placed = place_and_wait(sim, 3)
    arrive(bodies, 3)
    assert [body["order_id"] for body in bodies] == [placed[1], placed[0], placed[2]]


def test_some_are_forged(sim, bodies):
    sim.postbacks.knobs.forge = 1
    place_and_wait(sim, 2)
    arrive(bodies, 2)
    assert [right(body) for body in bodies] == [False, True]


def test_silence(sim, bodies):
    sim.postbacks.knobs.silent = True
    quiet = place_and_wait(sim, 2)
    wait_until(lambda: sim.postbacks.suppressed == 2, "both are kept back")
    sim.postbacks.knobs.silent = False
    last = place_and_wait(sim, 1)
    arrive(bodies, 1)
    assert [body["order_id"] for body in bodies] == last
    assert set(quiet).isdisjoint(last)


def test_a_dead_receiver_holds_up_no_order():
    with kite.simulator(rate_limits=False, postback_url="http://127.0.0.1:9/") as sim:
        place_and_wait(sim, 2)
        wait_until(lambda: len(sim.postbacks.sent()) == 2, "both were tried")
        assert {one["outcome"] for one in sim.postbacks.sent()} == {"ConnectionRefusedError"}
