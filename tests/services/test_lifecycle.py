import threading
from decimal import Decimal

import pytest
from django.db import IntegrityError, connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import make_order
from trading.domain.order import TRANSITIONS, IllegalTransition, Status, replay
from trading.models import Order, OrderEvent
from trading.services import lifecycle
from trading.services.errors import Conflict

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def test_creation_writes_the_first_event() -> None:
    order = make_order(Status.WAITING)
    event = order.events.get()
    assert (event.sequence, event.from_status, event.to_status) == (1, None, "WAITING")
    assert event.data["changes"]["qty"] == 10


def test_a_transition_moves_the_row_and_logs_why() -> None:
    order = make_order()
    lifecycle.transition(order, Status.CANCELLED, actor="asha", reason="not today")
    stored = Order.objects.get()
    assert (stored.status, stored.version) == ("CANCELLED", 2)
    assert stored.finished_at is not None
    last = stored.events.last()
    assert last is not None
    assert (last.actor, last.reason, last.from_status) == ("asha", "not today", "WAITING")


def test_a_step_outside_the_table_changes_nothing() -> None:
    order = make_order()
    with pytest.raises(IllegalTransition):
        lifecycle.transition(order, Status.EXECUTED, actor="asha")
    assert Order.objects.get().version == 1
    assert OrderEvent.objects.count() == 1


def test_a_stale_row_loses() -> None:
    order = make_order()
    stale = Order.objects.get()
    lifecycle.amend(order, {"qty": 5}, actor="asha")
    with pytest.raises(Conflict):
        lifecycle.transition(stale, Status.QUEUED, actor="ravi")
    assert Order.objects.get().status == "WAITING"


def test_a_walk_logs_every_step() -> None:
    order = make_order(Status.QUEUED)
    lifecycle.transition(order, Status.SENDING, actor="worker")
    lifecycle.walk(order, Status.EXECUTED, actor="broker", changes={"filled_qty": 10})
    assert list(order.events.values_list("to_status", flat=True)) == [
        "QUEUED",
        "SENDING",
        "SENT",
        "EXECUTED",
    ]


def test_waiting_and_auto_is_forbidden_by_the_database() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_order(Status.WAITING, mode="AUTO")


def test_an_order_without_units_can_wait_and_not_be_queued() -> None:
    make_order(Status.WAITING, qty=0, needs_quantity=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_order(Status.QUEUED, qty=0)


@settings(
    max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_the_event_log_replays_to_the_row(data: st.DataObject) -> None:
    order = make_order()
    for _ in range(data.draw(st.integers(0, 8))):
        targets = sorted(TRANSITIONS[Status(order.status)])
        if targets and data.draw(st.booleans()):
            lifecycle.transition(order, data.draw(st.sampled_from(targets)), actor="someone")
        else:
            price = data.draw(st.decimals(min_value="0.05", max_value=9999, places=2))
            quantity = data.draw(st.integers(1, 99))
            lifecycle.amend(order, {"price": price, "qty": quantity}, actor="someone")
    row = replay(lifecycle.event_log(order))
    stored = Order.objects.get(pk=order.pk)
    for name, value in row.items():
        actual = getattr(stored, name)
        if isinstance(actual, Decimal):
            assert Decimal(str(value)) == actual, name
        elif hasattr(actual, "isoformat"):
            assert value == actual.isoformat(), name
        else:
            assert value == actual, name


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_exactly_one_wins() -> None:
    order_id = make_order().pk
    wins: list[int] = []
    losses: list[int] = []
    start = threading.Barrier(8)

    def press(number: int) -> None:
        try:
            order = Order.objects.get(pk=order_id)
            start.wait(timeout=10)
            lifecycle.transition(order, Status.QUEUED, actor=f"tab {number}")
            wins.append(number)
        except Conflict:
            losses.append(number)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=press, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(wins), len(losses)) == (1, 7)
    assert OrderEvent.objects.filter(order_id=order_id, to_status="QUEUED").count() == 1
