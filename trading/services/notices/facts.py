"""News that no row tells: conditions that hold for a while, and what is due by the clock.

A condition is told once when it comes about. It counts as gone when it was not there for five
minutes; after that it is news again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from brokers.models import BrokerConnection
from risk.engine.use import LimitUse
from risk.models import RiskDay, SquareOff
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading import selectors
from trading.domain import coverage
from trading.domain.notices import NoticeKind
from trading.domain.order import Status
from trading.domain.session import session_on, trading_day
from trading.models import NoticeChannel, Order, WorkerHeartbeat
from trading.services import alarms, calendar, squareoff
from trading.services.limit_use import ScopeUse, limit_use, nearly_used
from trading.services.logins import logins_due
from trading.services.notices import cursors, outbox
from trading.services.notices.outbox import News
from trading.services.notices.summary import day_summary
from trading.templatetags.money import qty, rupees

_GONE_AFTER: Final = timedelta(minutes=5)
_SILENT_AFTER: Final = timedelta(seconds=60)
_SILENT_AT_MOST: Final = timedelta(days=1)
_STUCK_AFTER: Final = timedelta(seconds=60)
_SUMMARY_AFTER_CLOSE: Final = timedelta(minutes=15)
_CALENDAR_STAGES: Final = (0, 1, 7, coverage.WARN_DAYS)  # days before the end
_CURSOR: Final = "conditions"


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that holds now. `key` is the same for as long as it holds."""

    kind: NoticeKind
    key: str
    text: str
    urgent: bool = False
    below: tuple[str, ...] = ()


def collect(channels: list[NoticeChannel], now: datetime) -> int:
    """Take up the conditions that have come about since the last look; how many they are."""
    wanted = {kind for channel in channels for kind in channel.kinds}
    holding = {one.key: one for one in conditions(now, wanted)}
    cursor = cursors.cursor_of(_CURSOR)
    known: dict[str, dict[str, str]] = cursor.pending
    still = _still_known(known, set(holding), now)
    begun = [one for key, one in holding.items() if key not in still]
    still |= {one.key: {"since": now.isoformat()} for one in begun}
    if still == known:
        return 0
    with write_transaction():
        if not cursors.keep(cursor, pending=still):
            return 0  # another worker was faster
        outbox.write((_news(one, now) for one in begun), channels, now)
    return len(begun)


def begin_here() -> None:
    """Whatever holds now is news to a channel that is the first to listen."""
    cursors.keep(cursors.cursor_of(_CURSOR), pending={})


def _still_known(
    known: dict[str, dict[str, str]], holding: set[str], now: datetime
) -> dict[str, dict[str, str]]:
    """What is known without what is gone for long enough; `gone`: since when it is."""
    still = {}
    for key, one in known.items():
        if key in holding:
            still[key] = {"since": one["since"]}
        elif now - datetime.fromisoformat(one.get("gone", now.isoformat())) < _GONE_AFTER:
            still[key] = {"gone": now.isoformat(), **one}
    return still


def _news(one: Condition, now: datetime) -> News:
    key = f"{one.key}@{int(now.timestamp())}"
    return News(one.kind, key, one.text, now, urgent=one.urgent, below=one.below)


def conditions(now: datetime, wanted: set[str]) -> Iterator[Condition]:
    """What holds now, of the kinds that somebody wants to know of."""
    for kind, finder in (
        (NoticeKind.SESSION, _logins),
        (NoticeKind.LOSS, _losses),
        (NoticeKind.TROUBLE, _troubles),
        (NoticeKind.CALENDAR, _calendar),
        (NoticeKind.SUMMARY, _summary),
    ):
        if kind in wanted:
            yield from finder(now)


def _logins(now: datetime) -> Iterator[Condition]:
    for one in logins_due(selectors.accounts(), now):
        account = BrokerConnection.objects.get(pk=one.connection_id)
        ended = account.token_expires_at
        until = f":{ended:%H%M%S}" if ended else ""
        opens = f"{one.opens_at.astimezone(clock.IST):%H:%M}"
        text = f"Log in to {one.name} before the market opens at {opens}."
        if one.open:
            text = f"{one.name} is not logged in: nothing can be sent through it until you log in."
        yield Condition(
            NoticeKind.SESSION,
            f"login:{one.connection_id}:{trading_day(now)}{until}",
            text,
        )


# -- the day's loss ----------------------------------------------------------------------------


