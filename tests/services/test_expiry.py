"""Contracts that expire with something open: settled once, and at a price that is known."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from brokers.accounts import ensure_paper_account
from brokers.models import AccountState, BrokerConnection, PaperOrder, PaperSettlement, PriceSource
from brokers.paper.adapter import PaperBroker
from brokers.port import BrokerStatus, OrderRequest
from brokers.prices import record_price
from sigmatrader import clock
from sigmatrader.db import write_transaction
from tests.factories import BrokerConnectionFactory, StrategyFactory
from tests.support.at_once import at_once
from tests.support.dying import dies
from tests.support.fills import execution, fill, order_of
from tests.support.positions import listed, theirs, working
from tests.support.totals import work_all
from tests.support.trades import traded
from trading import selectors
from trading.domain.order import Status
from trading.domain.session import at_time
from trading.domain.values import InstrumentKey, OrderType, Product, Side, StateScope, Variety
from trading.models import (
    ClosedTrade,
    DayExposure,
    DayTotal,
    Fill,
    Instrument,
    Position,
    Settlement,
    UnpricedLot,
)
from trading.services import (
    day_pnl,
    exposure,
    instrument_list,
    ledger,
    market_data,
    squareoff,
    squaring,
)
from trading.services.contract import problems
from trading.services.errors import InvalidChange
from trading.services.expiry import settle_due, state_price, unlisted
from trading.services.held import held
from trading.services.worker import Worker

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

D = Decimal
EXPIRY = date(2026, 12, 29)  # a Tuesday
CLOSE = at_time(EXPIRY, time(15, 40))
DUE = at_time(EXPIRY, time(16, 0))
MORNING = at_time(EXPIRY, time(10, 0))
NEXT_DAY = at_time(EXPIRY + timedelta(days=1), time(10, 0))
CALL = InstrumentKey("NFO", "NIFTY26DEC26000CE")
NIFTY = InstrumentKey("NSE", "NIFTY 50")


class Time:
    now = MORNING


@pytest.fixture(autouse=True)
def moment() -> Iterator[None]:
    Time.now = MORNING
    clock.use(lambda: Time.now)
    yield
    clock.use(None)


@pytest.fixture
def call() -> None:
    contract(CALL, "CE", "26000")


def contract(key: InstrumentKey, kind: str, strike: str | None = None, **fields: Any) -> None:
    values = {
        "exchange": key.exchange,
        "tradingsymbol": key.tradingsymbol,
        "search_key": key.tradingsymbol,
        "instrument_type": kind,
        "name": "NIFTY",
        "strike": D(strike) if strike else None,
        "expiry": EXPIRY,
        "lot_size": 75,
        "listed_on": EXPIRY,
    }
    listed(**values | fields)


def paper() -> BrokerConnection:
    return ensure_paper_account()


def held_call(side: str = "BUY", price: str = "120", **fields: Any) -> Any:
    values = {
        "connection": paper(),
        "exchange": CALL.exchange,
        "tradingsymbol": CALL.tradingsymbol,
        "product": Product.NRML,
        "at": MORNING,
    } | fields
    return traded(values.pop("connection"), side, 75, price, **values)


def told(price: str, at: datetime, source: str = PriceSource.BROKER) -> None:
    record_price(NIFTY.exchange, NIFTY.tradingsymbol, D(price), at, source)


def settle(at: datetime = DUE) -> int:
    Time.now = at
    return settle_due(at)


def in_paper_book(side: Side, seen: str, **fields: Any) -> None:
    """The same trade in the paper broker's own book."""
    PaperBroker(paper()).place(
        OrderRequest(
            **{
                "tag": f"S{PaperOrder.objects.count()}",
                "exchange": CALL.exchange,
                "tradingsymbol": CALL.tradingsymbol,
                "side": side,
                "quantity": 75,
                "order_type": OrderType.MARKET,
                "product": Product.NRML,
                "reference_price": D(seen),
            }
            | fields
        )
    )


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


def test_the_worker_settles_in_passing(call: None) -> None:
    held_call()
    told("26100", CLOSE)
    Time.now = DUE
    Worker()._keep_house()
    assert Settlement.objects.get().price == D(100)


# -- what depends on it --------------------------------------------------------------------------


def test_the_days_totals_and_the_exposure_end_with_the_contract(
    call: None, charge_rates: None
) -> None:
    held_call()
    told("26180.40", CLOSE)
    settle()
    work_all()
    trade = ClosedTrade.objects.get()
    assert (trade.exit_charges, trade.depository_charges) == (D(0), D(0))
    assert trade.net == D(4530) - trade.entry_charges < D(4530)
    total = DayTotal.objects.get(day=EXPIRY, kind="DAY")
    assert (total.trades, total.wins, total.gross) == (1, 1, D(4530))
    assert {row.carried for row in DayExposure.objects.filter(day=EXPIRY)} == {D(0)}


