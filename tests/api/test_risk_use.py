"""What is used of the limits, for scripts."""

from decimal import Decimal

import pytest

from brokers.accounts import ensure_paper_account
from risk.models import RiskSettings
from tests.factories import StrategyFactory

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def test_each_limit_is_told_with_its_use(api):
    account = ensure_paper_account()
    RiskSettings.objects.create(
        scope="GLOBAL", max_open_positions=4, max_gross_exposure=Decimal("50000.50")
    )
    rows = {row["setting"]: row for row in api.get("risk/use/").json()}
    assert rows["max_open_positions"] == {
        "connection_id": account.pk,
        "strategy_id": None,
        "scope": "GLOBAL",
        "code": "MAX_OPEN_POSITIONS",
        "setting": "max_open_positions",
        "limit": "4",
        "used": "0",
        "unit": "positions",
        "where": "",
    }
    assert rows["max_gross_exposure"]["limit"] == "50000.5"


def test_a_strategy_narrows_it(api):
    ensure_paper_account()
    mine = StrategyFactory(name="mine")
    RiskSettings.objects.create(scope="GLOBAL", max_open_positions=4)
    RiskSettings.objects.create(scope="STRATEGY", strategy=mine, max_orders_per_day=5)
    rows = api.get(f"risk/use/?strategy_id={mine.pk}").json()
    assert [(row["setting"], row["strategy_id"]) for row in rows] == [
        ("max_orders_per_day", mine.pk)
    ]


def test_nonsense_is_named(api):
    answer = api.get("risk/use/?strategy_id=many")
    assert answer.status_code == 400
    assert "strategy_id" in answer.json()["errors"]
