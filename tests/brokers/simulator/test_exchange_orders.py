"""Placing, changing and cancelling orders at the simulated exchange."""

import pytest

from tests.brokers.simulator.exchanges import (
    exchange,
    future,
    market_order,
    order,
    price,
    refusal,
    row,
    status,
    statuses,
)


def test_an_order_id_has_19_digits_and_grows():
    sim = exchange()
    ids = [sim.place("regular", order()) for _ in range(3)]
    assert all(len(each) == 19 and each.isdigit() for each in ids)
    assert ids == sorted(set(ids))


def test_an_order_goes_through_the_statuses_and_gets_its_exchange_id_when_open():
    sim = exchange()
    order_id = sim.place("regular", market_order())
    history = sim.order_history(order_id)
    assert [each["status"] for each in history] == [
        "PUT ORDER REQ RECEIVED",
        "VALIDATION PENDING",
        "OPEN PENDING",
        "OPEN",
        "COMPLETE",
    ]
    assert [each["exchange_order_id"] is None for each in history] == [True] * 3 + [False] * 2
    assert [each["exchange_timestamp"] is None for each in history] == [True] * 3 + [False] * 2


def test_a_step_delay_spreads_the_statuses_over_the_clock():
    sim = exchange()
    sim.behaviour.step_delay = 2
    order_id = sim.place("regular", order())
    seen = [status(sim, order_id)]
    for _ in range(3):
        sim.clock.advance(2)
        seen.append(status(sim, order_id))
    assert seen == ["PUT ORDER REQ RECEIVED", "VALIDATION PENDING", "OPEN PENDING", "OPEN"]


def test_the_tag_comes_back_alone_and_in_the_list():
    sim = exchange()
    tagged = row(sim, sim.place("regular", order(tag="S1abc")))
    plain = row(sim, sim.place("regular", order()))
    assert (tagged["tag"], tagged["tags"]) == ("S1abc", ["S1abc"])
    assert plain["tag"] is None and "tags" not in plain


def test_a_fill_gives_a_trade_of_the_order():
    sim = exchange()
    order_id = sim.place("regular", market_order())
    (trade,) = sim.order_trades(order_id)
    assert sim.trades() == [trade]
    assert (trade["quantity"], trade["average_price"]) == (10, 1500.0)
    assert trade["exchange_order_id"] == row(sim, order_id)["exchange_order_id"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"tag": "x" * 21}, "tag"),
        ({"tradingsymbol": ""}, "tradingsymbol"),
        ({"tradingsymbol": "NOSUCH"}, "NSE:NOSUCH"),
        ({"tradingsymbol": "NIFTY 50"}, "NSE:NIFTY 50"),
        ({"exchange": "NYSE"}, "exchange"),
        ({"transaction_type": "HOLD"}, "transaction_type"),
        ({"quantity": "0"}, "quantity"),
        ({"quantity": "1.5"}, "decode quantity"),
        ({"quantity": "-5"}, "decode quantity"),
        ({"product": "NRML"}, "Product NRML"),
        ({"tradingsymbol": "CENTRALBK-BE", "price": "38"}, "MIS orders are currently blocked"),
        ({"order_type": "LIMIT", "price": "0"}, "price"),
        ({"price": "abc"}, "decode price"),
        ({"price": "NaN"}, "decode price"),
        ({"price": "1490.05"}, "Tick size for this script is 0.1"),
        ({"price": "1340"}, "lower than the current lower circuit limit of 1350"),
        ({"price": "1660"}, "higher than the current upper circuit limit of 1650"),
        ({"order_type": "SL", "price": "1520"}, "trigger_price"),
        ({"quantity": "100001"}, "100000"),
        ({"quantity": "70000"}, "10 crore"),
        ({"order_type": "MARKET", "price": "0"}, "without market protection"),
        ({"order_type": "MARKET", "market_protection": "True"}, "decode market_protection"),
        ({"order_type": "MARKET", "market_protection": "101"}, "market_protection"),
        ({"validity": "GTC"}, "validity"),
        ({"validity": "TTL"}, "validity_ttl"),
    ],
)
def test_a_bad_field_is_refused_by_name_and_leaves_no_order(changes, says):
    sim = exchange()
    error = refusal(sim.place, "regular", order(**changes))
    assert says in error.message
    assert (error.status, error.error_type) == (400, "InputException")
    assert sim.orders() == []


