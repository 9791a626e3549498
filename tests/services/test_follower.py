"""Who follows an account, how often its broker is asked, and what is sent only after that."""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from brokers.models import AccountPosition
from brokers.sessions import end_session
from brokers.simulator import faults
from tests.factories import make_order
from tests.support.desk import Desk
from trading.domain.order import Status
from trading.models import Order, Position
from trading.services import queue, updates
from trading.services.follower import Follower, take_lease
from trading.services.recovery import this_place, this_worker_id

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

ELSEWHERE = "another-host:1:1"
LEASE = 19  # seconds


@pytest.fixture(autouse=True)
def _one_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals are measured by the desk's clock."""
    steady = SimpleNamespace(monotonic=desk.seconds)
    for module in ("follower", "cancels"):
        monkeypatch.setattr(f"trading.services.{module}.time", steady)


@pytest.fixture
def follower(desk: Desk) -> Callable[[str], Follower]:
    def made(worker_id: str = "first-host:1:1") -> Follower:
        return Follower(desk.connection.pk, worker_id, threading.Event())

    return made


Made = Callable[..., Follower]


def books_read(desk: Desk) -> int:
    return len(desk.asked("orders"))


# -- one of all -----------------------------------------------------------------------------------


def test_of_two_workers_one_follows(desk: Desk, follower: Made) -> None:
    first, second = follower("a:1:1"), follower("b:1:1")
    before = books_read(desk)
    first.round()
    second.round()
    assert books_read(desk) == before + 1
    assert desk.state().follower == "a:1:1"
    assert desk.state().follower_until == desk.now + timedelta(seconds=LEASE)


def test_who_goes_on_following_keeps_the_account(desk: Desk, follower: Made) -> None:
    first, second = follower("a:1:1"), follower("b:1:1")
    for _ in range(10):
        first.round()
        second.round()
        desk.wait(3)
    assert desk.state().follower == "a:1:1"


def test_a_silent_followers_account_is_taken_over_when_its_lease_has_ended(
    desk: Desk, follower: Made
) -> None:
    first, second = follower("a:1:1"), follower("b:1:1")
    first.round()
    desk.wait(LEASE)
    assert not take_lease(desk.connection, "b:1:1")
    desk.wait(1)
    second.round()
    assert desk.state().follower == "b:1:1"
    before = books_read(desk)
    desk.wait(15)
    first.round()
    assert books_read(desk) == before


def test_who_leaves_frees_the_account_at_once(desk: Desk, follower: Made) -> None:
    first = follower("a:1:1")
    first.round()
    first._leave()
    assert take_lease(desk.connection, "b:1:1")


def test_who_leaves_does_not_free_what_another_has_by_now(desk: Desk, follower: Made) -> None:
    first = follower("a:1:1")
    first.round()
    desk.wait(LEASE + 1)
    assert take_lease(desk.connection, "b:1:1")
    first._leave()
    assert desk.state().follower == "b:1:1"


@pytest.mark.parametrize(
    ("holder", "free"),
    [
        (f"{this_place()}:999999999:1", True),  # no such process here
        (this_worker_id(), False),
        (ELSEWHERE, False),
    ],
    ids=["dead", "alive", "elsewhere"],
)
def test_the_account_of_a_worker_that_is_certainly_dead_is_free(
    desk: Desk, holder: str, free: bool
) -> None:
    assert take_lease(desk.connection, holder)
    assert take_lease(desk.connection, "b:1:1") is free


# -- how often ------------------------------------------------------------------------------------


def test_the_book_is_read_every_round_while_something_works(desk: Desk, follower: Made) -> None:
    desk.sent(desk.limit())
    before = books_read(desk)
    one = follower()
    for _ in range(5):
        one.round()
        desk.wait(3)
    assert books_read(desk) == before + 5


def test_the_book_of_an_idle_account_is_read_more_rarely(desk: Desk, follower: Made) -> None:
    before = books_read(desk)
    one = follower()
    for _ in range(10):
        one.round()
        desk.wait(3)
    assert books_read(desk) == before + 2


def test_an_order_that_was_given_up_today_keeps_the_account_busy(
    desk: Desk, follower: Made
) -> None:
    desk.behaviour.margin_reject = True
    order = desk.order()
    desk.send_next()
    assert desk.status(order) == "FAILED"
    before = books_read(desk)
    one = follower()
    for _ in range(3):
        one.round()
        desk.wait(3)
    assert books_read(desk) == before + 3


