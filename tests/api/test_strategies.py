"""Strategies: defaults, names, partial changes, deletion."""

from decimal import Decimal

import pytest

from sigmatrader.db import write_transaction
from tests.factories import BrokerConnectionFactory, StrategyFactory, make_order
from trading.api import base
from trading.models import Strategy

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def test_a_new_strategy_has_the_documented_defaults(api):
    response = api.post("strategies/", {"name": "supertrend"})
    body = response.json()
    assert response.status_code == 201
    assert {name: body[name] for name in body if not name.endswith("_at") and name != "id"} == {
        "name": "supertrend",
        "description": "",
        "execution_mode": "MANUAL",
        "execution_target": "PAPER",
        "connection": None,
        "enabled": True,
        "archived": False,
        "default_order_type": "MARKET",
        "default_product": "MIS",
        "market_protection": "-1",
        "off_hours": "AMO",
        "time_to_live_seconds": 60,
        "dedupe_window_seconds": 30,
        "sizing_mode": "ALERT",
        "sizing_value": None,
    }
    assert body["created_at"].endswith("Z")
    assert api.get(f"strategies/{body['id']}/").json() == body
    assert api.get("strategies/").json() == [body]


def test_a_name_that_is_taken_is_400_naming_the_field(api):
    StrategyFactory(name="supertrend")
    response = api.post("strategies/", {"name": "supertrend"})
    assert response.status_code == 400
    assert response.json()["errors"] == {"name": ["Another strategy has this name."]}


def test_a_name_that_is_taken_between_check_and_save_is_400_too(api, monkeypatch):
    def somebody_is_faster():
        StrategyFactory(name="supertrend")
        return write_transaction()

    monkeypatch.setattr(base, "write_transaction", somebody_is_faster)
    response = api.post("strategies/", {"name": "supertrend"})
    assert (response.status_code, list(response.json()["errors"])) == (400, ["name"])


def test_put_and_patch_keep_what_is_not_given(api):
    strategy = StrategyFactory(description="as it was", time_to_live_seconds=90)
    for call in (api.put, api.patch):
        response = call(f"strategies/{strategy.pk}/", {"execution_mode": "AUTO"})
        assert response.status_code == 200
        assert response.json()["execution_mode"] == "AUTO"
        assert response.json()["description"] == "as it was"
    strategy.refresh_from_db()
    assert (strategy.execution_mode, strategy.time_to_live_seconds) == ("AUTO", 90)


def test_what_was_read_can_be_put_back(api):
    strategy = StrategyFactory(name="one", sizing_mode="VALUE", sizing_value=Decimal("25000.50"))
    body = api.get(f"strategies/{strategy.pk}/").json()
    assert body["sizing_value"] == "25000.5"
    again = api.put(f"strategies/{strategy.pk}/", body)
    assert (again.status_code, again.json()["sizing_value"]) == (200, "25000.5")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": 5.5e300}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "a\ud800"}, "name"),
        ({"name": "=cmd()"}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": ["one"]}, "name"),
        ({"execution_mode": "auto"}, "execution_mode"),
        ({"execution_mode": None}, "execution_mode"),
        ({"execution_target": "REAL"}, "execution_target"),
        ({"enabled": "maybe"}, "enabled"),
        ({"enabled": {}}, "enabled"),
        ({"connection": "nobody"}, "connection"),
        ({"connection": 10**30}, "connection"),
        ({"connection": True}, "connection"),
        ({"connection": ["paper"]}, "connection"),
        ({"default_order_type": "STOP"}, "default_order_type"),
        ({"market_protection": 0}, "market_protection"),
        ({"market_protection": "100.01"}, "market_protection"),
        ({"market_protection": "-2"}, "market_protection"),
        ({"time_to_live_seconds": 0}, "time_to_live_seconds"),
        ({"time_to_live_seconds": -5}, "time_to_live_seconds"),
        ({"time_to_live_seconds": 10**40}, "time_to_live_seconds"),
        ({"time_to_live_seconds": "1_000"}, "time_to_live_seconds"),
        ({"time_to_live_seconds": "१२"}, "time_to_live_seconds"),
        ({"time_to_live_seconds": 1.5}, "time_to_live_seconds"),
        ({"time_to_live_seconds": True}, "time_to_live_seconds"),
        ({"sizing_mode": "FIXED"}, "sizing_value"),
        ({"sizing_mode": "FIXED", "sizing_value": "1.5"}, "sizing_value"),
        ({"sizing_mode": "FIXED", "sizing_value": "0"}, "sizing_value"),
        ({"sizing_mode": "VALUE", "sizing_value": "-100"}, "sizing_value"),
        ({"sizing_value": "NaN"}, "sizing_value"),
        ({"sizing_value": "1e5"}, "sizing_value"),
        ({"sizing_value": "1.00001"}, "sizing_value"),
        ({"sizing_value": "9" * 30}, "sizing_value"),
        ({"sizing_value": 10**25}, "sizing_value"),
        ({"sizing_value": {}}, "sizing_value"),
        ({"off_hours": "GTT"}, "off_hours"),
        ({"off_hours": "GTT", "default_product": "MIS"}, "off_hours"),
        ({"descripton": "misspelt"}, "descripton"),
    ],
)
def test_a_wrong_value_is_400_naming_the_field(changes, field, api, account):
    created = api.post("strategies/", {"name": "good", **changes})
    assert (created.status_code, list(created.json()["errors"])) == (400, [field])
    assert created.json()["code"] == "invalid"
    assert field in created.json()["message"]
    strategy = StrategyFactory(name="stored")
    changed = api.patch(f"strategies/{strategy.pk}/", changes)
    assert (changed.status_code, list(changed.json()["errors"])) == (400, [field])
    assert Strategy.objects.get() == strategy


