"""Instruments, prices, the clock and threads of the simulated exchange."""

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal

import pytest

from brokers.simulator.clock import SimClock
from brokers.simulator.listing import equity_tick, listing_for, month_expiries, week_expiries
from tests.brokers.simulator.exchanges import (
    MONDAY,
    exchange,
    future,
    market_order,
    order,
    price,
    trigger,
)

COLUMNS = [
    "instrument_token",
    "exchange_token",
    "tradingsymbol",
    "name",
    "last_price",
    "expiry",
    "strike",
    "tick_size",
    "lot_size",
    "instrument_type",
    "segment",
    "exchange",
]


def listed(sim, name=None):
    return list(csv.DictReader(sim.instruments_csv(name)))


def test_the_list_has_kites_columns_and_unique_tokens():
    rows = listed(exchange())
    assert list(rows[0]) == COLUMNS
    assert len(rows) > 300
    assert len({row["instrument_token"] for row in rows}) == len(rows)
    assert len({(row["exchange"], row["tradingsymbol"]) for row in rows}) == len(rows)
    for row in rows:
        assert int(row["lot_size"]) > 0 and Decimal(row["tick_size"]) > 0
        assert Decimal(row["last_price"]) % Decimal(row["tick_size"]) == 0


def test_the_list_has_names_that_break_careless_code():
    symbols = {row["tradingsymbol"] for row in listed(exchange(), "NSE")}
    assert {"M&M", "J&KBANK", "BAJAJ-AUTO", "NAM-INDIA", "CENTRALBK-BE", "EMBASSY-RR"} <= symbols
    assert "NIFTY 50" in symbols


def test_one_exchange_can_be_listed_alone():
    rows = listed(exchange(), "MCX")
    assert {row["exchange"] for row in rows} == {"MCX"}
    assert {row["lot_size"] for row in rows} == {"1"}


def test_lots_of_the_index_contracts():
    lots = {row["name"]: row["lot_size"] for row in listed(exchange()) if "-FUT" in row["segment"]}
    assert (lots["NIFTY"], lots["BANKNIFTY"], lots["SENSEX"]) == ("65", "30", "20")


def test_expiries_fall_on_their_weekday_or_before_a_holiday():
    assert week_expiries(date(2026, 12, 7), 1, 2, "NFO") == [date(2026, 12, 8), date(2026, 12, 15)]
    assert month_expiries(date(2026, 11, 20), 1, 2, "NFO") == [
        date(2026, 11, 23),  # Tuesday the 24th is a holiday
        date(2026, 12, 29),
    ]


@pytest.mark.parametrize("day", [date(2026, 11, 23) + timedelta(days=n) for n in range(0, 60, 7)])
def test_no_contract_of_the_list_has_expired(day):
    assert all(each.expiry is None or each.expiry >= day for each in listing_for(day))


def test_weekly_and_monthly_symbols_follow_their_patterns():
    symbols = {each.tradingsymbol for each in listing_for(date(2026, 12, 7))}
    assert "NIFTY26D0825950CE" in symbols
    assert "NIFTY26DEC25950CE" in symbols
    assert "NIFTY26DECFUT" in symbols


@pytest.mark.parametrize(
    ("value", "tick"), [("249.99", "0.01"), ("250", "0.05"), ("1500", "0.1"), ("25000", "5")]
)
def test_ticks_follow_the_price_band(value, tick):
    assert equity_tick(Decimal(value)) == Decimal(tick)


def test_a_quote_has_a_range_and_depth_and_leaves_out_the_unknown():
    answer = exchange().quotes(["NSE:INFY", "408065", "NSE:NOSUCH"], "quote")
    assert set(answer) == {"NSE:INFY", "408065"}
    quote = answer["NSE:INFY"]
    assert (quote["lower_circuit_limit"], quote["upper_circuit_limit"]) == (1350.0, 1650.0)
    assert quote["depth"]["buy"][0]["price"] < quote["depth"]["sell"][0]["price"]
    ltp = exchange().quotes(["NSE:INFY"], "ltp")
    assert ltp == {"NSE:INFY": {"instrument_token": 408065, "last_price": 1500.0}}