def test_a_fill_brings_a_new_look_at_the_positions(desk: Desk, follower: Made) -> None:
    one = follower()
    one.round()
    desk.wait(3)
    order = desk.order()
    desk.send_next()
    one.round()
    assert desk.status(order) == "EXECUTED"
    assert AccountPosition.objects.get(connection=desk.connection).quantity == 10
    assert Position.objects.get().qty == 10


def test_a_broker_that_fails_is_asked_more_and_more_rarely(desk: Desk, follower: Made) -> None:
    desk.sent(desk.limit())
    one = follower()
    desk.faults.always("orders", faults.refuse_status(503))
    pauses = []
    for _ in range(7):
        pauses.append(one._guarded_round())
        desk.wait(pauses[-1])
    assert pauses == [6, 12, 24, 48, 60, 60, 60]
    assert desk.state().book_failures == 7
    assert "503" in desk.state().book_error
    desk.faults.clear()
    assert one._guarded_round() == 3
    assert (desk.state().book_failures, desk.state().book_error) == (0, "")


def test_a_read_that_has_failed_is_repeated_in_the_next_round(desk: Desk, follower: Made) -> None:
    """Also on an idle account: what is queued waits for it."""
    desk.wait(1)
    desk.log_in(read=False)
    one = follower()
    desk.faults.script("orders", faults.rate_limited())
    desk.wait(one._guarded_round())
    one._guarded_round()
    assert (desk.state().book_read_at, desk.state().book_error) == (desk.now, "")


def test_positions_that_can_not_be_read_are_no_failure_of_the_book(
    desk: Desk, follower: Made
) -> None:
    order = desk.order()
    desk.send_next()
    desk.faults.always("positions", faults.refuse_status(503))
    one = follower()
    for _ in range(8):
        desk.wait(one._guarded_round())
    assert desk.status(order) == "EXECUTED"
    assert desk.state().book_error == ""
    auto = desk.order(auto=True)
    desk.sent(auto)


