from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError

from brokers.accounts import ensure_paper_account
from brokers.errors import (
    NotSent,
    OutcomeUnknown,
    PermissionRefused,
    RateLimited,
    Refused,
    SessionExpired,
)
from brokers.models import PaperOrder
from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, StrategyFactory, make_order
from tests.support.faulty import Road
from trading.domain.order import Status
from trading.models import Order, OrderAttempt, Position
from trading.services import halting, limiter, queue, reconcile, recovery
from trading.services.attempts import tag_for
from trading.services.claim import claim_next
from trading.services.dispatch import send

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

ME = "here:1:1"


def run_one() -> Order:
    claim = claim_next(ME)
    assert claim is not None
    send(claim)
    return Order.objects.get(pk=claim.order.pk)


def trail(order: Order) -> list[str]:
    return list(order.events.order_by("sequence").values_list("to_status", flat=True))


def test_a_queued_paper_order_is_sent_and_fills() -> None:
    order = make_order(Status.QUEUED)
    done = run_one()
    assert trail(done) == ["QUEUED", "SENDING", "SENT", "EXECUTED"]
    assert (done.filled_qty, done.average_price) == (10, Decimal("1500"))
    assert done.risk is not None and done.risk["outcome"] == "PASS"
    attempt = done.attempts.get()
    assert (attempt.tag, attempt.outcome) == (order.client_order_id, "SENT")
    assert attempt.closed_at is not None
    assert Position.objects.get().qty == 10


def test_an_idle_worker_claims_nothing() -> None:
    make_order(Status.WAITING)
    assert claim_next(ME) is None


def test_orders_of_one_instrument_go_one_after_the_other() -> None:
    first = make_order(Status.QUEUED)
    make_order(Status.QUEUED, side="SELL")
    other = make_order(Status.QUEUED, symbol="NSE:TCS", tradingsymbol="TCS")
    one = claim_next(ME)
    two = claim_next(ME)
    assert one is not None and one.order.pk == first.pk
    assert two is not None and two.order.pk == other.pk
    assert claim_next(ME) is None
    send(one)
    assert claim_next(ME) is not None


def test_a_full_account_is_passed_over() -> None:
    order = make_order(Status.QUEUED)
    assert claim_next(ME, {order.connection_id}) is None
    assert claim_next(ME) is not None


def test_risk_denies_inside_the_claim_with_every_reason() -> None:
    RiskSettings.objects.create(
        scope="GLOBAL",
        max_quantity_per_order=5,
        allow_short_selling=False,
        clamp_mode="REJECT",
    )
    order = make_order(Status.QUEUED, side="SELL")
    assert claim_next(ME) is None
    order.refresh_from_db()
    assert order.status == "REJECTED_RISK"
    assert "Short selling is disabled in GLOBAL" in order.error_message
    assert "max_quantity_per_order" in order.error_message
    assert PaperOrder.objects.count() == 0


def test_a_clamp_is_sent_and_its_note_survives_success() -> None:
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=100, clamp_mode="CLAMP")
    make_order(Status.QUEUED, qty=150)
    done = run_one()
    assert (done.status, done.qty, done.requested_qty, done.filled_qty) == (
        "EXECUTED",
        100,
        150,
        100,
    )
    assert done.risk is not None
    assert done.risk["notes"] == [
        "Quantity clamped from 150 to 100 due to max_quantity_per_order=100 in GLOBAL."
    ]
    assert done.error_message == ""


def test_a_halt_sets_queued_orders_aside() -> None:
    order = make_order(Status.QUEUED)
    halting.set_state("HALTED", "EVERYTHING", "lunch", "asha")
    order.refresh_from_db()
    assert (order.status, order.mode) == ("WAITING", "MANUAL")
    assert "lunch" in order.set_aside_reason


