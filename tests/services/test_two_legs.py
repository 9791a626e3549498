"""GTT triggers of two legs: a stop tied to a target."""

import pytest

from risk.models import RiskSettings
from tests.support.desk import SYMBOL, Desk
from tests.support.unclear import unclear
from trading.domain.values import Product, RiskScope
from trading.models import Order, Trigger
from trading.services import adoption, cancelling, queue
from trading.services.attempts import mark_unknown, tags_of

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


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
