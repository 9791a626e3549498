"""What a worker finds when it starts, wakes or ends: other days, other workers, older databases."""

import signal
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from brokers.simulator import faults as f
from sigmatrader import clock
from tests.support import steps
from tests.support.crew import TIMEOUT
from tests.support.rig import Rig, check_invariants
from trading.domain.order import Status
from trading.domain.values import Origin
from trading.models import Order, Position
from trading.services import queue

pytestmark = [pytest.mark.faults, pytest.mark.db_backends]


def test_what_was_approved_while_no_worker_ran_is_sent_or_expires(bare_rig: Rig) -> None:
    rig = bare_rig
    soon = rig.waiting_order(auto=True, expires_at=clock.now() + timedelta(seconds=0.1))
    order = rig.order()
    rig.wait(lambda: clock.now() > soon.expires_at, "its time to live is over")
    rig.fork()
    rig.until(order, "EXECUTED")
    rig.until(soon, "EXPIRED")
    assert rig.posts(soon) == []
    check_invariants(rig)


def test_a_worker_that_wakes_after_its_lease_is_lost_sends_nothing(
    bare_rig: Rig, tmp_path: Path
) -> None:
    rig, go = bare_rig, tmp_path / "go"
    order = rig.order()
    rig.fork("zombie", steps.BEFORE_THE_LAST_LOOK, hold=go)
    rig.wait(steps.held(go).exists, "the zombie is about to look again")
    rig.pause("zombie")
    rig.fork("second")
    rig.until(order, "FAILED")
    go.touch()
    rig.go_on("zombie")
    rig.wait(lambda: "left to whoever has it" in rig.log("zombie"), "the zombie lets go")
    assert rig.fresh(order).status == "FAILED"
    assert rig.posts(order) == []
    assert len(rig.simulator.journal.entries("place", rig.journal_since)) == 0
    check_invariants(rig)


def test_a_worker_that_wakes_in_mid_call_changes_nothing_that_was_settled(bare_rig: Rig) -> None:
    rig = bare_rig
    rig.fork("zombie")
    rig.faults.script("place", f.answer_late(0.9 * TIMEOUT))
    order = rig.order()
    rig.wait(lambda: rig.at_broker(order), "the broker has it")
    rig.pause("zombie")
    rig.fork("second")
    rig.until(order, "EXECUTED")
    rig.go_on("zombie")
    rig.book_reads(2)
    assert len(rig.posts(order)) == 1
    check_invariants(rig)


def test_a_worker_asked_to_stop_finishes_what_it_sends_and_claims_no_more(bare_rig: Rig) -> None:
    rig = bare_rig
    rig.fork("stopping")
    rig.faults.script("place", f.slow(0.7 * TIMEOUT))
    order = rig.order()
    rig.until(order, "SENDING")
    process = rig.workers["stopping"]
    process.send_signal(signal.SIGTERM)
    behind = rig.order(order.tradingsymbol)
    assert rig.stop("stopping") == 0
    assert rig.fresh(order).status not in ("SENDING", "QUEUED")
    assert rig.fresh(behind).status == "QUEUED"
    rig.fork()
    for one in (order, behind):
        rig.until(one, "EXECUTED")
    check_invariants(rig)


def test_after_a_restart_the_book_is_read_before_the_queue_is_drained(bare_rig: Rig) -> None:
    rig, most = bare_rig, 8
    doubtful = rig.order()
    rig.fork("dying", "after the answer is read")
    rig.wait_for_death("dying")
    symbols = [doubtful.tradingsymbol, *(rig.new_symbol() for _ in range(5))]
    orders = [rig.order(symbols[number % 6], auto=number % 2 == 0) for number in range(24)]
    rig.connection.orders_per_second = most
    rig.connection.save()
    restarted = rig.simulator.journal.entries()[-1].number
    rig.fork()
    try:
        for order in (doubtful, *orders):
            rig.until(order, "EXECUTED")
    finally:
        rig.connection.orders_per_second = None
        rig.connection.save()
    calls = [entry.call for entry in rig.simulator.journal.entries(since=restarted)]
    assert calls.index("orders") < calls.index("trades") < calls.index("place")
    claimed = [order.attempts.get().claimed_at.replace(microsecond=0) for order in orders]
    assert max(Counter(claimed).values()) <= most
    check_invariants(rig)


