"""What stops AUTO orders by itself, and what lets them go again."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection as database
from django.db import connections

from brokers.accounts import ensure_paper_account
from brokers.errors import MarketClosed, OutcomeUnknown, Refused
from risk import policy
from risk.engine.denials import Code
from risk.models import Breaker, RiskSettings
from sigmatrader import clock
from sigmatrader.db import is_sqlite, write_transaction
from tests.factories import StrategyFactory, make_order
from tests.support import processes
from tests.support.faulty import Road
from trading.domain.order import Status
from trading.domain.values import Mode, StateScope, TradingStateName
from trading.models import Order, Strategy
from trading.services import breakers, halting, queue
from trading.services.claim import claim_next
from trading.services.dispatch import send

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

ME = "here:1:1"


@pytest.fixture(autouse=True)
def limits() -> RiskSettings:
    row: RiskSettings = RiskSettings.objects.create(
        scope="GLOBAL", circuit_breaker=3, circuit_breaker_unknown=2
    )
    return row


def an_auto(symbol: str = "INFY", **fields: object) -> Order:
    """A queued AUTO order; of its own instrument unless named."""
    return make_order(
        Status.QUEUED,
        mode=Mode.AUTO,
        symbol=f"NSE:{symbol}",
        tradingsymbol=symbol,
        **fields,
    )


def send_all() -> None:
    while (claim := claim_next(ME)) is not None:
        send(claim)


def statuses() -> list[str]:
    return list(Order.objects.order_by("pk").values_list("status", flat=True))


def refuse(road: Road, times: int) -> None:
    road.before += [Refused("RMS: blocked for the day")] * times


def breaker() -> Breaker:
    return Breaker.objects.get(closed_at__isnull=True)


def resume() -> None:
    halting.set_state(
        "ACTIVE",
        "ACCOUNT",
        "looked at it",
        "asha",
        connection_id=ensure_paper_account().pk,
    )


def test_refusals_in_a_row_stop_a_burst(road: Road):
    refuse(road, 9)
    for number in range(9):
        an_auto(f"SHARE{number}")
    send_all()
    assert statuses() == ["FAILED"] * 3 + ["WAITING"] * 6
    assert len(road.calls) == 3
    assert not breakers.is_of_unknowns(breaker())
    assert "circuit_breaker=3 in GLOBAL" in breaker().reason
    assert "RMS: blocked" in breaker().reason
    assert "Resume the account" in Order.objects.latest("pk").set_aside_reason


def test_an_order_that_the_broker_keeps_ends_the_row(road: Road):
    refuse(road, 2)
    for symbol in ("A", "B", "C"):
        an_auto(symbol)
    send_all()
    refuse(road, 2)
    for symbol in ("D", "E", "F"):
        an_auto(symbol)
    send_all()
    assert statuses() == ["FAILED", "FAILED", "EXECUTED"] * 2
    assert not Breaker.objects.exists()


def test_a_person_may_still_send_while_a_breaker_is_open(road: Road):
    refuse(road, 3)
    for symbol in ("A", "B", "C", "D"):
        an_auto(symbol)
    send_all()
    waiting = Order.objects.get(status=Status.WAITING)
    queue.execute(waiting, actor="asha")
    send_all()
    waiting.refresh_from_db()
    assert waiting.status == Status.EXECUTED
    assert breaker()  # only resuming closes it


def test_resuming_closes_it_and_old_refusals_count_no_more(road: Road):
    refuse(road, 3)
    for symbol in ("A", "B", "C"):
        an_auto(symbol)
    send_all()
    breakers.watch(clock.now())
    assert breaker()
    resume()
    closed = Breaker.objects.get()
    assert (closed.closed_by, closed.close_reason) == ("asha", "looked at it")
    breakers.watch(clock.now())
    assert Breaker.objects.get().closed_at is not None
    refuse(road, 1)
    an_auto("D")
    send_all()
    an_auto("E")
    send_all()
    assert statuses()[-2:] == ["FAILED", "EXECUTED"]


def test_a_closed_market_is_no_refusal_of_the_order(road: Road):
    for symbol in ("A", "B", "C"):
        road.before += [MarketClosed("The market is closed"), lambda: None]
        an_auto(symbol)
    send_all()
    an_auto("D")
    send_all()
    assert statuses() == ["EXECUTED"] * 4


def test_unknown_outcomes_stop_the_account_until_they_are_resolved(road: Road):
    road.before += [OutcomeUnknown("no answer")] * 2
    for symbol in ("A", "B", "C"):
        an_auto(symbol)
    send_all()
    assert statuses() == ["UNKNOWN", "UNKNOWN", "WAITING"]
    assert breakers.is_of_unknowns(breaker())
    assert "when they are resolved" in Order.objects.latest("pk").set_aside_reason
    for order in Order.objects.filter(status=Status.UNKNOWN):
        queue.resolve(
            order, outcome="NOT_PLACED", broker_order_id="", reason="looked in Kite", actor="asha"
        )
    breakers.watch(clock.now())
    assert Breaker.objects.get().closed_by == "worker"
    an_auto("D")
    send_all()
    assert statuses()[-1] == "EXECUTED"


def test_what_a_person_resumed_with_open_outcomes_stays_resumed(road: Road):
    road.before += [OutcomeUnknown("no answer")] * 2
    an_auto("A")
    an_auto("B")
    send_all()
    breakers.watch(clock.now())
    resume()
    breakers.watch(clock.now())
    assert not Breaker.objects.filter(closed_at__isnull=True).exists()


def test_the_account_is_reduced_when_that_is_wanted(road: Road, limits: RiskSettings):
    limits.circuit_breaker_reducing = True
    limits.save()
    refuse(road, 3)
    for symbol in ("A", "B", "C"):
        an_auto(symbol)
    send_all()
    breakers.watch(clock.now())
    account = ensure_paper_account()
    assert policy.state_of(StateScope.ACCOUNT, account.pk) is TradingStateName.REDUCING


def test_an_order_of_a_later_session_is_set_aside_too(road: Road):
    refuse(road, 3)
    for symbol in ("A", "B", "C"):
        an_auto(symbol)
    later = an_auto("D", not_before=clock.now().replace(year=2030))
    send_all()
    breakers.watch(clock.now())
    later.refresh_from_db()
    assert (later.status, later.not_before) == (Status.WAITING, None)


def running_strategy(limits: RiskSettings) -> Strategy:
    limits.repeated_execution, limits.repeated_execution_minutes = 2, 5
    limits.save()
    made: Strategy = StrategyFactory(execution_mode=Mode.AUTO, name="runaway")
    return made


def test_a_strategy_that_sends_too_much_is_set_to_manual(limits: RiskSettings):
    strategy = running_strategy(limits)
    other = StrategyFactory(execution_mode=Mode.AUTO)
    for symbol in ("A", "B", "C"):
        an_auto(symbol, strategy=strategy)
    an_auto("D", strategy=other)
    send_all()
    assert statuses() == ["EXECUTED", "EXECUTED", "WAITING", "EXECUTED"]
    strategy.refresh_from_db()
    assert strategy.execution_mode == Mode.MANUAL
    assert "runaway sent 2 orders by itself within 5 minutes" in breaker().reason


def test_setting_it_to_auto_again_without_resuming_it_sends_nothing(limits: RiskSettings):
    strategy = running_strategy(limits)
    for symbol in ("A", "B"):
        an_auto(symbol, strategy=strategy)
    send_all()
    breakers.watch(clock.now())
    assert breaker().strategy_id == strategy.pk
    Strategy.objects.update(execution_mode=Mode.AUTO)
    strategy.refresh_from_db()
    an_auto("C", strategy=strategy)
    send_all()
    strategy.refresh_from_db()
    assert (statuses()[-1], strategy.execution_mode) == ("WAITING", Mode.MANUAL)
    assert Breaker.objects.get().closed_at is None


def test_resuming_the_strategy_closes_its_breaker(limits: RiskSettings):
    strategy = running_strategy(limits)
    for symbol in ("A", "B"):
        an_auto(symbol, strategy=strategy)
    send_all()
    breakers.watch(clock.now())
    halting.set_state("ACTIVE", "STRATEGY", "fixed it", "asha", strategy_id=strategy.pk)
    assert Breaker.objects.get().closed_at is not None


def somebody_waits_for_a_lock() -> bool:
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_who_resumes_and_a_claim_that_reduces_wait_for_each_other_in_one_order():
    account = ensure_paper_account()
    target = {"connection_id": account.pk}
    policy.set_state(StateScope.ACCOUNT, TradingStateName.ACTIVE, "to begin", "asha", **target)
    breakers.open_breaker(Code.CIRCUIT_BREAKER, "Unknown outcomes: order #1", **target)
    with ThreadPoolExecutor(1) as pool:
        with write_transaction():
            # As a claim does that finds one breaker over and opens another.
            breakers.close_breakers(StateScope.ACCOUNT, account.pk, actor="worker", reason="known")
            resuming = pool.submit(resume_and_leave)
            if not is_sqlite():  # SQLite has one writer
                processes.wait_until(somebody_waits_for_a_lock, "the resuming waits")
            policy.set_state(StateScope.ACCOUNT, TradingStateName.REDUCING, "why", "me", **target)
        resuming.result(30)
    assert policy.state_of(StateScope.ACCOUNT, account.pk) is TradingStateName.ACTIVE


def resume_and_leave() -> None:
    try:
        resume()
    finally:
        connections.close_all()
