"""What goes by a settlement: totals, limits, square-offs, what the broker shows."""

from datetime import timedelta
from decimal import Decimal

import pytest

from brokers.models import AccountState, PriceSource
from brokers.prices import record_price
from tests.factories import BrokerConnectionFactory, StrategyFactory
from tests.support.expiring import (
    CALL,
    CLOSE,
    DUE,
    EXPIRY,
    MORNING,
    NEXT_DAY,
    NIFTY,
    Time,
    contract,
    held_call,
    paper,
    settle,
    told,
)
from tests.support.positions import theirs
from tests.support.totals import work_all
from trading import selectors
from trading.domain.values import InstrumentKey, StateScope
from trading.models import (
    ClosedTrade,
    DayExposure,
    DayTotal,
    Instrument,
)
from trading.services import (
    day_pnl,
    exposure,
    instrument_list,
    market_data,
    squareoff,
    squaring,
)
from trading.services.held import held

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

D = Decimal


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
