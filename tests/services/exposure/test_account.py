"""What risk is handed of an account: positions and orders, its day, its margin."""

from datetime import timedelta
from decimal import Decimal

import pytest

from brokers.models import AccountState
from brokers.prices import record_price
from tests.factories import make_order
from tests.support.snapshots import NOW, limit, paper, shown, snapshot, working
from tests.support.trades import traded
from trading.domain.order import Status
from trading.domain.values import Product
from trading.models import Order, OrderMargin, RateWindow
from trading.services.account_facts import account_facts
from trading.services.margin_facts import asked_of

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


# -- positions and orders ----------------------------------------------------------------------


def test_a_paper_position_is_valued_at_the_last_price():
    traded(paper(), "BUY", 10, "1500")
    record_price("NSE", "INFY", Decimal(1520), NOW, "alert")
    (position,) = snapshot().account.positions
    assert (position.key, position.quantity, position.price) == (
        "NSE:INFY|MIS",
        10,
        Decimal(1520),
    )
    assert (position.underlying, position.segment, position.kind) == ("INFY", "EQUITY", "EQ")


def test_a_real_position_is_what_the_broker_shows_with_our_fills_since(live):
    shown(live, 15)
    traded(live, "BUY", 10, "1500", at=NOW)
    facts = snapshot(connection=live)
    assert facts.position_quantity == 25
    assert facts.account.positions[0].quantity == 25
    assert facts.account.positions[0].price == Decimal(1510)


def test_an_alerts_price_values_no_real_position(live):
    shown(live, 15)
    record_price("NSE", "INFY", Decimal(9), NOW, "alert")
    facts = snapshot(connection=live)
    assert (facts.last_price, facts.account.positions[0].price) == (None, Decimal(1510))


def test_positions_of_yesterdays_read_do_not_count(live):
    shown(live, 15)
    AccountState.objects.update(positions_read_at=NOW - timedelta(days=1))
    assert snapshot(connection=live).account.positions == ()


def test_working_orders_are_told_apart_by_side_and_valued():
    limit(qty=10)
    limit(qty=4, side="SELL", price="1600")
    facts = snapshot().account
    (position,) = facts.positions
    assert (position.quantity, position.working_buy, position.working_sell) == (0, 10, 4)
    assert position.price == Decimal(1400)  # nothing else is known
    assert [one.value for one in facts.working] == [Decimal(14_000), Decimal(6_400)]


@pytest.mark.parametrize("status", [Status.SENDING, Status.UNKNOWN, Status.SENT])
def test_whatever_may_still_fill_works(status):
    order = limit(status)
    assert [one.order_id for one in snapshot().account.working] == [order.pk]


@pytest.mark.parametrize("status", [Status.WAITING, Status.QUEUED])
def test_what_is_not_claimed_does_not_work(status):
    make_order(status)
    assert snapshot().account.working == ()


def test_a_market_order_is_worth_what_its_alert_saw():
    working(qty=10)
    assert snapshot().account.working[0].value == Decimal(15_000)


def test_an_order_without_any_price_has_no_value():
    working(qty=10, reference_price=None)
    assert snapshot().account.working[0].value is None


def test_the_order_itself_is_no_part_of_the_account():
    order = limit()
    facts = snapshot(order).account
    assert (facts.working, facts.positions) == ((), ())


def test_of_two_legs_of_a_trigger_one_counts():
    stop = limit(qty=10, side="SELL", reduce_only=True)
    limit(qty=10, side="SELL", price="1600", reduce_only=True, oco_with=stop)
    facts = snapshot()
    assert [one.order_id for one in facts.account.working] == [stop.pk]
    assert facts.account.positions[0].working_sell == 10


def test_another_accounts_orders_and_positions_are_no_part_of_it(live):
    traded(paper(), "BUY", 10, "1500")
    limit(tradingsymbol="TCS")
    facts = snapshot(connection=live).account
    assert (facts.positions, facts.working) == ((), ())


# -- the day -----------------------------------------------------------------------------------


