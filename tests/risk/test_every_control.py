"""Each rule and each gate stops an order that nothing else stops."""

from dataclasses import dataclass, fields, replace
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from risk.engine.denials import Code, Verdict
from risk.engine.evaluate import evaluate
from risk.engine.gates import GATES
from risk.engine.limits import Limits, Window
from risk.engine.rules import RULES, LimitRule
from risk.engine.snapshot import (
    Intent,
    MarginFacts,
    MarketFacts,
    OpenBreaker,
    Snapshot,
    StrategyFacts,
)
from tests.risk.cases import (
    NOW,
    a_day,
    account,
    everything_is,
    facts,
    global_limits,
    live,
    live_facts,
    open_position,
    option,
    order,
    sent_lately,
    share,
    working_order,
)
from trading.domain.values import (
    ClampMode,
    Mode,
    OrderType,
    Product,
    Side,
    TradingStateName,
)


@dataclass(frozen=True)
class Example:
    """An order, the facts and the settings of GLOBAL."""

    intent: Intent
    snapshot: Snapshot
    settings: dict[str, Any]


def example(intent: Intent, snapshot: Snapshot, **settings: Any) -> Example:
    return Example(intent, snapshot, settings)


def limit_order(price: str, **different: Any) -> Intent:
    return order(order_type=OrderType.LIMIT, price=Decimal(price), **different)


def last(price: int, **different: Any) -> Snapshot:
    return facts(last_price=Decimal(price), last_price_at=NOW, **different)


def breaker(code: Code) -> Snapshot:
    tripped = OpenBreaker(code=code, reason="3 refusals in a row", since=NOW)
    return live_facts(account=account(breakers=(tripped,)))


NIFTY = {"exchange": "NFO", "tradingsymbol": "NIFTY26MAR22000CE", "product": Product.NRML}
SOON = NOW + timedelta(minutes=10)

