"""Tables as CSV: safe in a spreadsheet, streamed, in two time zones."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sigmatrader import clock
from tests.factories import make_order
from trading import selectors
from trading.models import Order
from trading.web.csv_export import Column, cell, csv_lines, csv_response, moment

AT = datetime(2026, 11, 23, 20, 0, 5, 123000, tzinfo=UTC)  # past midnight in India


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1", '=HYPERLINK("x")'],
)
def test_text_that_a_spreadsheet_would_run_begins_with_a_quote(text):
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("NSE:INFY", "NSE:INFY"),
        ("a=b", "a=b"),
        ("", ""),
        (None, ""),
        (-5, "-5"),
        (Decimal("-300.50"), "-300.5"),
        (Decimal("12500000"), "12500000"),
        (True, "yes"),
        (False, "no"),
        (date(2026, 11, 23), "2026-11-23"),
        (timedelta(seconds=1.5), "1500"),
    ],
)
def test_a_cell_says_plainly_what_it_holds(value, text):
    assert cell(value) == text


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=5))
def test_no_text_is_lost_and_none_can_be_run(rows):
    columns = [Column("a", lambda row: row[0]), Column("b", lambda row: row[1])]
    text = "".join(csv_lines(columns, rows))
    header, *read = csv.reader(io.StringIO(text, newline=""))
    assert header == ["a", "b"]
    assert len(read) == len(rows)
    for cells, row in zip(read, rows, strict=True):
        for shown, value in zip(cells, row, strict=True):
            assert shown in (value, f"'{value}")
            assert not shown.lstrip().startswith(("=", "+", "-", "@"))


def test_a_moment_takes_a_column_in_india_and_one_in_utc():
    columns = [*moment("created", lambda row: row)]
    lines = "".join(csv_lines(columns, [AT, None])).splitlines()
    assert lines == [
        "created_ist,created_utc",
        "2026-11-24 01:30:05,2026-11-23T20:00:05.123Z",
        ",",
    ]


def test_a_download_is_streamed_and_named_by_the_indian_day():
    taken = []

    def rows():
        for number in range(1200):
            taken.append(number)
            yield number

    clock.use(lambda: AT)
    try:
        response = csv_response("orders", [Column("number", lambda row: row)], rows())
    finally:
        clock.use(None)
    assert response.headers["Content-Disposition"] == 'attachment; filename="orders-2026-11-24.csv"'
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert taken == []
    parts = iter(response.streaming_content)
    next(parts)
    assert 0 < len(taken) < 1200
    assert b"".join(parts).count(b"\r\n") == 700


@pytest.mark.django_db
@pytest.mark.db_backends
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_walking_meets_every_row_once_newest_first(size):
    now = clock.now()
    made = [make_order() for _ in range(7)]
    for place, order in enumerate(made):  # some share a moment
        at = now - timedelta(minutes=place // 2)
        Order.objects.filter(pk=order.pk).update(created_at=at)
    met = list(selectors.walk(Order.objects.all(), "created_at", size=size))
    assert met == list(Order.objects.order_by("-created_at", "-pk"))


@pytest.mark.django_db
def test_walking_goes_on_when_the_row_it_stands_on_is_taken_away():
    made = [make_order() for _ in range(6)]
    met = []
    for order in selectors.walk(Order.objects.all(), "created_at", size=2):
        met.append(order.pk)
        Order.objects.filter(pk=order.pk).delete()
    assert met == [order.pk for order in reversed(made)]