def walk(seed):
    sim = exchange(seed=seed, prices_move=True)
    keys = ["NSE:INFY", f"NFO:{future(sim)}"]
    seen = []
    for _ in range(30):
        sim.clock.advance(10)
        seen.append([each["last_price"] for each in sim.quotes(keys, "ltp").values()])
    return seen


def test_prices_walk_the_same_way_for_the_same_seed():
    assert walk(5) == walk(5)
    assert walk(5) != walk(6)
    assert len({tuple(each) for each in walk(5)}) > 10


def test_prices_stay_on_the_tick_and_within_the_circuits():
    sim = exchange(prices_move=True)
    for _ in range(50):
        sim.clock.advance(300)
        quote = sim.quotes(["NSE:INFY"], "quote")["NSE:INFY"]
        assert Decimal(str(quote["last_price"])) % Decimal("0.1") == 0
        assert 1350 < quote["last_price"] < 1650


def test_prices_stand_still_while_the_market_is_shut():
    sim = exchange(prices_move=True)
    sim.close_market()
    before = sim.quotes(["NSE:INFY"], "ltp")
    sim.clock.advance(600)
    assert sim.quotes(["NSE:INFY"], "ltp") == before


def test_a_price_beyond_the_circuit_moves_the_range_with_it():
    sim = exchange()
    price(sim, 700)
    order_id = sim.place("regular", order(price=701))
    assert sim.orders()[0]["order_id"] == order_id
    assert sim.orders()[0]["average_price"] == 700.0


def test_a_price_off_the_tick_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match=r"0\.1"):
        price(exchange(), "1500.05")
    with pytest.raises(ValueError, match="NOSUCH"):
        price(exchange(), 10, "NOSUCH")


def play(sim):
    """A little trading day; what it leaves behind."""
    sim.deposit("NSE", "INFY", 50, Decimal(1300))
    for number in range(20):
        sim.clock.advance(7)
        side = "BUY" if number % 3 else "SELL"
        sim.place("regular", market_order(transaction_type=side, tag=f"T{number}"))
    sim.gtt_place(trigger(values=(1400,)))
    sim.clock.advance(3600)
    return sim.ledger()


def test_the_same_seed_and_clock_leave_the_same_ledger():
    first, second = (play(exchange(prices_move=True)) for _ in range(2))
    assert json.loads(json.dumps(first)) == second
    assert len(first["trades"]) == 20


def test_many_threads_lose_and_double_nothing():
    sim = exchange(cash=Decimal(10) ** 9)

    def work(name):
        ids = []
        for number in range(25):
            side = "BUY" if number % 2 else "SELL"
            form = market_order(transaction_type=side, tag=f"{name}x{number}")
            ids.append(sim.place("regular", form))
            sim.orders()
            sim.positions()
        return ids

    with ThreadPoolExecutor(6) as pool:
        ids = [each for batch in pool.map(work, "ABCDEF") for each in batch]
    assert len(set(ids)) == 150
    truth = sim.ledger()
    assert {each["status"] for each in truth["orders"]} == {"COMPLETE"}
    assert sum(each["quantity"] for each in truth["trades"]) == 1500
    assert len({each["trade_id"] for each in truth["trades"]}) == 150


def test_the_clock_can_be_set_shifted_frozen_and_sped_up():
    clock = SimClock(MONDAY, frozen=True)
    clock.advance(90)
    assert clock.now() == MONDAY + timedelta(seconds=90)
    clock.set(MONDAY)
    clock.speed = 1_000_000
    assert clock.now() == MONDAY
    clock.resume()
    while clock.now() < MONDAY + timedelta(hours=1):
        pass
    clock.freeze()
    assert clock.now() == clock.now()
    with pytest.raises(ValueError, match="speed"):
        clock.speed = 0
    with pytest.raises(ValueError, match="aware"):
        clock.set(MONDAY.replace(tzinfo=None))
