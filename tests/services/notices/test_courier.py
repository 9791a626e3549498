"""From the outbox to a real server: grouped, held, tried again, given up, never in the way."""

import logging
import threading
from datetime import time as clock_time

import pytest

from sigmatrader import clock
from tests.factories import make_order
from tests.support import processes
from tests.support.inbox import SECRET, open_inbox
from trading.domain.notices import TRIES, Message
from trading.domain.order import Status
from trading.models import Notice, NoticeChannel
from trading.services import halting, lifecycle, queue
from trading.services.notices import channels, courier, events, outbox, road

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def fresh(channel: NoticeChannel) -> NoticeChannel:
    return NoticeChannel.objects.get(pk=channel.pk)


def test_an_event_arrives_once_and_the_record_says_when(make_channel, inbox, tell, time):
    channel = make_channel()
    order = make_order()
    assert tell() == 1
    assert tell() == 0
    assert inbox.titles == ["An order waits"]
    assert inbox.messages[0]["message"].startswith(f"12:00 #{order.pk} BUY 10 NSE:INFY")
    assert Notice.objects.get().sent_at == time.now
    assert fresh(channel).last_success_at == time.now
    assert fresh(channel).busy_until is None


def test_many_events_within_the_window_are_one_message(make_channel, inbox, tell, time):
    make_channel(group_seconds=60)
    for _ in range(7):
        make_order()
        time.passes(seconds=5)
        assert tell() == 0
    time.passes(seconds=30)
    assert tell() == 1
    assert inbox.titles == ["7 orders wait"]
    assert inbox.messages[0]["message"].count("NSE:INFY") == 7


def test_what_is_urgent_does_not_wait_for_the_window(make_channel, inbox, tell, time):
    make_channel(group_seconds=600)
    make_order()
    halting.set_state("HALTED", "EVERYTHING", "a storm", "asha")
    tell()
    time.passes(seconds=5)
    assert tell() == 1
    assert inbox.titles == ["Trading state, an order waits"]


def test_quiet_hours_hold_what_is_not_urgent_until_their_end(make_channel, inbox, tell, time):
    make_channel(quiet_from=clock_time(11), quiet_until=clock_time(14))
    make_order()
    make_order()
    halting.set_state("HALTED", "EVERYTHING", "a storm", "asha")
    assert tell() == 1
    assert inbox.titles == ["Trading state"]
    time.passes(hours=1, minutes=59)
    assert tell() == 0
    time.passes(minutes=1)
    assert tell() == 1
    assert inbox.titles[1:] == ["2 orders wait"]


def test_quiet_hours_hold_urgent_ones_too_where_nothing_breaks_through(
    make_channel, inbox, tell, time
):
    make_channel(quiet_from=clock_time(11), quiet_until=clock_time(14), urgent_breaks_through=False)
    halting.set_state("HALTED", "EVERYTHING", "a storm", "asha")
    assert tell() == 0
    time.passes(hours=2)
    assert tell() == 1


def test_changed_hours_hold_for_what_is_in_the_outbox(make_channel, inbox, tell):
    channel = make_channel(quiet_from=clock_time(11), quiet_until=clock_time(14))
    make_order()
    assert tell() == 0
    channel = fresh(channel)
    channel.quiet_from = channel.quiet_until = None
    channels.save(channel, actor="asha")
    assert tell() == 1


def test_an_order_that_was_decided_meanwhile_says_so(make_channel, inbox, tell, time):
    make_channel(group_seconds=60)
    order = make_order()
    tell()
    queue.cancel_waiting(order, actor="asha")
    time.passes(minutes=1)
    tell()
    assert inbox.messages[0]["message"].endswith("– CANCELLED meanwhile")


def test_a_failure_is_tried_again_after_growing_pauses_and_arrives(make_channel, inbox, tell, time):
    channel = make_channel()
    inbox.status = 500
    make_order()
    pauses = []
    for _ in range(3):
        assert tell() == 0
        retry_at = fresh(channel).retry_at
        pauses.append((retry_at - time.now).total_seconds())
        time.now = retry_at
    assert pauses == [30, 60, 120]
    assert inbox.tries == 3
    inbox.status = 200
    assert tell() == 1
    assert Notice.objects.get().attempts == 4
    assert (fresh(channel).failures, fresh(channel).retry_at) == (0, None)


def test_between_two_tries_the_channel_is_left_alone(make_channel, inbox, tell, time):
    make_channel()
    inbox.status = 500
    make_order()
    tell()
    make_order()
    time.passes(seconds=29)
    tell()
    assert inbox.tries == 1


def test_what_is_urgent_does_not_wait_for_a_channel_that_rests(make_channel, inbox, tell, time):
    make_channel()
    inbox.status = 500
    make_order()
    tell()
    time.passes(seconds=1)
    halting.set_state("HALTED", "EVERYTHING", "a storm", "asha")
    tell()
    assert inbox.tries == 2
    time.passes(seconds=1)
    tell()  # now it has been tried, and rests with the others
    assert inbox.tries == 2


def test_much_that_is_urgent_within_a_rest_uses_up_no_others_tries(make_channel, inbox, tell, time):
    channel = make_channel()
    inbox.status = 500
    make_order()
    for number in range(TRIES + 1):
        tell()
        halting.set_state("HALTED", "EVERYTHING", f"storm {number}", "asha")
        halting.set_state("ACTIVE", "EVERYTHING", f"over {number}", "asha")
        time.passes(seconds=1)
    inbox.status = 200
    time.passes(seconds=30)
    tell()
    assert inbox.titles[0].endswith("an order waits")
    assert not Notice.objects.filter(channel=channel, sent_at=None).exists()