def _losses(now: datetime) -> Iterator[Condition]:
    reached = RiskDay.objects.filter(day=trading_day(now), reduced_at__isnull=False)
    for day in reached.select_related("connection", "strategy"):
        whose = f"strategy {day.strategy}" if day.strategy else f"account {day.connection}"
        yield Condition(
            NoticeKind.LOSS,
            f"loss:{day.pk}",
            f"The day's loss of {whose} has reached its limit: only exits pass.",
            urgent=True,
        )
        if day.halted_at is not None:
            yield Condition(
                NoticeKind.LOSS,
                f"loss-halted:{day.pk}",
                f"The day's loss of {whose} is at 1.5 × its limit: trading there is HALTED.",
                urgent=True,
            )
    for scope, use in nearly_used(limit_use(now)):
        if use.setting == "max_daily_loss" and use.used is not None and use.used < use.limit:
            yield _near(scope, use, now)


def _near(scope: ScopeUse, use: LimitUse, now: datetime) -> Condition:
    strategy = scope.strategy.pk if scope.strategy else 0
    return Condition(
        NoticeKind.LOSS,
        f"loss-near:{scope.connection.pk}:{strategy}:{trading_day(now)}",
        f"{scope.label}: the day's loss is {rupees(use.used)} of {rupees(use.limit)} "
        f"({use.percent} %).",
    )


# -- trouble -----------------------------------------------------------------------------------


def _troubles(now: datetime) -> Iterator[Condition]:
    yield from _alarms(now)
    yield from _silent_workers(now)
    yield from _stuck_orders(now)
    yield from _unfinished_square_offs(now)


def _alarms(now: datetime) -> Iterator[Condition]:
    """What the accounts' own state says; breakers are rows and told as such."""
    for alarm in alarms.current_breakers(now):
        if not alarm.resumes:
            which = sha256(alarm.way_back.encode()).hexdigest()[:8]
            yield Condition(
                NoticeKind.TROUBLE,
                f"alarm:{alarm.code}:{alarm.connection_id}:{which}",
                f"{alarm.label}: {alarm.reason} {alarm.way_back}",
            )


def _silent_workers(now: datetime) -> Iterator[Condition]:
    silent = WorkerHeartbeat.objects.filter(
        stopped_at__isnull=True,
        beat_at__lt=now - _SILENT_AFTER,
        beat_at__gt=now - _SILENT_AT_MOST,
    )
    for worker in silent:
        yield Condition(
            NoticeKind.TROUBLE,
            f"worker:{worker.pk}",
            f"A worker on {worker.host} fell silent at "
            f"{worker.beat_at.astimezone(clock.IST):%d %b, %H:%M:%S} without a goodbye; "
            "another one runs.",
            urgent=True,
        )


def _stuck_orders(now: datetime) -> Iterator[Condition]:
    long_ago = now - _STUCK_AFTER
    queued = Order.objects.filter(status=Status.QUEUED, queued_at__lt=long_ago)
    held_back = queued.filter(not_before__gt=long_ago)
    count = queued.count() - held_back.count()
    if count:
        yield Condition(
            NoticeKind.TROUBLE,
            "stuck",
            f"{qty(count)} {'order is' if count == 1 else 'orders are'} in the queue for more than "
            "a minute and not sent.",
            urgent=True,
        )


def _unfinished_square_offs(now: datetime) -> Iterator[Condition]:
    ended = SquareOff.objects.filter(finished_at__gt=now - _SILENT_AT_MOST).exclude(
        outcome=squareoff.FLAT
    )
    for row in ended.select_related("connection", "strategy"):
        yield Condition(
            NoticeKind.TROUBLE,
            f"square-off:{row.pk}",
            f"The square-off of {squareoff.label_of(row)} did not end flat: {row.outcome}",
            urgent=True,
        )


# -- by the clock ------------------------------------------------------------------------------


def _calendar(now: datetime) -> Iterator[Condition]:
    known, today = calendar.current(), trading_day(now)
    if texts := coverage.warnings(known, today):
        left = (coverage.ends_on(known) - today).days
        stage = next((days for days in _CALENDAR_STAGES if left <= days), "special")
        yield Condition(
            NoticeKind.CALENDAR,
            f"calendar:{coverage.ends_on(known)}:{stage}:{len(texts)}",
            " ".join(texts),
        )


def _summary(now: datetime) -> Iterator[Condition]:
    day = trading_day(now)
    session = session_on("NSE", day, calendar.current())
    if session is not None and now >= session.closes_at + _SUMMARY_AFTER_CLOSE:
        first, *below = day_summary(now)
        yield Condition(NoticeKind.SUMMARY, f"summary:{day}", first, below=tuple(below))
