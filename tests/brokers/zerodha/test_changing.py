"""Modifying and cancelling through the official client."""

from decimal import Decimal

import pytest

from brokers.errors import NotSent, NotSupported, OutcomeUnknown, Refused
from tests.brokers.zerodha.samples import ORDER_ID, order_row
from tests.brokers.zerodha.stub import Answer, failure, success
from trading.domain.values import OrderType, Variety

ONE = f"/orders/regular/{ORDER_ID}"
HISTORY = f"/orders/{ORDER_ID}"
PLACED = success({"order_id": ORDER_ID})


def test_a_modification_sends_the_new_terms_beside_the_orders_own(broker, stub):
    stub.say("GET", HISTORY, success([order_row(status="OPEN PENDING"), order_row()]))
    stub.say("PUT", ONE, PLACED)
    broker.modify(ORDER_ID, variety=Variety.REGULAR, price=Decimal("1450.00"))
    [request] = stub.asked("PUT", ONE)
    wanted = ("order_type", "quantity", "price", "trigger_price", "market_protection", "validity")
    assert {name: request.form[name] for name in wanted if name in request.form} == {
        "order_type": "LIMIT",
        "quantity": "10",
        "price": "1450",
    }


@pytest.mark.parametrize(
    ("row", "change", "expected"),
    [
        ({}, {"order_type": OrderType.MARKET}, "-1"),
        (
            {"order_type": "SL-M", "trigger_price": 1480, "market_protection": -1},
            {"trigger_price": Decimal(1470)},
            "-1",
        ),
        (
            {"order_type": "SL-M", "trigger_price": 1480, "market_protection": 2.5},
            {"quantity": 5},
            "2.5",
        ),
    ],
)
def test_a_modified_market_or_sl_m_order_keeps_its_protection(broker, stub, row, change, expected):
    stub.say("GET", HISTORY, success([order_row(**row)]))
    stub.say("PUT", ONE, PLACED)
    broker.modify(ORDER_ID, variety=Variety.REGULAR, **change)
    [request] = stub.asked("PUT", ONE)
    assert request.form["market_protection"] == expected


def test_a_released_amo_is_changed_as_regular_and_a_parked_one_as_amo(broker, stub):
    stub.say("GET", HISTORY, success([order_row(variety="amo", status="OPEN")]))
    stub.say("PUT", ONE, PLACED)
    broker.modify(ORDER_ID, variety=Variety.AMO, quantity=5)
    assert len(stub.asked("PUT", ONE)) == 1
    stub.say("GET", HISTORY, success([order_row(variety="amo", status="AMO REQ RECEIVED")]))
    stub.say("PUT", f"/orders/amo/{ORDER_ID}", PLACED)
    broker.modify(ORDER_ID, variety=Variety.AMO, quantity=5)
    assert len(stub.asked("PUT", f"/orders/amo/{ORDER_ID}")) == 1


def test_an_order_that_cannot_be_read_is_not_changed_and_may_be_later(broker, stub):
    stub.say("GET", HISTORY, failure(503, "NetworkException"))
    with pytest.raises(NotSent, match="Nothing was changed"):
        broker.modify(ORDER_ID, variety=Variety.REGULAR, quantity=5)
    assert stub.asked("PUT", ONE) == []


@pytest.mark.parametrize("status", ["COMPLETE", "CANCELLED", "REJECTED", "CANCELLED AMO"])
def test_an_order_that_is_over_is_not_changed(broker, stub, status):
    stub.say("GET", HISTORY, success([order_row(status=status)]))
    with pytest.raises(Refused, match=status):
        broker.modify(ORDER_ID, variety=Variety.REGULAR, quantity=5)
    assert stub.asked("PUT", ONE) == []


def test_a_resting_gtt_is_not_modified(broker, stub):
    with pytest.raises(NotSupported):
        broker.modify("123", variety=Variety.GTT, quantity=5)
    assert stub.seen == []


def test_an_unclear_answer_to_a_modification_is_unknown(broker, stub):
    stub.say("GET", HISTORY, success([order_row()]))
    stub.say("PUT", ONE, failure(504, "NetworkException"))
    with pytest.raises(OutcomeUnknown):
        broker.modify(ORDER_ID, variety=Variety.REGULAR, quantity=5)
    assert len(stub.asked("PUT", ONE)) == 1


# -- cancelling ----------------------------------------------------------------------------


def test_a_cancel_is_one_request(broker, stub):
    stub.say("DELETE", ONE, PLACED)
    broker.cancel(ORDER_ID, variety=Variety.REGULAR)
    assert [one.method for one in stub.seen] == ["DELETE"]


@pytest.mark.parametrize(
    ("row", "own"),
    [
        ({"variety": "amo", "status": "OPEN"}, "regular"),
        ({"variety": "iceberg"}, "iceberg"),
        ({"variety": "co", "status": "TRIGGER PENDING"}, "co"),
    ],
)
def test_a_cancel_under_the_wrong_variety_is_repeated_under_the_orders_own(broker, stub, row, own):
    given = Variety.AMO if own == "regular" else Variety.REGULAR
    stub.say(
        "DELETE", f"/orders/{given}/{ORDER_ID}", failure(503, "NetworkException", "Timed out.")
    )
    stub.say("GET", HISTORY, success([order_row(**row)]))
    stub.say("DELETE", f"/orders/{own}/{ORDER_ID}", PLACED)
    broker.cancel(ORDER_ID, variety=given)
    assert len(stub.asked("DELETE", f"/orders/{own}/{ORDER_ID}")) == 1


def test_a_cancel_that_failed_for_another_reason_stays_failed(broker, stub):
    stub.say("DELETE", ONE, failure(503, "NetworkException"))
    stub.say("GET", HISTORY, success([order_row()]))
    with pytest.raises(OutcomeUnknown):
        broker.cancel(ORDER_ID, variety=Variety.REGULAR)
    assert len(stub.asked("DELETE", ONE)) == 1


def test_a_cancel_without_an_answer_is_unknown_and_not_repeated(broker, stub):
    stub.say("GET", HISTORY, success([order_row(status="OPEN")]))
    stub.say("DELETE", ONE, Answer(act="reset"))
    with pytest.raises(OutcomeUnknown):
        broker.cancel(ORDER_ID, variety=Variety.REGULAR)
    assert len(stub.asked("DELETE", ONE)) == 1


def test_a_cancel_may_be_asked_again_while_the_order_is_being_processed(broker, stub):
    said = "Order cannot be cancelled as it is being processed. Try later."
    stub.say("DELETE", ONE, failure(400, "OrderException", said))
    with pytest.raises(NotSent, match="Try later"):
        broker.cancel(ORDER_ID, variety=Variety.REGULAR)


def test_cancelling_what_kite_does_not_know_is_refused(broker, stub):
    with pytest.raises(Refused, match="There is no order"):
        broker.cancel("9999999999", variety=Variety.REGULAR)
