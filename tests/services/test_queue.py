from datetime import timedelta
from decimal import Decimal

import pytest

from brokers.models import BrokerConnection
from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, make_order
from trading.domain.order import Status
from trading.models import Order
from trading.services import halting, lifecycle, queue
from trading.services.errors import Conflict, InvalidChange, NotExecutable

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def test_an_edit_changes_the_order_and_clears_the_need_for_a_quantity() -> None:
    order = make_order(qty=0, needs_quantity=True)
    queue.edit(order, {"qty": 25, "order_type": "LIMIT", "price": Decimal("99.5")}, actor="asha")
    stored = Order.objects.get()
    assert (stored.qty, stored.requested_qty, stored.needs_quantity) == (25, 25, False)
    assert (stored.order_type, stored.price) == ("LIMIT", Decimal("99.5"))


def test_an_edit_of_an_old_version_is_a_conflict() -> None:
    order = make_order()
    queue.edit(order, {"qty": 5}, actor="asha", version=1)
    with pytest.raises(Conflict, match="version 2"):
        queue.edit(queue.get(order.pk), {"qty": 6}, actor="ravi", version=1)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"qty": 0}, "qty"),
        ({"qty": -3}, "qty"),
        ({"order_type": "LIMIT", "price": None}, "price"),
        ({"order_type": "SL", "price": Decimal(5)}, "trigger_price"),
        ({"gtt": True}, "gtt"),
        ({"price": Decimal(-1)}, "price"),
        ({"status": "SENT"}, "status"),
    ],
)
def test_an_edit_that_makes_no_order_names_the_field(changes, field) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidChange) as caught:
        queue.edit(make_order(), changes, actor="asha")
    assert field in caught.value.errors
    assert Order.objects.get().version == 1


def test_an_order_without_a_quantity_is_not_executed() -> None:
    order = make_order(qty=0, needs_quantity=True)
    with pytest.raises(NotExecutable, match="quantity"):
        queue.execute(order, actor="asha")
    assert Order.objects.get().status == "WAITING"


def test_execution_while_halted_leaves_the_order_waiting() -> None:
    halting.set_state("HALTED", "EVERYTHING", "storm", "asha")
    with pytest.raises(NotExecutable, match="halted"):
        queue.execute(make_order(), actor="asha")
    assert Order.objects.get().status == "WAITING"


def test_resuming_needs_a_reason() -> None:
    halting.set_state("HALTED", "EVERYTHING", "storm", "asha")
    with pytest.raises(InvalidChange):
        halting.set_state("ACTIVE", "EVERYTHING", " ", "asha")
    halting.set_state("ACTIVE", "EVERYTHING", "the storm is over", "asha")
    queue.execute(make_order(), actor="asha")


def test_an_account_that_is_not_connected_keeps_the_order_waiting() -> None:
    order = make_order(connection=BrokerConnectionFactory(access_token_encrypted=""))
    with pytest.raises(NotExecutable):
        queue.execute(order, actor="asha")
    assert Order.objects.get().status == "WAITING"


def test_a_switched_off_account_keeps_the_order_waiting() -> None:
    order = make_order()
    BrokerConnection.objects.update(enabled=False)
    with pytest.raises(NotExecutable, match="switched off"):
        queue.execute(queue.get(order.pk), actor="asha")


def test_the_second_press_is_told_that_somebody_was_faster() -> None:
    order = make_order()
    queue.execute(queue.get(order.pk), actor="asha")
    with pytest.raises(Conflict) as caught:
        queue.execute(queue.get(order.pk), actor="ravi")
    assert caught.value.code == "already_decided"


def test_an_order_that_waited_too_long_expires_instead() -> None:
    order = make_order(expires_at=clock.now() - timedelta(seconds=1))
    with pytest.raises(Conflict, match="expired"):
        queue.execute(order, actor="asha")
    assert Order.objects.get().status == "EXPIRED"


def test_a_cancelled_order_comes_back_if_it_was_never_sent() -> None:
    order = make_order()
    queue.cancel(order, actor="asha")
    queue.restore(queue.get(order.pk), actor="asha")
    assert Order.objects.get().status == "WAITING"


def test_a_cancelled_order_that_was_sent_does_not_come_back() -> None:
    order = make_order(Status.QUEUED)
    lifecycle.transition(order, Status.SENDING, actor="worker")
    lifecycle.transition(
        order,
        Status.SENT,
        actor="worker",
        changes={"broker_order_id": "B1", "sent_at": clock.now()},
    )
    lifecycle.transition(order, Status.CANCELLED, actor="broker")
    with pytest.raises(Conflict, match="retry"):
        queue.restore(order, actor="asha")


def test_an_ended_order_cannot_be_cancelled() -> None:
    order = make_order()
    queue.cancel(order, actor="asha")
    with pytest.raises(Conflict):
        queue.cancel(queue.get(order.pk), actor="asha")


def test_a_denied_order_is_retried_once_as_a_new_linked_one() -> None:
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=1)
    order = make_order(Status.QUEUED, qty=50, requested_qty=80)
    lifecycle.transition(order, Status.REJECTED_RISK, actor="risk")
    again = queue.retry(queue.get(order.pk), actor="asha")
    assert (again.retry_of_id, again.status, again.qty) == (order.pk, "WAITING", 80)
    assert again.client_order_id != order.client_order_id
    assert again.connection_id == order.connection_id
    with pytest.raises(Conflict, match=str(again.pk)):
        queue.retry(queue.get(order.pk), actor="ravi")


def test_a_waiting_order_is_not_retried() -> None:
    with pytest.raises(Conflict):
        queue.retry(make_order(), actor="asha")


def test_resolving_needs_words() -> None:
    order = make_order(Status.QUEUED)
    lifecycle.transition(order, Status.SENDING, actor="worker")
    lifecycle.transition(order, Status.UNKNOWN, actor="worker")
    for arguments, field in (
        ({"outcome": "NOT_PLACED", "broker_order_id": "", "reason": ""}, "reason"),
        ({"outcome": "MAYBE", "broker_order_id": "", "reason": "I looked"}, "outcome"),
        ({"outcome": "PLACED", "broker_order_id": " ", "reason": "I looked"}, "broker_order_id"),
    ):
        with pytest.raises(InvalidChange) as caught:
            queue.resolve(order, actor="asha", **arguments)
        assert field in caught.value.errors
    queue.resolve(
        order, outcome="PLACED", broker_order_id="B77", reason="seen in the app", actor="asha"
    )
    assert (Order.objects.get().status, Order.objects.get().broker_order_id) == ("SENT", "B77")


def test_the_preview_says_what_would_happen_and_changes_nothing() -> None:
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=4)
    order = make_order()
    decision = queue.preview(queue.get(order.pk))
    assert (decision.outcome, decision.final_qty) == ("CLAMP", 4)
    assert Order.objects.get().qty == 10
