"""The page of the what-if: a form with the limits in force, and what others would have done."""

import re
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from risk.models import RiskSettings
from risk.settings_values import SETTINGS
from tests.factories import StrategyFactory, make_order
from tests.web.conftest import HOSTILE, make_alert
from trading.domain.order import Status
from trading.services import whatif
from trading.web import what_if_form

pytestmark = pytest.mark.django_db

HEADER = "time,strategy,symbol,action,quantity,price"


def text_of(response) -> str:
    return response.content.decode()


def alerted(quantity: int = 10, **fields):
    """An order with the alert that asked for it."""
    return make_order(Status.WAITING, alert=make_alert(qty=quantity), qty=quantity, **fields)


def ask(desk, status=200, **data):
    form = desk.client.get(reverse("what_if")).context["form"]
    values = {name: form[name].value() for name in form.fields if name != "csv"}
    values = {name: value for name, value in values.items() if value not in (None, False, [])}
    values |= {name: value for name, value in data.items() if value is not None}
    response = desk.client.post(reverse("what_if"), values)
    assert response.status_code == status, response.context["form"].errors
    return response


def test_the_form_is_filled_in_with_the_limits_in_force(desk):
    RiskSettings.objects.create(
        scope="GLOBAL",
        max_order_value=Decimal("50000"),
        symbol_blacklist=["NSE:YESBANK", "TCS"],
        no_trade_windows=[{"start": "12:00", "end": "13:30", "days": [0, 1, 2]}],
    )
    page = text_of(desk.client.get(reverse("what_if")))
    for text in ('value="50000"', "NSE:YESBANK, TCS", "Mon-Wed 12:00-13:30"):
        assert text in page
    assert "Alerts since" not in page


def test_a_strategy_s_limits_can_be_chosen(desk):
    strategy = StrategyFactory(name="supertrend")
    RiskSettings.objects.create(scope="STRATEGY", strategy=strategy, max_quantity_per_order=33)
    response = desk.client.get(reverse("what_if"), {"strategy": strategy.pk})
    assert 'value="33"' in text_of(response)
    assert 'value="33"' not in text_of(desk.client.get(reverse("what_if"), {"strategy": "x"}))


def test_what_the_limits_tried_would_have_done_stands_beside_those_in_force(desk):
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=100)
    order = alerted(150)
    response = ask(desk, max_quantity_per_order="50", clamp_mode="REJECT")
    page = text_of(response)
    assert "Quantity clamped from 150 to 100" in page
    assert "Quantity 150 is over max_quantity_per_order=50 in GLOBAL." in page
    assert reverse("order", args=[order.pk]) in page
    total = response.context["total"]
    assert (total.now.counts, total.tried.counts) == ((0, 1, 0, 0), (0, 0, 0, 1))
    assert response.context["different"] == 1
    assert page.count('<svg class="chart"') == 2
    assert RiskSettings.objects.get().max_quantity_per_order == 100


def test_without_a_change_only_the_limits_in_force_are_shown(desk):
    alerted()
    response = ask(desk)
    assert response.context["total"].tried is None
    assert "The limits are those in force" in text_of(response)
    assert text_of(response).count('<svg class="chart"') == 1


def test_an_installation_without_alerts_says_so(desk):
    assert "There is no alert in it" in text_of(ask(desk))


def test_a_file_of_alerts_is_replayed(desk):
    lines = f"{HEADER}\n2026-11-23 10:15,,NSE:INFY,BUY,10,1500\n"
    upload = SimpleUploadedFile("alerts.csv", lines.encode())
    response = ask(desk, csv=upload, symbol_blacklist="infy")
    assert "Alerts of the file" in text_of(response)
    assert "line 2" in text_of(response)
    assert "on the symbol_blacklist" in text_of(response)


def test_every_wrong_line_of_the_file_stands_beside_it(desk):
    upload = SimpleUploadedFile("alerts.csv", f"{HEADER}\nx,,NSE:INFY,HOLD,10,1500".encode())
    page = text_of(ask(desk, status=422, csv=upload))
    assert "Line 2: time “x”" in page
    assert "Line 2: action “HOLD”: use one of BUY, SELL." in page


def test_a_file_that_is_too_large_is_refused_unread(desk, monkeypatch):
    monkeypatch.setattr(what_if_form, "MAX_BYTES", 10)
    upload = SimpleUploadedFile("alerts.csv", b"x" * 11)
    assert "split it" in text_of(ask(desk, status=422, csv=upload))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"days": "91"}, "less than or equal to 90"),
        ({"days": "many"}, "Enter a whole number from 1 to 90."),
        ({"max_quantity_per_order": "0"}, "at least 1"),
        ({"max_order_value": "-5"}, "more than 0"),
        ({"symbol_whitelist": "IN FY"}, "is not a symbol"),
        ({"no_trade_windows": "noon"}, "is no window"),
        ({"clamp_mode": "CUT"}, "Select a valid choice"),
        ({"symbol_whitelist": "TCS", "symbol_blacklist": "TCS"}, "is on the whitelist too"),
    ],
)
def test_what_makes_no_sense_is_refused_beside_its_field(desk, data, text):
    page = text_of(ask(desk, status=422, **data))
    assert text in page
    assert "Alerts since" not in page


def test_what_is_left_out_is_said(desk, monkeypatch):
    monkeypatch.setattr(whatif, "MOST_ALERTS", 1)
    RiskSettings.objects.create(scope="GLOBAL", insufficient_margin=Decimal(10))
    alerted(1), alerted(2)
    page = text_of(ask(desk))
    assert "1 older ones are not in it" in page
    assert "Not judged here, as it needs what nobody has kept: insufficient_margin." in page
    monkeypatch.setattr(whatif, "_for_some_time", lambda patience: lambda: False)
    assert "the newest 1 alerts are not in it" in text_of(ask(desk))


def test_when_others_look_a_person_is_asked_to_wait(desk):
    with whatif._one_of_few(1), whatif._one_of_few(1):
        assert "Try again in some seconds" in text_of(ask(desk, status=422))


def test_texts_from_outside_are_escaped(desk):
    strategy = StrategyFactory(name=HOSTILE)
    alerted(strategy=strategy, symbol=HOSTILE, tradingsymbol=HOSTILE)
    page = text_of(ask(desk, symbol_whitelist="TCS"))
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
    assert not re.search(r"\sstyle=|\son[a-z]+=", page)


def test_every_field_of_the_form_is_a_setting_and_what_is_missing_is_known(desk):
    asked = {name for _, names in what_if_form._GROUPS for name in names}
    assert asked | what_if_form.NOT_ASKED == set(SETTINGS)
    assert not asked & what_if_form.NOT_ASKED


def test_the_page_needs_a_login_and_the_risk_page_leads_to_it(client, desk):
    assert reverse("what_if") in text_of(desk.client.get(reverse("risk")))
    client.logout()
    assert client.get(reverse("what_if")).status_code == 302