def test_a_halt_beats_an_order_that_is_already_claimed(road: Road) -> None:
    make_order(Status.QUEUED)
    claim = claim_next(ME)
    assert claim is not None
    halting.set_state("HALTED", "EVERYTHING", "stop", "asha")
    send(claim)
    order = Order.objects.get()
    assert order.status == "WAITING"
    assert trail(order) == ["QUEUED", "SENDING", "QUEUED", "WAITING"]
    assert road.calls == []
    assert order.attempts.get().outcome == "NOT_SENT"


def test_a_cancel_asked_while_sending_stops_it_before_the_call(road: Road) -> None:
    make_order(Status.QUEUED)
    claim = claim_next(ME)
    assert claim is not None
    result = queue.cancel(queue.get(claim.order.pk), actor="asha")
    assert result.pending
    send(claim)
    assert Order.objects.get().status == "CANCELLED"
    assert road.calls == []


def test_a_cancel_asked_during_the_call_is_passed_on(road: Road) -> None:
    order = make_order(
        Status.QUEUED, order_type="LIMIT", price=Decimal("1400"), reference_price=Decimal("1500")
    )
    road.after.append(lambda: queue.cancel(queue.get(order.pk), actor="asha") and None)
    sent = run_one()
    assert sent.status == "CANCEL_PENDING"
    reconcile.reconcile_account(sent.connection)
    assert Order.objects.get().status == "CANCELLED"


def test_a_refusal_is_failed_with_the_brokers_words(road: Road) -> None:
    make_order(Status.QUEUED)
    road.before.append(Refused("Insufficient funds."))
    done = run_one()
    assert (done.status, done.error_message) == ("FAILED", "Insufficient funds.")
    assert done.attempts.get().outcome == "REFUSED"


@pytest.mark.parametrize("error", [NotSent("connection refused"), RateLimited("429")])
def test_what_provably_never_left_is_queued_again_with_a_new_tag(
    road: Road, error: NotSent
) -> None:
    order = make_order(Status.QUEUED)
    road.before.append(error)
    back = run_one()
    assert back.status == "QUEUED"
    assert back.not_before is not None and back.not_before > clock.now()
    assert claim_next(ME) is None
    Order.objects.update(not_before=clock.now())
    done = run_one()
    assert done.status == "EXECUTED"
    assert [call.tag for call in road.calls] == [
        order.client_order_id,
        tag_for(order.client_order_id, 2),
    ]
    assert PaperOrder.objects.count() == 1


@pytest.mark.parametrize(
    "error", [SessionExpired("log in again"), PermissionRefused("IP not allowed")]
)
def test_an_account_that_cannot_trade_gives_the_order_to_a_person(road: Road, error) -> None:  # type: ignore[no-untyped-def]
    make_order(Status.QUEUED)
    road.before.append(error)
    back = run_one()
    assert (back.status, back.set_aside_reason) == ("WAITING", error.message)


def test_a_timeout_after_acceptance_is_adopted_and_never_sent_again(road: Road) -> None:
    make_order(Status.QUEUED)
    road.after.append(OutcomeUnknown("read timeout"))
    unknown = run_one()
    assert unknown.status == "UNKNOWN"
    assert claim_next(ME) is None
    reconcile.reconcile_account(unknown.connection)
    done = Order.objects.get()
    assert (done.status, done.filled_qty) == ("EXECUTED", 10)
    assert done.attempts.get().outcome == "SENT"
    assert PaperOrder.objects.count() == 1


def test_a_bug_in_the_call_is_unknown_and_not_failed(road: Road) -> None:
    make_order(Status.QUEUED)

    def break_down() -> None:
        raise KeyError("data")

    road.after.append(break_down)
    assert run_one().status == "UNKNOWN"