# By code and setting: an order of which that control is the only one to complain.
RULE_EXAMPLES = {
    ("QUANTITY_REQUIRED", "hard"): example(order(quantity=0), facts()),
    ("STRATEGY_DISABLED", "hard"): example(order(mode=Mode.AUTO, strategy_enabled=False), facts()),
    ("MODE_MISMATCH", "hard"): example(order(simulated=False), facts()),
    ("MARKET_CLOSED", "off_hours"): example(order(), facts(market_refusal="NSE is closed.")),
    ("REDUCE_ONLY", "hard"): example(order(Side.SELL, 15, reduce_only=True), facts(10)),
    ("REDUCING_ONLY", "hard"): example(
        order(), facts(states=everything_is(TradingStateName.REDUCING))
    ),
    ("NO_NEW_ENTRIES", "no_new_entries_at"): example(
        order(), facts(market=MarketFacts(no_new_entries_at=NOW))
    ),
    ("ORDER_RATE", "orders_per_day"): example(
        order(), facts(account=account(orders_per_day=4000, sent_today=4000))
    ),
    ("UNKNOWN_INSTRUMENT", "hard"): example(live(), live_facts(instrument=share(listed=False))),
    ("EXPIRED_INSTRUMENT", "hard"): example(
        order(quantity=65, **NIFTY), facts(instrument=option(expiry=date(2026, 3, 3)))
    ),
    ("INDEX_NOT_TRADABLE", "hard"): example(order(), facts(instrument=share(kind="INDEX"))),
    ("LOT_SIZE", "hard"): example(order(quantity=64, **NIFTY), facts(instrument=option())),
    ("TICK_SIZE", "hard"): example(limit_order("100.03"), facts(instrument=share())),
    ("FREEZE_QUANTITY", "hard"): example(
        order(quantity=1820, **NIFTY), facts(instrument=option(freeze_quantity=1800))
    ),
    ("ORDER_TYPE_POLICY", "hard"): example(
        order(quantity=65, **NIFTY), facts(instrument=option(of_index=False))
    ),
    ("SHORT_SELLING_DISABLED", "allow_short_selling"): example(
        order(Side.SELL), facts(), allow_short_selling=False
    ),
    ("NAKED_OPTION_SELL", "naked_option_sell"): example(
        order(Side.SELL, 65, **NIFTY), facts(instrument=option()), naked_option_sell=False
    ),
    ("MAX_QUANTITY_PER_ORDER", "max_quantity_per_order"): example(
        order(), facts(), max_quantity_per_order=9
    ),
    ("MAX_ORDER_VALUE", "max_order_value"): example(order(), facts(), max_order_value=Decimal(999)),
    ("SYMBOL_NOT_ALLOWED", "symbol_whitelist"): example(
        order(), facts(), symbol_whitelist=("TCS",)
    ),
    ("SYMBOL_NOT_ALLOWED", "symbol_blacklist"): example(
        order(), facts(), symbol_blacklist=("INFY",)
    ),
    ("PRICE_COLLAR", "price_collar"): example(
        limit_order("104"), last(100), price_collar=Decimal(3)
    ),
    ("PRICE_COLLAR", "price_collar_options"): example(
        limit_order("121", quantity=65, **NIFTY),
        last(100, instrument=option()),
        price_collar_options=Decimal(20),
    ),
    ("MAX_OPEN_POSITIONS", "max_open_positions"): example(
        order(), facts(open_instruments=frozenset({"NSE:TCS|MIS"})), max_open_positions=1
    ),
    ("MAX_POSITION_QUANTITY", "max_position_quantity"): example(
        order(), facts(account=account(positions=(open_position(95),))), max_position_quantity=100
    ),
    ("MAX_POSITION_VALUE", "max_position_value"): example(
        order(),
        facts(account=account(positions=(open_position(95),))),
        max_position_value=Decimal(10_000),
    ),
    ("MAX_GROSS_EXPOSURE", "max_gross_exposure"): example(
        order(),
        facts(instrument=share(), account=account(positions=(open_position(-95, "NSE:TCS"),))),
        max_gross_exposure=Decimal(10_000),
    ),
    ("MAX_NET_EXPOSURE", "max_net_exposure"): example(
        order(),
        facts(instrument=share(), account=account(positions=(open_position(95, "NSE:TCS"),))),
        max_net_exposure=Decimal(10_000),
    ),
    ("MAX_WORKING_ORDERS", "max_working_orders"): example(
        order(), facts(account=account(working=(working_order(Side.BUY),))), max_working_orders=1
    ),
    ("MAX_WORKING_ORDERS", "max_working_value"): example(
        order(),
        facts(account=account(working=(working_order(Side.BUY),))),
        max_working_value=Decimal(1_999),
    ),
    ("INSUFFICIENT_MARGIN", "insufficient_margin"): example(
        order(),
        facts(account=account(margin=MarginFacts(available=Decimal(10), required=Decimal(10)))),
        insufficient_margin=Decimal(10),
    ),
    ("STRATEGY_BUDGET", "strategy_budget"): example(
        order(),
        facts(strategy=StrategyFacts(capital=Decimal(500))),
        strategy_budget=Decimal(1_400),
    ),
    ("MAX_DAILY_LOSS", "max_daily_loss"): example(
        order(), facts(account=account(day=a_day(-500))), max_daily_loss=Decimal(500)
    ),
    ("MAX_ORDERS_PER_DAY", "max_orders_per_day"): example(
        order(), facts(account=account(day=a_day(orders=3))), max_orders_per_day=3
    ),
    ("MAX_TRADES_PER_DAY", "max_trades_per_day"): example(
        order(), facts(account=account(day=a_day(trades=3))), max_trades_per_day=3
    ),
    ("CONSECUTIVE_LOSSES", "consecutive_losses"): example(
        order(), facts(account=account(day=a_day(losses_in_a_row=3))), consecutive_losses=3
    ),
    ("DUPLICATE_ORDER", "duplicate_order"): example(
        order(), facts(recent=(sent_lately(29),)), duplicate_order=30
    ),
    ("SELF_MATCH", "self_match"): example(
        order(), facts(account=account(working=(working_order(),))), self_match=True
    ),
    ("PYRAMIDING", "pyramiding"): example(
        order(), facts(10, strategy=StrategyFacts(entries=1)), pyramiding=1
    ),
    ("COOL_DOWN", "cool_down"): example(
        order(),
        facts(strategy=StrategyFacts(last_exit_at=NOW - timedelta(seconds=59))),
        cool_down=60,
    ),
    ("MIS_CUTOFF", "mis_cutoff"): example(
        live(mode=Mode.MANUAL), live_facts(market=MarketFacts(square_off_at=SOON)), mis_cutoff=15
    ),
}

