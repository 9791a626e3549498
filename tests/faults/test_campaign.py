"""Chance against the dispatcher, on this suite's database. `make faults` plays it at any length."""

from typing import Any

import pytest

from tests.support import campaign
from tests.support.invariants import LOST, TWICE, WRONG

pytestmark = [pytest.mark.faults, pytest.mark.db_backends]

SEED, ORDERS = 20261202, 60


def test_nothing_is_sent_twice_lost_or_wrong(django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        report = campaign.run(SEED, ORDERS)
    found = tuple(report.count(kind) for kind in (TWICE, LOST, WRONG))
    assert found == (0, 0, 0), report.table()
    assert report.orders >= ORDERS
    assert report.faults and report.kills and report.statuses["EXECUTED"]