def test_absence_counts_only_after_several_reads_over_the_grace(road: Road, time_machine) -> None:  # type: ignore[no-untyped-def]
    start = clock.now().replace(hour=5, minute=0)
    time_machine.move_to(start)
    make_order(Status.QUEUED)
    road.before.append(OutcomeUnknown("read timeout"))
    order = run_one()
    for seconds in (30, 60, 90):
        time_machine.move_to(start + timedelta(seconds=seconds))
        reconcile.reconcile_account(order.connection)
        assert Order.objects.get().status == "UNKNOWN"
    road.book_errors.append(OutcomeUnknown("book not readable"))
    time_machine.move_to(start + timedelta(seconds=160))
    with pytest.raises(OutcomeUnknown):
        reconcile.reconcile_account(order.connection)
    assert Order.objects.get().status == "UNKNOWN"
    reconcile.reconcile_account(order.connection)
    done = Order.objects.get()
    assert done.status == "FAILED"
    assert "Not found at the broker" in done.error_message
    assert done.attempts.get().outcome == "NOT_PLACED"


def test_absence_in_a_new_days_book_proves_nothing(road: Road, time_machine) -> None:  # type: ignore[no-untyped-def]
    start = clock.now().replace(hour=5, minute=0)
    time_machine.move_to(start)
    make_order(Status.QUEUED)
    road.before.append(OutcomeUnknown("read timeout"))
    order = run_one()
    for hours in (24, 25, 26, 27):
        time_machine.move_to(start + timedelta(hours=hours))
        reconcile.reconcile_account(order.connection)
    assert Order.objects.get().status == "UNKNOWN"


def test_a_lost_lease_leaves_the_row_to_whoever_has_it(road: Road) -> None:
    make_order(Status.QUEUED)
    claim = claim_next(ME)
    assert claim is not None
    OrderAttempt.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    assert recovery.recover_lost_leases() == 1
    send(claim)
    assert road.calls == []
    assert Order.objects.get().status == "UNKNOWN"


def test_a_lease_of_a_living_worker_is_not_touched() -> None:
    make_order(Status.QUEUED)
    assert claim_next(recovery.this_worker_id()) is not None
    assert recovery.recover_lost_leases() == 0


def test_a_dead_workers_lease_is_lost_at_once() -> None:
    make_order(Status.QUEUED)
    mine = recovery.this_worker_id()
    host, pid, _ = mine.split(":")
    assert claim_next(f"{host}:{pid}:1") is not None
    assert recovery.recover_lost_leases() == 1


