"""Charges of orders against sums that were worked out by hand."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain.charges import (
    Charges,
    ChargeSegment,
    Executed,
    Piece,
    Rates,
    Schedule,
    charges_of_pieces,
    depository_charge,
    order_charges,
    segment_of,
)
from trading.domain.values import Side

D = Decimal
DAY = date(2026, 11, 27)
INTRADAY = Rates(
    ChargeSegment.EQUITY_INTRADAY,
    "NSE",
    date(2026, 4, 1),
    brokerage_percent=D("0.03"),
    brokerage_cap=D(20),
    tax_sell=D("0.025"),
    transaction=D("0.00307"),
    sebi=D("0.0001"),
    stamp_buy=D("0.003"),
    gst=D(18),
)
DELIVERY = Rates(
    ChargeSegment.EQUITY_DELIVERY,
    "NSE",
    date(2026, 4, 1),
    tax_buy=D("0.1"),
    tax_sell=D("0.1"),
    transaction=D("0.00307"),
    sebi=D("0.0001"),
    stamp_buy=D("0.015"),
    gst=D(18),
    depository=D(13),
)
OPTIONS = Rates(
    ChargeSegment.OPTIONS,
    "NFO",
    date(2026, 4, 1),
    brokerage_percent=None,
    brokerage_cap=D(20),
    tax_sell=D("0.15"),
    transaction=D("0.03553"),
    sebi=D("0.0001"),
    stamp_buy=D("0.003"),
    gst=D(18),
)
SCHEDULE = Schedule([INTRADAY, DELIVERY, OPTIONS])


def order(side: Side, quantity: int, value: str, product: str = "MIS", told: str = "") -> Executed:
    return Executed(
        "NSE", "INFY", product, side, DAY, quantity, D(value), D(told) if told else None
    )


def test_shares_bought_within_the_day_pay_brokerage_fees_stamp_duty_and_gst() -> None:
    # 100 × 1,000 = 1,00,000. Brokerage 0.03 % = 30, capped: 20. Exchange 0.00307 % = 3.07.
    # SEBI 0.0001 % = 0.10. Stamp 0.003 % = 3. GST 18 % of 20 + 3.07 + 0.10 = 4.1706.
    charges = order_charges(INTRADAY, Side.BUY, D(100_000))
    assert charges == Charges(D(20), D(0), D("3.07"), D("0.10"), D("3.00"), D("4.17"))
    assert charges.total == D("30.34")


def test_shares_sold_within_the_day_pay_stt_and_no_stamp_duty() -> None:
    # 40,000: brokerage 12, STT 0.025 % = 10, exchange 1.228, SEBI 0.04,
    # GST 18 % of 13.268 = 2.38824.
    charges = order_charges(INTRADAY, Side.SELL, D(40_000))
    assert charges == Charges(D(12), D(10), D("1.23"), D("0.04"), D(0), D("2.39"))


def test_delivery_pays_stt_on_both_sides_and_no_brokerage() -> None:
    # 50,000: STT 50, exchange 1.535 → 1.54 (half up), SEBI 0.05, GST 18 % of 1.585 = 0.2853.
    bought = order_charges(DELIVERY, Side.BUY, D(50_000))
    assert bought == Charges(D(0), D(50), D("1.54"), D("0.05"), D("7.50"), D("0.29"))
    sold = order_charges(DELIVERY, Side.SELL, D(50_000))
    assert sold == Charges(D(0), D(50), D("1.54"), D("0.05"), D(0), D("0.29"))


def test_an_option_costs_the_whole_flat_brokerage_however_small_it_is() -> None:
    # 75 × 2 = 150: brokerage 20, STT 0.225 → 0.23, exchange 0.053295, GST 18 % of 20.053445.
    charges = order_charges(OPTIONS, Side.SELL, D(150))
    assert charges == Charges(D(20), D("0.23"), D("0.05"), D(0), D(0), D("3.61"))


def test_nothing_that_was_executed_costs_nothing() -> None:
    assert order_charges(OPTIONS, Side.SELL, D(0)).total == 0


def test_the_depository_takes_its_fee_with_gst() -> None:
    assert depository_charge(DELIVERY) == D("15.34")  # 13 + 18 %


@pytest.mark.parametrize(
    ("exchange", "symbol", "product", "same_day", "segment"),
    [
        ("NSE", "INFY", "MIS", False, "EQUITY_INTRADAY"),
        ("NSE", "INFY", "CNC", False, "EQUITY_DELIVERY"),
        ("BSE", "INFY", "CNC", True, "EQUITY_INTRADAY"),
        ("NSE", "INFY", "MTF", True, "EQUITY_MTF"),
        ("", "INFY", "CNC", False, "EQUITY_DELIVERY"),
        ("NSE", "RELIANCE", "MIS", False, "EQUITY_INTRADAY"),  # no call, though it ends like one
        ("NFO", "NIFTY26DECFUT", "NRML", False, "FUTURES"),
        ("BFO", "SENSEX26DEC85000PE", "NRML", False, "OPTIONS"),
        ("NFO", "BANKNIFTY26DEC55000CE", "MIS", True, "OPTIONS"),
        ("CDS", "USDINR26DECFUT", "NRML", False, "CURRENCY_FUTURES"),
        ("BCD", "USDINR26DEC90CE", "NRML", False, "CURRENCY_OPTIONS"),
        ("MCX", "GOLDM26DECFUT", "NRML", False, "COMMODITY_FUTURES"),
        ("MCX", "CRUDEOIL26DEC6000CE", "NRML", False, "COMMODITY_OPTIONS"),
        ("NYSE", "IBM", "CNC", False, None),
    ],
)
def test_an_order_is_charged_in_its_segment(exchange, symbol, product, same_day, segment) -> None:
    assert segment_of(exchange, symbol, product, same_day=same_day) == segment


def test_the_rates_of_the_orders_own_day_count() -> None:
    dearer = Rates(INTRADAY.segment, "NSE", date(2026, 12, 1), brokerage_cap=D(30))
    schedule = Schedule([dearer, INTRADAY])
    found = {
        day: schedule.find(INTRADAY.segment, "NSE", day)
        for day in (date(2020, 1, 1), date(2026, 11, 30), date(2026, 12, 1))
    }
    # Before the first row the first one counts: it is nearer than nothing.
    assert list(found.values()) == [INTRADAY, INTRADAY, dearer]
    assert schedule.find(INTRADAY.segment, "BSE", DAY) is None
    assert schedule.find(INTRADAY.segment, "", DAY) == INTRADAY
    assert schedule.find(None, "NSE", DAY) is None


def test_an_orders_pieces_share_its_charges_to_the_paisa() -> None:
    # 30.34 for 100 units: after 33, 66, 100 of them 10.01, 20.02, 30.34 are handed out.
    pieces = [Piece(33, D(33_000), True), Piece(33, D(33_000), True), Piece(34, D(34_000), True)]
    shares = charges_of_pieces(order(Side.BUY, 100, "100000"), pieces, SCHEDULE)
    assert shares == [D("10.01"), D("10.01"), D("10.32")]


def test_what_is_still_open_keeps_its_share() -> None:
    shares = charges_of_pieces(
        order(Side.BUY, 100, "100000"), [Piece(50, D(50_000), True)], SCHEDULE
    )
    assert shares == [D("15.17")]


def test_delivery_that_was_closed_on_its_day_is_intraday_and_the_rest_is_not() -> None:
    # 60 of 100 within the day: 60,000: brokerage 18, exchange 1.842, SEBI 0.06, stamp 1.80,
    # GST 3.58236 → 18 + 1.84 + 0.06 + 1.80 + 3.58 = 25.28.
    # 40 delivered: 40,000: STT 40, exchange 1.228, SEBI 0.04, stamp 6, GST 0.22824 → 47.50.
    pieces = [Piece(40, D(40_000), False), Piece(60, D(60_000), True)]
    shares = charges_of_pieces(order(Side.BUY, 100, "100000", "CNC"), pieces, SCHEDULE)
    assert shares == [D("47.50"), D("25.28")]


def test_the_brokers_own_word_counts_before_the_schedule() -> None:
    pieces = [Piece(50, D(50_000), False), Piece(50, D(50_000), False)]
    told = order(Side.BUY, 100, "100000", "CNC", told="118.61")
    assert charges_of_pieces(told, pieces, SCHEDULE) == [D("59.31"), D("59.30")]


def test_the_brokers_word_of_delivery_does_not_count_for_what_became_intraday() -> None:
    pieces = [Piece(100, D(100_000), True)]
    told = order(Side.BUY, 100, "100000", "CNC", told="118.61")
    assert charges_of_pieces(told, pieces, SCHEDULE) == [D("30.34")]


def test_an_order_without_rates_costs_nothing() -> None:
    assert charges_of_pieces(order(Side.BUY, 1, "100"), [Piece(1, D(100), True)], Schedule([])) == [
        D(0)
    ]


@given(
    quantities=st.lists(st.integers(1, 500), min_size=1, max_size=12),
    open_quantity=st.integers(0, 300),
    price=st.decimals(min_value="0.05", max_value="90000", places=2),
    product=st.sampled_from(["MIS", "CNC"]),
    data=st.data(),
)
def test_shares_of_closed_pieces_never_exceed_and_at_the_end_are_the_orders_charges(
    quantities, open_quantity, price, product, data
) -> None:
    pieces = [Piece(one, one * price, data.draw(st.booleans())) for one in quantities]
    whole = sum(quantities) + open_quantity
    executed = Executed("NSE", "INFY", product, Side.SELL, DAY, whole, whole * price)
    shares = charges_of_pieces(executed, pieces, SCHEDULE)
    assert all(share >= 0 for share in shares)
    quick = sum(one.quantity for one in pieces if one.same_day) if product == "CNC" else 0
    if product == "MIS":
        total = order_charges(INTRADAY, Side.SELL, whole * price).total
    else:
        total = (
            order_charges(INTRADAY, Side.SELL, quick * price).total
            + order_charges(DELIVERY, Side.SELL, (whole - quick) * price).total
        )
    assert sum(shares) <= total
    if not open_quantity:
        assert sum(shares) == total
