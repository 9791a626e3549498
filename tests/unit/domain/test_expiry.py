"""Contracts end: when, at what, and what that makes of a position."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain.expiry import (
    Terms,
    expires_at,
    is_contract,
    settlement_price,
    underlying_of,
    written_terms,
)
from trading.domain.position import FillRow, Settled, apply, fold, open_quantities, settle
from trading.domain.session import at_time
from trading.domain.shipped_calendar import SHIPPED
from trading.domain.values import InstrumentKey, Side

D = Decimal
CLOSE = datetime(2026, 12, 29, 10, 10, tzinfo=UTC)
TUESDAY = date(2026, 12, 29)


def option(kind: str, strike: str = "26000", underlying: str = "NIFTY") -> Terms:
    return Terms("NFO", kind, underlying, TUESDAY, D(strike))


histories = st.lists(
    st.one_of(
        st.builds(
            FillRow,
            side=st.sampled_from(list(Side)),
            quantity=st.integers(1, 500),
            price=st.decimals(min_value="0.05", max_value="900", places=2),
            order_id=st.integers(1, 50),
            at=st.just(CLOSE - timedelta(hours=1)),
        ),
        st.builds(
            Settled,
            price=st.decimals(min_value="0", max_value="900", places=2),
            at=st.just(CLOSE),
            settlement_id=st.integers(1, 5),
        ),
    ),
    max_size=30,
)


def cash_of(history: list[FillRow | Settled]) -> Decimal:
    """Rupees that came in less those that went out, units counted by hand."""
    cash, units = D(0), 0
    for one in history:
        if isinstance(one, Settled):
            assert one.price is not None
            cash, units = cash + units * one.price, 0
        else:
            cash -= one.side.sign * one.quantity * one.price
            units += one.side.sign * one.quantity
    return cash


@given(histories)
def test_once_all_is_settled_the_pnl_is_the_cash_that_flowed(
    history: list[FillRow | Settled],
) -> None:
    history = [*history, Settled(D("12.5"), CLOSE, 6)]
    state = fold(history)
    assert (state.quantity, state.average_price, state.open_lots) == (0, 0, ())
    assert state.realised == cash_of(history) == sum(piece.pnl for piece in state.closed)
    assert set(open_quantities(history)) <= {0}


@given(histories)
def test_the_open_quantities_are_those_of_the_lots(history: list[FillRow | Settled]) -> None:
    left = [units for units in open_quantities(history) if units]
    assert left == [abs(lot.quantity) for lot in fold(history).open_lots]


@given(histories, st.decimals(min_value="0", max_value="900", places=2))
def test_a_price_that_comes_later_makes_what_it_would_have_made_at_once(
    history: list[FillRow | Settled], price: Decimal
) -> None:
    unknown = fold([*history, Settled(None, CLOSE, 9)])
    known = fold([*history, Settled(price, CLOSE, 9)])
    assert unknown.quantity == known.quantity == 0
    assert unknown.closed == tuple(one for one in known.closed if one.settlement_id != 9)
    missing = sum(((price - one.lot.price) * one.lot.quantity for one in unknown.unpriced), D(0))
    assert unknown.realised + missing == known.realised


def test_a_settlement_ends_every_lot_and_names_itself() -> None:
    state = apply(fold([]), FillRow(Side.SELL, 75, D("100"), 7, CLOSE - timedelta(days=1)))
    after = settle(state, Settled(D("20"), CLOSE, 3), D(2))
    [piece] = after.closed
    assert (piece.side, piece.quantity, piece.pnl) == (Side.SELL, 75, D(12_000))
    assert (piece.entry_order_id, piece.exit_order_id, piece.settlement_id) == (7, None, 3)
    assert piece.closed_at == CLOSE


def test_what_was_traded_after_the_close_ends_no_sooner_than_it_began() -> None:
    evening = CLOSE + timedelta(hours=3)
    state = fold([FillRow(Side.BUY, 75, D(5), 1, evening), Settled(D(0), CLOSE, 1)])
    assert state.closed[0].closed_at == evening


@pytest.mark.parametrize(
    ("kind", "underlying", "worth"),
    [
        ("CE", "26100.55", "100.55"),
        ("CE", "25900", "0"),
        ("PE", "25900", "100"),
        ("PE", "26100", "0"),
        ("FUT", "26100.55", "26100.55"),
    ],
)
def test_a_contract_is_worth_what_its_underlying_says(
    kind: str, underlying: str, worth: str
) -> None:
    assert settlement_price(option(kind), D(underlying)) == D(worth)


def test_an_option_without_a_strike_has_no_worth_that_is_known() -> None:
    assert settlement_price(Terms("NFO", "CE", "NIFTY", TUESDAY), D(26_000)) is None


@pytest.mark.parametrize(
    ("exchange", "underlying", "key"),
    [
        ("NFO", "NIFTY", InstrumentKey("NSE", "NIFTY 50")),
        ("NFO", "BANKNIFTY", InstrumentKey("NSE", "NIFTY BANK")),
        ("NFO", "RELIANCE", InstrumentKey("NSE", "RELIANCE")),
        ("BFO", "SENSEX", InstrumentKey("BSE", "SENSEX")),
        ("NFO", "NIFTYFPI", None),  # an index whose name at the broker is not known
        ("MCX", "GOLD", None),
        ("CDS", "USDINR", None),
    ],
)
def test_what_a_contract_is_settled_by(
    exchange: str, underlying: str, key: InstrumentKey | None
) -> None:
    assert underlying_of(Terms(exchange, "FUT", underlying, TUESDAY)) == key


def test_a_contract_ends_with_the_session_of_its_last_day() -> None:
    assert expires_at(option("CE"), SHIPPED) == at_time(TUESDAY, time(15, 40))
    gold = Terms("MCX", "FUT", "GOLD", date(2026, 7, 3))
    assert expires_at(gold, SHIPPED) == at_time(date(2026, 7, 3), time(23, 30))


def test_a_last_day_without_known_hours_ends_with_the_day() -> None:
    sunday = Terms("NFO", "CE", "NIFTY", date(2026, 12, 27), D(26_000))
    assert expires_at(sunday, SHIPPED) == at_time(date(2026, 12, 27), time(23, 59, 59))


def test_only_contracts_end() -> None:
    assert is_contract(InstrumentKey("NFO", "NIFTY26DECFUT"))
    assert is_contract(InstrumentKey("NSE", "NIFTY261229C26000"))
    assert not is_contract(InstrumentKey("NSE", "INFY"))
    assert not is_contract(InstrumentKey("", "INFY"))
    assert not is_contract(InstrumentKey("BINANCE", "BTCUSDT"))


def test_tradingviews_name_of_an_option_says_when_it_ends() -> None:
    assert written_terms(InstrumentKey("NSE", "NIFTY261229C26000")) == option("CE")
    assert written_terms(InstrumentKey("NSE", "NIFTYZ2026")) is None
