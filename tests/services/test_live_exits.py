"""Exits at the broker are sized by what the broker itself shows just before they leave."""

import pytest

from brokers.simulator import faults
from tests.support.desk import SYMBOL, Desk
from trading.domain.values import Product
from trading.models import Order
from trading.services import exits, queue
from trading.services.errors import Conflict

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def hold(desk: Desk, quantity: int = 10, side: str = "BUY", product: str = "MIS") -> None:
    """An open position, made in the broker's own app and read by us."""
    move(desk, quantity, side, product)
    desk.read_book()
    desk.read_account()


def move(desk: Desk, quantity: int, side: str, product: str = "MIS") -> None:
    """A trade in the broker's app that we have not read yet."""
    desk.outside(
        order_type="MARKET", price="0", quantity=quantity, transaction_type=side, product=product
    )
    desk.exchange.tick()


def leave(desk: Desk, quantity: int = 10, **fields: object) -> Order:
    return desk.order(**{"side": "SELL", "qty": quantity, "reduce_only": True} | fields)


def sent_quantities(desk: Desk) -> list[int]:
    return [int(entry.form["quantity"]) for entry in desk.asked("place")]


def test_an_exit_goes_whole_when_the_broker_shows_as_much(desk: Desk) -> None:
    hold(desk)
    order = desk.sent(leave(desk))
    assert (order.qty, sent_quantities(desk)) == (10, [10])


def test_an_exit_is_cut_to_what_the_broker_shows_now(desk: Desk) -> None:
    hold(desk)
    move(desk, 4, "SELL")
    order = desk.sent(leave(desk))
    assert (order.qty, order.requested_qty, sent_quantities(desk)) == (6, 10, [6])
    reasons = [event.reason for event in order.events.all()]
    assert "Quantity cut from 10 to 6: the broker shows no more to close." in reasons


def test_a_short_position_is_bought_back_as_far_as_it_is_open(desk: Desk) -> None:
    hold(desk, side="SELL")
    move(desk, 3, "BUY")
    assert desk.sent(leave(desk, side="BUY")).qty == 7


@pytest.mark.parametrize("sold", [10, 15])
def test_an_exit_that_finds_nothing_to_close_is_not_sent(desk: Desk, sold: int) -> None:
    hold(desk)
    move(desk, sold, "SELL")
    order = leave(desk)
    desk.send_next()
    order = desk.fresh(order)
    assert (order.status, order.mode) == ("WAITING", "MANUAL")
    assert "nothing that this exit could close" in order.set_aside_reason
    assert order.attempts.get().outcome == "NOT_SENT"
    assert sent_quantities(desk) == []


def test_an_exit_whose_position_can_not_be_read_is_not_sent(desk: Desk) -> None:
    hold(desk)
    desk.faults.always("positions", faults.refuse_status(503))
    order = leave(desk)
    desk.send_next()
    order = desk.fresh(order)
    assert order.status == "QUEUED"
    assert order.not_before is not None
    assert "could not be read" in order.attempts.get().message
    assert sent_quantities(desk) == []


def test_a_dead_session_gives_the_exit_back_to_a_person(desk: Desk) -> None:
    hold(desk)
    order = leave(desk)
    desk.simulator.expire_sessions()
    desk.send_next()
    assert desk.status(order) == "WAITING"
    assert sent_quantities(desk) == []


def test_another_product_of_the_same_share_is_another_position(desk: Desk) -> None:
    hold(desk)
    desk.own(50)
    assert desk.sent(leave(desk)).qty == 10
    order = leave(desk, 60, product=Product.CNC)
    assert desk.left_to_close(order) == 50


def test_an_entry_is_never_cut(desk: Desk) -> None:
    before = len(desk.asked("positions"))
    assert desk.sent(desk.order(side="SELL", qty=7)).qty == 7
    assert len(desk.asked("positions")) == before


# -- delivered shares -----------------------------------------------------------------------------


def test_delivered_shares_are_sold_with_the_position_beside_them(desk: Desk) -> None:
    desk.own(20)
    hold(desk, 5, product="CNC")
    assert desk.sent(leave(desk, 40, product=Product.CNC)).qty == 25


