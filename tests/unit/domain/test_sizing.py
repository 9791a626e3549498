from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain.sizing import passive, size, whole_lots
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
    sized = size(mode, alert_quantity=7, value=value, price=price, lot_size=lot)
    assert sized.units == expected


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


@pytest.mark.parametrize(
    ("value", "price", "stop", "lot", "multiplier", "expected"),
    [
        (D(5_000), D(100), D(95), 1, D(1), 1000),
        (D(5_000), D(100), D(105), 1, D(1), 1000),  # a short's stop is above
        (D(5_000), D(100), D(95), 65, D(1), 975),
        (D(5_000), D(100), D(99), 1, D(10), 500),
        (D(5_000), D(100), None, 1, D(1), 0),
        (D(5_000), None, D(95), 1, D(1), 0),
        (D(5_000), D(100), D(100), 1, D(1), 0),
        (D(100), D(100), D(95), 65, D(1), 0),
    ],
)
def test_risk_per_trade_divides_by_the_way_to_the_stop(
    value: Decimal,
    price: Decimal | None,
    stop: Decimal | None,
    lot: int,
    multiplier: Decimal,
    expected: int,
) -> None:
    sized = size(
        SizingMode.RISK,
        alert_quantity=7,
        value=value,
        price=price,
        stop=stop,
        lot_size=lot,
        multiplier=multiplier,
    )
    assert sized.units == expected


@given(
    st.decimals("1", "100000", places=2),
    st.decimals("1", "5000", places=2),
    st.decimals("1", "5000", places=2),
    st.integers(1, 100),
)
def test_the_stop_never_loses_more_than_the_risk(
    value: Decimal, price: Decimal, stop: Decimal, lot: int
) -> None:
    sized = size(
        SizingMode.RISK, alert_quantity=1, value=value, price=price, stop=stop, lot_size=lot
    )
    assert sized.units % lot == 0
    assert sized.units * abs(price - stop) <= value
    assert bool(sized.missing) is (price == stop)


def test_what_the_value_of_a_contract_is_counts_its_multiplier() -> None:
    sized = size(
        SizingMode.VALUE, alert_quantity=1, value=D(100_000), price=D(900), multiplier=D(100)
    )
    assert sized.units == 1
    assert sized.each == D(90_000)


@given(st.decimals("0.01", "5000", places=4), st.sampled_from([D("0.01"), D("0.05"), D("0.1")]))
def test_a_price_is_rounded_to_the_side_that_gives_nothing_away(
    value: Decimal, tick: Decimal
) -> None:
    below, above = passive(value, tick, down=True), passive(value, tick, down=False)
    assert below <= value <= above
    assert above - below in (0, tick)
    assert below % tick == above % tick == 0
