"""A stop and a target under a position: two linked orders, one trigger at the broker."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from brokers.accounts import ensure_paper_account
from brokers.models import AccountPosition, BrokerConnection
from brokers.prices import record_price
from sigmatrader import clock
from tests.support.positions import able_account, listed, ours, theirs
from trading.models import Order
from trading.services import exits, halting, queue
from trading.services.errors import Conflict, InvalidChange, NotExecutable

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


@pytest.fixture
def paper() -> BrokerConnection:
    return ensure_paper_account()


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> BrokerConnection:
    return able_account(monkeypatch)


Protect = Callable[..., tuple[Order, ...]]


@pytest.fixture
def protect(live: BrokerConnection) -> Protect:
    """`protect(stop_trigger=…)` under 10 INFY CNC, long, at 1510."""
    listed()
    theirs(live, 10, product="CNC")

    def put(**fields: Any) -> tuple[Order, ...]:
        values = {
            "exchange": "NSE", "tradingsymbol": "INFY", "product": "CNC", "quantity": None,
            "stop_trigger": None, "stop_price": None, "target_trigger": None,
            "target_price": None, "actor": "asha",
        }  # fmt: skip
        given = {
            name: Decimal(value) if name.endswith(("_trigger", "_price")) else value
            for name, value in fields.items()
        }
        return exits.protect(live, **values | given)

    return put


def test_a_stop_and_a_target_are_two_linked_orders(protect: Protect) -> None:
    stop, target = protect(
        stop_trigger="1480", stop_price="1478.50", target_trigger="1560", target_price="1559"
    )
    for order in (stop, target):
        assert (order.side, order.qty, order.product) == ("SELL", 10, "CNC")
        assert (order.order_type, order.gtt, order.reduce_only) == ("LIMIT", True, True)
        assert (order.status, order.origin) == ("QUEUED", "EXIT_PLAN")
    assert (stop.trigger_price, stop.price) == (Decimal(1480), Decimal("1478.5"))
    assert (target.trigger_price, target.price) == (Decimal(1560), Decimal(1559))
    assert stop.oco_with is None
    assert Order.objects.get(pk=target.pk).oco_with == stop


@pytest.mark.parametrize("leg", ["stop", "target"])
def test_one_leg_alone_is_a_single_trigger(protect: Protect, leg: str) -> None:
    price = {"stop": "1480", "target": "1560"}[leg]
    (order,) = protect(**{f"{leg}_trigger": price})
    assert (order.gtt, order.oco_with) == (True, None)
    assert order.price == order.trigger_price == Decimal(price)


def test_a_short_is_protected_the_other_way_round(live: BrokerConnection, protect: Protect) -> None:
    AccountPosition.objects.update(quantity=-10, product="NRML")
    with pytest.raises(InvalidChange, match="must be above the last price, 1510"):
        protect(product="NRML", stop_trigger="1480")
    stop, target = protect(product="NRML", stop_trigger="1540", target_trigger="1460")
    assert (stop.side, target.side) == ("BUY", "BUY")


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({}, "stop_trigger", "a stop, a target, or both"),
        ({"stop_trigger": "1520"}, "stop_trigger", "below the last price, 1510"),
        ({"target_trigger": "1500"}, "target_trigger", "above the last price, 1510"),
        ({"stop_trigger": "1510"}, "stop_trigger", "below the last price"),
        ({"stop_trigger": "1480.03"}, "stop_trigger", "multiple of the tick, 0.05"),
        ({"stop_trigger": "1480", "stop_price": "1479.99"}, "stop_price", "tick"),
        ({"stop_trigger": "1480", "stop_price": "1490"}, "stop_price", "may never fill"),
        ({"stop_trigger": "-1"}, "stop_trigger", "above 0"),
    ],
)
def test_a_leg_that_makes_no_sense_is_refused_by_its_field(
    protect: Protect, fields: dict[str, str], field: str, text: str
) -> None:
    with pytest.raises(InvalidChange) as caught:
        protect(**fields)
    assert text in caught.value.errors[field][0]
    assert not Order.objects.exists()


def test_without_a_price_the_legs_are_still_held_against_each_other(
    live: BrokerConnection, protect: Protect
) -> None:
    AccountPosition.objects.update(last_price=None)
    with pytest.raises(InvalidChange, match="below its target"):
        protect(stop_trigger="1560", target_trigger="1480")


def test_a_price_of_last_week_judges_no_trigger(live: BrokerConnection, protect: Protect) -> None:
    AccountPosition.objects.update(last_price=None)
    record_price("NSE", "INFY", Decimal(1400), clock.now() - timedelta(days=7), "person")
    assert len(protect(stop_trigger="1480")) == 1


def test_an_intraday_position_takes_no_gtt(live: BrokerConnection, protect: Protect) -> None:
    theirs(live, 10, product="MIS")
    with pytest.raises(InvalidChange, match="squared off the same day") as caught:
        protect(product="MIS", stop_trigger="1480")
    assert "product" in caught.value.errors


def test_an_account_without_triggers_says_so(paper: BrokerConnection) -> None:
    ours(paper, 10, product="CNC")
    with pytest.raises(NotExecutable, match="can't hold") as caught:
        exits.protect(
            paper, "NSE", "INFY", "CNC", quantity=None, stop_trigger=Decimal(1480),
            stop_price=None, target_trigger=None, target_price=None, actor="asha",
        )  # fmt: skip
    assert caught.value.code == "gtt_not_supported"


def test_a_protected_position_is_not_protected_twice(protect: Protect) -> None:
    stop, _ = protect(stop_trigger="1480", target_trigger="1560")
    with pytest.raises(Conflict, match=f"#{stop.pk}"):
        protect(stop_trigger="1470")


def test_a_halted_desk_stores_neither_leg(protect: Protect) -> None:
    halting.set_state("HALTED", "EVERYTHING", "lunch", "asha")
    with pytest.raises(NotExecutable):
        protect(stop_trigger="1480", target_trigger="1560")
    assert not Order.objects.exists()


def test_an_exit_waits_for_the_protection_to_be_cancelled(
    live: BrokerConnection, protect: Protect
) -> None:
    stop, target = protect(stop_trigger="1480", target_trigger="1560")
    place = ("NSE", "INFY", "CNC")
    with pytest.raises(Conflict, match="cancel it first"):
        exits.exit_position(live, *place, quantity=None, actor="asha")
    queue.cancel(queue.get(stop.pk), actor="asha")
    target.refresh_from_db()
    assert target.status == "CANCELLED"
    assert exits.exit_position(live, *place, quantity=None, actor="asha").qty == 10
