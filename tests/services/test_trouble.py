"""Rare moments in which an order could be sent twice, get lost, or lose a person's wish."""

import dataclasses
from datetime import timedelta
from decimal import Decimal

import pytest

from brokers.accounts import ensure_paper_account
from brokers.errors import OutcomeUnknown, Refused, SessionExpired
from brokers.models import BrokerConnection, PaperAccount, PaperOrder
from brokers.port import BrokerStatus
from brokers.prices import record_price
from brokers.registry import broker_for
from risk import policy, settings_service
from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import StrategyFactory, make_order
from tests.support.faulty import FaultyBroker, Road
from trading.domain.order import Status
from trading.models import Order, Position
from trading.services import halting, lifecycle, queue, reconcile, recovery, updates
from trading.services.claim import claim_next
from trading.services.dispatch import send
from trading.services.errors import Conflict, InvalidChange, NotExecutable
from trading.services.worker import Worker

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

ME = "here:1:1"


def run_one() -> Order:
    claim = claim_next(ME)
    assert claim is not None
    send(claim)
    return Order.objects.get(pk=claim.order.pk)


def now_of(order: Order) -> Order:
    return Order.objects.get(pk=order.pk)


def resting(**fields) -> Order:  # type: ignore[no-untyped-def]
    make_order(Status.QUEUED, order_type="LIMIT", price=Decimal(1400), **fields)
    order = run_one()
    assert order.status == "SENT"
    return order


def given_up(road: Road) -> Order:
    """FAILED by a person's word, while the broker has it."""
    make_order(Status.QUEUED)
    road.after.append(OutcomeUnknown("read timeout"))
    order = run_one()
    return queue.resolve(
        queue.get(order.pk),
        outcome="NOT_PLACED",
        broker_order_id="",
        reason="not in the app",
        actor="asha",
    )


def test_an_order_that_was_given_up_and_is_there_is_found_and_stops_the_account(
    road: Road,
) -> None:
    order = given_up(road)
    Worker()._reconcile()
    assert now_of(order).status == "EXECUTED"
    assert Position.objects.get().qty == 10
    assert policy.is_halted(order.connection_id, None)
    state = policy.states_for(order.connection_id, None)[0]
    assert f"Order {order.pk}" in state.reason


def test_an_answer_that_comes_after_the_lease_is_taken_over_at_once(
    road: Road, time_machine
) -> None:  # type: ignore[no-untyped-def]
    start = clock.now().replace(hour=5, minute=0)
    time_machine.move_to(start)
    order = make_order(Status.QUEUED)

    def sleep_too_long() -> None:
        for seconds in (30, 70, 110, 170):
            time_machine.move_to(start + timedelta(seconds=seconds))
            recovery.recover_lost_leases()
            reconcile.reconcile_account(ensure_paper_account())
        assert now_of(order).status == "FAILED"

    road.on_the_wire.append(sleep_too_long)
    assert run_one().status == "EXECUTED"
    assert policy.is_halted(order.connection_id, None)


def test_an_order_whose_lease_is_lost_while_the_connection_is_made_stays_here(
    road: Road, time_machine
) -> None:  # type: ignore[no-untyped-def]
    start = clock.now().replace(hour=5, minute=0)
    time_machine.move_to(start)
    order = make_order(Status.QUEUED)

    def connect_too_long() -> None:
        time_machine.move_to(start + timedelta(seconds=30))
        recovery.recover_lost_leases()

    road.before.append(connect_too_long)
    assert run_one().status == "UNKNOWN"  # whoever took the lease over settles it
    assert not PaperOrder.objects.exists()
    assert now_of(order).attempts.count() == 1


