"""The report: every figure, for every filter, from totals by day."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from brokers.accounts import ensure_paper_account
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, StrategyFactory
from tests.support.fills import fill, order_of
from tests.support.history import History
from tests.support.totals import work_all
from trading import analytics
from trading.analytics import Filter, report
from trading.domain.performance import Group
from trading.models import Alert, Order
from trading.services import day_totals

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.db_backends,
    pytest.mark.usefixtures("charge_rates"),
]

D = Decimal
MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=clock.IST)
MINUTE, DAY, HOUR = timedelta(minutes=1), timedelta(days=1), timedelta(hours=1)
# What 100 shares cost that are bought at 1,000 and sold at 1,010 on the same day.
WON, COST = D(1000), D("82.97")
# Sold at 990: 20 + STT 24.75 + exchange 3.04 + SEBI 0.10 + GST 4.16 = 52.05, with 30.34 before.
LOST, COST_OF_LOSS = D(-1000), D("82.39")


@pytest.fixture
def strategies() -> list:
    return [StrategyFactory(name="breakout"), StrategyFactory(name="fade")]


def round_trip(at: datetime, price: str, held: timedelta = 30 * MINUTE, **fields) -> None:
    fill(order_of("BUY", 100, **fields), 100, "1000", at)
    fill(order_of("SELL", 100, **fields), 100, price, at + held)


@pytest.fixture
def week(strategies) -> None:
    """Monday +, Monday −, Tuesday + of the other strategy and symbol, next Monday −."""
    breakout, fade = strategies
    round_trip(MONDAY, "1010", strategy=breakout)
    round_trip(MONDAY + 3 * HOUR, "990", strategy=breakout)
    tcs = {"symbol": "NSE:TCS", "tradingsymbol": "TCS"}
    round_trip(MONDAY + DAY, "1010", 10 * MINUTE, strategy=fade, **tcs)
    round_trip(MONDAY + 7 * DAY, "990", strategy=breakout)
    day_totals.work()


def test_the_summary_is_net_of_charges(week) -> None:
    summary = report(Filter()).summary
    assert (summary.trades, summary.wins, summary.losses, summary.flat) == (4, 2, 2, 0)
    assert (summary.gross, summary.charges) == (D(0), 2 * (COST + COST_OF_LOSS))
    assert summary.net == -D("330.72")
    assert (summary.best, summary.worst) == (WON - COST, LOST - COST_OF_LOSS)
    assert summary.win_rate == D(50)
    assert summary.average_win == D("917.03")
    assert summary.average_loss == D("-1082.39")
    assert summary.profit_factor == D("917.03") / D("1082.39")
    assert summary.expectancy == D("-82.68")
    assert summary.average_holding == 25 * MINUTE
    assert summary.median_holding == 30 * MINUTE


def test_the_equity_curve_goes_by_days_and_the_drawdown_with_it(week) -> None:
    found = report(Filter())
    # Monday 917.03 − 1,082.39 = −165.36, Tuesday 917.03, next Monday −1,082.39.
    assert [(point.net, point.total, point.drawdown) for point in found.equity] == [
        (D("-165.36"), D("-165.36"), D("165.36")),
        (D("917.03"), D("751.67"), D(0)),
        (D("-1082.39"), D("-330.72"), D("1082.39")),
    ]
    assert found.summary.max_drawdown == D("1082.39")
    assert found.summary.drawdown_from == (MONDAY + DAY).date()
    assert found.summary.drawdown_to == (MONDAY + 7 * DAY).date()
    assert found.summary == analytics.summary(Filter())


def test_trades_are_grouped_by_time_symbol_and_strategy(week, strategies) -> None:
    found = report(Filter())
    assert [group.key for group in found.by_day] == ["2026-11-23", "2026-11-24", "2026-11-30"]
    assert [(one.key, one.label, one.trades, one.wins) for one in found.by_weekday] == [
        ("0", "Monday", 3, 1),
        ("1", "Tuesday", 1, 1),
    ]
    assert [(one.key, one.label, one.trades) for one in found.by_hour] == [
        ("10", "10:00 to 11:00", 3),
        ("13", "13:00 to 14:00", 1),
    ]
    tcs = Group("NSE:TCS", "NSE:TCS", 1, 1, WON, COST, WON - COST)
    assert found.by_symbol[0] == tcs
    assert [one.key for one in found.by_symbol] == ["NSE:TCS", "NSE:INFY"]
    assert [(one.key, one.label, one.trades) for one in found.by_strategy] == [
        (str(strategies[1].pk), "fade", 1),
        (str(strategies[0].pk), "breakout", 3),
    ]


def test_filters_leave_out_what_does_not_meet_them(week, strategies) -> None:
    breakout, fade = strategies
    for asked, trades in (
        (Filter(strategy_id=breakout.pk), 3),
        (Filter(symbol="NSE:TCS"), 1),
        (Filter(symbol="tcs"), 1),
        (Filter(symbol="BSE:TCS"), 0),
        (Filter(symbol="INFY", strategy_id=fade.pk), 0),
        (Filter(kind="PAPER"), 4),
        (Filter(kind="LIVE"), 0),
        (Filter(first_day=(MONDAY + DAY).date()), 2),
        (Filter(last_day=(MONDAY + DAY).date()), 3),
        (Filter(symbol="INFY", first_day=MONDAY.date(), last_day=MONDAY.date()), 2),
    ):
        found = report(asked)
        assert found.summary.trades == trades, asked
        assert analytics.summary(asked) == found.summary
        for groups in (found.by_day, found.by_weekday, found.by_hour, found.by_strategy):
            assert sum(group.trades for group in groups) == trades, asked
            assert sum(group.net for group in groups) == found.summary.net
            assert sum(group.wins for group in groups) == found.summary.wins
        assert sum(group.trades for group in found.by_symbol) == trades
        assert len(analytics.trades_page(asked).rows) == trades


def test_trades_without_a_strategy_have_a_name_of_their_own() -> None:
    round_trip(MONDAY, "1010")
    day_totals.work()
    assert [(one.key, one.label) for one in report(Filter()).by_strategy] == [("", "No strategy")]


def test_an_empty_report_says_nothing_and_breaks_nothing() -> None:
    found = report(Filter())
    assert (found.summary.trades, found.equity, found.exposure, found.kinds) == (0, [], [], [])
    assert (found.slippage, found.latency, found.rebuild) == (None, {}, None)
    assert str(found.charges_as_of) == "2026-04-01"


def test_the_report_tells_what_is_not_in_it_yet() -> None:
    round_trip(MONDAY, "1010")
    found = report(Filter())
    assert (found.summary.trades, found.pending_days) == (0, 1)
    day_totals.work()
    found = report(Filter())
    assert (found.summary.trades, found.pending_days) == (1, 0)
    analytics.request_rebuild("ravi")
    day_totals.work(seconds=0)
    found = report(Filter())
    assert found.rebuild is not None
    assert (found.rebuild.done, found.rebuild.total) == (0, 1)


def test_the_page_shows_each_trade_with_what_it_cost(week) -> None:
    newest = analytics.trades_page(Filter()).rows[0]
    assert (newest.pnl, newest.charges, newest.net) == (LOST, COST_OF_LOSS, LOST - COST_OF_LOSS)


# -- exposure ------------------------------------------------------------------------------------


def test_exposure_is_the_most_that_was_open_and_is_carried_over_days(strategies) -> None:
    breakout, fade = strategies
    fill(order_of("BUY", 10, strategy=breakout, product="CNC"), 10, "100", MONDAY)
    fill(order_of("BUY", 20, strategy=breakout, product="CNC"), 20, "100", MONDAY + HOUR)
    fill(order_of("SELL", 25, strategy=breakout, product="CNC"), 25, "110", MONDAY + 2 * HOUR)
    # 5 × 100 stay. Two days later the other strategy is short of 10 × 300 for an hour.
    tcs = {"symbol": "NSE:TCS", "tradingsymbol": "TCS", "strategy": fade}
    fill(order_of("SELL", 10, **tcs), 10, "300", MONDAY + 2 * DAY)
    fill(order_of("BUY", 10, **tcs), 10, "290", MONDAY + 2 * DAY + HOUR)
    day_totals.work()
    monday, wednesday = MONDAY.date(), (MONDAY + 2 * DAY).date()
    assert report(Filter()).exposure == [(monday, D(3000)), (wednesday, D(3500))]
    assert report(Filter(strategy_id=breakout.pk)).exposure == [(monday, D(3000))]
    assert report(Filter(strategy_id=fade.pk)).exposure == [(wednesday, D(3000))]
    assert report(Filter(first_day=wednesday)).exposure == [(wednesday, D(3500))]
    assert report(Filter(last_day=monday)).exposure == [(monday, D(3000))]
    assert report(Filter(symbol="INFY")).exposure == [(monday, D(3000))]
    assert report(Filter(symbol="TCS", first_day=wednesday)).exposure == [(wednesday, D(3000))]
    assert report(Filter(kind="LIVE")).exposure == []


def test_the_highest_of_two_accounts_are_added_up() -> None:
    live = BrokerConnectionFactory()
    fill(order_of("BUY", 10), 10, "100", MONDAY)
    fill(order_of("BUY", 10, connection=live), 10, "200", MONDAY + DAY)
    day_totals.work()
    assert [value for _, value in report(Filter()).exposure] == [D(1000), D(3000)]
    assert [value for _, value in report(Filter(kind="LIVE")).exposure] == [D(2000)]
    assert [value for _, value in report(Filter(symbol="INFY")).exposure] == [D(1000), D(3000)]


# -- execution -----------------------------------------------------------------------------------


def sent(order: Order, average: str | None, **fields) -> None:
    """What the broker's answers leave on an order's row."""
    values = {
        "sent_at": MONDAY,
        "queued_at": MONDAY - timedelta(milliseconds=250),
        "filled_qty": order.qty if average else 0,
        "average_price": D(average) if average else None,
    } | fields
    Order.objects.filter(pk=order.pk).update(**values)


def test_slippage_is_positive_when_it_is_worse_than_the_alerts_price() -> None:
    sent(order_of("BUY", 10, reference_price=D(1000)), "1001")  # 10 bps, ₹10 worse
    sent(order_of("SELL", 10, reference_price=D(1000)), "1000.5")  # 5 bps, ₹5 better
    sent(order_of("SELL", 10, reference_price=D(1000)), "999")  # 10 bps, ₹10 worse
    sent(order_of("BUY", 10, reference_price=D(1000)), None)  # nothing filled
    sent(order_of("BUY", 10, reference_price=None, order_type="LIMIT", price=D(900)), "899")
    found = report(Filter())
    assert found.slippage is not None
    assert (found.slippage.unit, found.slippage.count) == ("bps", 3)
    assert (found.slippage.median, found.slippage.mean) == (D(10), D(5))
    assert found.slippage_rupees is not None
    assert (found.slippage_rupees.unit, found.slippage_rupees.mean) == ("₹", D(5))


def test_latency_is_told_leg_by_leg() -> None:
    alert = Alert.objects.create(
        strategy_name="breakout",
        raw_body="{}",
        received_at=MONDAY - timedelta(milliseconds=330),
        outcome=Alert.Outcome.ACCEPTED,
    )
    automatic = order_of("BUY", 10, alert=alert, mode="AUTO")
    manual = order_of("BUY", 10, alert=alert)
    resting = order_of("BUY", 10, order_type="LIMIT", price=D(1000))
    for order in (automatic, manual, resting):
        fill(order, 10, "1000", MONDAY)
        order.fills.update(booked_at=MONDAY + timedelta(milliseconds=1200))
        sent(order, "1000")
    found = report(Filter()).latency
    assert {name: (one.count, one.median) for name, one in found.items()} == {
        "alert to decision": (1, D(80)),
        "press to broker": (3, D(250)),
        "broker to fill": (2, D(1200)),
    }


def test_orders_of_other_days_accounts_and_symbols_are_left_out(strategies) -> None:
    breakout, _ = strategies
    sent(order_of("BUY", 10, reference_price=D(1000)), "1001")
    sent(order_of("BUY", 10, reference_price=D(1000), strategy=breakout), "1002")
    late = {"sent_at": MONDAY + DAY, "queued_at": MONDAY + DAY}
    sent(order_of("BUY", 10, reference_price=D(1000), tradingsymbol="TCS"), "1003", **late)
    live = BrokerConnectionFactory()
    sent(order_of("BUY", 10, reference_price=D(1000), connection=live), "1004", **late)
    for asked, means in (
        (Filter(), D(25)),
        (Filter(strategy_id=breakout.pk), D(20)),
        (Filter(symbol="TCS"), D(30)),
        (Filter(kind="LIVE"), D(40)),
        (Filter(last_day=MONDAY.date()), D(15)),
        (Filter(strategy_id=breakout.pk, kind="PAPER"), D(20)),
    ):
        found = report(asked).slippage
        assert found is not None
        assert found.mean == means, asked


# -- the past ------------------------------------------------------------------------------------


def queries(asked: Filter) -> int:
    with CaptureQueriesContext(
        database,
    ) as seen:
        report(asked)
    return len(seen)


def test_a_report_asks_as_much_of_a_long_past_as_of_a_short_one(strategies) -> None:
    history = History(ensure_paper_account(), strategies, MONDAY)
    counts = []
    for orders in (100, 2_000):
        history.grow_to(orders)
        analytics.request_rebuild("test")
        work_all()
        asked = (Filter(), Filter(symbol="SYM4"), Filter(strategy_id=strategies[0].pk))
        counts.append([queries(one) for one in asked])
    assert report(Filter()).summary.trades == 901
    assert counts[0] == counts[1]
