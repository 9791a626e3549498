"""Making, changing and removing notice channels, and their part in the worker."""

import logging
import time
from datetime import datetime
from typing import Final

from django.db.models import QuerySet

from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.models import Notice, NoticeChannel, NoticeLink
from trading.services.notices import events, facts, outbox, road
from trading.services.notices.courier import Couriers

logger = logging.getLogger(__name__)

SETTINGS: Final = (
    "name",
    "enabled",
    "kinds",
    "quiet_from",
    "quiet_until",
    "urgent_breaks_through",
    "group_seconds",
    "links_decide",
    "link_minutes",
)
_FACTS_SECONDS: Final = 15.0
_FORGET_SECONDS: Final = 3600.0
_SWITCHED_OFF: Final = "The channel was switched off before this was sent."


class Desk:
    """What the worker does for notices, once a second: send what is due, read the news.

    Without a channel that is on it reads one row of one table. What is old it forgets once an hour.
    """

    def __init__(self) -> None:
        self._couriers = Couriers()
        self._facts_due = 0.0
        self._forget_due = 0.0

    def step(self, now: datetime) -> None:
        moment = time.monotonic()
        if channels := outbox.listening():
            self._couriers.send_due(now)
            events.collect(channels, now)
            if moment >= self._facts_due:
                self._facts_due = moment + _FACTS_SECONDS
                facts.collect(channels, now)
        if moment >= self._forget_due:
            self._forget_due = moment + _FORGET_SECONDS
            outbox.forget_old(now)


def save(channel: NoticeChannel, *, actor: str, address: str = "") -> NoticeChannel:
    """Store a channel, new or changed; `address` replaces the one it has.

    A channel that is switched on is told of what happens from now on. A new address, and switching
    off the channel or its links, makes the links void that were sent. Raises BadAddress.
    """
    now = clock.now()
    if address:
        channel.scheme = road.scheme_of(address)
        channel.address = address.strip()
    with write_transaction():
        was_on = NoticeChannel.objects.filter(pk=channel.pk, enabled=True).exists()
        if channel.enabled and not was_on:
            if not outbox.listening():
                events.begin_here()
                facts.begin_here()
            channel.enabled_at = now
        fields = _settable(channel, new_address=bool(address))
        if channel._state.adding:
            channel.save()
        else:
            channel.updated_at = now
            channel.save(update_fields=[*fields, "updated_at"])
        if address or not (channel.enabled and channel.links_decide):
            # What was sent until now must not open again once it is switched on again.
            NoticeLink.objects.filter(notice__channel=channel, used_at__isnull=True).delete()
        if channel.enabled:
            _due_anew(channel)
        else:
            _open_notices(channel).update(dead=True, error=_SWITCHED_OFF)
    logger.info("notice channel %s was saved by %s", channel.name, actor)
    return channel


def _settable(channel: NoticeChannel, *, new_address: bool) -> list[str]:
    """What a person sets; all else is the couriers' and may change meanwhile."""
    fields = [*SETTINGS, "enabled_at"]
    if not new_address:
        return fields
    channel.failures, channel.retry_at = 0, None
    return [*fields, "address_encrypted", "scheme", "failures", "retry_at"]


def _due_anew(channel: NoticeChannel) -> None:
    """What is in the outbox and was not tried yet goes by the new hours and window."""
    for notice in _open_notices(channel).filter(attempts=0):
        due = outbox.due(channel, notice.created_at, urgent=notice.urgent)
        if due != notice.not_before:
            Notice.objects.filter(pk=notice.pk).update(not_before=due)


def _open_notices(channel: NoticeChannel) -> QuerySet[Notice]:
    return Notice.objects.filter(channel=channel, sent_at__isnull=True, dead=False)


def delete(channel: NoticeChannel, *, actor: str) -> None:
    """Remove the channel with what is in its outbox; its links decide nothing any more."""
    with write_transaction():
        channel.delete()
    logger.info("notice channel %s was removed by %s", channel.name, actor)


def send_again(channel: NoticeChannel) -> int:
    """Take up what was given up; how many notices that are."""
    with write_transaction():
        NoticeChannel.objects.filter(pk=channel.pk).update(failures=0, retry_at=None)
        return Notice.objects.filter(channel=channel, dead=True).update(
            dead=False, attempts=0, not_before=clock.now()
        )
