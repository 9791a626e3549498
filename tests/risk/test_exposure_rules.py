"""The limits of what is open and working by example."""

from decimal import Decimal

import pytest

from risk.engine.denials import Code
from risk.engine.evaluate import evaluate
from risk.engine.snapshot import InstrumentFacts, MarginFacts, StrategyFacts
from tests.risk.cases import (
    account,
    check_of,
    denials,
    facts,
    global_limits,
    open_position,
    option,
    order,
    share,
    strategy_limits,
    working_order,
)
from trading.domain.values import ClampMode, Product, Side

NIFTY = {"exchange": "NFO", "product": Product.NRML, "lot_size": 65}


def with_positions(*positions, held=0, **different):
    fields = {"instrument": share(), "account": account(positions=positions), **different}
    return facts(held, **fields)


def contract(quantity, symbol, **different):
    fields = {
        "product": Product.NRML,
        "segment": "DERIVATIVES",
        "underlying": "NIFTY",
        "kind": "CE",
    }
    return open_position(quantity, f"NFO:{symbol}", **{**fields, **different})


# Position


def test_a_position_is_filled_up_to_its_limit():
    decision = evaluate(
        order(quantity=50),
        with_positions(open_position(80)),
        [global_limits(max_position_quantity=100)],
    )
    assert decision.notes == (
        "Quantity clamped from 50 to 20 due to max_position_quantity=100 in GLOBAL. "
        "NSE:INFY would have 130 long.",
    )
    assert decision.final_qty == 20


@pytest.mark.parametrize(
    ("side", "position", "final"),
    [
        (Side.BUY, open_position(80, working_buy=15), 5),
        (Side.BUY, open_position(80, working_sell=80), 20),
        (Side.SELL, open_position(-80, working_sell=15), 5),
        (Side.SELL, open_position(0), 50),
        (Side.BUY, open_position(100), 0),
    ],
)
def test_what_works_on_the_same_side_counts_as_filled(side, position, final):
    limits = [global_limits(max_position_quantity=100)]
    assert evaluate(order(side, 50), with_positions(position), limits).final_qty == final


def test_the_same_share_in_another_product_counts_too():
    delivery = open_position(80, product=Product.CNC)
    limits = [global_limits(max_position_quantity=100)]
    assert evaluate(order(quantity=50), with_positions(delivery), limits).final_qty == 20


def test_the_orders_own_position_counts_even_when_the_account_leaves_it_out():
    limits = [global_limits(max_position_quantity=100)]
    assert evaluate(order(quantity=50), facts(80), limits).final_qty == 20


def test_contracts_of_one_underlying_count_together():
    snapshot = with_positions(
        contract(650, "NIFTY26MAR22000CE"), contract(65, "NIFTY26APRFUT"), instrument=option()
    )
    intent = order(quantity=260, tradingsymbol="NIFTY26MAR22500CE", **NIFTY)
    decision = evaluate(intent, snapshot, [global_limits(max_position_quantity=910)])
    assert decision.final_qty == 195
    assert "NIFTY would have 975 long." in decision.notes[0]


def test_a_contract_of_an_unknown_underlying_is_denied():
    intent = order(quantity=65, tradingsymbol="NIFTY26MAR22500CE", **NIFTY)
    snapshot = with_positions(instrument=InstrumentFacts(segment="DERIVATIVES"))
    decision = evaluate(intent, snapshot, [global_limits(max_position_quantity=10_000)])
    assert "The underlying of NFO:NIFTY26MAR22500CE is not known" in decision.reasons[0]


def test_turning_a_position_that_is_too_large_is_cut_to_closing_it():
    snapshot = with_positions(open_position(-100), held=-100)
    limits = [global_limits(max_position_value=Decimal("0.01"))]
    assert evaluate(order(quantity=100), snapshot, limits).outcome == "PASS"
    turned = evaluate(order(quantity=150), snapshot, limits)
    assert (turned.outcome, turned.final_qty) == ("CLAMP", 100)


