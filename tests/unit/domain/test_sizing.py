from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain.sizing import size, whole_lots
from trading.domain.values import SizingMode

D = Decimal


@pytest.mark.parametrize(
    ("mode", "value", "price", "lot", "expected"),
    [
        (SizingMode.ALERT, None, None, 1, 7),
        (SizingMode.FIXED, D(25), None, 1, 25),
        (SizingMode.VALUE, D(10_000), D("333.35"), 1, 29),
        (SizingMode.VALUE, D(100_000), D(150), 65, 650),
        (SizingMode.VALUE, D(100), D(333), 1, 0),
        (SizingMode.VALUE, D(10_000), None, 1, 0),
        (SizingMode.FIXED, None, None, 1, 0),
    ],
)
def test_sizing_by_example(
    mode: SizingMode, value: Decimal | None, price: Decimal | None, lot: int, expected: int
) -> None:
    assert size(mode, alert_quantity=7, value=value, price=price, lot_size=lot) == expected


@given(
    st.decimals(min_value=0, max_value=10**7, places=2),
    st.decimals(min_value="0.05", max_value=10**5, places=2),
    st.integers(1, 2000),
)
def test_a_value_buys_whole_lots_and_never_too_many(
    value: Decimal, price: Decimal, lot: int
) -> None:
    units = whole_lots(value / price, lot)
    assert units % lot == 0
    assert units * price <= value
    assert (units + lot) * price > value or value == 0
