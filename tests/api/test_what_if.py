"""What-ifs over REST: stored alerts or given ones, through settings to try."""

import pytest

from risk.models import RiskSettings
from tests.factories import StrategyFactory, make_order
from tests.web.conftest import make_alert
from trading.domain.order import Status
from trading.services import whatif

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

ALERT = {
    "time": "2026-11-23T04:45:00Z",
    "symbol": "NSE:INFY",
    "action": "BUY",
    "quantity": 150,
    "price": "1500.50",
}


def test_stored_alerts_are_told_with_both_verdicts(api, account):
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=100)
    order = make_order(Status.WAITING, alert=make_alert(qty=150), qty=150)
    body = {"days": 1, "settings": {"max_quantity_per_order": None, "max_order_value": "1000"}}
    response = api.post("risk/what-if/", body)
    report = response.json()
    assert response.status_code == 200
    assert report["tried_in"] == "GLOBAL"
    assert {one["setting"]: (one["old"], one["new"]) for one in report["differences"]} == {
        "max_quantity_per_order": (100, None),
        "max_order_value": (None, "1000"),
    }
    (alert,) = report["alerts"]
    assert (alert["order_id"], alert["symbol"]) == (order.pk, "NSE:INFY")
    assert alert["now"]["outcome"] == "CLAMP"
    assert (alert["now"]["requested_qty"], alert["now"]["final_qty"]) == (150, 100)
    assert alert["tried"]["outcome"] == "DENY"
    (reason,) = alert["tried"]["reasons"]
    assert (reason["code"], reason["scope"]) == ("MAX_ORDER_VALUE", "GLOBAL")
    assert report["total"]["now"]["clamped"] == 1
    assert report["total"]["tried"]["denied"] == 1
    assert {rule["code"]: rule["tried"]["denied"] for rule in report["by_rule"]} == {
        "MAX_QUANTITY_PER_ORDER": 0,
        "MAX_ORDER_VALUE": 1,
    }
    assert len(report["by_day"]) == len(report["by_strategy"]) == 1
    assert report["assumptions"]
    assert RiskSettings.objects.get().max_quantity_per_order == 100


def test_given_alerts_are_replayed(api, account):
    strategy = StrategyFactory(name="supertrend")
    alerts = [ALERT, {**ALERT, "strategy": "supertrend", "time": "2026-11-23T05:00:00Z"}]
    body = {
        "alerts": alerts,
        "settings": {"max_quantity_per_order": 10},
        "strategy_id": strategy.pk,
    }
    report = api.post("risk/what-if/", body).json()
    assert [one["line"] for one in report["alerts"]] == [1, 2]
    assert [one["tried"]["final_qty"] for one in report["alerts"]] == [150, 10]
    assert report["tried_in"] == "STRATEGY(supertrend)"
    assert report["since"] is None


def test_without_settings_nothing_is_tried(api, account):
    report = api.post("risk/what-if/", {"alerts": [ALERT]}).json()
    assert report["alerts"][0]["tried"] is None
    assert report["total"]["tried"] is None
    assert report["total"]["now"]["passed"] == 1


@pytest.mark.parametrize(
    ("body", "field", "text"),
    [
        ({"days": 0}, "days", "1 to 90"),
        ({"days": "x"}, "days", "whole number"),
        ({"alerts": []}, "alerts", "empty"),
        ({"alerts": ["x"]}, "alerts", "dictionary"),
        ({"alerts": [{**ALERT, "action": "HOLD"}]}, "alerts", "Alert 1: action “HOLD”"),
        ({"alerts": [{**ALERT, "colour": 1}]}, "alerts", "there is no colour"),
        ({"alerts": [{**ALERT, "quantity": True}]}, "alerts", "quantity"),
        ({"alerts": [{**ALERT, "quantity": {}}]}, "alerts", "quantity"),
        ({"alerts": [ALERT], "days": 1}, "alerts", "not both"),
        ({"settings": {"max_qty": 5}}, "max_qty", "no such setting"),
        ({"settings": {"max_order_value": "x"}}, "max_order_value", "Write a number"),
        ({"settings": {"max_order_value": "0"}}, "max_order_value", "more than 0"),
        ({"settings": {"clamp_mode": "CUT"}}, "clamp_mode", "CLAMP, REJECT"),
        ({"settings": {}, "strategy_id": 4711}, "strategy_id", "no strategy 4711"),
        ({"settings": {}, "strategy_id": 10**30}, "strategy_id", "whole number"),
        ({"strategy_id": 1}, "settings", "which settings"),
        ({"setting": {}}, "setting", "no such field"),
    ],
)
def test_what_makes_no_sense_is_400_naming_the_field(body, field, text, api, account):
    response = api.post("risk/what-if/", body)
    assert response.status_code == 400, response.json()
    assert text in response.json()["errors"][field][0]


def test_when_others_look_it_is_409(api, account):
    with whatif._one_of_few(1), whatif._one_of_few(1):
        response = api.post("risk/what-if/", {"days": 1})
    assert response.status_code == 409
    assert "Try again" in response.json()["message"]
