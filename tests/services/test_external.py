"""Orders of the account that SigmaTrader did not place: adopted once, counted, never ours."""

from dataclasses import replace
from decimal import Decimal

import pytest

from brokers.port import BrokerStatus, OrderReport
from brokers.simulator import faults
from tests.support import kite
from tests.support.desk import NEXT_OPEN, SYMBOL, Desk
from trading.domain.order import Status, replay
from trading.domain.values import OrderType, Product, Side, Variety
from trading.models import Order, Position
from trading.services import external, lifecycle, queue, reconcile
from trading.services.book import Book
from trading.services.errors import Conflict

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def foreign() -> Order:
    return Order.objects.get(origin="EXTERNAL")


def fill_outside(desk: Desk, quantity: int = 5, **fields: object) -> str:
    return desk.outside(order_type="MARKET", price="0", quantity=quantity, **fields)


# -- what becomes of them -------------------------------------------------------------------------


def test_an_order_of_the_brokers_app_is_adopted_once(desk: Desk) -> None:
    number = desk.outside()
    for _ in range(3):
        desk.read_book()
    order = foreign()
    assert (order.broker_order_id, order.status, order.qty) == (number, "SENT", 5)
    assert (order.symbol, order.side, order.product) == ("NSE:INFY", "BUY", "MIS")
    assert (order.order_type, order.price) == ("LIMIT", Decimal(1450))
    assert (order.alert, order.risk, order.mode, order.simulated) == (None, None, "MANUAL", False)
    first = order.events.get()
    assert (first.from_status, first.actor) == (None, "broker")
    assert "outside SigmaTrader" in first.reason
    assert not desk.halt_reason()


def test_another_process_does_not_adopt_it_again(desk: Desk) -> None:
    desk.outside()
    desk.read_book()
    desk.memory = reconcile.Memory()
    desk.read_book()
    assert Order.objects.count() == 1


def test_its_fills_feed_our_positions(desk: Desk) -> None:
    fill_outside(desk)
    desk.read_book()
    assert (foreign().status, foreign().filled_qty) == ("EXECUTED", 5)
    assert Position.objects.get().qty == 5
    assert Position.objects.get().avg_price == Decimal(1500)


def test_it_is_followed_to_its_end(desk: Desk) -> None:
    number = desk.outside()
    desk.read_book()
    desk.price("1450")
    desk.read_book()
    assert foreign().status == "EXECUTED"
    assert foreign().broker_order_id == number


@pytest.mark.parametrize("how", ["CANCELLED", "REJECTED"])
def test_one_that_has_ended_unfilled_is_adopted_as_ended(desk: Desk, how: str) -> None:
    number = desk.outside()
    if how == "CANCELLED":
        desk.kite().cancel_order("regular", number)
    else:
        desk.exchange.matcher.withdraw(desk.exchange.order_of(number), desk.exchange.at)
        row = desk.exchange.order_of(number).history[-1]
        row["status"], row["status_message"] = "REJECTED", "RMS: margin"
    desk.read_book()
    order = foreign()
    assert order.status == how
    assert order.finished_at is not None
    assert order.error_message == ("RMS: margin" if how == "REJECTED" else "")


def test_its_log_replays_to_its_row(desk: Desk) -> None:
    fill_outside(desk)
    desk.read_book()
    order = foreign()
    row = replay(lifecycle.event_log(order))
    assert (row["status"], row["version"]) == (order.status, order.version)
    assert (row["filled_qty"], row["broker_order_id"]) == (5, order.broker_order_id)


def test_a_square_off_by_the_broker_is_adopted(desk: Desk) -> None:
    fill_outside(desk)
    desk.exchange.square_off()
    desk.read_book()
    assert [order.side for order in Order.objects.order_by("pk")] == ["BUY", "SELL"]
    assert Position.objects.get().qty == 0


def test_risk_counts_what_works_outside(desk: Desk) -> None:
    fill_outside(desk, 10)
    desk.read_book()
    desk.read_account()
    leave = desk.order(side="SELL", qty=10, reduce_only=True)
    assert desk.decision(leave).final_qty == 10
    desk.outside(transaction_type="SELL", price="1550", quantity=4)
    desk.read_book()
    assert desk.decision(leave).final_qty == 6


