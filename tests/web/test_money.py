"""Numbers and times as Indian traders read them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from sigmatrader import clock
from trading.templatetags import money

NOW = datetime(2026, 11, 23, 9, 45, 5, 123000, tzinfo=UTC)  # 15:15:05 IST


@pytest.fixture(autouse=True)
def _stopped_clock():
    clock.use(lambda: NOW)
    yield
    clock.use(None)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1234567.5"), "12,34,567.50"),
        (Decimal("123456789.999"), "12,34,56,790.00"),
        (999, "999.00"),
        (Decimal("-100000"), "−1,00,000.00"),
        (0, "0.00"),
        (None, "–"),
        ("", "–"),
        ("no number", "–"),
        (Decimal("NaN"), "–"),
    ],
)
def test_amounts_are_grouped_in_lakh_and_crore(value, text):
    assert money.inr(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("2450.1000"), "2,450.10"),
        (Decimal("83.2575"), "83.2575"),
        (Decimal("83.25750001"), "83.2575"),
        (Decimal("150000"), "1,50,000.00"),
        (None, "–"),
    ],
)
def test_prices_keep_their_own_decimals(value, text):
    assert money.price(value) == text


def test_quantities_are_whole_and_grouped():
    assert money.qty(125000) == "1,25,000"
    assert money.qty(-75) == "−75"
    assert money.qty(None) == "–"


@pytest.mark.parametrize(
    ("value", "text", "css"),
    [
        (Decimal("1250"), "+₹1,250.00", "gain"),
        (Decimal("-300.5"), "−₹300.50", "loss"),
        (Decimal(0), "₹0.00", "even"),
        (None, "–", "even"),
    ],
)
def test_profit_and_loss_always_have_a_sign(value, text, css):
    assert money.pnl(value) == text
    assert money.pnl_class(value) == css


def test_a_loss_too_small_to_show_has_no_sign():
    assert money.pnl(Decimal("-0.001")) == "₹0.00"
    assert money.rupees(Decimal("-0.001")) == "₹0.00"


def test_rupees_put_the_minus_before_the_sign():
    assert money.rupees(Decimal("-1234.5")) == "−₹1,234.50"
    assert money.rupees(Decimal("1234.5")) == "₹1,234.50"


def test_changes_in_percent_have_a_sign():
    assert money.signed_percent(Decimal("0.416")) == "+0.42 %"
    assert money.signed_percent(Decimal("-1.5")) == "−1.50 %"
    assert money.signed_percent(None) == "–"


def test_times_are_ist_and_carry_the_exact_utc():
    html = money.ist(NOW)
    assert html == (
        '<time datetime="2026-11-23T09:45:05.123Z" title="2026-11-23 09:45:05.123 UTC">'
        "15:15:05</time>"
    )


@pytest.mark.parametrize(
    ("moment", "style", "text"),
    [
        (NOW, "exact", "23 Nov 2026, 15:15:05.123"),
        (NOW, "second", "23 Nov 2026, 15:15:05"),
        (NOW - timedelta(days=1), "", "22 Nov, 15:15:05"),
        (NOW - timedelta(days=400), "", "19 Oct 2025, 15:15:05"),
        (NOW - timedelta(days=1), "time", "15:15:05"),
        (NOW, "minute", "15:15"),
        (NOW - timedelta(days=1), "minute", "22 Nov, 15:15"),
        # 18:31 UTC is past midnight in India.
        (datetime(2026, 11, 22, 18, 31, tzinfo=UTC), "", "00:01:00"),
    ],
)
def test_the_day_is_left_out_when_it_is_today_in_india(moment, style, text):
    assert f">{text}</time>" in money.ist(moment, style)


def test_what_is_no_time_is_a_dash():
    assert money.ist(None) == "–"
    assert money.age("yesterday") == "–"
    assert money.left(None) == "–"
    assert money.milliseconds(None) == "–"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (45, "45 s"),
        (185, "3 m 05 s"),
        (7800, "2 h 10 m"),
        (273600, "3 d 4 h"),
    ],
)
def test_spans_have_two_units_at_most(seconds, text):
    assert money.span_text(timedelta(seconds=seconds)) == text


def test_ages_and_times_left_are_counted_on_by_the_page():
    past, future = NOW - timedelta(seconds=185), NOW + timedelta(seconds=45)
    assert 'data-count="up">3 m 05 s</time>' in money.age(past)
    assert 'data-count="down">45 s</time>' in money.left(future)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0124, "12 ms"), (1.236, "1.24 s"), (125, "2 m 05 s")]
)
def test_latencies_are_shown_in_the_unit_that_fits(seconds, text):
    assert money.milliseconds(timedelta(seconds=seconds)) == text