def test_a_derivative_wants_whole_lots_within_the_freeze_limit():
    sim = exchange()
    contract = {"exchange": "NFO", "tradingsymbol": future(sim), "product": "NRML"}
    odd = refusal(sim.place, "regular", market_order(**contract, quantity=70))
    assert "lot size 65" in odd.message
    huge = refusal(sim.place, "regular", market_order(**contract, quantity=1820))
    assert "1820 (28 lots) is higher than the maximum quantity of 1755 (27 lots)" in huge.message


def test_commodities_are_traded_in_lots_and_know_no_ioc():
    sim = exchange()
    gold = {"exchange": "MCX", "tradingsymbol": future(sim, "GOLDM", "MCX"), "product": "NRML"}
    order_id = sim.place("regular", market_order(**gold, quantity=1))
    assert status(sim, order_id) == "COMPLETE"
    assert sim.positions()["net"][0]["multiplier"] == 10
    assert "IOC" in refusal(sim.place, "regular", market_order(**gold, validity="IOC")).message


def test_stop_losses_at_market_are_blocked_for_options():
    sim = exchange()
    line = next(line for line in sim.instruments_csv("NFO") if ",CE," in line)
    option = {"exchange": "NFO", "tradingsymbol": line.split(",")[2], "product": "NRML"}
    stop = order(**option, quantity=65, order_type="SL-M", trigger_price=500, market_protection=-1)
    assert "SL-M" in refusal(sim.place, "regular", stop).message


def test_too_little_money_is_a_margin_refusal_with_both_sums():
    sim = exchange(cash=1000)
    error = refusal(sim.place, "regular", market_order())
    assert error.error_type == "MarginException"
    assert "Required margin is 3000.00 but available margin is 1000.00" in error.message


def test_delivery_shares_must_be_there_to_be_sold():
    sim = exchange()
    sale = market_order(transaction_type="SELL", product="CNC")
    assert refusal(sim.place, "regular", sale).error_type == "HoldingException"
    sim.deposit("NSE", "INFY", 15, 1200)
    sim.place("regular", order(transaction_type="SELL", product="CNC", price=1600))
    assert "pending sell orders" in refusal(sim.place, "regular", sale).message


def test_an_unauthorised_sale_is_428_until_the_depository_confirms():
    sim = exchange()
    sim.deposit("NSE", "INFY", 10, 1200)
    sim.behaviour.needs_authorisation = True
    sale = market_order(transaction_type="SELL", product="CNC")
    error = refusal(sim.place, "regular", sale)
    assert error.status == 428
    assert error.message == "10 quantity needs authorisation at depository."
    sim.confirm_authorisation(sim.authorise_holdings({})["request_id"])
    assert status(sim, sim.place("regular", sale)) == "COMPLETE"


def test_a_modification_shows_its_steps_and_its_new_terms():
    sim = exchange()
    order_id = sim.place("regular", order())
    sim.modify("regular", order_id, {"quantity": "20", "price": "1480"})
    assert statuses(sim, order_id)[-4:] == [
        "MODIFY VALIDATION PENDING",
        "MODIFY PENDING",
        "MODIFIED",
        "OPEN",
    ]
    now = row(sim, order_id)
    assert (now["quantity"], now["price"], now["modified"]) == (20, 1480.0, True)


def test_a_modified_order_fills_when_its_new_price_meets_the_market():
    sim = exchange()
    order_id = sim.place("regular", order())
    sim.modify("regular", order_id, {"price": "1510"})
    assert row(sim, order_id)["average_price"] == 1500.0


