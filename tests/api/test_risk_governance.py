"""Limits over REST: reasons, ends, history, files and presets."""

from datetime import timedelta
from decimal import Decimal

import pytest

from risk.models import RiskSettings, RiskSettingsChange
from sigmatrader import clock
from tests.factories import StrategyFactory

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def later(hours=1):
    return (clock.now() + timedelta(hours=hours)).isoformat()


@pytest.fixture
def row(api):
    body = {"scope": "GLOBAL", "max_order_value": "50000", "reason": "to begin with"}
    return api.post("risk-settings/", body).json()


def test_every_setting_goes_in_and_comes_out_by_its_name(api, row):
    body = {
        "max_quantity_per_order": 10,
        "naked_option_sell": False,
        "approval_threshold": "25000.25",
        "price_collar": "3",
        "price_collar_options": "20",
        "stale_reference": 10,
        "stale_alert": None,
        "max_daily_loss": "9000",
        "max_position_quantity": 500,
        "max_position_value": "100000",
        "max_gross_exposure": "200000",
        "max_net_exposure": "150000",
        "max_working_orders": 20,
        "max_working_value": "90000",
        "insufficient_margin": "0",
        "max_orders_per_day": 60,
        "max_trades_per_day": 30,
        "consecutive_losses": 3,
        "duplicate_order": None,
        "repeated_execution": 5,
        "repeated_execution_minutes": 5,
        "self_match": False,
        "strategy_budget": "300000",
        "pyramiding": 1,
        "cool_down": 60,
        "no_trade_windows": [{"start": "12:00", "end": "13:30", "days": [0, 4]}],
        "mis_cutoff": 20,
        "circuit_breaker": 4,
        "circuit_breaker_unknown": 2,
        "circuit_breaker_reducing": True,
        "clock_skew": "1.5",
        "clock_skew_warn": "0.25",
    }
    changed = api.patch(f"risk-settings/{row['id']}/", body)
    assert changed.status_code == 200, changed.json()
    assert {name: changed.json()[name] for name in body} == body


def test_null_when_new_means_off(api):
    made = api.post("risk-settings/", {"scope": "GLOBAL", "duplicate_order": None}).json()
    assert (made["duplicate_order"], made["mis_cutoff"]) == (None, 15)


def test_a_strategys_settings_begin_with_everything_off(api):
    strategy = StrategyFactory()
    body = {"scope": "STRATEGY", "strategy_id": strategy.pk}
    made = api.post("risk-settings/", body).json()
    for name in ("duplicate_order", "stale_alert", "mis_cutoff", "circuit_breaker", "clock_skew"):
        assert made[name] is None
    assert made["self_match"] is False


def test_what_belongs_to_the_account_is_refused_for_a_strategy(api):
    body = {"scope": "STRATEGY", "strategy_id": StrategyFactory().pk, "clock_skew": "2"}
    errors = api.post("risk-settings/", body).json()["errors"]
    assert errors == {
        "clock_skew": ["Only GLOBAL settings have this: leave it off for a strategy."]
    }


def test_the_history_says_what_who_why_and_until_when_newest_first(api, row):
    until = clock.now().replace(microsecond=0) + timedelta(hours=1)
    body = {"max_order_value": "90000", "reason": "results", "until": until.isoformat()}
    raised = api.patch(f"risk-settings/{row['id']}/", body).json()
    told = until.isoformat().replace("+00:00", "Z")
    assert (raised["reverts_at"], raised["version"]) == (told, 2)
    assert not {"reason", "until"} & set(raised)
    newest, first = api.get(f"risk-settings/{row['id']}/history/").json()["results"]
    assert {name: newest[name] for name in ("old", "new", "actor", "reason", "until")} == {
        "old": {"max_order_value": "50000"},
        "new": {"max_order_value": "90000"},
        "actor": "asha",
        "reason": "results",
        "until": told,
    }
    assert (first["reason"], first["version"], first["until"]) == ("to begin with", 1, None)
    assert (newest["settings_id"], newest["label"]) == (row["id"], "GLOBAL")


def test_the_history_comes_in_pages(api, row):
    for number in range(1, 4):
        api.patch(f"risk-settings/{row['id']}/", {"max_open_positions": number})
    first = api.get(f"risk-settings/{row['id']}/history/", limit=3).json()
    rest = api.get(first["next"]).json()
    assert [len(first["results"]), len(rest["results"])] == [3, 1]


def test_put_keeps_a_temporary_value_temporary_and_patch_makes_it_last(api, row):
    address = f"risk-settings/{row['id']}/"
    api.patch(address, {"max_order_value": "90000", "until": later()})
    whole = {
        name: value
        for name, value in api.get(address).json().items()
        if name not in ("id", "version", "reverts_at", "created_at", "updated_at")
    }
    put = api.put(address, {**whole, "max_open_positions": 3}).json()
    assert (put["max_open_positions"], put["reverts_at"] is None) == (3, False)
    assert api.patch(address, {"max_order_value": "90000"}).json()["reverts_at"] is None


def test_an_end_without_a_change_is_refused(api, row):
    answer = api.patch(f"risk-settings/{row['id']}/", {"until": later()})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["until"])


def test_settings_stay_with_their_scope(api, row):
    body = {"scope": "STRATEGY", "strategy_id": StrategyFactory().pk}
    answer = api.patch(f"risk-settings/{row['id']}/", body)
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {"scope", "strategy_id"}


