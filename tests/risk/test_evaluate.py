import json
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from risk.engine.denials import Code
from risk.engine.evaluate import evaluate
from risk.engine.gates import GATES
from risk.engine.rules import RULES
from tests.risk.cases import (
    check_of,
    denials,
    facts,
    global_limits,
    order,
    strategy_limits,
)
from trading.domain.values import (
    ClampMode,
    RiskScope,
    Side,
)


def test_without_limits_everything_passes():
    decision = evaluate(order(), facts(), [])
    assert (decision.outcome, decision.requested_qty, decision.final_qty) == ("PASS", 10, 10)
    assert decision.notes == ()


def test_empty_limits_add_no_checks():
    bare = evaluate(order(), facts(), [])
    assert evaluate(order(), facts(), [global_limits(), strategy_limits()]) == bare


def test_the_strategy_is_judged_on_what_global_left():
    limits = [global_limits(max_quantity_per_order=100), strategy_limits(max_quantity_per_order=40)]
    decision = evaluate(order(quantity=150), facts(), limits)
    assert decision.final_qty == 40
    assert decision.notes == (
        "Quantity clamped from 150 to 100 due to max_quantity_per_order=100 in GLOBAL.",
        "Quantity clamped from 100 to 40 due to max_quantity_per_order=40 in STRATEGY(supertrend).",
    )


def test_global_comes_first_however_the_limits_are_handed_over():
    limits = [strategy_limits(max_quantity_per_order=40), global_limits(max_quantity_per_order=100)]
    decision = evaluate(order(quantity=150), facts(), limits)
    assert [check.scope for check in decision.checks[-2:]] == [
        RiskScope.GLOBAL,
        RiskScope.STRATEGY,
    ]


def test_the_tighter_limit_wins_from_either_scope():
    loose, tight = {"max_quantity_per_order": 100}, {"max_quantity_per_order": 50}
    one = evaluate(order(quantity=120), facts(), [global_limits(**tight), strategy_limits(**loose)])
    other = evaluate(
        order(quantity=120), facts(), [global_limits(**loose), strategy_limits(**tight)]
    )
    assert one.final_qty == other.final_qty == 50


def test_a_clamp_in_global_satisfies_no_strategy_that_rejects():
    limits = [
        global_limits(max_quantity_per_order=100),
        strategy_limits(max_quantity_per_order=120, clamp_mode=ClampMode.REJECT),
    ]
    decision = evaluate(order(quantity=150), facts(), limits)
    assert decision.reasons == (
        "Quantity 150 is over max_quantity_per_order=120 in STRATEGY(supertrend).",
    )
    assert evaluate(order(quantity=120), facts(), limits).final_qty == 100


def test_every_rule_is_judged_after_a_denial_too():
    limits = [
        global_limits(
            allow_short_selling=False,
            max_quantity_per_order=100,
            max_order_value=Decimal(5000),
            symbol_blacklist=("INFY",),
            max_open_positions=1,
        )
    ]
    snapshot = facts(open_instruments=frozenset({"NSE:TCS|MIS"}))
    decision = evaluate(order(Side.SELL, 150), snapshot, limits)
    assert denials(decision) == {
        Code.SHORT_SELLING_DISABLED,
        Code.SYMBOL_NOT_ALLOWED,
        Code.MAX_OPEN_POSITIONS,
    }
    assert len(decision.notes) == 5
    assert (decision.outcome, decision.final_qty) == ("DENY", 0)


def test_the_decision_is_stored_as_plain_json():
    limits = [global_limits(max_order_value=Decimal("500.0000"), allow_short_selling=False)]
    decision = evaluate(order(quantity=10), facts(session_ok=False), limits)
    at = datetime(2026, 3, 4, 11, 0, tzinfo=ZoneInfo("Asia/Kolkata"))
    stored = json.loads(json.dumps(decision.as_json(at)))
    assert set(stored) == {
        "outcome",
        "requested_qty",
        "final_qty",
        "notes",
        "gates",
        "checks",
        "evaluated_at",
    }
    assert stored["gates"] == [
        {"code": "BROKER_SESSION", "message": decision.gates[0].message},
    ]
    assert stored["evaluated_at"] == "2026-03-04T05:30:00Z"
    assert (stored["outcome"], stored["requested_qty"], stored["final_qty"]) == ("CLAMP", 10, 5)
    assert stored["checks"][-1] == {
        "code": "MAX_ORDER_VALUE",
        "scope": "GLOBAL",
        "setting": "max_order_value",
        "limit": "500",
        "value": "1000",
        "verdict": "CLAMP",
        "message": decision.notes[0],
    }
    assert stored["checks"][-2]["limit"] is False


def test_every_rule_and_gate_documents_itself():
    for entry in (*RULES, *GATES):
        assert entry.description.endswith(".")
        assert entry.code.text.endswith(".")


def test_a_later_look_at_the_same_facts_decides_the_same():
    limits = [global_limits(max_quantity_per_order=100, max_order_value=Decimal(5000))]
    snapshot = facts(last_price=Decimal(99), last_price_at=facts().now - timedelta(seconds=1))
    first = evaluate(order(quantity=150), snapshot, limits)
    assert evaluate(order(quantity=150), snapshot, limits) == first
    assert check_of(first, Code.MAX_ORDER_VALUE).value == Decimal(9900)