def test_a_retry_is_not_sent_once_its_original_lives(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = given_up(road)
    again = queue.retry(queue.get(original.pk), actor="asha")
    queue.execute(queue.get(again.pk), actor="asha")
    assert run_one().status == "WAITING"
    halting.set_state("ACTIVE", "ACCOUNT", "I looked", "asha", connection_id=again.connection_id)
    # The next day's book knows nothing of yesterday's tags.
    monkeypatch.setattr(FaultyBroker, "find_by_tags", lambda self, tags: [])
    queue.execute(queue.get(again.pk), actor="asha")
    back = run_one()
    assert (back.status, PaperOrder.objects.count()) == ("WAITING", 1)
    assert f"Order {original.pk} is EXECUTED" in back.set_aside_reason


def test_a_retry_of_a_retry_asks_for_the_first_one_too(road: Road) -> None:
    first = given_up(road)
    second = queue.retry(queue.get(first.pk), actor="asha")
    second = lifecycle.transition(queue.get(second.pk), Status.QUEUED, actor="test")
    lifecycle.transition(second, Status.FAILED, actor="test")
    third = queue.retry(queue.get(second.pk), actor="asha")
    queue.execute(queue.get(third.pk), actor="asha")
    assert run_one().status == "WAITING"
    assert PaperOrder.objects.count() == 1
    assert now_of(first).status == "EXECUTED"


def test_a_cancelled_retry_is_not_restored_beside_another(road: Road) -> None:
    make_order(Status.QUEUED)
    road.before.append(Refused("no"))
    original = run_one()
    one = queue.retry(queue.get(original.pk), actor="asha")
    queue.cancel(queue.get(one.pk), actor="asha")
    other = queue.retry(queue.get(original.pk), actor="asha")
    with pytest.raises(Conflict, match=str(other.pk)):
        queue.restore(queue.get(one.pk), actor="asha")


def test_a_halt_during_the_book_read_before_a_retry_holds_it(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_order(Status.QUEUED)
    road.before.append(OutcomeUnknown("read timeout"))
    original = run_one()
    queue.resolve(
        queue.get(original.pk),
        outcome="NOT_PLACED",
        broker_order_id="",
        reason="not in the app",
        actor="asha",
    )
    again = queue.retry(queue.get(original.pk), actor="asha")
    queue.execute(queue.get(again.pk), actor="asha")

    def slow(self: FaultyBroker, tags: object) -> list[object]:
        halting.set_state("HALTED", "EVERYTHING", "stop", "asha")
        return []

    monkeypatch.setattr(FaultyBroker, "find_by_tags", slow)
    assert run_one().status == "WAITING"
    assert PaperOrder.objects.count() == 0


def test_a_switched_off_account_is_still_followed(road: Road) -> None:
    order = resting()
    BrokerConnection.objects.update(enabled=False)
    queue.cancel(queue.get(order.pk), actor="asha")
    Worker()._reconcile()
    assert now_of(order).status == "CANCELLED"


def test_an_unknown_order_sets_auto_aside_and_lets_a_persons_exit_pass(road: Road) -> None:
    make_order(Status.QUEUED, qty=5)
    run_one()
    make_order(Status.QUEUED)
    road.before.append(OutcomeUnknown("read timeout"))
    run_one()
    auto = make_order(Status.QUEUED, mode="AUTO", strategy=StrategyFactory(execution_mode="AUTO"))
    leave = make_order(Status.QUEUED, side="SELL", qty=5, reduce_only=True)
    done = run_one()
    assert (done.pk, done.status) == (leave.pk, "EXECUTED")
    assert now_of(auto).status == "WAITING"
    assert "unknown outcome" in now_of(auto).set_aside_reason


def test_a_queued_order_past_its_time_expires_even_when_nobody_claims_it() -> None:
    order = make_order(
        Status.QUEUED,
        expires_at=clock.now() - timedelta(seconds=1),
        not_before=clock.now() + timedelta(hours=1),
    )
    Worker()._keep_house()
    assert now_of(order).status == "EXPIRED"


def test_a_temporary_limit_ends_while_the_worker_keeps_house(time_machine) -> None:
    row = RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=1)
    settings_service.change_settings(
        row,
        {"max_quantity_per_order": 9},
        actor="asha",
        until=clock.now() + timedelta(hours=1),
    )
    Worker()._keep_house()
    row.refresh_from_db()
    assert row.max_quantity_per_order == 9
    time_machine.move_to(clock.now() + timedelta(hours=2), tick=False)
    Worker()._keep_house()
    row.refresh_from_db()
    assert (row.max_quantity_per_order, row.reverts_at) == (1, None)


def test_a_modification_passes_risk_and_halt(road: Road) -> None:
    order = resting()
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=10, clamp_mode="REJECT")
    with pytest.raises(InvalidChange) as caught:
        queue.modify(queue.get(order.pk), {"qty": 500}, actor="asha")
    assert "max_quantity_per_order" in str(caught.value.errors["qty"])
    queue.modify(queue.get(order.pk), {"price": Decimal(1390)}, actor="asha")
    halting.set_state("HALTED", "EVERYTHING", "stop", "asha")
    reconcile.reconcile_account(order.connection)
    assert now_of(order).price == Decimal(1400)
    with pytest.raises((NotExecutable, Conflict)):
        queue.modify(queue.get(order.pk), {"price": Decimal(1395)}, actor="asha")
    halting.set_state("ACTIVE", "EVERYTHING", "it is over", "asha")
    reconcile.reconcile_account(order.connection)
    assert now_of(order).price == Decimal(1390)


