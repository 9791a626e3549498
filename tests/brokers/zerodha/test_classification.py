"""What Kite's answers mean, by HTTP status, error type and text."""

import json
from decimal import Decimal

import pytest

from brokers.errors import (
    AuthorisationNeeded,
    MarketClosed,
    NotSent,
    OutcomeUnknown,
    PermissionRefused,
    RateLimited,
    Refused,
    SessionExpired,
)
from brokers.zerodha.answers import Answered, Call, classify, data_of, says_absent

MARGIN = (
    "Insufficient funds. Required margin is 95417.84 but available margin is 74251.80. "
    "Check the orderbook for open orders."
)
LYING = "Order request timed out. Please check the order book and confirm before placing again."
NO_IP = "No IPs configured for this app. Add allowed IPs on the Kite developer console."
WRONG_IP = (
    "IP (203.0.113.7) is not allowed to place orders for this app. "
    "Update allowed IPs on the Kite developer console."
)
CLOSED = (
    "MIS (intraday) are blocked as the markets are not open for trading today. "
    "Try placing an AMO order."
)
PROTECTION = (
    "Market orders without market protection are not allowed via API. "
    "Please set market protection or use a Limit order."
)
FREEZE = (
    "The order quantity 1000 (40 lots) is higher than the maximum quantity of 900 (36 lots) "
    "allowed by the exchanges."
)

PLACING = [
    (400, "InputException", PROTECTION, Refused),
    (400, "InputException", FREEZE, Refused),
    (400, "OrderException", "Tick size for this script is 0.10.", Refused),
    (400, "MarginException", MARGIN, Refused),
    (400, "InputException", MARGIN, Refused),
    (400, "HoldingException", "Insufficient stock holding.", Refused),
    (
        428,
        "HoldingException",
        "10 quantity needs authorisation at depository.",
        AuthorisationNeeded,
    ),
    (400, "InputException", CLOSED, MarketClosed),
    (400, "OrderException", "16278 : The markets have not been opened for trading", MarketClosed),
    (400, "OrderException", "Markets are closed right now. Use GTT or AMO.", MarketClosed),
    (400, "InputException", "MIS orders are currently blocked for X, place CNC instead", Refused),
    (429, "NetworkException", "Too many requests", RateLimited),
    (403, "TokenException", "Incorrect `api_key` or `access_token`.", SessionExpired),
    (400, "InputException", "Invalid `api_key` or `access_token`.", SessionExpired),
    (403, "PermissionException", NO_IP, PermissionRefused),
    (403, "PermissionException", "Insufficient permission for that call.", PermissionRefused),
    (400, "InputException", WRONG_IP, PermissionRefused),
    (403, "GeneralException", WRONG_IP, PermissionRefused),
    (400, "OrderException", LYING, OutcomeUnknown),
    (400, "InputException", "Request timeout", OutcomeUnknown),
    (400, "MarginException", "RMS timed out", OutcomeUnknown),
    (400, "GeneralException", "Bad request", OutcomeUnknown),
    (400, "", "Bad request", OutcomeUnknown),
    (400, "NewException", "Refused, surely", OutcomeUnknown),
    (403, "UserException", "Your account is blocked.", OutcomeUnknown),
    (404, "GeneralException", "Route not found", OutcomeUnknown),
    (500, "OrderException", "Order refused", OutcomeUnknown),
    (500, "InputException", WRONG_IP, OutcomeUnknown),
    (500, "GeneralException", "Something unexpected happened", OutcomeUnknown),
    (502, "DataException", "Bad gateway", OutcomeUnknown),
    (503, "NetworkException", "Gateway timed out", OutcomeUnknown),
    (503, "MarginException", MARGIN, OutcomeUnknown),
    (504, "NetworkException", "Gateway timed out", OutcomeUnknown),
    (200, "InputException", "an error under 200", OutcomeUnknown),
    (302, "", "a redirect", OutcomeUnknown),
]


@pytest.mark.parametrize(("status", "error_type", "message", "expected"), PLACING)
def test_only_what_is_certainly_no_order_counts_as_refused(status, error_type, message, expected):
    error = classify(Call.PLACE, status, error_type, message)
    assert type(error) is expected
    assert message in error.message
    assert error.code == (error_type or str(status))


