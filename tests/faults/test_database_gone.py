"""PostgreSQL hangs up on everybody while orders are on their way."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from brokers.simulator import faults as f
from tests.support.crew import TIMEOUT
from tests.support.databases import OURSELVES, database_url, fresh_database
from tests.support.postgres import Cluster
from tests.support.rig import Rig, check_invariants, running_rig

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def postgres_rig(django_db_blocker: Any, postgres_cluster: Cluster) -> Iterator[Rig]:
    """A rig on PostgreSQL, whatever the suite runs on."""
    url = postgres_cluster.url("postgres")
    with django_db_blocker.unblock(), fresh_database(url), running_rig() as rig:
        yield rig


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
