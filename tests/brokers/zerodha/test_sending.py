"""Placing, changing and cancelling through the official client."""

import json
import logging
from decimal import Decimal

import pytest

from brokers.errors import (
    NotSent,
    OutcomeUnknown,
    PermissionRefused,
    RateLimited,
    Refused,
    SessionExpired,
)
from brokers.port import TriggerLeg
from brokers.zerodha.adapter import ZerodhaBroker
from tests.brokers.zerodha.samples import (
    API_KEY,
    ORDER_ID,
    TOKEN,
    a_gtt,
    an_order,
    leg_row,
    trigger_row,
)
from tests.brokers.zerodha.stub import Answer, Stub, closed_port, failure, success
from trading.domain.values import OrderType, Product, Side, Validity, Variety

PLACE = "/orders/regular"
PLACED = success({"order_id": ORDER_ID})


def sent_form(stub: Stub, path: str = PLACE) -> dict[str, str]:
    [request] = stub.asked("POST", path)
    return {name: value for name, value in request.form.items() if name != "variety"}


def test_an_order_goes_out_once_with_kites_headers_and_its_own_terms(broker, stub):
    stub.say("POST", PLACE, PLACED)
    placed = broker.place(an_order(tradingsymbol="M&M"))
    assert (placed.order_id, placed.trigger_id, placed.anomaly) == (ORDER_ID, None, "")
    assert sent_form(stub) == {
        "exchange": "NSE",
        "tradingsymbol": "M&M",
        "transaction_type": "BUY",
        "quantity": "10",
        "product": "MIS",
        "order_type": "LIMIT",
        "validity": "DAY",
        "price": "1490.5",
        "tag": "STAG00000000000001",
    }
    [request] = stub.seen
    assert request.headers["x-kite-version"] == "3"
    assert request.headers["authorization"] == f"token {API_KEY}:{TOKEN}"


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"order_type": OrderType.MARKET}, {"market_protection": "-1"}),
        (
            {"order_type": OrderType.MARKET, "market_protection": Decimal("2.50")},
            {"market_protection": "2.5"},
        ),
        (
            {"order_type": OrderType.SL_M, "trigger_price": Decimal(1495)},
            {"trigger_price": "1495", "market_protection": "-1"},
        ),
        (
            {"order_type": OrderType.SL, "trigger_price": Decimal(1495), "price": Decimal(1496)},
            {"trigger_price": "1495", "price": "1496"},
        ),
        ({"price": Decimal("1E+3"), "trigger_price": Decimal(5)}, {"price": "1000"}),
    ],
)
def test_each_type_sends_its_own_prices_and_protection_and_no_others(broker, stub, terms, expected):
    stub.say("POST", PLACE, PLACED)
    broker.place(an_order(**terms))
    form = sent_form(stub)
    names = ("price", "trigger_price", "market_protection")
    assert {name: form[name] for name in names if name in form} == expected


def test_an_amo_is_placed_as_amo(broker, stub):
    stub.say("POST", "/orders/amo", PLACED)
    assert broker.place(an_order(variety=Variety.AMO)).order_id == ORDER_ID


@pytest.mark.parametrize(
    ("terms", "named"),
    [
        ({"tag": "S" * 21}, "tag"),
        ({"tag": "has space"}, "tag"),
        ({"exchange": "XNSE"}, "exchange"),
        ({"tradingsymbol": ""}, "tradingsymbol"),
        ({"quantity": 0}, "quantity"),
        ({"price": None}, "price"),
        ({"price": Decimal("NaN")}, "price"),
        ({"price": Decimal(0)}, "price"),
        ({"order_type": OrderType.SL}, "trigger_price"),
        ({"order_type": OrderType.SL_M, "price": None}, "trigger_price"),
        ({"validity": Validity.TTL}, "validity"),
        ({"order_type": OrderType.MARKET, "market_protection": Decimal(0)}, "market_protection"),
        ({"order_type": OrderType.MARKET, "market_protection": Decimal(101)}, "market_protection"),
        ({"second_leg": TriggerLeg(Decimal(1), Decimal(1))}, "second leg"),
        ({"variety": Variety.GTT, "trigger_price": None}, "trigger_price"),
        (
            {
                "variety": Variety.GTT,
                "trigger_price": Decimal(1450),
                "order_type": OrderType.MARKET,
            },
            "order_type",
        ),
        (
            {
                "variety": Variety.GTT,
                "trigger_price": Decimal(1450),
                "validity": Validity.IOC,
            },
            "validity",
        ),
        (
            {
                "variety": Variety.GTT,
                "side": Side.SELL,
                "trigger_price": Decimal(1450),
                "second_leg": TriggerLeg(Decimal(1440), Decimal(1439)),
            },
            "above",
        ),
    ],
)
def test_what_cannot_be_an_order_is_refused_before_anything_is_sent(broker, stub, terms, named):
    with pytest.raises(Refused, match=named):
        broker.place(an_order(**terms))
    assert stub.seen == []


