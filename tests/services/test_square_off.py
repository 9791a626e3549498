"""Squaring off: what works is cancelled, what is open is closed, and it is followed to flat."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from brokers.accounts import ensure_paper_account
from brokers.errors import Refused
from brokers.models import BrokerConnection, PriceSource
from brokers.prices import record_price
from brokers.registry import broker_for
from risk import policy
from risk.models import ProductSchedule, RiskSettings, SquareOff
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, StrategyFactory, make_order
from tests.support.faulty import Road
from tests.support.positions import listed, working
from tests.support.square_offs import ask, exits
from tests.support.trades import traded
from trading.domain.order import Status
from trading.domain.values import Mode, StateScope, TradingStateName
from trading.models import ContractRule, Position
from trading.services import cancels, halting, reconcile, schedule, squareoff, squaring
from trading.services.claim import claim_next
from trading.services.dispatch import send
from trading.services.errors import InvalidChange

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

NOON = datetime(2026, 12, 2, 12, 0, tzinfo=clock.IST)
ME = "here:1:1"


class Time:
    now = NOON

    @classmethod
    def wait(cls, seconds: float) -> None:
        cls.now += timedelta(seconds=seconds)


@pytest.fixture(autouse=True)
def moment() -> Iterator[type[Time]]:
    Time.now = NOON
    clock.use(lambda: Time.now)
    RiskSettings.objects.create(scope="GLOBAL")
    yield Time
    clock.use(None)


def price(rupees: str, symbol: str = "INFY", exchange: str = "NSE") -> None:
    record_price(exchange, symbol, Decimal(rupees), Time.now, PriceSource.BROKER)


def paper() -> BrokerConnection:
    return ensure_paper_account()


def turn(times: int = 1) -> None:
    """What a worker does in a second, so many times."""
    for _ in range(times):
        Time.wait(1)
        squaring.step(clock.now())
        for account in BrokerConnection.objects.filter(kind="PAPER"):
            cancels.send_cancels(account, broker_for(account))
            reconcile.follow_working(account, broker_for(account))
        while (claim := claim_next(ME)) is not None:
            send(claim)


def state(scope: StateScope = StateScope.EVERYTHING, **target: int) -> TradingStateName:
    return policy.state_of(scope, **target)


def quantities() -> list[int]:
    return list(Position.objects.order_by("pk").values_list("qty", flat=True))


def test_longs_and_shorts_are_closed_and_trading_is_halted_after_that():
    traded(paper(), "BUY", 10, "1500")
    traded(paper(), "SELL", 7, "900", tradingsymbol="TCS", symbol="NSE:TCS")
    price("1490")
    price("910", "TCS")
    row = ask()
    assert state() is TradingStateName.REDUCING
    turn(2)
    row.refresh_from_db()
    assert (quantities(), row.outcome) == ([0, 0], "Flat.")
    assert state() is TradingStateName.HALTED
    assert {(one.side, one.qty, one.reduce_only, one.status) for one in exits()} == {
        ("SELL", 10, True, "EXECUTED"),
        ("BUY", 7, True, "EXECUTED"),
    }


def test_what_guards_delivered_shares_holds_no_halt_up_where_nobody_is_logged_in():
    away = BrokerConnectionFactory(access_token_encrypted="")
    guard = working(away, side="SELL", product="CNC", gtt=True, broker_trigger_id="7")
    row = ask()
    squaring.step(clock.now())
    row.refresh_from_db()
    guard.refresh_from_db()
    assert (row.outcome, state(), guard.status) == ("Flat.", TradingStateName.HALTED, Status.SENT)


def test_reducing_stays_when_no_halt_was_asked_for():
    traded(paper(), "BUY", 10, "1500")
    ask(state="REDUCING")
    turn(2)
    assert quantities() == [0]
    assert state() is TradingStateName.REDUCING


def test_nothing_open_is_flat_at_once():
    row = ask()
    turn()
    row.refresh_from_db()
    assert row.outcome == "Flat."
    assert state() is TradingStateName.HALTED


def test_what_works_is_cancelled_first_entries_and_exits_alike():
    traded(paper(), "BUY", 10, "1500")
    price("1500")
    entry = make_order(Status.QUEUED, order_type="LIMIT", price=Decimal(1400), connection=paper())
    stop = make_order(
        Status.QUEUED,
        side="SELL",
        order_type="SL",
        price=Decimal(1390),
        trigger_price=Decimal(1400),
        connection=paper(),
    )
    while (claim := claim_next(ME)) is not None:
        send(claim)
    queued = make_order(Status.QUEUED, tradingsymbol="TCS", symbol="NSE:TCS", mode=Mode.AUTO)
    ask()
    turn(3)
    for order, status in ((entry, "CANCELLED"), (stop, "CANCELLED"), (queued, "WAITING")):
        order.refresh_from_db()
        assert order.status == status
    assert quantities() == [0]
    assert len(exits()) == 1


def test_a_large_position_goes_in_pieces_that_the_exchange_takes():
    listed(
        exchange="NFO",
        tradingsymbol="NIFTY26DECFUT",
        search_key="NIFTY26DECFUT",
        name="NIFTY",
        instrument_type="FUT",
        lot_size=75,
    )
    ContractRule.objects.update_or_create(
        exchange="NFO", name="NIFTY", defaults={"freeze_quantity": 1800}
    )
    nifty = {"exchange": "NFO", "tradingsymbol": "NIFTY26DECFUT", "symbol": "NFO:NIFTY26DECFUT"}
    traded(paper(), "BUY", 4500, "10", product="NRML", lot_size=75, **nifty)
    price("10", "NIFTY26DECFUT", "NFO")
    ask()
    turn(3)
    assert [one.qty for one in exits()] == [1800, 1800, 900]
    assert quantities() == [0]


@pytest.mark.parametrize("clamp_mode", ["CLAMP", "REJECT"])
def test_what_is_worth_more_than_one_order_may_be_goes_lot_by_lot(clamp_mode):
    RiskSettings.objects.update(max_order_value=Decimal(1000), clamp_mode=clamp_mode)
    traded(paper(), "BUY", 3, "1500")
    price("1500")
    row = ask()
    turn(3)
    row.refresh_from_db()
    assert ([one.qty for one in exits()], row.outcome) == ([1, 1, 1], "Flat.")


def test_one_account_or_one_product_is_squared_off_alone():
    traded(paper(), "BUY", 10, "1500")
    traded(paper(), "BUY", 5, "1500", product="NRML")
    squareoff.begin(StateScope.EVERYTHING, "day over", "schedule", product="MIS")
    turn(2)
    assert quantities() == [0, 5]
    assert state() is TradingStateName.ACTIVE


def test_a_strategy_closes_its_own_lots_although_the_oldest_are_anothers():
    first, second = StrategyFactory(), StrategyFactory()
    traded(paper(), "BUY", 10, "1500", strategy=first)
    traded(paper(), "BUY", 4, "1510", strategy=second)
    price("1500")
    row = ask(scope="STRATEGY", strategy_id=second.pk)
    turn(4)
    row.refresh_from_db()
    assert (quantities(), row.outcome) == ([10], "Flat.")
    assert state(StateScope.STRATEGY, strategy_id=second.pk) is TradingStateName.HALTED
    assert state() is TradingStateName.ACTIVE


def test_a_refused_exit_is_tried_again(road: Road):
    traded(paper(), "BUY", 10, "1500")
    road.before += [Refused("try later")] * 2
    row = ask()
    turn(12)
    row.refresh_from_db()
    assert (quantities(), row.outcome) == ([0], "Flat.")
    assert [one.status for one in exits()] == ["FAILED", "FAILED", "EXECUTED"]


def test_after_some_tries_a_person_is_told_and_may_still_exit(road: Road):
    traded(paper(), "BUY", 10, "1500")
    road.before += [Refused("RMS: no")] * 20
    row = ask()
    turn(60)
    row.refresh_from_db()
    assert row.outcome == "Not flat: 10 long NSE:INFY MIS on paper: RMS: no."
    assert len(exits()) == squaring.TRIES
    assert state() is TradingStateName.REDUCING  # a halt would hold the person's exit too


def test_a_round_of_many_pieces_that_is_refused_is_one_try(road: Road):
    RiskSettings.objects.update(max_quantity_per_order=1)
    traded(paper(), "BUY", 7, "1500")
    road.before += [Refused("try later")] * 7
    row = ask()
    turn(12)
    row.refresh_from_db()
    assert (quantities(), row.outcome) == ([0], "Flat.")
    assert [one.status for one in exits()] == ["FAILED"] * 7 + ["EXECUTED"] * 7


def test_a_round_of_which_something_filled_is_no_lost_try(road: Road):
    RiskSettings.objects.update(max_quantity_per_order=1)
    traded(paper(), "BUY", 7, "1500")
    for left in range(7, 0, -1):
        road.before += [lambda: None, *[Refused("not so many")] * (left - 1)]
    row = ask()
    turn(40)
    row.refresh_from_db()
    assert (quantities(), row.outcome) == ([0], "Flat.")


def test_a_halt_while_it_runs_stops_it():
    traded(paper(), "BUY", 10, "1500")
    row = ask()
    halting.set_state("HALTED", "EVERYTHING", "no", "ravi")
    turn(2)
    row.refresh_from_db()
    assert row.outcome == "Stopped: ravi set HALTED."
    assert quantities() == [10]


def test_resuming_while_it_runs_stops_it():
    traded(paper(), "BUY", 10, "1500")
    row = ask()
    halting.set_state("ACTIVE", "EVERYTHING", "a mistake", "ravi")
    turn(2)
    row.refresh_from_db()
    assert (row.outcome, quantities()) == ("Stopped: ravi set ACTIVE.", [10])


def test_a_step_that_began_before_it_was_stopped_sends_nothing_more():
    traded(paper(), "BUY", 10, "1500")
    ask()
    seen = squareoff.running().get()
    halting.set_state("ACTIVE", "EVERYTHING", "a mistake", "ravi")
    squaring.advance(seen, clock.now())
    assert exits() == []
    assert seen.outcome == "Stopped: ravi set ACTIVE."
    assert state() is TradingStateName.ACTIVE


def test_two_workers_close_it_once():
    traded(paper(), "BUY", 10, "1500")
    row = ask()
    for _ in range(3):
        squaring.advance(squareoff.running().get(pk=row.pk), clock.now())
    assert [one.qty for one in exits()] == [10]
    turn()
    assert quantities() == [0]


def broken_account() -> BrokerConnection:
    """A second paper account with a position whose worth nobody can work out."""
    paper()
    account = BrokerConnectionFactory(name="second", broker_name="paper", kind="PAPER")
    traded(account, "BUY", 3, "1500")
    RiskSettings.objects.update(max_order_value=Decimal(100_000))
    Position.objects.filter(connection=account).update(multiplier=0)
    return account


def test_a_square_off_that_can_not_go_on_holds_up_no_other(caplog):
    broken = ask(scope="ACCOUNT", connection_id=broken_account().pk)
    traded(paper(), "BUY", 10, "1500")
    price("1500")
    other = ask(scope="ACCOUNT", connection_id=paper().pk)
    turn(2)
    other.refresh_from_db()
    broken.refresh_from_db()
    assert (other.outcome, broken.finished_at) == ("Flat.", None)
    assert "ALARM: square-off of account second: second can't go on" in caplog.text


def test_an_account_that_can_not_go_on_holds_up_no_other_and_is_told_in_the_end(moment):
    broken_account()
    traded(paper(), "BUY", 10, "1500")
    price("1500")
    row = ask()
    turn(2)
    row.refresh_from_db()
    assert (sorted(quantities()), row.finished_at) == ([0, 3], None)
    moment.wait(15 * 60)
    turn()
    row.refresh_from_db()
    assert row.outcome == "Not flat: 3 long NSE:INFY MIS on second."
    assert state() is TradingStateName.REDUCING


def test_a_halt_at_the_end_that_fails_holds_up_no_other_and_is_told(moment, monkeypatch, caplog):
    row = ask(scope="ACCOUNT", connection_id=paper().pk)
    later = squareoff.begin(StateScope.EVERYTHING, "day over", "schedule", product="NRML")

    def stumbles(*args: Any, **options: Any) -> None:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(halting, "set_state", stumbles)
    for seconds, outcomes in (
        (1, ("", "Flat.")),
        (900, ("Stopped: a step failed (ValueError), see the log.", "Flat.")),
    ):
        moment.wait(seconds)
        squaring.step(clock.now())
        row.refresh_from_db()
        later.refresh_from_db()
        assert (row.outcome, later.outcome) == outcomes
    assert "ALARM: the square-off of account paper can't go on" in caplog.text


@pytest.mark.parametrize("wanted", ["ACTIVE", "HALTED"])
def test_no_square_off_where_no_exit_could_go(wanted):
    if wanted == "HALTED":
        halting.set_state("HALTED", "EVERYTHING", "lunch", "asha")
    with pytest.raises(InvalidChange) as caught:
        ask(state=wanted, scope="ACCOUNT", connection_id=paper().pk)
    assert "square_off" in caught.value.errors
    assert not SquareOff.objects.exists()


def test_the_schedule_asks_once_a_day_on_trading_days(moment):
    ProductSchedule.objects.create(product="MIS", square_off_at=time(15, 10))
    traded(paper(), "BUY", 10, "1500")
    schedule.step(NOON)
    assert not SquareOff.objects.exists()
    at = NOON.replace(hour=15, minute=10)
    moment.now = at
    schedule.step(at)
    turn(2)
    schedule.step(at + timedelta(minutes=1))
    row = SquareOff.objects.get()
    assert (row.product, row.day, row.outcome) == ("MIS", at.date(), "Flat.")
    assert quantities() == [0]
    schedule.step(at + timedelta(days=3))  # a Saturday
    schedule.step(at.replace(hour=20))
    assert SquareOff.objects.count() == 1
    schedule.step(at + timedelta(days=1))
    assert SquareOff.objects.count() == 2


def test_a_schedule_that_is_off_does_nothing():
    ProductSchedule.objects.create(product="MIS", square_off_at=time(12, 0), enabled=False)
    schedule.step(NOON)
    assert not SquareOff.objects.exists()


def test_shares_sold_out_of_holdings_are_not_bought_back() -> None:
    account = ensure_paper_account()
    for product in ("CNC", "MTF"):
        Position.objects.create(
            connection=account,
            exchange="NSE",
            symbol=f"SOLD{product}",
            product=product,
            qty=-10,
            last_updated=clock.now(),
        )
    row = squareoff.begin(
        StateScope.ACCOUNT, "out", "asha", connection_id=account.pk, then_halt=False
    )
    assert squareoff.open_in(row, account) == {}
