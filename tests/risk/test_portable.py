"""Limits as a file: what is written is what is read, or every fault is named."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from risk import portable, settings_service
from risk.models import RiskSettings, RiskSettingsChange
from risk.settings_service import begin, change_settings
from sigmatrader import clock
from tests.factories import StrategyFactory
from tests.risk.limit_values import GLOBAL_VALUES, STRATEGY_VALUES
from trading.models import Strategy

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def exported():
    return portable.export_settings()["settings"]


def taken(data, **more):
    return portable.import_settings(data, actor="asha", **more)


def file_of(*entries, **more):
    return {"format": portable.FORMAT, "format_version": 1, "settings": list(entries), **more}


def faults_of(data):
    with pytest.raises(ValidationError) as error:
        taken(data)
    return settings_service.errors_by_field(error.value)


@settings(max_examples=25)
@given(st.none() | GLOBAL_VALUES, STRATEGY_VALUES)
def test_export_and_import_give_the_same_limits(for_all, for_one):
    RiskSettings.objects.all().delete()
    strategy, _ = Strategy.objects.get_or_create(name="supertrend")
    if for_all is not None:
        change_settings(begin("GLOBAL"), for_all, actor="asha")
    change_settings(begin("STRATEGY", strategy.pk), for_one, actor="asha")
    before = portable.export_settings()
    read = portable.read_file(portable.file_text(before).encode())
    assert taken(read) == []
    RiskSettings.objects.all().delete()
    assert all(one.made for one in taken(read))
    assert exported() == before["settings"]


def test_strategies_are_named_and_numbers_are_exact():
    strategy = StrategyFactory(name="supertrend")
    changes = {"max_order_value": Decimal("50000.05")}
    change_settings(begin("STRATEGY", strategy.pk), changes, actor="asha")
    (entry,) = exported()
    assert (entry["scope"], entry["strategy"]) == ("STRATEGY", "supertrend")
    assert (entry["max_order_value"], entry["max_daily_loss"]) == ("50000.05", None)


def test_what_a_file_does_not_name_stays():
    strategy = StrategyFactory(name="supertrend")
    change_settings(begin("STRATEGY", strategy.pk), {"pyramiding": 2}, actor="asha")
    change_settings(begin("GLOBAL"), {"max_open_positions": 3}, actor="asha")
    (changed,) = taken(file_of({"scope": "GLOBAL", "max_order_value": "100"}), reason="moved")
    assert (changed.label, changed.made) == ("GLOBAL", False)
    assert [(one.name, one.old, one.new) for one in changed.differences] == [
        ("max_order_value", None, 100)
    ]
    found = {row.scope: row for row in RiskSettings.objects.all()}
    assert (found["GLOBAL"].max_open_positions, found["STRATEGY"].pyramiding) == (3, 2)
    assert RiskSettingsChange.objects.first().reason == "moved"


def test_a_dry_run_tells_and_keeps_nothing():
    data = file_of({"scope": "GLOBAL", "max_order_value": "100"})
    (told,) = taken(data, dry_run=True)
    assert (told.made, told.differences[0].new) == (True, 100)
    assert not RiskSettings.objects.exists()
    assert not RiskSettingsChange.objects.exists()


def test_a_file_holds_what_lasts_and_its_own_import_ends_nothing():
    row = change_settings(begin("GLOBAL"), {"max_order_value": Decimal(100)}, actor="asha")
    until = clock.now() + timedelta(hours=1)
    change_settings(row, {"max_order_value": Decimal(900)}, actor="asha", until=until)
    assert exported()[0]["max_order_value"] == "100"
    assert taken(portable.export_settings()) == []
    row.refresh_from_db()
    assert (row.max_order_value, row.reverts_at) == (900, until)


def test_an_imported_value_lasts_where_the_same_one_was_temporary():
    row = change_settings(begin("GLOBAL"), {"max_order_value": Decimal(100)}, actor="asha")
    until = clock.now() + timedelta(hours=1)
    change_settings(row, {"max_order_value": Decimal(900)}, actor="asha", until=until)
    taken(file_of({"scope": "GLOBAL", "max_order_value": "900"}))
    row.refresh_from_db()
    assert (row.max_order_value, row.reverts_at) == (900, None)


def test_one_fault_takes_nothing_over_and_every_fault_is_told():
    StrategyFactory(name="supertrend")
    data = file_of(
        {"scope": "GLOBAL", "max_order_value": "100"},
        {"scope": "STRATEGY", "strategy": "gone"},
        {"scope": "STRATEGY", "strategy": "supertrend", "pyramiding": 0.5, "max_qty": 1},
        "nothing",
    )
    told = faults_of(data)["settings"]
    assert len(told) == 4
    for part in ("'gone'", "STRATEGY(supertrend): pyramiding: Write a whole", "max_qty", "Entry 4"):
        assert any(part in text for text in told)
    assert not RiskSettings.objects.exists()


def test_values_that_only_the_whole_row_forbids_are_told_too():
    StrategyFactory(name="supertrend")
    data = file_of(
        {"scope": "GLOBAL", "max_order_value": "100"},
        {"scope": "STRATEGY", "strategy": "supertrend", "circuit_breaker": 3, "pyramiding": 0},
    )
    told = faults_of(data)["settings"]
    assert any("circuit_breaker: Only GLOBAL" in text for text in told)
    assert any("pyramiding: Must be more than 0" in text for text in told)
    assert not RiskSettings.objects.exists()


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "format"),
        ({"format": portable.FORMAT, "format_version": 2, "settings": []}, "format_version"),
        ({"format": portable.FORMAT, "format_version": True, "settings": []}, "format_version"),
        (file_of(extra=1), "extra"),
        ({"format": portable.FORMAT, "format_version": 1}, "settings"),
        (file_of({"scope": "GLOBAL"}, {"scope": "GLOBAL"}), "settings"),
        (file_of({"scope": "GLOBAL", "strategy": "x"}), "settings"),
        (file_of({"scope": ["GLOBAL"]}), "settings"),
        (file_of({"scope": "STRATEGY", "strategy": ["x"]}), "settings"),
    ],
)
def test_a_strange_file_is_refused_by_field(data, field):
    assert list(faults_of(data)) == [field]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_order_value", True),
        ("max_order_value", "1e5"),
        ("max_order_value", "-1"),
        ("max_order_value", "0.00001"),
        ("max_order_value", "9" * 18),
        ("max_order_value", Decimal("1e400")),
        ("max_open_positions", "1.5"),
        ("max_open_positions", True),
        ("max_open_positions", 10**12),
        ("self_match", "yes"),
        ("self_match", None),
        ("clamp_mode", None),
        ("clamp_mode", ["CLAMP"]),
        ("symbol_whitelist", {"a": 1}),
        ("no_trade_windows", ["12:00"]),
    ],
)
def test_a_value_of_another_kind_is_refused(name, value):
    (told,) = faults_of(file_of({"scope": "GLOBAL", name: value}))["settings"]
    assert told.startswith(f"GLOBAL: {name}: ")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{",
        b'{"a": NaN}',
        b'{"a": 1e9999999999999999999}',
        b"[" * 100_000,
        b" " * (portable.MAX_BYTES + 1),
    ],
)
def test_what_is_no_file_of_limits_is_refused(content):
    with pytest.raises(ValidationError):
        portable.read_file(content)


HALF = "\ud800"


@pytest.mark.parametrize(
    "data",
    [
        file_of(**{HALF: 1}),
        file_of({"scope": "GLOBAL", HALF: 1}),
        file_of({"scope": HALF}),
        file_of({"scope": "STRATEGY", "strategy": HALF}),
        file_of({"scope": "GLOBAL", "symbol_whitelist": [HALF]}),
        file_of({"scope": "GLOBAL", "clamp_mode": HALF}),
        file_of({"scope": "GLOBAL", "no_trade_windows": [{"start": HALF, HALF: 1}]}),
    ],
)
def test_what_a_fault_quotes_can_be_sent(data):
    for name, texts in faults_of(data).items():
        for text in (name, *texts):
            assert text.encode("utf-8")


def test_a_file_is_readable_text():
    text = portable.file_text(portable.export_settings())
    assert json.loads(text)["format"] == "sigmatrader-risk-settings"
    assert text.endswith("}\n")