@pytest.mark.parametrize(
    "answer",
    [
        failure(500, "GeneralException"),
        failure(502, "DataException"),
        failure(503, "NetworkException"),
        failure(504, "NetworkException"),
        failure(500, "OrderException"),
        failure(
            400,
            "OrderException",
            "Order request timed out. Please check the order book and confirm.",
        ),
        failure(200, "InputException"),
        Answer("<html>502</html>", 502, "text/html"),
        Answer(b"", 503, "text/html"),
        Answer(b""),
        Answer(b'{"status":"success","data":{"order_id":"19533'),
        Answer(None),
        Answer([]),
        Answer({"status": "success"}),
        success(None),
        success([]),
        success([{"order_id": ORDER_ID}]),
        success({}),
        success({"order_id": None}),
        success({"order_id": ""}),
        success({"order_id": True}),
        success({"order_id": "../trades"}),
        success({"order_id": ["1"]}),
        Answer({"status": "success", "data": {"order_id": ORDER_ID}}, content_type=""),
        Answer({"status": "error", "message": "no type", "error_type": None}, 400),
        Answer({"status": "error", "error_type": "InputException"}, 400),
        Answer({"status": "success", "data": {"order_id": ORDER_ID}}, act="cut"),
        Answer(act="reset"),
        Answer(act="silence"),
        Answer(b"", 302, headers={"Location": "http://127.0.0.1:9/elsewhere"}),
        Answer(b"", 307, headers={"Location": "http://127.0.0.1:9/elsewhere"}),
    ],
)
def test_an_unclear_answer_leaves_the_outcome_unknown_and_is_asked_for_once(broker, stub, answer):
    stub.say("POST", PLACE, answer)
    with pytest.raises(OutcomeUnknown) as unknown:
        broker.place(an_order())
    assert len(stub.seen) == 1
    assert TOKEN not in str(unknown.value)
    assert unknown.value.message


def test_a_success_under_a_wrong_status_is_placed_and_said_to_be_odd(broker, stub):
    stub.say("POST", PLACE, success({"order_id": ORDER_ID}, 500))
    placed = broker.place(an_order())
    assert placed.order_id == ORDER_ID
    assert "500" in placed.anomaly


def test_an_order_id_is_text_even_when_it_comes_as_a_number(broker, stub):
    stub.say("POST", PLACE, success({"order_id": int(ORDER_ID)}))
    assert broker.place(an_order()).order_id == ORDER_ID


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (failure(400, "MarginException", "Insufficient funds."), Refused),
        (failure(403, "TokenException"), SessionExpired),
        (failure(403, "PermissionException"), PermissionRefused),
        (failure(429, "NetworkException"), RateLimited),
    ],
)
def test_a_clear_refusal_is_told_as_what_it_is(broker, stub, answer, expected):
    stub.say("POST", PLACE, answer)
    with pytest.raises(expected) as refused:
        broker.place(an_order())
    assert type(refused.value) is expected
    assert len(stub.seen) == 1


def test_a_refused_connection_was_never_sent():
    broker = ZerodhaBroker(API_KEY, TOKEN, f"http://127.0.0.1:{closed_port()}", timeout=0.5)
    with pytest.raises(NotSent, match="no connection") as error:
        broker.place(an_order())
    assert type(error.value) is NotSent


def test_a_connection_that_was_kept_is_not_used_for_an_order(broker, stub):
    stub.say("GET", "/portfolio/holdings", success([]))
    stub.say("POST", PLACE, PLACED)
    broker.holdings()
    broker.holdings()
    assert stub.connections == 1
    broker.place(an_order())
    assert stub.connections == 2


def test_a_redirect_is_not_followed_and_the_token_goes_nowhere(broker, stub):
    elsewhere = Stub()
    try:
        elsewhere.say("GET", "/orders", success([]))
        stub.say(
            "GET", "/orders", Answer(b"", 302, headers={"Location": f"{elsewhere.root}/orders"})
        )
        with pytest.raises(OutcomeUnknown, match="redirect"):
            broker.orders()
        assert elsewhere.seen == []
    finally:
        elsewhere.stop()


