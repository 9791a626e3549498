"""What would have become of past alerts under the limits in force, or under others."""

import copy
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError

from risk import policy, settings_service
from risk.engine.limits import Limits
from risk.models import RiskSettings
from risk.settings_values import SETTINGS, Difference, from_json
from sigmatrader import clock
from trading.domain.values import RiskScope
from trading.models import Strategy
from trading.services import whatif_csv
from trading.services.day_pnl import day_start
from trading.services.errors import Conflict, InvalidChange
from trading.services.whatif_alerts import past_orders, stored_alerts
from trading.services.whatif_orders import OpeningLot, PastOrder
from trading.services.whatif_replay import LimitsByStrategy, Report, replay

MOST_ALERTS = 20_000
MOST_DAYS = 90
USUAL_DAYS = 7
# How long a page or a call may walk through alerts; a command takes its time.
PATIENCE_SECONDS = 6.0
_AT_ONCE = threading.BoundedSemaphore(2)

# Limits that need what nobody has kept: the margin and the market's prices of that moment.
NOT_REPLAYED = ("insufficient_margin", "stale_reference")
ASSUMPTIONS = (
    "Every order that passes, in whole or in part, counts as sent and filled at once, in full, at "
    "its own price: the limit, the trigger, else the price of the alert. P&L is before charges.",
    "The price of the last alert on an instrument stands for its market price.",
    "What a gate holds is not filled, as nobody was asked. MANUAL orders count as executed by you.",
    "Accounts were connected, trading was ACTIVE, strategies switched on, and no breaker was open "
    "but the one for repeated AUTO orders, which lasts until the end of the day here.",
    "Intraday (MIS) positions of real accounts end with the day, at the last price seen.",
    "What you, the broker or an exit plan did by themselves is not in it, only alerts are.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Limits to try: the settings to change, by name, in GLOBAL or in one strategy's."""

    settings: Mapping[str, Any]
    strategy_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """A report with what it is of.

    `differences`: where the limits tried differ from those in force, in the scope `label`; none
    when nothing else was tried.
    `left_out`: older alerts over the most that are read; `no_orders`: alerts that asked for none.
    `not_replayed`: limits in force or tried that a replay can't judge.
    """

    report: Report
    label: str
    differences: tuple[Difference, ...]
    strategies: Mapping[int, str]
    since: datetime | None
    left_out: int
    no_orders: int
    not_replayed: tuple[str, ...]


def of_stored(
    days: int, candidate: Candidate | None = None, *, patience: float | None = PATIENCE_SECONDS
) -> WhatIf:
    """Replay the stored alerts of the last `days`, today included (IST).

    Raises InvalidChange naming the field.
    """
    if not 1 <= days <= MOST_DAYS:
        text = f"Use a whole number from 1 to {MOST_DAYS}."
        raise InvalidChange(text, errors={"days": [text]})
    keep_going = _for_some_time(patience)
    trial = _trial(candidate)
    now = clock.now()
    since = day_start(now) - timedelta(days=days - 1)
    with _one_of_few(patience):
        stored = stored_alerts(since, now, MOST_ALERTS)
        found = _run(stored.orders, stored.opening, trial, keep_going)
    return replace(found, since=since, left_out=stored.left_out, no_orders=stored.no_orders)


def of_file(
    content: bytes,
    candidate: Candidate | None = None,
    *,
    name: str = "csv",
    patience: float | None = PATIENCE_SECONDS,
) -> WhatIf:
    """Replay the alerts of a CSV file (whatif_csv), beginning with nothing open."""
    keep_going = _for_some_time(patience)
    trial = _trial(candidate)
    now = clock.now()
    with _one_of_few(patience):
        drafts = whatif_csv.of_file(content, MOST_ALERTS, now, name, keep_going)
        return _run(past_orders(drafts, now), (), trial, keep_going)


def of_rows(
    rows: Iterable[Mapping[str, Any]],
    candidate: Candidate | None = None,
    *,
    patience: float | None = PATIENCE_SECONDS,
) -> WhatIf:
    """Replay a list of alerts with the columns of the file, beginning with nothing open."""
    keep_going = _for_some_time(patience)
    trial = _trial(candidate)
    now = clock.now()
    with _one_of_few(patience):
        drafts = whatif_csv.of_rows(rows, MOST_ALERTS, now, "alerts", keep_going)
        return _run(past_orders(drafts, now), (), trial, keep_going)


def settings_from_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON has them, as values; InvalidChange with every wrong one by its name."""
    values, errors = {}, {}
    for name, value in settings.items():
        if name not in SETTINGS:
            known = ", ".join(SETTINGS)
            errors[name[:80]] = [f"There is no such setting. Settings are {known}."]
            continue
        try:
            values[name] = from_json(name, value)
        except ValidationError as error:
            errors[name] = list(error.messages)
    if errors:
        raise _invalid(errors)
    return values


def row_in_force(strategy_id: int | None) -> RiskSettings:
    """The settings of GLOBAL, or of one strategy, that a candidate would change."""
    scope = RiskScope.GLOBAL if strategy_id is None else RiskScope.STRATEGY
    return settings_service.row_of(scope, strategy_id)


# -- limits --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Trial:
    """A candidate that was found to be in order, and differs: the changed row."""

    row: RiskSettings
    differences: tuple[Difference, ...]


def _trial(candidate: Candidate | None) -> _Trial | None:
    if candidate is None:
        return None
    strategy_id = candidate.strategy_id
    if strategy_id is not None and not Strategy.objects.filter(pk=strategy_id).exists():
        text = f"There is no strategy {strategy_id}."
        raise InvalidChange(text, errors={"strategy_id": [text]})
    row = row_in_force(strategy_id)
    try:
        differences = tuple(settings_service.differences(row, candidate.settings))
    except ValidationError as error:
        raise _invalid(settings_service.errors_by_field(error)) from None
    if not differences:
        return None
    changed = copy.copy(row)
    for one in differences:
        setattr(changed, one.name, one.new)
    return _Trial(changed, differences)


def _invalid(errors: dict[str, list[str]]) -> InvalidChange:
    texts = [f"{name}: {text}" for name, texts in errors.items() for text in texts]
    return InvalidChange(" ".join(texts[:5]), errors=errors)


def _with(limits: Sequence[Limits], trial: _Trial, strategy_id: int | None) -> list[Limits]:
    """`limits` of a strategy's orders with the changed row in the place of the stored one."""
    if trial.row.strategy_id not in (None, strategy_id):
        return list(limits)
    changed = policy.limits_of(trial.row, trial.row.strategy.name if trial.row.strategy else "")
    return [*(one for one in limits if one.scope is not changed.scope), changed]


def _replayable(limits: Iterable[Limits]) -> list[Limits]:
    return [replace(one, insufficient_margin=None, stale_reference=None) for one in limits]


def _not_replayed(all_limits: Iterable[Sequence[Limits]]) -> tuple[str, ...]:
    """Which limits are set somewhere and can't be judged."""
    found = [one for limits in all_limits for one in limits]
    return tuple(
        name for name in NOT_REPLAYED if any(getattr(one, name) is not None for one in found)
    )


# -- running -------------------------------------------------------------------------------------


@contextmanager
def _one_of_few(patience: float | None) -> Iterator[None]:
    """A replay keeps the processor busy: of those that somebody waits for, few run at once."""
    if patience is None:
        yield
        return
    if not _AT_ONCE.acquire(blocking=False):
        raise Conflict("Others are looking at a what-if just now. Try again in some seconds.")
    try:
        yield
    finally:
        _AT_ONCE.release()


def _run(
    orders: Sequence[PastOrder],
    opening: Iterable[OpeningLot],
    trial: _Trial | None,
    keep_going: Callable[[], bool],
) -> WhatIf:
    names = {one.intent.strategy_id: one.intent.strategy_name for one in orders}
    now = {number: policy.limits_for(number, name) for number, name in names.items()}
    tried = {number: _with(now[number], trial, number) for number in names} if trial else {}
    report = replay(
        orders,
        _all_replayable(now),
        _all_replayable(tried) if trial else None,
        opening,
        keep_going,
    )
    row = trial.row if trial else None
    return WhatIf(
        report=report,
        label=row.label if row else "",
        differences=trial.differences if trial else (),
        strategies={number: name for number, name in names.items() if number is not None},
        since=None,
        left_out=0,
        no_orders=0,
        not_replayed=_not_replayed([*now.values(), *tried.values()]),
    )


def _all_replayable(limits: Mapping[int | None, Sequence[Limits]]) -> LimitsByStrategy:
    return {number: _replayable(some) for number, some in limits.items()}


def _for_some_time(patience: float | None) -> Callable[[], bool]:
    if patience is None:
        return lambda: True
    end = time.monotonic() + patience
    return lambda: time.monotonic() < end
