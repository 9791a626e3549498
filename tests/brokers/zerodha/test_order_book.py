"""Kite's order book, trades and triggers as the port's reports."""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from brokers.errors import BrokerError, OutcomeUnknown, RateLimited, SessionExpired
from brokers.port import BrokerStatus
from brokers.zerodha import mapping
from tests.brokers.zerodha.samples import (
    ORDER_ID,
    OTHER_ID,
    leg_row,
    order_row,
    outcome,
    trade_row,
    trigger_row,
)
from tests.brokers.zerodha.stub import Answer, book, failure, success
from trading.domain.values import OrderType, Product, Side, Variety

HISTORY = f"/orders/{ORDER_ID}"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("PUT ORDER REQ RECEIVED", BrokerStatus.PENDING),
        ("VALIDATION PENDING", BrokerStatus.PENDING),
        ("OPEN PENDING", BrokerStatus.PENDING),
        ("AMO REQ RECEIVED", BrokerStatus.PENDING),
        ("MODIFY AMO REQ RECEIVED", BrokerStatus.PENDING),
        ("OPEN", BrokerStatus.OPEN),
        ("open", BrokerStatus.OPEN),
        ("MODIFY VALIDATION PENDING", BrokerStatus.OPEN),
        ("MODIFY PENDING", BrokerStatus.OPEN),
        ("MODIFIED", BrokerStatus.OPEN),
        ("NOT MODIFIED", BrokerStatus.OPEN),
        ("NOT CANCELLED", BrokerStatus.OPEN),
        ("TRIGGER PENDING", BrokerStatus.TRIGGER_PENDING),
        ("CANCEL PENDING", BrokerStatus.CANCEL_PENDING),
        ("COMPLETE", BrokerStatus.COMPLETE),
        ("CANCELLED", BrokerStatus.CANCELLED),
        ("CANCELLED AMO", BrokerStatus.CANCELLED),
        ("REJECTED", BrokerStatus.REJECTED),
        ("REJECTED BY RMS", BrokerStatus.REJECTED),
        ("UPDATE", BrokerStatus.UNKNOWN),
        ("SOMETHING NEW", BrokerStatus.UNKNOWN),
        ("COMPLETELY NEW", BrokerStatus.UNKNOWN),
        ("", BrokerStatus.UNKNOWN),
    ],
)
def test_every_status_has_a_meaning_and_an_unknown_one_counts_as_working(word, expected):
    assert mapping.status_of(word) is expected
    assert not BrokerStatus.UNKNOWN.final


def test_an_order_is_reported_with_its_trades_and_its_times_in_utc(broker, stub):
    book(
        stub,
        order_row(filled_quantity=4, average_price=1490.45, pending_quantity=10),
        trades=[trade_row(), trade_row(), trade_row(order_id=OTHER_ID, trade_id="2")],
    )
    [report] = broker.orders()
    assert (report.order_id, report.trigger_id) == (ORDER_ID, None)
    assert (report.status, report.raw_status) == (BrokerStatus.OPEN, "OPEN")
    assert (report.side, report.product, report.order_type, report.variety) == (
        Side.BUY,
        Product.MIS,
        OrderType.LIMIT,
        Variety.REGULAR,
    )
    assert (report.quantity, report.filled_quantity) == (10, 4)
    assert report.average_price == Decimal("1490.45")
    assert (report.price, report.trigger_price) == (Decimal("1490.5"), None)
    assert report.placed_at == datetime(2026, 11, 16, 5, 0, 5, tzinfo=UTC)
    assert report.updated_at == datetime(2026, 11, 16, 5, 0, 6, tzinfo=UTC)
    [trade] = report.trades
    assert (trade.trade_id, trade.quantity, trade.price) == ("10000123", 4, Decimal("1490.45"))
    assert trade.at == datetime(2026, 11, 16, 5, 1, tzinfo=UTC)


def test_a_cancelled_order_keeps_what_it_filled(broker, stub):
    book(stub, order_row(status="CANCELLED", filled_quantity=4, pending_quantity=10))
    [report] = broker.orders()
    assert (report.status, report.filled_quantity) == (BrokerStatus.CANCELLED, 4)


