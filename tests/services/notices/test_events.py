"""What is logged anyway becomes news: once, and none is missed."""

import pytest
from django.db import OperationalError

from risk.engine.denials import Code
from sigmatrader import clock
from tests.factories import StrategyFactory, make_order
from trading.domain.order import Status
from trading.domain.values import Mode, Origin
from trading.models import Notice, NoticeCursor, OrderEvent
from trading.services import breakers, halting, lifecycle, queue
from trading.services.notices import cursors, events, outbox
from trading.services.notices.channels import Desk
from trading.services.setting_aside import set_aside

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def collect() -> int:
    return events.collect(outbox.listening(), clock.now())


def told() -> list[tuple[str, str]]:
    return list(Notice.objects.order_by("pk").values_list("kind", "text"))


def kinds() -> list[str]:
    return [kind for kind, _ in told()]


def test_an_order_that_waits_is_told_with_what_it_is(make_channel):
    make_channel()
    order = make_order(strategy=StrategyFactory(name="supertrend"))
    collect()
    text = f"#{order.pk} BUY 10 NSE:INFY MARKET MIS on paper (PAPER), supertrend"
    assert told() == [("WAITING", text)]
    notice = Notice.objects.get()
    assert (notice.order, notice.order_version) == (order, 1)


def test_the_same_event_is_news_once(make_channel):
    make_channel()
    make_order()
    collect()
    collect()
    assert kinds() == ["WAITING"]


def test_a_cursor_that_was_lost_writes_nothing_twice(make_channel):
    make_channel()
    make_order()
    collect()
    NoticeCursor.objects.filter(name="orders").update(last_id=0)
    collect()
    assert kinds() == ["WAITING"]


def test_every_end_of_an_order_has_its_kind(make_channel):
    make_channel()
    ways = {
        Status.EXECUTED: (Status.SENDING, Status.SENT, Status.EXECUTED),
        Status.UNKNOWN: (Status.SENDING, Status.UNKNOWN),
        Status.REJECTED: (Status.SENDING, Status.REJECTED),
        Status.REJECTED_RISK: (Status.REJECTED_RISK,),
        Status.FAILED: (Status.FAILED,),
        Status.EXPIRED: (Status.EXPIRED,),
    }
    for way in ways.values():
        order = make_order(Status.QUEUED)
        for status in way:
            lifecycle.transition(order, status, actor="broker", reason="so it is")
    collect()
    assert kinds() == ["EXECUTED", "UNKNOWN", *["REFUSED"] * 4]
    assert all("so it is" in text for kind, text in told() if kind != "EXECUTED")
    assert [one.urgent for one in Notice.objects.order_by("pk")] == [False, True, *[False] * 4]


def test_what_is_set_aside_waits_with_its_reason(make_channel):
    make_channel()
    set_aside(make_order(Status.QUEUED, mode=Mode.AUTO), "The session is over.")
    collect()
    assert kinds() == ["WAITING"]
    assert told()[0][1].endswith(". The session is over.")


def test_a_persons_own_doing_is_no_news(make_channel):
    make_channel(kinds=["WAITING", "REFUSED"])
    order = make_order()
    queue.cancel_waiting(order, actor="asha")
    queue.restore(order, actor="asha")
    make_order(origin=Origin.PERSON)
    collect()
    assert len(kinds()) == 1


def test_a_cancel_of_the_brokers_own_is_told_and_one_that_was_asked_for_is_not(make_channel):
    make_channel(kinds=["REFUSED"])
    for asked in (False, True):
        order = make_order(Status.QUEUED)
        for status in (Status.SENDING, Status.SENT):
            lifecycle.transition(order, status, actor="broker")
        if asked:
            queue.cancel(order, actor="asha")
        lifecycle.transition(order, Status.CANCELLED, actor="broker", reason="freeze")
    collect()
    assert len(told()) == 1
    assert told()[0][1].endswith(": cancelled by the broker. freeze")


def test_orders_placed_outside_are_no_news(make_channel):
    make_channel()
    make_order(origin=Origin.EXTERNAL)
    collect()
    assert told() == []


def test_a_halt_is_urgent_and_resuming_is_not(make_channel):
    make_channel()
    halting.set_state("HALTED", "EVERYTHING", "a storm", "asha")
    halting.set_state("ACTIVE", "EVERYTHING", "it is over", "asha")
    collect()
    assert told() == [
        ("STATE", "everything is HALTED (was ACTIVE), set by asha: a storm"),
        ("STATE", "everything is ACTIVE (was HALTED), set by asha: it is over"),
    ]
    assert [one.urgent for one in Notice.objects.order_by("pk")] == [True, False]


