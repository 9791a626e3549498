"""The database is locked, full or gone while an order is on its way."""

from datetime import timedelta

import pytest

from brokers.models import BrokerConnection
from brokers.simulator import faults as f
from sigmatrader import clock
from sigmatrader.db import write_transaction
from tests.support.crew import TIMEOUT
from tests.support.rig import Rig, check_invariants
from trading.models import Order

pytestmark = [pytest.mark.faults, pytest.mark.db_backends]


def answered(rig: Rig, order: Order) -> bool:
    return any(entry.outcome == "200" for entry in rig.posts(order))


def test_a_locked_database_keeps_the_outcome_until_it_can_be_saved(bare_rig: Rig) -> None:
    rig = bare_rig
    rig.fork()
    rig.faults.script("place", f.slow(0.6 * TIMEOUT))
    order = rig.order()
    rig.until(order, "SENDING")
    with write_transaction():
        Order.objects.select_for_update().get(pk=order.pk)
        rig.wait(lambda: answered(rig, order), "the broker has answered")
    rig.until(order, "EXECUTED")
    assert "UNKNOWN" not in [event.to_status for event in order.events.all()]
    assert len(rig.posts(order)) == 1
    check_invariants(rig)


def test_an_outcome_that_can_not_be_saved_in_time_is_found_in_the_book(bare_rig: Rig) -> None:
    rig = bare_rig
    rig.fork()
    rig.faults.script("place", f.slow(0.6 * TIMEOUT))
    order = rig.order()
    rig.until(order, "SENDING")
    lease_until = order.attempts.get().lease_until
    with write_transaction():
        Order.objects.select_for_update().get(pk=order.pk)
        rig.wait(lambda: clock.now() > lease_until, "the lease is over")
    rig.until(order, "EXECUTED")
    assert len(rig.posts(order)) == 1
    check_invariants(rig)


def test_a_locked_database_puts_the_claim_off(bare_rig: Rig) -> None:
    rig = bare_rig
    rig.fork()
    rig.book_reads(1)
    rig.pause()
    order = rig.order()
    with write_transaction():
        BrokerConnection.objects.select_for_update().get(pk=rig.connection.pk)
        rig.go_on()
        later = clock.now() + timedelta(seconds=0.5)
        rig.wait(lambda: clock.now() > later, "the worker has had its time")
        assert rig.posts(order) == []
        assert rig.fresh(order).status == "QUEUED"
    rig.until(order, "EXECUTED")
    check_invariants(rig)


def test_nothing_is_sent_while_the_claim_can_not_be_written(bare_rig: Rig) -> None:
    rig = bare_rig
    rig.fork("full", "inside the claim's transaction", "fail")
    order = rig.order()
    rig.wait(lambda: rig.log("full").count("disk is full") > 2, "it has tried several times")
    assert rig.fresh(order).status == "QUEUED"
    assert len(rig.simulator.journal.entries("place", rig.journal_since)) == 0
    rig.kill("full")
    rig.fork()
    rig.until(order, "EXECUTED")
    check_invariants(rig)


def test_an_answer_that_can_not_be_written_is_found_in_the_book(bare_rig: Rig) -> None:
    rig = bare_rig
    order = rig.order()
    rig.fork("full", "inside the transaction that saves the answer", "fail")
    rig.wait(lambda: "outcome can't be saved" in rig.log("full"), "it has tried")
    rig.fork()
    rig.until(order, "EXECUTED")
    assert len(rig.posts(order)) == 1
    check_invariants(rig)