def test_nothing_filled_has_no_average_price_and_zero_is_no_price(broker, stub):
    book(stub, order_row(order_type="MARKET", price=0, average_price=0))
    [report] = broker.orders()
    assert (report.average_price, report.price, report.trigger_price) == (None, None, None)


def test_a_rejection_says_why(broker, stub):
    raw = "RMS:Margin Exceeds,Required:95417.84"
    book(
        stub,
        order_row(status="REJECTED", status_message="Insufficient funds.", status_message_raw=raw),
        order_row(order_id=OTHER_ID, status="REJECTED", status_message_raw=raw),
    )
    assert [report.message for report in broker.orders()] == ["Insufficient funds.", raw]


def test_a_row_that_is_shown_twice_counts_once_as_it_stands_further(broker, stub):
    done = order_row(status="COMPLETE", filled_quantity=10, average_price=1490)
    book(stub, done, order_row(), order_row(filled_quantity=4, average_price=1490))
    [report] = broker.orders()
    assert report.status is BrokerStatus.COMPLETE


def test_two_orders_with_one_tag_are_both_reported(broker, stub):
    book(stub, order_row(), order_row(order_id=OTHER_ID))
    found = broker.find_by_tags(["STAG00000000000001"])
    assert {report.order_id for report in found} == {ORDER_ID, OTHER_ID}


def test_an_order_is_found_by_any_of_its_tags(broker, stub):
    book(stub, order_row(tag=None, tags=["autoslice", "SOURS"]), order_row(order_id="2", tag="X"))
    [report] = broker.find_by_tags(["SOURS"])
    assert (report.order_id, report.tag) == (ORDER_ID, "SOURS")
    assert report.tags == ("autoslice", "SOURS")


def test_the_book_is_sorted_by_age(broker, stub):
    book(
        stub,
        order_row(order_id="3", order_timestamp="2026-11-16 12:00:00"),
        order_row(order_id="1", order_timestamp="2026-11-16 09:15:00"),
        triggers=[trigger_row()],
    )
    assert [report.order_id for report in broker.orders()] == ["1", None, "3"]


@pytest.mark.parametrize(
    "strange",
    [{"product": "CO"}, {"order_type": "BRACKET"}, {"variety": "bo"}, {"transaction_type": "SWAP"}],
)
def test_a_strange_order_is_named_and_does_not_hide_the_others(broker, stub, caplog, strange):
    caplog.set_level(logging.WARNING)
    foreign = order_row(order_id=OTHER_ID, tag=None, tags=[], **strange)
    book(stub, order_row(), foreign)
    assert [report.order_id for report in broker.orders()] == [ORDER_ID]
    assert [report.order_id for report in broker.orders()] == [ORDER_ID]
    [line] = broker.unreadable
    assert OTHER_ID in line
    assert next(iter(strange.values())) in line
    assert caplog.text.count("left out") == 1


def test_a_strange_order_with_a_tag_that_is_looked_for_is_not_absent(broker, stub):
    book(stub, order_row(product="CO"))
    with pytest.raises(OutcomeUnknown, match=ORDER_ID):
        broker.find_by_tags(["STAG00000000000001"])
    assert broker.find_by_tags(["SOTHER"]) == []


def test_a_strange_order_that_is_asked_for_is_an_error_and_not_absence(broker, stub):
    stub.say("GET", HISTORY, success([order_row(product="CO")]))
    stub.say("GET", f"{HISTORY}/trades", success([]))
    with pytest.raises(OutcomeUnknown, match="product"):
        broker.order(ORDER_ID)


@pytest.mark.parametrize("path", ["/orders", "/trades", "/gtt/triggers"])
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (success(None), OutcomeUnknown),
        (success({}), OutcomeUnknown),
        (success("[]"), OutcomeUnknown),
        (success(["x"]), OutcomeUnknown),
        (success([None]), OutcomeUnknown),
        (success([], 500), OutcomeUnknown),
        (Answer([]), OutcomeUnknown),
        (Answer({"status": "success", "data": []}, act="cut"), OutcomeUnknown),
        (Answer(act="reset"), OutcomeUnknown),
        (failure(400, "InputException"), OutcomeUnknown),
        (failure(503, "NetworkException"), OutcomeUnknown),
        (failure(429, "NetworkException"), RateLimited),
        (failure(403, "TokenException"), SessionExpired),
    ],
)
def test_a_part_of_the_book_that_cannot_be_read_is_an_error(broker, stub, path, answer, expected):
    book(stub, order_row())
    stub.say("GET", path, answer)
    with pytest.raises(BrokerError) as error:
        broker.orders()
    assert type(error.value) is expected


