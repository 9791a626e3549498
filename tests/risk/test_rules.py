"""Each limit rule by example."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from risk.engine.denials import Code, Verdict
from risk.engine.evaluate import evaluate
from risk.engine.rules import RULES, plain, whole_lots
from tests.risk.cases import (
    NOW,
    check_of,
    denials,
    facts,
    global_limits,
    order,
    strategy_limits,
)
from trading.domain.values import (
    ClampMode,
    OrderType,
    Product,
    Side,
)

NO_SHORTS = [global_limits(allow_short_selling=False)]


# Short selling


def test_with_nothing_held_every_sell_is_a_short_sale():
    decision = evaluate(order(Side.SELL, 1), facts(), NO_SHORTS)
    assert decision.outcome == "DENY"
    assert decision.final_qty == 0
    assert decision.reasons == ("Short selling is disabled in GLOBAL",)
    assert decision.notes == decision.reasons


def test_a_strategy_that_forbids_short_selling_is_named():
    limits = [global_limits(), strategy_limits(allow_short_selling=False)]
    decision = evaluate(order(Side.SELL, 1), facts(), limits)
    assert decision.reasons == ("Short selling is disabled in STRATEGY(supertrend)",)


@pytest.mark.parametrize(("quantity", "outcome"), [(99, "PASS"), (100, "PASS"), (101, "DENY")])
def test_what_is_held_can_be_sold(quantity, outcome):
    decision = evaluate(order(Side.SELL, quantity), facts(100), NO_SHORTS)
    assert decision.outcome == outcome


def test_what_other_working_sells_take_is_not_sold_again():
    snapshot = facts(100, working_sell_quantity=60)
    assert evaluate(order(Side.SELL, 40), snapshot, NO_SHORTS).outcome == "PASS"
    decision = evaluate(order(Side.SELL, 41), snapshot, NO_SHORTS)
    assert check_of(decision, Code.SHORT_SELLING_DISABLED).value == -1


def test_working_buys_are_not_held_yet():
    snapshot = facts(0, working_buy_quantity=100)
    assert evaluate(order(Side.SELL, 10), snapshot, NO_SHORTS).outcome == "DENY"


def test_holdings_can_be_sold_for_delivery_only():
    snapshot = facts(-4, holding_quantity=10)
    delivery = order(Side.SELL, 6, product=Product.CNC)
    assert evaluate(delivery, snapshot, NO_SHORTS).outcome == "PASS"
    too_many = order(Side.SELL, 7, product=Product.CNC)
    assert evaluate(too_many, snapshot, NO_SHORTS).outcome == "DENY"
    intraday = order(Side.SELL, 6, product=Product.MIS)
    assert evaluate(intraday, snapshot, NO_SHORTS).outcome == "DENY"


def test_buying_back_a_short_position_is_no_short_sale():
    assert evaluate(order(Side.BUY, 50), facts(-50), NO_SHORTS).outcome == "PASS"


@pytest.mark.parametrize("rules", [RULES, RULES[::-1]])
def test_short_selling_denies_even_where_a_clamp_would_make_it_fit(rules):
    limits = [global_limits(allow_short_selling=False, max_quantity_per_order=100)]
    decision = evaluate(order(Side.SELL, 150), facts(100), limits, rules)
    assert denials(decision) == {Code.SHORT_SELLING_DISABLED}


def test_a_clamp_in_global_makes_no_short_sale_of_a_strategy_fit():
    limits = [global_limits(max_quantity_per_order=100), strategy_limits(allow_short_selling=False)]
    decision = evaluate(order(Side.SELL, 150), facts(100), limits)
    assert denials(decision) == {Code.SHORT_SELLING_DISABLED}


@pytest.mark.parametrize("allowed", [True, None])
def test_allowed_short_selling_is_not_judged(allowed):
    decision = evaluate(order(Side.SELL), facts(), [global_limits(allow_short_selling=allowed)])
    assert decision.outcome == "PASS"
    assert Code.SHORT_SELLING_DISABLED not in {check.code for check in decision.checks}


# Quantity


def test_a_quantity_over_its_limit_is_clamped_in_the_reports_words():
    decision = evaluate(order(quantity=150), facts(), [global_limits(max_quantity_per_order=100)])
    assert (decision.outcome, decision.requested_qty, decision.final_qty) == ("CLAMP", 150, 100)
    assert decision.notes == (
        "Quantity clamped from 150 to 100 due to max_quantity_per_order=100 in GLOBAL.",
    )
    assert decision.reasons == ()


def test_with_reject_a_quantity_over_its_limit_is_denied():
    limits = [global_limits(max_quantity_per_order=100, clamp_mode=ClampMode.REJECT)]
    decision = evaluate(order(quantity=150), facts(), limits)
    assert decision.reasons == ("Quantity 150 is over max_quantity_per_order=100 in GLOBAL.",)
    assert evaluate(order(quantity=100), facts(), limits).outcome == "PASS"


def test_a_clamp_leaves_whole_lots():
    limits = [global_limits(max_quantity_per_order=100)]
    assert evaluate(order(quantity=150, lot_size=75), facts(), limits).final_qty == 75


def test_less_than_one_lot_is_denied():
    limits = [global_limits(max_quantity_per_order=100)]
    decision = evaluate(order(quantity=150, lot_size=150), facts(), limits)
    assert decision.reasons == (
        "Quantity 150 can't be clamped: not even one lot of 150 is inside "
        "max_quantity_per_order=100 in GLOBAL.",
    )


def test_an_unknown_lot_size_denies_what_would_have_to_be_clamped():
    limits = [global_limits(max_quantity_per_order=100)]
    assert evaluate(order(quantity=150, lot_size=0), facts(), limits).outcome == "DENY"


# Value


def test_a_value_over_its_limit_is_clamped_to_whole_units():
    limits = [global_limits(max_order_value=Decimal("1000.0000"))]
    decision = evaluate(order(quantity=10, reference_price=Decimal("300.50")), facts(), limits)
    assert decision.final_qty == 3
    note = "Quantity clamped from 10 to 3 due to max_order_value=1000 in GLOBAL."
    assert decision.notes == (f"{note} Valued at 300.5 (alert's price).",)


def test_a_value_at_its_limit_passes():
    limits = [global_limits(max_order_value=Decimal(1000))]
    decision = evaluate(order(quantity=10), facts(), limits)
    assert decision.outcome == "PASS"
    check = check_of(decision, Code.MAX_ORDER_VALUE)
    assert (check.value, check.verdict) == (Decimal(1000), Verdict.PASS)


def test_one_unit_that_is_worth_too_much_is_denied():
    limits = [global_limits(max_order_value=Decimal("99.99"))]
    decision = evaluate(order(quantity=10), facts(), limits)
    assert decision.reasons[0].startswith(
        "Quantity 10 can't be clamped: not even one unit is inside max_order_value=99.99 in GLOBAL."
    )


def test_with_reject_a_value_over_its_limit_is_denied():
    limits = [global_limits(max_order_value=Decimal(999), clamp_mode=ClampMode.REJECT)]
    decision = evaluate(order(quantity=10), facts(), limits)
    assert decision.reasons[0].startswith("Value 1000 is over max_order_value=999 in GLOBAL.")


def test_the_multiplier_counts_in_the_value():
    limits = [global_limits(max_order_value=Decimal(20_000))]
    crude = order(quantity=3, lot_size=1, multiplier=Decimal(100))
    assert evaluate(crude, facts(), limits).final_qty == 2


@pytest.mark.parametrize(
    ("order_type", "different", "source"),
    [
        (OrderType.LIMIT, {"price": Decimal(90)}, "Valued at 90 (limit price)."),
        (OrderType.SL, {"price": Decimal(91)}, "Valued at 91 (limit price)."),
        (OrderType.SL_M, {"trigger_price": Decimal(92)}, "Valued at 92 (trigger price)."),
        (OrderType.MARKET, {"price": Decimal(90)}, "Valued at 95 (last price, 12 s old)."),
        (OrderType.LIMIT, {"price": None}, "Valued at 95 (last price, 12 s old)."),
        (OrderType.LIMIT, {"price": Decimal(0)}, "Valued at 95 (last price, 12 s old)."),
    ],
)
def test_the_price_of_the_order_comes_before_the_last_price(order_type, different, source):
    snapshot = facts(last_price=Decimal(95), last_price_at=NOW - timedelta(seconds=12))
    limits = [global_limits(max_order_value=Decimal(10_000))]
    decision = evaluate(order(order_type=order_type, **different), snapshot, limits)
    assert check_of(decision, Code.MAX_ORDER_VALUE).message == source


@pytest.mark.parametrize("unusable", [None, Decimal(0), Decimal(-5), Decimal("NaN")])
def test_without_a_last_price_the_alerts_price_counts(unusable):
    limits = [global_limits(max_order_value=Decimal(10_000))]
    decision = evaluate(order(), facts(last_price=unusable), limits)
    message = check_of(decision, Code.MAX_ORDER_VALUE).message
    assert message == "Valued at 100 (alert's price)."


@pytest.mark.parametrize("unusable", [None, Decimal(0), Decimal("Infinity")])
def test_a_value_limit_without_any_price_denies(unusable):
    limits = [global_limits(max_order_value=Decimal(10_000))]
    decision = evaluate(order(reference_price=unusable), facts(), limits)
    assert decision.reasons == (
        "max_order_value=10000 in GLOBAL needs a price and none is known for NSE:INFY: "
        "give the order a limit price, or wait for a last price.",
    )


# Exits over the limits of one order


@pytest.mark.parametrize("clamp_mode", ClampMode)
@pytest.mark.parametrize(
    "limit", [{"max_order_value": Decimal(99)}, {"max_quantity_per_order": 50}]
)
def test_one_lot_of_an_exit_goes_though_it_is_over_the_limit(limit, clamp_mode):
    limits = [global_limits(clamp_mode=clamp_mode, **limit)]
    closing = order(Side.SELL, 75, lot_size=75)
    decision = evaluate(closing, facts(150), limits)
    assert (decision.outcome, decision.final_qty) == ("PASS", 75)
    assert decision.checks[-1].message.startswith("Not applied: one lot of an exit always goes.")
    assert evaluate(replace(closing, quantity=150), facts(150), limits).final_qty == 75
    assert evaluate(closing, facts(), limits).outcome == "DENY"
    assert evaluate(closing, facts(74), limits).outcome == "DENY"


def test_a_limit_that_rejects_cuts_an_exit_to_what_is_inside():
    limits = [global_limits(max_order_value=Decimal(350), clamp_mode=ClampMode.REJECT)]
    assert evaluate(order(Side.SELL, 10), facts(10), limits).final_qty == 3
    turning = evaluate(order(Side.SELL, 11), facts(10), limits)
    assert turning.outcome == "DENY"


def test_without_any_price_one_lot_of_an_exit_goes():
    limits = [global_limits(max_order_value=Decimal(350), clamp_mode=ClampMode.REJECT)]
    decision = evaluate(order(Side.SELL, 10, reference_price=None), facts(10), limits)
    assert decision.final_qty == 1
    assert check_of(decision, Code.MAX_ORDER_VALUE).value == "no price"
    turning = evaluate(order(Side.SELL, 11, reference_price=None), facts(10), limits)
    assert "needs a price" in turning.reasons[0]


# Symbol lists


@pytest.mark.parametrize(
    ("lists", "outcome"),
    [
        ({"symbol_whitelist": ("NSE:INFY",)}, "PASS"),
        ({"symbol_whitelist": ("tcs", "infy")}, "PASS"),
        ({"symbol_whitelist": ("BSE:INFY",)}, "DENY"),
        ({"symbol_blacklist": ("NSE:TCS", "BSE:INFY")}, "PASS"),
        ({"symbol_blacklist": ("Infy",)}, "DENY"),
        ({"symbol_whitelist": ("NSE:INFY",), "symbol_blacklist": ("NSE:INFY",)}, "DENY"),
        ({}, "PASS"),
    ],
)
def test_symbol_lists_allow_and_forbid(lists, outcome):
    assert evaluate(order(), facts(), [global_limits(**lists)]).outcome == outcome


def test_the_list_and_the_entry_are_named():
    limits = [global_limits(symbol_whitelist=("TCS",), symbol_blacklist=("NSE:INFY",))]
    assert evaluate(order(), facts(), limits).reasons == (
        "NSE:INFY is not on the symbol_whitelist in GLOBAL.",
        "NSE:INFY is on the symbol_blacklist in GLOBAL as NSE:INFY.",
    )


def test_an_order_without_an_exchange_is_taken_for_the_worst():
    nowhere = order(exchange="")
    assert evaluate(nowhere, facts(), [global_limits(symbol_whitelist=("NSE:INFY",))]).reasons
    assert evaluate(nowhere, facts(), [global_limits(symbol_blacklist=("NSE:INFY",))]).reasons


def test_an_exit_of_a_forbidden_symbol_passes():
    limits = [global_limits(symbol_blacklist=("INFY",), symbol_whitelist=("TCS",))]
    assert evaluate(order(Side.SELL, 100), facts(100), limits).outcome == "PASS"
    assert evaluate(order(Side.BUY, 1), facts(100), limits).outcome == "DENY"


def test_an_order_that_turns_the_position_is_no_exit():
    limits = [global_limits(symbol_blacklist=("INFY",))]
    assert evaluate(order(Side.SELL, 101), facts(100), limits).outcome == "DENY"


# Open positions


TWO_OPEN = frozenset({"NSE:TCS|MIS", "NSE:SBIN|CNC"})


def test_one_position_more_than_the_limit_is_denied():
    snapshot = facts(open_instruments=TWO_OPEN)
    decision = evaluate(order(), snapshot, [global_limits(max_open_positions=2)])
    assert decision.reasons == (
        "NSE:INFY MIS would be open position 3; max_open_positions=2 in GLOBAL.",
    )
    assert evaluate(order(), snapshot, [global_limits(max_open_positions=3)]).outcome == "PASS"


def test_adding_to_and_turning_an_open_position_opens_none():
    snapshot = facts(10, open_instruments=TWO_OPEN | {"NSE:INFY|MIS"})
    limits = [global_limits(max_open_positions=2)]
    assert evaluate(order(Side.BUY, 10), snapshot, limits).outcome == "PASS"
    assert evaluate(order(Side.SELL, 25), snapshot, limits).outcome == "PASS"


def test_the_same_symbol_in_another_product_is_another_position():
    snapshot = facts(10, open_instruments=frozenset({"NSE:INFY|MIS"}))
    limits = [global_limits(max_open_positions=1)]
    assert evaluate(order(product=Product.NRML), snapshot, limits).outcome == "DENY"


def test_selling_from_holdings_opens_no_position():
    snapshot = facts(holding_quantity=10, open_instruments=TWO_OPEN)
    limits = [global_limits(max_open_positions=2)]
    assert evaluate(order(Side.SELL, 10, product=Product.CNC), snapshot, limits).outcome == "PASS"


# Numbers


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (100, "100"),
        (Decimal("100.0000"), "100"),
        (Decimal("100.5000"), "100.5"),
        (Decimal("1E+5"), "100000"),
        (Decimal("0.0500"), "0.05"),
    ],
)
def test_numbers_have_no_trailing_zeros(number, text):
    assert plain(number) == text


@pytest.mark.parametrize(("quantity", "lot", "lots"), [(149, 75, 75), (74, 75, 0), (5, 0, 0)])
def test_whole_lots_round_down(quantity, lot, lots):
    assert whole_lots(quantity, lot) == lots
