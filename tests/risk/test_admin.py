import json
import re
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from brokers.accounts import ensure_paper_account
from risk import policy
from risk.models import (
    Breaker,
    ProductSchedule,
    RiskSettings,
    RiskSettingsChange,
    SquareOff,
    TradingState,
    TradingStateChange,
)
from risk.settings_values import SETTINGS
from sigmatrader import clock
from trading.domain.values import RiskScope, StateScope, TradingStateName
from trading.models import Strategy

pytestmark = pytest.mark.django_db

FORM = {
    "scope": "GLOBAL",
    "strategy": "",
    "max_quantity_per_order": "100",
    "max_order_value": "50000.25",
    "clamp_mode": "CLAMP",
    "symbol_whitelist": "nse:infy, tcs\r\n\r\nITC",
    "symbol_blacklist": "",
    "max_open_positions": "",
    "max_daily_loss": "",
    "reason": "to begin with",
}


def text_of(response):
    return re.sub(r"\s+", " ", response.content.decode())


def test_settings_are_made_with_symbols_as_text(admin_client):
    response = admin_client.post(reverse("admin:risk_risksettings_add"), FORM)
    assert response.status_code == 302
    row = RiskSettings.objects.get()
    assert (row.max_order_value, row.max_quantity_per_order) == (Decimal("50000.25"), 100)
    assert row.symbol_whitelist == ["NSE:INFY", "TCS", "ITC"]
    assert row.symbol_blacklist == []
    assert row.allow_short_selling is False


def test_settings_are_shown_as_text_and_changed(admin_client):
    row = RiskSettings.objects.create(
        scope=RiskScope.GLOBAL,
        symbol_whitelist=["NSE:INFY", "TCS"],
        max_open_positions=3,
        max_order_value=Decimal("50000.25"),
    )
    address = reverse("admin:risk_risksettings_change", args=[row.pk])
    page = admin_client.get(address).content.decode()
    assert "NSE:INFY\nTCS</textarea>" in page
    assert 'value="50000.25"' in page
    assert admin_client.post(address, {**FORM, "symbol_whitelist": ""}).status_code == 302
    row.refresh_from_db()
    assert (row.symbol_whitelist, row.max_open_positions, row.version) == ([], None, 2)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("symbol_blacklist", "INFY TCS", "“INFY TCS” is not a symbol; write it like NSE:INFY"),
        ("max_order_value", "0", "Must be more than 0; leave it empty for no limit."),
        ("max_order_value", "1.23456", "no more than 4 decimal places"),
        ("scope", "STRATEGY", "Choose the strategy that these settings are for."),
    ],
)
def test_a_wrong_form_comes_back_with_the_fix(admin_client, field, value, told):
    response = admin_client.post(reverse("admin:risk_risksettings_add"), {**FORM, field: value})
    assert response.status_code == 200
    assert told in text_of(response)
    assert not RiskSettings.objects.exists()


def test_the_form_says_units_and_when_trading_stops(admin_client):
    page = text_of(admin_client.get(reverse("admin:risk_risksettings_add")))
    for told in ("Units (shares, not lots)", "₹ for one order", "the state becomes REDUCING"):
        assert told in page


def test_the_list_shows_the_limits(admin_client):
    RiskSettings.objects.create(
        scope=RiskScope.GLOBAL, max_order_value=Decimal(75_000), symbol_blacklist=["TCS"]
    )
    RiskSettings.objects.create(
        scope=RiskScope.STRATEGY, strategy=Strategy.objects.create(name="supertrend")
    )
    page = text_of(admin_client.get(reverse("admin:risk_risksettings_changelist")))
    for shown in ("GLOBAL", "STRATEGY(supertrend)", "₹75,000", "0 / 1"):
        assert shown in page


