"""Notices beside real workers: channels that hang or fail delay no order, and a kill loses none."""

from collections import Counter
from collections.abc import Iterator

import pytest

from sigmatrader import clock
from tests.support.inbox import Inbox, open_inbox
from tests.support.rig import Rig, check_invariants
from trading.models import Notice, NoticeChannel
from trading.services.notices import channels

pytestmark = [pytest.mark.faults, pytest.mark.db_backends]


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with open_inbox() as opened:
        yield opened


def channel_to(inbox: Inbox, name: str) -> NoticeChannel:
    made = NoticeChannel(name=name, enabled=True, group_seconds=0)
    return channels.save(made, actor="test", address=inbox.address)


@pytest.fixture(autouse=True)
def _no_channel_is_left(rig_without_worker: Rig) -> Iterator[None]:
    yield
    NoticeChannel.objects.all().delete()


def test_orders_go_out_while_a_channel_hangs_and_another_is_told(
    bare_rig: Rig, inbox: Inbox
) -> None:
    with open_inbox() as other:
        inbox.hang = True
        channel_to(inbox, "hangs")
        channel_to(other, "works")
        bare_rig.fork()
        first = bare_rig.until(bare_rig.order(), "EXECUTED")
        bare_rig.wait(lambda: inbox.tries, "the one that hangs is tried")
        orders = [bare_rig.order(auto=number % 2 == 0) for number in range(8)]
        began = clock.now()
        for order in orders:
            bare_rig.until(order, "EXECUTED")
        assert (clock.now() - began).total_seconds() < 10
        everything = [f"#{one.pk} " for one in (first, *orders)]
        bare_rig.wait(lambda: all(one in other.text for one in everything), "all are told")
        assert inbox.messages == []
        check_invariants(bare_rig)


def test_what_a_killed_worker_was_sending_is_sent_by_the_next(bare_rig: Rig, inbox: Inbox) -> None:
    inbox.hang = True
    channel = channel_to(inbox, "phone")
    bare_rig.fork("first")
    order = bare_rig.waiting_order()
    bare_rig.wait(lambda: inbox.tries, "the message is on its way")
    bare_rig.kill("first")
    assert NoticeChannel.objects.get(pk=channel.pk).busy_until > clock.now()
    assert Notice.objects.get(channel=channel, order=order).attempts == 0
    inbox.hang = False
    inbox.release.set()
    # A minute later its claim has run out.
    NoticeChannel.objects.filter(pk=channel.pk).update(busy_until=clock.now())
    bare_rig.fork("second")
    bare_rig.wait(lambda: f"#{order.pk} " in inbox.text, "the next worker tells it")
    bare_rig.wait(
        lambda: Notice.objects.get(channel=channel, order=order).sent_at, "and the record says so"
    )


def test_two_workers_tell_everything_once(bare_rig: Rig, inbox: Inbox) -> None:
    channel = channel_to(inbox, "phone")
    for name in ("first", "second"):
        bare_rig.fork(name)
    orders = [bare_rig.order(auto=number % 2 == 0) for number in range(20)]
    for order in orders:
        bare_rig.until(order, "EXECUTED")
    told = [f"#{one.pk} " for one in orders]

    def lines() -> list[str]:
        return [line for line in inbox.text.splitlines() if ": executed at" in line]

    bare_rig.wait(lambda: all(any(one in line for line in lines()) for one in told), "all are told")
    executed = Counter(
        Notice.objects.filter(channel=channel, kind="EXECUTED").values_list("order", flat=True)
    )
    assert executed == Counter(order.pk for order in orders)
    assert sorted(Counter(lines()).values()) == [1] * 20