def test_a_trigger_off_hours_is_for_products_that_last(api):
    made = api.post("strategies/", {"name": "x", "off_hours": "GTT", "default_product": "CNC"})
    assert made.status_code == 201
    refused = api.patch(f"strategies/{made.json()['id']}/", {"default_product": "MIS"})
    assert "Choose CNC or NRML" in refused.json()["errors"]["off_hours"][0]


def test_a_strategy_that_would_be_refused_today_can_still_be_switched_off(api):
    strategy = StrategyFactory(off_hours="GTT", default_product="MIS")
    assert api.patch(f"strategies/{strategy.pk}/", {"enabled": False}).status_code == 200


def test_a_refusal_names_what_is_allowed(api):
    errors = api.post("strategies/", {"name": "x", "off_hours": "NEVER"}).json()["errors"]
    assert errors == {"off_hours": ["Use one of AMO, GTT, QUEUE, REJECT."]}


def test_the_account_is_given_by_name_or_id_and_cleared(api, account):
    strategy = StrategyFactory()
    for given, shown in ((account.name, "paper"), ("", None), (account.pk, "paper"), (None, None)):
        body = api.patch(f"strategies/{strategy.pk}/", {"connection": given}).json()
        assert body["connection"] == shown


def test_a_paper_strategy_can_not_have_a_live_account_nor_the_reverse(api, account):
    live = BrokerConnectionFactory(name="zerodha")
    refused = api.post("strategies/", {"name": "one", "connection": "zerodha"})
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["connection"])
    good = {"name": "one", "connection": "zerodha", "execution_target": "LIVE"}
    created = api.post("strategies/", good)
    assert created.status_code == 201
    back = api.patch(f"strategies/{created.json()['id']}/", {"execution_target": "PAPER"})
    assert (back.status_code, list(back.json()["errors"])) == (400, ["connection"])
    assert Strategy.objects.get().connection == live


def test_a_strategy_without_orders_is_deleted_and_one_with_orders_is_not(api):
    empty, used = StrategyFactory(), StrategyFactory(name="used")
    make_order(strategy=used)
    assert api.delete(f"strategies/{empty.pk}/").status_code == 204
    refused = api.delete(f"strategies/{used.pk}/")
    assert (refused.status_code, refused.json()["code"]) == (409, "has_orders")
    assert "archive" in refused.json()["message"]
    assert list(Strategy.objects.all()) == [used]
    assert api.patch(f"strategies/{used.pk}/", {"archived": True}).json()["archived"] is True
