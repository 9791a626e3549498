"""What is used of each limit, by REST."""

from decimal import Decimal

import pytest

from risk.models import RiskSettings
from tests.factories import StrategyFactory, make_order
from tests.support.trades import traded

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


@pytest.fixture
def strategy(account):
    found = StrategyFactory(connection=account)
    RiskSettings.objects.create(scope="GLOBAL", max_position_value=Decimal("50000.50"))
    RiskSettings.objects.create(scope="STRATEGY", strategy=found, max_orders_per_day=4)
    traded(account, "BUY", 10, "1500.25", strategy=found)
    return found


def test_money_is_text_counts_are_numbers_and_each_use_says_where(api, account, strategy):
    response = api.get("risk/use/")
    assert response.status_code == 200
    assert response.json() == [
        {
            "connection_id": account.pk,
            "scope": "GLOBAL",
            "strategy_id": None,
            "code": "MAX_POSITION_VALUE",
            "setting": "max_position_value",
            "limit": "50000.5",
            "used": "15002.5",
            "unit": "₹",
            "where": "NSE:INFY",
        },
        {
            "connection_id": account.pk,
            "scope": "STRATEGY",
            "strategy_id": strategy.pk,
            "code": "MAX_ORDERS_PER_DAY",
            "setting": "max_orders_per_day",
            "limit": 4,
            "used": 1,
            "unit": "orders",
            "where": "",
        },
    ]


def test_it_is_asked_for_one_account_or_one_strategy(api, account, strategy):
    def scopes(**asked):
        return [one["scope"] for one in api.get("risk/use/", **asked).json()]

    assert scopes(connection=account.name) == scopes(connection=account.pk)
    assert scopes(connection=account.name) == ["GLOBAL", "STRATEGY"]
    assert scopes(strategy_id=strategy.pk) == ["STRATEGY"]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"connection": "nobody"}, 404),
        ({"strategy_id": 999}, 404),
        ({"strategy_id": "abc"}, 400),
        ({"strategy_id": 2**70}, 400),
    ],
)
def test_what_is_not_there_is_said(api, strategy, asked, status):
    assert api.get("risk/use/", **asked).status_code == status


def test_without_a_login_nothing_is_told(client, db):
    assert client.get("/api/risk/use/").status_code in (401, 403)


def test_a_waiting_orders_risk_is_what_would_be_decided_now_alone_and_in_the_queue(api, account):
    order = make_order()
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=4)
    alone = api.get(f"orders/{order.pk}/").json()["risk"]
    queued = api.get("orders/queue/").json()[0]["risk"]
    for risk in (alone, queued):
        assert (risk["outcome"], risk["final_qty"], risk["gates"]) == ("CLAMP", 4, [])
