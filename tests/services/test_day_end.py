"""The book of a day is forgotten at six: what becomes of the orders that were in it."""

from datetime import timedelta
from decimal import Decimal

import pytest

from brokers.simulator import faults
from tests.support.desk import NEXT_OPEN, NIGHT, OPEN, Desk
from trading.models import BookEntry, Order, Position
from trading.services import queue
from trading.services.book import Book

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

AFTER_CLOSE = OPEN.replace(hour=15, minute=31)
MORNING = NEXT_OPEN.replace(hour=6, minute=1)


def next_day(desk: Desk, *, read: bool = True) -> None:
    desk.move_to(NEXT_OPEN)
    desk.log_in(read=read)


def why(order: Order) -> str:
    return order.events.latest("sequence").reason


def test_an_open_order_of_yesterday_has_expired_when_the_broker_forgets_it(desk: Desk) -> None:
    order = desk.sent(desk.limit())
    desk.read_book()
    next_day(desk)
    order = desk.fresh(order)
    assert order.status == "EXPIRED"
    assert order.events.latest("sequence").actor == "broker"
    assert "Its day (02 Dec) is over" in why(order)
    assert "0 of 10 filled" in why(order)


def test_the_broker_is_asked_for_it_by_its_number_before_it_counts_as_gone(desk: Desk) -> None:
    order = desk.sent(desk.limit())
    next_day(desk)
    asked = [entry.path for entry in desk.asked("order")]
    assert f"/orders/{order.broker_order_id}" in asked


@pytest.mark.parametrize("fault", [faults.reset_before(), faults.rate_limited()])
def test_a_broker_that_does_not_answer_is_no_evidence(desk: Desk, fault: faults.Fault) -> None:
    order = desk.sent(desk.limit())
    next_day(desk, read=False)
    desk.faults.always("order", fault)
    desk.read_book()
    assert desk.status(order) == "SENT"
    desk.faults.clear()
    desk.read_book()
    assert desk.status(order) == "EXPIRED"


def test_an_order_that_the_broker_still_tells_of_is_followed(desk: Desk) -> None:
    """It is not in today's list, and is found by its number all the same."""
    order = desk.sent(desk.limit())
    desk.read_book()
    desk.move_to(NEXT_OPEN)
    there = desk.exchange.all_orders[order.broker_order_id]
    desk.exchange.book[there.order_id] = there
    desk.log_in(read=False)
    desk.take_in(Book((), desk.now))
    order = desk.fresh(order)
    assert order.status == "CANCELLED"
    assert "broker shows" in why(order)


def test_an_order_of_today_that_the_book_does_not_show_stays(desk: Desk) -> None:
    order = desk.sent(desk.limit())
    desk.behaviour.book_lag = 3600
    desk.move_to(AFTER_CLOSE)
    desk.read_book()
    assert desk.status(order) == "SENT"


def test_the_day_is_the_books_and_ends_at_six(desk: Desk) -> None:
    order = desk.sent(desk.limit())
    desk.behaviour.book_lag = 3600
    desk.move_to(MORNING - timedelta(minutes=2))
    desk.log_in()
    assert desk.status(order) == "SENT"
    desk.move_to(MORNING)
    desk.log_in()
    assert desk.status(order) == "EXPIRED"


def test_the_exchange_cancels_at_the_close_and_that_is_what_the_order_is(desk: Desk) -> None:
    order = desk.sent(desk.limit())
    desk.move_to(AFTER_CLOSE)
    desk.read_book()
    assert desk.status(order) == "CANCELLED"
    next_day(desk)
    assert desk.status(order) == "CANCELLED"


def test_what_was_filled_stays_filled(desk: Desk) -> None:
    desk.behaviour.partial_fill = 3
    order = desk.order()
    desk.send_next()
    desk.read_book()
    assert desk.status(order) == "PARTIALLY_EXECUTED"
    next_day(desk)
    order = desk.fresh(order)
    assert (order.status, order.filled_qty) == ("EXPIRED", 3)
    assert "3 of 10 filled" in why(order)
    assert Position.objects.get().qty == 3


