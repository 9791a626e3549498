"""What a person stops after the claim does not leave: the last look before the call sees it."""

import threading
from decimal import Decimal
from functools import partial

import pytest
from django.db import connections

from brokers.models import PaperOrder
from brokers.simulator.faults import answer_late
from risk.models import RiskSettings
from tests.factories import make_order
from tests.support.desk import Desk
from tests.support.faulty import Road
from tests.support.processes import wait_until
from trading.domain.order import Status
from trading.services import halting, queue
from trading.services.claim import claim_next
from trading.services.dispatch import send

pytestmark = [pytest.mark.db_backends]


@pytest.fixture(autouse=True)
def a_new_installation(desk):
    """Without limits of its own: those of a new installation hold."""
    RiskSettings.objects.all().delete()


def stop_all(state: str) -> None:
    halting.set_state(state, "EVERYTHING", "storm", "asha")


def stop(desk: Desk, state: str) -> None:
    halting.set_state(state, "ACCOUNT", "storm", "asha", connection_id=desk.connection.pk)


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["HALTED", "REDUCING"])
def test_an_entry_that_was_claimed_stays_here(desk: Desk, state: str):
    desk.order()
    claim = desk.claim()
    assert claim is not None
    stop(desk, state)
    done = desk.send(claim)
    assert (done.status, desk.asked("place")) == (Status.WAITING, [])
    assert "storm" in done.set_aside_reason
    assert done.attempts.get().outcome == "NOT_SENT"


@pytest.mark.django_db
def test_an_exit_that_was_claimed_goes_while_reducing_and_not_while_halted(desk: Desk):
    desk.order(qty=10)
    desk.send_next()
    desk.read_all()
    for state, status in (("HALTED", Status.WAITING), ("REDUCING", Status.SENT)):
        desk.order(side="SELL", qty=5)
        claim = desk.claim()
        assert claim is not None
        stop(desk, state)
        assert desk.send(claim).status == status
        desk.resume()
        desk.read_all()


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["HALTED", "REDUCING"])
def test_a_stop_while_the_connection_is_made_beats_the_order(road: Road, state: str):
    order = make_order(Status.QUEUED)
    claim = claim_next("here:1:1")
    assert claim is not None
    road.before.append(partial(stop_all, state))
    done = send(claim)
    assert [one.tag for one in road.calls] == [claim.attempt.tag]
    assert (done.status, PaperOrder.objects.count()) == (Status.WAITING, 0)
    assert "storm" in done.set_aside_reason
    assert order.attempts.get().outcome == "NOT_SENT"


@pytest.mark.django_db
def test_a_cancel_while_the_connection_is_made_beats_the_order(road: Road):
    make_order(Status.QUEUED)
    claim = claim_next("here:1:1")
    assert claim is not None
    order = queue.get(claim.order.pk)
    road.before.append(partial(queue.cancel, order, actor="asha"))
    assert send(claim).status == Status.CANCELLED
    assert not PaperOrder.objects.exists()


@pytest.mark.django_db
def test_a_sale_that_would_open_a_short_is_no_exit(desk: Desk):
    RiskSettings.objects.update(allow_short_selling=True)
    desk.order(qty=10)
    desk.send_next()
    desk.read_all()
    desk.order(side="SELL", qty=11)
    claim = desk.claim()
    assert claim is not None
    stop(desk, "REDUCING")
    assert desk.send(claim).status == Status.WAITING


@pytest.mark.django_db(transaction=True)
def test_a_halt_while_the_broker_is_slow_to_answer_beats_the_order(desk: Desk):
    """An exit asks the broker for its position first, and the broker takes its time."""
    desk.order(qty=10)
    desk.send_next()
    desk.read_all()
    exit_order = desk.order(
        side="SELL", qty=10, reduce_only=True, order_type="LIMIT", price=Decimal(1490)
    )
    placed_before = len(desk.asked("place"))
    asked_before = len(desk.asked("positions"))
    desk.faults.script("positions", answer_late(1.0))
    claim = desk.claim()
    assert claim is not None

    def sender() -> None:
        send(claim)
        connections.close_all()

    thread = threading.Thread(target=sender)
    thread.start()
    wait_until(lambda: len(desk.asked("positions")) > asked_before, "the broker is asked", 10)
    stop(desk, "HALTED")
    thread.join(timeout=20)
    assert desk.status(exit_order) == Status.WAITING
    assert len(desk.asked("place")) == placed_before