def test_an_exported_file_is_imported_as_it_is(api, row):
    exported = api.get("risk-settings/export/").json()
    assert api.post("risk-settings/import/", exported).json() == {"dry_run": False, "changed": []}
    api.delete(f"risk-settings/{row['id']}/")
    tried = api.post("risk-settings/import/", {**exported, "dry_run": True}).json()
    assert not RiskSettings.objects.exists()
    taken = api.post("risk-settings/import/", {**exported, "reason": "moved"}).json()
    assert taken["changed"] == tried["changed"]
    assert taken["changed"] == [
        {
            "scope": "GLOBAL",
            "strategy": None,
            "made": True,
            "differences": [{"setting": "max_order_value", "old": None, "new": "50000"}],
        }
    ]
    assert api.get("risk-settings/export/").json()["settings"] == exported["settings"]
    assert RiskSettingsChange.objects.first().reason == "moved"


def test_numbers_of_a_file_may_be_numbers(api):
    body = {
        "format": "sigmatrader-risk-settings",
        "format_version": 1,
        "settings": [{"scope": "GLOBAL", "max_order_value": 50000.05, "max_open_positions": 3}],
    }
    assert api.post("risk-settings/import/", body).status_code == 200
    assert RiskSettings.objects.get().max_order_value == Decimal("50000.05")


def test_a_wrong_file_is_400_with_every_fault(api):
    body = {
        "format": "sigmatrader-risk-settings",
        "format_version": 1,
        "settings": [{"scope": "GLOBAL", "max_qty": 1, "pyramiding": "x"}],
    }
    answer = api.post("risk-settings/import/", body)
    assert (answer.status_code, len(answer.json()["errors"]["settings"])) == (400, 2)
    unknown = api.post("risk-settings/import/", {**body, "more": 1})
    assert list(unknown.json()["errors"]) == ["more"]


def test_a_file_may_be_larger_than_other_bodies(api):
    symbols = [f"NSE:SYMBOL{number}" for number in range(2000)]
    body = {
        "format": "sigmatrader-risk-settings",
        "format_version": 1,
        "settings": [
            {"scope": "GLOBAL", "symbol_whitelist": symbols, "symbol_blacklist": ["X"] * 10_000}
        ],
    }
    assert api.post("risk-settings/import/", body).status_code == 200
    body["settings"][0]["symbol_blacklist"] = ["X"] * 50_000
    assert api.post("risk-settings/import/", body).status_code == 413


def test_presets_are_listed_in_rupees_of_the_capital(api):
    careful, normal, bold = api.get("risk-settings/presets/", capital="1000000").json()
    assert (careful["name"], normal["name"], bold["name"]) == ("careful", "normal", "bold")
    assert careful["settings"]["max_order_value"] == "50000"
    assert "real money" in careful["who"]
    usual = api.get("risk-settings/presets/").json()[0]["settings"]
    assert usual["max_order_value"] == "25000"
    assert "price_collar" not in usual
    priced = api.get("risk-settings/presets/", market_data="true").json()[0]["settings"]
    assert priced["price_collar"] == "2"
    own = api.get("risk-settings/presets/", scope="STRATEGY").json()[0]["settings"]
    assert own["strategy_budget"] == "500000"


@pytest.mark.parametrize("capital", ["much", "-5", "1", "NaN", ""])
def test_a_capital_that_makes_no_sense_is_400(capital, api):
    answer = api.get("risk-settings/presets/", capital=capital)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["capital"])


def test_a_preset_tells_its_differences_and_is_applied(api, row):
    body = {"name": "careful", "capital": "500000"}
    tried = api.post("risk-settings/presets/", {**body, "dry_run": True}).json()
    assert {"setting": "max_order_value", "old": "50000", "new": "25000"} in tried["differences"]
    assert tried["settings"] is None
    assert RiskSettings.objects.get().max_order_value == 50_000
    with_prices = {**body, "dry_run": True, "market_data": True}
    priced = api.post("risk-settings/presets/", with_prices).json()["differences"]
    assert "stale_reference" in [one["setting"] for one in priced]
    done = api.post("risk-settings/presets/", {**body, "until": later()}).json()
    assert done["differences"] == tried["differences"]
    assert (done["settings"]["max_order_value"], done["settings"]["version"]) == ("25000", 2)
    assert done["settings"]["reverts_at"] is not None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"capital": "500000"}, "name"),
        ({"name": "reckless", "capital": "500000"}, "name"),
        ({"name": "bold"}, "capital"),
        ({"name": "bold", "capital": "5"}, "capital"),
        ({"name": "bold", "capital": "500000", "scope": "STRATEGY"}, "strategy_id"),
        ({"name": "bold", "capital": "500000", "until": "2020-01-01T00:00:00Z"}, "until"),
        ({"name": "bold", "capital": "500000", "to": "me"}, "to"),
    ],
)
def test_a_preset_for_nobody_is_400(body, field, api):
    answer = api.post("risk-settings/presets/", body)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert not RiskSettings.objects.exists()


def test_a_change_for_longer_than_a_year_is_refused(api):
    fields = {"scope": "GLOBAL", "max_order_value": "5", "until": "9999-12-31T23:59:59Z"}
    answer = api.post("risk-settings/", fields)
    assert answer.status_code == 400
    assert "until" in answer.json()["errors"]
