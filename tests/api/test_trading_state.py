"""The trading state: halt, reduce, resume, by scope."""

import pytest

from tests.factories import StrategyFactory, make_order
from trading.domain.order import Status
from trading.models import Order

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def test_a_new_system_is_active(api):
    assert api.get("trading-state/").json() == {
        "states": [
            {
                "scope": "EVERYTHING",
                "connection_id": None,
                "strategy_id": None,
                "state": "ACTIVE",
                "reason": "",
                "changed_at": None,
                "changed_by": "",
            }
        ],
        "breakers": [],
    }


def test_a_halt_sets_the_queued_orders_aside_and_resuming_needs_a_reason(api):
    queued = make_order(Status.QUEUED)
    response = api.post("trading-state/", {"state": "HALTED", "reason": "storm"})
    body = response.json()
    assert response.status_code == 200
    assert (body["set_aside"], body["cancelled"]) == ([queued.pk], [])
    state = body["states"][0]
    assert (state["state"], state["reason"], state["changed_by"]) == ("HALTED", "storm", "asha")
    assert state["changed_at"].endswith("Z")
    assert Order.objects.get().status == "WAITING"
    silent = api.post("trading-state/", {"state": "ACTIVE"})
    assert (silent.status_code, list(silent.json()["errors"])) == (400, ["reason"])
    again = api.post("trading-state/", {"state": "ACTIVE", "reason": "the storm is over"})
    assert again.json()["states"][0]["state"] == "ACTIVE"


def test_one_account_or_one_strategy_is_halted_alone(api, account):
    strategy = StrategyFactory()
    api.post(
        "trading-state/",
        {"state": "HALTED", "scope": "ACCOUNT", "connection_id": account.pk, "reason": "a"},
    )
    api.post(
        "trading-state/",
        {"state": "REDUCING", "scope": "STRATEGY", "strategy_id": strategy.pk, "reason": "b"},
    )
    states = {
        (row["scope"], row["connection_id"], row["strategy_id"]): row["state"]
        for row in api.get("trading-state/").json()["states"]
    }
    assert states == {
        ("EVERYTHING", None, None): "ACTIVE",
        ("ACCOUNT", account.pk, None): "HALTED",
        ("STRATEGY", None, strategy.pk): "REDUCING",
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "state"),
        ({"state": "STOPPED"}, "state"),
        ({"state": None}, "state"),
        ({"state": "HALTED", "scope": "ALL"}, "scope"),
        ({"state": "HALTED", "scope": "ACCOUNT"}, "connection_id"),
        ({"state": "HALTED", "scope": "STRATEGY"}, "strategy_id"),
        ({"state": "HALTED", "scope": "ACCOUNT", "connection_id": 4711}, "connection_id"),
        ({"state": "HALTED", "scope": "STRATEGY", "strategy_id": 10**30}, "strategy_id"),
        ({"state": "HALTED", "reason": "a\x00b"}, "reason"),
        ({"state": "HALTED", "reason": {}}, "reason"),
        ({"state": "HALTED", "cancel_working": "perhaps"}, "cancel_working"),
        ({"state": "HALTED", "cancel": True}, "cancel"),
    ],
)
def test_a_wrong_value_is_400_naming_the_field_and_changes_nothing(body, field, api):
    response = api.post("trading-state/", body)
    assert (response.status_code, list(response.json()["errors"])) == (400, [field])
    assert api.get("trading-state/").json()["states"][0]["state"] == "ACTIVE"


def test_squaring_off_says_that_it_is_not_available_yet(api):
    body = api.post("trading-state/", {"state": "HALTED", "square_off": True}).json()
    assert "not available yet" in body["errors"]["square_off"][0]


def test_everything_has_no_account_of_its_own(api, account):
    body = {"state": "HALTED", "scope": "EVERYTHING", "connection_id": account.pk}
    response = api.post("trading-state/", body)
    assert (response.status_code, list(response.json()["errors"])) == (400, ["connection_id"])
