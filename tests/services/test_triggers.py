"""GTT triggers: placed, found again, fired, withdrawn. One leg, and a stop tied to a target."""

from decimal import Decimal

import pytest

from brokers.simulator import faults
from risk.models import RiskSettings
from tests.support.desk import NEXT_OPEN, SYMBOL, Desk
from trading.domain.values import Product, RiskScope
from trading.models import Order, Position, Trigger
from trading.services import adoption, cancelling, queue
from trading.services.attempts import mark_unknown, tags_of

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


def both(desk: Desk, legs: tuple[Order, Order]) -> tuple[str, str]:
    return desk.status(legs[0]), desk.status(legs[1])


@pytest.fixture
def pair(desk: Desk) -> tuple[Order, Order]:
    """A queued stop at 1400 and target at 1600 for 10 of 100 shares."""
    desk.own()
    return desk.two_leg()


@pytest.fixture
def resting(desk: Desk, pair: tuple[Order, Order]) -> tuple[Order, Order]:
    """The same, at the broker."""
    desk.send_next()
    assert both(desk, pair) == ("SENT", "SENT")
    return desk.fresh(pair[0]), desk.fresh(pair[1])


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


def unclear(desk: Desk, order: Order, *, placed: bool = True) -> Order:
    """`order` after the broker took its trigger, or did not, and its answer was lost."""
    fault = faults.reset_after_accept() if placed else faults.refuse_status(502)
    desk.faults.script("gtt_place", fault)
    desk.send_next()
    assert desk.status(order) == "UNKNOWN"
    return desk.fresh(order)


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


# -- two legs -------------------------------------------------------------------------------------


def test_the_two_legs_go_as_one_trigger(desk: Desk, resting: tuple[Order, Order]) -> None:
    stop, target = resting
    assert stop.broker_trigger_id == target.broker_trigger_id
    [trigger] = desk.triggers()
    assert trigger["type"] == "two-leg"
    assert len(desk.asked("gtt_place")) == 1
    assert Trigger.objects.get().kind == "TWO_LEG"
    assert (stop.attempts.count(), target.attempts.count()) == (1, 0)
    desk.read_book()
    assert both(desk, resting) == ("SENT", "SENT")


@pytest.mark.parametrize(("price", "fired"), [("1400", 0), ("1600", 1)])
def test_one_leg_fires_and_the_other_is_cancelled(
    desk: Desk, resting: tuple[Order, Order], price: str, fired: int
) -> None:
    desk.price(price)
    desk.read_book()
    ends = ["CANCELLED", "CANCELLED"]
    ends[fired] = "EXECUTED"
    assert both(desk, resting) == tuple(ends)
    [theirs] = desk.at_broker()
    assert desk.fresh(resting[fired]).broker_order_id == theirs["order_id"]
    assert desk.fresh(resting[1 - fired]).filled_qty == 0
    assert Order.objects.count() == 2


def test_a_clamp_cuts_both_legs(desk: Desk) -> None:
    desk.own()
    RiskSettings.objects.update_or_create(
        scope=RiskScope.GLOBAL, defaults={"max_quantity_per_order": 4}
    )
    legs = desk.two_leg()
    desk.send_next()
    assert [desk.fresh(leg).qty for leg in legs] == [4, 4]
    assert [leg["quantity"] for leg in desk.legs_at_broker()] == [4, 4]


def test_the_brokers_fresh_position_cuts_both_legs(desk: Desk) -> None:
    desk.own(100)
    legs = desk.two_leg(qty=100)
    desk.exchange.place_outside(
        {
            "exchange": "NSE",
            "tradingsymbol": SYMBOL,
            "transaction_type": "SELL",
            "quantity": "40",
            "product": "CNC",
            "order_type": "MARKET",
        }
    )
    desk.send_next()
    assert both(desk, legs) == ("SENT", "SENT")
    assert [desk.fresh(leg).qty for leg in legs] == [60, 60]
    assert [leg["quantity"] for leg in desk.legs_at_broker()] == [60, 60]


@pytest.mark.parametrize("pressed", [0, 1])
def test_cancelling_one_unsent_leg_cancels_both(
    desk: Desk, pair: tuple[Order, Order], pressed: int
) -> None:
    queue.cancel(pair[pressed], actor="asha")
    assert both(desk, pair) == ("CANCELLED", "CANCELLED")
    assert desk.send_next() is None


@pytest.mark.parametrize("pressed", [0, 1])
def test_cancelling_one_resting_leg_withdraws_the_trigger_once(
    desk: Desk, resting: tuple[Order, Order], pressed: int
) -> None:
    queue.cancel(resting[pressed], actor="asha")
    desk.round()
    assert both(desk, resting) == ("CANCELLED", "CANCELLED")
    assert len(desk.asked("gtt_delete")) == 1


def test_cancelling_both_resting_legs_asks_the_broker_once(
    desk: Desk, resting: tuple[Order, Order]
) -> None:
    for leg in resting:
        queue.cancel(leg, actor="asha")
    desk.round()
    assert both(desk, resting) == ("CANCELLED", "CANCELLED")
    assert len(desk.asked("gtt_delete")) == 1


