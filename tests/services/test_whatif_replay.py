"""Orders of the past walk through limits, and what passes changes what the next ones meet."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.engine.limits import Limits, Window
from risk.engine.snapshot import InstrumentFacts, MarketFacts
from sigmatrader.clock import IST
from tests.risk.cases import global_limits, order, strategy_limits
from trading.domain.values import ClampMode, InstrumentKey, Mode, OrderType, Product, Side
from trading.services.whatif_orders import AccountKey, OpeningLot, PastOrder
from trading.services.whatif_replay import Outcome, Report, replay

MORNING = datetime(2026, 11, 23, 10, 0, tzinfo=IST)
PAPER = AccountKey(connection_id=1, name="paper", kind="PAPER", simulated=True)
LIVE = AccountKey(connection_id=2, name="zerodha", kind="LIVE", simulated=False)
FACTS = InstrumentFacts(kind="EQ", segment="EQUITY")


def past(
    side: str = "BUY",
    quantity: int = 10,
    price: str = "100",
    *,
    minute: int = 0,
    account: AccountKey = PAPER,
    closes_all: bool = False,
    **different: Any,
) -> PastOrder:
    """A MARKET order for NSE:INFY so many minutes after 10 o'clock."""
    intent = order(
        Side(side),
        quantity,
        reference_price=Decimal(price),
        simulated=account.simulated,
        connection_id=account.connection_id,
        **different,
    )
    return PastOrder(
        at=MORNING + timedelta(minutes=minute),
        intent=intent,
        account=account,
        instrument=FACTS,
        market=MarketFacts(),
        closes_all=closes_all,
    )


def run(*orders: PastOrder, tried: Limits | None = None, **limits: Any) -> Report:
    other = {7: [tried]} if tried else None
    return replay(orders, {7: [global_limits(**limits)]}, other)


def outcomes(report: Report) -> list[str]:
    return [row.now.outcome.value for row in report.rows]


def test_what_is_over_a_limit_is_cut_and_the_rule_is_named() -> None:
    report = run(past(quantity=150), max_quantity_per_order=100)
    (row,) = report.rows
    assert (row.now.outcome, row.now.asked, row.now.quantity) == (Outcome.CLAMP, 150, 100)
    (reason,) = row.now.reasons
    assert reason.rule == ("MAX_QUANTITY_PER_ORDER", "GLOBAL", "max_quantity_per_order")
    assert "from 150 to 100" in reason.text
    assert report.now.by_rule[reason.rule] == {Outcome.CLAMP: 1}


def test_what_passes_is_held_for_the_next_order() -> None:
    report = run(
        past(), past(minute=1, tradingsymbol="TCS"), past("SELL", minute=2), max_open_positions=1
    )
    assert outcomes(report) == ["PASS", "DENY", "PASS"]


def test_what_is_denied_is_not() -> None:
    report = run(past(), past("SELL", minute=1), symbol_blacklist=("INFY",))
    assert outcomes(report) == ["DENY", "DENY"]
    assert report.now.total.pnl == 0


def test_the_day_s_loss_stops_entries_until_the_next_day() -> None:
    orders = [
        past(),
        past("SELL", price="90", minute=5),
        past(minute=10),
        past(minute=24 * 60),
    ]
    assert outcomes(run(*orders, max_daily_loss=Decimal(100))) == ["PASS", "PASS", "DENY", "PASS"]


def test_an_open_loss_counts_at_the_last_price_that_an_alert_saw() -> None:
    orders = [past(), past("SELL", 1, price="80", minute=5), past(minute=6, price="80")]
    report = run(*orders, max_daily_loss=Decimal(200))
    assert outcomes(report) == ["PASS", "PASS", "DENY"]


