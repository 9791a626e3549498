"""What holds for a while is told once; what is due by the clock is told when it is due."""

from datetime import timedelta
from decimal import Decimal

import pytest

from brokers.accounts import ensure_paper_account
from brokers.models import AccountState, PriceSource
from brokers.prices import record_price
from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, make_order
from tests.support.trades import traded
from trading.domain.order import Status
from trading.domain.values import StateScope
from trading.models import MarketDay, MarketHours, Notice, Order, WorkerHeartbeat
from trading.services import calendar, loss_watch, squareoff
from trading.services.notices import channels, facts, outbox

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def look() -> list[str]:
    """The texts of what is new."""
    before = set(Notice.objects.values_list("pk", flat=True))
    facts.collect(outbox.listening(), clock.now())
    fresh = Notice.objects.exclude(pk__in=before).order_by("pk")
    return [one.text for one in fresh]


def test_a_login_that_is_due_is_told_once_before_the_open_and_again_when_a_session_dies(
    make_channel, time
):
    make_channel(kinds=["SESSION"])
    account = BrokerConnectionFactory(name="mine", is_default=True)
    account.token_expires_at = time.now - timedelta(hours=6)
    account.save()
    time.now = time.now.replace(day=3, hour=7, minute=59)
    assert look() == []
    time.passes(minutes=1)
    assert look() == ["Log in to mine before the market opens at 09:00."]
    time.passes(minutes=5)
    assert look() == []
    account.token_expires_at = time.now + timedelta(hours=20)
    account.save()
    time.now = time.now.replace(hour=11)
    assert look() == []
    account.token_expires_at = time.now
    account.save()
    time.passes(seconds=15)
    (text,) = look()
    assert text.startswith("mine is not logged in: nothing can be sent through it")


def test_a_loss_that_is_near_its_limit_and_one_that_has_reached_it_are_two_notices(
    make_channel, time
):
    make_channel(kinds=["LOSS"])
    RiskSettings.objects.create(scope="GLOBAL", max_daily_loss=Decimal(1000))
    traded(ensure_paper_account(), "BUY", 10, "1500")

    def price(rupees: str) -> None:
        time.passes(seconds=30)
        record_price("NSE", "INFY", Decimal(rupees), time.now, PriceSource.BROKER)
        loss_watch.watch(time.now)

    price("1450")
    assert look() == []
    price("1415")
    assert look() == ["GLOBAL on paper: the day's loss is ₹850.00 of ₹1,000.00 (85 %)."]
    price("1410")
    assert look() == []
    price("1390")
    assert look() == ["The day's loss of account paper has reached its limit: only exits pass."]
    assert [one.urgent for one in Notice.objects.order_by("pk")] == [False, True]


def test_a_condition_is_news_again_only_after_it_was_gone_for_a_while(make_channel, time):
    make_channel(kinds=["TROUBLE"])
    account = BrokerConnectionFactory(name="mine")
    dark, fine = time.now - timedelta(minutes=30), None

    def book(read_at) -> list[str]:
        AccountState.objects.update_or_create(
            connection=account, defaults={"book_read_at": read_at or time.now}
        )
        return look()

    (text,) = book(dark)
    assert text.startswith("account mine: The order book of mine was last read at 11:30:00")
    assert book(dark) == []
    assert book(fine) == []
    time.passes(minutes=2)
    assert book(dark) == []  # it flaps: the same trouble
    assert book(fine) == []
    time.passes(minutes=3)
    assert book(fine) == []
    time.passes(minutes=3)
    assert book(fine) == []
    assert len(book(dark)) == 1


def test_a_worker_without_a_goodbye_is_told_of_and_one_that_stopped_is_not(make_channel, time):
    make_channel(kinds=["TROUBLE"])
    for number, silent, stopped in ((1, 300, False), (2, 300, True), (3, 5, False)):
        beat = time.now - timedelta(seconds=silent)
        WorkerHeartbeat.objects.create(
            worker_id=f"w{number}",
            host=f"host{number}",
            pid=number,
            started_at=beat,
            beat_at=beat,
            stopped_at=beat if stopped else None,
        )
    (text,) = look()
    assert text.startswith("A worker on host1 fell silent at 02 Dec, 11:55:00")
    assert Notice.objects.get().urgent


def test_orders_that_stay_in_the_queue_are_trouble_and_those_that_wait_for_a_session_not(
    make_channel, time
):
    make_channel(kinds=["TROUBLE"])
    make_order(Status.QUEUED)
    later = make_order(Status.QUEUED)
    Order.objects.filter(pk=later.pk).update(not_before=time.now + timedelta(hours=2))
    time.passes(seconds=59)
    assert look() == []
    time.passes(seconds=2)
    assert look() == ["1 order is in the queue for more than a minute and not sent."]


def test_what_holds_is_news_to_a_channel_that_listens_again(make_channel, time):
    channel = make_channel(kinds=["TROUBLE"])
    make_order(Status.QUEUED)
    time.passes(minutes=2)
    assert len(look()) == 1
    for enabled in (False, True):
        channel.enabled = enabled
        channels.save(channel, actor="asha")
    time.passes(seconds=15)
    assert len(look()) == 1


def test_a_square_off_that_does_not_end_flat_is_told(make_channel):
    make_channel(kinds=["TROUBLE"])
    for outcome in (squareoff.FLAT, "2 positions are left."):
        row = squareoff.begin(StateScope.EVERYTHING, "enough", "asha")
        squareoff.finish(row, outcome)
    assert look() == ["The square-off of everything did not end flat: 2 positions are left."]


def test_the_end_of_the_calendar_is_told_at_a_few_stages_not_daily(
    make_channel, time, market_calendar
):
    make_channel(kinds=["CALENDAR"])

    MarketDay.objects.all().delete()
    MarketHours.objects.update(covered_until=(time.now + timedelta(days=32)).date())
    calendar.forget()
    told = []
    for _ in range(36):
        told.append(bool(look()))
        time.passes(days=1)
    assert [day for day, one in enumerate(told) if one] == [2, 25, 31, 32]


def test_the_days_summary_comes_once_after_the_close(make_channel, time):
    make_channel(kinds=["SUMMARY"])
    traded(ensure_paper_account(), "BUY", 10, "1500")
    traded(ensure_paper_account(), "SELL", 10, "1512.5")
    make_order()
    time.now = time.now.replace(hour=15, minute=44)
    assert look() == []
    time.now = time.now.replace(hour=15, minute=46)
    (text,) = look()
    assert text.splitlines() == [
        "Wed 02 Dec, as of 15:46",
        "PAPER: 3 orders, 2 executed",
        "PAPER: +₹125.00 in 1 closed trade, before charges",
        "1 order still waiting for a decision",
    ]
    time.passes(hours=1)
    assert look() == []


def test_there_is_no_summary_on_a_day_without_trading(make_channel, time):
    make_channel(kinds=["SUMMARY"])
    time.now = time.now.replace(day=6, hour=18)
    assert look() == []


def test_what_no_channel_asked_for_is_not_looked_at(make_channel, django_assert_max_num_queries):
    make_channel(kinds=["WAITING"])
    facts.collect(outbox.listening(), clock.now())
    with django_assert_max_num_queries(2):
        facts.collect(outbox.listening(), clock.now())
