"""Sending what is in the outbox: one message at a time for each channel, in a thread of its own.

A channel is claimed for the time of a send, so that no two workers send the same. The outcome is
written after it: a worker that dies in between has another one send again. So a message may come
twice, and none is lost.
"""

import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import DatabaseError, connections
from django.db.models import F, Q

from sigmatrader import clock
from sigmatrader.crypto import CryptoError
from sigmatrader.db import Busy, write_transaction
from trading.domain.notices import TRIES, Line, Message, NoticeKind, compose, pause_after
from trading.domain.order import Status
from trading.models import Notice, NoticeChannel
from trading.services.notices import links, road
from trading.services.notices.road import BadAddress, NotDelivered

logger = logging.getLogger(__name__)

_CLAIM: Final = timedelta(seconds=60)
_AT_ONCE: Final = 100  # notices in one message
_LINKS_AT_MOST: Final = 5  # orders of one message that have links
_WAIT_SECONDS: Final = 30.0  # to note an outcome


class Couriers:
    """The threads of this process that send, one for each channel that has something to send."""

    def __init__(self) -> None:
        self._threads: dict[int, threading.Thread] = {}

    def send_due(self, now: datetime) -> None:
        """Start a thread for every channel with something due, and wait for none of them."""
        for pk in due_channels(now):
            before = self._threads.get(pk)
            if before is None or not before.is_alive():
                thread = threading.Thread(
                    target=_carry, args=(pk,), name=f"notices-{pk}", daemon=True
                )
                self._threads[pk] = thread
                thread.start()


def _carry(channel_id: int) -> None:
    try:
        deliver(channel_id)
    except (DatabaseError, Busy) as error:
        logger.error("the outcome of a notice could not be noted: %s", error)
    except Exception:
        logger.exception("the notices of channel %s could not be sent", channel_id)
    finally:
        connections.close_all()


def due_channels(now: datetime) -> list[int]:
    """The channels that have something to send, may try, and are free.

    After a failure a channel rests; what is urgent and was not tried yet does not wait for that.
    """
    may_try = Q(retry_at__isnull=True) | Q(retry_at__lte=now)
    return list(
        NoticeChannel.objects.filter(
            _free(now),
            may_try | Q(notices__urgent=True, notices__attempts=0),
            enabled=True,
            notices__sent_at__isnull=True,
            notices__dead=False,
            notices__not_before__lte=now,
        )
        .order_by("pk")
        .values_list("pk", flat=True)
        .distinct()
    )


def _free(now: datetime) -> Q:
    return Q(busy_until__isnull=True) | Q(busy_until__lte=now)


def deliver(channel_id: int) -> bool:
    """Send what is due of the channel as one message, and note what came of it.

    False when nothing was sent: nothing was due, or another worker sends, or it failed.
    """
    now = clock.now()
    with write_transaction():
        claimed = NoticeChannel.objects.filter(_free(now), pk=channel_id, enabled=True).update(
            busy_until=now + _CLAIM
        )
    if not claimed:
        return False
    channel = NoticeChannel.objects.get(pk=channel_id)
    notices = _due(channel, now)
    if not notices:
        NoticeChannel.objects.filter(pk=channel_id).update(busy_until=None)
        return False
    problem = _send(channel, message_of(notices, now))
    with write_transaction(_WAIT_SECONDS):
        if problem:
            _note_failure(channel, notices, problem)
        else:
            _note_success(channel, notices)
    return not problem


def _due(channel: NoticeChannel, now: datetime) -> list[Notice]:
    """What is due, and what is of the same window though it came later."""
    until = now + timedelta(seconds=channel.group_seconds)
    open_now = Notice.objects.filter(channel=channel, sent_at__isnull=True, dead=False)
    if _rests(channel, now):
        # The others' tries are for after the rest, however much happens meanwhile.
        open_now = open_now.filter(urgent=True, attempts=0)
    if not open_now.filter(not_before__lte=now).exists():
        return []
    found = open_now.filter(not_before__lte=until).select_related(
        "channel", "order__connection", "order__strategy"
    )
    return list(found.order_by("at", "pk")[:_AT_ONCE])


def _rests(channel: NoticeChannel, now: datetime) -> bool:
    return channel.retry_at is not None and channel.retry_at > now


def message_of(notices: Sequence[Notice], now: datetime) -> Message:
    """All of them as one message. An order that has been decided meanwhile says so."""
    lines, linked = [], 0
    for notice in notices:
        below = links.lines_for(notice, now) if linked < _LINKS_AT_MOST else ()
        linked += bool(below)
        text = f"{_time_text(notice.at, now)} {notice.text}{_since(notice)}"
        lines.append(Line(NoticeKind(notice.kind), text, below))
    return compose(lines)


def _time_text(at: datetime, now: datetime) -> str:
    local, today = at.astimezone(clock.IST), now.astimezone(clock.IST)
    return f"{local:%H:%M}" if local.date() == today.date() else f"{local:%d %b %H:%M}"


def _since(notice: Notice) -> str:
    order = notice.order
    if notice.kind != NoticeKind.WAITING or order is None or order.status == Status.WAITING:
        return ""
    return f" – {order.status.replace('_', ' ')} meanwhile"


def _send(channel: NoticeChannel, message: Message) -> str:
    """Send; why it did not arrive, "" when it did."""
    try:
        road.send(channel.address, message)
    except (BadAddress, NotDelivered, CryptoError) as error:
        logger.warning("notice channel %s: %s", channel.name, error)
        return str(error)
    return ""


def send_test(channel: NoticeChannel) -> str:
    """Send a message to try the channel out, whether it is on or not; why it did not arrive, ""
    when it did."""
    text = "This is a test from SigmaTrader. Notices of this channel arrive here."
    problem = _send(channel, Message("SigmaTrader: test", text))
    with write_transaction():
        if problem:
            _note_trouble(channel, problem)
        else:
            _note_health(channel)
    return problem


# -- what came of it ---------------------------------------------------------------------------


def _note_success(channel: NoticeChannel, notices: Sequence[Notice]) -> None:
    Notice.objects.filter(pk__in=[one.pk for one in notices]).update(
        sent_at=clock.now(), attempts=F("attempts") + 1, error=""
    )
    _note_health(channel, busy_until=None)


def _note_failure(channel: NoticeChannel, notices: Sequence[Notice], problem: str) -> None:
    """The channel rests for longer after each failure in a row, but for one within a rest; each
    notice has so many tries."""
    now = clock.now()
    failures, retry_at = channel.failures, channel.retry_at
    if not _rests(channel, now):
        failures += 1
        retry_at = now + pause_after(failures)
    mine = Notice.objects.filter(pk__in=[one.pk for one in notices])
    mine.update(attempts=F("attempts") + 1, error=problem)
    given_up = mine.filter(attempts__gte=TRIES).update(dead=True)
    if given_up:
        logger.error("notice channel %s: %d notices are given up", channel.name, given_up)
    _note_trouble(
        channel,
        problem,
        failures=failures,
        busy_until=None,
        retry_at=retry_at,
    )


def _note_health(channel: NoticeChannel, **more: object) -> None:
    NoticeChannel.objects.filter(pk=channel.pk).update(
        last_success_at=clock.now(), failures=0, retry_at=None, **more
    )


def _note_trouble(channel: NoticeChannel, problem: str, **more: object) -> None:
    NoticeChannel.objects.filter(pk=channel.pk).update(
        last_error=problem, last_error_at=clock.now(), **more
    )
