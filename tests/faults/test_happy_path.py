"""Without a fault: the rig, the worker and the simulator agree."""

import pytest

from tests.support.rig import Rig, check_invariants

pytestmark = pytest.mark.faults


def test_a_market_order_is_sent_once_and_filled(rig: Rig) -> None:
    order = rig.order()
    done = rig.until(order, "EXECUTED")
    assert len(rig.posts(order)) == 1
    assert done.filled_qty == 2
    check_invariants(rig)


def test_a_limit_order_rests_until_it_is_cancelled(rig: Rig) -> None:
    order = rig.limit()
    rig.until(order, "SENT")
    rig.cancel(order)
    rig.until(order, "CANCELLED")
    check_invariants(rig)


def test_two_workers_send_each_order_once(rig: Rig) -> None:
    rig.start("second")
    orders = [rig.order(auto=number % 2 == 0) for number in range(12)]
    for order in orders:
        rig.until(order, "EXECUTED")
    assert rig.stop("second") == 0
    assert all(len(rig.posts(order)) == 1 for order in orders)
    check_invariants(rig)
