"""What holds for every order, every state of affairs and every set of limits."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from risk.engine.denials import Verdict
from risk.engine.evaluate import Decision, evaluate
from risk.engine.limits import Limits
from risk.engine.rules import RULES, reference_price
from risk.engine.snapshot import Intent, Snapshot, net_held
from tests.risk.cases import everything_is, facts, global_limits, order, strategy_limits
from trading.domain.values import (
    ClampMode,
    ExecutionTarget,
    Mode,
    OrderType,
    Product,
    Side,
    TradingStateName,
)

prices = st.none() | st.decimals("0.05", "5000", places=2)
few = st.integers(0, 200)
symbols = st.lists(st.sampled_from(["NSE:INFY", "INFY", "BSE:INFY", "TCS"]), max_size=2).map(tuple)
states = st.sampled_from(TradingStateName).map(everything_is)

intents = st.builds(
    order,
    st.sampled_from(Side),
    few,
    order_type=st.sampled_from(OrderType),
    product=st.sampled_from([Product.MIS, Product.CNC]),
    price=prices,
    trigger_price=prices,
    reference_price=prices,
    mode=st.sampled_from(Mode),
    simulated=st.booleans(),
    reduce_only=st.booleans(),
    lot_size=st.sampled_from([0, 1, 1, 5, 75]),
    multiplier=st.sampled_from([Decimal(1), Decimal(10)]),
    strategy_enabled=st.booleans(),
    strategy_target=st.none() | st.sampled_from(ExecutionTarget),
)
snapshots = st.builds(
    facts,
    st.integers(-200, 200),
    holding_quantity=few,
    working_buy_quantity=few,
    working_sell_quantity=few,
    open_instruments=st.frozensets(
        st.sampled_from(["NSE:INFY|MIS", "NSE:INFY|CNC", "NSE:TCS|MIS", "BSE:INFY|MIS"])
    ),
    last_price=prices,
    states=states,
    session_ok=st.booleans(),
    unresolved_unknown=st.booleans(),
    connection_simulated=st.booleans(),
)
settings: dict[str, st.SearchStrategy[Any]] = {
    "allow_short_selling": st.sampled_from([None, True, False]),
    "max_quantity_per_order": st.none() | st.integers(1, 200),
    "max_order_value": st.none() | st.decimals("1", "500000", places=2),
    "max_open_positions": st.none() | st.integers(1, 4),
    "symbol_whitelist": symbols,
    "symbol_blacklist": symbols,
    "clamp_mode": st.sampled_from(ClampMode),
}
both_scopes = st.tuples(
    st.builds(global_limits, **settings), st.builds(strategy_limits, **settings)
)

# Orders that no hard rule stops, and limits that speak of an order's size alone.
sound_intents = st.builds(
    order,
    st.sampled_from(Side),
    st.integers(75, 400),
    order_type=st.sampled_from(OrderType),
    product=st.sampled_from([Product.MIS, Product.CNC]),
    price=prices,
    reference_price=st.decimals("0.05", "5000", places=2),
    lot_size=st.sampled_from([1, 1, 5, 75]),
    multiplier=st.sampled_from([Decimal(1), Decimal(10)]),
)
sound_snapshots = st.builds(
    facts, st.integers(-200, 200), working_buy_quantity=few, working_sell_quantity=few
)
sizes = {
    "max_quantity_per_order": st.none() | st.integers(50, 400),
    "max_order_value": st.none() | st.decimals("5000", "5000000", places=2),
    "clamp_mode": st.sampled_from([ClampMode.CLAMP, ClampMode.CLAMP, ClampMode.REJECT]),
}
both_sizes = st.tuples(st.builds(global_limits, **sizes), st.builds(strategy_limits, **sizes))


def inside(limits: Limits, intent: Intent, snapshot: Snapshot, quantity: int) -> bool:
    """Whether that quantity meets the limits of an order's size."""
    if limits.max_quantity_per_order is not None and quantity > limits.max_quantity_per_order:
        return False
    if limits.max_order_value is None:
        return True
    reference = reference_price(intent, snapshot)
    assert reference is not None
    return quantity * reference[0] * intent.multiplier <= limits.max_order_value


def verdict(decision: Decision) -> tuple[Verdict, int]:
    return decision.outcome, decision.final_qty


@given(sound_intents, sound_snapshots, both_sizes)
def test_what_is_sent_is_inside_every_limit_and_a_clamp_is_whole_lots(intent, snapshot, limits):
    decision = evaluate(intent, snapshot, limits)
    assume(decision.outcome is not Verdict.DENY)
    assert 1 <= decision.final_qty <= intent.quantity
    assert all(inside(scope, intent, snapshot, decision.final_qty) for scope in limits)
    if decision.outcome is Verdict.CLAMP:
        assert decision.final_qty % intent.lot_size == 0
        assert decision.notes


@given(sound_intents, sound_snapshots, both_sizes)
def test_a_clamp_takes_no_more_than_the_limits_ask(intent, snapshot, limits):
    clamping = [replace(scope, clamp_mode=ClampMode.CLAMP) for scope in limits]
    decision = evaluate(intent, snapshot, clamping)
    assume(decision.outcome is Verdict.CLAMP)
    one_lot_more = decision.final_qty + intent.lot_size
    assert one_lot_more > intent.quantity or not all(
        inside(scope, intent, snapshot, one_lot_more) for scope in limits
    )


