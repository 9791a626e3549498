from datetime import time, timedelta
from decimal import Decimal

import pytest

from risk.engine.denials import Code
from risk.engine.evaluate import evaluate
from risk.engine.gates import Gate
from risk.engine.limits import Window
from risk.engine.snapshot import MarketFacts, OpenBreaker, ScopeState
from tests.risk.cases import (
    NOW,
    account,
    everything_is,
    facts,
    global_limits,
    live,
    live_facts,
    order,
    strategy_limits,
)
from trading.domain.values import Mode, OrderType, Side, StateScope, TradingStateName


def test_no_gate_is_closed_on_a_healthy_day():
    assert evaluate(order(), facts(states=everything_is(TradingStateName.ACTIVE)), []).gates == ()


@pytest.mark.parametrize(
    ("scope", "label"),
    [
        (StateScope.EVERYTHING, "everything"),
        (StateScope.ACCOUNT, "account zerodha"),
        (StateScope.STRATEGY, "strategy supertrend"),
    ],
)
def test_a_halt_of_any_scope_closes_the_gate_and_denies_nothing(scope, label):
    halt = ScopeState(scope=scope, label=label, state=TradingStateName.HALTED, reason="lunch")
    decision = evaluate(order(), facts(states=(halt,)), [])
    assert decision.gates == (Gate(Code.TRADING_HALTED, f"Trading is halted for {label}: lunch."),)
    assert (decision.outcome, decision.final_qty) == ("PASS", 10)


def test_a_halt_holds_exits_too():
    halted = everything_is(TradingStateName.HALTED)
    decision = evaluate(order(Side.SELL, 10, reduce_only=True), facts(10, states=halted), [])
    assert decision.gates == (Gate(Code.TRADING_HALTED, "Trading is halted for everything."),)


def test_beside_an_unknown_outcome_a_reduce_only_exit_may_ask_for_more_than_is_held():
    snapshot = facts(100, unresolved_unknown=True)
    decision = evaluate(order(Side.SELL, 150, reduce_only=True), snapshot, [])
    assert (decision.gates, decision.final_qty) == ((), 100)


def test_without_a_broker_session_the_gate_says_why():
    snapshot = facts(session_ok=False, session_error="token expired at 06:00")
    assert evaluate(order(), snapshot, []).gates == (
        Gate(
            Code.BROKER_SESSION,
            "No valid broker session (token expired at 06:00): log in at the broker again.",
        ),
    )


@pytest.mark.parametrize(
    ("mode", "side", "quantity", "held_back"),
    [
        (Mode.AUTO, Side.BUY, 10, True),
        (Mode.AUTO, Side.SELL, 10, True),
        (Mode.MANUAL, Side.BUY, 10, True),
        (Mode.MANUAL, Side.SELL, 101, True),
        (Mode.MANUAL, Side.SELL, 100, False),
    ],
)
def test_beside_an_unknown_outcome_only_a_persons_exit_goes_out(mode, side, quantity, held_back):
    snapshot = facts(100, unresolved_unknown=True)
    decision = evaluate(order(side, quantity, mode=mode), snapshot, [])
    assert [gate.code for gate in decision.gates] == [Code.UNRESOLVED_UNKNOWN] * held_back
    assert decision.outcome == "PASS"


# What the limits ask


def messages(intent, snapshot, *limits):
    return [gate.message for gate in evaluate(intent, snapshot, limits).gates]


def test_a_breaker_says_why_since_when_and_the_way_back():
    tripped = OpenBreaker(code=Code.CIRCUIT_BREAKER, reason="3 refusals in a row", since=NOW)
    snapshot = live_facts(account=account(breakers=(tripped,)))
    assert messages(live(), snapshot) == [
        "3 refusals in a row, since 04 Mar 11:00: a person has to resume it."
    ]


def test_what_is_in_doubt_holds_entries_and_no_exits():
    snapshot = live_facts(10, account=account(doubt="The broker shows 5, we have 10"))
    assert messages(live(), snapshot) == [
        "The broker shows 5, we have 10: look at the account, then execute."
    ]
    assert messages(live(side=Side.SELL), snapshot) == []


@pytest.mark.parametrize(
    ("skew", "told"),
    [
        ("2", None),
        ("-2", None),
        ("2.001", "2.001 s ahead of the broker's; clock_skew=2 in GLOBAL. Correct the clock."),
        ("-9", "9 s behind the broker's"),
        (None, "has not been compared with the broker's yet"),
        ("NaN", "has not been compared with the broker's yet"),
    ],
)
def test_a_clock_that_is_off_or_was_never_compared_holds_auto(skew, told):
    compared = account(clock_skew=None if skew is None else Decimal(skew))
    found = messages(live(), live_facts(account=compared), global_limits(clock_skew=Decimal(2)))
    assert len(found) == (told is not None)
    assert (told or "") in "".join(found)


