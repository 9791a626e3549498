"""Sending an order while the broker, the network or people get in the way.

`WHERE` is the list of all faults of a live dispatcher, each with the tests that play it.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections

from brokers.accounts import ensure_paper_account
from brokers.simulator import faults as f
from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import make_order
from tests.support.crew import TIMEOUT
from tests.support.rig import Rig, check_invariants
from trading.domain.order import Status
from trading.domain.values import ClampMode, RiskScope, Side
from trading.models import Order
from trading.services import queue
from trading.services.errors import Conflict

pytestmark = [pytest.mark.faults, pytest.mark.db_backends]

TESTS = Path(__file__).resolve().parents[1]
ANSWERS = (
    "faults/test_broker_answers.py::"
    "test_an_answer_is_settled_by_the_book_and_never_by_sending_again"
)
HERE = "faults/test_dispatch_faults.py::"
DATABASE = "faults/test_database_faults.py::"
CRASHES = "faults/test_crashes_live.py::"
FOLLOWING = "faults/test_following_faults.py::"
PUSHED = "faults/test_postback_faults.py::"
RESTARTS = "faults/test_restarts.py::"
WHERE = {
    1: HERE + "test_a_refused_connection_is_tried_again_within_the_time_to_live",
    2: ANSWERS,
    3: ANSWERS,
    4: ANSWERS,
    5: ANSWERS,
    6: ANSWERS,
    7: HERE + "test_a_kept_connection_that_died_is_not_used_and_nothing_is_sent_twice",
    8: ANSWERS,
    9: ANSWERS,
    10: ANSWERS,
    11: HERE + "test_too_many_requests_wait_and_go_on",
    12: HERE + "test_a_session_that_ends_in_a_batch_sets_the_rest_aside_without_a_storm",
    13: HERE + "test_a_refused_address_halts_the_account_and_says_what_to_do",
    14: HERE + "test_a_refusal_in_the_answer_is_failed_with_the_brokers_words",
    15: HERE + "test_a_slow_account_holds_no_other",
    16: DATABASE + "test_a_locked_database_keeps_the_outcome_until_it_can_be_saved",
    17: DATABASE + "test_nothing_is_sent_while_the_claim_can_not_be_written",
    18: "faults/test_database_gone.py::test_a_restarted_database_server_loses_nothing",
    19: CRASHES + "test_a_web_process_killed_before_its_commit_leaves_no_order",
    20: CRASHES + "test_a_web_process_killed_after_its_commit_leaves_one_order",
    21: RESTARTS + "test_what_was_approved_while_no_worker_ran_is_sent_or_expires",
    22: CRASHES + "test_a_worker_killed_at_any_step_leaves_nothing_wrong",
    23: CRASHES + "test_a_worker_killed_while_it_waits_for_the_answer_leaves_nothing_wrong",
    24: CRASHES + "test_a_worker_killed_at_any_step_leaves_nothing_wrong",
    25: CRASHES + "test_a_worker_killed_at_any_step_leaves_nothing_wrong",
    26: CRASHES + "test_a_worker_killed_while_it_changes_an_order_leaves_the_book_to_decide",
    27: "faults/test_happy_path.py::test_two_workers_send_each_order_once",
    28: RESTARTS + "test_a_worker_that_wakes_after_its_lease_is_lost_sends_nothing",
    29: HERE + "test_of_many_presses_at_once_one_wins",
    30: HERE + "test_a_halt_beats_an_order_that_was_claimed_and_not_yet_sent",
    31: "webhook/test_parallel.py::"
    "test_32_identical_alerts_make_one_order_and_32_answers_with_its_ids",
    32: FOLLOWING + "test_an_old_book_takes_nothing_back",
    33: PUSHED + "test_a_postback_before_the_answer_changes_nothing",
    34: PUSHED + "test_forged_doubled_and_unknown_postbacks_do_no_harm",
    35: FOLLOWING + "test_a_partial_fill_that_is_cancelled_keeps_its_fills",
    36: FOLLOWING + "test_a_fill_beats_a_cancel",
    37: FOLLOWING + "test_what_is_done_in_the_brokers_app_is_taken_over",
    38: RESTARTS + "test_a_day_order_that_left_the_book_is_expired_by_evidence",
    39: FOLLOWING + "test_a_corrected_price_is_taken_over_and_the_old_one_kept",
    44: FOLLOWING + "test_slices_made_elsewhere_are_each_adopted",
    46: RESTARTS + "test_after_a_restart_the_book_is_read_before_the_queue_is_drained",
    47: RESTARTS + "test_a_worker_asked_to_stop_finishes_what_it_sends_and_claims_no_more",
    48: RESTARTS + "test_a_restored_backup_sends_nothing_that_the_broker_has",
}


def test_every_fault_of_the_list_has_its_test() -> None:
    assert set(WHERE) == {*range(1, 40), 44, 46, 47, 48}
    for number, place in WHERE.items():
        path, _, name = place.partition("::")
        source = (TESTS / path).read_text()
        assert re.search(rf"^def {name}\(", source, re.MULTILINE), f"fault {number}: no {place}"


def test_a_refused_connection_is_tried_again_within_the_time_to_live(rig: Rig) -> None:
    rig.book_reads(1)
    rig.simulator.refuse_connections(1.0)
    order = rig.order()
    short = rig.waiting_order(auto=True, expires_at=clock.now() + timedelta(seconds=0.5))
    rig.until(short, "EXPIRED")
    rig.until(order, "EXECUTED")
    outcomes = list(order.attempts.order_by("number").values_list("outcome", flat=True))
    assert outcomes[0] == "NOT_SENT" and outcomes[-1] == "SENT"
    assert (len(rig.posts(order)), len(rig.posts(short))) == (1, 0)
    check_invariants(rig)


def test_what_waits_for_another_try_meets_the_risk_rules_again(rig: Rig) -> None:
    rig.book_reads(1)
    rig.simulator.refuse_connections(3)  # longer than a busy machine takes to claim
    order = rig.order()
    rig.wait(lambda: order.attempts.filter(outcome="NOT_SENT").exists(), "it could not be sent")
    limits = RiskSettings.objects.filter(scope=RiskScope.GLOBAL)
    limits.update(max_quantity_per_order=1, clamp_mode=ClampMode.REJECT)
    try:
        assert "max_quantity_per_order" in rig.until(order, "REJECTED_RISK").error_message
    finally:
        limits.update(max_quantity_per_order=None, clamp_mode=ClampMode.CLAMP)
    assert rig.posts(order) == []
    check_invariants(rig)


def test_a_kept_connection_that_died_is_not_used_and_nothing_is_sent_twice(rig: Rig) -> None:
    rig.until(rig.order(), "EXECUTED")
    rig.simulator.refuse_connections(0.01)  # hangs up on every connection that was kept
    rig.book_reads(2)
    order = rig.until(rig.order(), "EXECUTED")
    assert (order.attempts.count(), len(rig.posts(order))) == (1, 1)
    check_invariants(rig)


def test_too_many_requests_wait_and_go_on(rig: Rig) -> None:
    rig.faults.script("place", f.rate_limited())
    order = rig.until(rig.order(), "EXECUTED")
    tags = [entry.form["tag"] for entry in rig.posts(order)]
    assert len(tags) == len(set(tags)) == 2
    check_invariants(rig)


def test_a_broker_that_refuses_for_a_while_is_not_stormed(rig: Rig) -> None:
    rig.faults.script("place", f.rate_limited(1.5))
    orders = [rig.order() for _ in range(3)]
    for order in orders:
        rig.until(order, "EXECUTED")
    assert sum(len(rig.posts(order)) for order in orders) <= 12
    check_invariants(rig)


def test_a_session_that_ends_in_a_batch_sets_the_rest_aside_without_a_storm(rig: Rig) -> None:
    rig.until(rig.order(auto=True), "EXECUTED")
    rig.pause()
    rig.simulator.expire_sessions()
    before = len(rig.simulator.journal.entries())
    orders = [rig.order(auto=number % 2 == 0) for number in range(6)]
    rig.go_on()
    for order in orders:
        now = rig.until(order, "WAITING")
        assert now.set_aside_reason
        assert rig.at_broker(order) == []
    rig.connection.refresh_from_db()
    assert rig.connection.token_expires_at <= clock.now()
    assert len(rig.simulator.journal.entries()) - before <= len(orders) + 4
    check_invariants(rig)
    rig.log_in()
    again = queue.execute(rig.fresh(orders[0]), actor="test")
    rig.until(again, "EXECUTED")
    check_invariants(rig)


def test_a_token_that_one_order_is_refused_for_ends_the_session(rig: Rig) -> None:
    rig.faults.script("place", f.token_exception())
    order = rig.until(rig.order(), "WAITING")
    assert "access_token" in order.set_aside_reason
    assert rig.at_broker(order) == []
    check_invariants(rig)


def test_a_refused_address_halts_the_account_and_says_what_to_do(rig: Rig) -> None:
    rig.faults.always("place", f.permission_ip())
    first = rig.order()
    assert "IP" in rig.until(first, "WAITING").set_aside_reason
    rig.wait(rig.halt_reason, "the account is halted")
    assert "developers.kite.trade" in rig.halt_reason()
    second = rig.order(auto=True)
    rig.until(second, "WAITING")
    assert rig.posts(second) == []
    check_invariants(rig)


@pytest.mark.parametrize(
    ("knob", "words"),
    [("margin_reject", "Insufficient funds"), ("freeze_reject", "maximum quantity")],
)
def test_a_refusal_in_the_answer_is_failed_with_the_brokers_words(
    rig: Rig, knob: str, words: str
) -> None:
    setattr(rig.exchange.behaviour, knob, True)
    order = rig.until(rig.order(), "FAILED")
    assert words in order.error_message
    assert rig.at_broker(order) == []
    check_invariants(rig)


def test_a_refusal_after_the_order_id_is_rejected_with_the_brokers_words(rig: Rig) -> None:
    rig.exchange.behaviour.reject_async = "RMS:Margin Exceeds,Required:95417.84"
    order = rig.until(rig.order(), "REJECTED")
    assert "RMS:Margin Exceeds" in order.error_message
    check_invariants(rig)


def test_a_slow_account_holds_no_other(rig: Rig) -> None:
    rig.faults.always("place", f.slow(0.8 * TIMEOUT))
    slow = [rig.order(auto=True) for _ in range(9)]
    quick = make_order(Status.QUEUED, connection=ensure_paper_account(), symbol="NSE:PAPERED")
    done = rig.until(quick, "EXECUTED")
    ended = [rig.until(order, "EXECUTED").finished_at for order in slow]
    assert done.finished_at < max(ended)
    check_invariants(rig)


def test_of_many_presses_at_once_one_wins(rig: Rig) -> None:
    order = rig.waiting_order()

    def press(_: int) -> str:
        try:
            queue.execute(Order.objects.get(pk=order.pk), actor="test")
            return "done"
        except Conflict as conflict:
            return str(conflict.code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(press, range(8)))
    assert answers.count("done") == 1
    rig.until(order, "EXECUTED")
    assert len(rig.posts(order)) == 1
    check_invariants(rig)


def test_a_halt_beats_an_order_that_was_approved(rig: Rig) -> None:
    rig.pause()
    order = rig.order()
    rig.halt()
    rig.go_on()
    assert "halted" in rig.until(order, "WAITING").set_aside_reason.lower()
    assert rig.posts(order) == []
    check_invariants(rig)


def test_a_halt_beats_an_order_that_was_claimed_and_not_yet_sent(rig: Rig) -> None:
    symbol = rig.new_symbol()
    rig.until(rig.order(symbol), "EXECUTED")
    rig.faults.always("positions", f.slow(0.7 * TIMEOUT))  # an exit reads them before it is sent
    leaving = rig.order(symbol, side=Side.SELL, reduce_only=True)
    rig.until(leaving, "SENDING")
    rig.halt()
    assert "halted" in rig.until(leaving, "WAITING").set_aside_reason.lower()
    assert rig.posts(leaving) == []
    check_invariants(rig)


def test_a_cancel_beats_an_order_that_was_claimed_and_not_yet_sent(rig: Rig) -> None:
    symbol = rig.new_symbol()
    rig.until(rig.order(symbol), "EXECUTED")
    rig.faults.always("positions", f.slow(0.7 * TIMEOUT))
    leaving = rig.order(symbol, side=Side.SELL, reduce_only=True)
    rig.until(leaving, "SENDING")
    rig.cancel(leaving)
    rig.until(leaving, "CANCELLED")
    assert rig.posts(leaving) == []
    check_invariants(rig)


def test_a_limit_of_risk_that_came_after_the_press_still_counts(rig: Rig) -> None:
    rig.pause()
    order = rig.order()
    limits = RiskSettings.objects.filter(scope=RiskScope.GLOBAL)
    limits.update(max_quantity_per_order=1, clamp_mode=ClampMode.REJECT)
    rig.go_on()
    try:
        rig.until(order, "REJECTED_RISK")
    finally:
        limits.update(max_quantity_per_order=None, clamp_mode=ClampMode.CLAMP)
    assert rig.posts(order) == []
    check_invariants(rig)