def test_one_order_is_the_last_state_of_its_history_with_its_own_trades(broker, stub):
    done = order_row(status="COMPLETE", filled_quantity=4, average_price=1490.45, quantity=4)
    stub.say("GET", HISTORY, success([order_row(status="OPEN PENDING"), order_row(), done]))
    stub.say("GET", f"{HISTORY}/trades", success([trade_row()]))
    book(stub, done, trades=[trade_row()])
    assert broker.order(ORDER_ID) == broker.orders()[0]


@pytest.mark.parametrize(
    "answer",
    [
        failure(404, "GeneralException", "no"),
        failure(400, "InputException", "Couldn't find that `order_id`."),
        success([]),
    ],
)
def test_an_order_that_kite_does_not_know_is_none(broker, stub, answer):
    stub.say("GET", HISTORY, answer)
    assert broker.order(ORDER_ID) is None


def test_an_order_that_cannot_be_read_is_an_error_and_not_none(broker, stub):
    stub.say("GET", HISTORY, failure(503, "NetworkException", "not found"))
    with pytest.raises(OutcomeUnknown):
        broker.order(ORDER_ID)


def test_an_id_that_no_broker_gave_is_none_and_never_part_of_an_address(broker, stub):
    assert broker.order("../trades") is None
    assert broker.trigger("1?x=2") is None
    assert stub.seen == []


# -- triggers ------------------------------------------------------------------------------


def test_a_resting_trigger_is_reported_without_an_order(broker, stub):
    book(stub, triggers=[trigger_row()])
    [report] = broker.orders()
    assert (report.order_id, report.trigger_id) == (None, "112127")
    assert report.status is BrokerStatus.TRIGGER_ACTIVE
    assert (report.variety, report.order_type) == (Variety.GTT, OrderType.LIMIT)
    assert (report.trigger_price, report.price) == (Decimal(1450), Decimal(1451))
    assert (report.quantity, report.leg, report.two_leg) == (10, 0, False)
    assert report.placed_at == datetime(2026, 11, 16, 4, 30, tzinfo=UTC)
    assert report.trigger_expires_at == datetime(2027, 11, 15, 18, 30, tzinfo=UTC)
    stub.say("GET", "/gtt/triggers/112127", success(trigger_row()))
    assert broker.trigger("112127") == report


def test_a_fired_trigger_is_the_order_that_it_became(broker, stub):
    fired = trigger_row(leg_row(result=outcome()), status="triggered")
    order = order_row(tag=None, tags=[], product="CNC")
    book(stub, order, triggers=[fired])
    [report] = broker.orders()
    assert (report.order_id, report.trigger_id) == (ORDER_ID, "112127")
    assert (report.status, report.variety) == (BrokerStatus.OPEN, Variety.REGULAR)
    stub.say("GET", HISTORY, success([order]))
    stub.say("GET", f"{HISTORY}/trades", success([]))
    stub.say("GET", "/gtt/triggers/112127", success(fired))
    assert broker.order(ORDER_ID) == report
    assert broker.trigger("112127") == report


def test_a_fired_trigger_whose_order_is_not_in_the_book_is_left_to_a_closer_look(broker, stub):
    fired = trigger_row(leg_row(result=outcome()), status="triggered")
    book(stub, triggers=[fired])
    assert broker.orders() == []
    stub.say("GET", "/gtt/triggers/112127", success(fired))
    report = broker.trigger("112127")
    assert (report.order_id, report.status) == (ORDER_ID, BrokerStatus.UNKNOWN)


def test_a_trigger_that_fired_into_a_rejection_is_rejected_with_the_reason(broker, stub):
    reason = "Your order price is lower than the current lower circuit limit."
    result = outcome("", "failed", reason)
    book(stub, triggers=[trigger_row(leg_row(result=result), status="triggered")])
    [report] = broker.orders()
    assert (report.order_id, report.status) == (None, BrokerStatus.REJECTED)
    assert report.message == reason