def test_both_sets_of_limits_have_accounts_of_their_own() -> None:
    orders = [
        past(),
        past("SELL", 5, price="110", minute=5),
        past("SELL", 5, minute=10, price="120"),
    ]
    tried = global_limits(max_quantity_per_order=5, allow_short_selling=False)
    report = run(*orders, tried=tried)
    assert [row.tried.outcome.value for row in report.rows if row.tried] == [
        "CLAMP",
        "PASS",
        "DENY",
    ]
    assert report.tried is not None
    assert (report.now.total.pnl, report.tried.total.pnl) == (Decimal(150), Decimal(50))
    assert [row.differs for row in report.rows] == [True, False, True]


def test_profit_is_told_by_day_and_by_strategy() -> None:
    orders = [
        past(),
        past("SELL", price="110", minute=5),
        past(minute=24 * 60, price="100"),
        past("SELL", 4, price="90", minute=24 * 60 + 5),
    ]
    report = run(*orders)
    days = [tally.pnl for _, tally in sorted(report.now.by_day.items())]
    assert days == [Decimal(100), Decimal(-100)]
    assert report.now.by_strategy[7].pnl == 0
    assert report.now.total.pnl == 0


def test_the_same_order_again_within_the_window_is_a_duplicate() -> None:
    report = run(past(), past(), past(minute=1), duplicate_order=30)
    assert outcomes(report) == ["PASS", "DENY", "PASS"]


def test_an_exit_without_quantity_takes_what_is_open() -> None:
    orders = [past(quantity=30), past("SELL", 0, minute=1, reduce_only=True, closes_all=True)]
    report = run(*orders, max_quantity_per_order=20)
    assert outcomes(report) == ["CLAMP", "PASS"]
    assert report.rows[1].now.quantity == 20


def test_an_exit_of_nothing_is_no_order() -> None:
    report = run(past("SELL", 0, reduce_only=True, closes_all=True))
    assert outcomes(report) == ["NOTHING"]
    assert not report.rows[0].stopped


def test_a_gate_holds_and_nothing_is_filled() -> None:
    window = Window(MORNING.time(), (MORNING + timedelta(hours=1)).time())
    report = run(past(), past("SELL", minute=90), no_trade_windows=(window,))
    assert outcomes(report) == ["HOLD", "PASS"]
    (reason,) = report.rows[0].now.reasons
    assert (reason.outcome, reason.code) == (Outcome.HOLD, "NO_TRADE_WINDOW")
    assert report.rows[0].now.realised is None


def test_a_strategy_that_sends_too_often_is_held_for_the_rest_of_the_day() -> None:
    orders = [past(quantity=n + 1, minute=n, mode=Mode.AUTO) for n in range(4)]
    orders.append(past(minute=60, mode=Mode.AUTO))
    orders.append(past(minute=24 * 60, mode=Mode.AUTO))
    report = run(*orders, repeated_execution=3, repeated_execution_minutes=5)
    assert outcomes(report) == ["PASS", "PASS", "PASS", "HOLD", "HOLD", "PASS"]


def test_losses_in_a_row_count_over_days() -> None:
    orders = []
    for day in range(3):
        minute = day * 24 * 60
        orders += [past(minute=minute), past("SELL", price="99", minute=minute + 1)]
    report = run(*orders, consecutive_losses=2)
    assert outcomes(report) == ["PASS", "PASS", "PASS", "PASS", "DENY", "DENY"]


def test_accounts_are_apart() -> None:
    orders = [past(), past(minute=1, account=LIVE, tradingsymbol="TCS")]
    assert outcomes(run(*orders, max_open_positions=1)) == ["PASS", "PASS"]


def test_a_real_account_s_intraday_position_ends_with_the_day() -> None:
    for product, outcome in ((Product.MIS, "DENY"), (Product.CNC, "PASS")):
        first = past(account=LIVE, product=product)
        second = past("SELL", minute=24 * 60, account=LIVE, product=product)
        assert outcomes(run(first, second, allow_short_selling=False)) == ["PASS", outcome]
    assert outcomes(run(past(), past("SELL", minute=24 * 60), allow_short_selling=False)) == [
        "PASS",
        "PASS",
    ]


