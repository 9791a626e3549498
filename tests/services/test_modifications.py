"""Changes of working orders: risk has its say when they are asked, and again before they go."""

from decimal import Decimal
from typing import Any

import pytest

from brokers.accounts import ensure_paper_account
from risk.models import RiskSettings
from tests.factories import make_order
from tests.support.at_once import at_once
from tests.support.faulty import Road
from tests.support.trades import traded
from trading.domain.order import Status
from trading.models import Order
from trading.services import halting, queue, reconcile
from trading.services.claim import claim_next
from trading.services.dispatch import send
from trading.services.errors import InvalidChange

pytestmark = pytest.mark.db_backends


def resting(**fields: Any) -> Order:
    make_order(Status.QUEUED, order_type="LIMIT", **({"price": Decimal(1400)} | fields))
    claim = claim_next("here:1:1")
    assert claim is not None
    send(claim)
    return queue.get(claim.order.pk)


def asked_and_sent_while_reducing(order: Order, changes: dict[str, Any]) -> Order:
    queue.modify(order, changes, actor="asha")
    halting.set_state("REDUCING", "EVERYTHING", "enough", "asha")
    reconcile.reconcile_account(order.connection)
    return queue.get(order.pk)


@pytest.mark.django_db
@pytest.mark.parametrize("changes", [{"qty": 20}, {"price": Decimal(1390)}])
def test_reducing_drops_a_change_of_an_entry_that_was_asked_before(road: Road, changes):
    order = asked_and_sent_while_reducing(resting(), changes)
    assert (order.qty, order.price, order.modification) == (10, Decimal(1400), None)
    why = "The modification was not sent: only exits are sent (everything): enough"
    assert order.error_message == why
    assert order.events.order_by("sequence").last().reason == why


@pytest.mark.django_db
def test_reducing_lets_an_entry_become_smaller(road: Road):
    order = asked_and_sent_while_reducing(resting(), {"qty": 5})
    assert (order.qty, order.error_message) == (5, "")


@pytest.mark.django_db
def test_reducing_lets_a_change_of_an_exit_through(road: Road):
    traded(ensure_paper_account(), "BUY", 10, "1500")
    order = asked_and_sent_while_reducing(
        resting(side="SELL", qty=5, price=Decimal(1600)), {"qty": 10}
    )
    assert (order.qty, order.error_message) == (10, "")


@pytest.mark.django_db(transaction=True)
def test_changes_at_once_share_the_last_of_a_limit():
    RiskSettings.objects.create(scope="GLOBAL", max_position_quantity=12, clamp_mode="REJECT")
    ensure_paper_account()
    places = [(exchange, one) for exchange in ("NSE", "BSE") for one in ("MIS", "CNC", "NRML")]
    orders = [
        resting(qty=1, symbol=f"{exchange}:INFY", exchange=exchange, product=product)
        for exchange, product in places
    ]

    def grow(order: Order) -> int:
        try:
            queue.modify(order, {"qty": 4}, actor="asha")
        except InvalidChange:
            return 0
        return 1

    grown = at_once(*[lambda one=order: grow(one) for order in orders])
    assert sum(grown) == 2  # six units work, and three more twice