def test_a_cancel_that_was_never_confirmed_ends_with_the_day(desk: Desk) -> None:
    order = desk.sent(desk.limit())
    queue.cancel(order, actor="asha")
    next_day(desk)
    assert desk.status(order) == "EXPIRED"


# -- what a person is told to check ---------------------------------------------------------------


def test_an_order_that_was_never_in_a_book_that_we_read_gets_a_warning(desk: Desk) -> None:
    order = desk.sent(desk.limit())
    next_day(desk)
    assert "never read with this order in it" in desk.fresh(order).warnings[0]


def test_a_book_last_read_before_the_close_gets_a_warning(desk: Desk) -> None:
    order = desk.sent(desk.limit())
    desk.read_book()
    next_day(desk)
    [warning] = desk.fresh(order).warnings
    assert "was not read after the close" in warning


# -- afterwards -----------------------------------------------------------------------------------


def test_a_late_fill_after_the_end_is_a_fact(desk: Desk) -> None:
    order = desk.sent(desk.limit("1450"))
    desk.read_book()
    late = desk.filled_report(order, "1450")
    next_day(desk)
    assert desk.status(order) == "EXPIRED"
    desk.take_in(Book((late,), desk.now))
    order = desk.fresh(order)
    assert (order.status, order.filled_qty) == ("EXECUTED", 10)
    assert Position.objects.get().qty == 10


def test_a_late_part_after_the_end_is_a_fact_too(desk: Desk) -> None:
    order = desk.sent(desk.limit("1450"))
    late = desk.filled_report(order, "1450", quantity=4)
    next_day(desk)
    desk.take_in(Book((late,), desk.now))
    order = desk.fresh(order)
    assert (order.filled_qty, Position.objects.get().qty) == (4, 4)


def test_an_after_market_order_lives_over_six_oclock(desk: Desk) -> None:
    desk.move_to(NIGHT)
    order = desk.sent(desk.limit("1490"))
    desk.read_book()
    desk.move_to(MORNING)
    desk.log_in()
    assert desk.status(order) == "SENT"
    next_day(desk)
    desk.price("1490")
    desk.read_book()
    assert desk.status(order) == "EXECUTED"


def test_an_unknown_order_of_yesterday_is_left_to_a_person(desk: Desk) -> None:
    """A new book proves nothing about yesterday's order."""
    desk.faults.script("place", faults.refuse_status(500))
    order = desk.order()
    desk.send_next()
    next_day(desk)
    for _ in range(8):
        desk.wait(25)
        desk.read_book()
    assert desk.status(order) == "UNKNOWN"
    assert desk.fresh(order).attempts.get().book_reads == 0


# -- the archive ----------------------------------------------------------------------------------


def test_each_day_keeps_its_last_state_of_every_order(desk: Desk) -> None:
    order = desk.sent(desk.limit())
    foreign = desk.outside()
    desk.read_book()
    desk.price("1450")
    desk.read_book()
    rows = {entry.broker_order_id: entry for entry in BookEntry.objects.all()}
    assert set(rows) == {order.broker_order_id, foreign}
    assert {entry.status for entry in rows.values()} == {"COMPLETE"}
    assert {entry.book_day for entry in rows.values()} == {OPEN.date()}
    mine = rows[order.broker_order_id]
    assert mine.order == order
    assert mine.report["filled_quantity"] == 10
    assert Decimal(mine.report["average_price"]) == Decimal(1450)


def test_the_archive_outlives_the_brokers_book(desk: Desk) -> None:
    desk.sent(desk.limit())
    desk.read_book()
    next_day(desk)
    assert BookEntry.objects.count() == 1
    desk.sent(desk.limit())
    desk.read_book()
    assert sorted(BookEntry.objects.values_list("book_day", flat=True)) == [
        OPEN.date(),
        NEXT_OPEN.date(),
    ]
