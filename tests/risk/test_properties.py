"""What holds for every order, every state of affairs and every set of limits."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from risk.engine.denials import Code, Verdict
from risk.engine.evaluate import Decision, evaluate
from risk.engine.gates import GATES
from risk.engine.rules import RULES, LimitRule, reference_price
from risk.engine.snapshot import net_held, only_shrinks
from tests.risk.cases import global_limits, strategy_limits
from tests.risk.drawn import (
    intents,
    scopes,
    snapshots,
    sound_intents,
    sound_snapshots,
    states,
    tightened,
)
from trading.domain.values import ClampMode, OrderType, Side, TradingStateName

CUTTING = frozenset(rule.setting for rule in RULES if isinstance(rule, LimitRule) and rule.cuts)
SPARING = frozenset(
    rule.setting for rule in RULES if isinstance(rule, LimitRule) and rule.spares_exits
)


def verdict(decision: Decision) -> tuple[Verdict, int]:
    return decision.outcome, decision.final_qty


def held_by(decision: Decision) -> set[Code]:
    return {gate.code for gate in decision.gates}


@given(sound_intents, sound_snapshots, scopes())
def test_what_is_sent_is_inside_every_limit_and_a_clamp_is_whole_lots(intent, snapshot, limits):
    decision = evaluate(intent, snapshot, limits)
    assume(decision.outcome is not Verdict.DENY)
    assert 1 <= decision.final_qty <= intent.quantity
    assert decision.final_qty % intent.lot_size == 0
    asked_for_directly = replace(intent, quantity=decision.final_qty)
    again = evaluate(asked_for_directly, snapshot, limits)
    assert verdict(again) == (Verdict.PASS, decision.final_qty)


@given(sound_intents, sound_snapshots, scopes(CUTTING))
def test_a_clamp_takes_no_more_than_the_limits_ask(intent, snapshot, limits):
    clamping = [replace(scope, clamp_mode=ClampMode.CLAMP) for scope in limits]
    decision = evaluate(intent, snapshot, clamping)
    allowed = decision.final_qty
    if allowed < intent.quantity:
        assert decision.notes
        one_lot_more = replace(intent, quantity=allowed + intent.lot_size)
        assert evaluate(one_lot_more, snapshot, clamping).final_qty == allowed


@given(intents, snapshots, scopes(), st.permutations(RULES), st.permutations(GATES))
def test_the_order_of_the_rules_changes_nothing(intent, snapshot, limits, rules, gates):
    usual = evaluate(intent, snapshot, limits)
    shuffled = evaluate(intent, snapshot, limits[::-1], rules, gates)
    assert verdict(shuffled) == verdict(usual)
    assert held_by(shuffled) == held_by(usual)


@given(intents, snapshots, scopes())
def test_the_same_case_is_decided_the_same(intent, snapshot, limits):
    first = evaluate(intent, snapshot, limits)
    assert evaluate(replace(intent), replace(snapshot), tuple(map(replace, limits))) == first


@settings(max_examples=300)
@given(st.data(), intents, snapshots, scopes())
def test_tighter_limits_of_both_scopes_never_allow_more(data, intent, snapshot, limits):
    tight = [data.draw(tightened(scope)) for scope in limits]
    strictly, loosely = evaluate(intent, snapshot, tight), evaluate(intent, snapshot, limits)
    assert strictly.final_qty <= loosely.final_qty
    assert held_by(strictly) >= held_by(loosely)


@settings(max_examples=300)
@given(st.data(), sound_intents, sound_snapshots, scopes())
def test_tighter_limits_never_allow_more_of_a_sound_order(data, intent, snapshot, limits):
    tight = [data.draw(tightened(scope)) for scope in limits]
    strictly, loosely = evaluate(intent, snapshot, tight), evaluate(intent, snapshot, limits)
    assert strictly.final_qty <= loosely.final_qty
    assert held_by(strictly) >= held_by(loosely)


@given(sound_intents, sound_snapshots, scopes())
def test_a_second_scope_never_allows_more(intent, snapshot, limits):
    both = evaluate(intent, snapshot, limits).final_qty
    assert both <= evaluate(intent, snapshot, limits[:1]).final_qty
    assert both <= evaluate(intent, snapshot, limits[1:]).final_qty


@st.composite
def exits(draw, orders, situations):
    """An order that closes some of what is open, and the facts around it."""
    intent, snapshot = draw(orders), draw(situations)
    held = net_held(intent, snapshot)
    working = snapshot.working_sell_quantity if held > 0 else snapshot.working_buy_quantity
    assume(abs(held) > working)
    quantity = draw(st.integers(1, abs(held) - working))
    side = Side.SELL if held > 0 else Side.BUY
    closing = replace(intent, side=side, quantity=quantity)
    assert only_shrinks(closing, snapshot, quantity)
    return closing, snapshot


@given(exits(intents, snapshots), scopes())
def test_an_exit_is_never_blocked_by_what_guards_entries(closing, limits):
    decision = evaluate(*closing, limits)
    guards = {(rule.code, rule.setting) for rule in RULES if rule.spares_exits}
    assert not [
        check
        for check in decision.checks
        if (check.code, check.setting) in guards and check.verdict is not Verdict.PASS
    ]
    assert not held_by(decision) & {gate.code for gate in GATES if gate.spares_exits}


@given(exits(sound_intents, sound_snapshots), scopes(SPARING))
def test_where_only_entries_are_guarded_an_exit_passes_whole(closing, limits):
    intent, snapshot = closing
    unlotted = replace(intent, lot_size=1)
    assert verdict(evaluate(unlotted, snapshot, limits)) == (Verdict.PASS, intent.quantity)


@st.composite
def lotted_exits(draw, orders, situations):
    """An order that closes some whole lots, and may say so."""
    intent, snapshot = draw(exits(orders, situations))
    lots = intent.quantity // intent.lot_size
    assume(lots)
    return replace(
        intent, quantity=lots * intent.lot_size, reduce_only=draw(st.booleans())
    ), snapshot


_sizes = {
    "clamp_mode": st.sampled_from(ClampMode),
    "max_quantity_per_order": st.none() | st.integers(1, 20),
    "max_order_value": st.none() | st.decimals("1", "9000", places=2),
}
small_sizes = st.tuples(st.builds(global_limits, **_sizes), st.builds(strategy_limits, **_sizes))


@given(lotted_exits(sound_intents, sound_snapshots), small_sizes, st.booleans())
def test_an_exit_is_cut_to_a_lot_for_its_size_and_never_denied(closing, limits, priced):
    intent, snapshot = closing
    if not priced:
        intent = replace(intent, order_type=OrderType.MARKET, reference_price=None)
        snapshot = replace(snapshot, last_price=None)
    decision = evaluate(intent, snapshot, limits)
    assert intent.lot_size <= decision.final_qty <= intent.quantity
    assert decision.final_qty % intent.lot_size == 0


@given(sound_intents, sound_snapshots, small_sizes)
def test_no_order_is_over_the_limits_of_its_size_but_the_last_lot_of_an_exit(
    intent, snapshot, limits
):
    sent = evaluate(intent, snapshot, limits).final_qty
    price, _ = reference_price(intent, snapshot)
    inside = all(
        sent <= (scope.max_quantity_per_order or sent)
        and sent * price * intent.multiplier <= (scope.max_order_value or Decimal("Infinity"))
        for scope in limits
    )
    last_lot = replace(intent, quantity=intent.lot_size)
    assert inside or (sent == intent.lot_size and only_shrinks(last_lot, snapshot, intent.lot_size))


@given(st.data(), sound_intents, sound_snapshots, small_sizes)
def test_a_tighter_limit_of_its_size_never_lets_more_of_an_order_through(
    data, intent, snapshot, limits
):
    tight = [data.draw(tightened(scope)) for scope in limits]
    loosely = evaluate(intent, snapshot, limits).final_qty
    assert evaluate(intent, snapshot, tight).final_qty <= loosely


@given(sound_intents, sound_snapshots, scopes(SPARING & CUTTING))
def test_what_turns_a_position_can_always_close_it(intent, snapshot, limits):
    intent = replace(intent, lot_size=1)
    held = net_held(intent, snapshot)
    working = snapshot.working_sell_quantity if held > 0 else snapshot.working_buy_quantity
    assume(abs(held) > working)
    left = abs(held) - working
    side = Side.SELL if held > 0 else Side.BUY
    turning = replace(intent, side=side, quantity=left + intent.quantity)
    clamping = [replace(scope, clamp_mode=ClampMode.CLAMP) for scope in limits]
    decision = evaluate(turning, snapshot, clamping)
    assert decision.final_qty >= left or decision.outcome is Verdict.DENY
    if decision.outcome is Verdict.DENY:
        # Nothing but a fact that is missing denies it.
        denied = [check for check in decision.checks if check.verdict is Verdict.DENY]
        assert {check.value for check in denied} <= {"no price", "not known"}


@given(sound_intents, sound_snapshots)
def test_a_reduce_only_exit_never_opens_the_other_side(intent, snapshot):
    closing = replace(intent, reduce_only=True)
    decision = evaluate(closing, snapshot, [])
    held = net_held(intent, snapshot)
    sells = intent.side is Side.SELL
    before = (
        held - snapshot.working_sell_quantity if sells else held + snapshot.working_buy_quantity
    )
    after = before + intent.side.sign * decision.final_qty
    if decision.outcome is Verdict.DENY:
        assert abs(before) < intent.lot_size or before * intent.side.sign >= 0
    else:
        assert before * after >= 0
        assert abs(after) < abs(before)


@given(intents, snapshots, scopes())
def test_with_short_selling_off_nothing_sent_ends_short(intent, snapshot, limits):
    forbidding = [limits[0], replace(limits[1], allow_short_selling=False)]
    decision = evaluate(replace(intent, side=Side.SELL), snapshot, forbidding)
    held = net_held(intent, snapshot) - snapshot.working_sell_quantity
    assert decision.final_qty == 0 or held - decision.final_qty >= 0


@given(intents, snapshots, scopes())
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


@given(intents, snapshots, scopes(), states)
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
