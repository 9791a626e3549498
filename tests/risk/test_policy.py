import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from brokers.models import BrokerConnection
from risk import policy
from risk.engine.limits import Limits, fresh_limits
from risk.models import RiskSettings, TradingState, TradingStateChange
from sigmatrader import clock
from trading.domain.values import ClampMode, RiskScope, StateScope, TradingStateName
from trading.models import Strategy

pytestmark = pytest.mark.django_db

ACTIVE, REDUCING, HALTED = TradingStateName


@pytest.fixture
def strategy():
    return Strategy.objects.create(name="supertrend")


@pytest.fixture
def account():
    return BrokerConnection.objects.create(name="practice")


def halt_everything(reason="lunch", actor="admin"):
    return policy.set_state(StateScope.EVERYTHING, HALTED, reason, actor)


@pytest.mark.django_db(transaction=True)
def test_two_halts_at_the_same_moment_are_both_kept():
    start = threading.Barrier(2)

    def halt(reason):
        try:
            start.wait(timeout=10)
            halt_everything(reason=reason)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as people:
        list(people.map(halt, ["lunch", "fire"]))
    row = TradingState.objects.get()
    changes = list(TradingStateChange.objects.order_by("id"))
    assert [change.old for change in changes] == ["ACTIVE", "HALTED"]
    assert {change.reason for change in changes} == {"lunch", "fire"}
    assert row.reason == changes[-1].reason


# Limits


def test_without_rows_the_limits_of_a_new_installation_hold():
    assert policy.limits_for(None, "") == [fresh_limits()]


def test_a_strategys_row_takes_nothing_from_the_limits_of_a_new_installation(strategy):
    RiskSettings.objects.create(
        scope=RiskScope.STRATEGY, strategy=strategy, max_quantity_per_order=5
    )
    first, second = policy.limits_for(strategy.pk, strategy.name)
    assert first == fresh_limits()
    assert (second.scope, second.max_quantity_per_order) == (RiskScope.STRATEGY, 5)


def test_limits_come_global_first_in_one_query(strategy, django_assert_num_queries):
    other = Strategy.objects.create(name="breakout")
    RiskSettings.objects.create(
        scope=RiskScope.STRATEGY,
        strategy=strategy,
        max_order_value=Decimal("50000"),
        allow_short_selling=False,
        clamp_mode=ClampMode.REJECT,
        symbol_whitelist=["NSE:INFY"],
    )
    RiskSettings.objects.create(scope=RiskScope.STRATEGY, strategy=other)
    RiskSettings.objects.create(
        scope=RiskScope.GLOBAL,
        max_quantity_per_order=100,
        max_open_positions=5,
        max_daily_loss=Decimal(9000),
        symbol_blacklist=["TCS"],
    )
    with django_assert_num_queries(1):
        limits = policy.limits_for(strategy.pk, strategy.name)
    assert limits == [
        Limits(
            scope=RiskScope.GLOBAL,
            label="GLOBAL",
            allow_short_selling=True,
            naked_option_sell=True,
            self_match=False,
            circuit_breaker_reducing=False,
            max_quantity_per_order=100,
            max_open_positions=5,
            max_daily_loss=Decimal(9000),
            symbol_blacklist=("TCS",),
        ),
        Limits(
            scope=RiskScope.STRATEGY,
            label="STRATEGY(supertrend)",
            allow_short_selling=False,
            naked_option_sell=True,
            self_match=False,
            circuit_breaker_reducing=False,
            max_order_value=Decimal(50_000),
            clamp_mode=ClampMode.REJECT,
            symbol_whitelist=("NSE:INFY",),
        ),
    ]


def test_an_order_without_a_strategy_meets_the_global_limits_only(strategy):
    RiskSettings.objects.create(scope=RiskScope.STRATEGY, strategy=strategy)
    RiskSettings.objects.create(scope=RiskScope.GLOBAL)
    assert [limits.label for limits in policy.limits_for(None, "")] == ["GLOBAL"]


# Trading states


def test_what_was_never_set_is_active(strategy, account):
    assert policy.states_for(account.pk, strategy.pk) == ()
    (everything,) = policy.current_states()
    assert (everything.scope, everything.state) == (StateScope.EVERYTHING, ACTIVE)
    assert everything.changed_at is None


def test_setting_a_state_writes_it_and_its_history():
    at = datetime(2026, 3, 4, 5, 0, tzinfo=UTC)
    clock.use(lambda: at)
    try:
        halt_everything(reason="  lunch ")
    finally:
        clock.use(None)
    row = TradingState.objects.get()
    assert (row.state, row.reason, row.changed_at, row.changed_by) == (
        "HALTED",
        "lunch",
        at,
        "admin",
    )
    change = TradingStateChange.objects.get()
    assert (change.old, change.new, change.reason, change.actor, change.at, change.label) == (
        "ACTIVE",
        "HALTED",
        "lunch",
        "admin",
        at,
        "everything",
    )


