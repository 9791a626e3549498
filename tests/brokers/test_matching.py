"""The matching rules: examples of each order type, then properties over all of them."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.paper.matching import (
    TICK_SIZE,
    Direction,
    Match,
    MatchConfig,
    MatchFill,
    MatchOrder,
    arrive,
    day_ends,
    gtt_direction,
    gtt_fires,
    market_fill_price,
    may_trade,
    tick,
)
from brokers.port import BrokerStatus
from trading.domain.shipped_calendar import SHIPPED
from trading.domain.values import OrderType, Side, Validity

IST = ZoneInfo("Asia/Kolkata")
PLAIN = MatchConfig()


def order(order_type: OrderType = OrderType.MARKET, **changes: object) -> MatchOrder:
    fields = {"side": Side.BUY, "validity": Validity.DAY, "quantity": 10, **changes}
    return MatchOrder(order_type=order_type, **fields)


def filled_at(match: Match) -> Decimal | None:
    return match.fill.price if match.fill else None


def test_a_market_order_takes_the_price_with_slippage_against_it():
    config = MatchConfig(slippage_bps=10)
    assert filled_at(arrive(order(), Decimal("1000.00"), config)) == Decimal("1001.00")
    sell = order(side=Side.SELL)
    assert filled_at(arrive(sell, Decimal("1000.00"), config)) == Decimal("999.00")


def test_slippage_is_rounded_up_to_whole_ticks():
    config = MatchConfig(slippage_bps=1)
    assert market_fill_price(Side.BUY, Decimal("123.45"), config) == Decimal("123.50")
    assert market_fill_price(Side.SELL, Decimal("123.45"), config) == Decimal("123.40")


def test_slippage_never_makes_a_sale_free():
    config = MatchConfig(slippage_bps=1000)
    assert market_fill_price(Side.SELL, Decimal("0.05"), config) == Decimal("0.05")
    assert market_fill_price(Side.SELL, Decimal("0.01"), config) == Decimal("0.01")


def test_a_market_order_without_a_price_stays_open():
    match = arrive(order(), None, PLAIN)
    assert (match.fill, match.order.status) == (None, BrokerStatus.OPEN)


def test_a_limit_that_crosses_on_arrival_gets_the_market_price():
    buy = order(OrderType.LIMIT, price=Decimal(105))
    assert filled_at(arrive(buy, Decimal(100), PLAIN)) == Decimal(100)
    sell = order(OrderType.LIMIT, side=Side.SELL, price=Decimal(95))
    assert filled_at(arrive(sell, Decimal(100), PLAIN)) == Decimal(100)


def test_a_limit_that_rested_gets_its_own_price():
    resting = arrive(order(OrderType.LIMIT, price=Decimal(95)), Decimal(100), PLAIN).order
    assert resting.status is BrokerStatus.OPEN
    assert filled_at(tick(resting, Decimal("95.05"), PLAIN)) is None
    assert filled_at(tick(resting, Decimal(90), PLAIN)) == Decimal(95)


def test_slippage_does_not_touch_a_limit_order():
    buy = order(OrderType.LIMIT, price=Decimal(105))
    assert filled_at(arrive(buy, Decimal(100), MatchConfig(slippage_bps=100))) == Decimal(100)


def test_a_stop_limit_order_is_a_limit_order_once_triggered():
    stop = order(OrderType.SL, trigger_price=Decimal(110), price=Decimal(112))
    waiting = arrive(stop, Decimal(100), PLAIN).order
    assert waiting.status is BrokerStatus.TRIGGER_PENDING
    beyond = tick(waiting, Decimal(115), PLAIN)
    assert (beyond.fill, beyond.order.triggered) == (None, True)
    assert beyond.order.status is BrokerStatus.OPEN
    assert filled_at(tick(beyond.order, Decimal(111), PLAIN)) == Decimal(112)


def test_a_stop_limit_order_inside_its_limit_trades_with_the_price_that_triggers_it():
    stop = order(OrderType.SL, trigger_price=Decimal(110), price=Decimal(112))
    waiting = arrive(stop, Decimal(100), PLAIN).order
    assert filled_at(tick(waiting, Decimal(111), PLAIN)) == Decimal(111)


def test_a_stop_market_order_trades_at_the_price_that_triggers_it_with_slippage():
    stop = order(OrderType.SL_M, side=Side.SELL, trigger_price=Decimal(90))
    waiting = arrive(stop, Decimal(100), PLAIN).order
    assert filled_at(tick(waiting, Decimal("90.05"), PLAIN)) is None
    config = MatchConfig(slippage_bps=10)
    assert filled_at(tick(waiting, Decimal(80), config)) == Decimal("79.90")


def test_depth_bounds_every_fill_and_ioc_cancels_the_rest():
    config = MatchConfig(fill_depth=4)
    first = arrive(order(), Decimal(100), config)
    assert (first.fill, first.order.status) == (
        MatchFill(4, Decimal(100)),
        BrokerStatus.OPEN,
    )
    second = tick(first.order, Decimal(101), config)
    third = tick(second.order, Decimal(102), config)
    assert third.fill == MatchFill(2, Decimal(102))
    assert third.order.status is BrokerStatus.COMPLETE
    ioc = arrive(order(validity=Validity.IOC), Decimal(100), config)
    assert (ioc.order.filled, ioc.order.status) == (4, BrokerStatus.CANCELLED)


@pytest.mark.parametrize(
    ("side", "market", "expected"),
    [
        (Side.BUY, "120", Direction.FALL),
        (Side.BUY, "80", Direction.RISE),
        (Side.SELL, "80", Direction.RISE),
        (Side.BUY, "100", Direction.FALL),
        (Side.SELL, "100", Direction.RISE),
        (Side.BUY, None, Direction.FALL),
        (Side.SELL, None, Direction.RISE),
    ],
)
def test_a_gtt_waits_for_the_side_that_the_price_is_not_on(side, market, expected):
    known = Decimal(market) if market else None
    assert gtt_direction(side, Decimal(100), known) is expected


def test_a_gtt_fires_at_its_trigger_and_beyond():
    assert [gtt_fires(Direction.RISE, Decimal(100), Decimal(p)) for p in (99, 100, 101)] == [
        False,
        True,
        True,
    ]
    assert [gtt_fires(Direction.FALL, Decimal(100), Decimal(p)) for p in (99, 100, 101)] == [
        True,
        True,
        False,
    ]


def test_a_day_order_ends_at_the_next_midnight_in_india():
    late = datetime(2026, 11, 16, 18, 29, tzinfo=UTC)  # 23:59 IST
    assert day_ends("NSE", late, None) == datetime(2026, 11, 17, tzinfo=IST)
    later = datetime(2026, 11, 16, 18, 30, tzinfo=UTC)  # 00:00 IST on the 17th
    assert day_ends("NSE", later, None) == datetime(2026, 11, 18, tzinfo=IST)


def test_with_market_hours_kept_a_day_order_ends_with_the_session():
    morning = datetime(2026, 11, 16, 10, tzinfo=IST)
    assert day_ends("NSE", morning, SHIPPED) == datetime(2026, 11, 16, 15, 30, tzinfo=IST)
    assert day_ends("MCX", morning, SHIPPED) == datetime(2026, 11, 16, 23, 55, tzinfo=IST)


def test_market_hours_count_only_when_they_are_kept():
    sunday = datetime(2026, 11, 15, 10, tzinfo=IST)
    assert may_trade("NSE", sunday, None)
    assert not may_trade("NSE", sunday, SHIPPED)
    assert may_trade("NSE", datetime(2026, 11, 16, 9, 15, tzinfo=IST), SHIPPED)
    assert not may_trade("NSE", datetime(2026, 11, 16, 15, 30, tzinfo=IST), SHIPPED)


prices = st.integers(min_value=1, max_value=4_000).map(lambda ticks: ticks * TICK_SIZE)
configs = st.builds(
    MatchConfig,
    slippage_bps=st.integers(0, 500),
    fill_depth=st.none() | st.integers(1, 50),
)


@st.composite
def orders(draw: st.DrawFn) -> MatchOrder:
    order_type = draw(st.sampled_from(OrderType))
    side = draw(st.sampled_from(Side))
    trigger = draw(prices)
    away = draw(st.integers(0, 100)) * TICK_SIZE
    price = trigger + side.sign * away
    return MatchOrder(
        side=side,
        order_type=order_type,
        validity=draw(st.sampled_from([Validity.DAY, Validity.IOC])),
        quantity=draw(st.integers(1, 200)),
        price=max(price, TICK_SIZE) if order_type.needs_price else None,
        trigger_price=trigger if order_type.needs_trigger else None,
    )


def run(start: MatchOrder, path: list[Decimal], config: MatchConfig) -> list[tuple[Decimal, Match]]:
    """Every step of an order's life along `path`."""
    steps = [(path[0], arrive(start, path[0], config))]
    for price in path[1:]:
        current = steps[-1][1].order
        if current.status.final:
            break
        steps.append((price, tick(current, price, config)))
    return steps