GATE_EXAMPLES = {
    "TRADING_HALTED": example(order(), facts(states=everything_is(TradingStateName.HALTED))),
    "BROKER_SESSION": example(order(), facts(session_ok=False)),
    "UNRESOLVED_UNKNOWN": example(order(), facts(unresolved_unknown=True)),
    "CIRCUIT_BREAKER": example(live(), breaker(Code.CIRCUIT_BREAKER)),
    "REPEATED_EXECUTION": example(live(), breaker(Code.REPEATED_EXECUTION)),
    "RECONCILIATION_GATE": example(live(), live_facts(account=account(doubt="10 here, 5 there"))),
    "CLOCK_SKEW": example(
        live(), live_facts(account=account(clock_skew=Decimal("2.1"))), clock_skew=Decimal(2)
    ),
    "STALE_REFERENCE": example(
        live(),
        live_facts(last_price_at=NOW - timedelta(seconds=11)),
        stale_reference=10,
        stale_alert=Decimal(5),
    ),
    "STALE_ALERT": example(
        live(), live_facts(last_price=Decimal("100.6")), stale_alert=Decimal("0.5")
    ),
    "APPROVAL_THRESHOLD": example(live(), live_facts(), approval_threshold=Decimal(999)),
    "NO_TRADE_WINDOW": example(
        order(), facts(), no_trade_windows=(Window(time(11, 0), time(11, 1)),)
    ),
    "CALENDAR_ENDS": example(live(), live_facts(market=MarketFacts(covered=False))),
}


def test_every_rule_and_every_gate_has_an_example():
    assert set(RULE_EXAMPLES) == {(rule.code, rule.setting) for rule in RULES}
    assert set(GATE_EXAMPLES) == {gate.code for gate in GATES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.code}-{rule.setting}")
def test_without_its_rule_the_order_would_be_sent_as_it_is(rule):
    case = RULE_EXAMPLES[rule.code, rule.setting]
    limits = [global_limits(**case.settings)]
    decision = evaluate(case.intent, case.snapshot, limits)
    assert decision.outcome is not Verdict.PASS
    assert decision.notes
    others = [one for one in RULES if one is not rule]
    without = evaluate(case.intent, case.snapshot, limits, others)
    assert (without.outcome, without.final_qty) == (Verdict.PASS, case.intent.quantity)
    assert without.gates == ()


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.code)
def test_without_its_gate_the_order_would_not_be_held(gate):
    case = GATE_EXAMPLES[gate.code]
    limits = [global_limits(**case.settings)]
    decision = evaluate(case.intent, case.snapshot, limits)
    assert [one.code for one in decision.gates] == [gate.code]
    assert decision.outcome is Verdict.PASS
    others = [one for one in GATES if one is not gate]
    assert evaluate(case.intent, case.snapshot, limits, gates=others).gates == ()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.code}-{rule.setting}")
def test_a_setting_that_is_off_is_not_judged(rule):
    case = RULE_EXAMPLES[rule.code, rule.setting]
    decision = evaluate(case.intent, case.snapshot, [global_limits()])
    judged = (rule.code, rule.setting) in {(one.code, one.setting) for one in decision.checks}
    assert judged is not isinstance(rule, LimitRule)


@pytest.mark.parametrize("rule", [r for r in RULES if isinstance(r, LimitRule) and r.cuts])
def test_what_clamps_denies_with_reject(rule):
    case = RULE_EXAMPLES[rule.code, rule.setting]
    clamped = evaluate(case.intent, case.snapshot, [global_limits(**case.settings)])
    assert clamped.outcome is Verdict.CLAMP
    assert rule.setting in clamped.notes[0]
    rejecting = global_limits(clamp_mode=ClampMode.REJECT, **case.settings)
    assert evaluate(case.intent, case.snapshot, [rejecting]).outcome is Verdict.DENY


@pytest.mark.parametrize("gate", [gate for gate in GATES if gate.auto_only], ids=lambda g: g.code)
def test_a_person_is_not_held_by_what_holds_auto(gate):
    case = GATE_EXAMPLES[gate.code]
    by_hand = replace(case.intent, mode=Mode.MANUAL)
    assert evaluate(by_hand, case.snapshot, [global_limits(**case.settings)]).gates == ()


@pytest.mark.parametrize("gate", [gate for gate in GATES if gate.live_only], ids=lambda g: g.code)
def test_paper_is_not_held_by_what_is_for_live(gate):
    case = GATE_EXAMPLES[gate.code]
    paper = replace(case.intent, simulated=True, strategy_target=None)
    snapshot = replace(case.snapshot, connection_simulated=True)
    assert evaluate(paper, snapshot, [global_limits(**case.settings)]).gates == ()