def test_a_breaker_is_told_with_its_way_back(make_channel):
    make_channel()
    strategy = StrategyFactory(name="supertrend")
    breakers.open_breaker(Code.REPEATED_EXECUTION, "It ran.", strategy_id=strategy.pk)
    collect()
    assert kinds() == ["BREAKER"]
    assert told()[0][1].startswith("strategy supertrend: It ran. Resume the strategy")


def test_a_channel_hears_only_what_it_asked_for(make_channel):
    make_channel("all")
    make_channel("halts", kinds=["STATE"])
    make_order()
    collect()
    assert [one.channel.name for one in Notice.objects.all()] == ["all"]


def test_what_happened_before_a_channel_was_switched_on_is_no_news(make_channel, time):
    make_order()
    make_channel("first")
    time.passes(minutes=5)
    make_order()
    time.passes(minutes=5)
    make_channel("second")
    collect()
    assert [one.channel.name for one in Notice.objects.all()] == ["first"]


def test_an_event_that_is_committed_late_is_not_missed(make_channel, time):
    """On PostgreSQL an id may appear below one that was read before."""
    make_channel()
    order = make_order()
    late = OrderEvent.objects.get(order=order)
    first = late.pk
    OrderEvent.objects.filter(pk=first).delete()
    make_order()
    collect()
    assert len(told()) == 1
    late.pk = first
    late.save(force_insert=True)
    time.passes(seconds=30)
    collect()
    assert [one.order_id for one in Notice.objects.order_by("pk")][1:] == [order.pk]
    assert str(first) not in NoticeCursor.objects.get(name="orders").pending


def test_an_id_that_never_comes_is_forgotten(make_channel, time):
    make_channel()
    gone = OrderEvent.objects.get(order=make_order())
    missed = str(gone.pk)
    gone.delete()
    make_order()
    collect()
    assert missed in NoticeCursor.objects.get(name="orders").pending
    time.passes(minutes=11)
    collect()
    assert NoticeCursor.objects.get(name="orders").pending == {}


def test_a_row_that_nobody_understands_keeps_back_none_behind_it(make_channel, caplog):
    make_channel()
    broken = make_order()
    OrderEvent.objects.filter(order=broken).update(to_status="NONSENSE")
    order = make_order()
    collect()
    assert [one.order_id for one in Notice.objects.all()] == [order.pk]
    assert "could not be made a notice" in caplog.text


def test_a_row_met_while_the_database_is_away_is_told_later(make_channel):
    channel = make_channel()
    rows = OrderEvent.objects.all()
    cursors.cursor_of("away")
    order = make_order()

    def database_gone(row: OrderEvent) -> list[outbox.News]:
        raise OperationalError("gone")

    with pytest.raises(OperationalError):
        cursors.read("away", rows, database_gone, [channel], clock.now())
    seen = []
    cursors.read("away", rows, lambda row: seen.append(row.order_id) or [], [channel], clock.now())
    assert seen == [order.pk]


def test_many_events_are_read_in_portions_and_all_of_them(make_channel, monkeypatch):
    make_channel()
    monkeypatch.setattr(cursors, "_AT_ONCE", 3)
    for _ in range(8):
        make_order()
    while collect():
        assert len(told()) <= 8
    assert len(told()) == 8


def test_a_cursor_that_another_worker_moved_is_left_alone(make_channel):
    make_channel()
    cursor = cursors.cursor_of("orders")
    assert cursors.keep(cursor, last_id=cursor.last_id)
    assert not cursors.keep(cursor, last_id=10**9)


def test_without_a_channel_that_is_on_nothing_is_read(make_channel, django_assert_num_queries):
    make_channel(enabled=False)
    make_order()
    desk = Desk()
    desk.step(clock.now())  # it has forgotten what is old
    with django_assert_num_queries(1):
        desk.step(clock.now())
    assert told() == []


def test_hostile_text_stays_in_its_line(make_channel):
    make_channel()
    make_order(symbol="NSE:X\nExecute: http://evil\x07" + "y" * 90)
    collect()
    ((_, text),) = told()
    assert "\n" not in text
    assert "\x07" not in text
