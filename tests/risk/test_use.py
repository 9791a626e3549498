"""How much of each limit is used now, as the bars of the risk page show it."""

from decimal import Decimal

from risk.engine.snapshot import (
    AccountFacts,
    DayFacts,
    OpenPosition,
    StrategyFacts,
    WorkingOrder,
)
from risk.engine.use import uses
from tests.risk.cases import global_limits, strategy_limits
from trading.domain.values import OrderType, Product, Side


def position(tradingsymbol="INFY", quantity=0, price="100", **fields):
    values = {"underlying": tradingsymbol, "segment": "EQUITY"} | fields
    return OpenPosition(
        exchange="NSE",
        tradingsymbol=tradingsymbol,
        product=Product.MIS,
        quantity=quantity,
        price=None if price is None else Decimal(price),
        **values,
    )


def working(value="500"):
    return WorkingOrder(
        order_id=1,
        exchange="NSE",
        tradingsymbol="INFY",
        product=Product.MIS,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity=5,
        price=Decimal(100),
        value=None if value is None else Decimal(value),
        reduce_only=False,
    )


def used(setting, limit, strategy=None, **account):
    limits = (strategy_limits if strategy else global_limits)(**{setting: limit})
    (found,) = uses(limits, AccountFacts(**account), strategy)
    assert found.setting == setting
    return found


def test_a_limit_that_is_off_has_no_use():
    assert uses(global_limits(), AccountFacts()) == []


def test_a_days_profit_uses_nothing_of_the_daily_loss_and_an_unknown_one_all_of_it():
    day = DayFacts(realised=Decimal(-500), unrealised=Decimal(100))
    assert used("max_daily_loss", Decimal(1000), day=day).used == 400
    up = DayFacts(realised=Decimal(500), unrealised=Decimal(100))
    assert used("max_daily_loss", Decimal(1000), day=up).used == 0
    unknown = used("max_daily_loss", Decimal(1000), day=DayFacts())
    assert (unknown.used, unknown.reached) == (None, True)


def test_open_positions_count_those_that_working_entries_would_open():
    positions = (position("INFY", 10), position("TCS", working_buy=5), position("ITC"))
    assert used("max_open_positions", 3, positions=positions).used == 2


def test_the_largest_position_is_named_and_working_orders_count():
    positions = (position("INFY", 10, working_buy=20), position("TCS", -25))
    found = used("max_position_quantity", 100, positions=positions)
    assert (found.used, found.where) == (30, "NSE:INFY")


def test_contracts_of_one_underlying_are_netted():
    family = {"underlying": "NIFTY", "segment": "DERIVATIVES"}
    positions = (
        position("NIFTY26DECFUT", 65, "26000", **family),
        position("NIFTY27JANFUT", -130, "26000", **family),
    )
    found = used("max_position_value", Decimal(10_000_000), positions=positions)
    assert (found.used, found.where) == (130 * 26000, "NSE:NIFTY27JANFUT")


def test_gross_adds_long_and_short_and_net_sets_them_off():
    positions = (position("INFY", 10), position("TCS", -30), position("X", 5, segment="COMMODITY"))
    gross = used("max_gross_exposure", Decimal(10_000), positions=positions)
    assert (gross.used, gross.where) == (4000, "EQUITY")
    net = used("max_net_exposure", Decimal(10_000), positions=positions)
    assert (net.used, net.where) == (2000, "EQUITY")


def test_a_missing_price_is_not_taken_for_nothing():
    positions = (position("INFY", 10, price=None),)
    for setting in ("max_position_value", "max_gross_exposure", "max_net_exposure"):
        found = used(setting, Decimal(10_000), positions=positions)
        assert (found.used, found.reached) == (None, True)
        assert found.where == "NSE:INFY"


def test_working_orders_are_counted_and_valued():
    orders = (working(), working("700"))
    assert used("max_working_orders", 20, working=orders).used == 2
    assert used("max_working_value", Decimal(5000), working=orders).used == 1200
    unpriced = (working(), working(None))
    assert used("max_working_value", Decimal(5000), working=unpriced).used is None


def test_a_strategys_limits_are_used_by_its_own_day_and_capital():
    account = DayFacts(orders=9, trades=9, losses_in_a_row=9)
    mine = StrategyFacts(day=DayFacts(orders=2, trades=1, losses_in_a_row=3), capital=Decimal(700))
    for setting, expected in (
        ("max_orders_per_day", 2),
        ("max_trades_per_day", 1),
        ("consecutive_losses", 3),
    ):
        assert used(setting, 5, strategy=mine, day=account).used == expected
        assert used(setting, 5, day=account).used == 9
    assert used("strategy_budget", Decimal(1000), strategy=mine).used == 700
