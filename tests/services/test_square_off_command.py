"""manage.py squareoff, with somebody who works beside it."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from brokers.accounts import ensure_paper_account
from brokers.models import BrokerConnection, PriceSource
from brokers.prices import record_price
from risk import policy
from risk.models import SquareOff
from sigmatrader import clock
from tests.factories import StrategyFactory
from tests.support.trades import traded
from trading.domain.values import StateScope, TradingStateName
from trading.models import Position, WorkerHeartbeat
from trading.services import halting, squaring
from trading.services.claim import claim_next
from trading.services.dispatch import send

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_backends]

ACTIVE, REDUCING, HALTED = TradingStateName


@pytest.fixture
def account() -> BrokerConnection:
    account = ensure_paper_account()
    traded(account, "BUY", 10, "1500")
    record_price("NSE", "INFY", Decimal(1490), clock.now(), PriceSource.BROKER)
    return account


@pytest.fixture
def worker(account: BrokerConnection) -> Iterator[None]:
    """Squares off and sends, over and over, until the test is over."""
    beat()
    over = threading.Event()

    def work() -> None:
        try:
            while not over.is_set():
                squaring.step(clock.now())
                while (claim := claim_next("here:1:1")) is not None:
                    send(claim)
                over.wait(0.05)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join(30)
    assert not thread.is_alive()


def beat(**fields: object) -> None:
    now = clock.now()
    WorkerHeartbeat.objects.create(
        **{"worker_id": "here:1:1", "pid": 1, "started_at": now, "beat_at": now} | fields
    )


def told(*arguments: str) -> str:
    out = StringIO()
    call_command("squareoff", *arguments, stdout=out)
    return out.getvalue()


def quantity() -> int:
    return Position.objects.get().qty


@pytest.mark.usefixtures("worker")
def test_it_follows_everything_to_flat_and_halts_when_asked_to():
    text = told("--halt", "--reason", "day is over")
    assert text.splitlines()[-1] == "Flat."
    assert quantity() == 0
    assert policy.state_of(StateScope.EVERYTHING) is HALTED
    row = SquareOff.objects.get()
    assert (row.started_by, row.reason) == ("command line", "day is over")


@pytest.mark.usefixtures("worker")
def test_one_account_becomes_reducing_by_its_name(account):
    told("--account", account.name)
    assert quantity() == 0
    assert policy.state_of(StateScope.ACCOUNT, account.pk) is REDUCING
    assert policy.state_of(StateScope.EVERYTHING) is ACTIVE


@pytest.mark.usefixtures("worker")
def test_what_another_strategy_and_another_product_hold_stays():
    strategy = StrategyFactory(name="supertrend")
    told("--strategy", "supertrend")
    told("--product", "NRML")
    assert quantity() == 10
    assert policy.state_of(StateScope.STRATEGY, strategy_id=strategy.pk) is REDUCING
    assert policy.state_of(StateScope.EVERYTHING) is ACTIVE


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--account", "nope"], "There is no account nope."),
        (["--strategy", "nope"], "There is no strategy nope."),
    ],
)
def test_a_name_that_does_not_exist_is_told_and_nothing_is_closed(arguments, why):
    with pytest.raises(CommandError, match=why):
        told(*arguments)
    assert (quantity(), SquareOff.objects.count()) == (10, 0)


@pytest.mark.usefixtures("worker")
def test_where_no_exit_could_go_it_says_why(account):
    halting.set_state("HALTED", "EVERYTHING", "lunch", "asha")
    with pytest.raises(CommandError, match="Trading is HALTED for everything"):
        told("--account", account.name)
    assert quantity() == 10


@pytest.mark.usefixtures("account")
def test_without_a_worker_it_asks_for_nothing():
    with pytest.raises(CommandError, match="No worker is running"):
        told()
    beat(beat_at=clock.now() - timedelta(minutes=1))
    with pytest.raises(CommandError, match="No worker is running"):
        told()
    assert not SquareOff.objects.exists()
    assert policy.state_of(StateScope.EVERYTHING) is ACTIVE