def test_an_answer_that_nobody_waits_for_any_more_is_adopted(road: Road) -> None:
    make_order(Status.QUEUED)

    def another_takes_over() -> None:
        OrderAttempt.objects.update(lease_until=clock.now() - timedelta(seconds=1))
        recovery.recover_lost_leases()

    road.after.append(another_takes_over)
    assert run_one().status == "EXECUTED"
    assert PaperOrder.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_result_that_cannot_be_saved_at_first_is_saved_later(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trading.services import dispatch, outcomes

    order = make_order(Status.QUEUED)
    failures = [OperationalError("database is locked"), OperationalError("disk I/O error")]
    close = outcomes.close_attempt

    def unwilling(*arguments, **named):  # type: ignore[no-untyped-def]
        if failures:
            raise failures.pop()
        close(*arguments, **named)

    monkeypatch.setattr(outcomes, "close_attempt", unwilling)
    monkeypatch.setattr(dispatch, "_SAVE_RETRY_SECONDS", 0.01)
    done = run_one()
    assert failures == []
    assert done.status == "EXECUTED"
    assert trail(done) == ["QUEUED", "SENDING", "SENT", "EXECUTED"]
    assert [call.tag for call in road.calls] == [order.client_order_id]


def test_a_live_order_past_its_time_expires_instead_of_being_sent(road: Road) -> None:
    make_order(
        Status.QUEUED,
        connection=BrokerConnectionFactory(),
        expires_at=clock.now() - timedelta(seconds=1),
    )
    assert claim_next(ME) is None
    assert Order.objects.get().status == "EXPIRED"
    assert road.calls == []


def test_the_accounts_rate_holds_orders_back_and_loses_none(time_machine) -> None:  # type: ignore[no-untyped-def]
    start = clock.now().replace(microsecond=0)
    time_machine.move_to(start, tick=False)
    account = ensure_paper_account()
    account.orders_per_second = 2
    account.save()
    for symbol in "ABC":
        make_order(Status.QUEUED, symbol=f"NSE:{symbol}", tradingsymbol=symbol)
    assert [claim_next(ME) is not None for _ in range(3)] == [True, True, False]
    # The broker's seconds are not ours: what was sent less than a second ago still counts.
    time_machine.move_to(start + timedelta(seconds=1), tick=False)
    assert claim_next(ME) is None
    time_machine.move_to(start + timedelta(seconds=1.5), tick=False)
    assert claim_next(ME) is not None


@pytest.mark.parametrize(
    ("period", "limit", "words"),
    [
        ("second", 1, "the account's own rate of 1 orders a second was used up"),
        ("minute", 2, "the account's own rate of 2 orders a minute was used up"),
    ],
)
@pytest.mark.parametrize("by_worker", [True, False])
def test_an_order_that_its_accounts_rate_held_up_says_so_when_it_expires(
    time_machine: Any, period: str, limit: int, words: str, by_worker: bool
) -> None:
    start = clock.now().replace(hour=6, minute=30, second=0, microsecond=0)
    time_machine.move_to(start, tick=False)
    account = ensure_paper_account()
    setattr(account, f"orders_per_{period}", limit)
    account.save()
    for _ in range(limit):
        assert limiter.take(account, start)
    order = make_order(Status.QUEUED, expires_at=start + timedelta(seconds=1))
    assert claim_next(ME) is None
    assert Order.objects.get().status == "QUEUED"
    time_machine.move_to(start + timedelta(seconds=4), tick=False)
    if by_worker:
        assert claim_next(ME) is None
    else:
        queue.expire(queue.get(order.pk))
    assert Order.objects.get().status == "EXPIRED"
    assert words in order.events.latest("sequence").reason


def test_an_order_that_expires_for_another_reason_does_not_blame_the_rate(
    time_machine: Any,
) -> None:
    start = clock.now().replace(microsecond=0)
    time_machine.move_to(start, tick=False)
    account = ensure_paper_account()
    account.orders_per_second = 2
    account.save()
    assert limiter.take(account, start)
    order = make_order(Status.QUEUED, expires_at=start)
    assert claim_next(ME) is None
    assert "rate" not in order.events.latest("sequence").reason


def test_a_retry_is_not_sent_when_the_first_one_is_at_the_broker_after_all(road: Road) -> None:
    make_order(Status.QUEUED)
    road.after.append(OutcomeUnknown("read timeout"))
    first = run_one()
    queue.resolve(
        queue.get(first.pk),
        outcome="NOT_PLACED",
        broker_order_id="",
        reason="not in the app",
        actor="asha",
    )
    again = queue.retry(queue.get(first.pk), actor="asha")
    assert (again.retry_of_id, again.status) == (first.pk, "WAITING")
    queue.execute(queue.get(again.pk), actor="asha")
    run_one()
    first.refresh_from_db()
    again.refresh_from_db()
    assert first.status == "EXECUTED"
    assert again.status == "WAITING"
    assert f"Order {first.pk} is at the broker after all" in again.set_aside_reason
    assert PaperOrder.objects.count() == 1


def test_a_disabled_auto_strategy_is_denied_at_send_time() -> None:
    strategy = StrategyFactory(execution_mode="AUTO")
    make_order(Status.QUEUED, strategy=strategy, mode="AUTO")
    strategy.enabled = False
    strategy.save()
    assert claim_next(ME) is None
    assert Order.objects.get().status in ("REJECTED_RISK", "WAITING")
    assert PaperOrder.objects.count() == 0
