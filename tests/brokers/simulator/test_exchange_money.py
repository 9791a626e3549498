"""Positions, holdings and margins of the simulated account, against Kite's own formulas."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.simulator.errors import KiteError
from tests.brokers.simulator.exchanges import exchange, future, market_order, order, price

DAYS = st.lists(
    st.tuples(
        st.sampled_from(["BUY", "SELL", "NIGHT"]),
        st.integers(1, 5),
        st.integers(1450, 1550),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(steps=DAYS, last=st.integers(1450, 1550))
def test_profit_is_value_plus_what_the_rest_is_worth_now(steps, last):
    sim = exchange(cash=Decimal(10) ** 9)
    signed = 0
    for side, quantity, at in steps:
        price(sim, at)
        if side == "NIGHT":
            sim.end_day()
            continue
        sim.place("regular", market_order(transaction_type=side, quantity=quantity))
        sim.tick()
        signed += quantity if side == "BUY" else -quantity
    price(sim, last)
    rows = sim.positions()["net"]
    assert sum(row["quantity"] for row in rows) == signed
    for row in rows:
        worth = row["quantity"] * row["last_price"] * row["multiplier"]
        assert row["value"] == pytest.approx(row["sell_value"] - row["buy_value"])
        assert row["pnl"] == pytest.approx(row["value"] + worth)
        assert row["m2m"] == pytest.approx(row["sell_m2m"] - row["buy_m2m"] + worth)
        assert row["quantity"] == row["buy_quantity"] - row["sell_quantity"]


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.tuples(st.booleans(), st.integers(1, 5), st.integers(1450, 1550))))
def test_the_days_profit_is_what_the_trades_earned(steps):
    sim = exchange(cash=Decimal(10) ** 9)
    for buying, quantity, at in steps:
        price(sim, at)
        side = "BUY" if buying else "SELL"
        sim.place("regular", market_order(transaction_type=side, quantity=quantity))
    price(sim, 1500)
    earned = sum(
        trade["quantity"]
        * (1500 - trade["average_price"])
        * (1 if trade["transaction_type"] == "BUY" else -1)
        for trade in sim.trades()
    )
    positions = sim.positions()
    assert sum(row["pnl"] for row in positions["net"]) == pytest.approx(earned)
    assert sum(row["m2m"] for row in positions["day"]) == pytest.approx(earned)


def test_overnight_units_count_from_the_previous_close_for_the_day():
    sim = exchange()
    contract = {"exchange": "NFO", "tradingsymbol": future(sim), "product": "NRML"}
    sim.place("regular", market_order(**contract, quantity=65))
    start = sim.positions()["net"][0]["last_price"]
    price(sim, start + 10, contract["tradingsymbol"], "NFO")
    sim.end_day()
    price(sim, start + 15, contract["tradingsymbol"], "NFO")
    (row,) = sim.positions()["net"]
    assert (row["pnl"], row["m2m"]) == (pytest.approx(65 * 15), pytest.approx(65 * 5))


def test_a_closed_position_stays_in_the_list_until_the_day_ends():
    sim = exchange()
    sim.place("regular", market_order())
    price(sim, 1510)
    sim.place("regular", market_order(transaction_type="SELL"))
    (row,) = sim.positions()["net"]
    assert (row["quantity"], row["pnl"], row["average_price"]) == (0, 100.0, 0.0)
    sim.end_day()
    assert sim.positions()["net"] == []


def test_the_multiplier_enters_value_and_profit():
    sim = exchange(cash=Decimal(10) ** 8)
    symbol = future(sim, "CRUDEOIL", "MCX")
    form = market_order(exchange="MCX", tradingsymbol=symbol, product="NRML", quantity=2)
    sim.place("regular", form)
    start = sim.positions()["net"][0]["last_price"]
    price(sim, start + 3, symbol, "MCX")
    (row,) = sim.positions()["net"]
    assert row["value"] == pytest.approx(-2 * start * 100)
    assert row["pnl"] == pytest.approx(2 * 3 * 100)


@pytest.mark.parametrize(
    ("form", "needed"),
    [
        (market_order(product="CNC"), 15000),
        (market_order(product="MIS"), 3000),
        (market_order(transaction_type="SELL", product="MIS"), 3000),
        (order(product="CNC"), 14900),
    ],
)
def test_an_order_ties_up_its_margin(form, needed):
    sim = exchange()
    sim.place("regular", form)
    assert sim.margins("equity")["net"] == pytest.approx(1_000_000 - needed)


def test_futures_take_a_share_of_the_contract_and_options_their_premium():
    sim = exchange()
    contract = {"exchange": "NFO", "product": "NRML"}
    symbol = future(sim)
    sim.place("regular", market_order(**contract, tradingsymbol=symbol, quantity=65))
    (row,) = sim.positions()["net"]
    tied = row["buy_value"] * 0.15
    assert sim.margins("equity")["net"] == pytest.approx(1_000_000 - tied)
    option = next(line for line in sim.instruments_csv("NFO") if ",CE," in line).split(",")[2]
    sim.place("regular", market_order(**contract, tradingsymbol=option, quantity=65))
    bought = sim.positions()["net"][1]["buy_value"]
    assert sim.margins("equity")["net"] == pytest.approx(1_000_000 - tied - bought)


def test_cancelling_frees_the_margin_and_closing_leaves_the_profit():
    sim = exchange()
    resting = sim.place("regular", order(product="CNC"))
    sim.orders()
    sim.cancel("regular", resting)
    assert sim.margins("equity")["net"] == 1_000_000
    sim.place("regular", market_order())
    price(sim, 1510)
    sim.place("regular", market_order(transaction_type="SELL"))
    assert sim.margins("equity")["net"] == pytest.approx(1_000_100)
    sim.end_day()
    assert sim.margins("equity")["available"]["cash"] == pytest.approx(1_000_100)


def test_an_exit_needs_no_money():
    sim = exchange(cash=3001)
    sim.place("regular", market_order())
    sim.place("regular", market_order(transaction_type="SELL"))
    assert sim.positions()["net"][0]["quantity"] == 0


def test_enlarging_an_order_needs_the_money_for_it():
    sim = exchange(cash=Decimal(15000))
    order_id = sim.place("regular", order(product="CNC"))
    sim.orders()
    with pytest.raises(KiteError, match="Insufficient funds"):
        sim.modify("regular", order_id, {"quantity": "11"})


def test_a_conversion_moves_units_at_their_average_price():
    sim = exchange()
    sim.place("regular", market_order())
    sim.tick()
    move = {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "position_type": "day",
        "quantity": "4",
        "old_product": "MIS",
        "new_product": "CNC",
    }
    assert sim.convert_position(move) is True
    held = {row["product"]: row["quantity"] for row in sim.positions()["net"]}
    assert held == {"MIS": 6, "CNC": 4}
    with pytest.raises(KiteError, match="quantity"):
        sim.convert_position({**move, "quantity": "7"})


def test_order_margins_say_what_placing_would_tie_up():
    sim = exchange()
    form = {**market_order(product="CNC"), "quantity": 10, "price": 0, "trigger_price": 0}
    (row,) = sim.order_margins([form])
    assert (row["total"], row["cash"], row["leverage"]) == (15000.0, 15000.0, 1)
    parts = [value for name, value in row["charges"].items() if name not in _NO_PARTS]
    gst = row["charges"]["gst"]["total"]
    assert row["charges"]["total"] == pytest.approx(sum(parts) + gst, abs=0.03)
    assert sim.order_margins([form], compact=True)[0]["total"] == 15000.0
    assert sim.orders() == []


_NO_PARTS = {"total", "gst", "transaction_tax_type"}


def test_a_basket_counts_orders_that_close_each_other():
    sim = exchange()
    basket = [market_order(), market_order(transaction_type="SELL")]
    answer = sim.basket_margins(basket, consider_positions=False)
    assert (answer["initial"]["total"], answer["final"]["total"]) == (6000.0, 3000.0)
    (first, second) = sim.charges(basket)
    assert (first["charges"]["transaction_tax"], second["charges"]["transaction_tax"]) == (0, 3.75)


def test_an_average_follows_increases_stays_on_reductions_and_restarts_on_a_flip():
    sim = exchange()
    seen = []
    for side, quantity, at in (
        ("BUY", 10, 1500),
        ("BUY", 10, 1510),
        ("SELL", 5, 1520),
        ("SELL", 20, 1530),
    ):
        price(sim, at)
        sim.place("regular", market_order(transaction_type=side, quantity=quantity))
        (row,) = sim.positions()["net"]
        seen.append((row["quantity"], row["average_price"]))
    assert seen == [(10, 1500.0), (20, 1505.0), (15, 1505.0), (-5, 1530.0)]


def test_delivery_is_paid_for_at_the_end_of_the_day():
    sim = exchange()
    sim.place("regular", market_order(product="CNC"))
    sim.tick()
    sim.end_day()
    funds = sim.margins("equity")
    assert (funds["available"]["cash"], funds["net"]) == (985_000.0, 985_000.0)


def test_covering_a_short_position_needs_no_money():
    sim = exchange(cash=3001)
    sim.place("regular", market_order(transaction_type="SELL"))
    sim.place("regular", market_order())
    assert sim.positions()["net"][0]["quantity"] == 0
