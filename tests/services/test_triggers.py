"""GTT triggers of one leg: placed, found again, fired, withdrawn."""

from decimal import Decimal

import pytest

from tests.support.desk import NEXT_OPEN, SYMBOL, Desk
from tests.support.unclear import unclear
from trading.models import Order, Position, Trigger
from trading.services import queue

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def placed_by_hand(desk: Desk, price: str = "1400", quantity: int = 10) -> str:
    """A trigger that a person made in the broker's app."""
    kite = desk.kite()
    answer = kite.place_gtt(
        kite.GTT_TYPE_SINGLE,
        SYMBOL,
        "NSE",
        [float(price)],
        1500.0,
        [
            {
                "transaction_type": "BUY",
                "quantity": quantity,
                "order_type": "LIMIT",
                "product": "CNC",
                "price": float(price),
            }
        ],
    )
    return str(answer["trigger_id"])


# -- one leg --------------------------------------------------------------------------------------


def test_a_trigger_rests_as_sent_with_a_row_of_its_own(desk: Desk) -> None:
    order = desk.sent(desk.trigger("1400"))
    assert order.broker_trigger_id
    assert not order.broker_order_id
    desk.read_book()
    assert desk.status(order) == "SENT"
    row = Trigger.objects.get()
    assert (row.trigger_id, row.kind, row.status) == (order.broker_trigger_id, "SINGLE", "ACTIVE")
    assert row.expires_at is not None
    assert row.legs == [
        {
            "side": "BUY",
            "quantity": 10,
            "trigger_price": "1400",
            "price": "1400",
            "order_id": "",
        }
    ]
    assert desk.at_broker() == []


def test_a_trigger_does_not_end_with_the_day(desk: Desk) -> None:
    order = desk.sent(desk.trigger("1400"))
    desk.move_to(NEXT_OPEN)
    desk.log_in()
    assert desk.status(order) == "SENT"


def test_a_trigger_that_fires_becomes_its_order_and_nobody_elses(desk: Desk) -> None:
    order = desk.sent(desk.trigger("1400"))
    desk.price("1400")
    desk.read_book()
    order = desk.fresh(order)
    [theirs] = desk.at_broker()
    assert (order.status, order.broker_order_id) == ("EXECUTED", theirs["order_id"])
    assert Order.objects.count() == 1
    assert Position.objects.get().qty == 10
    assert Trigger.objects.get().status == "FIRED"
    assert Trigger.objects.get().legs[0]["order_id"] == theirs["order_id"]


def test_a_trigger_that_fires_into_an_open_order_is_followed_to_its_end(desk: Desk) -> None:
    order = desk.sent(desk.trigger("1390", trigger_price=Decimal(1400)))
    desk.price("1400")
    desk.read_book()
    order = desk.fresh(order)
    assert order.status == "SENT"
    assert order.broker_order_id
    desk.price("1390")
    desk.read_book()
    assert desk.status(order) == "EXECUTED"


@pytest.mark.parametrize("refusal", ["at once", "later"])
def test_a_trigger_that_fires_into_a_rejection_is_rejected_with_the_brokers_words(
    desk: Desk, refusal: str, caplog: pytest.LogCaptureFixture
) -> None:
    order = desk.sent(desk.trigger("1400"))
    if refusal == "at once":
        desk.behaviour.margin_reject = True
    else:
        desk.behaviour.reject_async = "RMS:Insufficient funds, the margin is short"
    desk.price("1400")
    desk.read_book()
    order = desk.fresh(order)
    assert order.status == "REJECTED"
    assert "Insufficient funds" in order.error_message
    assert Position.objects.count() == 0
    loud = [one for one in caplog.records if one.levelname in ("ERROR", "CRITICAL")]
    assert any(f"order {order.pk}" in one.getMessage() for one in loud)


@pytest.mark.parametrize(
    ("ending", "status"),
    [("cancelled", "CANCELLED"), ("disabled", "CANCELLED"), ("expired", "EXPIRED")],
)
def test_a_trigger_that_the_broker_ends_ends_its_order(
    desk: Desk, ending: str, status: str
) -> None:
    order = desk.sent(desk.trigger("1400"))
    desk.exchange.end_trigger(int(order.broker_trigger_id), ending)
    desk.read_book()
    assert desk.status(order) == status
    assert Trigger.objects.get().status == "ENDED"