def test_a_modification_to_market_needs_protection_again():
    sim = exchange()
    order_id = sim.place("regular", order())
    error = refusal(sim.modify, "regular", order_id, {"order_type": "MARKET"})
    assert "market protection" in error.message
    sim.modify("regular", order_id, {"order_type": "MARKET", "market_protection": "-1"})
    assert status(sim, order_id) == "COMPLETE"


def test_the_26th_modification_is_refused():
    sim = exchange()
    order_id = sim.place("regular", order())
    for number in range(25):
        sim.modify("regular", order_id, {"price": str(1480 + number % 2)})
    error = refusal(sim.modify, "regular", order_id, {"price": "1485"})
    assert error.message == "Maximum allowed order modifications exceeded."
    assert error.error_type == "NetworkException"


def test_a_quantity_already_filled_cannot_be_modified_away():
    sim = exchange()
    sim.behaviour.partial_fill = 6
    order_id = sim.place("regular", market_order())
    assert row(sim, order_id)["filled_quantity"] == 6
    assert "traded" in refusal(sim.modify, "regular", order_id, {"quantity": "6"}).message


def test_a_fill_that_overtakes_a_modification_leaves_it_undone():
    sim = exchange()
    sim.behaviour.partial_fill = 4
    order_id = sim.place("regular", order())
    sim.orders()
    sim.behaviour.step_delay = 5
    sim.modify("regular", order_id, {"quantity": "3"})
    price(sim, 1490)
    assert row(sim, order_id)["filled_quantity"] == 4
    sim.clock.advance(60)
    assert "NOT MODIFIED" in statuses(sim, order_id)
    assert row(sim, order_id)["quantity"] == 10


def test_a_cancelled_order_keeps_what_was_filled():
    sim = exchange()
    sim.behaviour.partial_fill = 4
    order_id = sim.place("regular", market_order())
    sim.orders()
    sim.cancel("regular", order_id)
    assert statuses(sim, order_id)[-2:] == ["CANCEL PENDING", "CANCELLED"]
    ended = row(sim, order_id)
    assert (ended["filled_quantity"], ended["average_price"]) == (4, 1500.0)
    assert ended["status_message"] is None
    assert sim.positions()["net"][0]["quantity"] == 4


def test_ended_orders_and_those_under_way_refuse_a_cancellation():
    sim = exchange()
    done = sim.place("regular", market_order())
    assert "already complete" in refusal(sim.cancel, "regular", done).message
    sim.behaviour.step_delay = 10
    waiting = sim.place("regular", order())
    assert "being processed. Try later" in refusal(sim.cancel, "regular", waiting).message


def test_the_variety_must_match():
    sim = exchange()
    order_id = sim.place("regular", order())
    sim.orders()
    assert refusal(sim.cancel, "amo", order_id).error_type == "NetworkException"
    assert status(sim, order_id) == "OPEN"


def test_an_unknown_order_is_an_order_error():
    sim = exchange()
    assert refusal(sim.order_history, "1").error_type == "OrderException"
    assert refusal(sim.cancel, "regular", "1").error_type == "OrderException"


def test_autoslice_cuts_at_the_freeze_limit_and_tags_the_parts():
    sim = exchange(cash=10**9)
    contract = {"exchange": "NFO", "tradingsymbol": future(sim), "product": "NRML"}
    answer = sim.place_autoslice("regular", market_order(**contract, quantity=1755 * 2 + 65))
    assert [row(sim, each["order_id"])["quantity"] for each in answer["children"]] == [
        1755,
        1755,
        65,
    ]
    tags = row(sim, answer["children"][0]["order_id"])["tags"]
    assert f"autoslice:{answer['order_id']}" in tags


def test_a_failed_slice_reports_its_error_among_the_children():
    sim = exchange(cash=10**7)
    contract = {"exchange": "NFO", "tradingsymbol": future(sim), "product": "NRML"}
    answer = sim.place_autoslice("regular", market_order(**contract, quantity=1755 * 3))
    kinds = [next(iter(each)) for each in answer["children"]]
    assert kinds == ["order_id", "error", "error"]
    assert answer["children"][1]["error"]["error_type"] == "MarginException"
