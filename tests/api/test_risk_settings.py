"""Risk settings: one row for each scope, named limits."""

from decimal import Decimal

import pytest

from risk.models import RiskSettings
from tests.factories import StrategyFactory

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def test_global_limits_have_the_documented_names_and_defaults(api):
    response = api.post("risk-settings/", {"scope": "GLOBAL", "max_order_value": "50000.50"})
    body = response.json()
    assert response.status_code == 201
    for name in ("id", "version", "created_at", "updated_at"):
        assert body.pop(name)
    assert {name: value for name, value in body.items() if value is not None} == {
        "scope": "GLOBAL",
        "max_order_value": "50000.5",
        "allow_short_selling": True,
        "naked_option_sell": True,
        "clamp_mode": "CLAMP",
        "symbol_whitelist": [],
        "symbol_blacklist": [],
        "no_trade_windows": [],
        "duplicate_order": 30,
        "stale_alert": "0.5",
        "self_match": True,
        "mis_cutoff": 15,
        "circuit_breaker": 3,
        "circuit_breaker_unknown": 3,
        "circuit_breaker_reducing": False,
        "clock_skew": "2",
        "clock_skew_warn": "0.5",
    }
    assert {name for name, value in body.items() if value is None} == {
        "strategy_id",
        "reverts_at",
        "max_quantity_per_order",
        "approval_threshold",
        "price_collar",
        "price_collar_options",
        "stale_reference",
        "max_daily_loss",
        "max_open_positions",
        "max_position_quantity",
        "max_position_value",
        "max_gross_exposure",
        "max_net_exposure",
        "max_working_orders",
        "max_working_value",
        "insufficient_margin",
        "max_orders_per_day",
        "max_trades_per_day",
        "consecutive_losses",
        "repeated_execution",
        "repeated_execution_minutes",
        "strategy_budget",
        "pyramiding",
        "cool_down",
    }
    assert RiskSettings.objects.get().max_order_value == Decimal("50000.5")


def test_the_list_is_filtered_by_scope_and_strategy(api):
    one, two = StrategyFactory(name="one"), StrategyFactory(name="two")
    api.post("risk-settings/", {"scope": "GLOBAL"})
    for strategy in (one, two):
        api.post("risk-settings/", {"scope": "STRATEGY", "strategy_id": strategy.pk})
    assert [row["scope"] for row in api.get("risk-settings/").json()] == [
        "GLOBAL",
        "STRATEGY",
        "STRATEGY",
    ]
    assert len(api.get("risk-settings/", scope="STRATEGY").json()) == 2
    mine = api.get("risk-settings/", scope="STRATEGY", strategy_id=two.pk).json()
    assert [row["strategy_id"] for row in mine] == [two.pk]
    assert api.get("risk-settings/", strategy_id=10**18).json() == []


@pytest.mark.parametrize(
    ("parameters", "field", "text"),
    [
        ({"scope": "ALL"}, "scope", "GLOBAL, STRATEGY"),
        ({"strategy_id": "x"}, "strategy_id", "whole number"),
        ({"strategy_id": "9" * 30}, "strategy_id", "whole number"),
    ],
)
def test_an_unknown_filter_value_is_400(parameters, field, text, api):
    response = api.get("risk-settings/", **parameters)
    assert response.status_code == 400
    assert text in response.json()["errors"][field][0]


