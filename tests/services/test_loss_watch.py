"""The day's loss moves the trading state by itself, once."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from brokers.accounts import ensure_paper_account
from brokers.models import AccountState, BrokerConnection, PriceSource
from brokers.prices import record_price
from risk import policy
from risk.models import RiskDay, RiskSettings, SquareOff, TradingStateChange
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, StrategyFactory, make_order
from tests.support.positions import theirs, working
from tests.support.trades import traded
from trading.domain.order import Status
from trading.domain.values import Mode, StateScope, TradingStateName
from trading.models import Order
from trading.services import halting, loss_watch, squareoff, squaring
from trading.services.claim import claim_next
from trading.services.dispatch import send

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

NOON = datetime(2026, 12, 2, 12, 0, tzinfo=clock.IST)
ACTIVE, REDUCING, HALTED = TradingStateName


class Time:
    now = NOON


@pytest.fixture(autouse=True)
def time() -> Iterator[type[Time]]:
    Time.now = NOON
    clock.use(lambda: Time.now)
    yield Time
    clock.use(None)


@pytest.fixture
def account() -> BrokerConnection:
    RiskSettings.objects.create(scope="GLOBAL", max_daily_loss=Decimal(1000))
    return ensure_paper_account()


def price(rupees: str) -> None:
    record_price("NSE", "INFY", Decimal(rupees), Time.now, PriceSource.BROKER)


def look() -> None:
    loss_watch.watch(clock.now())


def state(account: BrokerConnection) -> TradingStateName:
    return policy.state_of(StateScope.ACCOUNT, account.pk)


def test_at_the_limit_only_exits_pass_and_at_half_as_much_again_nothing(account):
    traded(account, "BUY", 10, "1500")
    price("1400.1")
    look()
    assert state(account) is ACTIVE
    price("1400")
    look()
    assert state(account) is REDUCING
    change = TradingStateChange.objects.get()
    assert change.reason == "Day's loss ₹1,000.00 has reached max_daily_loss=1,000 in GLOBAL."
    assert change.actor == "worker"
    price("1350")
    look()
    assert state(account) is HALTED
    assert "1.5 × max_daily_loss=1,000" in TradingStateChange.objects.first().reason


def test_a_crash_halts_at_once(account):
    traded(account, "BUY", 10, "1500")
    price("1000")
    look()
    assert state(account) is HALTED
    day = RiskDay.objects.get()
    assert day.reduced_at is not None and day.halted_at is not None


def test_who_resumes_is_not_stopped_again_at_that_level(account):
    traded(account, "BUY", 10, "1500")
    price("1390")
    look()
    halting.set_state("ACTIVE", "ACCOUNT", "I know", "asha", connection_id=account.pk)
    look()
    assert state(account) is ACTIVE
    price("1300")
    look()
    assert state(account) is HALTED


def test_the_next_day_begins_anew(account, time):
    traded(account, "BUY", 10, "1500")
    price("1390")
    look()
    halting.set_state("ACTIVE", "ACCOUNT", "I know", "asha", connection_id=account.pk)
    time.now = NOON + timedelta(days=1)
    price("1389")
    look()
    assert state(account) is ACTIVE
    price("1280")
    look()
    assert state(account) is REDUCING


def test_a_brokers_day_goes_on_after_midnight_and_does_not_use_up_the_next(account, time):
    real = BrokerConnectionFactory()
    read = AccountState.objects.create(connection=real, positions_read_at=NOON)
    theirs(real, quantity=0, day_pnl=Decimal(-2000))
    look()
    assert state(real) is HALTED
    halting.set_state("ACTIVE", "ACCOUNT", "I know", "asha", connection_id=real.pk)
    time.now = datetime(2026, 12, 3, 0, 5, tzinfo=clock.IST)
    look()
    assert state(real) is ACTIVE
    read.positions_read_at = time.now = NOON + timedelta(days=1)
    read.save()
    look()
    assert state(real) is HALTED


def test_a_halt_by_a_person_is_never_loosened(account):
    halting.set_state("HALTED", "ACCOUNT", "lunch", "asha", connection_id=account.pk)
    traded(account, "BUY", 10, "1500")
    price("1390")
    look()
    assert state(account) is HALTED
    assert RiskDay.objects.get().reduced_at is not None


def test_entries_by_themselves_are_taken_back_and_exits_go_on(account):
    traded(account, "BUY", 10, "1500")
    entry = make_order(
        Status.QUEUED, mode=Mode.AUTO, tradingsymbol="TCS", symbol="NSE:TCS", connection=account
    )
    resting = working(account, mode=Mode.AUTO, tradingsymbol="ITC", symbol="NSE:ITC")
    stop = working(account, mode=Mode.AUTO, side="SELL", qty=10)
    exit_ = make_order(
        Status.QUEUED, mode=Mode.AUTO, side="SELL", reduce_only=True, connection=account
    )
    by_hand = make_order(Status.QUEUED, tradingsymbol="SBIN", connection=account)
    price("1390")
    look()
    found = {order.pk: order.status for order in Order.objects.all()}
    assert found[entry.pk] == Status.WAITING
    assert found[resting.pk] == Status.CANCEL_PENDING
    assert found[stop.pk] == Status.SENT
    assert (found[exit_.pk], found[by_hand.pk]) == (Status.QUEUED, Status.QUEUED)
    entry.refresh_from_db()
    assert entry.set_aside_reason.startswith("Day's loss")


def test_a_strategy_with_its_own_limit_is_stopped_alone(account):
    RiskSettings.objects.update(max_daily_loss=None)
    strategy = StrategyFactory(name="supertrend")
    RiskSettings.objects.create(scope="STRATEGY", strategy=strategy, max_daily_loss=Decimal("99.5"))
    traded(account, "BUY", 10, "1500", strategy=strategy)
    price("1490")
    look()
    assert policy.state_of(StateScope.STRATEGY, strategy_id=strategy.pk) is REDUCING
    assert state(account) is ACTIVE
    reason = TradingStateChange.objects.get().reason
    assert reason.endswith("max_daily_loss=₹99.50 in STRATEGY(supertrend).")


def square_off(account: BrokerConnection, scope: str) -> SquareOff:
    target = {"connection_id": account.pk} if scope == "ACCOUNT" else {}
    change = halting.set_state("REDUCING", scope, "enough", "asha", **target, square_off=True)
    assert change.square_off is not None
    squaring.step(clock.now())
    return change.square_off


def close(account: BrokerConnection) -> None:
    """The exits that are queued go and fill; the square-off sees that it is flat."""
    while (claim := claim_next("here:1:1")) is not None:
        send(claim)
    squaring.step(clock.now())


@pytest.mark.parametrize("scope", ["ACCOUNT", "EVERYTHING"])
def test_a_square_off_goes_on_to_flat_before_the_halt(account, scope, caplog):
    traded(account, "BUY", 10, "1500")
    price("1300")
    row = square_off(account, scope)
    look()
    exit_ = Order.objects.get(origin="SQUAREOFF")
    assert (exit_.status, state(account)) == (Status.QUEUED, REDUCING)
    where = "account paper" if scope == "ACCOUNT" else "everything"
    told = (
        "Day's loss ₹2,000.00 has reached 1.5 × max_daily_loss=1,000 in GLOBAL. "
        f"The square-off of {where} goes on; HALTED follows when it is flat."
    )
    assert TradingStateChange.objects.first().reason == told
    assert f"ALARM: {told}" in caplog.text
    close(account)
    row.refresh_from_db()
    assert row.outcome == "Flat."
    target = {"connection_id": account.pk} if scope == "ACCOUNT" else {}
    assert policy.state_of(StateScope(scope), **target) is HALTED
    assert "1.5 × max_daily_loss" in TradingStateChange.objects.first().reason


def test_a_product_that_is_being_closed_is_flat_before_the_halt(account):
    traded(account, "BUY", 10, "1500")
    price("1300")
    squareoff.begin(StateScope.EVERYTHING, "day over", "schedule", product="MIS")
    squaring.step(clock.now())
    look()
    assert (Order.objects.get(origin="SQUAREOFF").status, state(account)) == ("QUEUED", REDUCING)
    close(account)
    look()
    assert state(account) is HALTED
    assert policy.state_of(StateScope.EVERYTHING) is ACTIVE


def test_a_square_off_of_one_strategy_holds_no_halt_of_the_account_up(account):
    strategy = StrategyFactory()
    traded(account, "BUY", 10, "1500", strategy=strategy)
    price("1300")
    squareoff.begin(StateScope.STRATEGY, "out", "asha", strategy_id=strategy.pk)
    look()
    assert state(account) is HALTED


def test_a_square_off_of_an_account_comes_before_the_halt_of_its_strategy(account):
    RiskSettings.objects.update(max_daily_loss=None)
    strategy = StrategyFactory(name="supertrend", connection=account)
    RiskSettings.objects.create(scope="STRATEGY", strategy=strategy, max_daily_loss=Decimal(100))
    traded(account, "BUY", 10, "1500", strategy=strategy)
    price("1400")
    square_off(account, "ACCOUNT")
    look()
    assert policy.state_of(StateScope.STRATEGY, strategy_id=strategy.pk) is REDUCING
    assert Order.objects.get(origin="SQUAREOFF").status == Status.QUEUED
    close(account)
    assert state(account) is HALTED


def test_a_day_that_is_not_known_moves_nothing(account):
    traded(account, "BUY", 10, "1500", at=NOON - timedelta(days=1))
    account.positions.update(last_updated=NOON)
    price("100")
    look()
    assert state(account) is ACTIVE


def test_without_a_limit_no_loss_moves_anything():
    account = ensure_paper_account()
    traded(account, "BUY", 10, "1500")
    price("1")
    look()
    assert not RiskDay.objects.exists()
