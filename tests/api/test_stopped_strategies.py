"""A strategy that was stopped leaves that by resuming alone, over REST and in the admin."""

import pytest
from django.test import Client
from django.urls import reverse

from risk.engine.denials import Code
from risk.models import TradingState
from sigmatrader import clock
from tests.factories import StrategyFactory
from trading.domain.values import StateScope, TradingStateName
from trading.models import Strategy
from trading.services import breakers

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

RESUME = {"state": "ACTIVE", "reason": "looked into it", "scope": "STRATEGY"}
STOPS = ["HALTED", "REDUCING", "breaker"]


@pytest.fixture(params=STOPS)
def stopped(request, db) -> Strategy:
    strategy = StrategyFactory(name="runaway", execution_mode="MANUAL")
    if request.param == "breaker":
        breakers.open_breaker(Code.REPEATED_EXECUTION, "it ran", strategy_id=strategy.pk)
    else:
        stop(strategy, request.param)
    return strategy


def stop(strategy: Strategy, word: str) -> None:
    TradingState.objects.create(
        scope=StateScope.STRATEGY,
        strategy=strategy,
        state=TradingStateName(word),
        changed_at=clock.now(),
        changed_by="asha",
    )


@pytest.fixture
def admins(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("change", "field"),
    [({"name": "walkaway"}, "name"), ({"execution_mode": "AUTO"}, "execution_mode")],
)
def test_it_gets_no_other_name_and_no_auto(api, stopped, method, change, field):
    refused = api.call(method, f"strategies/{stopped.pk}/", {"description": "x"} | change)
    assert (refused.status_code, refused.json()["code"]) == (409, "stopped")
    assert list(refused.json()["errors"]) == [field]
    assert "Resume it on the Risk page first" in refused.json()["message"]
    stopped.refresh_from_db()
    assert (stopped.name, stopped.execution_mode, stopped.description) == (
        "runaway", "MANUAL", "",
    )  # fmt: skip
    api.post("trading-state/", RESUME | {"strategy_id": stopped.pk})
    assert api.call(method, f"strategies/{stopped.pk}/", change).status_code == 200


def test_it_is_not_deleted(api, stopped):
    assert api.delete(f"strategies/{stopped.pk}/").status_code == 409
    assert Strategy.objects.filter(pk=stopped.pk).exists()
    api.post("trading-state/", RESUME | {"strategy_id": stopped.pk})
    assert api.delete(f"strategies/{stopped.pk}/").status_code == 204


def test_everything_else_of_it_may_be_changed(api, stopped):
    change = {"name": "runaway", "execution_mode": "MANUAL", "enabled": False, "archived": True}
    assert api.patch(f"strategies/{stopped.pk}/", change).status_code == 200


def test_a_stop_of_another_strategy_holds_nothing(api, stopped):
    other = StrategyFactory(name="calm", execution_mode="MANUAL")
    change = {"name": "calmer", "execution_mode": "AUTO"}
    assert api.patch(f"strategies/{other.pk}/", change).status_code == 200
    assert api.delete(f"strategies/{other.pk}/").status_code == 204


def test_the_admin_changes_neither_its_name_nor_its_mode(admins, stopped):
    address = reverse("admin:trading_strategy_change", args=[stopped.pk])
    form = admins.get(address).context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    values = {name: "" if value is None else value for name, value in values.items()}
    refused = admins.post(address, values | {"name": "walkaway", "execution_mode": "AUTO"})
    assert set(refused.context["adminform"].form.errors) == {"name", "execution_mode"}
    row = {
        "form-TOTAL_FORMS": 1,
        "form-INITIAL_FORMS": 1,
        "form-0-id": stopped.pk,
        "form-0-execution_mode": "AUTO",
        "form-0-enabled": "on",
        "_save": "Save",
    }
    listing = admins.post(reverse("admin:trading_strategy_changelist"), row)
    assert "execution_mode" in listing.context["cl"].formset.errors[0]
    stopped.refresh_from_db()
    assert (stopped.name, stopped.execution_mode) == ("runaway", "MANUAL")
    assert admins.post(address, values | {"description": "held"}).status_code == 302


def test_the_admin_does_not_delete_it(admins, stopped):
    address = reverse("admin:trading_strategy_delete", args=[stopped.pk])
    assert "Resume it on the Risk page first" in admins.get(address).content.decode()
    admins.post(address, {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [stopped.pk], "post": "yes"}
    admins.post(reverse("admin:trading_strategy_changelist"), chosen)
    assert Strategy.objects.filter(pk=stopped.pk).exists()
