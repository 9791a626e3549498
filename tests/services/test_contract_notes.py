"""What the broker says that a day's orders cost: when it is asked, and what is made of it."""

import logging
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from brokers.accounts import ensure_paper_account, login_of
from brokers.registry import broker_for
from brokers.simulator import faults
from tests.support.desk import OPEN, Desk
from trading import analytics
from trading.models import ChargeRate, ChargesRead, ClosedTrade, DayDue, Order, OrderCharges
from trading.services import cancelling, contract_notes, day_totals
from trading.services.follower import Follower

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.db_backends,
    pytest.mark.usefixtures("charge_rates", "market_calendar"),
]

D = Decimal
TODAY = OPEN.date()
OVER = OPEN.replace(hour=16, minute=0)


def filled(desk: Desk, side: str = "BUY", price: str = "1500", **fields: object) -> Order:
    """An order that has filled whole at that price."""
    desk.price(price)
    order = desk.order(side=side, **fields)
    desk.send_next()
    desk.read_book()
    found = desk.fresh(order)
    assert found.status == "EXECUTED", found.error_message
    return found


def round_trip(desk: Desk) -> tuple[Order, Order]:
    return filled(desk), filled(desk, "SELL", "1510")


def step(desk: Desk) -> bool:
    return contract_notes.step(desk.connection, desk.broker, desk.now)


def steps(desk: Desk) -> int:
    """Steps until nothing more is due; how many there were."""
    taken = 0
    while step(desk):
        taken += 1
        assert taken < 100
    return taken


def asked(desk: Desk) -> int:
    return len(desk.asked("charges"))


def symbols_asked(desk: Desk) -> list[list[str]]:
    """Of each request."""
    return [[one["tradingsymbol"] for one in sent.form["json"]] for sent in desk.asked("charges")]


def read_of(day: date = TODAY) -> ChargesRead:
    return ChargesRead.objects.get(day=day)


# -- what is made of it ---------------------------------------------------------------------------


def test_after_the_close_the_brokers_figure_replaces_the_estimate(desk: Desk) -> None:
    # The broker, of 10 bought at 1,500 = 15,000: brokerage 0.03 % = 4.50, exchange 0.00297 % =
    # 0.4455, SEBI 0.015, stamp 0.45, GST 18 % of 4.9605 = 0.8929: 6.30. Of 10 sold at 1,510:
    # 4.53 + STT 0.025 % = 3.775 + 0.4485 + 0.0151 + GST 0.8988 = 9.67.
    # The schedule: 4.50 + 0.46 + 0.02 + 0.45 + 0.90 = 6.33 and 4.53 + 3.78 + 0.46 + 0.02 + 0.90.
    bought, sold = round_trip(desk)
    day_totals.work()
    trade = ClosedTrade.objects.get()
    assert (trade.entry_charges, trade.exit_charges) == (D("6.33"), D("9.69"))
    before = analytics.report(analytics.Filter()).summary
    assert (before.charges, before.charges_told, before.charges_estimated) == (
        D("16.02"),
        D(0),
        D("16.02"),
    )
    desk.move_to(OVER)
    assert steps(desk) == 2  # one request, and the end of it
    assert asked(desk) == 1
    told = {one.order_id: one.total for one in OrderCharges.objects.all()}
    assert told == {bought.pk: D("6.30"), sold.pk: D("9.67")}
    day_totals.work()
    trade.refresh_from_db()
    assert (trade.entry_charges, trade.exit_charges) == (D("6.30"), D("9.67"))
    report = analytics.report(analytics.Filter())
    assert (report.summary.gross, report.summary.net) == (D(100), D("84.03"))
    assert (report.summary.charges_told, report.summary.charges_estimated) == (D("15.97"), D(0))
    assert (report.charges_by_broker, report.charges_untold) == (1, [])
    read = read_of()
    assert (read.orders, read.told, read.error) == (2, 2, "")


def test_what_is_told_of_one_order_of_a_trade_is_its_part_of_the_charges(desk: Desk) -> None:
    _, sold = round_trip(desk)
    desk.move_to(OVER)
    steps(desk)
    OrderCharges.objects.filter(order=sold).update(total=None)
    day_totals.mark(desk.connection.pk, [TODAY])
    day_totals.work()
    report = analytics.report(analytics.Filter())
    assert (report.summary.charges_told, report.summary.charges_estimated) == (D("6.30"), D("9.69"))
    assert report.charges_by_broker == 0


def test_the_figure_of_another_execution_does_not_count(desk: Desk) -> None:
    bought, _ = round_trip(desk)
    desk.move_to(OVER)
    steps(desk)
    OrderCharges.objects.filter(order=bought).update(quantity=9)
    day_totals.mark(desk.connection.pk, [TODAY])
    day_totals.work()
    assert ClosedTrade.objects.get().entry_charges == D("6.33")


