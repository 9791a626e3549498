"""Notices: which kinds there are, when one may go, and how many become one message. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final

from trading.domain.session import IST, at_time, trading_day


class NoticeKind(StrEnum):
    """What a person may want to be told of."""

    WAITING = "WAITING"
    EXECUTED = "EXECUTED"
    REFUSED = "REFUSED"
    UNKNOWN = "UNKNOWN"
    STATE = "STATE"
    LOSS = "LOSS"
    SESSION = "SESSION"
    BREAKER = "BREAKER"
    TROUBLE = "TROUBLE"
    CALENDAR = "CALENDAR"
    SUMMARY = "SUMMARY"


LABELS: Final[dict[NoticeKind, str]] = {
    NoticeKind.WAITING: "An order waits for a decision",
    NoticeKind.EXECUTED: "An order is executed",
    NoticeKind.REFUSED: "An order is rejected, denied by risk, failed or expired",
    NoticeKind.UNKNOWN: "An order's outcome is unknown",
    NoticeKind.STATE: "The trading state changes (HALTED, REDUCING, ACTIVE)",
    NoticeKind.LOSS: "A day's loss is near its limit, or at it",
    NoticeKind.SESSION: "A login is due, or a session is over",
    NoticeKind.BREAKER: "A breaker has opened",
    NoticeKind.TROUBLE: "Trouble: a worker, an order book, positions that differ, the clock",
    NoticeKind.CALENDAR: "The market calendar ends soon",
    NoticeKind.SUMMARY: "The day's summary after the close",
}
WORDS: Final[dict[NoticeKind, str]] = {
    NoticeKind.WAITING: "waits",
    NoticeKind.EXECUTED: "executed",
    NoticeKind.REFUSED: "not done",
    NoticeKind.UNKNOWN: "UNKNOWN",
    NoticeKind.STATE: "state",
    NoticeKind.LOSS: "loss",
    NoticeKind.SESSION: "login",
    NoticeKind.BREAKER: "breaker",
    NoticeKind.TROUBLE: "trouble",
    NoticeKind.CALENDAR: "calendar",
    NoticeKind.SUMMARY: "day",
}
# One of a kind, and more of them; in this order in a message.
_HEADINGS: Final[dict[NoticeKind, tuple[str, str]]] = {
    NoticeKind.UNKNOWN: ("An outcome is unknown", "{} outcomes are unknown"),
    NoticeKind.STATE: ("Trading state", "{} changes of the trading state"),
    NoticeKind.LOSS: ("Day's loss", "{} warnings of the day's loss"),
    NoticeKind.BREAKER: ("A breaker has opened", "{} breakers have opened"),
    NoticeKind.TROUBLE: ("Trouble", "{} troubles"),
    NoticeKind.WAITING: ("An order waits", "{} orders wait"),
    NoticeKind.REFUSED: ("An order did not go through", "{} orders did not go through"),
    NoticeKind.EXECUTED: ("An order is executed", "{} orders are executed"),
    NoticeKind.SESSION: ("Login", "{} logins"),
    NoticeKind.CALENDAR: ("Market calendar", "{} notes on the market calendar"),
    NoticeKind.SUMMARY: ("The day", "{} days"),
}
# Of the channels that are common, the strictest takes 2,000 characters in a message.
LONGEST_BODY: Final = 1800
LONGEST_LINE: Final = 400
_IN_A_TITLE: Final = 3
# What is urgent gathers no longer than this.
URGENT_SECONDS: Final = 5
_MENTION: Final = re.compile(r"@(?=\w)")
_PAUSES: Final = (30, 60, 120, 300, 900, 1800, 3600)  # seconds, after each failure in a row
TRIES: Final = len(_PAUSES) + 1


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours of each day (IST) in which nothing is sent but what is urgent. May span midnight."""

    begin: time
    end: time

    def end_after(self, moment: datetime) -> datetime | None:
        """When the quiet hours that `moment` lies in are over; None outside of them."""
        at, day = moment.astimezone(IST).time(), trading_day(moment)
        if self.begin <= self.end:
            return at_time(day, self.end) if self.begin <= at < self.end else None
        if at >= self.begin:
            return at_time(day + timedelta(days=1), self.end)
        return at_time(day, self.end) if at < self.end else None


def due_at(
    moment: datetime, *, urgent: bool, group_seconds: int, quiet: QuietHours | None
) -> datetime:
    """When a notice written at `moment` may go: after its window, and outside of quiet hours.

    `quiet` is None where it does not hold for the notice.
    """
    window = min(group_seconds, URGENT_SECONDS) if urgent else group_seconds
    due = moment + timedelta(seconds=window)
    return (quiet.end_after(due) if quiet is not None else None) or due


def pause_after(failures: int) -> timedelta:
    """How long a channel rests after so many failures in a row."""
    return timedelta(seconds=_PAUSES[min(failures, len(_PAUSES)) - 1])


@dataclass(frozen=True, slots=True)
class Line:
    """One notice as a message shows it, with what stands below it (links)."""

    kind: NoticeKind
    text: str
    below: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: plain text."""

    title: str
    body: str


def one_line(text: str) -> str:
    """`text` without control characters and line breaks, and not too long for a message.

    An @ before a word is written wide: messengers would call everybody for some of them.
    """
    plain = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    plain = _MENTION.sub("\uff20", plain)
    return plain if len(plain) <= LONGEST_LINE else f"{plain[: LONGEST_LINE - 1]}…"


def compose(lines: Sequence[Line], longest: int = LONGEST_BODY) -> Message:
    """One message of all the lines, grouped by kind, the gravest first.

    What does not fit into `longest` characters is counted, not shown.
    """
    by_kind = {
        kind: [line for line in lines if line.kind is kind]
        for kind in _HEADINGS
        if any(line.kind is kind for line in lines)
    }
    headings = {kind: _heading(kind, len(found)) for kind, found in by_kind.items()}
    title = _title(list(headings.values()))
    shown: list[str] = []
    room, left_out = longest - len(_more(len(lines))) - 1, 0
    for kind, found in by_kind.items():
        if len(by_kind) > 1:
            room -= _add(shown, f"{headings[kind]}:", room)
        for line in found:
            mark = "• " if len(lines) > 1 else ""
            taken = _add(shown, "\n".join((f"{mark}{line.text}", *line.below)), room)
            taken = taken or _add(shown, f"{mark}{line.text}", room)
            room -= taken
            left_out += not taken
    if left_out:
        shown.append(_more(left_out))
    return Message(title, "\n".join(shown))


def _heading(kind: NoticeKind, count: int) -> str:
    one, more = _HEADINGS[kind]
    return one if count == 1 else more.format(count)


def _title(headings: list[str]) -> str:
    """Some of them in a row; only the first keeps its capital."""
    first, *others = headings[:_IN_A_TITLE]
    text = ", ".join([first, *(one[0].lower() + one[1:] for one in others)])
    return f"{text} and more" if len(headings) > _IN_A_TITLE else text


def _add(shown: list[str], text: str, room: int) -> int:
    """Take `text` up where there is room; how much it took."""
    if len(text) + 1 > room:
        return 0
    shown.append(text)
    return len(text) + 1


def _more(count: int) -> str:
    return f"… and {count} more: see the desk."
