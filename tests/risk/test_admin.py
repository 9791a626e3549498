import re
from datetime import time
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from brokers.accounts import ensure_paper_account
from risk import policy
from risk.models import (
    Breaker,
    ProductSchedule,
    RiskSettings,
    SquareOff,
    TradingState,
    TradingStateChange,
)
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
        scope=RiskScope.GLOBAL, symbol_whitelist=["NSE:INFY", "TCS"], max_open_positions=3
    )
    address = reverse("admin:risk_risksettings_change", args=[row.pk])
    page = admin_client.get(address)
    assert "NSE:INFY\nTCS</textarea>" in page.content.decode()
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


def test_the_form_says_units_and_what_is_not_enforced(admin_client):
    page = text_of(admin_client.get(reverse("admin:risk_risksettings_add")))
    for told in ("Units (shares, not lots)", "₹ for one order", "Not enforced yet"):
        assert told in page


def test_the_list_shows_the_limits(admin_client):
    RiskSettings.objects.create(
        scope=RiskScope.GLOBAL, max_order_value=Decimal(75_000), symbol_blacklist=["TCS"]
    )
    RiskSettings.objects.create(
        scope=RiskScope.STRATEGY, strategy=Strategy.objects.create(name="supertrend")
    )
    page = text_of(admin_client.get(reverse("admin:risk_risksettings_changelist")))
    for shown in ("GLOBAL", "STRATEGY(supertrend)", "75000", "0 / 1"):
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