def test_the_replay_begins_with_what_was_open() -> None:
    opening = OpeningLot(
        connection_id=1,
        key=InstrumentKey("NSE", "INFY"),
        product=Product.MIS,
        quantity=10,
        price=Decimal(80),
        strategy_id=7,
    )
    orders = [past("SELL", 10, price="100"), past("SELL", 1, minute=1)]
    report = replay(orders, {7: [global_limits(allow_short_selling=False)]}, opening=[opening])
    assert outcomes(report) == ["PASS", "DENY"]
    # The 200 that it had earned before are no profit of these days.
    assert report.rows[0].now.realised == 200
    assert report.now.total.pnl == 0


def test_the_strategy_s_own_limits_see_the_strategy_s_own_day() -> None:
    orders = [
        past(),
        past(minute=1, strategy_id=8),
        past(minute=2),
        past(minute=3, strategy_id=8),
    ]
    limits = {
        7: [global_limits(), strategy_limits(max_orders_per_day=1)],
        8: [global_limits(max_orders_per_day=3)],
    }
    assert outcomes(replay(orders, limits)) == ["PASS", "PASS", "DENY", "PASS"]


def test_an_order_without_any_price_counts_as_sent_and_is_not_filled() -> None:
    unpriced = past()
    unpriced = PastOrder(
        at=unpriced.at,
        intent=order(reference_price=None),
        account=PAPER,
        instrument=FACTS,
        market=MarketFacts(),
    )
    report = run(unpriced, past("SELL", minute=1), allow_short_selling=False, max_orders_per_day=1)
    assert outcomes(report) == ["PASS", "DENY"]
    assert report.now.without_price == 1


def test_a_limit_order_fills_at_its_limit() -> None:
    orders = [
        past(order_type=OrderType.LIMIT, price="100"),
        past("SELL", minute=1, price="130"),
    ]
    limit = PastOrder(
        at=orders[0].at,
        intent=order(order_type=OrderType.LIMIT, price=Decimal(120), reference_price=None),
        account=PAPER,
        instrument=FACTS,
        market=MarketFacts(),
    )
    assert run(limit, orders[1]).now.total.pnl == 100


def test_it_stops_when_the_time_is_over_and_says_how_many_are_left() -> None:
    answers = iter([True, True, False])
    orders = [past(minute=n) for n in range(5)]
    report = replay(orders, {7: [global_limits()]}, keep_going=lambda: next(answers))
    assert (len(report.rows), report.unfinished) == (2, 3)
    assert report.now.total.orders == 2


@pytest.mark.parametrize("mode", list(ClampMode))
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["BUY", "SELL"]),
            st.integers(1, 60),
            st.integers(90, 110),
            st.integers(0, 600),
            st.sampled_from(["INFY", "TCS"]),
        ),
        max_size=25,
    )
)
def test_whatever_comes_the_sums_agree_and_the_limit_holds(mode: ClampMode, drawn: Any) -> None:
    drawn.sort(key=lambda one: one[3])
    orders = [
        past(side, quantity, str(price), minute=minute, tradingsymbol=symbol)
        for side, quantity, price, minute, symbol in drawn
    ]
    tight = global_limits(max_quantity_per_order=25, max_open_positions=1, clamp_mode=mode)
    report = run(*orders, tried=tight)
    for walk in (report.now, report.tried):
        assert walk is not None
        assert walk.total.orders == len(orders)
        assert sum(day.orders for day in walk.by_day.values()) == len(orders)
        assert sum(one.pnl for one in walk.by_strategy.values()) == walk.total.pnl
        assert sum(day.pnl for day in walk.by_day.values()) == walk.total.pnl
    assert all(row.tried.quantity <= 25 for row in report.rows if row.tried)
    again = run(*orders, tried=tight)
    assert again.rows == report.rows