@pytest.mark.parametrize(
    ("status", "error_type", "message", "expected"),
    [
        (
            400,
            "OrderException",
            "Order cannot be cancelled as it is being processed. Try later.",
            NotSent,
        ),
        (
            503,
            "NetworkException",
            "Order cannot be cancelled as it is being processed.",
            OutcomeUnknown,
        ),
        (503, "NetworkException", "Maximum allowed order modifications exceeded.", Refused),
        (400, "OrderException", "The order is already complete.", Refused),
        (429, "NetworkException", "Too many requests", RateLimited),
        (503, "NetworkException", "Gateway timed out", OutcomeUnknown),
        (404, "GeneralException", "Couldn't find that order.", OutcomeUnknown),
    ],
)
def test_changes_are_classed_like_orders_and_may_be_tried_later(
    status, error_type, message, expected
):
    assert type(classify(Call.CHANGE, status, error_type, message)) is expected


@pytest.mark.parametrize(
    ("status", "error_type", "expected"),
    [
        (400, "InputException", OutcomeUnknown),
        (500, "GeneralException", OutcomeUnknown),
        (503, "NetworkException", OutcomeUnknown),
        (200, "", OutcomeUnknown),
        (429, "NetworkException", RateLimited),
        (403, "TokenException", SessionExpired),
        (403, "PermissionException", PermissionRefused),
    ],
)
def test_a_read_that_fails_is_never_a_refusal(status, error_type, expected):
    assert type(classify(Call.READ, status, error_type, "no")) is expected


@pytest.mark.parametrize(
    ("status", "message", "absent"),
    [
        (404, "whatever", True),
        (400, "Couldn't find that `order_id`.", True),
        (400, "Order not found", True),
        (400, "Invalid order_id.", True),
        (400, "Order request timed out.", False),
        (500, "Order not found", False),
        (429, "Too many requests", False),
    ],
)
def test_an_order_is_absent_only_when_kite_says_so(status, message, absent):
    assert says_absent(Answered(status, "X", message)) is absent


def test_numbers_with_a_point_are_decimals():
    body = b'{"status":"success","data":{"price":1490.35,"quantity":5}}'
    data = data_of(200, "application/json; charset=utf-8", body)
    assert data == {"price": Decimal("1490.35"), "quantity": 5}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("", b'{"status":"success","data":1}'),
        ("text/html", b"<html>502</html>"),
        ("application/json", b""),
        ("application/json", b"null"),
        ("application/json", b"[]"),
        ("application/json", b'{"status":"success"}'),
        ("application/json", b'{"status":"success","data":1,"error_type":"X"}'),
        ("application/json", b'{"data":1}'),
        ("application/json", b'{"status":"error","message":null,"error_type":null}'),
        ("application/json", b'{"status":"success","da'),
        ("application/json", b"\xff\xfe"),
        ("application/json", b"[" * 100_000),
    ],
)
def test_an_odd_body_is_told_by_its_traces_and_never_quoted(content_type, body):
    with pytest.raises(Answered) as odd:
        data_of(200, content_type, body)
    assert "sha256" in odd.value.message
    assert str(len(body)) in odd.value.message


@pytest.mark.parametrize(
    "odd", [b"NaN", b"-Infinity", b"9" * 5000, b"0." + b"9" * 5000, b"1e999999", b"1E-999999999999"]
)
def test_a_number_that_nobody_can_reckon_with_is_null_and_spoils_nothing_else(odd):
    body = b'{"status":"success","data":[{"price":' + odd + b'},{"price":2.5}]}'
    assert data_of(200, "application/json", body) == [{"price": None}, {"price": Decimal("2.5")}]


@pytest.mark.parametrize("odd", [b"\\ud800", b"\\u0000", b"\\uDFFF", b"\xff", b"\xed\xa0\x80"])
def test_a_character_that_cannot_be_stored_is_marked_and_spoils_nothing_else(odd):
    body = b'{"status":"success","data":[{"a":"x' + odd + b'y"},{"a":"\\ud83d\\ude00"}]}'
    first, second = data_of(200, "application/json", body)
    assert first["a"][0] + first["a"][-1] == "xy"
    assert set(first["a"][1:-1]) == {"\ufffd"}
    assert second == {"a": "\U0001f600"}


def test_an_error_keeps_kites_words_in_one_line():
    body = json.dumps(
        {"status": "error", "message": "first\r\nsecond\x1b[31m" + "x" * 900, "error_type": "X"}
    )
    with pytest.raises(Answered) as error:
        data_of(400, "application/json", body.encode())
    assert error.value.message.startswith("first second [31m")
    assert len(error.value.message) == 500
    assert error.value.error_type == "X"