def test_delivery_that_was_sold_on_its_day_stays_with_the_schedule(desk: Desk) -> None:
    filled(desk, product="CNC")
    filled(desk, "SELL", "1510", product="CNC")
    desk.move_to(OVER)
    steps(desk)
    assert OrderCharges.objects.filter(total__isnull=False).count() == 2
    day_totals.work()
    report = analytics.report(analytics.Filter())
    assert (report.summary.charges, report.summary.charges_told) == (D("16.02"), D(0))


def test_the_depositorys_fee_is_added_to_what_the_broker_told(desk: Desk) -> None:
    filled(desk, product="CNC")
    desk.move_to(OVER)
    steps(desk)
    desk.move_to(OPEN + timedelta(days=1))
    desk.log_in()
    filled(desk, "SELL", "1510", product="CNC")
    desk.move_to(OVER + timedelta(days=1))
    steps(desk)
    day_totals.work()
    trade = ClosedTrade.objects.get()
    assert trade.depository_charges == D("15.34")
    report = analytics.report(analytics.Filter())
    assert report.summary.charges_estimated == D("15.34")
    assert report.summary.charges_told == trade.entry_charges + trade.exit_charges > 0


# -- when -----------------------------------------------------------------------------------------


def test_a_day_is_asked_about_once(desk: Desk) -> None:
    round_trip(desk)
    desk.move_to(OVER)
    steps(desk)
    desk.wait(3600)
    assert not step(desk)
    desk.move_to(OPEN + timedelta(days=1))
    desk.log_in()
    assert not step(desk)
    assert asked(desk) == 1


@pytest.mark.parametrize("at", [OPEN, OPEN.replace(hour=15, minute=31)])
def test_nothing_is_asked_before_the_markets_are_closed(desk: Desk, at: datetime) -> None:
    round_trip(desk)
    desk.move_to(at)
    assert not step(desk)
    assert asked(desk) == 0
    assert not ChargesRead.objects.exists()


def test_a_day_without_a_fill_is_not_asked_about(desk: Desk) -> None:
    desk.sent(desk.limit())
    desk.move_to(OVER)
    assert not step(desk)
    assert asked(desk) == 0


def test_a_day_that_ended_without_us_is_asked_about_later(desk: Desk) -> None:
    round_trip(desk)
    desk.move_to(OPEN + timedelta(days=2))
    desk.log_in()
    steps(desk)
    assert read_of().told == 2


def test_after_a_week_the_estimate_stays(desk: Desk) -> None:
    round_trip(desk)
    desk.move_to(OPEN + timedelta(days=8))
    desk.log_in()
    assert not step(desk)
    assert asked(desk) == 0


def test_a_broker_is_not_asked_by_new_rates_for_an_old_day(desk: Desk) -> None:
    round_trip(desk)
    rate = ChargeRate.objects.filter(segment="EQUITY_INTRADAY").first()
    assert rate is not None
    rate.pk, rate.valid_from = None, TODAY + timedelta(days=1)
    rate.save()
    desk.move_to(OPEN + timedelta(days=1))
    desk.log_in()
    assert not step(desk)
    assert asked(desk) == 0


def test_who_comes_after_a_crash_asks_for_what_is_missing_alone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract_notes, "_A_REQUEST", 1)
    round_trip(desk)
    desk.move_to(OVER)
    assert step(desk)
    steps(desk)  # as another process would: all that is known is in the tables
    assert asked(desk) == 2
    assert read_of().told == 2


def test_paper_is_not_asked(desk: Desk) -> None:
    paper = ensure_paper_account()
    assert not contract_notes.step(paper, broker_for(paper), OVER)


# -- in pieces ------------------------------------------------------------------------------------


def test_many_orders_are_asked_about_in_small_requests(desk: Desk) -> None:
    for _ in range(23):
        filled(desk, qty=1)
    desk.move_to(OVER)
    assert steps(desk) == 3
    assert [len(symbols) for symbols in symbols_asked(desk)] == [20, 3]
    assert read_of().told == 23
    assert DayDue.objects.filter(day=TODAY).exists()


def test_orders_of_one_instrument_are_asked_about_together(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract_notes, "_A_REQUEST", 3)
    for symbol in ("INFY", "TCS", "INFY", "TCS"):
        desk.price("1500", symbol)
        filled(desk, symbol=f"NSE:{symbol}", tradingsymbol=symbol)
    desk.move_to(OVER)
    steps(desk)
    assert symbols_asked(desk) == [["INFY", "INFY"], ["TCS", "TCS"]]


# -- trouble --------------------------------------------------------------------------------------