def test_kites_words_come_without_our_secrets(broker, stub, caplog):
    caplog.set_level(logging.DEBUG)
    said = f"Header token {API_KEY}:{TOKEN} is wrong."
    stub.say("POST", PLACE, failure(403, "TokenException", said))
    with pytest.raises(SessionExpired) as error:
        broker.place(an_order())
    assert error.value.message == "Header token ***:*** is wrong."
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(broker)


# -- triggers ------------------------------------------------------------------------------


def test_a_gtt_is_a_trigger_with_one_limit_order(broker, stub):
    stub.say("POST", "/gtt/triggers", success({"trigger_id": 123}))
    placed = broker.place(a_gtt())
    assert (placed.order_id, placed.trigger_id) == (None, "123")
    [request] = stub.seen
    assert request.form["type"] == "single"
    assert json.loads(request.form["condition"]) == {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "trigger_values": [1450.0],
        "last_price": 1500.0,
    }
    assert json.loads(request.form["orders"]) == [
        {
            "exchange": "NSE",
            "tradingsymbol": "INFY",
            "transaction_type": "BUY",
            "quantity": 10,
            "order_type": "LIMIT",
            "product": "CNC",
            "price": 1451.0,
        }
    ]


@pytest.mark.parametrize(
    ("side", "stop", "target", "values", "prices"),
    [
        (Side.SELL, ("1450", "1449"), ("1600", "1601"), [1450.0, 1600.0], [1449.0, 1601.0]),
        (Side.BUY, ("1600", "1601"), ("1450", "1449"), [1450.0, 1600.0], [1449.0, 1601.0]),
    ],
)
def test_a_two_leg_gtt_names_the_lower_trigger_first(
    broker, stub, side, stop, target, values, prices
):
    stub.say("POST", "/gtt/triggers", success({"trigger_id": 123}))
    broker.place(
        a_gtt(
            side=side,
            trigger_price=Decimal(stop[0]),
            price=Decimal(stop[1]),
            second_leg=TriggerLeg(Decimal(target[0]), Decimal(target[1])),
        )
    )
    [request] = stub.seen
    assert request.form["type"] == "two-leg"
    assert json.loads(request.form["condition"])["trigger_values"] == values
    assert [order["price"] for order in json.loads(request.form["orders"])] == prices


def test_a_gtt_asks_for_no_price_between_the_last_look_and_the_order(broker, stub):
    stub.say("POST", "/gtt/triggers", success({"trigger_id": 123}))
    broker.place(a_gtt(last_price=None, reference_price=Decimal("1501.5")))
    [request] = stub.seen
    assert json.loads(request.form["condition"])["last_price"] == 1501.5


def test_a_gtt_for_which_no_price_is_known_is_refused(broker, stub):
    with pytest.raises(Refused, match="last price of NSE:INFY"):
        broker.place(a_gtt(last_price=None))
    assert stub.seen == []


def test_an_unclear_answer_to_a_gtt_leaves_its_outcome_unknown(broker, stub):
    stub.say("POST", "/gtt/triggers", success({}))
    with pytest.raises(OutcomeUnknown):
        broker.place(a_gtt())
    assert len(stub.seen) == 1


def test_withdrawing_a_gtt_that_is_over_is_refused_whatever_kite_answers(broker, stub):
    stub.say("DELETE", "/gtt/triggers/123", failure(500, "GeneralException"))
    stub.say("GET", "/gtt/triggers/123", success(trigger_row(leg_row(), id=123, status="deleted")))
    with pytest.raises(Refused, match="deleted"):
        broker.cancel_trigger("123")
    stub.say("GET", "/gtt/triggers/123", failure(404, "GeneralException"))
    with pytest.raises(Refused, match="no GTT"):
        broker.cancel_trigger("123")
    stub.say("GET", "/gtt/triggers/123", success(trigger_row(leg_row(), id=123)))
    with pytest.raises(OutcomeUnknown):
        broker.cancel_trigger("123")


def test_the_product_of_a_gtt_is_sent_as_it_is(broker, stub):
    stub.say("POST", "/gtt/triggers", success({"trigger_id": "77"}))
    assert broker.place(a_gtt(product=Product.NRML)).trigger_id == "77"
    assert json.loads(stub.seen[0].form["orders"])[0]["product"] == "NRML"
