"""How far a table of events has been read, so that each row is news once and none is missed.

Rows are read in the order of their ids. On PostgreSQL a transaction may commit an id that lies
below one that was seen before: ids that were not there are remembered, and looked for until no
transaction can still be about to write them.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import F, Max, Model, QuerySet

from sigmatrader.db import Busy, write_transaction
from trading.models import NoticeChannel, NoticeCursor
from trading.services.notices import outbox
from trading.services.notices.outbox import News

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 200
_MISSED_FOR: Final = timedelta(minutes=10)
_MISSED_AT_MOST: Final = 500
_LOOKED_BACK: Final = 5000


def cursor_of(name: str, begin_at: Callable[[], int] = lambda: 0) -> NoticeCursor:
    """The cursor of a source; a new one begins at `begin_at`."""
    found = NoticeCursor.objects.filter(name=name).first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            return NoticeCursor.objects.create(name=name, last_id=begin_at())
    except IntegrityError:
        return NoticeCursor.objects.get(name=name)


def keep(cursor: NoticeCursor, **changes: Any) -> bool:
    """Write `changes` if nobody else has moved the cursor since it was read."""
    return bool(
        NoticeCursor.objects.filter(pk=cursor.pk, version=cursor.version).update(
            version=F("version") + 1, **changes
        )
    )


def last_id(rows: QuerySet[Any]) -> int:
    return int(rows.aggregate(last=Max("pk"))["last"] or 0)


def read(
    name: str,
    rows: QuerySet[Any],
    news_of: Callable[[Any], Iterable[News]],
    channels: list[NoticeChannel],
    now: datetime,
) -> int:
    """Take up what is new among `rows`; how many rows that were. At most 200 at once.

    The outbox and the cursor are written in one transaction: after a crash the rows are read
    again, and nothing stands in the outbox twice.
    """
    cursor = cursor_of(name, lambda: last_id(rows))
    missed = {int(pk): str(at) for pk, at in cursor.pending.items()}
    found: list[Model] = list(rows.filter(pk__in=missed)) if missed else []
    fresh = list(rows.filter(pk__gt=cursor.last_id).order_by("pk")[:_AT_ONCE])
    still = _still_missed(missed, {one.pk for one in found}, now)
    reached = fresh[-1].pk if fresh else cursor.last_id
    there = {one.pk for one in fresh}
    begin = max(cursor.last_id + 1, reached - _LOOKED_BACK)
    gaps = [pk for pk in range(begin, reached) if pk not in there]
    still |= dict.fromkeys(gaps[-_MISSED_AT_MOST:], now.isoformat())
    if not fresh and still == missed:
        return 0
    found += fresh
    news = [one for row in found for one in _news(row, news_of)]
    with write_transaction():
        pending = {str(pk): at for pk, at in still.items()}
        if not keep(cursor, last_id=reached, pending=pending):
            return 0  # another worker was faster
        outbox.write(news, channels, now)
    return len(found)


def _news(row: Any, news_of: Callable[[Any], Iterable[News]]) -> list[News]:
    """A row that can't be told must not keep back those behind it."""
    try:
        return list(news_of(row))
    except (DatabaseError, Busy):
        raise  # the cursor stays, and the row is read again
    except Exception:
        logger.exception("%r could not be made a notice", row)
        return []


def _still_missed(missed: dict[int, str], found: set[int], now: datetime) -> dict[int, str]:
    return {
        pk: at
        for pk, at in missed.items()
        if pk not in found and now - datetime.fromisoformat(at) < _MISSED_FOR
    }


def skip_to_the_end(name: str, rows: QuerySet[Any]) -> None:
    """What is there now is no news."""
    cursor = cursor_of(name, lambda: last_id(rows))
    keep(cursor, last_id=last_id(rows), pending={})
