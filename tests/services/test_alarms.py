"""Everything that stops AUTO orders now, read from rows and from facts."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from brokers.models import AccountState, BrokerConnection, PriceSource
from brokers.prices import record_price
from risk.engine.denials import Code
from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, StrategyFactory
from tests.support.positions import ours, theirs
from trading.services import breakers
from trading.services.alarms import Alarm, current_breakers

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

NOON = datetime(2026, 12, 2, 12, 0, tzinfo=clock.IST)


@pytest.fixture(autouse=True)
def noon():
    clock.use(lambda: NOON)
    yield
    clock.use(None)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> BrokerConnection:
    made: BrokerConnection = BrokerConnectionFactory(name="mine")
    just_now = NOON - timedelta(seconds=5)
    AccountState.objects.create(
        connection=made,
        book_read_at=just_now,
        positions_read_at=just_now,
        holdings_read_at=just_now,
        has_market_data=True,
    )
    return made


def state(account: BrokerConnection, **values: object) -> None:
    AccountState.objects.filter(connection=account).update(**values)


def found() -> list[Alarm]:
    return current_breakers(NOON)


def test_an_account_in_order_has_none(account):
    theirs(account, 10)
    ours(account, 10)
    assert found() == []


def test_breakers_name_who_resumes_them(account):
    strategy = StrategyFactory(name="supertrend")
    breakers.open_breaker(Code.CIRCUIT_BREAKER, "no.", connection_id=account.pk)
    breakers.open_breaker(Code.REPEATED_EXECUTION, "ran.", strategy_id=strategy.pk)
    assert {(one.label, one.resumes) for one in found()} == {
        ("account mine", f"ACCOUNT:{account.pk}"),
        ("strategy supertrend", f"STRATEGY:{strategy.pk}"),
    }


def test_a_dark_order_book_is_one(account):
    state(account, book_read_at=NOON - timedelta(minutes=10), book_error="503")
    (one,) = found()
    assert (one.code, one.resumes) == (Code.RECONCILIATION_GATE, "")
    assert one.reason == "The order book of mine was last read at 11:50:00: 503."


def test_positions_that_differ_are_one(account):
    theirs(account, 10)
    ours(account, 7)
    (one,) = found()
    assert one.code is Code.RECONCILIATION_GATE
    assert "NSE:INFY MIS" in one.reason


@pytest.mark.parametrize(("skew", "way"), [("2.5", "2.5 s ahead of"), ("-3", "3 s behind")])
def test_a_clock_that_is_off_is_one(account, skew, way):
    state(account, clock_skew=Decimal(skew), clock_skew_at=NOON)
    (one,) = found()
    assert one.code is Code.CLOCK_SKEW
    assert way in one.reason


def test_a_small_skew_and_an_old_look_at_the_clock_are_none(account):
    state(account, clock_skew=Decimal("1.9"), clock_skew_at=NOON)
    assert found() == []
    state(account, clock_skew=Decimal(9), clock_skew_at=NOON - timedelta(hours=1))
    assert found() == []


def test_a_silent_market_is_one_while_something_is_open(account):
    RiskSettings.objects.create(scope="GLOBAL", stale_reference=10)
    record_price("NSE", "INFY", Decimal(1500), NOON - timedelta(seconds=30), PriceSource.BROKER)
    assert found() == []
    theirs(account, 10)
    ours(account, 10)
    (one,) = found()
    assert one.code is Code.STALE_REFERENCE
    assert "no price for 30 s" in one.reason
    record_price("NSE", "INFY", Decimal(1500), NOON, PriceSource.BROKER)
    assert found() == []


def test_an_account_that_is_logged_out_tells_nothing_of_the_market(account):
    state(account, book_read_at=NOON - timedelta(minutes=10))
    BrokerConnection.objects.filter(pk=account.pk).update(token_expires_at=NOON)
    assert found() == []
