"""The day's profit and loss: by the broker when there is money, by our fills on paper."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from brokers.accounts import ensure_paper_account
from brokers.models import AccountState, BrokerConnection, PriceSource
from brokers.prices import record_price
from risk.engine.snapshot import DayFacts
from risk.models import RiskDay
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, StrategyFactory
from tests.support.positions import theirs
from tests.support.trades import traded
from trading.models import Position
from trading.services.day_pnl import begin_day, day_facts

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

NOON = datetime(2026, 12, 2, 12, 0, tzinfo=clock.IST)
YESTERDAY = NOON - timedelta(days=1)


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    clock.use(lambda: NOON)
    yield
    clock.use(None)


def price(rupees: str, at: datetime = NOON, source: str = PriceSource.BROKER) -> None:
    record_price("NSE", "INFY", Decimal(rupees), at, source)


def paper() -> BrokerConnection:
    return ensure_paper_account()


def pnl(account: BrokerConnection, strategy_id: int | None = None) -> Decimal | None:
    return day_facts(account, NOON, strategy_id).pnl


def live(*, read_at: datetime | None = NOON - timedelta(seconds=30)) -> BrokerConnection:
    account: BrokerConnection = BrokerConnectionFactory()
    AccountState.objects.create(connection=account, positions_read_at=read_at)
    return account


def test_a_day_without_trades_has_come_to_nothing():
    assert day_facts(paper(), NOON) == DayFacts(realised=Decimal(0), unrealised=Decimal(0))


def test_what_was_closed_today_and_what_is_open_add_up():
    traded(paper(), "BUY", 10, "1500")
    traded(paper(), "SELL", 4, "1490")
    price("1480")
    facts = day_facts(paper(), NOON)
    assert (facts.realised, facts.unrealised) == (Decimal(-40), Decimal(-120))
    assert (facts.orders, facts.trades, facts.losses_in_a_row) == (2, 1, 1)


def test_what_was_lost_before_midnight_is_not_of_this_day():
    traded(paper(), "BUY", 10, "1500", at=YESTERDAY)
    price("1400", YESTERDAY + timedelta(hours=1))
    price("1390")
    assert pnl(paper()) == Decimal(-100)
    traded(paper(), "SELL", 10, "1395")
    assert pnl(paper()) == Decimal(-50)  # closed now: still only today's part of the loss


def test_the_opening_is_kept_and_counts_from_then_on():
    traded(paper(), "BUY", 10, "1500", at=YESTERDAY)
    price("1400", YESTERDAY + timedelta(hours=1))
    assert begin_day(NOON) == 1
    assert RiskDay.objects.get().opening == Decimal(-1000)
    assert begin_day(NOON) == 0
    RiskDay.objects.update(opening=Decimal(-900))
    price("1390")
    assert pnl(paper()) == Decimal(-200)


def test_a_carried_position_without_any_old_price_is_not_known():
    traded(paper(), "BUY", 10, "1500", at=YESTERDAY)
    Position.objects.update(last_updated=NOON)
    price("1390")
    assert day_facts(paper(), NOON).unrealised is None
    assert begin_day(NOON) == 0  # and is tried again
    assert not RiskDay.objects.exists()


def test_each_strategy_has_a_day_of_its_own():
    first, second = StrategyFactory(), StrategyFactory()
    traded(paper(), "BUY", 10, "1500", strategy=first)
    traded(paper(), "BUY", 5, "1600", strategy=second, exchange="NSE", tradingsymbol="TCS")
    record_price("NSE", "TCS", Decimal(1590), NOON, PriceSource.BROKER)
    price("1480")
    assert pnl(paper(), first.pk) == Decimal(-200)
    assert pnl(paper(), second.pk) == Decimal(-50)
    assert pnl(paper()) == Decimal(-250)
    assert day_facts(paper(), NOON, first.pk).orders == 1


def test_a_losing_streak_counts_exits_and_not_their_pieces():
    for entry, exit_price in (("100", "110"), ("100", "90"), ("100", "95")):
        traded(paper(), "BUY", 5, entry)
        traded(paper(), "BUY", 5, entry)
        traded(paper(), "SELL", 10, exit_price)
    facts = day_facts(paper(), NOON)
    assert (facts.losses_in_a_row, facts.trades, facts.orders) == (2, 6, 9)


def test_a_real_account_goes_by_the_broker():
    account = live()
    theirs(account, 10, day_pnl=Decimal("-500.5"), last_price=Decimal(1510))
    theirs(account, 0, tradingsymbol="TCS", day_pnl=Decimal(200))
    facts = day_facts(account, NOON)
    assert (facts.realised, facts.unrealised) == (Decimal(200), Decimal("-500.5"))


@pytest.mark.parametrize("read_at", [None, NOON.replace(hour=5), YESTERDAY])
def test_a_broker_that_has_not_shown_this_day_is_not_known(read_at):
    account = live(read_at=read_at)
    theirs(account, 10, day_pnl=Decimal(-500))
    assert pnl(account) is None


OLD = NOON - timedelta(minutes=3)


def test_a_loss_that_was_read_minutes_ago_is_not_known_while_something_is_open():
    account = live(read_at=OLD)
    theirs(account, 10, day_pnl=Decimal(-500), last_price=Decimal(1510), read_at=OLD)
    assert day_facts(account, NOON).unrealised is None
    price("1500", OLD + timedelta(seconds=10))
    assert pnl(account) is None
    price("1500", NOON - timedelta(seconds=30))
    assert pnl(account) == Decimal(-600)


def test_every_open_position_needs_a_price_of_now():
    account = live(read_at=OLD)
    theirs(account, 10, day_pnl=Decimal(-500), last_price=Decimal(1510), read_at=OLD)
    theirs(account, -5, tradingsymbol="TCS", day_pnl=Decimal(-100), read_at=OLD)
    price("1500")
    assert pnl(account) is None


def test_a_loss_that_was_read_minutes_ago_counts_when_nothing_is_open():
    account = live(read_at=OLD)
    theirs(account, 0, day_pnl=Decimal(-500), last_price=Decimal(1510), read_at=OLD)
    assert pnl(account) == Decimal(-500)


def test_a_position_that_our_fill_closed_needs_no_price_of_now():
    account = live(read_at=OLD)
    theirs(account, 10, day_pnl=Decimal(-500), last_price=Decimal(1510), read_at=OLD)
    traded(account, "SELL", 10, "1490", at=OLD + timedelta(seconds=1))
    assert pnl(account) == Decimal(-700)


def test_a_position_that_our_fill_opened_is_known_for_as_long_as_its_price_is_of_now():
    account = live(read_at=OLD)
    traded(account, "BUY", 10, "1500", at=OLD + timedelta(seconds=61))
    assert pnl(account) == Decimal(0)
    traded(account, "BUY", 10, "1600", tradingsymbol="TCS", at=OLD + timedelta(seconds=59))
    assert pnl(account) is None


def test_slow_rounds_keep_what_was_read_for_longer(settings):
    settings.ST = replace(settings.ST, RECONCILE_INTERVAL_SECONDS=60.0)
    account = live(read_at=OLD)
    theirs(account, 10, day_pnl=Decimal(-500), last_price=Decimal(1510), read_at=OLD)
    assert pnl(account) == Decimal(-500)


def test_a_strategy_with_money_is_judged_by_no_price_of_minutes_ago():
    account = live()
    strategy = StrategyFactory()
    traded(account, "BUY", 10, "1500", strategy=strategy, at=OLD)
    shown = theirs(account, 10, day_pnl=Decimal(0), last_price=Decimal(1470), read_at=OLD)
    assert day_facts(account, NOON, strategy.pk).unrealised is None
    shown.read_at = NOON
    shown.save()
    assert pnl(account, strategy.pk) == Decimal(-300)


def test_a_position_whose_day_the_broker_does_not_tell_is_not_known():
    account = live()
    theirs(account, 10, day_pnl=Decimal(-500))
    theirs(account, 10, tradingsymbol="TCS", day_pnl=None)
    assert pnl(account) is None


def test_a_newer_price_of_the_market_counts_and_an_alerts_does_not():
    account = live()
    theirs(account, 10, day_pnl=Decimal(-500), last_price=Decimal(1510))
    price("1500")
    assert pnl(account) == Decimal(-600)
    price("900", source=PriceSource.ALERT)
    assert pnl(account) == Decimal(-500)  # what the broker said is the newest word of a market


def test_our_fills_since_the_broker_was_read_are_in_it():
    account = live()
    theirs(account, 10, day_pnl=Decimal(-500), last_price=Decimal(1510))
    traded(account, "SELL", 10, "1490")
    assert pnl(account) == Decimal(-700)
    price("1480")
    assert pnl(account) == Decimal(-700)  # flat: no price moves it any more


def test_a_strategy_with_money_is_judged_by_prices_of_this_day():
    account = live()
    strategy = StrategyFactory()
    traded(account, "BUY", 10, "1500", strategy=strategy, at=YESTERDAY)
    assert day_facts(account, NOON, strategy.pk).unrealised is None
    RiskDay.objects.create(
        connection=account, strategy=strategy, day=NOON.date(), opening=Decimal(-100)
    )
    theirs(account, 10, day_pnl=Decimal(0), last_price=Decimal(1470))
    assert pnl(account, strategy.pk) == Decimal(-200)


def test_a_long_history_needs_no_more_queries():
    def queries() -> int:
        with CaptureQueriesContext(database) as captured:
            day_facts(paper(), NOON)
        return len(captured)

    traded(paper(), "BUY", 10, "1500", at=YESTERDAY)
    price("1480", YESTERDAY)
    short = queries()
    for number in range(20):
        traded(paper(), "BUY", 1, "100", tradingsymbol=f"SHARE{number}", at=YESTERDAY)
        traded(paper(), "SELL", 1, "99")
    assert queries() == short
    assert short <= 17