def test_a_positions_value_is_what_is_held_at_its_price_and_the_order_at_its_own():
    snapshot = with_positions(open_position(50, price=Decimal(120)))
    decision = evaluate(order(quantity=50), snapshot, [global_limits(max_position_value=8000)])
    assert decision.final_qty == 20
    assert check_of(decision, Code.MAX_POSITION_VALUE).value == 11_000


def test_a_position_without_a_price_denies_what_adds_to_it():
    snapshot = with_positions(open_position(50, price=None), held=50)
    limits = [global_limits(max_position_value=Decimal(10**6))]
    assert "needs a price of NSE:INFY" in evaluate(order(), snapshot, limits).reasons[0]
    assert evaluate(order(Side.SELL), snapshot, limits).outcome == "PASS"


# Exposure


def test_gross_exposure_adds_long_and_short_and_net_takes_one_from_the_other():
    snapshot = with_positions(open_position(60, "NSE:TCS"), open_position(-30, "NSE:SBIN"))
    gross = [global_limits(max_gross_exposure=Decimal(10_000))]
    net = [global_limits(max_net_exposure=Decimal(10_000))]
    assert evaluate(order(quantity=100), snapshot, gross).final_qty == 10
    assert evaluate(order(quantity=100), snapshot, net).final_qty == 70
    assert evaluate(order(Side.SELL, 200), snapshot, net).final_qty == 130


def test_exposure_is_of_the_orders_segment():
    snapshot = with_positions(contract(6500, "NIFTY26MAR22000CE"))
    limits = [global_limits(max_gross_exposure=Decimal(1000), max_net_exposure=Decimal(1000))]
    assert evaluate(order(), snapshot, limits).outcome == "PASS"


def test_turning_a_position_frees_its_side_of_gross_exposure():
    snapshot = with_positions(open_position(-50), held=-50)
    limits = [global_limits(max_gross_exposure=Decimal(5_000))]
    assert evaluate(order(quantity=120), snapshot, limits).final_qty == 100


def test_over_gross_exposure_already_a_turn_is_cut_to_closing():
    snapshot = with_positions(open_position(-50), open_position(90, "NSE:TCS"), held=-50)
    limits = [global_limits(max_gross_exposure=Decimal(10_000))]
    assert evaluate(order(quantity=80), snapshot, limits).final_qty == 50


def test_working_orders_elsewhere_count_in_exposure():
    snapshot = with_positions(open_position(0, "NSE:TCS", working_buy=95))
    limits = [global_limits(max_gross_exposure=Decimal(10_000))]
    assert evaluate(order(), snapshot, limits).final_qty == 5


def test_a_position_of_no_price_elsewhere_in_the_segment_denies():
    snapshot = with_positions(open_position(5, "NSE:TCS", price=None))
    decision = evaluate(order(), snapshot, [global_limits(max_net_exposure=Decimal(10**6))])
    assert decision.reasons == (
        "max_net_exposure=1000000 in GLOBAL needs a price of NSE:TCS, and none is known: wait for "
        "its last price, or close it.",
    )


def test_the_multiplier_counts_in_exposure():
    crude = open_position(
        2, "MCX:CRUDEOIL26MARFUT", segment="COMMODITY", multiplier=Decimal(100), price=Decimal(70)
    )
    snapshot = with_positions(crude, instrument=InstrumentFacts(kind="FUT", segment="COMMODITY"))
    intent = order(quantity=3, exchange="MCX", multiplier=Decimal(100), reference_price=Decimal(70))
    limits = [global_limits(max_gross_exposure=Decimal(30_000))]
    assert evaluate(intent, snapshot, limits).final_qty == 2


# Working orders


