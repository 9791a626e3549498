"""The database is locked, full or gone while an order is on its way."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from brokers.models import BrokerConnection
from brokers.simulator import faults as f
from sigmatrader import clock
from sigmatrader.db import write_transaction
from tests.support.databases import OURSELVES, database_url, fresh_database
from tests.support.postgres import Cluster
from tests.support.rig import TIMEOUT, Rig, check_invariants, running_rig
from trading.models import Order

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def postgres_rig(django_db_blocker: Any, postgres_cluster: Cluster) -> Iterator[Rig]:
    """A rig on PostgreSQL, whatever the suite runs on."""
    url = postgres_cluster.url("postgres")
    with django_db_blocker.unblock(), fresh_database(url), running_rig() as rig:
        yield rig


def answered(rig: Rig, order: Order) -> bool:
    return any(entry.outcome == "200" for entry in rig.posts(order))


@pytest.mark.db_backends
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


@pytest.mark.db_backends
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


@pytest.mark.db_backends
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


@pytest.mark.db_backends
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


@pytest.mark.db_backends
def test_an_answer_that_can_not_be_written_is_found_in_the_book(bare_rig: Rig) -> None:
    rig = bare_rig
    order = rig.order()
    rig.fork("full", "inside the transaction that saves the answer", "fail")
    rig.wait(lambda: "outcome can't be saved" in rig.log("full"), "it has tried")
    rig.fork()
    rig.until(order, "EXECUTED")
    assert len(rig.posts(order)) == 1
    check_invariants(rig)


def test_a_restarted_database_server_loses_nothing(postgres_rig: Rig) -> None:
    rig = postgres_rig
    rig.begin()
    rig.start()
    rig.faults.always("place", f.slow(0.5 * TIMEOUT))
    orders = [rig.order(auto=number % 2 == 0) for number in range(8)]
    rig.until(orders[0], "SENDING", "SENT", "EXECUTED")
    for _ in range(3):
        hang_up_on_everybody()
        rig.book_reads(1)
    for order in orders:
        done = rig.until(order, "EXECUTED", "FAILED")  # or its sender found no database to go on
        assert len(rig.posts(order)) == (1 if done.status == "EXECUTED" else 0)
    check_invariants(rig)


def hang_up_on_everybody() -> None:
    """What a restart of the server does to its clients, ourselves excepted."""
    with psycopg.connect(database_url(), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND application_name <> %s",
            [OURSELVES],
        )
