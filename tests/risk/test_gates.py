import pytest

from risk.engine.denials import Code
from risk.engine.evaluate import evaluate
from risk.engine.gates import Gate
from risk.engine.snapshot import ScopeState
from tests.risk.cases import everything_is, facts, order
from trading.domain.values import Mode, Side, StateScope, TradingStateName


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
