import pytest

from risk.engine.limits import clean_entries, names_instrument


def test_entries_are_trimmed_upper_cased_and_listed_once():
    assert clean_entries([" nse:infy ", "NSE : INFY", "tcs", "", "  ", "M&M"]) == [
        "NSE:INFY",
        "TCS",
        "M&M",
    ]


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("INFY TCS", "“INFY TCS” is not a symbol"),
        ("NSE:", "“NSE:” is not a symbol"),
        (":INFY", "“:INFY” is not a symbol"),
        ("NES:INFY", "names no known exchange; use one of NSE, BSE"),
        (12, "12 is not a symbol; write it as text"),
        (None, "None is not a symbol"),
    ],
)
def test_a_wrong_entry_is_named_with_the_right_form(entry, told):
    with pytest.raises(ValueError, match=r"symbol|exchange") as error:
        clean_entries(["NSE:TCS", entry])
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("entry", "exchange", "symbol", "meant"),
    [
        ("NSE:INFY", "NSE", "INFY", True),
        ("nse:infy", "NSE", "INFY", True),
        ("NSE:INFY", "nse", "infy", True),
        ("NSE:INFY", "BSE", "INFY", False),
        ("INFY", "BSE", "INFY", True),
        ("INFY", "NSE", "INFYBEES", False),
        ("NSE:INFY", "", "INFY", False),
    ],
)
def test_an_entry_means_one_exchange_or_all(entry, exchange, symbol, meant):
    assert names_instrument(entry, exchange, symbol) is meant
