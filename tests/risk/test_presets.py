from decimal import Decimal
from itertools import pairwise

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from risk import presets
from risk.models import RiskSettings, RiskSettingsChange
from risk.presets import PRESETS, apply_preset, preset_differences
from risk.settings_service import begin, differences
from tests.factories import StrategyFactory

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

# Where more is more daring; the other numbers say how soon something is stopped.
DARING = (
    "max_order_value",
    "max_daily_loss",
    "max_position_value",
    "max_gross_exposure",
    "max_open_positions",
    "max_working_orders",
    "max_orders_per_day",
    "max_trades_per_day",
    "consecutive_losses",
    "price_collar",
    "price_collar_options",
    "stale_alert",
    "repeated_execution",
    "circuit_breaker",
    "circuit_breaker_unknown",
    "clock_skew",
)
CAUTIOUS = ("insufficient_margin", "duplicate_order", "mis_cutoff")


def test_amounts_are_shares_of_the_capital():
    values = PRESETS["careful"].values("GLOBAL", Decimal(500_000))
    assert values["max_order_value"] == 25_000
    assert values["max_daily_loss"] == 5_000
    assert PRESETS["careful"].values("GLOBAL", Decimal(10_001))["max_daily_loss"] == 100


@given(st.integers(10_000, 10**12))
def test_each_preset_is_no_tighter_than_the_one_before(capital):
    found = [
        preset.values("GLOBAL", Decimal(capital), market_data=True) for preset in PRESETS.values()
    ]
    assert list(PRESETS) == ["careful", "normal", "bold"]
    for tighter, wider in pairwise(found):
        assert all(tighter[name] <= wider[name] for name in DARING)
        assert all(tighter[name] >= wider[name] for name in CAUTIOUS)


@pytest.mark.parametrize("capital", [presets.LEAST_CAPITAL, presets.MOST_CAPITAL])
@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_stored_for_any_scope(name, capital):
    strategy = StrategyFactory()
    for scope, key in (("GLOBAL", None), ("STRATEGY", strategy.pk)):
        values = PRESETS[name].values(scope, capital, market_data=True)
        assert differences(begin(scope, key), values)


def test_for_a_strategy_the_capital_is_its_budget():
    values = PRESETS["normal"].values("STRATEGY", Decimal(100_000))
    assert values["strategy_budget"] == 100_000
    assert "circuit_breaker" not in values
    assert "strategy_budget" not in PRESETS["normal"].values("GLOBAL", Decimal(100_000))


def test_differences_are_told_before_anything_is_stored():
    told = {one.name: one for one in preset_differences("careful", Decimal(500_000), "GLOBAL")}
    assert told["max_order_value"].new_text == "₹25,000"
    assert told["duplicate_order"].old_text == "30 s"
    assert not RiskSettings.objects.exists()
    row = apply_preset("careful", Decimal(500_000), "GLOBAL", actor="asha")
    assert (row.max_order_value, row.duplicate_order) == (25_000, 60)
    change = RiskSettingsChange.objects.get()
    assert set(change.new) == set(told)
    assert change.reason == "The preset Careful, for a capital of ₹5,00,000."
    assert preset_differences("careful", Decimal(500_000), "GLOBAL") == []


@pytest.mark.parametrize("capital", ["0", "-1", "NaN", "9999", "1e13"])
def test_a_capital_that_makes_no_sense_is_refused(capital):
    with pytest.raises(ValidationError) as error:
        preset_differences("bold", Decimal(capital), "GLOBAL")
    assert list(error.value.message_dict) == ["capital"]


def test_an_unknown_preset_is_refused_naming_those_that_there_are():
    with pytest.raises(ValidationError) as error:
        apply_preset("reckless", Decimal(500_000), "GLOBAL", actor="asha")
    assert error.value.message_dict == {"name": ["Use one of careful, normal, bold."]}


def test_every_preset_says_who_it_is_for():
    assert all(len(preset.who) > 40 for preset in PRESETS.values())


def test_only_a_plan_with_market_data_gets_what_needs_the_last_price():
    needing = {"price_collar", "price_collar_options", "stale_reference"}
    for preset in PRESETS.values():
        without = set(preset.values("GLOBAL", Decimal(500_000)))
        assert not needing & without
        more = set(preset.values("GLOBAL", Decimal(500_000), market_data=True)) - without
        assert more == needing


def test_one_preset_after_another_leaves_nothing_of_the_first():
    named = [
        set(preset.values("STRATEGY", Decimal(500_000), market_data=True))
        for preset in PRESETS.values()
    ]
    assert named[0] == named[1] == named[2]