def test_a_longer_list_needs_no_more_queries(admin_client):
    def queries_with_one_more(name):
        strategy = Strategy.objects.create(name=name)
        RiskSettings.objects.create(scope=RiskScope.STRATEGY, strategy=strategy)
        with CaptureQueriesContext(connection) as captured:
            admin_client.get(reverse("admin:risk_risksettings_changelist"))
        return len(captured)

    counts = [queries_with_one_more(name) for name in ("first", "supertrend", "breakout")]
    assert counts[1] == counts[2]


def test_an_unchanged_list_is_no_change(admin_client):
    row = RiskSettings.objects.create(scope=RiskScope.GLOBAL, symbol_whitelist=["NSE:INFY", "TCS"])
    address = reverse("admin:risk_risksettings_change", args=[row.pk])
    admin_client.post(address, {**FORM, "symbol_whitelist": "NSE:INFY\r\nTCS"})
    history = text_of(admin_client.get(reverse("admin:risk_risksettings_history", args=[row.pk])))
    assert "Max quantity per order" in history
    assert "Symbol whitelist" not in history


@pytest.mark.parametrize("model", [TradingState, TradingStateChange])
def test_the_trading_state_and_its_history_are_read_only(admin_client, model):
    policy.set_state(StateScope.EVERYTHING, TradingStateName.HALTED, "lunch", "somebody")
    name = f"admin:risk_{model._meta.model_name}"
    row = model.objects.get()
    assert "lunch" in text_of(admin_client.get(reverse(f"{name}_changelist")))
    address = reverse(f"{name}_change", args=[row.pk])
    assert admin_client.get(address).status_code == 200
    assert admin_client.post(address, {"reason": "other"}).status_code == 403
    assert admin_client.get(reverse(f"{name}_add")).status_code == 403
    assert admin_client.post(reverse(f"{name}_delete", args=[row.pk])).status_code == 403
    assert model.objects.get().reason == "lunch"


def change_page(row):
    return reverse("admin:risk_risksettings_change", args=[row.pk])


def test_a_change_needs_a_reason_and_an_unchanged_form_none(admin_client):
    row = RiskSettings.objects.create(scope=RiskScope.GLOBAL, allow_short_selling=False)
    unchanged = {"clamp_mode": "CLAMP", "naked_option_sell": "on"}
    assert admin_client.post(change_page(row), unchanged).status_code == 302
    row.refresh_from_db()
    assert row.version == 1
    response = admin_client.post(change_page(row), {**unchanged, "max_open_positions": "3"})
    assert "Say why, in a few words." in text_of(response)
    row.refresh_from_db()
    assert (row.version, row.max_open_positions) == (1, None)


def test_every_setting_stands_in_the_form_with_its_help(admin_client):
    page = text_of(admin_client.get(reverse("admin:risk_risksettings_add")))
    for name in SETTINGS:
        assert f'name="{name}"' in page
        assert f'id="id_{name}_helptext"' in page


def test_a_form_for_everything_shows_what_a_new_installation_checks(admin_client):
    page = reverse("admin:risk_risksettings_add")
    initial = admin_client.get(page).context["adminform"].form.initial
    assert (initial["scope"], initial["duplicate_order"]) == ("GLOBAL", 30)
    own = admin_client.get(page, {"scope": "STRATEGY"}).context["adminform"].form.initial
    assert (own["scope"], own["duplicate_order"]) == ("STRATEGY", None)


def test_windows_are_typed_one_a_line(admin_client):
    data = {**FORM, "no_trade_windows": "Mon-Fri 12:00-13:30\r\n9:00-9:20"}
    assert admin_client.post(reverse("admin:risk_risksettings_add"), data).status_code == 302
    row = RiskSettings.objects.get()
    assert row.no_trade_windows == [
        {"start": "12:00", "end": "13:30", "days": [0, 1, 2, 3, 4]},
        {"start": "09:00", "end": "09:20", "days": []},
    ]
    page = admin_client.get(change_page(row)).content.decode()
    assert "Mon-Fri 12:00-13:30\n09:00-09:20</textarea>" in page
    told = admin_client.post(change_page(row), {**data, "no_trade_windows": "at noon"})
    assert "“at noon” is no window; write it like" in text_of(told)


