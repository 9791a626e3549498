"""A trigger of which the broker's answer was lost."""

from brokers.simulator import faults
from tests.support.desk import Desk
from trading.models import Order


def unclear(desk: Desk, order: Order, *, placed: bool = True) -> Order:
    """`order` after the broker took its trigger, or did not, and its answer was lost."""
    fault = faults.reset_after_accept() if placed else faults.refuse_status(502)
    desk.faults.script("gtt_place", fault)
    desk.send_next()
    assert desk.status(order) == "UNKNOWN"
    return desk.fresh(order)
