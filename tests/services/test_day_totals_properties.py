"""Charges and totals by day, against another calculation of the same."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sigmatrader import clock
from tests.support.fills import fill, order_of
from tests.support.totals import DAY, MINUTE, MONDAY, costs, rows
from trading import analytics
from trading.models import ClosedTrade, DayDue, DayExposure, DayTotal, Fill, Order, Position
from trading.services import day_totals

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.db_backends,
    pytest.mark.usefixtures("charge_rates"),
]

D = Decimal


moments = st.integers(0, 4 * 60)
drawn_fills = st.lists(
    st.tuples(
        st.sampled_from(["BUY", "SELL"]),
        st.lists(st.tuples(st.integers(1, 40), st.integers(9_000, 11_000)), min_size=1, max_size=3),
        st.sampled_from([0, 1, 2, 5]),  # days after Monday
        moments,
        st.booleans(),  # whether the worker comes by afterwards
    ),
    min_size=1,
    max_size=7,
)


def by_the_unit() -> dict[date, Decimal]:
    """Gross by day of closing, unit by unit: each meets the oldest of the other side."""
    waiting: list[tuple[int, Decimal]] = []
    gross: dict[date, Decimal] = defaultdict(Decimal)
    for one in Fill.objects.order_by("pk"):
        sign = 1 if one.side == "BUY" else -1
        for _ in range(one.qty):
            if waiting and waiting[0][0] != sign:
                was, price = waiting.pop(0)
                gross[one.at.astimezone(clock.IST).date()] += (one.price - price) * was
            else:
                waiting.append((sign, one.price))
    return gross


def mis_order_costs(value: Decimal, side: str) -> Decimal:
    """Shares within the day at NSE by the rates of April 2026, in words of one syllable."""

    def paisa(amount: Decimal) -> Decimal:
        return (amount * 100 + D("0.5")) // 1 / 100

    brokerage = min(value * 3 / 10_000, D(20))
    exchange, sebi = value * 307 / 10_000_000, value / 1_000_000
    own = value * 3 / 100_000 if side == "BUY" else value * 25 / 100_000
    gst = (brokerage + exchange + sebi) * 18 / 100
    return sum(map(paisa, (brokerage, exchange, sebi, own, gst)), D(0))


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(drawn=drawn_fills)
def test_totals_are_those_of_an_independent_calculation(drawn) -> None:
    for model in (DayDue, DayTotal, DayExposure, ClosedTrade, Fill, Order, Position):
        model.objects.all().delete()
    balance = 0
    for side, parts, days, minutes, worked in drawn:
        at = MONDAY + days * DAY + minutes * MINUTE
        order = order_of(side, sum(qty for qty, _ in parts))
        for number, (qty, price) in enumerate(parts):
            fill(order, qty, str(D(price) / 100), at + number * MINUTE)
            balance += qty if side == "BUY" else -qty
        if worked:
            day_totals.work()
    if balance:
        last = order_of("SELL" if balance > 0 else "BUY", abs(balance))
        fill(last, abs(balance), "100", MONDAY + 7 * DAY)
    day_totals.work()

    days = {one.day: one for one in DayTotal.objects.filter(kind="DAY")}
    expected = by_the_unit()
    assert {day: row.gross for day, row in days.items()} == dict(expected)
    cash = sum(
        one.qty * one.price * (1 if one.side == "SELL" else -1) for one in Fill.objects.all()
    )
    assert sum(row.gross for row in days.values()) == cash  # everything is closed
    charged = sum(
        mis_order_costs(sum(one.qty * one.price for one in order.fills.all()), order.side)
        for order in Order.objects.all()
    )
    assert sum(row.charges for row in days.values()) == charged
    trades = list(ClosedTrade.objects.all())
    assert sum(row.wins for row in days.values()) == sum(one.net > 0 for one in trades)
    assert sum(row.losses for row in days.values()) == sum(one.net < 0 for one in trades)
    assert sum(row.trades for row in days.values()) == len(trades)
    check_exposure()

    kept = (rows(), costs())
    analytics.request_rebuild("test")
    day_totals.work()
    assert (rows(), costs()) == kept


def check_exposure() -> None:
    """Against lots that are open at each moment, looked at one by one."""
    lots = [
        (one.opened_at, one.closed_at, one.qty * one.entry_price)
        for one in ClosedTrade.objects.all()
    ]
    for row in DayExposure.objects.filter(whole=True):
        start = datetime.combine(row.day, datetime.min.time(), tzinfo=clock.IST)
        looks = {
            moment
            for opened, closed, _ in lots
            for moment in (opened, closed)
            if start <= moment < start + DAY
        }

        def value(moment: datetime, lots: list = lots) -> Decimal:
            # A late fill may close a lot before it was opened: then it counts against it.
            return sum(
                (rupees * ((opened <= moment) - (closed <= moment)))
                for opened, closed, rupees in lots
            )

        carried = value(start - timedelta(seconds=1))
        assert row.highest == max([carried, *map(value, looks)])
        assert row.carried == value(start + DAY - timedelta(seconds=1))