def test_the_history_tells_every_change_latest_first():
    halt_everything()
    policy.set_state(StateScope.EVERYTHING, REDUCING, "closing out", "admin")
    policy.set_state(StateScope.EVERYTHING, ACTIVE, "all is well", "admin")
    history = [(change.old, change.new) for change in TradingStateChange.objects.all()]
    assert history == [("REDUCING", "ACTIVE"), ("HALTED", "REDUCING"), ("ACTIVE", "HALTED")]
    assert TradingState.objects.get().state == "ACTIVE"


def test_the_same_state_for_the_same_reason_changes_nothing():
    first = halt_everything()
    again = halt_everything(actor="somebody else")
    assert again.changed_by == first.changed_by == "admin"
    assert TradingStateChange.objects.count() == 1


def test_another_reason_for_the_same_state_is_kept():
    halt_everything()
    halt_everything(reason="fire", actor="guard")
    assert TradingState.objects.get().reason == "fire"
    assert TradingStateChange.objects.count() == 2


def test_halting_needs_no_reason():
    assert halt_everything(reason="").state == HALTED


@pytest.mark.parametrize("blank", ["", "   "])
def test_resuming_needs_a_reason(blank):
    halt_everything()
    with pytest.raises(ValidationError) as error:
        policy.set_state(StateScope.EVERYTHING, ACTIVE, blank, "admin")
    assert error.value.message_dict == {"reason": ["Say why trading may go on."]}
    assert TradingState.objects.get().state == HALTED


def test_states_of_an_order_come_widest_first_in_one_query(
    strategy, account, django_assert_num_queries
):
    other = Strategy.objects.create(name="breakout")
    elsewhere = BrokerConnection.objects.create(name="elsewhere")
    policy.set_state(StateScope.STRATEGY, REDUCING, "", "admin", strategy_id=strategy.pk)
    policy.set_state(StateScope.STRATEGY, HALTED, "", "admin", strategy_id=other.pk)
    policy.set_state(StateScope.ACCOUNT, HALTED, "", "admin", connection_id=account.pk)
    policy.set_state(StateScope.ACCOUNT, HALTED, "", "admin", connection_id=elsewhere.pk)
    policy.set_state(StateScope.EVERYTHING, ACTIVE, "a new day", "admin")
    with django_assert_num_queries(1):
        states = policy.states_for(account.pk, strategy.pk)
    assert [(s.scope, s.label, s.state) for s in states] == [
        (StateScope.EVERYTHING, "everything", ACTIVE),
        (StateScope.ACCOUNT, f"account {account}", HALTED),
        (StateScope.STRATEGY, "strategy supertrend", REDUCING),
    ]
    assert [s.scope for s in policy.states_for(None, None)] == [StateScope.EVERYTHING]


def test_current_states_lists_every_scope_in_one_query(
    strategy, account, django_assert_num_queries
):
    policy.set_state(StateScope.STRATEGY, HALTED, "why", "admin", strategy_id=strategy.pk)
    policy.set_state(StateScope.ACCOUNT, REDUCING, "", "admin", connection_id=account.pk)
    with django_assert_num_queries(1):
        states = policy.current_states()
    assert [(s.scope, s.connection_id, s.strategy_id, s.state) for s in states] == [
        (StateScope.EVERYTHING, None, None, ACTIVE),
        (StateScope.ACCOUNT, account.pk, None, REDUCING),
        (StateScope.STRATEGY, None, strategy.pk, HALTED),
    ]
    assert (states[2].reason, states[2].changed_by) == ("why", "admin")


@pytest.mark.parametrize(
    ("scope", "ids", "errors"),
    [
        (
            StateScope.ACCOUNT,
            {},
            {"connection_id": ["Say which connection: scope ACCOUNT needs one."]},
        ),
        (
            StateScope.ACCOUNT,
            {"connection_id": 999},
            {"connection_id": ["There is no connection 999."]},
        ),
        (
            StateScope.STRATEGY,
            {},
            {"strategy_id": ["Say which strategy: scope STRATEGY needs one."]},
        ),
        (
            StateScope.STRATEGY,
            {"strategy_id": 999},
            {"strategy_id": ["There is no strategy 999."]},
        ),
        (
            StateScope.EVERYTHING,
            {"strategy_id": 999, "connection_id": 999},
            {
                "strategy_id": ["Leave it empty: scope EVERYTHING has no strategy."],
                "connection_id": ["Leave it empty: scope EVERYTHING has no connection."],
            },
        ),
    ],
)
def test_a_wrong_scope_object_is_named(scope, ids, errors):
    with pytest.raises(ValidationError) as error:
        policy.set_state(scope, HALTED, "", "admin", **ids)
    assert error.value.message_dict == errors
    assert not TradingState.objects.exists()
