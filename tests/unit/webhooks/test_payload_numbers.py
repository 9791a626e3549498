"""How much and on what terms: quantity, price, order type, validity, product."""

import json
from decimal import Decimal

import pytest

from tests.support.alert_bodies import body, refusal_of, signal_of, v6
from trading.domain.signal import (
    PRODUCT_UNKNOWN,
    QUANTITY_FRACTIONAL,
    QUANTITY_FROM_POSITION,
    QUANTITY_MISSING,
)
from trading.domain.values import OrderType, Product, Validity


@pytest.mark.parametrize(
    ("quantity", "units"),
    [
        (10, 10),
        (10.0, 10),
        ("10", 10),
        (" 7 ", 7),
        ("1,000", 1000),
        ("1,00,000", 100000),
        ("75.0", 75),
        (10**9, 10**9),
    ],
)
def test_a_quantity_may_be_quoted_and_grouped(quantity, units):
    signal = signal_of(body({"quantity": quantity}))
    assert (signal.quantity, signal.needs_quantity) == (units, False)
    assert signal.person_reasons == ()


@pytest.mark.parametrize("quantity", [..., None, "", "  ", "NaN", "nan", "null", 0, "0", 0.0, "-0"])
def test_a_missing_quantity_waits_for_a_person(quantity):
    signal = signal_of(body({"quantity": quantity}))
    assert (signal.quantity, signal.needs_quantity) == (0, True)
    assert signal.person_reasons == (QUANTITY_MISSING,)


@pytest.mark.parametrize(
    ("quantity", "units"), [("1.5", 1), (2.99, 2), (0.5, 0), ("0.30000000000000004", 0)]
)
def test_a_fraction_is_rounded_down_and_waits_for_a_person(quantity, units):
    signal = signal_of(body({"quantity": quantity}))
    assert signal.quantity == units
    assert signal.needs_quantity is (units == 0)
    assert signal.person_reasons[0] == QUANTITY_FRACTIONAL
    assert QUANTITY_FRACTIONAL in signal.warnings


@pytest.mark.parametrize("literal", ["1e-05", '"1e-05"', "1e-300", '"1E-9"'])
def test_a_tiny_quantity_is_a_fraction_and_costs_nothing(literal):
    raw = body({"quantity": 12345}).replace(b"12345", literal.encode())
    assert signal_of(raw).needs_quantity


@pytest.mark.parametrize(
    "quantity",
    [
        -5,
        "-5",
        -0.5,
        True,
        False,
        {},
        {"a": 1},
        [],
        [5],
        "1e3",
        "1_000",
        "१२",
        "１０",
        "0x10",
        "ten",
        "+5",
        "1,00",
        "1,0000",
        "1.2.3",
        "sNaN",
        "Infinity",
        "1e999999999",
        "9" * 900,
        10**30,
        10**9 + 1,
        "10\n",
        "10 units",
    ],
)
def test_a_quantity_that_is_no_count_of_units_is_refused(quantity):
    refusal = refusal_of(body({"quantity": quantity}))
    assert refusal.code == "invalid_payload"
    assert list(refusal.errors) == ["trade_details.quantity"]


def test_a_bare_exponent_is_refused():
    refusal = refusal_of(body({"quantity": 12345}).replace(b"12345", b"1e3"))
    assert "exponent" in refusal.errors["trade_details.quantity"][0]


def test_an_alias_is_used_where_quantity_is_missing():
    assert signal_of(body({"quantity": "", "order_contracts": 75})).quantity == 75
    assert signal_of(body({"quantity": 10, "order_contracts": 75})).quantity == 10


def test_an_entry_without_quantity_takes_the_position_size_and_waits():
    signal = signal_of(v6(qty=..., position_size="-6"))
    assert (signal.quantity, signal.needs_quantity) == (6, False)
    assert signal.person_reasons == (QUANTITY_FROM_POSITION,)


@pytest.mark.parametrize("size", ["{{strategy.position_size}}", "0", "many", None])
def test_an_entry_without_any_size_needs_a_quantity(size):
    assert signal_of(v6(qty=..., position_size=size)).person_reasons == (QUANTITY_MISSING,)


def test_an_exit_never_takes_the_position_size():
    assert signal_of(v6(side="EXIT_LONG", qty=..., position_size="6")).quantity == 0


def test_hints_never_size_an_order():
    data = json.loads(v6(qty=...)) | {"hints": {"qty": 5, "quantity": 5, "position_size": 5}}
    assert signal_of(json.dumps(data).encode()).quantity == 0


@pytest.mark.parametrize(
    ("price", "rupees"),
    [
        (320.29, "320.29"),
        ("2,673.10", "2673.10"),
        ("12,34,567.5", "1234567.5"),
        (" 812.40 ", "812.40"),
        ("0.30000000000000004", "0.3"),
        ("0.0025", "0.0025"),
        ("0.00005", None),
        (1000000000, "1000000000"),
    ],
)
def test_a_price_is_exact_to_four_decimals(price, rupees):
    if rupees is None:
        assert "smallest" in refusal_of(body({"price": price})).errors["trade_details.price"][0]
    else:
        signal = signal_of(body({"price": price}))
        assert signal.price == signal.reference_price == Decimal(rupees)