@given(intents, snapshots, both_scopes, st.permutations(RULES))
def test_the_order_of_the_rules_changes_nothing(intent, snapshot, limits, rules):
    shuffled = evaluate(intent, snapshot, limits, rules)
    assert verdict(shuffled) == verdict(evaluate(intent, snapshot, limits))


@given(intents, snapshots, both_scopes)
def test_the_same_case_is_decided_the_same(intent, snapshot, limits):
    first = evaluate(intent, snapshot, limits)
    assert evaluate(replace(intent), replace(snapshot), tuple(map(replace, limits))) == first


def stricter(setting: str, current: Any, drawn: Any) -> Any:
    if setting.startswith("max_"):
        return min((limit for limit in (current, drawn) if limit is not None), default=None)
    if setting == "symbol_blacklist":
        return current + drawn
    if setting == "symbol_whitelist":
        return current or drawn
    return drawn if drawn in (False, ClampMode.REJECT) else current


@st.composite
def tightened(draw: st.DrawFn, loose: Limits, changeable: dict[str, Any]) -> Limits:
    """The same limits, or stricter ones in some of the changeable settings."""
    changes = {
        setting: stricter(setting, getattr(loose, setting), draw(values))
        for setting, values in changeable.items()
    }
    return replace(loose, **changes)


@given(st.data(), sound_intents, sound_snapshots, both_sizes)
def test_what_passes_tighter_limits_would_pass_the_looser_ones(data, intent, snapshot, limits):
    tight = [data.draw(tightened(scope, sizes)) for scope in limits]
    decision = evaluate(intent, snapshot, tight)
    assume(decision.outcome is not Verdict.DENY)
    asked_for_directly = replace(intent, quantity=decision.final_qty)
    loosely = evaluate(asked_for_directly, snapshot, limits)
    assert verdict(loosely) == (Verdict.PASS, decision.final_qty)


@given(st.data(), intents, snapshots, both_scopes)
def test_tighter_limits_of_one_scope_never_allow_more(data, intent, snapshot, limits):
    loose = limits[1:]
    tight = [data.draw(tightened(scope, settings)) for scope in loose]
    assert (
        evaluate(intent, snapshot, tight).final_qty <= evaluate(intent, snapshot, loose).final_qty
    )


@given(intents, snapshots, both_scopes)
def test_a_second_scope_never_allows_more(intent, snapshot, limits):
    both = evaluate(intent, snapshot, limits).final_qty
    assert both <= evaluate(intent, snapshot, limits[:1]).final_qty


@given(intents, snapshots, both_scopes)
def test_an_exit_is_never_blocked_by_what_guards_entries(intent, snapshot, limits):
    held = net_held(intent, snapshot)
    working = snapshot.working_sell_quantity if held > 0 else snapshot.working_buy_quantity
    assume(abs(held) > working)
    exit_order = replace(
        intent,
        side=Side.SELL if held > 0 else Side.BUY,
        quantity=max(1, min(intent.quantity, abs(held) - working)),
    )
    decision = evaluate(exit_order, snapshot, limits)
    guards = {rule.code for rule in RULES if rule.spares_exits}
    assert guards == {"REDUCING_ONLY", "SYMBOL_NOT_ALLOWED", "MAX_OPEN_POSITIONS"}
    assert not [c for c in decision.checks if c.code in guards and c.verdict is Verdict.DENY]


@given(sound_intents, sound_snapshots)
def test_a_reduce_only_exit_never_opens_the_other_side(intent, snapshot):
    side = Side.SELL if snapshot.position_quantity > 0 else Side.BUY
    decision = evaluate(replace(intent, side=side, reduce_only=True), snapshot, [])
    working = (
        -snapshot.working_sell_quantity if side is Side.SELL else snapshot.working_buy_quantity
    )
    before = snapshot.position_quantity + working
    after = before + side.sign * decision.final_qty
    if decision.outcome is Verdict.DENY:
        assert abs(before) < intent.lot_size or before * snapshot.position_quantity <= 0
    else:
        assert before * after >= 0
        assert abs(after) < abs(before)


@given(intents, snapshots, both_scopes)
def test_with_short_selling_off_nothing_sent_ends_short(intent, snapshot, limits):
    forbidding = [limits[0], replace(limits[1], allow_short_selling=False)]
    decision = evaluate(replace(intent, side=Side.SELL), snapshot, forbidding)
    held = net_held(intent, snapshot) - snapshot.working_sell_quantity
    assert decision.final_qty == 0 or held - decision.final_qty >= 0


@given(intents, snapshots, both_scopes)
def test_the_outcome_is_the_sum_of_the_checks(intent, snapshot, limits):
    decision = evaluate(intent, snapshot, limits)
    verdicts = {check.verdict for check in decision.checks}
    expected = (
        Verdict.DENY
        if Verdict.DENY in verdicts
        else Verdict.CLAMP
        if Verdict.CLAMP in verdicts
        else Verdict.PASS
    )
    assert decision.outcome is expected
    assert (decision.final_qty == 0) == (expected is Verdict.DENY)
    assert len(decision.notes) == sum(c.verdict is not Verdict.PASS for c in decision.checks)


@given(intents, snapshots, both_scopes, states)
def test_gates_never_change_the_verdict(intent, snapshot, limits, state):
    assume(not any(s.state is TradingStateName.REDUCING for s in (*state, *snapshot.states)))
    elsewhere = replace(
        snapshot,
        states=state,
        session_ok=not snapshot.session_ok,
        unresolved_unknown=not snapshot.unresolved_unknown,
    )
    assert verdict(evaluate(intent, elsewhere, limits)) == verdict(
        evaluate(intent, snapshot, limits)
    )
