"""Margin by product, what closing orders cost, and delivery that must be held."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.paper.funds import (
    Claim,
    PositionKey,
    Rates,
    Stake,
    orders_margin,
    positions_margin,
    refusal,
)
from trading.domain.values import Product, Side

RATES = Rates(delivery=Decimal(100), intraday=Decimal(20), carry=Decimal(50))
CASH = Decimal(100_000)


def key(product: Product = Product.MIS, symbol: str = "INFY") -> PositionKey:
    return PositionKey("NSE", symbol, product)


def claim(
    side: Side = Side.BUY, quantity: int = 10, price: str = "1000", product: Product = Product.MIS
) -> Claim:
    return Claim(key(product), side, quantity, Decimal(price), Decimal(1))


def held(quantity: int, price: str = "1000", product: Product = Product.MIS) -> dict:
    return {key(product): Stake(quantity, abs(quantity) * Decimal(price))}


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        (Product.CNC, "10000"),
        (Product.MTF, "10000"),
        (Product.MIS, "2000"),
        (Product.NRML, "5000"),
    ],
)
def test_each_product_takes_its_own_share_of_the_value(product, expected):
    assert orders_margin({}, [claim(product=product)], RATES) == Decimal(expected)
    assert positions_margin(held(10, product=product), RATES) == Decimal(expected)


def test_an_order_that_closes_a_position_needs_no_margin():
    assert orders_margin(held(10), [claim(Side.SELL, 10)], RATES) == 0
    assert orders_margin(held(-10), [claim(Side.BUY, 10)], RATES) == 0


def test_the_part_that_flips_a_position_needs_margin():
    assert orders_margin(held(10), [claim(Side.SELL, 15)], RATES) == Decimal(1000)


def test_two_orders_cannot_close_the_same_units():
    working = [claim(Side.SELL, 10), claim(Side.SELL, 10)]
    assert orders_margin(held(10), working, RATES) == Decimal(2000)


def test_a_contract_multiplier_counts():
    gold = Claim(key(Product.NRML), Side.BUY, 1, Decimal(70_000), Decimal(100))
    assert orders_margin({}, [gold], RATES) == Decimal(3_500_000)


def test_an_order_within_the_funds_passes():
    assert refusal(claim(quantity=500), {}, [], CASH, RATES) == ""


def test_a_refusal_names_what_is_required_and_what_is_available():
    said = refusal(claim(quantity=501), {}, [], CASH, RATES)
    assert said == (
        "Insufficient funds: required ₹100200.00, available ₹100000.00 for BUY 501 NSE:INFY MIS."
    )


def test_working_orders_and_positions_leave_less_for_the_next():
    working = [claim(quantity=200)]
    assert "available ₹58000.00" in refusal(claim(quantity=300), held(10), working, CASH, RATES)


def test_a_position_can_be_closed_with_no_money_left():
    assert refusal(claim(Side.SELL, 10), held(10), [], Decimal(-5000), RATES) == ""


def test_delivery_can_only_be_sold_when_it_is_held():
    sell = claim(Side.SELL, 10, product=Product.CNC)
    assert refusal(sell, held(10, product=Product.CNC), [], CASH, RATES) == ""
    said = refusal(sell, held(4, product=Product.CNC), [], CASH, RATES)
    assert said == "Insufficient holdings: required 10 NSE:INFY CNC, available 4."
    assert "available 0" in refusal(sell, held(10, product=Product.MIS), [], CASH, RATES)


def test_delivery_that_another_order_sells_is_not_free():
    sell = claim(Side.SELL, 6, product=Product.CNC)
    said = refusal(sell, held(10, product=Product.CNC), [sell], CASH, RATES)
    assert "available 4" in said


claims = st.builds(
    claim,
    st.sampled_from(Side),
    st.integers(1, 500),
    st.integers(1, 5000).map(str),
    st.sampled_from([Product.MIS, Product.NRML]),
)


@given(st.lists(claims, max_size=8), st.integers(-300, 300))
def test_orders_never_block_less_than_nothing_nor_more_than_their_value(working, quantity):
    stakes = held(quantity) if quantity else {}
    blocked = orders_margin(stakes, working, RATES)
    value = sum((one.quantity * one.price for one in working), Decimal(0))
    assert 0 <= blocked <= value
    assert blocked <= orders_margin({}, working, RATES)
