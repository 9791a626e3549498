"""Every answer has exactly the keys and the JSON types that the broker documents."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
import requests

from tests.brokers.simulator import shapes
from tests.brokers.simulator.shapes import differences, success
from tests.support import kite
from tests.support.processes import wait_until


class Raw:
    """Requests as the official client sends them, with the body as it came."""

    def __init__(self, sim):
        self.root = sim.root
        self.session = requests.Session()
        self.session.headers.update(kite.headers(sim))

    def __call__(self, method, path, **more):
        answer = self.session.request(method, self.root + path, timeout=5, **more)
        return answer.json()

    def place(self, **changes):
        order = kite.an_order(**changes)
        body = self("POST", f"/orders/{order.pop('variety')}", data=order)
        assert differences(success(shapes.PLACED), body) == []
        return body["data"]["order_id"]

    def wait(self, order_id, status):
        def there():
            rows = self("GET", "/orders")["data"]
            return any((row["order_id"], row["status"]) == (order_id, status) for row in rows)

        wait_until(there, f"{order_id} {status}")


@pytest.fixture
def sim():
    with kite.simulator(rate_limits=False) as running:
        yield running


@pytest.fixture
def raw(sim):
    return Raw(sim)


def test_the_table_notices_what_is_wrong():
    row = {"order_id": "1" * 19}
    assert differences(shapes.PLACED, row) == []
    assert differences(shapes.PLACED, {}) == ["$: order_id is missing"]
    assert differences(shapes.PLACED, row | {"x": 1}) == ["$: x does not belong"]
    assert differences(shapes.PLACED, {"order_id": 1}) != []
    assert differences(shapes.TRIGGER, {"trigger_id": True}) != []
    assert differences(shapes.TRIGGER, {"trigger_id": "1"}) != []
    assert differences([shapes.TRIGGER], [{"trigger_id": 1}, None]) != []
    assert differences(shapes.LTP, {"NSE:INFY": {"instrument_token": 1}}) != []


def test_profile_and_session(sim, raw):
    assert differences(success(shapes.PROFILE), raw("GET", "/user/profile")) == []
    client = kite.client(sim.root)
    form = {}
    client._post = lambda route, params: form.update(params) or {"login_time": ""}
    client.generate_session(sim.request_token(), kite.API_SECRET)
    answer = requests.post(f"{sim.root}/session/token", data=form, timeout=5).json()
    assert differences(success(shapes.SESSION), answer) == []


def test_orders_in_every_state(raw):
    filled = raw.place()
    resting = raw.place(order_type="LIMIT", price=1400, tag="resting")
    waiting = raw.place(order_type="SL", price=1600, trigger_price=1590, tag="")
    untagged = raw.place(order_type="LIMIT", price=1400)
    raw("DELETE", f"/orders/regular/{untagged}")
    for order_id, status in (
        (filled, "COMPLETE"),
        (resting, "OPEN"),
        (waiting, "TRIGGER PENDING"),
        (untagged, "CANCELLED"),
    ):
        raw.wait(order_id, status)
    book = raw("GET", "/orders")
    assert len(book["data"]) == 4
    assert differences(success([shapes.ORDER]), book) == []
    for order_id in (filled, resting, waiting, untagged):
        history = raw("GET", f"/orders/{order_id}")
        assert history["data"][0]["exchange_order_id"] is None
        assert differences(success([shapes.ORDER]), history) == []


def test_a_rejected_order(sim, raw):
    sim.exchange.behaviour.reject_async = "16387 : Security is not allowed to trade"
    order_id = raw.place()
    raw.wait(order_id, "REJECTED")
    book = raw("GET", "/orders")
    assert differences(success([shapes.ORDER]), book) == []
    assert book["data"][0]["status_message"]
    assert book["data"][0]["exchange_order_id"] is None


def test_modifying_and_cancelling_answer_with_the_id(raw):
    order_id = raw.place(order_type="LIMIT", price=1400)
    raw.wait(order_id, "OPEN")
    for method, form in (("PUT", {"quantity": 2}), ("DELETE", {})):
        body = raw(method, f"/orders/regular/{order_id}", data=form)
        assert body == {"status": "success", "data": {"order_id": order_id}}


def test_trades(raw):
    order_id = raw.place(quantity=5)
    raw.wait(order_id, "COMPLETE")
    for path in ("/trades", f"/orders/{order_id}/trades"):
        body = raw("GET", path)
        assert body["data"]
        assert differences(success([shapes.TRADE]), body) == []


def test_positions(raw):
    raw.wait(raw.place(), "COMPLETE")
    raw.wait(raw.place(transaction_type="SELL", tradingsymbol="M&M", product="MIS"), "COMPLETE")
    body = raw("GET", "/portfolio/positions")
    assert len(body["data"]["net"]) == len(body["data"]["day"]) == 2
    assert differences(success(shapes.POSITIONS), body) == []


def test_holdings(sim, raw):
    raw.wait(raw.place(product="CNC"), "COMPLETE")
    sim.exchange.end_day()
    sim.clock.advance(timedelta(days=1).total_seconds())
    raw.session.headers.update(kite.headers(sim))
    body = raw("GET", "/portfolio/holdings")
    assert body["data"]
    assert differences(success([shapes.HOLDING]), body) == []
    assert raw("GET", "/portfolio/holdings/auctions") == {"status": "success", "data": []}


def test_margins(raw):
    body = raw("GET", "/user/margins")
    assert differences(success(shapes.MARGINS), body) == []
    for segment in ("equity", "commodity"):
        body = raw("GET", f"/user/margins/{segment}")
        assert differences(success(shapes.SEGMENT), body) == []


def preview(**changes):
    order = kite.an_order(**changes)
    del order["tag"]
    return order | {"price": 0, "trigger_price": 0}


def test_margins_of_orders_not_placed(raw):
    orders = [preview(), preview(order_type="LIMIT", product="CNC") | {"price": 1500}]
    body = raw("POST", "/margins/orders", json=orders)
    assert len(body["data"]) == 2
    assert differences(success([shapes.ORDER_MARGIN]), body) == []
    compact = raw("POST", "/margins/orders?mode=compact", json=orders)
    assert [row["total"] for row in compact["data"]] == [row["total"] for row in body["data"]]


def test_margins_of_a_basket(raw):
    body = raw("POST", "/margins/basket?consider_positions=true", json=[preview(), preview()])
    assert differences(success(shapes.BASKET), body) == []
    assert len(body["data"]["orders"]) == 2


def test_charges(raw):
    order = preview() | {"order_id": "1", "average_price": 1500}
    body = raw("POST", "/charges/orders", json=[order])
    assert len(body["data"]) == 1
    assert differences(success([shapes.CONTRACT_NOTE]), body) == []


def trigger(kind, values, prices):
    condition = {"exchange": "NSE", "tradingsymbol": "INFY", "last_price": 1500}
    order = {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "SELL",
        "quantity": 1,
        "order_type": "LIMIT",
        "product": "CNC",
    }
    return {
        "type": kind,
        "condition": json.dumps(condition | {"trigger_values": values}),
        "orders": json.dumps([order | {"price": price} for price in prices]),
    }


def test_gtts(sim, raw):
    sim.set_price("NSE", "INFY", Decimal(1500))
    ids = []
    for form in (
        trigger("single", [1400], [1395]),
        trigger("two-leg", [1400, 1600], [1395, 1605]),
    ):
        body = raw("POST", "/gtt/triggers", data=form)
        assert differences(success(shapes.TRIGGER), body) == []
        ids.append(body["data"]["trigger_id"])
    body = raw("PUT", f"/gtt/triggers/{ids[0]}", data=trigger("single", [1410], [1405]))
    assert body == {"status": "success", "data": {"trigger_id": ids[0]}}
    sim.set_price("NSE", "INFY", Decimal(1601))
    wait_until(
        lambda: raw("GET", f"/gtt/triggers/{ids[1]}")["data"]["status"] == "triggered", "it fires"
    )
    listed = raw("GET", "/gtt/triggers")
    assert differences(success([shapes.GTT]), listed) == []
    one = raw("GET", f"/gtt/triggers/{ids[1]}")
    assert differences(success(shapes.GTT), one) == []
    results = [order["result"] for order in one["data"]["orders"]]
    fired = [result["order_result"] for result in results if result]
    assert len(fired) == 1
    assert differences(shapes.ORDER_RESULT, fired[0]) == []
    body = raw("DELETE", f"/gtt/triggers/{ids[0]}")
    assert body == {"status": "success", "data": {"trigger_id": ids[0]}}


def test_quotes(raw):
    keys = "i=NSE:INFY&i=NSE:NIFTY+50&i=NSE:M%26M&i=NSE:NOSUCH"
    for path, shape in (
        ("/quote", shapes.QUOTE),
        ("/quote/ohlc", shapes.OHLC),
        ("/quote/ltp", shapes.LTP),
    ):
        body = raw("GET", f"{path}?{keys}")
        assert set(body["data"]) == {"NSE:INFY", "NSE:NIFTY 50", "NSE:M&M"}
        assert differences(success(shape), body) == []


@pytest.mark.parametrize(("path", "most"), [("/quote", 500), ("/quote/ltp", 1000)])
def test_quotes_have_a_most(raw, path, most):
    assert raw("GET", path, params={"i": ["NSE:INFY"] * most})["status"] == "success"
    refused = raw("GET", path, params={"i": ["NSE:INFY"] * (most + 1)})
    assert differences(shapes.ERROR, refused) == []
    assert raw("GET", path)["error_type"] == "InputException"


@pytest.mark.parametrize(
    ("method", "path", "form"),
    [
        ("POST", "/orders/regular", {}),
        ("POST", "/orders/regular", kite.an_order(tradingsymbol="NOSUCH")),
        ("POST", "/orders/regular", kite.an_order(quantity="many")),
        ("POST", "/orders/regular", kite.an_order(market_protection=0)),
        ("POST", "/orders/nonsense", kite.an_order()),
        ("PUT", "/orders/regular/1234567890123456789", {"quantity": 1}),
        ("DELETE", "/orders/regular/1234567890123456789", {}),
        ("GET", "/orders/1234567890123456789", {}),
        ("PUT", "/portfolio/positions", {}),
        ("POST", "/gtt/triggers", {"type": "single", "condition": "{", "orders": "[]"}),
        ("GET", "/gtt/triggers/999999", {}),
        ("DELETE", "/gtt/triggers/999999", {}),
        ("GET", "/user/margins/nonsense", {}),
        ("POST", "/margins/orders", {"not": "json"}),
        ("GET", "/nowhere", {}),
    ],
)
def test_errors(raw, method, path, form):
    body = raw(method, path, data=form)
    assert differences(shapes.ERROR, body) == []
    assert body["error_type"] != "GeneralException" or path == "/nowhere"