def test_a_raise_until_an_hour_is_shown_with_what_returns(admin_client):
    row = RiskSettings.objects.create(scope=RiskScope.GLOBAL, max_open_positions=3)
    data = {**FORM, "max_open_positions": "9", "max_quantity_per_order": "", "max_order_value": ""}
    day = (clock.now() + timedelta(days=30)).date()
    until = {"until_0": day.isoformat(), "until_1": "15:30"}
    assert admin_client.post(change_page(row), {**data, **until}).status_code == 302
    row.refresh_from_db()
    assert row.reverts_at == datetime.combine(day, time(10, 0), tzinfo=UTC)
    page = text_of(admin_client.get(change_page(row)))
    assert f"At {day.day} {day:%b %Y} 15:30 IST comes back:" in page
    assert "max open positions: 3" in page
    late = admin_client.post(change_page(row), {**data, "until_0": "2020-01-30", "until_1": "1:00"})
    assert "must lie in the future" in text_of(late)


def test_settings_of_a_strategy_refuse_what_belongs_to_the_account(admin_client):
    data = {**FORM, "scope": "STRATEGY", "strategy": Strategy.objects.create(name="one").pk}
    response = admin_client.post(
        reverse("admin:risk_risksettings_add"), {**data, "circuit_breaker": "3"}
    )
    assert "Only GLOBAL settings have this" in text_of(response)
    assert not RiskSettings.objects.exists()


def test_the_history_is_on_the_page_and_in_a_list_that_nobody_writes(admin_client):
    admin_client.post(reverse("admin:risk_risksettings_add"), {**FORM, "max_open_positions": "3"})
    change = RiskSettingsChange.objects.get()
    told = "max open positions: off → 3"
    assert told in text_of(admin_client.get(change_page(RiskSettings.objects.get())))
    page = admin_client.get(
        reverse("admin:risk_risksettingschange_changelist"), {"label": "GLOBAL"}
    )
    assert told in text_of(page)
    assert "to begin with" in text_of(page)
    address = reverse("admin:risk_risksettingschange_change", args=[change.pk])
    assert admin_client.post(address, {"reason": "other"}).status_code == 403
    gone = reverse("admin:risk_risksettingschange_delete", args=[change.pk])
    assert admin_client.post(gone, {"post": "yes"}).status_code == 403


def test_an_exported_file_is_shown_then_taken_over(admin_client):
    row = RiskSettings.objects.create(scope=RiskScope.GLOBAL, max_order_value=Decimal(75_000))
    exported = admin_client.get(reverse("admin:risk_export"))
    assert "attachment; filename=" in exported.headers["Content-Disposition"]
    selected = {"action": "export_selected", "_selected_action": row.pk}
    by_action = admin_client.post(reverse("admin:risk_risksettings_changelist"), selected)
    assert json.loads(by_action.content)["settings"] == json.loads(exported.content)["settings"]
    row.delete()
    upload = SimpleUploadedFile("limits.json", exported.content)
    address = reverse("admin:risk_import")
    shown = admin_client.post(address, {"file": upload, "reason": "moved", "show": "yes"})
    assert "₹75,000" in text_of(shown)
    assert not RiskSettings.objects.exists()
    hidden = shown.context["form"].initial
    data = {"content": hidden["content"], "reason": hidden["reason"], "store": "yes"}
    assert admin_client.post(address, data).status_code == 302
    assert RiskSettings.objects.get().max_order_value == 75_000
    assert RiskSettingsChange.objects.get().reason == "moved"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "submitted file is empty"),
        (b"hello", "it is not JSON"),
        (b"{}", "format: This is no file of risk settings"),
        (
            b'{"format": "sigmatrader-risk-settings", "format_version": 1,'
            b' "settings": [{"scope": "GLOBAL", "pyramiding": 0}]}',
            "GLOBAL: pyramiding: Must be more than 0",
        ),
        (b'{"format_version": 1e9999999999999999999}', "it is not JSON"),
        (
            b'{"format": "sigmatrader-risk-settings", "format_version": 1,'
            b' "settings": [{"scope": "GLOBAL", "\\ud800": 0}]}',
            r"GLOBAL: \ud800: There is no such setting",
        ),
    ],
)
def test_a_wrong_file_comes_back_with_its_faults(admin_client, content, told):
    upload = SimpleUploadedFile("limits.json", content)
    response = admin_client.post(reverse("admin:risk_import"), {"file": upload, "store": "yes"})
    assert response.status_code == 200
    assert told in text_of(response)
    assert not RiskSettings.objects.exists()


