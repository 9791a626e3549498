"""Writing what happened into the outbox: once for each channel that wants to know."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from trading.domain.notices import NoticeKind, due_at, one_line
from trading.models import Notice, NoticeChannel, Order

_KEEP = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class News:
    """One thing that happened. `key` is its own for ever: the same again is no news.

    `below`: further lines of our own, none of which comes from outside. `order`: one that waits,
    with the version at which it began to.
    """

    kind: NoticeKind
    key: str
    text: str
    at: datetime
    urgent: bool = False
    below: tuple[str, ...] = ()
    order: Order | None = None
    order_version: int | None = None


def listening() -> list[NoticeChannel]:
    """The channels that are switched on."""
    return list(NoticeChannel.objects.filter(enabled=True).order_by("pk"))


def write(news: Iterable[News], channels: Iterable[NoticeChannel], now: datetime) -> None:
    """Put each of the news into the outbox of every channel that asked for its kind.

    What happened before a channel was switched on is none for it. Inside a transaction, together
    with the cursor that says how far the news have been read.
    """
    found = list(news)
    rows = [
        _row(one, channel, now)
        for channel in channels
        for one in found
        if one.kind in channel.kinds and channel.enabled_at and one.at >= channel.enabled_at
    ]
    if rows:
        Notice.objects.bulk_create(rows, ignore_conflicts=True)


def _row(one: News, channel: NoticeChannel, now: datetime) -> Notice:
    return Notice(
        channel=channel,
        kind=one.kind,
        key=one.key,
        text="\n".join((one_line(one.text), *one.below)),
        urgent=one.urgent,
        order=one.order,
        order_version=one.order_version,
        at=one.at,
        created_at=now,
        not_before=due(channel, now, urgent=one.urgent),
    )


def due(channel: NoticeChannel, moment: datetime, *, urgent: bool) -> datetime:
    """When a notice that was written at `moment` may go through the channel as it is set now."""
    return due_at(
        moment,
        urgent=urgent,
        group_seconds=channel.group_seconds,
        quiet=channel.quiet_for(urgent=urgent),
    )


def forget_old(now: datetime) -> None:
    """Only the last 30 days are kept, sent or not."""
    old = Notice.objects.filter(created_at__lt=now - _KEEP)
    if old.exists():
        old.delete()