@pytest.mark.parametrize("pressed", [0, 1])
def test_a_cancel_of_either_leg_is_passed_on_when_it_comes_while_both_are_sent(
    desk: Desk, pair: tuple[Order, Order], pressed: int
) -> None:
    claim = desk.claim()
    assert claim is not None
    cancelling.cancel(desk.fresh(pair[pressed]), actor="asha")
    desk.send(claim)
    assert both(desk, pair) == ("CANCELLED", "CANCELLED")
    assert desk.asked("gtt_place") == []


@pytest.mark.parametrize("pressed", [0, 1])
def test_a_cancel_of_either_leg_is_passed_on_when_both_are_found_again(
    desk: Desk, pair: tuple[Order, Order], pressed: int
) -> None:
    unclear(desk, pair[0])
    assert both(desk, pair) == ("UNKNOWN", "UNKNOWN")
    cancelling.cancel(desk.fresh(pair[pressed]), actor="asha")
    desk.round()
    desk.round()
    assert both(desk, pair) == ("CANCELLED", "CANCELLED")
    assert [trigger["status"] for trigger in desk.triggers()] == ["deleted"]


def test_both_legs_are_taken_over_after_an_unclear_answer(
    desk: Desk, pair: tuple[Order, Order]
) -> None:
    unclear(desk, pair[0])
    desk.read_book()
    assert both(desk, pair) == ("SENT", "SENT")
    assert desk.fresh(pair[0]).broker_trigger_id == desk.fresh(pair[1]).broker_trigger_id != ""
    desk.price("1600")
    desk.read_book()
    assert both(desk, pair) == ("CANCELLED", "EXECUTED")


@pytest.mark.parametrize(
    ("price", "ends"), [("1600", ("CANCELLED", "EXECUTED")), ("1400", ("EXECUTED", "CANCELLED"))]
)
def test_an_answer_that_comes_after_the_lease_and_the_firing_keeps_the_legs_apart(
    desk: Desk, pair: tuple[Order, Order], price: str, ends: tuple[str, str]
) -> None:
    claim = desk.claim()
    assert claim is not None
    placed = desk.place(claim)
    mark_unknown(desk.fresh(pair[0]), claim.attempt, "its lease was lost")
    desk.price(price)
    adoption.adopt_answer(claim.order, desk.broker, placed)
    desk.read_book()
    assert both(desk, pair) == ends
    [theirs] = desk.at_broker()
    filled = pair[ends.index("EXECUTED")]
    assert desk.fresh(filled).broker_order_id == theirs["order_id"]


def test_a_trigger_with_another_target_is_not_taken(desk: Desk, pair: tuple[Order, Order]) -> None:
    unclear(desk, pair[0], placed=False)
    kite = desk.kite()
    leg = {
        "transaction_type": "SELL",
        "quantity": 10,
        "order_type": "LIMIT",
        "product": "CNC",
    }
    kite.place_gtt(
        kite.GTT_TYPE_OCO,
        SYMBOL,
        "NSE",
        [1400.0, 1650.0],
        1500.0,
        [leg | {"price": 1400.0}, leg | {"price": 1650.0}],
    )
    desk.read_book()
    assert both(desk, pair) == ("UNKNOWN", "UNKNOWN")


def test_a_refused_trigger_fails_both_legs(desk: Desk) -> None:
    legs = desk.two_leg(product=Product.NRML, reduce_only=False)  # no product for shares
    desk.send_next()
    assert both(desk, legs) == ("FAILED", "FAILED")


def test_when_the_target_has_expired_the_stop_waits_for_a_person(
    desk: Desk, pair: tuple[Order, Order]
) -> None:
    stop, target = pair
    queue.expire(target)
    assert desk.send_next() is None
    stop = desk.fresh(stop)
    assert stop.status == "WAITING"
    assert f"order {target.pk}, is EXPIRED" in stop.set_aside_reason


def test_the_target_alone_is_never_claimed(desk: Desk, pair: tuple[Order, Order]) -> None:
    stop, target = pair
    queue.expire(desk.fresh(stop))
    assert both(desk, pair) == ("EXPIRED", "EXPIRED")
    assert desk.send_next() is None
    assert tags_of(target) == [target.client_order_id]


def test_a_target_that_works_counts_against_another_exit(
    desk: Desk, resting: tuple[Order, Order]
) -> None:
    """The stop no longer stands for both once the target has fired."""
    desk.behaviour.partial_fill = 4
    desk.price("1600")
    desk.read_book()
    desk.read_account()
    assert both(desk, resting) == ("CANCELLED", "PARTIALLY_EXECUTED")
    other = desk.order(side="SELL", qty=100, product=Product.CNC, reduce_only=True)
    assert desk.decision(other).final_qty == 100 - 10
    assert desk.left_to_close(other) == 100 - 10