def test_paper_may_trade_intraday_until_any_hour():
    case = RULE_EXAMPLES["MIS_CUTOFF", "mis_cutoff"]
    paper = replace(case.intent, simulated=True, strategy_target=None)
    snapshot = replace(case.snapshot, connection_simulated=True)
    assert evaluate(paper, snapshot, [global_limits(**case.settings)]).outcome is Verdict.PASS


def test_every_code_belongs_to_a_rule_or_a_gate():
    assert {one.code for one in (*RULES, *GATES)} == set(Code)


def test_every_limit_is_read_by_a_rule_or_a_gate():
    read = {rule.setting for rule in RULES if isinstance(rule, LimitRule)}
    read |= {setting for gate in GATES for setting in gate.settings}
    # How much is a clamp's or a breaker's matter, and when a page warns.
    others = {"scope", "label", "clamp_mode", "circuit_breaker_reducing", "clock_skew_warn"}
    assert read | others == {field.name for field in fields(Limits)}
    assert not read & others


def test_what_the_table_marks_with_an_arrow_spares_exits():
    arrows = {one.code for one in (*RULES, *GATES) if one.spares_exits}
    assert arrows == {
        "REDUCING_ONLY",
        "NO_NEW_ENTRIES",
        "NAKED_OPTION_SELL",
        "SYMBOL_NOT_ALLOWED",
        "MAX_OPEN_POSITIONS",
        "MAX_POSITION_QUANTITY",
        "MAX_POSITION_VALUE",
        "MAX_GROSS_EXPOSURE",
        "MAX_NET_EXPOSURE",
        "INSUFFICIENT_MARGIN",
        "STRATEGY_BUDGET",
        "MAX_DAILY_LOSS",
        "MAX_TRADES_PER_DAY",
        "CONSECUTIVE_LOSSES",
        "DUPLICATE_ORDER",
        "MAX_ORDERS_PER_DAY",
        "SELF_MATCH",
        "PRICE_COLLAR",
        "MAX_WORKING_ORDERS",
        "PYRAMIDING",
        "COOL_DOWN",
        "MIS_CUTOFF",
        "RECONCILIATION_GATE",
        "STALE_ALERT",
        "NO_TRADE_WINDOW",
    }


# Nothing is known: no list, no price, no day, no margin, no clock.
BLANK: dict[str, Any] = {
    "account": account(
        day=replace(a_day(), realised=None),
        margin=MarginFacts(),
        clock_skew=None,
        working=(working_order(Side.BUY, value=None),),
    ),
    "strategy": StrategyFacts(capital=None),
}


@pytest.mark.parametrize(
    ("setting", "value", "intent"),
    [
        ("max_order_value", Decimal(10**9), {}),
        ("max_daily_loss", Decimal(10**9), {}),
        ("max_position_quantity", 10**9, {}),
        ("max_position_value", Decimal(10**9), {}),
        ("max_gross_exposure", Decimal(10**9), {}),
        ("max_net_exposure", Decimal(10**9), {}),
        ("max_working_value", Decimal(10**9), {}),
        ("insufficient_margin", Decimal(0), {}),
        ("strategy_budget", Decimal(10**9), {}),
        ("naked_option_sell", False, {"side": Side.SELL}),
        ("price_collar", Decimal(99), {"order_type": OrderType.LIMIT, "price": Decimal(100)}),
        (
            "price_collar_options",
            Decimal(99),
            {"order_type": OrderType.LIMIT, "price": Decimal(100)},
        ),
        ("clock_skew", Decimal(99), {"mode": Mode.AUTO}),
        ("stale_alert", Decimal(99), {"mode": Mode.AUTO}),
        ("approval_threshold", Decimal(10**9), {"mode": Mode.AUTO}),
    ],
)
@pytest.mark.parametrize("mode", [Mode.MANUAL, Mode.AUTO])
def test_what_is_not_known_never_passes_a_setting_that_needs_it(setting, value, intent, mode):
    asked = live(**{"mode": mode, "reference_price": None, **NIFTY, **intent})
    snapshot = facts(connection_simulated=False, **BLANK)
    assert evaluate(asked, snapshot, []).outcome is Verdict.PASS
    decision = evaluate(asked, snapshot, [global_limits(**{setting: value})])
    assert decision.outcome is Verdict.DENY or decision.gates
