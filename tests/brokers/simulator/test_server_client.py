"""The official client can't tell: each of its calls works against the simulator."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from tests.support import kite
from tests.support.processes import wait_until


@pytest.fixture
def sim():
    with kite.simulator(rate_limits=False) as running:
        yield running


@pytest.fixture
def client(sim):
    return kite.logged_in(sim)


def wait_for(client, order_id, *statuses):
    def there():
        return client.order_history(order_id)[-1]["status"] in statuses

    wait_until(there, f"{order_id} {statuses}")
    return client.order_history(order_id)[-1]


def test_an_order_from_placing_to_its_trade(sim, client):
    order_id = client.place_order(**kite.an_order(quantity=3, tag="abc123"))
    assert isinstance(order_id, str)
    assert len(order_id) == 19
    row = wait_for(client, order_id, "COMPLETE")
    assert row["tag"] == "abc123"
    assert (row["filled_quantity"], row["pending_quantity"]) == (3, 0)
    assert isinstance(row["order_timestamp"], datetime)
    statuses = [step["status"] for step in client.order_history(order_id)]
    assert statuses[0] == "PUT ORDER REQ RECEIVED"
    assert statuses[-1] == "COMPLETE"
    assert [one["order_id"] for one in client.orders()] == [order_id]
    assert sum(trade["quantity"] for trade in client.trades()) == 3
    assert client.order_trades(order_id) == client.trades()


def test_modifying_and_cancelling(sim, client):
    order_id = client.place_order(**kite.an_order(order_type="LIMIT", price=1400))
    wait_for(client, order_id, "OPEN")
    assert client.modify_order("regular", order_id, quantity=2, price=1401) == order_id
    wait_until(
        lambda: client.order_history(order_id)[-1]["quantity"] == 2, "the modification is there"
    )
    wait_for(client, order_id, "OPEN")
    assert client.cancel_order("regular", order_id) == order_id
    assert wait_for(client, order_id, "CANCELLED")["filled_quantity"] == 0


def test_a_parked_order(sim):
    with kite.simulator(rate_limits=False, always_open=False, frozen=True) as closed:
        # A Sunday.
        closed.clock.set(closed.clock.now().replace(year=2026, month=11, day=15, hour=12))
        client = kite.logged_in(closed)
        order_id = client.place_order(**kite.an_order(variety="amo", product="CNC"))
        wait_for(client, order_id, "AMO REQ RECEIVED")
        assert client.cancel_order("amo", order_id) == order_id


def test_refusals_arrive_as_the_clients_exceptions(sim, client):
    from kiteconnect.exceptions import InputException, KiteException

    with pytest.raises(InputException) as refused:
        client.place_order(**kite.an_order(market_protection=0))
    assert refused.value.code == 400
    assert "market protection" in str(refused.value)
    with pytest.raises(KiteException) as refused:
        client.place_order(**kite.an_order(quantity=30_000))
    assert refused.value.code == 400
    assert "Insufficient funds" in str(refused.value)
    assert client.orders() == []


def test_portfolio(sim, client):
    order_id = client.place_order(**kite.an_order(product="CNC", quantity=2))
    wait_for(client, order_id, "COMPLETE")
    positions = client.positions()
    assert [row["quantity"] for row in positions["net"]] == [2]
    assert positions["net"][0]["product"] == "CNC"
    converted = client.convert_position("NSE", "INFY", "BUY", "day", 1, "CNC", "MIS")
    assert converted is True
    assert {(row["product"], row["quantity"]) for row in client.positions()["net"]} == {
        ("CNC", 1),
        ("MIS", 1),
    }
    assert client.holdings() == []
    assert client.get_auction_instruments() == []


def test_shares_bought_today_are_holdings_tomorrow(sim, client):
    wait_for(client, client.place_order(**kite.an_order(product="CNC", quantity=2)), "COMPLETE")
    sim.exchange.end_day()
    sim.clock.advance(timedelta(days=1).total_seconds())
    client = kite.logged_in(sim)
    assert client.orders() == []
    assert [(row["tradingsymbol"], row["t1_quantity"]) for row in client.holdings()] == [
        ("INFY", 2)
    ]


def test_money(sim, client):
    assert client.margins()["equity"]["net"] == client.margins("equity")["net"] > 0
    order = kite.an_order()
    del order["tag"]
    assert client.order_margins([order])[0]["total"] > 0
    assert client.basket_order_margins([order, order], mode="compact")["final"]["total"] > 0
    note = client.get_virtual_contract_note([{**order, "order_id": "1", "average_price": 1500}])
    assert note[0]["charges"]["total"] > 0


def test_triggers(sim, client):
    sim.set_price("NSE", "INFY", Decimal(1500))
    leg = {"transaction_type": "BUY", "quantity": 1, "order_type": "LIMIT", "product": "CNC"}
    placed = client.place_gtt("single", "INFY", "NSE", [1450], 1500, [{**leg, "price": 1451}])
    trigger_id = placed["trigger_id"]
    changed = client.modify_gtt(
        trigger_id, "single", "INFY", "NSE", [1460], 1500, [{**leg, "price": 1461}]
    )
    assert changed == {"trigger_id": trigger_id}
    assert client.get_gtt(trigger_id)["condition"]["trigger_values"] == [1460]
    sim.set_price("NSE", "INFY", Decimal(1459))
    wait_until(lambda: client.get_gtt(trigger_id)["status"] == "triggered", "it fires")
    assert [row["tradingsymbol"] for row in client.orders()] == ["INFY"]
    exits = {**leg, "transaction_type": "SELL"}
    pair = client.place_gtt(
        "two-leg", "INFY", "NSE", [1300, 1600], 1459,
        [{**exits, "price": 1299}, {**exits, "price": 1600}],
    )  # fmt: skip
    assert client.delete_gtt(pair["trigger_id"]) == pair
    states = {row["id"]: row["status"] for row in client.get_gtts()}
    assert states[trigger_id] == "triggered"
    assert states.get(pair["trigger_id"], "deleted") in ("deleted", "cancelled")


def test_instruments(sim, client):
    every = client.instruments()
    assert len(every) > 300
    assert {row["exchange"] for row in every} >= {"NSE", "BSE", "NFO", "BFO", "MCX", "CDS"}
    nse = {row["tradingsymbol"]: row for row in client.instruments("NSE")}
    assert {"M&M", "J&KBANK", "BAJAJ-AUTO", "NIFTY 50"} <= set(nse)
    assert nse["NIFTY 50"]["segment"] == "INDICES"
    options = [row for row in client.instruments("NFO") if row["instrument_type"] == "CE"]
    assert all(isinstance(row["expiry"], date) for row in options)
    assert {row["lot_size"] for row in options if row["name"] == "NIFTY"} == {65}


def test_prices(sim, client):
    sim.set_price("NSE", "INFY", Decimal("1512.5"))
    sim.exchange.close_market()
    assert client.ltp("NSE:INFY")["NSE:INFY"]["last_price"] == 1512.5
    assert client.ohlc(["NSE:INFY", "NSE:NIFTY 50"])["NSE:NIFTY 50"]["ohlc"]["open"] > 0
    quote = client.quote("NSE:M&M")["NSE:M&M"]
    assert quote["lower_circuit_limit"] < quote["last_price"] < quote["upper_circuit_limit"]
    assert isinstance(quote["timestamp"], datetime)
    assert client.ltp("NSE:NOSUCH") == {}


def test_selling_holdings_may_need_the_depository(sim, client):
    import requests
    from kiteconnect.exceptions import KiteException

    wait_for(client, client.place_order(**kite.an_order(product="CNC")), "COMPLETE")
    sim.exchange.end_day()
    sim.clock.advance(timedelta(days=1).total_seconds())
    sim.exchange.behaviour.needs_authorisation = True
    client = kite.logged_in(sim)
    sale = kite.an_order(product="CNC", transaction_type="SELL")
    with pytest.raises(KiteException) as refused:
        client.place_order(**sale)
    assert refused.value.code == 428
    sent = {"Authorization": f"token {kite.API_KEY}:{client.access_token}"}
    asked = requests.post(f"{sim.root}/portfolio/holdings/authorise", headers=sent, timeout=5)
    request_id = asked.json()["data"]["request_id"]
    page = f"{sim.root}/connect/portfolio/authorise/holdings/{kite.API_KEY}/{request_id}"
    assert "Authorise" in requests.get(page, timeout=5).text
    assert requests.post(page, timeout=5).status_code == 200
    assert client.place_order(**sale)
