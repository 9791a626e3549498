"""What a login without rights may do: read, decide about orders, stop. The rest takes the rights
that the admin asks for."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from risk.models import RiskSettings
from tests.api.conftest import api_of
from tests.factories import StrategyFactory
from tests.support.authenticator import enrol
from trading.api.base import MayManageAccounts, MayWrite
from trading.api.urls import urlpatterns
from trading.domain.values import RiskScope
from trading.models import Strategy
from trading.services import halting

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

# What decides about orders and what stops is open to every login; a what-if and a cost store
# nothing, and reading an account anew sends nothing.
OPEN = {
    "trading-state",
    "what-if",
    "orders",
    "order",
    "order-execute",
    "order-cancel",
    "order-retry",
    "order-resolve",
    "order-status",
    "order-modify",
    "positions-exit",
    "positions-sync",
    "zerodha-sync-orders",
    "zerodha-order-preview",
}


@pytest.fixture
def ravi(db):
    return get_user_model().objects.create_user("ravi", password="a-long-password")


@pytest.fixture
def ravis(client, ravi):
    return api_of(client, ravi)


def allow(user, *names: str) -> None:
    for name in names:
        label, codename = name.split(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=label, codename=codename)
        )


@pytest.fixture
def limits(db):
    RiskSettings.objects.filter(scope=RiskScope.GLOBAL).delete()
    return RiskSettings.objects.create(scope=RiskScope.GLOBAL)


CALLS = [
    ("POST", "risk-settings/", ["risk.add_risksettings"]),
    ("PUT", "risk-settings/{limits}/", ["risk.change_risksettings"]),
    ("PATCH", "risk-settings/{limits}/", ["risk.change_risksettings"]),
    ("DELETE", "risk-settings/{limits}/", ["risk.delete_risksettings"]),
    ("POST", "risk-settings/import/", ["risk.add_risksettings", "risk.change_risksettings"]),
    ("POST", "risk-settings/presets/", ["risk.add_risksettings", "risk.change_risksettings"]),
    ("POST", "strategies/", ["trading.add_strategy"]),
    ("PUT", "strategies/{strategy}/", ["trading.change_strategy"]),
    ("PATCH", "strategies/{strategy}/", ["trading.change_strategy"]),
    ("DELETE", "strategies/{strategy}/", ["trading.delete_strategy"]),
]


@pytest.mark.parametrize(("method", "path", "rights"), CALLS)
def test_a_write_takes_every_right_that_the_admin_asks_for(
    ravis, ravi, limits, method, path, rights
):
    strategy = StrategyFactory(name="supertrend")
    path = path.format(limits=limits.pk, strategy=strategy.pk)
    for held in range(len(rights)):
        refused = ravis.call(method, path, {})
        assert refused.status_code == 403
        assert rights[held] in refused.json()["message"]
        allow(ravi, rights[held])
    assert ravis.call(method, path, {}).status_code != 403


def test_without_rights_nothing_is_changed_or_deleted(ravis, limits):
    strategy = StrategyFactory(name="supertrend")
    ravis.patch(f"risk-settings/{limits.pk}/", {"max_orders_per_day": 9999})
    ravis.delete(f"risk-settings/{limits.pk}/")
    ravis.patch(f"strategies/{strategy.pk}/", {"execution_mode": "AUTO"})
    ravis.delete(f"strategies/{strategy.pk}/")
    assert RiskSettings.objects.get(pk=limits.pk).max_orders_per_day == limits.max_orders_per_day
    assert Strategy.objects.get(pk=strategy.pk).execution_mode == strategy.execution_mode


@pytest.mark.parametrize(
    "path", ["risk-settings/", "risk-settings/export/", "risk-settings/presets/", "strategies/"]
)
def test_every_login_may_read(ravis, path):
    assert ravis.get(path).status_code == 200


@pytest.mark.parametrize("state", ["HALTED", "REDUCING"])
def test_stopping_needs_no_right(ravis, state):
    assert ravis.post("trading-state/", {"state": state}).status_code == 200


def test_every_call_that_writes_is_open_on_purpose_or_asks_for_a_right():
    for pattern in urlpatterns:
        view = getattr(pattern.callback, "cls", None)
        name = (pattern.name or "").removeprefix("api-")
        if view is None or name in OPEN:
            continue
        writes = {"post", "put", "patch", "delete"} & set(dir(view))
        rights = {one.lower() for one in getattr(view, "rights", {})}
        by_rights = MayWrite in view.permission_classes and writes <= rights
        assert not writes or by_rights or MayManageAccounts in view.permission_classes, name


RESUME = {"state": "ACTIVE", "reason": "looked into it"}


def test_resuming_takes_the_right_to_change_the_trading_state(ravis, ravi):
    ravis.post("trading-state/", {"state": "HALTED"})
    refused = ravis.post("trading-state/", RESUME)
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert "risk.change_tradingstate" in refused.json()["message"]
    allow(ravi, "risk.change_tradingstate")
    assert ravis.post("trading-state/", RESUME).status_code == 200


def test_who_has_no_second_factor_resumes_nothing_where_others_have_one(api, client, user):
    halted = api.post("trading-state/", {"state": "HALTED"})
    app = enrol(user)
    stranger = get_user_model().objects.create_superuser("eve", password="a-long-password")
    eves = api_of(client, stranger)
    for code in ("", app.code()):
        refused = eves.post("trading-state/", RESUME | {"code": code})
        assert (refused.status_code, refused.json()["errors"]) == (
            400, {"code": [halting.NO_SECOND_FACTOR]},
        )  # fmt: skip
    assert halted.status_code == 200
    assert api.post("trading-state/", RESUME | {"code": app.code()}).status_code == 200
