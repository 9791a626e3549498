"""Whoever changes limits, the change is counted, and recorded with who and why."""

import json
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from risk import portable, settings_service
from risk.models import RiskSettings, RiskSettingsChange
from tests.api.conftest import api_of
from tests.factories import StrategyFactory
from trading.models import Strategy

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

FILE = {
    "format": portable.FORMAT,
    "format_version": 1,
    "settings": [{"scope": "GLOBAL", "max_order_value": "70000"}],
}


@pytest.fixture
def row():
    changes = {"max_order_value": Decimal(50_000)}
    return settings_service.change_settings(
        settings_service.begin("GLOBAL"), changes, actor="somebody"
    )


@pytest.fixture
def own(row):
    """A strategy's own settings."""
    begun = settings_service.begin("STRATEGY", StrategyFactory(name="supertrend").pk)
    return settings_service.change_settings(begun, {"pyramiding": 2}, actor="somebody")


@pytest.fixture
def rest(client, admin_user):
    return api_of(client, admin_user)


def form(**changes):
    return {"clamp_mode": "CLAMP", "reason": "a test", **changes}


def page(name, *args):
    return reverse(f"admin:risk_risksettings_{name}", args=args)


def by_rest(method, path, body=None):
    def write(client, rest, own):
        address = path.format(row=own.pk, strategy=own.strategy_id)
        assert rest.call(method, address, body).status_code in (200, 201, 204)

    return write


def by_admin(name, data, of=True):
    def write(client, rest, own):
        address = page(name, own.pk) if of else page(name)
        data_now = {key: value.format(row=own.pk) for key, value in data.items()}
        assert client.post(address, data_now).status_code == 302

    return write


def admin_import(client, rest, own):
    upload = SimpleUploadedFile("limits.json", json.dumps(FILE).encode())
    answer = client.post(reverse("admin:risk_import"), {"file": upload, "store": "yes"})
    assert answer.status_code == 302


def admin_preset(client, rest, own):
    data = {"target": ["GLOBAL", own.strategy_id], "preset": "bold", "capital": "100000"}
    shown = client.post(reverse("admin:risk_preset"), data).context["form"].initial["shown"]
    data |= {"shown": shown, "store": "yes"}
    assert client.post(reverse("admin:risk_preset"), data).status_code == 302


def admin_strategy_deleted(client, rest, own):
    address = reverse("admin:trading_strategy_delete", args=[own.strategy_id])
    assert client.post(address, {"post": "yes"}).status_code == 302
    assert not Strategy.objects.exists()


def admin_strategies_deleted(client, rest, own):
    data = {"action": "delete_selected", "_selected_action": own.strategy_id, "post": "yes"}
    assert client.post(reverse("admin:trading_strategy_changelist"), data).status_code == 302
    assert not Strategy.objects.exists()


PRESET = {"name": "normal", "capital": "500000"}
SELECTED = {"action": "delete_selected", "_selected_action": "{row}", "post": "yes"}
WRITERS = {
    "REST PATCH": by_rest("PATCH", "risk-settings/{row}/", {"pyramiding": 3}),
    "REST PUT": by_rest("PUT", "risk-settings/{row}/", {"pyramiding": None}),
    "REST DELETE": by_rest("DELETE", "risk-settings/{row}/"),
    "REST import": by_rest("POST", "risk-settings/import/", FILE),
    "REST preset": by_rest("POST", "risk-settings/presets/", PRESET),
    "REST strategy DELETE": by_rest("DELETE", "strategies/{strategy}/"),
    "admin change": by_admin("change", form(pyramiding="3")),
    "admin delete": by_admin("delete", {"post": "yes"}),
    "admin delete selected": by_admin("changelist", SELECTED, of=False),
    "admin import": admin_import,
    "admin preset": admin_preset,
    "admin strategy delete": admin_strategy_deleted,
    "admin strategies delete": admin_strategies_deleted,
}


def state():
    """Every stored setting, and how many changes are recorded."""
    return portable.export_settings()["settings"], RiskSettingsChange.objects.count()


@pytest.mark.parametrize("name", WRITERS)
def test_every_writer_is_recorded(name, admin_client, rest, own):
    settings, count = state()
    WRITERS[name](admin_client, rest, own)
    settings_after, count_after = state()
    assert settings_after != settings
    assert count_after > count
    change = RiskSettingsChange.objects.first()
    assert change.actor == "admin"
    assert change.old != change.new
    stored = RiskSettings.objects.filter(pk=change.settings_id).first()
    assert stored is None or stored.version == change.version


@pytest.mark.parametrize("scope", ["GLOBAL", "STRATEGY"])
@pytest.mark.parametrize("by", ["admin", "REST"])
def test_a_new_row_is_recorded_and_begins_with_its_scopes_values(by, scope, admin_client, rest):
    strategy = StrategyFactory().pk if scope == "STRATEGY" else None
    if by == "admin":
        data = form(scope=scope, strategy=strategy or "", max_open_positions="3")
        assert admin_client.post(page("add"), data).status_code == 302
    else:
        body = {"scope": scope, "strategy_id": strategy, "max_open_positions": 3}
        assert rest.post("risk-settings/", body).status_code == 201
    row = RiskSettings.objects.get()
    assert row.duplicate_order == (30 if scope == "GLOBAL" else None)
    change = RiskSettingsChange.objects.get()
    assert (change.settings_id, change.version, change.actor) == (row.pk, 1, "admin")
    assert change.new["max_open_positions"] == 3
