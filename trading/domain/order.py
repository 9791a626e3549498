"""An order's life: the statuses, the one transition table, and replay of the event log. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    WAITING = "WAITING"
    QUEUED = "QUEUED"
    SENDING = "SENDING"
    UNKNOWN = "UNKNOWN"
    SENT = "SENT"
    PARTIALLY_EXECUTED = "PARTIALLY_EXECUTED"
    CANCEL_PENDING = "CANCEL_PENDING"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"
    EXECUTED = "EXECUTED"
    REJECTED = "REJECTED"
    REJECTED_RISK = "REJECTED_RISK"


S = Status

_AFTER_SENT = frozenset(
    {S.PARTIALLY_EXECUTED, S.EXECUTED, S.CANCEL_PENDING, S.CANCELLED, S.REJECTED, S.EXPIRED}
)

TRANSITIONS: Mapping[Status | None, frozenset[Status]] = {
    None: frozenset({S.WAITING, S.QUEUED}),
    S.WAITING: frozenset({S.QUEUED, S.CANCELLED, S.EXPIRED}),
    S.QUEUED: frozenset({S.SENDING, S.REJECTED_RISK, S.FAILED, S.CANCELLED, S.EXPIRED, S.WAITING}),
    S.SENDING: frozenset({S.SENT, S.FAILED, S.REJECTED, S.UNKNOWN, S.QUEUED}),
    S.UNKNOWN: _AFTER_SENT | {S.SENT, S.FAILED},
    S.SENT: _AFTER_SENT,
    S.PARTIALLY_EXECUTED: frozenset(
        {S.PARTIALLY_EXECUTED, S.EXECUTED, S.CANCEL_PENDING, S.CANCELLED, S.EXPIRED}
    ),
    S.CANCEL_PENDING: frozenset(
        {S.CANCELLED, S.EXECUTED, S.PARTIALLY_EXECUTED, S.SENT, S.REJECTED, S.EXPIRED}
    ),
    S.CANCELLED: frozenset({S.WAITING, S.PARTIALLY_EXECUTED, S.EXECUTED}),
    S.EXPIRED: frozenset({S.PARTIALLY_EXECUTED, S.EXECUTED}),
    S.FAILED: frozenset({S.SENT}),
    S.EXECUTED: frozenset(),
    S.REJECTED: frozenset(),
    S.REJECTED_RISK: frozenset(),
}

# An order placed outside SigmaTrader starts where the broker's book shows it.
ADOPTION_STATES = frozenset(
    {S.SENT, S.PARTIALLY_EXECUTED, S.EXECUTED, S.CANCELLED, S.REJECTED, S.EXPIRED}
)

IN_FLIGHT = frozenset({S.SENDING, S.UNKNOWN})
WORKING = frozenset({S.SENT, S.PARTIALLY_EXECUTED, S.CANCEL_PENDING})
AT_BROKER = IN_FLIGHT | WORKING
FINAL = frozenset({S.EXECUTED, S.REJECTED, S.REJECTED_RISK})
ENDED = FINAL | {S.CANCELLED, S.EXPIRED, S.FAILED}
RETRYABLE = frozenset({S.FAILED, S.REJECTED_RISK})


class IllegalTransition(Exception):
    """The transition table has no such step."""

    def __init__(self, current: Status | None, target: Status) -> None:
        self.current, self.target = current, target
        super().__init__(f"An order can't go from {current or 'new'} to {target}.")


def check_transition(current: Status | None, target: Status, *, adoption: bool = False) -> None:
    """Raise IllegalTransition unless the table allows the step."""
    if current is None and adoption and target in ADOPTION_STATES:
        return
    if target not in TRANSITIONS[current]:
        raise IllegalTransition(current, target)


def path(current: Status, target: Status) -> tuple[Status, ...]:
    """The shortest legal walk from `current` to `target`, without `current`.

    A broker's report may skip steps (SENDING straight to EXECUTED). Never walks back through
    WAITING or QUEUED. Raises IllegalTransition when there is no way.
    """
    if target in TRANSITIONS[current]:
        return (target,)
    detours = {S.WAITING, S.QUEUED, S.UNKNOWN, S.CANCELLED, S.EXPIRED, S.CANCEL_PENDING}
    frontier: list[tuple[Status, ...]] = [(current,)]
    seen = {current}
    while frontier:
        walk = frontier.pop(0)
        for step in sorted(TRANSITIONS[walk[-1]] - seen):
            if step == target:
                return (*walk[1:], step)
            if step not in detours:
                seen.add(step)
                frontier.append((*walk, step))
    raise IllegalTransition(current, target)


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """One entry of an order's event log, as far as replay needs it."""

    sequence: int
    from_status: Status | None
    to_status: Status
    changes: Mapping[str, Any] = field(default_factory=dict)
    adoption: bool = False


def replay(log: Iterable[LoggedChange]) -> dict[str, Any]:
    """The row that the log describes: its fields by name, `status` and `version` among them.

    Raises ValueError for a gap in the sequence or a broken chain, IllegalTransition for a step
    outside the table.
    """
    row: dict[str, Any] = {}
    status: Status | None = None
    expected = 1
    for change in log:
        if change.sequence != expected:
            raise ValueError(f"event {expected} is missing: found {change.sequence}")
        if change.from_status != status:
            raise ValueError(
                f"event {change.sequence} starts from {change.from_status}, not {status}"
            )
        if change.to_status != status:
            check_transition(status, change.to_status, adoption=change.adoption)
        status = change.to_status
        row.update(change.changes)
        expected += 1
    row["status"] = status
    row["version"] = expected - 1
    return row
