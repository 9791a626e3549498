"""The limits of the day, of how often and of when, by example."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from risk.engine.denials import Code
from risk.engine.evaluate import evaluate
from risk.engine.snapshot import MarketFacts, StrategyFacts
from tests.risk.cases import (
    NOW,
    a_day,
    account,
    check_of,
    denials,
    facts,
    global_limits,
    live,
    live_facts,
    order,
    sent_lately,
    strategy_limits,
    working_order,
)
from trading.domain.values import Mode, OrderType, Product, Side

# The day


@pytest.mark.parametrize(("pnl", "outcome"), [("-499.99", "PASS"), (-500, "DENY"), (900, "PASS")])
def test_the_days_loss_stops_entries_and_no_exits(pnl, outcome):
    snapshot = facts(10, account=account(day=a_day(pnl)))
    limits = [global_limits(max_daily_loss=Decimal(500))]
    assert evaluate(order(), snapshot, limits).outcome == outcome
    assert evaluate(order(Side.SELL), snapshot, limits).outcome == "PASS"


def test_open_losses_count_as_realised_ones_do():
    day = replace(a_day(-300), unrealised=Decimal(-200))
    limits = [global_limits(max_daily_loss=Decimal(500))]
    decision = evaluate(order(), facts(account=account(day=day)), limits)
    assert decision.reasons == (
        "The day's loss of 500 has reached max_daily_loss=500 in GLOBAL: only exits pass.",
    )


@pytest.mark.parametrize("unknown", ["realised", "unrealised"])
def test_a_day_that_is_not_known_stops_entries(unknown):
    day = replace(a_day(), **{unknown: None})
    limits = [global_limits(max_daily_loss=Decimal(500))]
    assert evaluate(order(), facts(account=account(day=day)), limits).outcome == "DENY"


@pytest.mark.parametrize(
    ("setting", "day"),
    [
        ("max_daily_loss", a_day(-5)),
        ("max_orders_per_day", a_day(orders=5)),
        ("max_trades_per_day", a_day(trades=5)),
        ("consecutive_losses", a_day(losses_in_a_row=5)),
    ],
)
def test_a_day_is_the_accounts_in_global_and_the_strategys_in_its_own(setting, day):
    of_account = facts(account=account(day=day), strategy=StrategyFacts(day=a_day()))
    of_strategy = facts(account=account(), strategy=StrategyFacts(day=day))
    in_global, in_strategy = [global_limits(**{setting: 5})], [strategy_limits(**{setting: 5})]
    assert evaluate(order(), of_account, in_global).outcome == "DENY"
    assert evaluate(order(), of_account, in_strategy).outcome == "PASS"
    assert evaluate(order(), of_strategy, in_global).outcome == "PASS"
    assert evaluate(order(), of_strategy, in_strategy).outcome == "DENY"


def test_the_last_order_of_the_day_passes_and_its_use_is_kept():
    snapshot = facts(account=account(day=a_day(orders=4)))
    decision = evaluate(order(), snapshot, [global_limits(max_orders_per_day=5)])
    check = check_of(decision, Code.MAX_ORDERS_PER_DAY)
    assert (check.value, check.limit, check.verdict) == (5, 5, "PASS")


@pytest.mark.parametrize(("sent", "outcome"), [(3999, "PASS"), (4000, "DENY")])
def test_the_accounts_own_limit_of_orders_is_hard(sent, outcome):
    snapshot = facts(account=account(orders_per_day=4000, sent_today=sent))
    assert evaluate(order(), snapshot, []).outcome == outcome


# Duplicates

WITHIN = [global_limits(duplicate_order=30)]


@pytest.mark.parametrize(
    ("earlier", "outcome"),
    [
        (sent_lately(0), "DENY"),
        (sent_lately(29), "DENY"),
        (sent_lately(30), "PASS"),
        (sent_lately(5, Side.SELL), "PASS"),
        (sent_lately(5, quantity=11), "PASS"),
        (sent_lately(5, tradingsymbol="TCS"), "PASS"),
        (sent_lately(5, exchange="BSE"), "PASS"),
        (sent_lately(5, product=Product.CNC), "DENY"),
    ],
)
def test_a_duplicate_has_the_same_instrument_side_and_quantity(earlier, outcome):
    assert evaluate(order(), facts(recent=(earlier,)), WITHIN).outcome == outcome


def test_a_duplicate_is_named():
    assert evaluate(order(), facts(recent=(sent_lately(12),)), WITHIN).reasons == (
        "supertrend sent the same order, BUY 10 NSE:INFY, 12 s ago; duplicate_order=30 in GLOBAL.",
    )


def test_a_retry_is_no_duplicate_of_what_it_retries():
    snapshot = facts(recent=(sent_lately(12, order_id=40),))
    assert evaluate(order(retries=(40,)), snapshot, WITHIN).outcome == "PASS"
    assert evaluate(order(retries=(39,)), snapshot, WITHIN).outcome == "DENY"


def test_what_belongs_to_no_strategy_or_only_closes_is_no_duplicate():
    snapshot = facts(recent=(sent_lately(12), sent_lately(12, Side.SELL)))
    assert evaluate(order(strategy_id=None), snapshot, WITHIN).outcome == "PASS"
    held = replace(snapshot, position_quantity=10)
    assert evaluate(order(Side.SELL), held, WITHIN).outcome == "PASS"


def test_a_clamp_makes_no_duplicate_of_a_smaller_order():
    limits = [global_limits(duplicate_order=30, max_quantity_per_order=10)]
    decision = evaluate(order(quantity=15), facts(recent=(sent_lately(5, quantity=10),)), limits)
    assert (decision.outcome, decision.final_qty) == ("CLAMP", 10)


# Own orders on the other side

ON = [global_limits(self_match=True)]
STOP = {"order_type": OrderType.SL_M}


def at(price, side=Side.BUY):
    return order(side, order_type=OrderType.LIMIT, price=Decimal(price))


@pytest.mark.parametrize(
    ("intent", "working", "outcome"),
    [
        (at(100), working_order(Side.SELL, 100), "DENY"),
        (at(99), working_order(Side.SELL, 100), "PASS"),
        (at(100, Side.SELL), working_order(Side.BUY, 100), "DENY"),
        (at(101, Side.SELL), working_order(Side.BUY, 100), "PASS"),
        (at(100), working_order(Side.BUY, 100), "PASS"),
        (at(100), working_order(Side.SELL, 100, tradingsymbol="TCS"), "PASS"),
        (at(100), working_order(Side.SELL, 100, product=Product.CNC), "DENY"),
        (at(1), working_order(Side.SELL, None), "DENY"),
        (order(), working_order(Side.SELL, None), "DENY"),
        (order(), working_order(Side.SELL, 110), "PASS"),
        (order(), working_order(Side.SELL, 100), "DENY"),
        (order(reference_price=None), working_order(Side.SELL, 110), "DENY"),
        (order(), working_order(Side.SELL, 90, **STOP), "PASS"),
        (order(trigger_price=Decimal(101), **STOP), working_order(Side.SELL, 100), "PASS"),
    ],
)
def test_an_order_does_not_trade_with_an_own_one(intent, working, outcome):
    snapshot = facts(account=account(working=(working,)))
    decision = evaluate(intent, snapshot, ON)
    assert decision.outcome == outcome
    assert denials(decision) <= {Code.SELF_MATCH}


# Entries of a strategy


@pytest.mark.parametrize(
    ("side", "quantity", "held", "entries", "outcome"),
    [
        (Side.BUY, 10, 0, 0, "PASS"),
        (Side.BUY, 10, 10, 1, "PASS"),
        (Side.BUY, 10, 20, 2, "DENY"),
        (Side.BUY, 10, 0, 2, "DENY"),
        (Side.SELL, 20, 20, 2, "PASS"),
        (Side.SELL, 40, 20, 2, "PASS"),
    ],
)
def test_a_position_has_so_many_entries_and_may_be_turned(side, quantity, held, entries, outcome):
    snapshot = facts(held, strategy=StrategyFacts(entries=entries))
    limits = [strategy_limits(pyramiding=2)]
    assert evaluate(order(side, quantity), snapshot, limits).outcome == outcome


@pytest.mark.parametrize(("ago", "outcome"), [(59, "DENY"), (60, "PASS"), (None, "PASS")])
def test_after_a_trade_a_strategy_pauses(ago, outcome):
    ended = None if ago is None else NOW - timedelta(seconds=ago)
    snapshot = facts(strategy=StrategyFacts(last_exit_at=ended))
    assert evaluate(order(), snapshot, [strategy_limits(cool_down=60)]).outcome == outcome


@pytest.mark.parametrize("setting", ["pyramiding", "cool_down"])
def test_without_a_strategy_there_is_nothing_to_count(setting):
    snapshot = facts(strategy=StrategyFacts(entries=9, last_exit_at=NOW))
    nobodys = order(strategy_id=None, strategy_name="")
    assert evaluate(nobodys, snapshot, [global_limits(**{setting: 1})]).outcome == "PASS"


# The hour

CUTOFF = [global_limits(mis_cutoff=15)]


def closing_in(minutes, **different):
    return MarketFacts(square_off_at=NOW + timedelta(minutes=minutes), **different)


@pytest.mark.parametrize(
    ("minutes", "outcome"), [(16, "PASS"), (15, "DENY"), (0, "DENY"), (-5, "DENY")]
)
def test_fresh_intraday_orders_end_before_the_square_off(minutes, outcome):
    snapshot = live_facts(market=closing_in(minutes))
    assert evaluate(live(mode=Mode.MANUAL), snapshot, CUTOFF).outcome == outcome


def test_the_cut_off_is_for_intraday_entries_in_market_hours():
    near = live_facts(10, market=closing_in(5))
    assert evaluate(live(product=Product.NRML), near, CUTOFF).outcome == "PASS"
    assert evaluate(live(side=Side.SELL), near, CUTOFF).outcome == "PASS"
    for_tomorrow = live_facts(market=closing_in(-60, open=False))
    assert evaluate(live(), for_tomorrow, CUTOFF).outcome == "PASS"
    not_today = live_facts(market=MarketFacts())
    assert evaluate(live(), not_today, CUTOFF).outcome == "PASS"


@pytest.mark.parametrize(
    ("since", "market_open", "outcome"),
    [(0, True, "DENY"), (-60, True, "DENY"), (1, True, "PASS"), (-60, False, "PASS")],
)
def test_from_an_hour_on_no_new_entries(since, market_open, outcome):
    hour = MarketFacts(no_new_entries_at=NOW + timedelta(minutes=since), open=market_open)
    assert evaluate(order(), facts(market=hour), []).outcome == outcome
    assert evaluate(order(Side.SELL), facts(10, market=hour), []).outcome == "PASS"
