"""Axes: zero is on them, the values are within, the marks are round."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.web.svg_scale import scale_of, short_rupees

AMOUNTS = st.decimals(-(10**12), 10**12, places=2, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        ([], "0 1"),
        ([0], "0 1"),
        ([7], "0 2 4 6 8"),
        ([-300, 900], "-500 0 500 1000"),
        ([-1000], "-1000 -750 -500 -250 0"),
        (["0.03"], "0.00 0.01 0.02 0.03"),
    ],
)
def test_marks_are_round_and_zero_is_one_of_them(values, marks):
    scale = scale_of(Decimal(value) for value in values)
    assert list(scale.marks) == [Decimal(mark) for mark in marks.split()]


def test_counts_have_no_fractions():
    assert scale_of([Decimal(2)], whole=True).marks == (0, 1, 2)
    assert scale_of([Decimal(9)], whole=True).marks == (0, 5, 10)


@given(st.lists(AMOUNTS, max_size=20), st.booleans())
def test_whatever_the_values_they_stand_on_the_axis(values, whole):
    scale = scale_of(values, whole=whole)
    assert 0 in scale.marks
    assert 2 <= len(scale.marks) <= 7
    for value in (*values, Decimal(0)):
        assert 0 <= scale.place(value) <= 1
        assert scale.place(value) * 100 + scale.down(value) == pytest.approx(100)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "₹0"),
        ("0.25", "₹0.25"),
        ("750", "₹750"),
        ("-2500", "−₹2.5k"),
        ("100000", "₹1L"),
        ("-1250000", "−₹12.5L"),
        ("40000000", "₹4Cr"),
        ("3000000000", "₹300Cr"),
    ],
)
def test_amounts_of_an_axis_are_short_and_indian(amount, text):
    assert short_rupees(Decimal(amount)) == text