def test_only_the_preset_that_was_shown_is_applied(admin_client):
    address = reverse("admin:risk_preset")
    data = {"target": ["GLOBAL"], "preset": "careful", "capital": "500000"}
    shown = admin_client.post(address, data)
    assert "₹25,000" in text_of(shown)
    data |= {"shown": shown.context["form"].initial["shown"], "store": "yes"}
    other = admin_client.post(address, {**data, "capital": "900000"})
    assert other.status_code == 200
    assert not RiskSettings.objects.exists()
    assert admin_client.post(address, data).status_code == 302
    assert RiskSettings.objects.get().max_order_value == 25_000


def test_the_selected_scopes_are_chosen_on_the_page_of_presets(admin_client):
    row = RiskSettings.objects.create(
        scope=RiskScope.STRATEGY, strategy=Strategy.objects.create(name="supertrend")
    )
    selected = {"action": "choose_preset", "_selected_action": row.pk}
    response = admin_client.post(reverse("admin:risk_risksettings_changelist"), selected)
    assert response.headers["Location"].endswith(f"preset/?target={row.strategy_id}")
    page = admin_client.get(response.headers["Location"])
    assert page.context["form"].initial["target"] == [str(row.strategy_id)]
    assert "STRATEGY(supertrend)" in text_of(page)


@pytest.mark.parametrize("name", ["risk_import", "risk_preset"])
def test_who_may_only_look_takes_nothing_over(name, client, django_user_model):
    reader = django_user_model.objects.create_user("reader", password="x", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_risksettings"))
    client.force_login(reader)
    assert client.get(reverse(f"admin:{name}")).status_code == 403
    assert client.get(reverse("admin:risk_export")).status_code == 200
    page = text_of(client.get(reverse("admin:risk_risksettings_changelist")))
    assert "Apply a preset" not in page


@pytest.mark.parametrize("name", ["breaker", "squareoff"])
def test_breakers_and_square_offs_are_read_only(admin_client, name):
    account = ensure_paper_account()
    now = clock.now()
    Breaker.objects.create(
        code="CIRCUIT_BREAKER", connection=account, since=now, reason="Three refusals."
    )
    SquareOff.objects.create(
        scope="ACCOUNT", connection=account, started_by="asha", started_at=now, outcome="Flat."
    )
    page = text_of(admin_client.get(reverse(f"admin:risk_{name}_changelist")))
    assert "Three refusals." in page or "Flat." in page
    assert admin_client.get(reverse(f"admin:risk_{name}_add")).status_code == 403


def test_a_products_hours_are_kept_and_must_be_in_order(admin_client):
    address = reverse("admin:risk_productschedule_add")
    form = {"product": "MIS", "enabled": "on", "square_off_at": "15:10:00"}
    page = admin_client.post(address, {**form, "no_new_entries_at": "15:15:00"})
    assert "Not after the square-off at 15:10." in text_of(page)
    assert admin_client.post(address, {**form, "no_new_entries_at": "15:00"}).status_code == 302
    row = ProductSchedule.objects.get()
    assert (row.product, row.square_off_at) == ("MIS", time(15, 10))
