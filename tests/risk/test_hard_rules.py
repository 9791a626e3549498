"""Each hard rule by example."""

import pytest

from risk.engine.denials import Code, Verdict
from risk.engine.evaluate import evaluate
from tests.risk.cases import check_of, denials, everything_is, facts, global_limits, order
from trading.domain.values import ClampMode, ExecutionTarget, Mode, Side, TradingStateName

# Reduce-only


def test_a_reduce_only_exit_is_clamped_to_flat():
    decision = evaluate(order(Side.SELL, 150, reduce_only=True), facts(100), [])
    assert (decision.outcome, decision.final_qty) == ("CLAMP", 100)
    assert decision.notes == (
        "Quantity clamped from 150 to 100 due to reduce_only: 100 left to close in NSE:INFY MIS.",
    )


def test_a_reduce_only_exit_of_all_that_is_held_is_not_cut():
    decision = evaluate(order(Side.SELL, 100, reduce_only=True), facts(100), [])
    assert (decision.outcome, decision.notes) == ("PASS", ())


def test_a_reduce_only_exit_leaves_what_working_orders_close():
    exit_order = order(Side.BUY, 100, reduce_only=True)
    decision = evaluate(exit_order, facts(-100, working_buy_quantity=80), [])
    assert decision.final_qty == 20


@pytest.mark.parametrize(
    ("side", "snapshot", "open_now"),
    [
        (Side.SELL, facts(0), "nothing is open"),
        (Side.BUY, facts(100), "100 long"),
        (Side.SELL, facts(-100), "100 short"),
        (
            Side.SELL,
            facts(100, working_sell_quantity=100),
            "100 long with working orders to sell 100",
        ),
    ],
)
def test_a_reduce_only_exit_with_nothing_to_close_is_denied(side, snapshot, open_now):
    decision = evaluate(order(side, 10, reduce_only=True), snapshot, [])
    assert decision.reasons == (
        f"A reduce-only {side} finds nothing to close in NSE:INFY MIS: {open_now}.",
    )


def test_a_limit_is_judged_on_what_reduce_only_left():
    limits = [global_limits(max_quantity_per_order=120, clamp_mode=ClampMode.REJECT)]
    assert evaluate(order(Side.SELL, 150, reduce_only=True), facts(100), limits).final_qty == 100


# Hard rules


@pytest.mark.parametrize("quantity", [0, -5])
def test_an_order_without_a_quantity_is_denied(quantity):
    decision = evaluate(order(quantity=quantity), facts(), [])
    assert denials(decision) == {Code.QUANTITY_REQUIRED}
    assert decision.final_qty == 0


def test_a_disabled_strategy_sends_nothing_by_itself():
    auto = order(mode=Mode.AUTO, strategy_enabled=False)
    assert denials(evaluate(auto, facts(), [])) == {Code.STRATEGY_DISABLED}
    by_hand = order(mode=Mode.MANUAL, strategy_enabled=False)
    assert evaluate(by_hand, facts(), []).outcome == "PASS"


@pytest.mark.parametrize(
    ("simulated", "target", "connection_simulated", "reason"),
    [
        (True, ExecutionTarget.LIVE, True, "made for PAPER, but strategy supertrend is LIVE now."),
        (False, ExecutionTarget.PAPER, False, "made for LIVE, but strategy supertrend is PAPER"),
        (True, ExecutionTarget.PAPER, False, "made for PAPER, but its connection is LIVE."),
        (False, None, True, "made for LIVE, but its connection is PAPER."),
    ],
)
def test_paper_never_becomes_live_nor_the_reverse(simulated, target, connection_simulated, reason):
    intent = order(simulated=simulated, strategy_target=target)
    decision = evaluate(intent, facts(connection_simulated=connection_simulated), [])
    assert denials(decision) == {Code.MODE_MISMATCH}
    assert reason in decision.reasons[0]


@pytest.mark.parametrize("target", [None, ExecutionTarget.LIVE])
def test_a_live_order_on_a_live_connection_is_no_mismatch(target):
    intent = order(simulated=False, strategy_target=target)
    assert evaluate(intent, facts(connection_simulated=False), []).outcome == "PASS"


REDUCING = everything_is(TradingStateName.REDUCING, "day's loss")


@pytest.mark.parametrize(
    ("side", "quantity", "position", "outcome"),
    [
        (Side.BUY, 1, 0, "DENY"),
        (Side.BUY, 1, 100, "DENY"),
        (Side.SELL, 101, 100, "DENY"),
        (Side.SELL, 100, 100, "PASS"),
        (Side.BUY, 40, -100, "PASS"),
    ],
)
def test_while_reducing_only_what_shrinks_a_position_passes(side, quantity, position, outcome):
    decision = evaluate(order(side, quantity), facts(position, states=REDUCING), [])
    assert decision.outcome == outcome
    assert decision.gates == ()


def test_while_reducing_the_reason_and_the_scope_are_said():
    decision = evaluate(order(), facts(states=REDUCING), [])
    assert decision.reasons == (
        "Trading is REDUCING for everything (day's loss): only orders that shrink a position "
        "pass, and nothing is open in NSE:INFY MIS.",
    )


def test_while_reducing_a_reduce_only_exit_is_cut_and_passes():
    intent = order(Side.SELL, 150, reduce_only=True)
    decision = evaluate(intent, facts(100, states=REDUCING), [])
    assert (decision.outcome, decision.final_qty) == ("CLAMP", 100)
    spared = check_of(decision, Code.REDUCING_ONLY)
    assert spared.verdict is Verdict.PASS
    assert spared.message == "Not applied: the order only shrinks a position."