def test_a_person_cancels_it_at_the_broker(desk: Desk) -> None:
    desk.outside()
    desk.read_book()
    assert queue.cancel(foreign(), actor="asha").pending
    desk.round()
    assert foreign().status == "CANCELLED"
    assert desk.at_broker()[0]["status"] == "CANCELLED"


def test_it_is_never_tried_again(desk: Desk) -> None:
    number = desk.outside()
    desk.kite().cancel_order("regular", number)
    desk.read_book()
    with pytest.raises(Conflict):
        queue.retry(foreign(), actor="asha")
    with pytest.raises(Conflict):
        queue.restore(foreign(), actor="asha")
    assert desk.send_next() is None


def test_one_of_yesterday_ends_with_its_day(desk: Desk) -> None:
    desk.outside()
    desk.read_book()
    desk.move_to(NEXT_OPEN)
    desk.log_in()
    assert foreign().status == "EXPIRED"


def test_a_cancel_in_the_brokers_app_of_an_order_of_ours_is_a_fact(desk: Desk) -> None:
    order = desk.sent(desk.limit())
    desk.kite().cancel_order("regular", order.broker_order_id)
    desk.read_book()
    assert desk.status(order) == "CANCELLED"
    assert Order.objects.count() == 1


def test_a_change_in_the_brokers_app_of_an_order_of_ours_is_a_fact(desk: Desk) -> None:
    order = desk.sent(desk.limit("1450"))
    desk.kite().modify_order(
        "regular", order.broker_order_id, quantity=7, price=1440, order_type="LIMIT"
    )
    desk.read_book()
    order = desk.fresh(order)
    assert (order.qty, order.price, order.status) == (7, Decimal(1440), "SENT")


# -- what is ours is never taken for a foreign one ------------------------------------------------


def test_an_order_whose_sender_still_waits_for_the_answer_is_ours(desk: Desk) -> None:
    """The book shows it before the answer is there."""
    order = desk.limit()
    claim = desk.claim()
    assert claim is not None
    placed = desk.place(claim)
    desk.read_book()
    assert Order.objects.count() == 1
    assert desk.status(order) == "SENDING"
    desk.settle(claim, placed)
    desk.read_book()
    assert desk.fresh(order).broker_order_id == placed.order_id
    assert Order.objects.count() == 1
    assert not desk.halt_reason()


@pytest.mark.parametrize("kind", ["UNKNOWN", "FAILED"])
def test_an_order_in_doubt_takes_its_own_before_anybody_adopts_it(desk: Desk, kind: str) -> None:
    desk.faults.script("place", faults.reset_after_accept())
    order = desk.limit()
    desk.send_next()
    if kind == "FAILED":
        order = desk.fresh(order)
        queue.resolve(
            order, outcome="NOT_PLACED", broker_order_id="", reason="I saw none", actor="asha"
        )
    desk.read_book()
    assert desk.status(order) == "SENT"
    assert Order.objects.count() == 1
    assert bool(desk.halt_reason()) is (kind == "FAILED")


def test_a_trigger_in_doubt_may_have_become_an_order_that_looks_like_it(desk: Desk) -> None:
    desk.faults.script("gtt_place", faults.refuse_status(502))
    order = desk.trigger("1400")
    desk.send_next()
    assert desk.status(order) == "UNKNOWN"
    desk.outside(quantity=10, product="CNC")
    desk.outside(quantity=9, product="CNC")
    desk.read_book()
    assert foreign().qty == 9  # of the other nobody knows yet whose it is
    queue.resolve(
        desk.fresh(order),
        outcome="NOT_PLACED",
        broker_order_id="",
        reason="there is none",
        actor="asha",
    )
    desk.read_book()
    assert sorted(Order.objects.filter(origin="EXTERNAL").values_list("qty", flat=True)) == [9, 10]


def report(**fields: object) -> OrderReport:
    """An order of a book, as the port tells of it."""
    values = {
        "order_id": "900",
        "trigger_id": None,
        "tag": "",
        "status": BrokerStatus.OPEN,
        "raw_status": "OPEN",
        "exchange": "NSE",
        "tradingsymbol": SYMBOL,
        "side": Side.BUY,
        "product": Product.CNC,
        "order_type": OrderType.LIMIT,
        "variety": Variety.REGULAR,
        "quantity": 10,
        "filled_quantity": 0,
        "average_price": None,
        "price": Decimal(1400),
        "trigger_price": None,
        "message": "",
        "placed_at": None,
        "updated_at": None,
    } | fields
    return OrderReport(**values)