def test_a_fault_of_ours_does_not_end_the_following(
    desk: Desk, follower: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = follower()

    def broken(*_: object) -> None:
        raise ValueError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr("trading.services.follower.reconcile.take_in", broken)
        assert one._guarded_round() == 6
    desk.wait(15)
    assert one._guarded_round() == 3


def test_an_order_that_can_not_be_followed_says_so_once_and_holds_up_no_other(
    desk: Desk, follower: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, other = desk.sent(desk.limit("1450")), desk.sent(desk.limit("1480"))
    apply = updates.apply

    def stumbles(order_id: int, *args: Any, **options: Any) -> Order:
        if order_id == broken.pk:
            raise ValueError("a fault of ours")
        return apply(order_id, *args, **options)

    monkeypatch.setattr(updates, "apply", stumbles)
    desk.price("1450")
    one = follower()
    versions = []
    for _ in range(3):
        one.round()
        desk.wait(3)
        versions.append(desk.fresh(broken).version)
    assert desk.status(other) == "EXECUTED"
    assert "can't be followed" in desk.fresh(broken).error_message
    assert len(set(versions)) == 1
    assert desk.state().book_error == ""


# -- the session ----------------------------------------------------------------------------------


def test_a_dead_session_is_ended_once_and_the_broker_is_left_alone(
    desk: Desk, follower: Made, caplog: pytest.LogCaptureFixture
) -> None:
    one = follower()
    desk.simulator.expire_sessions()
    with caplog.at_level(logging.ERROR):
        one._guarded_round()
    desk.connection.refresh_from_db()
    assert desk.connection.token_expires_at == desk.now
    assert desk.connection.last_error
    asked = len(desk.simulator.journal.entries())
    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            desk.wait(3)
            assert one._guarded_round() == 3
    assert len(desk.simulator.journal.entries()) == asked
    assert len([one for one in caplog.records if "is over" in one.getMessage()]) == 1


def test_orders_of_a_dead_session_wait_for_a_person(desk: Desk) -> None:
    first = desk.order(auto=True)
    second = desk.order(auto=True, exchange="NSE", tradingsymbol="TCS", symbol="NSE:TCS")
    desk.simulator.expire_sessions()
    desk.send_next()
    assert desk.status(first) == "WAITING"
    assert desk.send_next() is None
    assert desk.status(second) == "WAITING"
    assert len(desk.asked("place")) == 1


def test_a_login_that_came_meanwhile_survives_the_end_of_the_old_session(desk: Desk) -> None:
    order = desk.order()
    claim = desk.claim()
    assert claim is not None
    desk.wait(1)
    desk.log_in()  # the broker ends the older session of the same user
    desk.send(claim)
    assert desk.status(order) == "WAITING"
    desk.connection.refresh_from_db()
    assert desk.connection.token_expires_at == desk.now + timedelta(hours=12)
    assert desk.connection.last_error == ""


def test_an_end_of_session_is_told_once(desk: Desk) -> None:
    assert end_session(desk.connection, "dead")
    assert not end_session(desk.connection, "dead again")
    desk.connection.refresh_from_db()
    assert desk.connection.last_error == "dead"


def test_a_new_login_has_the_book_read_at_once_in_its_own_session(
    desk: Desk, follower: Made
) -> None:
    one = follower()
    one.round()
    desk.wait(3)
    desk.log_in(read=False)
    assert one.round() == 3
    assert desk.state().book_read_at == desk.now


def test_an_account_that_is_switched_off_is_still_followed_and_its_orders_cancelled(
    desk: Desk, follower: Made
) -> None:
    """Off: nothing is sent through it. What works there goes on, and must be stoppable."""
    resting, filled = desk.sent(desk.limit("1450")), desk.sent(desk.limit("1480"))
    desk.connection.enabled = False
    desk.connection.save()
    desk.price("1480")
    queue.cancel(resting, actor="asha")
    one = follower()
    one.round()
    desk.wait(3)
    one.round()
    assert desk.status(filled) == "EXECUTED"
    assert desk.status(resting) == "CANCELLED"
    blocked = desk.order()
    assert desk.send_next() is None
    assert desk.status(blocked) == "WAITING"


# -- what must be read before anything is sent ----------------------------------------------------


def test_nothing_is_sent_before_the_book_was_read_since_the_worker_started(desk: Desk) -> None:
    desk.wait(5)
    order = desk.order()
    started = desk.now
    assert desk.claim(started_at=started) is None
    assert desk.status(order) == "QUEUED"
    desk.read_all()
    assert desk.claim(started_at=started) is not None


def test_nothing_is_sent_before_the_book_was_read_since_the_login(desk: Desk) -> None:
    desk.wait(5)
    desk.log_in(read=False)
    order = desk.order(auto=True)
    assert desk.claim() is None
    assert desk.status(order) == "QUEUED"
    desk.read_all()
    assert desk.claim() is not None


def test_an_account_that_waits_for_its_book_holds_no_other_account_up(desk: Desk) -> None:
    desk.wait(5)
    desk.log_in(read=False)
    desk.order()
    paper = make_order(Status.QUEUED)
    claim = desk.claim()
    assert claim is not None
    assert claim.order == paper


def test_a_book_that_stays_dark_sets_auto_orders_aside_with_the_reason(
    desk: Desk, follower: Made
) -> None:
    desk.sent(desk.limit())
    one = follower()
    desk.faults.always("orders", faults.refuse_status(503))
    while desk.now <= desk.state().book_read_at + timedelta(seconds=60):
        desk.wait(one._guarded_round())
    auto = desk.order(auto=True, qty=3)
    manual = desk.order(qty=4)
    sent = desk.send_next()
    auto = desk.fresh(auto)
    assert (auto.status, auto.mode) == ("WAITING", "MANUAL")
    assert "was last read at 11:00:00" in auto.set_aside_reason
    assert "503" in auto.set_aside_reason
    assert sent == manual  # somebody has looked at it


def test_what_was_in_doubt_is_settled_before_anything_else_is_sent(
    desk: Desk, follower: Made
) -> None:
    """After a start: the order in doubt is at the broker, and the one behind it goes then."""
    desk.faults.script("place", faults.reset_after_accept())
    doubtful = desk.limit("1450")
    desk.send_next()
    assert desk.status(doubtful) == "UNKNOWN"
    desk.wait(1)
    started = desk.now
    behind = desk.order(auto=True)
    assert desk.claim(started_at=started) is None
    assert desk.status(behind) == "QUEUED"
    follower().round()
    assert desk.status(doubtful) == "SENT"
    assert desk.fresh(doubtful).price == Decimal(1450)
    assert desk.claim(started_at=started) is not None