def test_a_trigger_that_fired_without_news_of_its_order_still_works(broker, stub):
    book(stub, triggers=[trigger_row(status="triggered")])
    [report] = broker.orders()
    assert report.status is BrokerStatus.UNKNOWN
    assert report.message


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("active", BrokerStatus.TRIGGER_ACTIVE),
        ("disabled", BrokerStatus.CANCELLED),
        ("cancelled", BrokerStatus.CANCELLED),
        ("deleted", BrokerStatus.CANCELLED),
        ("expired", BrokerStatus.EXPIRED),
        ("rejected", BrokerStatus.REJECTED),
        ("sleeping", BrokerStatus.UNKNOWN),
    ],
)
def test_every_end_of_a_trigger_has_a_meaning(broker, stub, word, expected):
    book(stub, triggers=[trigger_row(status=word)])
    assert [report.status for report in broker.orders()] == [expected]


def exit_legs(side: str, low=None, high=None):
    return (
        leg_row(price=1449, transaction_type=side, result=low),
        leg_row(price=1601, transaction_type=side, result=high),
    )


@pytest.mark.parametrize(("side", "stop", "target"), [("SELL", 1450, 1600), ("BUY", 1600, 1450)])
def test_a_two_leg_trigger_is_a_stop_and_a_target(broker, stub, side, stop, target):
    book(stub, triggers=[trigger_row(*exit_legs(side), values=(1450, 1600))])
    legs = {report.leg: report for report in broker.orders()}
    assert legs[0].trigger_price == Decimal(stop)
    assert legs[1].trigger_price == Decimal(target)
    assert {report.trigger_id for report in legs.values()} == {"112127"}
    assert all(report.two_leg for report in legs.values())


def test_the_leg_that_did_not_fire_ends_cancelled(broker, stub):
    fired = trigger_row(*exit_legs("SELL", high=outcome()), values=(1450, 1600), status="triggered")
    order = order_row(transaction_type="SELL", tag=None, tags=[])
    book(stub, order, triggers=[fired])
    legs = {report.leg: report for report in broker.orders()}
    assert (legs[1].order_id, legs[1].status) == (ORDER_ID, BrokerStatus.OPEN)
    assert (legs[0].order_id, legs[0].status) == (None, BrokerStatus.CANCELLED)
    assert legs[0].message == "The other leg fired."
    stub.say("GET", "/gtt/triggers/112127", success(fired))
    stub.say("GET", HISTORY, success([order]))
    stub.say("GET", f"{HISTORY}/trades", success([]))
    assert broker.trigger("112127") == legs[1]
    assert broker.order(ORDER_ID) == legs[1]


def test_of_two_legs_the_one_that_fired_into_a_rejection_is_told(broker, stub):
    refused = outcome("", "failed", "No holdings.")
    row = trigger_row(*exit_legs("SELL", high=refused), values=(1450, 1600), status="triggered")
    stub.say("GET", "/gtt/triggers/112127", success(row))
    report = broker.trigger("112127")
    assert (report.leg, report.status) == (1, BrokerStatus.REJECTED)
    assert report.message == "No holdings."
    waiting = trigger_row(*exit_legs("SELL"), values=(1450, 1600))
    stub.say("GET", "/gtt/triggers/112127", success(waiting))
    assert broker.trigger("112127").leg == 0


def test_a_trigger_of_a_new_kind_is_named_and_hides_nothing(broker, stub):
    book(stub, order_row(), triggers=[trigger_row(type="trailing")])
    assert [report.order_id for report in broker.orders()] == [ORDER_ID]
    assert "trailing" in broker.unreadable[0]


def test_further_means_final_then_more_filled_then_later():
    first = mapping.order_report(order_row(price=1490, filled_quantity=4, average_price=1))
    ended = mapping.order_report(order_row(price=1490, status="CANCELLED"))
    later = replace(first, updated_at=datetime(2026, 11, 16, 9, tzinfo=UTC))
    assert mapping.the_further(first, ended) is ended
    assert mapping.the_further(first, replace(first, filled_quantity=2)) is first
    assert mapping.the_further(first, later) is later
