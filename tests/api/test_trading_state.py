"""The trading state: halt, reduce, resume, by scope."""

import pytest

from risk.engine.denials import Code
from risk.models import SquareOff
from tests.factories import StrategyFactory, make_order
from trading.domain.order import Status
from trading.models import Order
from trading.services import breakers

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


def test_squaring_off_runs_in_reducing_first(api, account):
    body = api.post(
        "trading-state/",
        {"state": "HALTED", "scope": "ACCOUNT", "connection_id": account.pk, "square_off": True},
    ).json()
    assert [(one["scope"], one["state"]) for one in body["states"]][1:] == [("ACCOUNT", "REDUCING")]
    row = SquareOff.objects.get()
    assert (row.connection_id, row.then_halt, row.finished_at) == (account.pk, True, None)


def test_resuming_takes_no_square_off(api):
    body = {"state": "ACTIVE", "reason": "all is well", "square_off": True}
    response = api.post("trading-state/", body)
    assert (response.status_code, list(response.json()["errors"])) == (400, ["square_off"])


def test_open_breakers_are_listed_and_resuming_closes_those_of_the_scope(api, account):
    strategy = StrategyFactory()
    breakers.open_breaker(Code.CIRCUIT_BREAKER, "three no's.", connection_id=account.pk)
    breakers.open_breaker(Code.REPEATED_EXECUTION, "five in a row.", strategy_id=strategy.pk)
    listed = api.get("trading-state/").json()["breakers"]
    assert {(one["code"], one["connection_id"], one["strategy_id"]) for one in listed} == {
        ("CIRCUIT_BREAKER", account.pk, None),
        ("REPEATED_EXECUTION", None, strategy.pk),
    }
    assert all(one["since"].endswith("Z") and one["reason"] for one in listed)
    resume = {"state": "ACTIVE", "reason": "looked at it"}
    left = api.post(
        "trading-state/", {**resume, "scope": "ACCOUNT", "connection_id": account.pk}
    ).json()["breakers"]
    assert [one["code"] for one in left] == ["REPEATED_EXECUTION"]
    assert api.post("trading-state/", resume).json()["breakers"] == []


def test_everything_has_no_account_of_its_own(api, account):
    body = {"state": "HALTED", "scope": "EVERYTHING", "connection_id": account.pk}
    response = api.post("trading-state/", body)
    assert (response.status_code, list(response.json()["errors"])) == (400, ["connection_id"])
