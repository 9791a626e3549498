"""Claims must not slow down with history: their queries go through an index."""

import pytest
from django.db import connection

from sigmatrader import clock
from trading.domain.order import Status
from trading.models import Order
from trading.services import claim

pytestmark = pytest.mark.django_db


def plan_of(sql: str, parameters: tuple[object, ...]) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
        return "\n".join(str(row[3]) for row in cursor.fetchall())


def test_looking_for_what_is_due_scans_no_table() -> None:
    due = claim._due(clock.now()).order_by("queued_at", "pk").values_list("pk")
    plan = plan_of(*due.query.sql_with_params())
    assert "SCAN" not in plan, plan
    assert plan.count("orders_claim") == 2, plan
    assert "orders_queued" in plan or "orders_status" in plan, plan
    assert "oco_with" not in plan, plan


def test_the_queue_scans_no_table() -> None:
    waiting = Order.objects.filter(status=Status.WAITING).order_by("created_at", "id")
    assert "SCAN" not in plan_of(*waiting.values_list("pk").query.sql_with_params())