def test_after_the_last_try_it_is_given_up_and_can_be_sent_again(make_channel, inbox, tell, time):
    channel = make_channel()
    inbox.status = 500
    make_order()
    for _ in range(TRIES + 2):
        tell()
        time.passes(hours=1)
    notice = Notice.objects.get()
    assert (notice.dead, notice.attempts, inbox.tries) == (True, TRIES, TRIES)
    assert "error=500" in notice.error
    inbox.status = 200
    assert channels.send_again(channel) == 1
    assert tell() == 1
    assert inbox.titles == ["An order waits"]


def test_a_failure_names_no_part_of_the_address(make_channel, inbox, tell, caplog):
    refused = make_channel()
    inbox.status = 403
    make_order()
    tell()
    with open_inbox() as closed:
        address = f"json://asha:hunter22@127.0.0.1:{closed.port}/{SECRET}"
    unreachable = make_channel("gone", address=address)
    assert "Connection error" in courier.send_test(unreachable)
    # pytest listens to the library's own log as well, which goes nowhere.
    assert not logging.getLogger("apprise").propagate
    logged = [one.getMessage() for one in caplog.records if one.name != "apprise"]
    shown = [fresh(refused).last_error, fresh(unreachable).last_error, Notice.objects.get().error]
    assert "error=403" in shown[0]
    for secret in (SECRET, "hunter22", "127.0.0.1", str(closed.port)):
        assert secret not in " ".join((*logged, *shown))


def test_a_channel_that_another_worker_sends_through_is_left_alone(make_channel, inbox, tell, time):
    channel = make_channel()
    make_order()
    events.collect(outbox.listening(), clock.now())
    NoticeChannel.objects.update(busy_until=time.now.replace(second=30))
    assert courier.due_channels(clock.now()) == []
    assert not courier.deliver(channel.pk)
    time.passes(seconds=60)  # that worker has died
    assert tell() == 1


def test_a_channel_that_is_switched_off_sends_nothing_more(make_channel, inbox, tell, time):
    channel = make_channel(group_seconds=60)
    make_order()
    tell()
    channel = fresh(channel)
    channel.enabled = False
    channels.save(channel, actor="asha")
    time.passes(minutes=5)
    assert tell() == 0
    assert Notice.objects.get().error == "The channel was switched off before this was sent."


def test_notices_older_than_30_days_go_also_while_every_channel_is_off(make_channel, tell, time):
    channel = make_channel()
    make_order()
    assert tell() == 1
    channel.enabled = False
    channels.save(channel, actor="asha")
    time.passes(days=29)
    channels.Desk().step(time.now)
    assert Notice.objects.count() == 1
    time.passes(days=2)
    channels.Desk().step(time.now)
    assert not Notice.objects.exists()


def test_an_address_whose_key_is_lost_is_a_failure_like_others(make_channel, tell):
    channel = make_channel()
    NoticeChannel.objects.update(address_encrypted="gAAAAA")
    make_order()
    assert tell() == 0
    assert "ST_CRYPTO_KEYS" in fresh(channel).last_error


def test_a_test_message_goes_even_while_the_channel_is_off(make_channel, inbox, time):
    channel = make_channel(enabled=False)
    assert courier.send_test(channel) == ""
    assert inbox.titles == ["SigmaTrader: test"]
    assert fresh(channel).last_success_at == time.now


def test_a_server_that_hangs_is_given_up_in_time(inbox):
    inbox.hang = True
    with pytest.raises(road.NotDelivered, match=r"did not answer in 0\.2 s"):
        road.send(inbox.address, road.Message("title", "body"), seconds=0.2)


def test_a_service_that_hangs_is_not_asked_on_and_on_and_keeps_no_other_waiting(inbox):
    inbox.hang = True
    message = road.Message("title", "body")
    for _ in range(2):
        with pytest.raises(road.NotDelivered, match="did not answer"):
            road.send(inbox.address, message, seconds=0.05)
    with pytest.raises(road.NotDelivered, match="has not answered earlier messages"):
        road.send(inbox.address, message, seconds=0.05)
    with open_inbox() as other:
        road.send(other.address, message)
        assert other.titles == ["title"]


@pytest.mark.parametrize("asked", ["", "?redirect=yes"])
def test_a_redirect_is_not_followed_whatever_the_address_says(inbox, asked):
    inbox.status = 307
    with pytest.raises(road.NotDelivered):
        road.send(f"{inbox.address}{asked}", Message("title", "body"))
    assert inbox.tries == 1


def test_a_message_of_another_day_says_which(make_channel, inbox, tell, time):
    make_channel(quiet_from=clock_time(11), quiet_until=clock_time(7, 30))
    make_order()
    tell()
    time.passes(hours=19, minutes=30)
    tell()
    assert inbox.messages[0]["message"].startswith("02 Dec 12:00 #")


@pytest.mark.django_db(transaction=True)
def test_a_channel_that_hangs_holds_up_neither_the_others_nor_the_reader(make_channel, inbox):
    with open_inbox() as other:
        make_channel("hangs")
        make_channel("works", address=other.address)
        inbox.hang = True
        desk = channels.Desk()
        make_order()
        desk.step(clock.now())
        desk.step(clock.now())
        processes.wait_until(lambda: inbox.tries and other.messages, "both are tried", 10)
        assert not inbox.messages
        lifecycle.transition(make_order(Status.QUEUED), Status.FAILED, actor="worker")
        desk.step(clock.now())
        desk.step(clock.now())
        processes.wait_until(lambda: len(other.messages) == 2, "the next one arrives", 10)
        inbox.release.set()
        ours = [one for one in threading.enumerate() if one.name.startswith("notices-")]
        processes.wait_until(lambda: not any(one.is_alive() for one in ours), "all ended", 10)
