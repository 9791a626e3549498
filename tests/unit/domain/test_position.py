from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain.position import FillRow, PositionState, apply, fold
from trading.domain.values import Side

D = Decimal
fills = st.lists(
    st.builds(
        FillRow,
        side=st.sampled_from(list(Side)),
        quantity=st.integers(1, 500),
        price=st.decimals(min_value="0.05", max_value="90000", places=2),
        order_id=st.integers(1, 50),
    ),
    max_size=30,
)


def buy(quantity: int, price: str, order_id: int = 1) -> FillRow:
    return FillRow(Side.BUY, quantity, D(price), order_id)


def sell(quantity: int, price: str, order_id: int = 2) -> FillRow:
    return FillRow(Side.SELL, quantity, D(price), order_id)


def test_a_round_trip_realises_its_profit() -> None:
    state = fold([buy(10, "100"), sell(10, "105.50")])
    assert (state.quantity, state.realised, state.open_lots) == (0, D("55.00"), ())
    assert state.average_price == 0


def test_the_oldest_lot_is_closed_first() -> None:
    state = fold([buy(10, "100", 1), buy(10, "110", 2), sell(15, "120", 3)])
    assert [(c.entry_order_id, c.quantity, c.pnl) for c in state.closed] == [
        (1, 10, D(200)),
        (2, 5, D(50)),
    ]
    assert (state.quantity, state.average_price, state.realised) == (5, D(110), D(250))


def test_a_sale_of_more_than_is_held_flips_through_zero() -> None:
    state = fold([buy(10, "100"), sell(25, "90")])
    assert state.quantity == -15
    assert state.average_price == D(90)
    assert state.realised == D(-100)
    assert state.unrealised(D(80)) == D(150)


def test_a_short_earns_when_the_price_falls() -> None:
    state = fold([sell(4, "200"), buy(4, "150")])
    assert state.realised == D(200)
    assert state.closed[0].side is Side.SELL


def test_the_multiplier_scales_the_money_and_not_the_units() -> None:
    state = fold([buy(1, "5000"), sell(1, "5001")], D(100))
    assert state.realised == D(100)
    assert state.quantity == 0


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_fill_without_units_is_refused(quantity: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        apply(PositionState(), FillRow(Side.BUY, quantity, D(1)))


@given(fills)
def test_the_position_equals_the_sum_of_its_fills(rows: list[FillRow]) -> None:
    state = fold(rows)
    assert state.quantity == sum(row.side.sign * row.quantity for row in rows)
    assert sum(lot.quantity for lot in state.open_lots) == state.quantity


@given(fills, st.decimals(min_value="0.05", max_value="90000", places=2))
def test_realised_plus_open_is_the_cash_flow_plus_the_worth_of_what_is_held(
    rows: list[FillRow], last: Decimal
) -> None:
    state = fold(rows)
    cash = sum((-row.side.sign * row.quantity * row.price for row in rows), D(0))
    assert state.realised + state.unrealised(last) == cash + state.quantity * last


@given(fills)
def test_open_lots_are_all_on_one_side(rows: list[FillRow]) -> None:
    signs = {lot.quantity > 0 for lot in fold(rows).open_lots}
    assert len(signs) <= 1


@given(fills, st.integers(0, 30))
def test_folding_in_two_parts_is_folding_once(rows: list[FillRow], cut: int) -> None:
    state = fold(rows[:cut])
    for row in rows[cut:]:
        state = apply(state, row)
    whole = fold(rows)
    assert (state.quantity, state.realised, state.open_lots) == (
        whole.quantity,
        whole.realised,
        whole.open_lots,
    )
