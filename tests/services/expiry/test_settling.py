"""Contracts that expire with something open: settled once, and at a price that is known."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from brokers.models import PaperSettlement, PriceSource
from sigmatrader.db import write_transaction
from tests.factories import BrokerConnectionFactory, StrategyFactory
from tests.support.at_once import at_once
from tests.support.dying import dies
from tests.support.expiring import (
    CALL,
    CLOSE,
    DUE,
    EXPIRY,
    MORNING,
    NEXT_DAY,
    Time,
    contract,
    held_call,
    in_paper_book,
    paper,
    paper_worth,
    settle,
    told,
)
from tests.support.fills import execution, fill, order_of
from tests.support.positions import theirs, working
from trading.domain.order import Status
from trading.domain.values import InstrumentKey, Product, Side
from trading.models import (
    ClosedTrade,
    Fill,
    Instrument,
    Position,
    Settlement,
)
from trading.services import (
    exposure,
    ledger,
)
from trading.services.contract import problems
from trading.services.expiry import settle_due
from trading.services.held import held
from trading.services.worker import Worker

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

D = Decimal


# -- by itself -----------------------------------------------------------------------------------


def test_an_option_in_the_money_is_settled_at_what_it_is_worth(call: None) -> None:
    strategy = StrategyFactory()
    entry = held_call(strategy=strategy)
    told("26180.40", CLOSE + timedelta(minutes=5))
    assert settle() == 1
    trade = ClosedTrade.objects.get()
    assert (trade.entry_order, trade.exit_order, trade.strategy) == (entry, None, strategy)
    assert (trade.exit_price, trade.pnl) == (D("180.40"), D("4530.00"))
    assert (trade.exit_reason, trade.closed_at) == ("EXPIRY", CLOSE)
    position = Position.objects.get()
    assert (position.qty, position.realised, position.pnl) == (0, D(4530), D(4530))
    assert not Fill.objects.filter(open_qty__gt=0).exists()
    settlement = Settlement.objects.get()
    assert (settlement.qty, settlement.price, settlement.expired_on) == (75, D("180.40"), EXPIRY)
    assert settlement.basis == "NSE:NIFTY 50 at 26,180.40, told at 15:45."


def test_a_short_option_that_ends_worthless_keeps_its_premium(call: None) -> None:
    held_call("SELL", "40")
    told("25900", CLOSE)
    settle()
    trade = ClosedTrade.objects.get()
    assert (trade.side, trade.exit_price, trade.pnl) == (Side.SELL, D(0), D(3000))


def test_a_future_is_settled_at_its_underlying() -> None:
    future = InstrumentKey("NFO", "NIFTY26DECFUT")
    contract(future, "FUT")
    held_call("SELL", "26100", tradingsymbol=future.tradingsymbol)
    told("26080", CLOSE)
    settle()
    assert ClosedTrade.objects.get().pnl == D(1500)


def test_tradingviews_option_is_settled_without_an_instrument_list() -> None:
    held_call(exchange="NSE", tradingsymbol="NIFTY261229C26000")
    told("26100", CLOSE)
    assert settle() == 1
    assert ClosedTrade.objects.get().exit_price == D(100)


def test_nothing_is_settled_before_the_closing_prices_are_made(call: None) -> None:
    held_call()
    told("26100", CLOSE)
    for early in (MORNING, CLOSE, DUE - timedelta(seconds=1)):
        assert settle(early) == 0
    assert settle(DUE) == 1
    assert settle(DUE) == 0
    assert Settlement.objects.count() == 1


def test_at_the_bell_an_exit_may_still_go(call: None) -> None:
    held_call()
    for now, units in ((CLOSE, 75), (DUE - timedelta(seconds=1), 75), (DUE, 0)):
        Time.now = now
        assert held(paper(), CALL.exchange, CALL.tradingsymbol, "NRML").quantity == units
        assert sum(exposure.held_quantities(paper()).values()) == units


def test_no_order_is_taken_once_the_contract_has_expired(call: None) -> None:
    order = order_of(
        "BUY", 75, exchange=CALL.exchange, tradingsymbol=CALL.tradingsymbol, lot_size=75
    )
    Time.now = DUE - timedelta(seconds=1)
    assert problems(order) == {}
    Time.now = DUE
    assert "has expired today" in problems(order)["symbol"][0]


def test_one_position_that_can_not_be_settled_stops_no_other(call: None) -> None:
    held_call()
    Position.objects.update(multiplier=D(10) ** 12)  # its P&L can't be stored
    held_call(connection=BrokerConnectionFactory())
    told("26100", CLOSE)
    assert settle() == 1
    assert Settlement.objects.count() == ClosedTrade.objects.count() == 1


def test_papers_own_book_keeps_nothing_alive(call: None) -> None:
    held_call()
    Time.now = NEXT_DAY
    place = {"exchange": CALL.exchange, "tradingsymbol": CALL.tradingsymbol, "product": "NRML"}
    theirs(paper(), 75, **place)
    assert settle(NEXT_DAY) == 1


def test_a_contract_of_a_later_day_stays_open(call: None) -> None:
    Instrument.objects.update(expiry=EXPIRY + timedelta(days=1))
    held_call()
    told("26100", CLOSE)
    assert settle() == 0
    assert Position.objects.get().qty == 75


def test_the_worker_settles_in_passing(call: None) -> None:
    held_call()
    told("26100", CLOSE)
    Time.now = DUE
    Worker()._keep_house()
    assert Settlement.objects.get().price == 100


def test_a_worker_that_was_away_settles_on_the_last_day_itself(call: None) -> None:
    held_call()
    told("26100", CLOSE + timedelta(hours=1))
    told("26700", NEXT_DAY)
    assert settle(NEXT_DAY + timedelta(days=5)) == 1
    trade = ClosedTrade.objects.get()
    assert (trade.exit_price, trade.closed_at) == (D(100), CLOSE)


@pytest.mark.parametrize(
    ("at", "source"),
    [
        (CLOSE - timedelta(seconds=1), PriceSource.BROKER),
        (NEXT_DAY, PriceSource.BROKER),
        (CLOSE, PriceSource.ALERT),
    ],
)
def test_no_price_is_taken_that_is_not_the_markets_own_of_after_the_close(
    call: None, at: datetime, source: str
) -> None:
    held_call()
    told("26100", at, source)
    settle(NEXT_DAY)
    assert Settlement.objects.get().price is None


def test_an_order_whose_end_is_not_known_comes_first(call: None) -> None:
    held_call()
    fields = {
        "exchange": CALL.exchange,
        "tradingsymbol": CALL.tradingsymbol,
        "product": Product.NRML,
    }
    order = working(paper(), Status.UNKNOWN, side=Side.SELL, qty=75, **fields)
    told("26100", CLOSE)
    assert settle() == 0
    assert exposure.held_quantities(paper()) == {}  # and nothing can be traded of it meanwhile
    type(order).objects.filter(pk=order.pk).update(status=Status.FAILED)
    assert settle() == 1


def test_each_product_and_account_is_settled_at_the_same_price(call: None) -> None:
    held_call()
    held_call(product=Product.MIS)
    live = BrokerConnectionFactory()
    held_call(connection=live)
    told("26100", CLOSE)
    assert settle() == 3
    assert set(Settlement.objects.values_list("price", flat=True)) == {D(100)}


# -- late news -----------------------------------------------------------------------------------


def test_a_fill_that_comes_late_is_settled_too(call: None) -> None:
    held_call(price="120")
    told("26100", CLOSE)
    settle()
    held_call("SELL", "150", at=CLOSE - timedelta(minutes=20))
    assert settle(NEXT_DAY) == 1
    assert sum(one.pnl for one in ClosedTrade.objects.all()) == D(30 * 75)
    position = Position.objects.get()
    assert (position.qty, position.realised) == (0, D(30 * 75))


def test_a_corrected_fill_is_settled_as_corrected(call: None) -> None:
    order = order_of(
        "BUY",
        75,
        exchange=CALL.exchange,
        tradingsymbol=CALL.tradingsymbol,
        product=Product.NRML,
    )
    fill(order, 75, "120", MORNING, "A")
    told("26100", CLOSE)
    settle()
    with write_transaction():
        assert ledger.correct(order, [execution(order, 50, "110", MORNING, "A")])
    assert ClosedTrade.objects.get().pnl == D(-500)
    assert Settlement.objects.get().qty == 50
    position = Position.objects.get()
    assert (position.qty, position.realised) == (0, D(-500))


def test_building_a_position_again_changes_nothing(call: None) -> None:
    held_call("SELL", "90")
    held_call("BUY", "100", at=MORNING + timedelta(hours=1))
    held_call("BUY", "101", at=MORNING + timedelta(hours=2))
    told("26100", CLOSE)
    settle()
    fields = ("entry_order", "exit_order", "settlement", "qty", "pnl", "closed_at")
    before = list(ClosedTrade.objects.order_by("pk").values_list(*fields))
    position = Position.objects.values().get()
    with write_transaction():
        ledger.rebuild(Position.objects.select_for_update().get())
    assert list(ClosedTrade.objects.order_by("pk").values_list(*fields)) == before
    assert Position.objects.values().get() == position


# -- killed, and at once -------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.faults
def test_a_kill_at_any_statement_leaves_all_or_nothing(call: None) -> None:
    held_call()
    in_paper_book(Side.BUY, "120")
    told("26100", CLOSE)
    Time.now = DUE
    statement = 1
    while dies(statement, lambda: settle_due(DUE)):
        ours = Position.objects.get().qty
        assert ours == (0 if Settlement.objects.exists() else 75)
        assert ClosedTrade.objects.count() == Settlement.objects.count()
        assert PaperSettlement.objects.count() == Settlement.objects.count()
        statement += 1
    assert statement > 10
    assert settle_due(DUE) == 0
    assert ClosedTrade.objects.get().pnl == D(-1500) == paper_worth()


@pytest.mark.django_db(transaction=True)
def test_two_workers_settle_once(call: None) -> None:
    held_call()
    in_paper_book(Side.BUY, "120")
    told("26100", CLOSE)
    Time.now = DUE
    done = at_once(*[lambda: settle_due(DUE)] * 4)
    assert sum(done) == 1
    assert ClosedTrade.objects.get().pnl == D(-1500) == paper_worth()