paths = st.lists(prices, min_size=1, max_size=12)


@given(orders(), paths, configs)
def test_fills_add_up_and_never_exceed_the_order(start, path, config):
    steps = run(start, path, config)
    fills = [match.fill for _, match in steps if match.fill]
    last = steps[-1][1].order
    assert sum(fill.quantity for fill in fills) == last.filled <= start.quantity
    assert all(fill.quantity > 0 for fill in fills)
    if config.fill_depth is not None:
        assert all(fill.quantity <= config.fill_depth for fill in fills)
    assert (last.status is BrokerStatus.COMPLETE) == (last.filled == start.quantity)


@given(orders(), paths, configs)
def test_a_limit_is_never_violated_and_no_market_fill_is_better_than_the_price(start, path, config):
    for price, match in run(start, path, config):
        if match.fill is None:
            continue
        worse = (match.fill.price - (start.price or price)) * start.side.sign
        assert worse <= 0 if start.price is not None else worse >= 0
        assert match.fill.price > 0


@given(orders(), paths, configs)
def test_nothing_fills_before_its_trigger_is_reached(start, path, config):
    if not start.order_type.needs_trigger:
        start = MatchOrder(
            start.side, OrderType.SL_M, Validity.DAY, start.quantity, trigger_price=path[0]
        )
    seen: list[Decimal] = []
    for price, match in run(start, path, config):
        seen.append(price)
        reached = any((one - start.trigger_price) * start.side.sign >= 0 for one in seen)
        assert match.order.triggered == reached
        assert match.fill is None or reached


@given(orders(), paths, configs)
def test_an_ioc_order_never_rests(start, path, config):
    ioc = MatchOrder(
        start.side, start.order_type, Validity.IOC, start.quantity,
        price=start.price, trigger_price=start.trigger_price,
    )  # fmt: skip
    assert arrive(ioc, path[0], config).order.status.final
