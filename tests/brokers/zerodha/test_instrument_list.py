"""Reading the lines of Kite's instrument list."""

import csv
from decimal import Decimal

import pytest

from brokers.errors import OutcomeUnknown
from brokers.zerodha.instruments import read_instruments

HEADER = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,"
    "tick_size,lot_size,instrument_type,segment,exchange"
)
GOOD = '2,8,M&M,"MAHINDRA, & CO",0,,0,0.10,1,EQ,NSE,NSE'
BROKEN = [
    "x,8,M&M,NAME,0,,0,0.05,1,EQ,NSE,NSE",
    "2,8,,NAME,0,,0,0.05,1,EQ,NSE,NSE",
    "2,8,M&M,NAME,0,,0,0.05,1,EQ,NSE,",
    "2,8,M&M,NAME,0,,0,cheap,1,EQ,NSE,NSE",
    "2,8,M&M,NAME,0,,0,NaN,1,EQ,NSE,NSE",
    "2,8,M&M,NAME,0,,0,0.05,1.5,EQ,NSE,NSE",
    "2,8,M&M,NAME,0,soon,0,0.05,1,EQ,NSE,NSE",
    "2,8,M&M",
    "2,8,M\ufffdM,NAME,0,,0,0.05,1,EQ,NSE,NSE",
    "2,8,M&M,NA\0ME,0,,0,0.05,1,EQ,NSE,NSE",
    "2,8,M&M,NAME,0,,1e999,0.05,1,EQ,NSE,NSE",
    "2,8,M&M,NAME,0,,0,1e999,1,EQ,NSE,NSE",
    "2,8,M&M,NAME,0,,0,0.05,99999999999,EQ,NSE,NSE",
    "99999999999999999999,8,M&M,NAME,0,,0,0.05,1,EQ,NSE,NSE",
    "2,8,M&M," + "N" * 200_000 + ",0,,0,0.05,1,EQ,NSE,NSE",
]


def test_columns_are_found_by_their_names():
    columns = HEADER.split(",")
    cells = dict(zip(columns, next(csv.reader([GOOD])), strict=True)) | {"name": "NAME"}
    turned = columns[::-1]
    [row] = read_instruments([",".join(turned), ",".join(cells[name] for name in turned)])
    assert (row.exchange, row.tradingsymbol, row.tick_size) == ("NSE", "M&M", Decimal("0.10"))


def test_quoted_names_and_blank_lines_are_read():
    [row] = read_instruments([HEADER, "", GOOD, ""])
    assert row.name == "MAHINDRA, & CO"


@pytest.mark.parametrize("line", BROKEN)
def test_a_malformed_line_is_told_and_left_out(line):
    told = []
    rows = list(
        read_instruments([HEADER, line, GOOD], on_malformed=lambda *what: told.append(what))
    )
    assert [row.tradingsymbol for row in rows] == ["M&M"]
    assert [number for number, _ in told] == [2]


def test_too_many_malformed_lines_end_the_reading():
    lines = [HEADER, *BROKEN[:3], GOOD]
    assert len(list(read_instruments(lines, malformed_limit=3))) == 1
    with pytest.raises(OutcomeUnknown, match="more than 2"):
        list(read_instruments(lines, malformed_limit=2))


def test_rows_come_before_the_last_line_has_been_read():
    def lines():
        yield HEADER
        yield GOOD
        raise AssertionError("read too far")

    assert next(read_instruments(lines())).tradingsymbol == "M&M"