def test_a_strategys_working_orders_are_its_own():
    working = (working_order(Side.BUY, strategy_id=8), working_order(Side.BUY, strategy_id=7))
    snapshot = facts(account=account(working=working))
    assert evaluate(order(), snapshot, [global_limits(max_working_orders=2)]).outcome == "DENY"
    assert evaluate(order(), snapshot, [strategy_limits(max_working_orders=2)]).outcome == "PASS"
    assert evaluate(order(), snapshot, [strategy_limits(max_working_orders=1)]).outcome == "DENY"


def test_working_orders_of_no_known_worth_deny():
    snapshot = facts(account=account(working=(working_order(Side.BUY, value=None),)))
    limits = [global_limits(max_working_value=Decimal(10**6))]
    assert "needs a price of NSE:INFY" in evaluate(order(), snapshot, limits).reasons[0]


# Margin


@pytest.mark.parametrize(
    ("available", "required", "reserved", "outcome"),
    [
        (1000, 900, 0, "PASS"),
        (1000, 901, 0, "DENY"),
        (1000, 900, 1, "DENY"),
        (None, 900, 0, "DENY"),
        (1000, None, 0, "DENY"),
        (-5, 0, 0, "DENY"),
    ],
)
def test_margin_must_be_free_beside_what_stays_free_and_is_in_flight(
    available, required, reserved, outcome
):
    margin = MarginFacts(
        available=None if available is None else Decimal(available),
        required=None if required is None else Decimal(required),
        reserved=Decimal(reserved),
    )
    limits = [global_limits(insufficient_margin=Decimal(10))]
    decision = evaluate(order(), facts(account=account(margin=margin)), limits)
    assert decision.outcome == outcome


def test_an_exit_asks_for_no_margin():
    snapshot = facts(10, account=account(margin=MarginFacts()))
    limits = [global_limits(insufficient_margin=Decimal(10))]
    assert evaluate(order(Side.SELL), snapshot, limits).outcome == "PASS"


# Budget


def test_a_strategy_spends_what_is_left_of_its_budget():
    snapshot = facts(strategy=StrategyFacts(capital=Decimal(3_000)))
    limits = [strategy_limits(strategy_budget=Decimal(5_000))]
    assert evaluate(order(quantity=50), snapshot, limits).final_qty == 20


def test_closing_takes_nothing_of_the_budget():
    snapshot = facts(-30, strategy=StrategyFacts(capital=Decimal(3_000)))
    limits = [strategy_limits(strategy_budget=Decimal(5_000))]
    assert evaluate(order(quantity=60), snapshot, limits).final_qty == 50


def test_without_a_strategy_there_is_no_budget():
    nobodys = order(quantity=50, strategy_id=None, strategy_name="")
    limits = [global_limits(strategy_budget=Decimal(1))]
    assert evaluate(nobodys, facts(), limits).outcome == "PASS"


# Options


@pytest.mark.parametrize(
    ("kind", "held", "quantity", "outcome"),
    [
        ("CE", 65, 65, "PASS"),
        ("CE", 65, 130, "DENY"),
        ("PE", 0, 65, "DENY"),
        ("FUT", 0, 65, "PASS"),
        ("", 0, 65, "DENY"),
    ],
)
def test_only_options_that_are_held_are_sold_without_leave(kind, held, quantity, outcome):
    snapshot = facts(held, instrument=option(kind=kind))
    intent = order(Side.SELL, quantity, tradingsymbol="NIFTY26MAR22500CE", **NIFTY)
    limits = [global_limits(naked_option_sell=False)]
    assert evaluate(intent, snapshot, limits).outcome == outcome


def test_with_reject_a_position_over_its_limit_says_what_it_would_be():
    limits = [global_limits(max_position_quantity=100, clamp_mode=ClampMode.REJECT)]
    decision = evaluate(order(quantity=50), with_positions(open_position(80)), limits)
    assert denials(decision) == {Code.MAX_POSITION_QUANTITY}
    assert decision.reasons == (
        "Position 130 is over max_position_quantity=100 in GLOBAL. NSE:INFY would have 130 long.",
    )