def test_one_row_for_each_scope(api):
    strategy = StrategyFactory()
    mine = {"scope": "STRATEGY", "strategy_id": strategy.pk}
    for body, field in (({"scope": "GLOBAL"}, "scope"), (mine, "strategy_id")):
        assert api.post("risk-settings/", body).status_code == 201
        again = api.post("risk-settings/", body)
        assert (again.status_code, list(again.json()["errors"])) == (400, [field])
    assert RiskSettings.objects.count() == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "scope"),
        ({"scope": "ALL"}, "scope"),
        ({"scope": "STRATEGY"}, "strategy_id"),
        ({"scope": "STRATEGY", "strategy_id": 4711}, "strategy_id"),
        ({"scope": "STRATEGY", "strategy_id": 10**30}, "strategy_id"),
        ({"scope": "STRATEGY", "strategy_id": "x"}, "strategy_id"),
        ({"scope": "STRATEGY", "strategy_id": True}, "strategy_id"),
        ({"scope": "STRATEGY", "strategy_id": {}}, "strategy_id"),
        ({"scope": "GLOBAL", "max_order_value": "0"}, "max_order_value"),
        ({"scope": "GLOBAL", "max_order_value": "-1"}, "max_order_value"),
        ({"scope": "GLOBAL", "max_order_value": "Infinity"}, "max_order_value"),
        ({"scope": "GLOBAL", "max_quantity_per_order": 0}, "max_quantity_per_order"),
        ({"scope": "GLOBAL", "max_quantity_per_order": 10**12}, "max_quantity_per_order"),
        ({"scope": "GLOBAL", "max_open_positions": -1}, "max_open_positions"),
        ({"scope": "GLOBAL", "allow_short_selling": None}, "allow_short_selling"),
        ({"scope": "GLOBAL", "clamp_mode": "CUT"}, "clamp_mode"),
        ({"scope": "GLOBAL", "symbol_whitelist": 5}, "symbol_whitelist"),
        ({"scope": "GLOBAL", "symbol_whitelist": [5]}, "symbol_whitelist"),
        ({"scope": "GLOBAL", "symbol_whitelist": ["IN FY"]}, "symbol_whitelist"),
        ({"scope": "GLOBAL", "symbol_blacklist": ["a\x00"]}, "symbol_blacklist"),
        ({"scope": "GLOBAL", "symbol_blacklist": ["a\ud800"]}, "symbol_blacklist"),
        (
            {"scope": "GLOBAL", "symbol_whitelist": ["TCS"], "symbol_blacklist": ["TCS"]},
            "symbol_blacklist",
        ),
        ({"scope": "GLOBAL", "max_qty": 5}, "max_qty"),
        ({"scope": "GLOBAL", "stale_alert": "a bit"}, "stale_alert"),
        ({"scope": "GLOBAL", "pyramiding": "1.5"}, "pyramiding"),
        ({"scope": "GLOBAL", "self_match": None}, "self_match"),
        ({"scope": "GLOBAL", "insufficient_margin": "-1"}, "insufficient_margin"),
        ({"scope": "GLOBAL", "no_trade_windows": "12:00-13:00"}, "no_trade_windows"),
        ({"scope": "GLOBAL", "no_trade_windows": [{"start": "12:00"}]}, "no_trade_windows"),
        ({"scope": "GLOBAL", "version": "x", "reverts": "x"}, "reverts"),
        ({"scope": "GLOBAL", "until": "tomorrow"}, "until"),
        ({"scope": "GLOBAL", "until": "2020-01-01T00:00:00Z"}, "until"),
    ],
)
def test_a_wrong_value_is_400_naming_the_field(body, field, api):
    response = api.post("risk-settings/", body)
    assert (response.status_code, list(response.json()["errors"])) == (400, [field])
    assert not RiskSettings.objects.exists()


def test_global_limits_have_no_strategy(api):
    body = {"scope": "GLOBAL", "strategy_id": StrategyFactory().pk}
    assert list(api.post("risk-settings/", body).json()["errors"]) == ["strategy_id"]


def test_a_change_keeps_the_rest_counts_versions_and_clears_with_null(api):
    row = api.post(
        "risk-settings/",
        {"scope": "GLOBAL", "max_quantity_per_order": 100, "symbol_whitelist": "nse:infy, tcs"},
    ).json()
    assert row["symbol_whitelist"] == ["NSE:INFY", "TCS"]
    changed = api.put(f"risk-settings/{row['id']}/", {"clamp_mode": "REJECT"}).json()
    assert (changed["max_quantity_per_order"], changed["clamp_mode"]) == (100, "REJECT")
    assert changed["version"] == row["version"] + 1
    cleared = api.patch(
        f"risk-settings/{row['id']}/", {"max_quantity_per_order": None, "symbol_whitelist": []}
    ).json()
    assert (cleared["max_quantity_per_order"], cleared["symbol_whitelist"]) == (None, [])


def test_a_scope_that_moves_onto_another_row_is_400(api):
    one, two = StrategyFactory(), StrategyFactory()
    rows = [
        api.post("risk-settings/", {"scope": "STRATEGY", "strategy_id": strategy.pk}).json()
        for strategy in (one, two)
    ]
    moved = api.patch(f"risk-settings/{rows[0]['id']}/", {"strategy_id": two.pk})
    assert (moved.status_code, list(moved.json()["errors"])) == (400, ["strategy_id"])


def test_limits_can_be_removed(api):
    row = api.post("risk-settings/", {"scope": "GLOBAL"}).json()
    assert api.delete(f"risk-settings/{row['id']}/").status_code == 204
    assert api.get(f"risk-settings/{row['id']}/").status_code == 404