@pytest.mark.parametrize("price", [..., None, "", "NaN", "null", 0, "0.00"])
def test_a_missing_or_zero_price_is_no_price(price):
    signal = signal_of(body({"price": price}))
    assert signal.price is None
    assert signal.reference_price is None


@pytest.mark.parametrize(
    "price",
    [-1, "-0.05", True, {}, [], "sNaN", "1e999999999", "1e3", "₹1500", "9" * 41, 10**9 + 1, 10**40],
)
def test_a_price_that_is_no_price_is_refused(price):
    assert list(refusal_of(body({"price": price})).errors) == ["trade_details.price"]


@pytest.mark.parametrize("literal", ["1e-30", "1e-05", "1e30", "0." + "1" * 60])
def test_an_absurd_price_literal_is_refused(literal):
    raw = body({"price": 12345}).replace(b"12345", literal.encode())
    assert list(refusal_of(raw).errors) == ["trade_details.price"]


def test_without_an_order_type_the_strategy_decides():
    signal = signal_of(body())
    assert (signal.order_type, signal.product) == (None, None)
    assert (signal.validity, signal.gtt) == (Validity.DAY, False)


@pytest.mark.parametrize("place", ["root", "details"])
def test_terms_may_stand_at_the_root_or_in_the_details(place):
    terms = {
        "order_type": "sl",
        "trigger_price": "1,490.00",
        "validity": "ioc",
        "product": "cnc",
        "alert_id": "A-1",
    }
    signal = signal_of(body(terms) if place == "details" else body(**terms))
    assert (signal.order_type, signal.trigger_price) == (OrderType.SL, Decimal(1490))
    assert (signal.validity, signal.product) == (Validity.IOC, Product.CNC)
    assert signal.alert_id == "A-1"


@pytest.mark.parametrize("text", ["SL-M", "sl_m", "SLM", " sl-m "])
def test_sl_m_has_three_spellings(text):
    signal = signal_of(body({"order_type": text, "trigger_price": 5}))
    assert signal.order_type is OrderType.SL_M


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({"order_type": "LIMIT", "price": ...}, "price"),
        ({"order_type": "LIMIT", "price": 0}, "price"),
        ({"order_type": "SL"}, "trigger_price"),
        ({"order_type": "SL-M", "trigger_price": 0}, "trigger_price"),
        ({"order_type": "MARKET", "gtt": True}, "gtt"),
        ({"order_type": "STOP"}, "trade_details.order_type"),
        ({"order_type": 5}, "trade_details.order_type"),
        ({"order_type": "LİMIT"}, "trade_details.order_type"),
        ({"validity": "GTC"}, "trade_details.validity"),
        ({"validity": "TTL"}, "trade_details.validity"),
        ({"product": "BO"}, "trade_details.product"),
        ({"product": True}, "trade_details.product"),
        ({"gtt": "maybe"}, "trade_details.gtt"),
        ({"gtt": 2}, "trade_details.gtt"),
        ({"gtt": []}, "trade_details.gtt"),
        ({"trigger_price": -1}, "trade_details.trigger_price"),
    ],
)
def test_contradictory_or_unknown_terms_are_refused(details, field):
    refusal = refusal_of(body(details))
    assert list(refusal.errors) == [field]
    assert refusal.code == "invalid_payload"


@pytest.mark.parametrize(
    ("given", "gtt"),
    [
        (True, True),
        ("true", True),
        ("1", True),
        (1, True),
        (False, False),
        ("no", False),
        (None, False),
        ("", False),
    ],
)
def test_gtt_is_a_yes_or_no(given, gtt):
    assert signal_of(body({"gtt": given, "order_type": "LIMIT"})).gtt is gtt


def test_a_market_order_keeps_its_price_as_a_reference():
    signal = signal_of(body({"order_type": "MARKET", "price": 1500}))
    assert signal.order_type is OrderType.MARKET
    assert signal.price == signal.reference_price == Decimal(1500)


def test_a_bad_reference_price_is_left_out_with_a_warning():
    signal = signal_of(v6(ref_price="{{close}}"))
    assert signal.reference_price is None
    assert signal.warnings[0].startswith("signal.ref_price is left out:")


@pytest.mark.parametrize(
    ("details", "product"),
    [
        ({"trade_type": "cash_and_carry"}, Product.CNC),
        ({"trade_type": " Delivery "}, Product.CNC),
        ({"trade_type": "CNC"}, Product.CNC),
        ({"trade_type": "intraday"}, Product.MIS),
        ({"trade_type": "mis"}, Product.MIS),
        ({"trade_type": "delivery", "product": "mis"}, Product.MIS),
        ({"trade_type": "delivery", "product_hint": "MTF"}, Product.MTF),
    ],
)
def test_a_product_wins_over_a_trade_type(details, product):
    assert signal_of(body(details)).product is product


def test_an_unknown_trade_type_waits_for_a_person():
    signal = signal_of(body({"trade_type": "swing"}))
    assert signal.product is None
    assert signal.person_reasons == (PRODUCT_UNKNOWN,)
