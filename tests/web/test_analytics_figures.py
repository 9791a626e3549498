"""The figures of the analytics made of a report: how time is divided, what is folded and named."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from trading.analytics import Report
from trading.domain.performance import Bucket, Distribution, Group, Point, Summary
from trading.templatetags.money import pnl
from trading.web.analytics_groups import group_figures
from trading.web.analytics_spread import spread_figures, value_text
from trading.web.analytics_time import exposure_figures, time_figures

D = Decimal
FRIDAY = date(2026, 11, 27)


def group(key: str, net: str, trades: int = 2, label: str = "") -> Group:
    return Group(key, label or key, trades, 1, D(net) + 10, D(10), D(net))


def report_of(days: dict[date, str], **fields) -> Report:
    """A report in which these days came to so much net."""
    total = highest = D(0)
    points = []
    for day in sorted(days):
        total += D(days[day])
        highest = max(highest, total)
        points.append(Point(day, D(days[day]), total, highest - total))
    deepest = max((point.drawdown for point in points), default=D(0))
    values = {
        "summary": Summary(trades=2 * len(days), net=total, max_drawdown=deepest),
        "equity": points,
        "by_day": [group(day.isoformat(), net) for day, net in sorted(days.items())],
        "by_weekday": [group("4", "100", label="Friday")],
        "by_hour": [group("9", "-50"), group("11", "150")],
        "by_symbol": [group("NSE:INFY", "100")],
        "by_strategy": [group("1", "100", label="Supertrend")],
    }
    return Report(**(values | fields))


def test_nothing_traded_makes_no_figure() -> None:
    empty = Report(summary=Summary())
    assert time_figures(empty) == exposure_figures(empty) == []
    assert group_figures(empty) == spread_figures(empty) == []


def test_the_equity_curve_says_what_the_running_sum_came_to() -> None:
    days = {FRIDAY - timedelta(days=1): "300", FRIDAY: "-120.50"}
    equity, by_day = time_figures(report_of(days))
    assert "+₹179.50 net after 4 trades" in equity.lead
    assert "₹120.50 at most" in equity.lead
    assert equity.table.rows == [
        ("Thu 26 Nov 2026", "+₹300.00", "₹0.00"),
        ("Fri 27 Nov 2026", "+₹179.50", "₹120.50"),
    ]
    assert by_day.title == "Net P&L by day"
    assert by_day.lead == "1 day with a profit, 1 with a loss."
    assert by_day.table.rows[1] == (
        "Fri 27 Nov 2026",
        "−₹120.50",
        "2",
        "1",
        "−₹110.50",
        "₹10.00",
    )


def test_a_curve_that_only_rises_has_no_drawdown() -> None:
    equity, _ = time_figures(report_of({FRIDAY: "5"}))
    assert "never below its highest" in equity.lead


@pytest.mark.parametrize(
    ("days", "unit", "most"), [(60, "day", 45), (400, "week", 60), (1500, "month", 52)]
)
def test_long_times_are_added_up_by_week_and_month(days: int, unit: str, most: int) -> None:
    traded = {FRIDAY - timedelta(days=ago): "10" for ago in range(0, days, 7)}
    equity, by_part = time_figures(report_of(traded))
    assert by_part.title == f"Net P&L by {unit}"
    assert len(by_part.table.rows) <= most
    total = sum(D(row[1].strip("+₹").replace(",", "")) for row in by_part.table.rows)
    assert total == 10 * len(traded)
    assert equity.table.rows[-1][1] == pnl(total)


def test_years_of_days_make_a_curve_of_few_points_that_keeps_its_ends() -> None:
    traded = {FRIDAY - timedelta(days=ago): "1" for ago in range(3000)}
    worst = FRIDAY - timedelta(days=1234)
    traded[worst] = "-999"
    equity, _ = time_figures(report_of(traded))
    line = str(equity.picture).rpartition('class="plot-curve" d="')[2].partition('"')[0]
    assert line.count("l") <= 361
    steps = [int(step.split()[1]) for step in line.split("l")[1:]]
    assert max(steps) > 300  # the one deep fall is drawn


def test_exposure_shows_the_highest_of_each_part() -> None:
    values = [(FRIDAY - timedelta(days=ago), D(1000 + ago)) for ago in range(200)]
    (figure,) = exposure_figures(Report(summary=Summary(), exposure=values))
    assert figure.title == "Highest exposure by week"
    assert figure.table.rows[-1] == ("Week of 23 Nov 2026", "₹1,004.00")
    assert "₹1,199.00" in figure.lead


def test_weekdays_and_hours_without_trades_keep_their_place() -> None:
    weekdays, hours, *_ = group_figures(report_of({FRIDAY: "100"}))
    for name in ("Mon", "Tue", "Wed", "Thu", "Fri"):
        assert f">{name}</text>" in weekdays.picture
    assert ">Sat</text>" not in weekdays.picture
    for hour in ("9:00", "10:00", "11:00"):
        assert f">{hour}</text>" in hours.picture
    assert hours.lead == "Best: 11, +₹150.00. Worst: 9, −₹50.00."


def test_of_many_symbols_the_best_and_the_worst_are_shown_and_the_rest_is_one_row() -> None:
    many = [group(f"NSE:S{place}", str(100 - place)) for place in range(60)]
    symbols = group_figures(report_of({FRIDAY: "100"}, by_symbol=many))[2]
    for text in ("NSE:S0<", "NSE:S4<", ">50 others<", "NSE:S55<", "NSE:S59<"):
        assert text in symbols.picture
    assert "NSE:S5<" not in symbols.picture
    assert len(symbols.table.rows) == 20
    assert symbols.table.note == "40 between these are left out. The CSV has every trade."


def test_no_more_symbols_than_fit_are_shown_one_by_one() -> None:
    some = [group(f"NSE:S{place}", str(100 - place)) for place in range(11)]
    symbols = group_figures(report_of({FRIDAY: "100"}, by_symbol=some))[2]
    assert "others" not in symbols.picture
    assert symbols.table.note == ""


def test_a_distribution_says_half_and_95_and_names_its_buckets() -> None:
    spread = Distribution(
        "ms",
        20,
        median=D(180),
        p95=D(2400),
        mean=D(400),
        buckets=[
            Bucket(None, D(100), 5),
            Bucket(D(100), D(1000), 13),
            Bucket(D(1000), None, 2),
        ],
    )
    report = report_of({FRIDAY: "1"}, latency={"press to broker": spread})
    slippage, latency = spread_figures(report)
    assert slippage.picture == ""
    assert "no order that was filled here had a price in its alert" in slippage.lead
    assert latency.title == "Latency, press to broker"
    assert latency.lead == "Half of 20 orders at 180 ms or less, 95 in 100 at 2.40 s or less."
    assert latency.table.rows == [
        ("Below 100 ms", "5", "25.0 %"),
        ("100 ms to 1.00 s", "13", "65.0 %"),
        ("1.00 s or more", "2", "10.0 %"),
    ]
    assert ">100 ms</text>" in latency.picture
    assert ">1 s</text>" in latency.picture


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        ("-12.5", "₹", "−₹12.50"),
        ("3.14", "bps", "3.1 bps"),
        ("-0.04", "bps", "0.0 bps"),
        ("-2", "bps", "−2.0 bps"),
        ("349.6", "ms", "350 ms"),
        ("125000", "ms", "2 m 05 s"),
    ],
)
def test_values_carry_their_unit(value: str, unit: str, text: str) -> None:
    assert value_text(D(value), unit) == text
