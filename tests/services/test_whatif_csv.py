"""A CSV of alerts: what is read, and every wrong line by its number with the fix."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from brokers.accounts import ensure_paper_account
from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import StrategyFactory
from trading.models import Alert, Order
from trading.services import whatif, whatif_csv
from trading.services.errors import InvalidChange
from trading.services.whatif_replay import Outcome

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

HEADER = "time,strategy,symbol,action,quantity,price"


@pytest.fixture(autouse=True)
def desk(db: None) -> None:
    ensure_paper_account()
    StrategyFactory(name="supertrend", default_order_type="LIMIT")
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=100)


def run(*lines: str, header: str = HEADER) -> whatif.WhatIf:
    return whatif.of_file("\n".join([header, *lines]).encode())


def refused(*lines: str, header: str = HEADER) -> list[str]:
    with pytest.raises(InvalidChange) as refusal:
        run(*lines, header=header)
    return refusal.value.errors["csv"]


def test_lines_are_replayed_in_the_order_of_their_times() -> None:
    found = run(
        "2026-11-23T05:00:00Z,supertrend,nse:infy,sell,150,1510.50",
        "2026-11-23 10:15,supertrend,NSE:INFY,BUY,10,1500",
        "",
        "2026-11-23 10:45,,NSE:TCS,BUY,1,",
    )
    first, second, third = found.report.rows
    assert [row.order.line for row in (first, second, third)] == [3, 2, 5]
    assert first.order.at.astimezone(clock.IST).hour == 10
    assert second.order.at - first.order.at == timedelta(minutes=15)
    assert (second.now.outcome, second.now.quantity) == (Outcome.CLAMP, 100)
    assert second.order.intent.order_type == "LIMIT"
    assert second.order.intent.price == Decimal("1510.50")
    assert third.order.intent.strategy_id is None
    assert not Order.objects.exists()
    assert not Alert.objects.exists()


def test_columns_may_come_in_any_order_with_product_and_type() -> None:
    found = run(
        "CNC,MARKET,1500,10,BUY,NSE:INFY,,2026-11-23 10:15",
        header="Product, Order_Type,price,quantity,action,symbol,strategy,time",
    )
    intent = found.report.rows[0].order.intent
    assert (intent.product, intent.order_type) == ("CNC", "MARKET")


def test_a_byte_order_mark_and_dos_lines_are_no_mistake() -> None:
    text = f"\ufeff{HEADER}\r\n2026-11-23 10:15,,NSE:INFY,BUY,10,1500\r\n"
    assert len(whatif.of_file(text.encode()).report.rows) == 1


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("23/11/2026,,NSE:INFY,BUY,10,1500", "time “23/11/2026”: write it like 2026-11-23 10:15"),
        ("1999-01-01,,NSE:INFY,BUY,10,1500", "the year must be"),
        ("2026-11-23,typo,NSE:INFY,BUY,10,1500", "no strategy “typo”: use one of supertrend"),
        ("2026-11-23,,INFY,BUY,10,1500", "write it with its exchange"),
        ("2026-11-23,,NSE:IN FY,BUY,10,1500", "is not a symbol"),
        ("2026-11-23,,XYZ:INFY,BUY,10,1500", "names no known exchange"),
        ("2026-11-23,,NSE:INFY,HOLD,10,1500", "action “HOLD”: use one of BUY, SELL."),
        ("2026-11-23,,NSE:INFY,BUY,1.5,1500", "quantity “1.5”: write a whole number"),
        ("2026-11-23,,NSE:INFY,BUY,0,1500", "quantity “0”"),
        ("2026-11-23,,NSE:INFY,BUY,10,-1", "price “-1”: write a number above 0"),
        ("2026-11-23,,NSE:INFY,BUY,10,NaN", "price “NaN”"),
        ("2026-11-23,supertrend,NSE:INFY,BUY,10,", "price is empty, and a LIMIT order needs one."),
        ("2026-11-23,,NSE:INFY,BUY,10", "it has 5 values, and the first line names 6 columns"),
        ("2026-11-23,,NSE:INFY,BUY,1,000,1500", "Put values with a comma into quotes"),
    ],
)
def test_a_wrong_line_is_named_with_its_number_and_the_fix(line: str, text: str) -> None:
    (error,) = refused("2026-11-23 10:15,,NSE:INFY,BUY,10,1500", line)
    assert error.startswith("Line 3: ")
    assert text in error


def test_every_wrong_line_is_named_up_to_a_number() -> None:
    errors = refused(*["x,,NSE:INFY,BUY,10,1500"] * 60)
    assert errors[0].startswith("Line 2: ")
    assert errors[-1] == "And 10 more like these."
    assert len(errors) == 51


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("time,symbol", "strategy, action, quantity, price missing"),
        (f"{HEADER},colour", "unknown column colour"),
        (f"{HEADER},price", "a column is named twice"),
        ("", "missing"),
    ],
)
def test_a_wrong_first_line_says_how_it_must_be(header: str, text: str) -> None:
    (error,) = refused("2026-11-23,,NSE:INFY,BUY,10,1500", header=header)
    assert text in error
    assert HEADER in error


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "missing"),
        (HEADER.encode(), "There is no alert in it"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (f'{HEADER}\n"{"x" * 200_000}'.encode(), "this is no CSV"),
        (b"x" * (2 * 1024 * 1024 + 1), "over 2 MiB"),
    ],
)
def test_what_is_no_such_file_is_refused_with_the_reason(content: bytes, text: str) -> None:
    with pytest.raises(InvalidChange) as refusal:
        whatif.of_file(content)
    assert text in refusal.value.errors["csv"][0]


def test_too_many_alerts_are_refused_with_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whatif, "MOST_ALERTS", 2)
    errors = refused(*["2026-11-23,,NSE:INFY,BUY,10,1500"] * 3)
    assert errors == ["Line 4: at most 2 alerts are replayed at once: leave the rest out."]


def test_more_symbols_than_are_replayed_at_once_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(whatif_csv, "MOST_SYMBOLS", 2)
    lines = [f"2026-11-23 10:15,,NSE:S{n % 2},BUY,1,10" for n in range(6)]
    assert len(run(*lines).report.rows) == 6
    (problem,) = refused(*lines, "2026-11-23 10:15,,NSE:S3,BUY,1,10")
    assert problem == "Line 8: at most 2 different symbols are replayed at once: split it."


@pytest.mark.parametrize("text", ["9" * 11, "1" * 4301, "1" * 20 + "0" * 5000, "0" * 11])
def test_a_gigantic_quantity_is_refused_beside_its_line(text: str) -> None:
    (problem,) = refused(f"2026-11-23 10:15,,NSE:INFY,BUY,{text},10")
    assert problem.startswith("Line 2: quantity")
    assert len(problem) < 200


def test_reading_counts_as_time_too() -> None:
    looks = iter([True, True, False])
    with pytest.raises(InvalidChange) as refusal:
        whatif_csv.of_file(
            "\n".join([HEADER, *["2026-11-23 10:15,,NSE:INFY,BUY,1,10"] * 5]).encode(),
            100,
            clock.now(),
            keep_going=lambda: next(looks),
        )
    assert refusal.value.errors["csv"] == [
        "Line 4: reading has taken too long up to here: leave the rest out."
    ]
    with pytest.raises(InvalidChange, match="1 mistake"):
        whatif.of_file(f"{HEADER}\n2026-11-23 10:15,,NSE:INFY,BUY,1,10".encode(), patience=0)


def test_more_alerts_take_no_more_queries(django_assert_num_queries) -> None:
    line = "2026-11-23 10:15,supertrend,NSE:INFY,BUY,1,10"
    run(line)  # the calendar is read once in a while
    with CaptureQueriesContext(connection) as few:
        run(line)
    with django_assert_num_queries(len(few)):
        run(*[line] * 20)