def test_what_was_sold_of_the_holdings_today_is_not_sold_again(desk: Desk) -> None:
    desk.own(20)
    hold(desk, 8, "SELL", "CNC")
    assert desk.left_to_close(leave(desk, 20, product=Product.CNC)) == 12


def test_holdings_are_no_short_position_to_be_bought_back(desk: Desk) -> None:
    desk.own(20)
    assert desk.left_to_close(leave(desk, 20, side="BUY", product=Product.CNC)) == 0


# -- beside other exits ---------------------------------------------------------------------------


def test_a_working_exit_takes_its_part(desk: Desk) -> None:
    hold(desk)
    desk.sent(leave(desk, 4, order_type="LIMIT", price="1550"))
    assert desk.sent(leave(desk)).qty == 6


def test_of_a_working_exit_only_the_open_part_counts(desk: Desk) -> None:
    hold(desk)
    desk.behaviour.partial_fill = 3
    first = leave(desk, 4, order_type="LIMIT", price="1550")
    desk.sent(first)
    desk.price("1550")
    desk.read_book()
    assert desk.status(first) == "PARTIALLY_EXECUTED"
    assert desk.left_to_close(leave(desk)) == 10 - 3 - 1


def test_beside_an_order_in_doubt_a_persons_exit_goes_by_the_brokers_position(
    desk: Desk,
) -> None:
    """The doubtful entry was taken and filled: the exit may close its shares too."""
    hold(desk)
    desk.faults.script("place", faults.reset_after_accept())
    entry = desk.order(qty=5)
    desk.send_next()
    assert desk.status(entry) == "UNKNOWN"
    desk.exchange.tick()
    order = leave(desk)
    assert desk.left_to_close(order) == 15
    assert desk.sent(order).qty == 10


@pytest.mark.parametrize("taken", [True, False])
def test_beside_an_exit_in_doubt_a_persons_exit_closes_what_is_left(
    desk: Desk, taken: bool
) -> None:
    """The broker's position tells what became of the first."""
    hold(desk)
    fault = faults.reset_after_accept() if taken else faults.refuse_status(500)
    desk.faults.script("place", fault)
    first = leave(desk, 6)
    desk.send_next()
    assert desk.status(first) == "UNKNOWN"
    desk.exchange.tick()
    second = leave(desk)
    desk.send_next()
    second = desk.fresh(second)
    assert (second.status, second.qty) == ("SENT", 4 if taken else 10)
    desk.exchange.tick()
    positions = {row["product"]: row["quantity"] for row in desk.exchange.positions()["net"]}
    assert positions["MIS"] == 0


def test_an_auto_exit_waits_while_an_order_is_in_doubt(desk: Desk) -> None:
    hold(desk)
    desk.faults.script("place", faults.refuse_status(500))
    desk.order(qty=5)
    desk.send_next()
    order = leave(desk, auto=True)
    assert desk.send_next() is None
    assert desk.status(order) == "WAITING"


def test_a_persons_exit_of_a_live_position_closes_it(desk: Desk) -> None:
    hold(desk)
    order = exits.exit_position(desk.connection, "NSE", SYMBOL, "MIS", quantity=None, actor="asha")
    desk.sent(order)
    desk.read_book()
    assert desk.status(order) == "EXECUTED"
    assert desk.exchange.positions()["net"][0]["quantity"] == 0


def test_two_workers_do_not_send_two_exits_of_one_position_at_once(desk: Desk) -> None:
    """The second is not claimed while the first is on its way; then it is cut to what is left."""
    hold(desk)
    leave(desk)
    second = leave(desk, 10)
    claim = desk.claim()
    assert claim is not None
    assert desk.claim() is None
    desk.send(claim)
    desk.exchange.tick()
    desk.send_next()
    assert desk.status(second) in ("WAITING", "REJECTED_RISK")
    assert sent_quantities(desk) == [10]


def test_a_cancel_that_came_during_the_look_at_the_position_wins(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(desk)
    move(desk, 4, "SELL")
    order = leave(desk)
    claim = desk.claim()
    assert claim is not None
    queue.cancel(desk.fresh(order), actor="asha")
    desk.send(claim)
    assert desk.status(order) == "CANCELLED"
    assert sent_quantities(desk) == []
    with pytest.raises(Conflict):
        queue.retry(desk.fresh(order), actor="asha")