def test_a_day_order_that_left_the_book_is_expired_by_evidence(bare_rig: Rig) -> None:
    rig = bare_rig
    rig.fork("today")
    untouched = rig.until(rig.limit(), "SENT")
    rig.exchange.behaviour.partial_fill = 2
    begun = rig.until(rig.order(qty=5), "PARTIALLY_EXECUTED")
    rig.book_reads(2)
    rig.stop("today")
    rig.move_to(clock.now().astimezone(clock.IST) + timedelta(days=1))
    rig.fork("tomorrow")
    for order, filled in ((untouched, 0), (begun, 2)):
        assert rig.until(order, "EXPIRED").filled_qty == filled
        assert any("no longer shows it" in event.reason for event in order.events.all())
    check_invariants(rig)


def test_the_end_of_the_book_day_proves_nothing_about_an_unknown_order(bare_rig: Rig) -> None:
    rig = bare_rig
    rig.fork("today")
    rig.faults.script("place", f.timeout_not_accepted(1))
    order = rig.until(rig.order(), "UNKNOWN")
    rig.kill("today")
    rig.move_to(clock.now().astimezone(clock.IST) + timedelta(days=1))
    rig.fork("tomorrow")
    rig.book_reads(8)
    assert rig.fresh(order).status == "UNKNOWN"
    check_invariants(rig, unknown_allowed=True)
    queue.resolve(
        rig.fresh(order), outcome="NOT_PLACED", broker_order_id="", reason="looked", actor="test"
    )
    check_invariants(rig)


def forget(order: Order) -> None:
    """As a database that was restored from before `order` was made."""
    Position.objects.filter(connection=order.connection, symbol=order.tradingsymbol).delete()
    order.delete()


def send_back(order: Order) -> None:
    """As a database that was restored from a moment at which `order` was queued."""
    Position.objects.filter(connection=order.connection, symbol=order.tradingsymbol).delete()
    order.fills.all().delete()
    order.attempts.all().delete()
    queued = order.events.get(to_status="QUEUED")
    order.events.filter(sequence__gt=queued.sequence).delete()
    Order.objects.filter(pk=order.pk).update(
        status=Status.QUEUED,
        version=queued.sequence,
        filled_qty=0,
        average_price=None,
        broker_order_id="",
        risk=None,
        sent_at=None,
        finished_at=None,
        variety="regular",
        expires_at=clock.now() + timedelta(seconds=60),
    )


def test_a_restored_backup_sends_nothing_that_the_broker_has(bare_rig: Rig) -> None:
    rig = bare_rig
    rig.fork("before")
    lost = rig.until(rig.order(), "EXECUTED")
    unsent = rig.until(rig.order(), "EXECUTED")
    rig.stop("before")
    number, tags = lost.broker_order_id, unsent.client_order_id
    forget(lost)
    send_back(unsent)
    new = rig.waiting_order(auto=True)
    rig.fork("after")
    rows = Order.objects.filter(connection=rig.connection, broker_order_id=number)
    rig.wait(lambda: rows.filter(origin=Origin.EXTERNAL).exists(), "what was lost is adopted")
    rig.wait(rig.halt_reason, "AUTO is stopped")
    rig.until(new, "WAITING")
    rig.book_reads(3)
    posted = [entry.form["tag"] for entry in rig.simulator.journal.entries("place")]
    assert posted.count(tags) == 1
    assert posted.count(new.client_order_id) == 0
    if rig.fresh(unsent).status == "WAITING":  # a person presses, all the same
        rig.resume()
        queue.execute(rig.fresh(unsent), actor="test")
    rig.until(unsent, "EXECUTED")
    posted = [entry.form["tag"] for entry in rig.simulator.journal.entries("place")]
    assert posted.count(tags) == 1
    check_invariants(rig)