def test_a_cancel_asked_before_is_sent_when_a_person_says_placed(road: Road) -> None:
    make_order(Status.QUEUED, order_type="LIMIT", price=Decimal(1400))
    road.after.append(OutcomeUnknown("read timeout"))
    order = run_one()
    queue.cancel(queue.get(order.pk), actor="asha")
    queue.resolve(
        queue.get(order.pk),
        outcome="PLACED",
        broker_order_id=PaperOrder.objects.get().order_id or "",
        reason="seen in the app",
        actor="asha",
    )
    reconcile.reconcile_account(order.connection)
    assert now_of(order).status == "CANCELLED"


def test_placed_with_another_orders_id_is_refused(road: Road) -> None:
    make_order(Status.QUEUED, symbol="NSE:TCS", tradingsymbol="TCS")
    other = run_one()
    make_order(Status.QUEUED)
    road.before.append(OutcomeUnknown("read timeout"))
    order = run_one()
    with pytest.raises(InvalidChange) as caught:
        queue.resolve(
            queue.get(order.pk),
            outcome="PLACED",
            broker_order_id=other.broker_order_id,
            reason="seen in the app",
            actor="asha",
        )
    assert str(other.pk) in caught.value.errors["broker_order_id"][0]


def test_a_report_of_another_instrument_books_nothing() -> None:
    order = resting()
    report = broker_for(order.connection).order(order.broker_order_id)
    assert report is not None
    alien = dataclasses.replace(report, tradingsymbol="TCS", status=BrokerStatus.COMPLETE)
    assert updates.apply(order.pk, alien).status == "SENT"


def test_a_cancel_during_a_call_that_meets_an_expired_session_is_a_cancel(road: Road) -> None:
    order = make_order(Status.QUEUED)

    def cancel_and_fail() -> None:
        queue.cancel(queue.get(order.pk), actor="asha")
        raise SessionExpired("log in again")

    road.before.append(cancel_and_fail)
    assert run_one().status == "CANCELLED"


def test_an_older_report_does_not_revive_a_cancelled_order() -> None:
    account = ensure_paper_account()
    PaperAccount.objects.filter(connection=account).update(fill_depth=3)
    make_order(Status.QUEUED)
    order = run_one()
    assert order.status == "PARTIALLY_EXECUTED"
    old = broker_for(account).order(order.broker_order_id)
    assert old is not None
    queue.cancel(queue.get(order.pk), actor="asha")
    reconcile.reconcile_account(account)
    assert updates.apply(order.pk, old).status == "CANCELLED"


def test_complete_without_its_trades_is_not_the_end() -> None:
    order = resting()
    report = broker_for(order.connection).order(order.broker_order_id)
    assert report is not None
    bare = dataclasses.replace(
        report, status=BrokerStatus.COMPLETE, raw_status="COMPLETE", filled_quantity=10
    )
    assert updates.apply(order.pk, bare).status == "SENT"


def test_a_rejection_of_the_rest_keeps_the_part_that_filled() -> None:
    account = ensure_paper_account()
    PaperAccount.objects.filter(connection=account).update(fill_depth=3)
    make_order(Status.QUEUED)
    order = run_one()
    report = broker_for(account).order(order.broker_order_id)
    assert report is not None
    refused = dataclasses.replace(
        report, status=BrokerStatus.REJECTED, raw_status="REJECTED", message="RMS: blocked"
    )
    done = updates.apply(order.pk, refused)
    assert (done.status, done.filled_qty, done.error_message) == ("CANCELLED", 3, "RMS: blocked")


def test_a_gtt_that_fires_while_it_is_withdrawn_is_cancelled_as_an_order() -> None:
    account = ensure_paper_account()
    make_order(
        Status.QUEUED,
        order_type="LIMIT",
        price=Decimal(1390),
        trigger_price=Decimal(1400),
        gtt=True,
    )
    order = run_one()
    assert order.broker_trigger_id
    record_price("NSE", "INFY", Decimal(1400), clock.now(), "broker")
    queue.cancel(queue.get(order.pk), actor="asha")
    for _ in range(2):
        reconcile.reconcile_account(account)
    assert now_of(order).status == "CANCELLED"
    assert PaperOrder.objects.get().status == "CANCELLED"


def test_the_kill_switch_cancels_although_fills_come_in_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = resting()
    real, raced = queue.cancel, []

    def racing(stale: Order, **named) -> queue.CancelResult:  # type: ignore[no-untyped-def]
        if not raced:
            raced.append(True)
            lifecycle.amend(now_of(order), {"average_price": Decimal(1400)}, actor="broker")
        return real(stale, **named)

    monkeypatch.setattr(halting.queue, "cancel", racing)
    change = halting.set_state("HALTED", "EVERYTHING", "stop", "asha", cancel_working=True)
    assert change.cancelled == [order.pk]
    assert now_of(order).status == "CANCEL_PENDING"