def test_what_waits_for_its_price_is_carried_no_further(call: None, charge_rates: None) -> None:
    held_call()
    settle()
    work_all()
    assert not DayTotal.objects.exists()
    [whole] = DayExposure.objects.filter(day=EXPIRY, whole=True)
    assert (whole.highest, whole.carried) == (D(9000), D(0))


def test_a_strategy_is_free_again_on_the_next_day(call: None) -> None:
    """It held an option to its end, on a real account, and nobody told a price since."""
    live, strategy = BrokerConnectionFactory(), StrategyFactory()
    held_call(connection=live, strategy=strategy)
    assert day_pnl.day_facts(live, NEXT_DAY, strategy.pk).pnl == 0  # even before it is settled
    settle()
    today = day_pnl.day_facts(live, DUE, strategy.pk)
    assert (today.realised, today.pnl) == (None, None)
    assert day_pnl.day_facts(live, NEXT_DAY, strategy.pk).pnl == 0
    assert day_pnl.day_facts(live, DUE, StrategyFactory().pk).pnl == 0


def test_the_days_loss_counts_the_settlement(call: None) -> None:
    strategy = StrategyFactory()
    held_call(strategy=strategy)
    told("25900", CLOSE)
    settle()
    for scope in (None, strategy.pk):
        facts = day_pnl.day_facts(paper(), DUE, scope)
        assert (facts.realised, facts.unrealised, facts.losses_in_a_row) == (D(-9000), D(0), 1)
        assert day_pnl.day_facts(paper(), NEXT_DAY, scope).pnl == 0


def test_a_day_that_began_before_the_settlement_counts_none_of_it(call: None) -> None:
    held_call()
    record_price(CALL.exchange, CALL.tradingsymbol, D(60), CLOSE, PriceSource.BROKER)
    Time.now = NEXT_DAY
    day_pnl.begin_day(NEXT_DAY)
    told("25900", CLOSE)
    settle(NEXT_DAY)
    assert day_pnl.day_facts(paper(), NEXT_DAY).pnl == 0


def test_losing_settlements_are_a_streak_of_their_own(call: None) -> None:
    put = InstrumentKey("NFO", "NIFTY26DEC26000PE")
    contract(put, "PE", "26000")
    held_call()
    held_call(tradingsymbol=put.tradingsymbol)
    told("26000", CLOSE)
    settle()
    assert day_pnl.day_facts(paper(), DUE).losses_in_a_row == 2


def test_a_square_off_is_flat_without_what_has_expired(call: None) -> None:
    held_call()
    Time.now = DUE
    squareoff.begin(StateScope.EVERYTHING, "evening", "anna")
    squaring.step(Time.now)
    [row] = squareoff.SquareOff.objects.all()
    assert row.outcome == squareoff.FLAT


def test_the_broker_may_show_it_until_the_day_ends(call: None) -> None:
    live = BrokerConnectionFactory()
    held_call(connection=live)
    place = {"exchange": CALL.exchange, "tradingsymbol": CALL.tradingsymbol, "product": "NRML"}
    Time.now = DUE + timedelta(hours=1)
    theirs(live, 75, **place)
    AccountState.objects.create(
        connection=live, positions_read_at=Time.now, holdings_read_at=Time.now
    )
    told("26100", CLOSE)
    settle(Time.now)
    assert selectors.positions_comparable(live)
    assert selectors.position_differences(live) == []
    assert exposure.held_quantities(live) == {}
    assert held(live, CALL.exchange, CALL.tradingsymbol, "NRML").quantity == 0


def test_what_the_broker_shows_on_a_later_day_has_not_expired(call: None) -> None:
    live = BrokerConnectionFactory()
    held_call(connection=live)
    place = {"exchange": CALL.exchange, "tradingsymbol": CALL.tradingsymbol, "product": "NRML"}
    Time.now = NEXT_DAY
    theirs(live, 75, **place)
    AccountState.objects.create(connection=live, positions_read_at=NEXT_DAY)
    assert settle(NEXT_DAY) == 0
    assert exposure.held_quantities(live) == {f"{CALL}|NRML": 75}
    assert held(live, CALL.exchange, CALL.tradingsymbol, "NRML").quantity == 75


def test_the_instrument_list_keeps_what_is_still_open(call: None) -> None:
    held_call()
    gone = InstrumentKey("NFO", "NIFTY26DEC27000CE")
    contract(gone, "CE", "27000")
    instrument_list._remove_unseen(EXPIRY + timedelta(days=1))
    assert [row.tradingsymbol for row in Instrument.objects.all()] == [CALL.tradingsymbol]
    settle(NEXT_DAY)
    instrument_list._remove_unseen(EXPIRY + timedelta(days=1))
    assert not Instrument.objects.exists()


def test_the_underlying_is_asked_for_on_the_last_day(call: None) -> None:
    held_call()
    assert NIFTY in market_data._wanted(BrokerConnectionFactory())
    Time.now = MORNING - timedelta(days=1)
    assert NIFTY not in market_data._wanted(BrokerConnectionFactory())


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


def paper_worth() -> Decimal:
    margins = PaperBroker(paper()).margins()
    assert margins.used == 0
    return margins.net - 1_000_000


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
