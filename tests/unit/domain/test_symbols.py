"""What TradingView's names say, and which of the broker's names look alike."""

from datetime import date
from decimal import Decimal

import pytest

from trading.domain import symbols
from trading.domain.symbols import Continuous, Future, Option


@pytest.mark.parametrize(
    ("symbol", "meaning"),
    [
        ("NIFTY1!", Continuous("NIFTY", 1)),
        ("BANKNIFTY2!", Continuous("BANKNIFTY", 2)),
        ("NIFTYNXT501!", Continuous("NIFTYNXT50", 1)),
        ("M_M1!", Continuous("M_M", 1)),
        ("NIFTYZ2026", Future("NIFTY", 2026, 12)),
        ("TATAMOTORSM2025", Future("TATAMOTORS", 2025, 6)),
        ("NIFTYNXT50F2027", Future("NIFTYNXT50", 2027, 1)),
        ("NIFTY240314C22450", Option("NIFTY", date(2024, 3, 14), "CE", Decimal(22450))),
        ("SENSEX261231P84000", Option("SENSEX", date(2026, 12, 31), "PE", Decimal(84000))),
        ("USDINR241227C84.25", Option("USDINR", date(2024, 12, 27), "CE", Decimal("84.25"))),
        ("NIFTYNXT50240314P100", Option("NIFTYNXT50", date(2024, 3, 14), "PE", Decimal(100))),
        (
            "BAJAJ_AUTO261229C8900.5",
            Option("BAJAJ_AUTO", date(2026, 12, 29), "CE", Decimal("8900.5")),
        ),
    ],
)
def test_a_contract_is_read_from_its_name(symbol, meaning):
    assert symbols.contract_of(symbol) == meaning


@pytest.mark.parametrize(
    "symbol",
    [
        "INFY",
        "M_M",
        "NIFTY",
        "NIFTY26DECFUT",
        "NIFTY24MAR22450CE",
        "NIFTY0!",
        "1!",
        "NIFTYA2026",
        "NIFTYZ1999",
        "NIFTY240230C22450",
        "NIFTY241301C22450",
        "NIFTY240314C",
        "NIFTY240314X22450",
        "240314C22450",
        "Z2026",
    ],
)
def test_other_names_are_no_contract(symbol):
    assert symbols.contract_of(symbol) is None


def test_every_month_has_its_letter():
    months = [symbols.contract_of(f"X{letter}2026") for letter in "FGHJKMNQUVXZ"]
    assert months == [Future("X", 2026, month) for month in range(1, 13)]


@pytest.mark.parametrize("written", ["M_M", "M&M", "M-M", "M.M", "m m"])
def test_names_that_differ_in_punctuation_look_alike(written):
    assert symbols.search_key(written) == "MM"


@pytest.mark.parametrize(
    ("exchange", "searched"),
    [
        ("NSE", ("NSE", "NFO", "CDS")),
        ("BSE", ("BSE", "BFO", "BCD")),
        ("NFO", ("NFO",)),
        ("MCX", ("MCX",)),
        ("NSEIX", ()),
        ("", ()),
    ],
)
def test_contracts_are_looked_for_where_the_broker_lists_them(exchange, searched):
    assert symbols.exchanges_searched(exchange) == searched


@pytest.mark.parametrize(
    ("exchange", "symbol", "is_index"),
    [
        ("NSE", "NIFTY", True),
        ("NFO", "BANKNIFTY", True),
        ("NSE", "CNXFINANCE", True),
        ("NSE", "NIFTY_MID_SELECT", True),
        ("BSE", "SENSEX", True),
        ("BSE", "NIFTY", False),
        ("MCX", "NIFTY", False),
        ("NSE", "NIFTYBEES", False),
        ("NSE", "INFY", False),
    ],
)
def test_indices_are_known_by_tradingviews_names(exchange, symbol, is_index):
    assert symbols.is_index_name(exchange, symbol) is is_index


@pytest.mark.parametrize(
    ("tradingsymbol", "series"),
    [("CENTRALBK-BE", True), ("EMBASSY-RR", True), ("BAJAJ-AUTO", False), ("GLOBE", False)],
)
def test_a_series_is_told_from_a_name_with_a_dash(tradingsymbol, series):
    assert symbols.has_series(tradingsymbol) is series


def test_a_contract_says_in_words_what_it_is():
    assert str(Future("NIFTY", 2026, 12)) == "NIFTY future of December 2026"
    assert str(symbols.contract_of("NIFTY261229C26000")) == "NIFTY 26000 CE of 29 Dec 2026"
    assert str(Continuous("GOLD", 2)) == "GOLD2!"
