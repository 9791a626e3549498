"""One odd row of Kite's costs itself, never the rest of the account."""

import pytest

from brokers.errors import OutcomeUnknown
from brokers.port import BrokerStatus
from tests.brokers.zerodha.samples import (
    ORDER_ID,
    OTHER_ID,
    order_row,
    trade_row,
    trigger_row,
)
from tests.brokers.zerodha.stub import book
from trading.domain.values import Side

NAMELESS = [
    {"order_id": None},
    {"order_id": ""},
    {"order_id": "1" * 65},
    {"order_id": "a\nb"},
    {"quantity": True},
    {"quantity": 10**13},
    {"quantity": 10**39},
    {"exchange": None},
    {"tradingsymbol": ""},
    {"tradingsymbol": "A" * 129},
    {"variety": None},
]
STATELESS = [
    {"status": 5},
    {"filled_quantity": None},
    {"filled_quantity": "4"},
    {"filled_quantity": 4.5},
    {"filled_quantity": -1},
    {"filled_quantity": float("nan")},
    {"filled_quantity": 4, "average_price": 1e20},
    {"price": "1490"},
    {"price": 1e20},
    {"price": 1e-20},
    {"price": -1},
    {"status_message": 7},
]


@pytest.mark.parametrize("broken", NAMELESS)
def test_a_malformed_order_is_named_and_does_not_hide_the_others(broker, stub, broken):
    foreign = order_row(order_id=OTHER_ID, tag="theirs", tags=[]) | broken
    book(stub, foreign, order_row())
    assert [report.order_id for report in broker.orders()] == [ORDER_ID]
    [line] = broker.unreadable
    assert "can't be read" in line


@pytest.mark.parametrize("broken", [*NAMELESS, {"tag": None, "tags": "SMINE"}])
def test_a_malformed_order_that_may_be_ours_is_never_absent(broker, stub, broken):
    book(stub, order_row(order_id=OTHER_ID, tag=None, tags=[]), order_row(**broken))
    if "tags" in broken:
        book(stub, order_row(**(broken | {"exchange": None})))
    with pytest.raises(OutcomeUnknown, match="ours"):
        broker.orders()
    with pytest.raises(OutcomeUnknown, match="ours"):
        broker.find_by_tags(["STAG00000000000001"])


@pytest.mark.parametrize("broken", STATELESS)
def test_an_order_whose_state_cannot_be_read_is_there_and_may_work(broker, stub, broken):
    done = order_row(status="COMPLETE", filled_quantity=10, average_price=1490) | broken
    book(stub, done, order_row(order_id=OTHER_ID))
    ours, other = broker.orders()
    assert (ours.order_id, ours.tag) == (ORDER_ID, "STAG00000000000001")
    assert (ours.status, ours.filled_quantity) == (BrokerStatus.UNKNOWN, 0)
    assert (ours.tradingsymbol, ours.side, ours.quantity) == ("INFY", Side.BUY, 10)
    assert "can't be read" in ours.message
    assert other.status is BrokerStatus.OPEN
    assert ORDER_ID in broker.unreadable[0]
    assert len(broker.find_by_tags(["STAG00000000000001"])) == 2


@pytest.mark.parametrize(
    "odd",
    [
        "0001-01-01 00:00:00",
        "9999-12-31T23:59:59-12:00",
        "2026-13-16 10:30:05",
        "2026-11-16 1x:30:05",
        "yesterday",
        5,
        [1],
    ],
)
@pytest.mark.parametrize(
    "name", ["order_timestamp", "exchange_timestamp", "exchange_update_timestamp"]
)
def test_an_odd_time_costs_an_order_that_time_alone(broker, stub, name, odd):
    book(stub, order_row(**{name: odd}), order_row(order_id=OTHER_ID))
    found = {report.order_id: report for report in broker.orders()}
    report = found[ORDER_ID]
    assert (report.status, broker.unreadable) == (BrokerStatus.OPEN, ())
    assert (report.placed_at is None) is (name == "order_timestamp")
    assert report.updated_at == found[OTHER_ID].updated_at


@pytest.mark.parametrize(
    "broken",
    [
        {"quantity": None},
        {"quantity": 10**13},
        {"average_price": None},
        {"trade_id": "x" * 65},
        {"fill_timestamp": "0001-01-01 00:00:00", "exchange_timestamp": None},
        {"order_id": None},
    ],
)
def test_a_malformed_trade_leaves_its_order_to_be_followed(broker, stub, broken):
    done = order_row(status="COMPLETE", filled_quantity=4, quantity=4, average_price=1490)
    rest = order_row(order_id=OTHER_ID, filled_quantity=4, average_price=1490)
    book(stub, done, rest, trades=[trade_row(**broken), trade_row(order_id=OTHER_ID)])
    first, second = broker.orders()
    assert (first.status, first.filled_quantity, first.trades) == (BrokerStatus.COMPLETE, 4, ())
    assert len(second.trades) == 1
    assert "can't be read" in broker.unreadable[0]


@pytest.mark.parametrize(
    "broken",
    [
        {"condition": None},
        {"orders": None},
        {"orders": []},
        {"id": None},
        {"type": None},
        {"created_at": "soon"},
    ],
)
def test_a_malformed_trigger_is_named_and_hides_nothing(broker, stub, broken):
    book(stub, order_row(), triggers=[trigger_row() | broken])
    assert [report.order_id for report in broker.orders()] == [ORDER_ID]
    assert "GTT" in broker.unreadable[0]
