"""Prices that a person states, and the paper book."""

from datetime import timedelta
from decimal import Decimal

import pytest

from brokers.models import PaperOrder, PaperSettlement
from brokers.paper.adapter import PaperBroker
from brokers.port import BrokerStatus
from tests.factories import BrokerConnectionFactory, StrategyFactory
from tests.support.expiring import (
    CALL,
    CLOSE,
    DUE,
    EXPIRY,
    NEXT_DAY,
    Time,
    held_call,
    in_paper_book,
    paper,
    paper_worth,
    settle,
    told,
)
from tests.support.positions import theirs
from trading.domain.values import OrderType, Side, Variety
from trading.models import (
    ClosedTrade,
    Position,
    Settlement,
    UnpricedLot,
)
from trading.services.errors import InvalidChange
from trading.services.expiry import state_price, unlisted

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

D = Decimal


# -- a person's word -----------------------------------------------------------------------------


def test_a_person_states_the_price_that_nobody_knew(call: None) -> None:
    strategy = StrategyFactory()
    entry = held_call(strategy=strategy)
    settle()
    assert not ClosedTrade.objects.exists()
    lot = UnpricedLot.objects.get()
    assert (lot.entry_order, lot.side, lot.qty) == (entry, Side.BUY, 75)
    assert Position.objects.get().qty == 0
    assert state_price(CALL, D("95.5"), actor="anna") == 1
    trade = ClosedTrade.objects.get()
    assert (trade.pnl, trade.strategy, trade.closed_at) == (D("-1837.50"), strategy, CLOSE)
    assert not UnpricedLot.objects.exists()
    settlement = Settlement.objects.get()
    assert (settlement.price, settlement.stated_by) == (D("95.5"), "anna")
    assert "not known" in settlement.history
    assert Position.objects.get().realised == D("-1837.50")


def test_a_person_corrects_a_price(call: None) -> None:
    held_call()
    told("26100", CLOSE)
    settle()
    state_price(CALL, D("130"), actor="anna")
    assert ClosedTrade.objects.get().pnl == D(750)
    assert "until then 100.00" in Settlement.objects.get().history


def test_what_comes_later_goes_by_the_stated_price(call: None) -> None:
    held_call()
    settle()
    state_price(CALL, D("95.5"), actor="anna")
    held_call("SELL", "150", at=CLOSE - timedelta(minutes=20))
    told("26100", CLOSE)
    settle(NEXT_DAY)
    assert set(Settlement.objects.values_list("price", flat=True)) == {D("95.5")}


@pytest.mark.parametrize("price", ["-0.05", "NaN", "Infinity", "10000001"])
def test_what_is_no_price_is_refused(call: None, price: str) -> None:
    held_call()
    settle()
    with pytest.raises(InvalidChange):
        state_price(CALL, D(price), actor="anna")
    assert Settlement.objects.get().price is None


def test_a_contract_that_nothing_is_known_of_is_left_to_a_person() -> None:
    held_call()
    assert settle(NEXT_DAY) == 0
    assert [one.symbol for one in unlisted()] == [CALL.tradingsymbol]
    with pytest.raises(InvalidChange):
        state_price(CALL, D(5), actor="anna")  # the day is missing
    assert state_price(CALL, D(5), actor="anna", expired_on=EXPIRY) == 1
    trade = ClosedTrade.objects.get()
    assert (trade.exit_price, trade.closed_at) == (D(5), CLOSE)
    assert unlisted() == []


@pytest.mark.parametrize("days", [-1, 2])
def test_a_day_that_can_not_be_is_refused(days: int) -> None:
    held_call()
    Time.now = NEXT_DAY
    with pytest.raises(InvalidChange) as refused:
        state_price(CALL, D(5), actor="anna", expired_on=EXPIRY + timedelta(days=days))
    assert refused.value.errors["expired_on"]
    assert Position.objects.get().qty == 75


def test_what_the_broker_shows_is_not_settled_by_hand() -> None:
    live = BrokerConnectionFactory()
    held_call(connection=live)
    Time.now = NEXT_DAY
    theirs(live, 75, exchange=CALL.exchange, tradingsymbol=CALL.tradingsymbol, product="NRML")
    with pytest.raises(InvalidChange) as refused:
        state_price(CALL, D(5), actor="anna", expired_on=EXPIRY)
    assert "exit it with an order" in refused.value.errors["expired_on"][0]


# -- the paper book ------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "pnl"), [(Side.BUY, "-1500"), (Side.SELL, "1500")])
def test_the_paper_book_is_settled_with_ours(call: None, side: Side, pnl: str) -> None:
    held_call(side)
    in_paper_book(side, "120")
    told("26100", CLOSE)
    settle()
    assert paper_worth() == D(pnl) == Position.objects.get().realised
    [shown] = PaperBroker(paper()).positions()
    assert (shown.quantity, shown.realised) == (0, D(pnl))
    Time.now = NEXT_DAY
    assert PaperBroker(paper()).positions() == []


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_paper_has_neither_won_nor_lost_until_the_price_is_known(call: None, side: Side) -> None:
    held_call(side)
    in_paper_book(side, "120")
    settle()
    assert paper_worth() == 0
    state_price(CALL, D("95.5"), actor="anna")
    assert paper_worth() == Position.objects.get().realised == side.sign * D("-1837.50")
    state_price(CALL, D("120"), actor="anna")
    assert paper_worth() == Position.objects.get().realised == 0


def test_paper_orders_end_with_their_contract(call: None) -> None:
    held_call()
    limit = {"order_type": OrderType.LIMIT, "price": D(500), "variety": Variety.REGULAR}
    in_paper_book(Side.SELL, "120", **limit)
    settle()
    order = PaperOrder.objects.get()
    assert (order.status, order.message) == (BrokerStatus.EXPIRED, "The contract has expired.")


def test_the_day_before_shows_what_was_open_then(call: None) -> None:
    held_call()
    in_paper_book(Side.BUY, "120")
    told("26100", CLOSE)
    settle(DUE)
    [shown] = PaperBroker(paper()).positions()
    assert shown.realised == D(-1500)
    assert PaperSettlement.objects.get().turnover == D(7500)
