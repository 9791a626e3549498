"""The invariants notice what they are for: each is broken once, on purpose."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import pytest
from django.db import transaction

from tests.support.invariants import LOST, TWICE, WRONG, violations
from tests.support.rig import Rig
from trading.models import Fill, Order, OrderAttempt, Position

pytestmark = pytest.mark.faults


@pytest.fixture
def done(rig: Rig) -> Order:
    order = rig.until(rig.order(), "EXECUTED")
    rig.wait(lambda: not rig.violations(), "both books agree")
    return order


def found(rig: Rig, order: Order, ledger: Any = None, **more: Any) -> set[tuple[str, str]]:
    """Kind and rule of every violation from `order` on."""
    ledger = ledger or rig.exchange.ledger()
    placed = rig.simulator.journal.entries("place")
    seen = rig.seen_at_broker
    listed = violations(
        rig.connection, ledger, placed, first_order=order.pk, seen_at_broker=seen, **more
    )
    return {(one.kind, one.rule) for one in listed}


@contextmanager
def undone() -> Iterator[None]:
    """What is written inside is rolled back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_a_second_copy_at_the_broker_is_noticed(rig: Rig, done: Order) -> None:
    ledger = deepcopy(rig.exchange.ledger())
    mine = next(row for row in ledger["orders"] if row["tag"] == done.client_order_id)
    ledger["orders"].append(mine | {"order_id": "7" * 19})
    assert (TWICE, "I1") in found(rig, done, ledger)


def test_a_stranger_and_an_unknown_trigger_are_noticed(rig: Rig, done: Order) -> None:
    ledger = deepcopy(rig.exchange.ledger())
    stranger = ledger["orders"][-1] | {"order_id": "8" * 19, "tag": "", "tags": []}
    ledger["orders"].append(stranger)
    assert found(rig, done, ledger) == {(LOST, "I3")}
    ledger["orders"].pop()
    ledger["triggers"].append({"id": 7})
    assert found(rig, done, ledger) == {(LOST, "I3")}


def test_what_the_broker_shows_otherwise_is_noticed(rig: Rig, done: Order) -> None:
    for change, rule in (
        ({"status": "CANCELLED"}, "status"),
        ({"filled_quantity": 1}, "I4"),
        ({"average_price": 1.0}, "I4"),
    ):
        ledger = deepcopy(rig.exchange.ledger())
        mine = next(row for row in ledger["orders"] if row["tag"] == done.client_order_id)
        mine |= change
        assert found(rig, done, ledger) == {(WRONG, rule)}


def test_an_order_that_the_broker_never_had_is_noticed(rig: Rig, done: Order) -> None:
    ledger = deepcopy(rig.exchange.ledger())
    ledger["orders"] = [row for row in ledger["orders"] if row["tag"] != done.client_order_id]
    assert (LOST, "lost") in found(rig, done, ledger)


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"risk": None}, (WRONG, "I2")),
        ({"filled_qty": 1}, (WRONG, "I4")),
        ({"status": "SENDING"}, (LOST, "I6")),
        ({"status": "UNKNOWN"}, (LOST, "I6")),
        ({"error_message": "other words"}, (WRONG, "I7")),
    ],
)
def test_a_row_that_is_not_as_it_should_be_is_noticed(
    rig: Rig, done: Order, values: dict[str, Any], rule: tuple[str, str]
) -> None:
    with undone():
        Order.objects.filter(pk=done.pk).update(**values)
        assert rule in found(rig, done)


def test_a_broken_log_an_open_attempt_and_a_lost_fill_are_noticed(rig: Rig, done: Order) -> None:
    with undone():
        done.events.filter(to_status="SENDING").delete()
        assert (WRONG, "I5") in found(rig, done)
    with undone():
        OrderAttempt.objects.filter(order=done).update(closed_at=None)
        assert (WRONG, "I6") in found(rig, done)
    with undone():
        Fill.objects.filter(order=done).delete()
        assert (WRONG, "I4") in found(rig, done)
    with undone():
        Position.objects.filter(symbol=done.tradingsymbol).update(qty=7)
        assert found(rig, done) == {(WRONG, "position")}


def test_an_order_sent_after_a_halt_is_noticed(rig: Rig, done: Order) -> None:
    claimed = done.attempts.get().claimed_at
    assert found(rig, done, halts=[(claimed, None)]) == set()
    before = claimed.replace(year=claimed.year - 1)
    assert found(rig, done, halts=[(before, None)]) == {(WRONG, "I8")}