HALF = global_limits(stale_alert=Decimal("0.5"))


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ("100.5", None),
        ("99.5", None),
        (
            "100.51",
            "NSE:INFY has moved 0.51 % since the alert, from 100 to 100.51; "
            "stale_alert=0.5 in GLOBAL.",
        ),
        (
            "99.4",
            "NSE:INFY has moved 0.6 % since the alert, from 100 to 99.4; "
            "stale_alert=0.5 in GLOBAL.",
        ),
        (None, "No last price of NSE:INFY is known to compare; stale_alert=0.5 in GLOBAL."),
    ],
)
def test_a_price_that_ran_away_since_the_alert_holds_auto(last, told):
    snapshot = live_facts(last_price=None if last is None else Decimal(last))
    assert messages(live(), snapshot, HALF) == ([] if told is None else [told])


def test_an_alert_that_told_no_price_can_not_be_compared():
    (told,) = messages(live(reference_price=None), live_facts(), HALF)
    assert told == "The alert told no price to compare with the market; stale_alert=0.5 in GLOBAL."


def test_a_limit_of_its_own_says_how_far_an_order_without_a_seen_price_goes():
    limit = {"order_type": OrderType.LIMIT, "price": Decimal(100)}
    far = live_facts(last_price=Decimal(150))
    assert messages(live(reference_price=None, **limit), far, HALF) == []
    (told,) = messages(live(reference_price=Decimal(100), **limit), far, HALF)
    assert "has moved 50 % since the alert" in told


def test_an_exit_goes_out_however_far_the_price_has_run():
    snapshot = live_facts(10, last_price=Decimal(90))
    assert messages(live(side=Side.SELL), snapshot, HALF) == []


def test_an_account_without_market_data_is_not_judged_unless_asked():
    blind = live_facts(last_price=None, last_price_at=None, account=account(has_prices=False))
    assert messages(live(), blind, HALF) == []
    asked = strategy_limits(stale_reference=10)
    assert len(messages(live(), blind, HALF, asked)) == 2


@pytest.mark.parametrize(("age", "held"), [(10, False), (11, True), (None, True)])
def test_a_price_that_a_limit_needs_must_be_fresh(age, held):
    at = None if age is None else NOW - timedelta(seconds=age)
    limits = (HALF, strategy_limits(stale_reference=10))
    assert bool(messages(live(), live_facts(last_price_at=at), *limits)) is held


def test_where_no_limit_needs_the_last_price_it_may_be_old():
    snapshot = live_facts(last_price_at=NOW - timedelta(hours=1))
    assert messages(live(), snapshot, global_limits(stale_reference=10)) == []


@pytest.mark.parametrize(
    ("quantity", "reference", "held"),
    [(10, Decimal(100), False), (11, Decimal(100), True), (1, None, True)],
)
def test_an_auto_order_worth_too_much_or_of_no_known_worth_is_shown_to_a_person(
    quantity, reference, held
):
    snapshot = live_facts(last_price=None)
    limits = global_limits(approval_threshold=Decimal(1000))
    intent = live(quantity=quantity, reference_price=reference)
    assert bool(messages(intent, snapshot, limits)) is held
    paper = order(quantity=quantity, reference_price=reference, mode=Mode.AUTO)
    assert bool(messages(paper, facts(), limits)) is held


@pytest.mark.parametrize(
    ("window", "held"),
    [
        (Window(time(11, 0), time(12, 0)), True),
        (Window(time(10, 0), time(11, 0)), False),
        (Window(time(23, 0), time(11, 1)), True),
        (Window(time(11, 0), time(12, 0), (2,)), True),
        (Window(time(11, 0), time(12, 0), (0, 1, 3)), False),
    ],
)
def test_hours_without_entries_are_indian_hours(window, held):
    # NOW is 11:00 in India, on a Wednesday.
    limits = strategy_limits(no_trade_windows=(window,))
    assert bool(messages(order(), facts(10), limits)) is held
    assert messages(order(Side.SELL), facts(10), limits) == []


def test_past_the_calendar_a_person_decides_and_the_calendar_says_where_it_ends():
    ends = MarketFacts(covered=False, state="The trading calendar ends on 31 Dec 2026 for NSE")
    assert messages(live(), live_facts(market=ends)) == [
        "The trading calendar ends on 31 Dec 2026 for NSE: check that the market is open, then "
        "execute."
    ]
    assert messages(live(mode=Mode.MANUAL), live_facts(market=ends)) == []