def test_a_fired_order_that_the_book_is_slow_to_show_is_followed_all_the_same(
    desk: Desk,
) -> None:
    """Days after its trigger was placed: that it is in no book yet is no evidence of its end."""
    order = desk.sent(desk.trigger("1390", trigger_price=Decimal(1400)))
    desk.move_to(NEXT_OPEN)
    desk.log_in()
    desk.behaviour.book_lag = 3600
    desk.price("1400")
    for _ in range(3):
        desk.read_book()
    assert desk.status(order) == "SENT"
    desk.behaviour.book_lag = 0
    desk.price("1390")
    desk.read_book()
    assert desk.status(order) == "EXECUTED"


# -- an unclear answer: triggers wear no tag ------------------------------------------------------


def test_the_one_trigger_that_nobody_knows_is_taken_over(desk: Desk) -> None:
    order = unclear(desk, desk.trigger("1400"))
    desk.read_book()
    order = desk.fresh(order)
    [trigger] = desk.triggers()
    assert (order.status, order.broker_trigger_id) == ("SENT", str(trigger["id"]))
    assert order.attempts.get().outcome == "SENT"
    assert Trigger.objects.get().trigger_id == order.broker_trigger_id


def test_of_two_alike_none_is_taken_and_the_person_is_told_of_both(desk: Desk) -> None:
    order = unclear(desk, desk.trigger("1400"))
    other = placed_by_hand(desk)
    looked_at_often(desk)
    order = desk.fresh(order)
    assert (order.status, order.broker_trigger_id) == ("UNKNOWN", "")
    assert other in order.error_message
    assert "did not show" not in order.error_message


def test_a_trigger_of_another_order_of_ours_is_not_taken(desk: Desk) -> None:
    first = desk.sent(desk.trigger("1400"))
    second = unclear(desk, desk.trigger("1400"), placed=False)
    desk.read_book()
    assert desk.status(second) == "UNKNOWN"
    assert desk.status(first) == "SENT"


@pytest.mark.parametrize("differs", [{"price": "1401"}, {"quantity": 9}])
def test_a_trigger_with_other_terms_is_not_taken(desk: Desk, differs: dict) -> None:
    order = unclear(desk, desk.trigger("1400"), placed=False)
    placed_by_hand(desk, **differs)
    desk.read_book()
    assert desk.status(order) == "UNKNOWN"


def test_a_trigger_from_before_the_attempt_is_not_taken(desk: Desk) -> None:
    placed_by_hand(desk)
    desk.wait(60)
    order = unclear(desk, desk.trigger("1400"), placed=False)
    desk.read_book()
    assert desk.status(order) == "UNKNOWN"


def looked_at_often(desk: Desk) -> None:
    """Reads over more than the grace period."""
    for _ in range(8):
        desk.wait(25)
        desk.read_book()


def test_a_trigger_that_is_never_found_is_left_to_a_person(desk: Desk) -> None:
    order = unclear(desk, desk.trigger("1400"), placed=False)
    looked_at_often(desk)
    order = desk.fresh(order)
    assert order.status == "UNKNOWN"
    assert "Look in Kite" in order.error_message
    assert desk.send_next() is None
    assert len(desk.asked("gtt_place")) == 1


def test_an_unknown_trigger_that_has_fired_already_is_taken_over(desk: Desk) -> None:
    order = unclear(desk, desk.trigger("1400"))
    desk.price("1400")
    desk.read_book()
    order = desk.fresh(order)
    assert order.status == "EXECUTED"
    assert Order.objects.count() == 1


def test_a_retry_of_a_trigger_looks_for_the_first_one_before_it_is_sent(desk: Desk) -> None:
    order = unclear(desk, desk.trigger("1400"))
    queue.resolve(
        order, outcome="NOT_PLACED", broker_order_id="", reason="I saw none", actor="asha"
    )
    again = queue.retry(desk.fresh(order), actor="asha")
    queue.execute(again, actor="asha")
    desk.send_next()
    assert len(desk.asked("gtt_place")) == 1
    assert desk.status(again) == "WAITING"