def test_an_order_that_was_not_answered_yet_is_one_of_the_day():
    traded(paper(), "BUY", 10, "1500")
    working(Status.SENDING, tradingsymbol="TCS")
    day = snapshot().account.day
    assert (day.orders, day.trades) == (2, 2)


def test_an_exit_on_its_way_is_an_order_and_no_trade():
    traded(paper(), "BUY", 10, "1500")
    working(Status.SENDING, side="SELL", reduce_only=True)
    day = snapshot().account.day
    assert (day.orders, day.trades) == (2, 1)


def test_the_accounts_own_limit_counts_what_the_limiter_counted(live):
    live.orders_per_day = 100
    live.save()
    midnight = NOW.replace(hour=0)
    RateWindow.objects.create(connection=live, period="day", window_start=midnight, count=17)
    facts = snapshot(connection=live).account
    assert (facts.sent_today, facts.orders_per_day) == (17, 100)


# -- margin ------------------------------------------------------------------------------------


def answered(order: Order, required: str, seconds_ago: int = 0) -> None:
    OrderMargin.objects.create(
        order=order,
        asked=asked_of(order),
        required=Decimal(required),
        read_at=NOW - timedelta(seconds=seconds_ago),
    )


def test_the_brokers_answer_counts_for_the_order_as_it_is(live):
    order = make_order(connection=live)
    answered(order, "3100.5")
    margin = snapshot(order).account.margin
    assert (margin.available, margin.required) == (Decimal(50_000), Decimal("3100.5"))
    order.qty = 20
    assert snapshot(order).account.margin.required is None


def test_an_old_answer_is_none(live):
    order = make_order(connection=live)
    answered(order, "3100.5", seconds_ago=31)
    assert snapshot(order).account.margin.required is None
    AccountState.objects.update(funds_read_at=NOW - timedelta(seconds=31))
    assert snapshot(order).account.margin.available is None
    assert account_facts(live, NOW).margin.available == Decimal(50_000)  # the page shows its age


def test_what_was_sent_since_the_funds_were_read_is_reserved(live):
    asked = limit(Status.SENDING, connection=live, qty=10)
    answered(asked, "2000")
    limit(Status.SENDING, connection=live, qty=5, tradingsymbol="TCS")
    limit(connection=live, side="SELL", reduce_only=True, tradingsymbol="SBIN")
    before = limit(connection=live, tradingsymbol="WIPRO")
    Order.objects.filter(pk=before.pk).update(sent_at=NOW - timedelta(minutes=1))
    margin = snapshot(connection=live, tradingsymbol="ITC").account.margin
    assert margin.reserved == Decimal(2000) + 5 * 1400  # no answer: its whole value


def test_what_has_filled_since_the_funds_were_read_is_reserved(live):
    filled = traded(live, "BUY", 10, "1500", at=NOW)
    answered(filled, "3000")
    assert snapshot(connection=live).account.margin.reserved == Decimal(3000)


def test_an_order_in_flight_without_a_price_makes_the_free_amount_unknown(live):
    working(Status.SENDING, connection=live, reference_price=None, tradingsymbol="TCS")
    assert snapshot(connection=live).account.margin.available is None


def test_papers_funds_are_worked_out_from_its_own_ledger():
    traded(paper(), "BUY", 10, "1500")
    traded(paper(), "SELL", 10, "1400")  # 1,000 lost
    traded(paper(), "BUY", 10, "1000")  # 20 % of 10,000
    limit(qty=10, price="900", tradingsymbol="TCS")  # 20 % of 9,000
    order = make_order(
        tradingsymbol="SBIN", product=Product.CNC, qty=3, order_type="LIMIT", price=Decimal(500)
    )
    margin = snapshot(order).account.margin
    assert margin.available == Decimal(1_000_000 - 1_000 - 2_000 - 1_800)
    assert (margin.required, margin.reserved) == (Decimal(1500), Decimal(0))


def test_an_exit_takes_none_of_papers_margin():
    traded(paper(), "BUY", 10, "1500")
    assert snapshot(side="SELL").account.margin.required == 0
