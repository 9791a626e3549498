"""Charges and totals by day: kept up to date after the fact, right whatever comes late."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from brokers.accounts import ensure_paper_account
from sigmatrader import clock
from sigmatrader.db import write_transaction
from tests.factories import BrokerConnectionFactory, StrategyFactory
from tests.support.fills import execution, fill, order_of
from tests.support.totals import DAY, MINUTE, MONDAY, costs, rows, total
from trading import analytics
from trading.models import (
    AnalyticsRebuild,
    ChargeRate,
    ClosedTrade,
    DayDue,
    DayExposure,
    DayTotal,
    Order,
    OrderMargin,
)
from trading.services import day_totals, ledger, trade_charges

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.db_backends,
    pytest.mark.usefixtures("charge_rates"),
]

D = Decimal


def test_a_round_trip_costs_what_both_its_orders_cost() -> None:
    # Bought 100 at 1,000 = 1,00,000: brokerage 20 (0.03 % would be 30), exchange 0.00307 % = 3.07,
    # SEBI 0.10, stamp 0.003 % = 3, GST 18 % of 23.17 = 4.17: 30.34.
    # Sold 100 at 1,010 = 1,01,000: 20 + STT 0.025 % = 25.25 + 3.10 + 0.10 + GST 4.18 = 52.63.
    strategy = StrategyFactory()
    fill(order_of("BUY", 100, strategy=strategy), 100, "1000", MONDAY)
    fill(order_of("SELL", 100, strategy=strategy), 100, "1010", MONDAY + 30 * MINUTE)
    assert day_totals.work() == 1
    trade = ClosedTrade.objects.get()
    assert (trade.entry_charges, trade.exit_charges) == (D("30.34"), D("52.63"))
    assert (trade.charges, trade.net) == (D("82.97"), D("917.03"))
    row = total(strategy=strategy)
    assert (row.trades, row.wins, row.losses) == (1, 1, 0)
    assert (row.gross, row.charges, row.won, row.lost) == (D(1000), D("82.97"), D("917.03"), D(0))
    assert (row.best, row.worst, row.held_seconds) == (D("917.03"), D("917.03"), 1800)
    assert {(one.kind, one.symbol, one.hour) for one in DayTotal.objects.all()} == {
        ("DAY", "", None),
        ("SYMBOL", "INFY", None),
        ("HOUR", "", 10),
    }
    assert not DayDue.objects.exists()


def test_a_trade_that_charges_eat_up_is_a_loss() -> None:
    fill(order_of("BUY", 10), 10, "100.00", MONDAY)
    fill(order_of("SELL", 10), 10, "100.05", MONDAY + MINUTE)
    day_totals.work()
    row = total()
    assert (row.gross, row.wins, row.losses) == (D("0.50"), 0, 1)
    assert row.charges > row.gross


def test_partial_fills_share_their_orders_charges_to_the_paisa() -> None:
    buy, sell = order_of("BUY", 100), order_of("SELL", 100)
    fill(buy, 33, "1000", MONDAY)
    fill(buy, 67, "1000", MONDAY + MINUTE)
    fill(sell, 50, "1010", MONDAY + 2 * MINUTE)
    day_totals.work()
    # So far 50,500 is all that was sold: brokerage 15.15, STT 12.63, exchange 1.55, SEBI 0.05,
    # GST 18 % of 16.75 = 3.02.
    assert sum(one.exit_charges for one in ClosedTrade.objects.all()) == D("32.40")
    fill(sell, 50, "1010", MONDAY + 3 * MINUTE)
    day_totals.work()
    trades = ClosedTrade.objects.order_by("pk")
    # 33 and 17 of the first sale, 50 of the second: shares of 30.34 and of 52.63.
    assert [(one.qty, one.entry_charges, one.exit_charges) for one in trades] == [
        (33, D("10.01"), D("17.37")),
        (17, D("5.16"), D("8.95")),
        (50, D("15.17"), D("26.31")),
    ]
    assert (total().trades, total().charges) == (3, D("82.97"))


def test_a_flip_closes_one_trade_and_opens_the_next() -> None:
    # 10 bought at 100, 25 sold at 110 (15 of them a short), 15 bought back at 104.
    fill(order_of("BUY", 10), 10, "100", MONDAY)
    flip = order_of("SELL", 25)
    fill(flip, 25, "110", MONDAY + MINUTE)
    fill(order_of("BUY", 15), 15, "104", MONDAY + 2 * MINUTE)
    day_totals.work()
    first, second = ClosedTrade.objects.order_by("pk")
    assert (first.side, first.qty, first.pnl) == ("BUY", 10, D(100))
    assert (second.side, second.qty, second.pnl) == ("SELL", 15, D(90))
    # 2,750 sold: brokerage 0.825 → 0.83, STT 0.6875 → 0.69, exchange 0.08, SEBI 0.00, GST 0.16.
    assert first.exit_charges + second.entry_charges == D("1.76")
    assert first.exit_charges == D("0.70")  # 10 of 25


def test_what_is_sold_first_is_a_short_with_its_stt_on_the_entry() -> None:
    fill(order_of("SELL", 100), 100, "1010", MONDAY)
    fill(order_of("BUY", 100), 100, "1000", MONDAY + MINUTE)
    day_totals.work()
    trade = ClosedTrade.objects.get()
    assert (trade.side, trade.pnl) == ("SELL", D(1000))
    assert (trade.entry_charges, trade.exit_charges) == (D("52.63"), D("30.34"))


def test_several_entries_are_left_first_in_first_out() -> None:
    one, two = StrategyFactory(), StrategyFactory()
    fill(order_of("BUY", 10, strategy=one), 10, "100", MONDAY)
    fill(order_of("BUY", 10, strategy=two), 10, "110", MONDAY + MINUTE)
    fill(order_of("SELL", 15), 15, "120", MONDAY + 2 * MINUTE)
    day_totals.work()
    assert (total(strategy=one).gross, total(strategy=one).trades) == (D(200), 1)
    assert (total(strategy=two).gross, total(strategy=two).trades) == (D(50), 1)


def test_delivery_pays_the_depository_once_a_day_for_a_company() -> None:
    bought = order_of("BUY", 30, product="CNC")
    fill(bought, 30, "1000", MONDAY)
    for number in (1, 2):
        fill(order_of("SELL", 10, product="CNC"), 10, "1000", MONDAY + DAY + number * MINUTE)
    fill(order_of("SELL", 10, product="CNC"), 10, "1000", MONDAY + 2 * DAY)
    day_totals.work()
    taken = [one.depository_charges for one in ClosedTrade.objects.order_by("pk")]
    assert taken == [D("15.34"), D(0), D("15.34")]


def test_delivery_that_is_sold_on_its_day_is_charged_as_intraday() -> None:
    fill(order_of("BUY", 100, product="CNC"), 100, "1000", MONDAY)
    fill(order_of("SELL", 100, product="CNC"), 100, "1010", MONDAY + MINUTE)
    day_totals.work()
    assert ClosedTrade.objects.get().charges == D("82.97")


def test_the_risk_to_the_stop_makes_the_r_multiple_of_the_net() -> None:
    fill(order_of("BUY", 100, exit_plan={"stop_price": "995"}), 100, "1000", MONDAY)
    fill(order_of("SELL", 100), 100, "1010", MONDAY + MINUTE)
    day_totals.work()
    trade = ClosedTrade.objects.get()
    assert trade.risk == D(500)
    assert trade.net_r == D("917.03") / 500
    assert (total().r_trades, total().r_sum) == (1, D("1.8341"))


def test_the_brokers_own_word_is_taken_when_it_is_about_the_order_that_was_filled() -> None:
    account = BrokerConnectionFactory()
    buy = order_of("BUY", 100, connection=account)
    sell = order_of("SELL", 100, connection=account)
    for order, charges in ((buy, "30.41"), (sell, "52.70")):
        OrderMargin.objects.create(
            order=order,
            asked={"quantity": 100, "product": "MIS"},
            charges=D(charges),
            read_at=clock.now(),
        )
    fill(buy, 100, "1000", MONDAY)
    fill(sell, 60, "1010", MONDAY + MINUTE)
    day_totals.work()
    # Of what was sold so far the broker has said nothing.
    assert (total().told, ClosedTrade.objects.get().entry_charges) == (0, D("18.25"))
    fill(sell, 40, "1010", MONDAY + 2 * MINUTE)
    day_totals.work()
    assert (total().told, total().charges) == (2, D("83.11"))


def test_a_late_fill_of_an_earlier_day_is_added_to_its_day() -> None:
    buy, sell = order_of("BUY", 100), order_of("SELL", 100)
    fill(buy, 60, "1000", MONDAY)
    fill(sell, 60, "1010", MONDAY + DAY)
    day_totals.work()
    # 60,000 bought: brokerage 18, exchange 1.84, SEBI 0.06, stamp 1.80, GST 3.58.
    assert ClosedTrade.objects.get().entry_charges == D("25.28")
    fill(buy, 40, "1000", MONDAY + MINUTE)  # nobody had told of it
    assert day_totals.work() == 2  # the day of the fill, and that of the trade it makes cheaper
    after = ClosedTrade.objects.get()
    assert after.entry_charges == D("18.20")  # 60 of 100 units, of 30.34
    assert total(MONDAY + DAY).charges == after.charges


def test_a_corrected_fill_makes_the_day_anew() -> None:
    buy, sell = order_of("BUY", 100), order_of("SELL", 100)
    fill(buy, 100, "1000", MONDAY, "T1")
    fill(sell, 100, "1010", MONDAY + MINUTE, "T2")
    day_totals.work()
    with write_transaction():
        assert ledger.correct(sell, [execution(sell, 100, "1020", MONDAY + MINUTE, "T2")])
    day_totals.work()
    row = total()
    assert (row.trades, row.gross) == (1, D(2000))
    # 1,02,000: 20 + STT 25.50 + exchange 3.13 + SEBI 0.10 + GST 4.18 = 52.91.
    assert row.charges == D("30.34") + D("52.91")


def test_a_fill_that_was_taken_back_leaves_nothing_behind() -> None:
    buy, sell = order_of("BUY", 100), order_of("SELL", 100)
    fill(buy, 100, "1000", MONDAY, "T1")
    fill(sell, 100, "1010", MONDAY + DAY, "T2")
    day_totals.work()
    with write_transaction():
        assert ledger.correct(sell, [])
    day_totals.work()
    assert not DayTotal.objects.exists()
    whole = DayExposure.objects.filter(whole=True).order_by("day")
    assert [(one.day, one.highest, one.carried) for one in whole] == [
        (MONDAY.date(), D(100_000), D(100_000))
    ]


def test_the_same_day_again_changes_nothing() -> None:
    fill(order_of("BUY", 10), 10, "100", MONDAY)
    fill(order_of("SELL", 10), 10, "101", MONDAY + DAY)
    day_totals.work()
    kept = (rows(), costs())
    account = ensure_paper_account()
    day_totals.mark(account.pk, [MONDAY.date(), (MONDAY + DAY).date()])
    assert day_totals.work() == 2
    assert (rows(), costs()) == kept


def test_who_was_overtaken_leaves_the_newer_totals_alone() -> None:
    fill(order_of("BUY", 10), 10, "100", MONDAY)
    fill(order_of("SELL", 10), 10, "101", MONDAY + MINUTE)
    account, day = ensure_paper_account(), MONDAY.date()
    schedule = trade_charges.current_schedule()
    read = day_totals.read_day(account.pk, day, schedule)
    fill(order_of("BUY", 10), 10, "100", MONDAY + 2 * MINUTE)
    fill(order_of("SELL", 10), 10, "102", MONDAY + 3 * MINUTE)
    assert day_totals.work_out(account.pk, day, schedule)
    assert not day_totals.store_day(read)
    assert (total().trades, total().gross) == (2, D(30))


def test_a_day_that_can_not_be_added_up_does_not_stop_the_others() -> None:
    broken = order_of("BUY", 10)
    fill(broken, 10, "100", MONDAY)
    fill(order_of("SELL", 10), 10, "101", MONDAY + MINUTE)
    Order.objects.filter(pk=broken.pk).update(exit_plan={"stop_price": "no number"})
    fill(order_of("BUY", 10), 10, "100", MONDAY + DAY)
    fill(order_of("SELL", 10), 10, "101", MONDAY + DAY + MINUTE)
    analytics.request_rebuild("ravi")
    assert day_totals.work() == 1
    assert total(MONDAY + DAY).trades == 1
    assert DayDue.objects.filter(failed_at__isnull=False, day=MONDAY.date()).exists()
    rebuild = analytics.current()
    assert rebuild is not None
    assert (rebuild.done, rebuild.total) == (1, 2)
    assert "23 Nov 2026" in rebuild.error


def test_a_rebuild_goes_through_every_day_and_tells_how_far_it_is() -> None:
    for number in range(3):
        fill(order_of("BUY", 10), 10, "100", MONDAY + number * DAY)
        fill(order_of("SELL", 10), 10, "101", MONDAY + number * DAY + MINUTE)
    day_totals.work()
    kept = rows()
    DayTotal.objects.update(trades=99)
    DayTotal.objects.create(
        **{
            field.name: getattr(DayTotal.objects.first(), field.name)
            for field in DayTotal._meta.fields
            if field.name not in ("id", "day")
        },
        day=date(2020, 1, 1),
    )
    assert analytics.current() is None
    asked = analytics.request_rebuild("ravi")
    assert (asked.started_at, asked.total) == (None, 0)
    assert analytics.request_rebuild("anna") == asked
    assert AnalyticsRebuild.objects.count() == 1
    day_totals.work(seconds=0)  # begins, and has no time for any day
    begun = analytics.current()
    assert begun is not None
    assert (begun.done, begun.total) == (0, 3)
    assert analytics.pending_days() == 3
    day_totals.work()
    assert analytics.current() is None
    assert AnalyticsRebuild.objects.get().finished_at is not None
    assert rows() == kept


def test_a_rebuild_takes_other_rates_into_the_past() -> None:
    fill(order_of("BUY", 100), 100, "1000", MONDAY)
    fill(order_of("SELL", 100), 100, "1010", MONDAY + DAY)
    day_totals.work()
    ChargeRate.objects.filter(segment="EQUITY_INTRADAY").update(
        brokerage_percent=None, brokerage_cap=D(10)
    )
    analytics.request_rebuild("ravi")
    day_totals.work()
    # Brokerage 10 less on each side, and GST of it.
    assert total(MONDAY + DAY).charges == D("82.97") - 2 * D("11.80")


def test_a_rebuild_of_nothing_is_finished_at_once() -> None:
    analytics.request_rebuild("ravi")
    assert day_totals.work() == 0
    assert AnalyticsRebuild.objects.get().finished_at is not None


def test_the_command_works_everything_out_again_and_says_how_much(capsys) -> None:
    fill(order_of("BUY", 10), 10, "100", MONDAY)
    fill(order_of("SELL", 10), 10, "101", MONDAY + DAY)
    call_command("rebuildanalytics")
    assert "2 days of accounts are worked out." in capsys.readouterr().out
    assert total(MONDAY + DAY).trades == 1
    assert analytics.current() is None


def test_the_command_fails_when_a_day_can_not_be_worked_out() -> None:
    broken = order_of("BUY", 10)
    fill(broken, 10, "100", MONDAY)
    fill(order_of("SELL", 10), 10, "101", MONDAY + MINUTE)
    Order.objects.filter(pk=broken.pk).update(exit_plan={"stop_price": "no number"})
    with pytest.raises(CommandError, match="23 Nov 2026"):
        call_command("rebuildanalytics")
