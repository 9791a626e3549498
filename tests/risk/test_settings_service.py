"""Limits change in one place: checked, counted, recorded, and for a time when asked."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import connections
from hypothesis import given, settings

from risk import policy, settings_service
from risk.models import RiskSettings, RiskSettingsChange
from risk.settings_service import begin, change_settings, delete_settings, row_of
from risk.settings_values import baseline, values_of
from sigmatrader import clock
from tests.factories import StrategyFactory
from tests.risk.limit_values import GLOBAL_VALUES, SOME_VALUES
from trading.domain.values import RiskScope

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

NOON = datetime(2026, 3, 4, 6, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def at():
    """`at(moment)`: it is that time now."""
    yield lambda moment: clock.use(lambda: moment)
    clock.use(None)


@pytest.fixture
def row(at):
    at(NOON)
    changes = {"max_order_value": Decimal(50_000), "max_open_positions": 3}
    return change_settings(begin("GLOBAL"), changes, actor="asha", reason="to begin with")


def change(row, until=None, **changes):
    return change_settings(row, changes, actor="asha", reason="a test", until=until)


def latest():
    return RiskSettingsChange.objects.first()


def refused(*args, **more):
    with pytest.raises(ValidationError) as error:
        change(*args, **more)
    return settings_service.errors_by_field(error.value)


# Changing


def test_global_settings_begin_with_what_a_new_installation_checks(row):
    assert (row.duplicate_order, row.stale_alert, row.self_match) == (30, Decimal("0.5"), True)
    made = latest()
    assert (made.old, made.version, made.actor) == (
        {"max_order_value": None, "max_open_positions": None},
        1,
        "asha",
    )
    assert made.new == {"max_order_value": "50000", "max_open_positions": 3}


def test_a_strategys_settings_begin_with_nothing():
    strategy = StrategyFactory()
    row = change(begin("STRATEGY", strategy.pk))
    assert values_of(row) == baseline("STRATEGY")
    assert row.duplicate_order is None
    assert (latest().label, latest().new) == (f"STRATEGY({strategy.name})", {})


def test_a_change_counts_and_records_what_differs_and_nothing_else(row):
    changed = change(row, max_order_value=Decimal("60000.5"), max_open_positions=3)
    assert changed.version == 2
    assert latest().old == {"max_order_value": "50000"}
    assert latest().new == {"max_order_value": "60000.5"}
    assert (latest().reason, latest().at, latest().version) == ("a test", NOON, 2)


def test_the_same_values_again_write_nothing(row):
    assert change(row, max_order_value=Decimal("50000.00")).version == 1
    assert RiskSettingsChange.objects.count() == 1


def test_a_change_is_made_on_what_is_stored_not_on_what_somebody_has_read(row):
    change(row, max_open_positions=5)
    changed = change(row, max_order_value=Decimal(1))
    assert (changed.max_open_positions, changed.max_order_value) == (5, 1)


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        ({"max_order_value": Decimal(0)}, "max_order_value", "more than 0"),
        ({"max_open_positions": 10**9 + 1}, "max_open_positions", "At most"),
        ({"max_qty": 1}, "max_qty", "no setting"),
        ({"scope": "STRATEGY"}, "scope", "no setting"),
        ({"symbol_whitelist": ["IN FY"]}, "symbol_whitelist", "not a symbol"),
    ],
)
def test_a_wrong_change_changes_nothing(row, changes, field, told):
    errors = refused(row, **changes)
    assert told in errors[field][0]
    row.refresh_from_db()
    assert (row.version, RiskSettingsChange.objects.count()) == (1, 1)


def test_what_belongs_to_the_account_is_no_setting_of_a_strategy():
    row = begin("STRATEGY", StrategyFactory().pk)
    errors = refused(row, circuit_breaker=3, circuit_breaker_reducing=True, pyramiding=1)
    assert set(errors) == {"circuit_breaker", "circuit_breaker_reducing"}


def test_a_row_that_somebody_removed_is_told(row):
    delete_settings(RiskSettings.objects.get(), actor="ravi")
    assert refused(row, max_open_positions=1) == {
        "": ["These settings have just been removed by somebody."]
    }


def test_a_second_global_row_is_refused(row):
    assert "exist already" in refused(begin("GLOBAL"))["scope"][0]


def test_removing_is_recorded_as_the_return_to_what_holds_anyway(row):
    change(row, duplicate_order=None)
    delete_settings(row, actor="ravi", reason="enough")
    gone = latest()
    assert not RiskSettings.objects.exists()
    assert (gone.settings, gone.version, gone.actor, gone.reason) == (None, 3, "ravi", "enough")
    assert gone.old == {
        "max_order_value": "50000",
        "max_open_positions": 3,
        "duplicate_order": None,
    }
    assert gone.new == {
        "max_order_value": None,
        "max_open_positions": None,
        "duplicate_order": 30,
    }


def test_the_history_of_a_scope_outlives_its_row(row):
    delete_settings(row, actor="ravi")
    again = change(begin("GLOBAL"), max_open_positions=9)
    assert [one.version for one in settings_service.history_of(again)] == [1, 2, 1]
    other = change(begin("STRATEGY", StrategyFactory().pk))
    assert settings_service.history_of(other).count() == 1


def test_the_history_follows_a_strategy_that_is_renamed():
    strategy = StrategyFactory(name="old")
    row = change(begin("STRATEGY", strategy.pk), pyramiding=1)
    strategy.name = "new"
    strategy.save()
    change(row, pyramiding=2)
    labels = [one.label for one in settings_service.history_of(row_of("STRATEGY", strategy.pk))]
    assert labels == ["STRATEGY(new)", "STRATEGY(old)"]


def test_a_recorded_change_tells_its_differences_as_values(row):
    change(row, max_order_value=Decimal("60000.5"), symbol_whitelist=["TCS"])
    texts = [(d.label, d.old_text, d.new_text) for d in settings_service.differences_of(latest())]
    assert texts == [
        ("max order value", "₹50,000", "₹60,000.5"),
        ("symbol whitelist", "none", "TCS"),
    ]


@pytest.mark.django_db(transaction=True)
def test_of_changes_at_the_same_moment_none_is_lost(row):
    names = ("max_orders_per_day", "max_trades_per_day", "pyramiding", "cool_down")
    gate = threading.Barrier(len(names))

    def set_one(name):
        seen = RiskSettings.objects.get()
        gate.wait(30)
        try:
            return change(seen, **{name: 7}).version
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(names)) as pool:
        versions = list(pool.map(set_one, names))
    assert sorted(versions) == [2, 3, 4, 5]
    stored = RiskSettings.objects.get()
    assert [getattr(stored, name) for name in names] == [7, 7, 7, 7]
    assert RiskSettingsChange.objects.count() == 5


# For a time


def test_a_temporary_raise_ends_by_itself(row, at):
    raised = change(row, until=NOON + HOUR, max_order_value=Decimal(90_000))
    assert (raised.max_order_value, raised.reverts_at) == (90_000, NOON + HOUR)
    assert latest().until == NOON + HOUR
    assert settings_service.revert_due(NOON + HOUR - timedelta(seconds=1)) == 0
    at(NOON + HOUR)
    assert settings_service.revert_due(NOON + HOUR) == 1
    row.refresh_from_db()
    assert (row.max_order_value, row.reverts_at, row.reverts_to) == (50_000, None, {})
    ended = latest()
    assert (ended.actor, ended.version, ended.until) == ("clock", 3, None)
    assert (ended.old, ended.new) == ({"max_order_value": "90000"}, {"max_order_value": "50000"})
    assert ended.reason == "The temporary change of version 2 by asha ended: a test"
    assert settings_service.revert_due(NOON + HOUR) == 0


def test_a_raise_is_over_on_the_second_even_before_it_is_tidied_up(row, at):
    change(row, until=NOON + HOUR, max_order_value=Decimal(90_000))
    assert policy.limits_for(None, "")[0].max_order_value == 90_000
    at(NOON + HOUR)
    assert policy.limits_for(None, "")[0].max_order_value == 50_000
    assert RiskSettings.objects.get().max_order_value == 90_000


def test_a_lasting_change_wins_for_its_fields_over_a_temporary_one(row, at):
    change(row, until=NOON + HOUR, max_order_value=Decimal(90_000), max_open_positions=8)
    changed = change(row, max_order_value=Decimal(70_000), max_orders_per_day=10)
    assert changed.reverts_to == {"max_open_positions": 3}
    settings_service.revert_due(NOON + HOUR)
    row.refresh_from_db()
    assert (row.max_order_value, row.max_open_positions) == (70_000, 3)
    assert row.max_orders_per_day == 10


def test_the_raised_value_can_be_kept_for_good(row):
    raised = change(row, until=NOON + HOUR, max_order_value=Decimal(90_000))
    kept = change(raised, max_order_value=Decimal(90_000))
    assert (kept.reverts_at, kept.reverts_to, kept.version) == (None, {}, 3)
    assert latest().old == latest().new == {"max_order_value": "90000"}


def test_a_second_temporary_change_moves_the_end_and_keeps_the_first_values(row):
    change(row, until=NOON + HOUR, max_order_value=Decimal(90_000))
    again = change(
        row, until=NOON + 2 * HOUR, max_order_value=Decimal(80_000), max_open_positions=4
    )
    assert again.reverts_at == NOON + 2 * HOUR
    assert again.reverts_to == {"max_order_value": "50000", "max_open_positions": 3}
    moved = change(row, until=NOON + 3 * HOUR)
    assert (moved.reverts_at, moved.version) == (NOON + 3 * HOUR, 4)


def test_going_back_by_hand_ends_a_temporary_change(row):
    change(row, until=NOON + HOUR, max_order_value=Decimal(90_000))
    back = change(row, max_order_value=Decimal(50_000))
    assert (back.reverts_at, back.reverts_to) == (None, {})


def test_a_change_after_the_end_begins_from_the_values_that_returned(row, at):
    change(row, until=NOON + HOUR, max_order_value=Decimal(90_000))
    at(NOON + 2 * HOUR)
    change(row, max_open_positions=4)
    assert RiskSettings.objects.get().max_order_value == 50_000
    assert [one.actor for one in RiskSettingsChange.objects.all()[:2]] == ["asha", "clock"]


def test_a_temporary_change_returns_even_where_the_two_lists_would_meet(row):
    change(row, symbol_whitelist=["TCS"])
    change(row, until=NOON + HOUR, symbol_whitelist=[])
    change(row, symbol_blacklist=["TCS"])
    settings_service.revert_due(NOON + HOUR)
    row.refresh_from_db()
    assert row.symbol_whitelist == row.symbol_blacklist == ["TCS"]


@pytest.mark.parametrize(
    ("until", "changes", "told"),
    [
        (NOON, {"max_open_positions": 4}, "in the future"),
        (NOON.replace(tzinfo=None) + HOUR, {"max_open_positions": 4}, "time zone"),
        (NOON + HOUR, {"max_open_positions": 3}, "Nothing changes"),
    ],
)
def test_an_end_that_makes_no_sense_is_refused(row, until, changes, told):
    assert told in refused(row, until=until, **changes)["until"][0]


@settings(max_examples=25)
@given(before=GLOBAL_VALUES, changes=SOME_VALUES)
def test_a_temporary_change_reverts_exactly(before, changes):
    clock.use(lambda: NOON)
    try:
        RiskSettings.objects.all().delete()
        row = change_settings(begin(RiskScope.GLOBAL), before, actor="asha")
        if settings_service.differences(row, changes):
            raised = change(row, until=NOON + HOUR, **changes)
            assert values_of(raised) == before | changes
        settings_service.revert_due(NOON + HOUR)
        assert values_of(RiskSettings.objects.get()) == before
    finally:
        clock.use(None)
