"""What trades add up to, against sums that were worked out by hand."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain.performance import (
    Bucket,
    Point,
    Summary,
    Total,
    Trade,
    distribution,
    equity_of,
    group_of,
    highest_of,
    middle,
    summary_of,
)
from trading.domain.values import Side

D = Decimal
START = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MONDAY = date(2026, 11, 23)


def trade(
    gross: str, charges: str = "0", risk: str = "", minutes: int = 10, *, told: bool = False
) -> Trade:
    return Trade(
        opened_at=START,
        closed_at=START + minutes * MINUTE,
        strategy="breakout",
        symbol="NSE:INFY",
        product="MIS",
        side=Side.BUY,
        qty=10,
        entry_price=D(100),
        exit_price=D(100) + D(gross) / 10,
        gross=D(gross),
        charges=D(charges),
        risk=D(risk) if risk else None,
        told=told,
    )


def added_up(*trades: Trade) -> Total:
    return sum((Total.of(one) for one in trades), Total())


def test_a_trade_is_what_it_leaves_after_charges() -> None:
    one = trade("100", "12.50", risk="50")
    assert (one.net, one.r_multiple) == (D("87.50"), D("1.75"))
    assert trade("100").r_multiple is None
    assert one.holding == 10 * MINUTE


def test_a_handful_of_trades_by_hand() -> None:
    # Nets: 200 − 20 = 180, −100 − 20 = −120, 20 − 20 = 0, 10 − 20 = −10.
    total = added_up(
        trade("200", "20", risk="90", minutes=10, told=True),
        trade("-100", "20", risk="80", minutes=20),
        trade("20", "20", minutes=30),
        trade("10", "20", minutes=60),
    )
    assert summary_of(total, median_holding=25 * MINUTE) == Summary(
        trades=4,
        wins=1,
        losses=2,
        flat=1,
        gross=D(130),
        charges=D(80),
        net=D(50),
        won=D(180),
        lost=D(-130),
        best=D(180),
        worst=D(-120),
        win_rate=D(25),
        average_win=D(180),
        average_loss=D(-65),
        profit_factor=D(180) / 130,
        expectancy=D("12.5"),
        average_r=D("0.25"),  # (2 − 1.5) / 2
        average_holding=30 * MINUTE,
        median_holding=25 * MINUTE,
    )
    assert total.told == 1


def test_of_nothing_nothing_is_said() -> None:
    empty = summary_of(Total())
    assert empty == Summary()
    assert (empty.win_rate, empty.profit_factor, empty.best) == (None, None, None)


def test_without_a_loss_there_is_no_profit_factor() -> None:
    assert summary_of(added_up(trade("5"))).profit_factor is None


def test_the_equity_curve_runs_from_zero_and_knows_its_highest() -> None:
    nets = [D(100), D(-30), D(-50), D(90), D(-10)]
    points = equity_of((MONDAY + timedelta(days=n), net) for n, net in enumerate(nets))
    assert [point.total for point in points] == [D(100), D(70), D(20), D(110), D(100)]
    assert [point.drawdown for point in points] == [D(0), D(30), D(80), D(0), D(10)]
    summary = summary_of(Total(), points)
    assert summary.max_drawdown == D(80)
    assert (summary.drawdown_from, summary.drawdown_to) == (MONDAY, MONDAY + timedelta(days=2))


def test_a_fall_from_the_very_beginning_has_no_day_that_it_began_on() -> None:
    points = equity_of([(MONDAY, D(-40)), (MONDAY + timedelta(days=1), D(10))])
    summary = summary_of(Total(), points)
    assert (summary.max_drawdown, summary.drawdown_from, summary.drawdown_to) == (
        D(40),
        None,
        MONDAY,
    )


def test_a_curve_that_only_rises_has_no_drawdown() -> None:
    summary = summary_of(Total(), equity_of([(MONDAY, D(1))]))
    assert (summary.max_drawdown, summary.drawdown_to) == (0, None)


@given(st.lists(st.integers(-1000, 1000), max_size=30))
def test_the_drawdown_is_the_widest_fall_between_any_two_days(nets: list[int]) -> None:
    points = equity_of((MONDAY + timedelta(days=n), D(net)) for n, net in enumerate(nets))
    ends = [sum(nets[:number]) for number in range(len(nets) + 1)]
    falls = [earlier - later for place, earlier in enumerate(ends) for later in ends[place:]]
    assert summary_of(Total(), points).max_drawdown == max(falls)
    assert all(isinstance(point, Point) for point in points)


money = st.decimals(min_value="-9999", max_value="9999", places=2)
charge = st.decimals(min_value="0", max_value="500", places=2)


@given(
    st.lists(st.tuples(money, charge, st.integers(0, 400)), min_size=1, max_size=20),
    st.integers(0, 20),
)
def test_totals_may_be_added_up_in_any_parts(drawn, cut) -> None:
    trades = [trade(str(gross), str(cost), minutes=held) for gross, cost, held in drawn]
    total = added_up(*trades)
    assert total == added_up(*trades[:cut]) + added_up(*trades[cut:])
    nets = [gross - cost for gross, cost, _ in drawn]
    assert (total.net, total.best, total.worst) == (sum(nets), max(nets), min(nets))
    assert total.won + total.lost == total.net
    assert total.wins == len([net for net in nets if net > 0])
    assert total.losses == len([net for net in nets if net < 0])
    assert total.flat == nets.count(0)
    assert total.held == sum((one.holding for one in trades), timedelta(0))


def test_a_group_tells_its_net() -> None:
    group = group_of("0", "Monday", added_up(trade("100", "10"), trade("-5")))
    assert (group.trades, group.wins, group.gross, group.charges, group.net) == (
        2,
        1,
        D(95),
        D(10),
        D(85),
    )


def test_the_median_of_an_even_number_lies_between_the_two_in_the_middle() -> None:
    assert middle([3 * MINUTE, 1 * MINUTE, 2 * MINUTE]) == 2 * MINUTE
    assert middle([4 * MINUTE, 1 * MINUTE, 2 * MINUTE, 9 * MINUTE]) == 3 * MINUTE
    assert middle([]) is None


def test_a_distribution_by_hand() -> None:
    # Of 20 values the 95th percentile is the 19th: at least 95 of 100 do not exceed it.
    found = distribution("bps", [D(value) for value in range(-4, 16)])
    assert found is not None
    assert (found.count, found.median, found.p95, found.mean) == (20, D("5.5"), D(14), D("5.5"))
    assert [bucket for bucket in found.buckets if bucket.count] == [
        Bucket(D(-5), D(0), 4),
        Bucket(D(0), D(5), 5),
        Bucket(D(5), D(10), 5),
        Bucket(D(10), D(20), 6),
    ]
    assert (found.buckets[0].low, found.buckets[-1].high) == (None, None)
    assert distribution("ms", []) is None


@pytest.mark.parametrize("unit", ["bps", "₹", "ms"])
@given(values=st.lists(st.decimals("-5000", "50000", places=2), min_size=1, max_size=40))
def test_every_value_is_in_one_bucket(unit, values) -> None:
    found = distribution(unit, values)
    assert found is not None
    for bucket in found.buckets:
        inside = [
            value
            for value in values
            if (bucket.low is None or value >= bucket.low)
            and (bucket.high is None or value < bucket.high)
        ]
        assert bucket.count == len(inside)
    assert sum(bucket.count for bucket in found.buckets) == found.count
    within = [value for value in values if value <= found.p95]
    assert len(within) * 100 >= 95 * len(values)
    assert found.p95 in values


def test_what_happens_at_one_moment_happens_together() -> None:
    changes = [(START, D(100)), (START, D(-100)), (START + MINUTE, D(40))]
    assert highest_of(D(10), changes) == (D(50), D(50))
    assert highest_of(D(10), [(START, D(-10))]) == (D(10), D(0))