def test_a_trigger_that_has_fired_and_does_not_say_as_what_yet_keeps_its_order(
    desk: Desk,
) -> None:
    """The order is in the book before the trigger names it."""
    order = desk.sent(desk.trigger("1400"))
    fired = report(
        order_id=None,
        trigger_id=order.broker_trigger_id,
        status=BrokerStatus.UNKNOWN,
        raw_status="triggered",
        variety=Variety.GTT,
        trigger_price=Decimal(1400),
    )
    desk.take_in(Book((fired, report()), desk.now))
    desk.take_in(Book((replace(report(), trigger_id=order.broker_trigger_id),), desk.now))
    assert desk.fresh(order).broker_order_id == "900"
    assert Order.objects.count() == 1


def test_the_answer_that_is_saved_during_the_look_makes_no_second_row(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two questions of the look: whose ids are these, and whose tags."""
    order = desk.limit()
    claim = desk.claim()
    assert claim is not None
    placed = desk.place(claim)
    wearers = external._wearers

    def saved_meanwhile(*args: object) -> object:
        desk.settle(claim, placed)
        return wearers(*args)

    monkeypatch.setattr(external, "_wearers", saved_meanwhile)
    assert external.adopt_foreign(desk.connection, reconcile.read(desk.broker), set()) == 0
    assert Order.objects.count() == 1
    assert desk.fresh(order).broker_order_id == placed.order_id
    assert not desk.halt_reason()


def test_a_trigger_that_counts_as_ended_here_and_fires_all_the_same_is_not_lost(
    desk: Desk,
) -> None:
    order = desk.sent(desk.trigger("1400"))
    lifecycle.walk(order, Status.EXPIRED, actor="broker")
    desk.price("1400")
    desk.read_book()
    assert foreign().status == "EXECUTED"
    assert foreign().broker_trigger_id == order.broker_trigger_id
    assert Position.objects.get().qty == 10


# -- tags -----------------------------------------------------------------------------------------


def test_a_tag_of_our_form_that_nobody_here_knows_halts_the_account(desk: Desk) -> None:
    desk.kite().place_order(
        **kite.an_order(order_type="LIMIT", price=1450, tag="S0123456789ABCDEFG")
    )
    desk.read_book()
    assert foreign().status == "SENT"
    assert "S0123456789ABCDEFG" in desk.halt_reason()
    assert desk.order() and desk.send_next() is None


@pytest.mark.parametrize("tag", ["", "s0123456789abcdefg", "mybot1", "S0123456789ABCDEF"])
def test_a_tag_of_another_form_is_just_somebody_elses(desk: Desk, tag: str) -> None:
    desk.kite().place_order(**kite.an_order(order_type="LIMIT", price=1450, tag=tag))
    desk.read_book()
    assert foreign().status == "SENT"
    assert not desk.halt_reason()


def test_the_alarm_sounds_once(desk: Desk) -> None:
    desk.kite().place_order(
        **kite.an_order(order_type="LIMIT", price=1450, tag="S0123456789ABCDEFG")
    )
    desk.read_book()
    desk.resume()
    desk.read_book()
    desk.memory = reconcile.Memory()
    desk.read_book()
    assert not desk.halt_reason()


def test_a_second_copy_of_an_order_of_ours_has_a_row_and_halts_the_account(desk: Desk) -> None:
    desk.faults.script("place", faults.duplicate_order())
    order = desk.sent(desk.limit())
    desk.read_book()
    copy = foreign()
    ids = {row["order_id"] for row in desk.at_broker()}
    assert {order.broker_order_id, copy.broker_order_id} == ids
    assert f"Order {order.pk} stands at the broker a second time" in desk.halt_reason()


def test_an_order_with_more_than_one_tag_is_found_by_ours(desk: Desk) -> None:
    """Kite adds tags of its own; ours need not be the first."""
    order = desk.limit()
    desk.faults.script("place", faults.refuse_status(500))
    desk.send_next()
    queue.resolve(
        desk.fresh(order),
        outcome="NOT_PLACED",
        broker_order_id="",
        reason="I saw none",
        actor="asha",
    )
    worn = report(
        product=Product.MIS,
        price=Decimal(1450),
        tag="autoslice",
        tags=("autoslice", order.client_order_id),
    )
    desk.take_in(Book((worn,), desk.now))
    assert desk.fresh(order).broker_order_id == "900"
    assert Order.objects.count() == 1