def test_a_broker_in_trouble_is_asked_more_and_more_rarely_and_then_no_more(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    round_trip(desk)
    desk.faults.always("charges", faults.refuse_status(503))
    desk.move_to(OVER)
    assert step(desk)
    assert not step(desk)
    assert "503" in read_of().error
    again = analytics.report(analytics.Filter()).charges_untold
    assert [(one.day, one.told, one.orders, one.again) for one in again] == [(TODAY, 0, 2, True)]
    for minutes in (5, 10, 20, 40, 80):
        desk.wait(minutes * 60 - 1)
        assert not step(desk)
        desk.wait(1)
        with caplog.at_level(logging.WARNING):
            assert step(desk)
    assert asked(desk) == 6
    desk.wait(3600)
    assert not step(desk)
    assert "told those of 0 of 2 orders" in caplog.text
    day_totals.work()
    assert ClosedTrade.objects.get().entry_charges == D("6.33")
    (given_up,) = analytics.report(analytics.Filter()).charges_untold
    assert not given_up.again


def test_trouble_that_passes_leaves_no_trace(desk: Desk) -> None:
    round_trip(desk)
    desk.faults.script("charges", faults.rate_limited())
    desk.move_to(OVER)
    step(desk)
    desk.wait(300)
    steps(desk)
    assert (read_of().told, read_of().error) == (2, "")


@pytest.mark.parametrize("fault", [faults.malformed(), faults.list_body(), faults.null_body()])
def test_an_answer_that_can_not_be_read_is_none(desk: Desk, fault: faults.Fault) -> None:
    round_trip(desk)
    desk.faults.script("charges", fault)
    desk.move_to(OVER)
    step(desk)
    assert not OrderCharges.objects.exists()
    assert read_of().failures == 1


def test_one_order_that_the_broker_will_not_speak_of_hides_no_other(desk: Desk) -> None:
    bought, sold = round_trip(desk)
    Order.objects.filter(pk=sold.pk).update(tradingsymbol="NOSUCH")
    desk.move_to(OVER)
    steps(desk)
    assert asked(desk) == 3  # both together, then each by itself
    assert OrderCharges.objects.get(order=bought).total == D("6.30")
    refused = OrderCharges.objects.get(order=sold)
    assert (refused.total, refused.refusals) == (None, 2)
    assert "does not exist" in refused.error
    (one,) = analytics.report(analytics.Filter()).charges_untold
    assert (one.account, one.told, one.orders) == ("desk", 1, 2)
    assert "does not exist" in one.error


def test_a_broker_that_speaks_of_no_order_is_not_asked_for_each(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract_notes, "_MOST_ALONE", 2)
    for _ in range(4):
        filled(desk, qty=1)
    Order.objects.update(tradingsymbol="NOSUCH")
    desk.move_to(OVER)
    steps(desk)
    assert [len(symbols) for symbols in symbols_asked(desk)] == [4, 1, 1]
    assert (read_of().told, read_of().orders) == (0, 4)


def test_an_app_without_that_permission_is_not_asked_again(desk: Desk) -> None:
    round_trip(desk)
    desk.faults.always("charges", faults.permission_ip())
    desk.move_to(OVER)
    steps(desk)
    desk.wait(3600)
    assert not step(desk)
    assert asked(desk) == 1
    assert read_of().error


# -- in the follower's rounds ---------------------------------------------------------------------


@pytest.fixture
def follower(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Follower]:
    """Intervals are measured by the desk's clock."""
    for module in ("follower", "cancels"):
        monkeypatch.setattr(
            f"trading.services.{module}.time", SimpleNamespace(monotonic=desk.seconds)
        )
    return lambda: Follower(desk.connection.pk, "first-host:1:1", threading.Event())


def test_the_follower_asks_at_the_end_of_its_rounds(
    desk: Desk, follower: Callable[[], Follower]
) -> None:
    round_trip(desk)
    one = follower()
    one.round()
    assert asked(desk) == 0
    desk.move_to(OVER)
    for _ in range(3):
        one.round()
        desk.wait(3)
    assert asked(desk) == 1
    assert read_of().told == 2
    calls = [entry.call for entry in desk.simulator.journal.entries()]
    assert calls.index("charges") > max(
        place for place, call in enumerate(calls[: calls.index("charges")]) if call == "orders"
    )


def test_a_cancel_goes_before_the_charges(desk: Desk, follower: Callable[[], Follower]) -> None:
    round_trip(desk)
    resting = desk.sent(desk.trigger())
    desk.move_to(OVER)
    cancelling.cancel(desk.fresh(resting), actor="asha")
    desk.faults.always("gtt_delete", faults.refuse_status(503))
    one = follower()
    one._guarded_round()
    assert asked(desk) == 0


def test_trouble_with_the_charges_is_no_trouble_with_the_book(
    desk: Desk, follower: Callable[[], Follower]
) -> None:
    round_trip(desk)
    desk.faults.always("charges", faults.refuse_status(503))
    desk.move_to(OVER)
    one = follower()
    assert one._guarded_round() == 3
    assert (desk.state().book_failures, desk.state().book_error) == (0, "")
    assert asked(desk) == 1


def test_a_session_that_ends_with_the_charges_ends_for_all(
    desk: Desk, follower: Callable[[], Follower]
) -> None:
    round_trip(desk)
    desk.faults.always("charges", faults.token_exception())
    desk.move_to(OVER)
    follower()._guarded_round()
    desk.connection.refresh_from_db()
    assert not login_of(desk.connection).connected
    assert not ChargesRead.objects.exists()
