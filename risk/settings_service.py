"""The one writer of limits: every change is checked, counted, and recorded with who and why.

Without a row a scope has its baseline: GLOBAL what a new installation checks, a strategy nothing.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from risk.models import WHOLE_LIMITS, RiskSettings, RiskSettingsChange
from risk.settings_values import (
    GLOBAL_ONLY,
    MAX_WHOLE,
    SETTINGS,
    Difference,
    baseline,
    differing,
    from_stored,
    to_json,
    values_of,
)
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.values import RiskScope

logger = logging.getLogger(__name__)

CLOCK_ACTOR = "clock"
REASON_LENGTH = 1000

_LONGEST = timedelta(days=366)


def begin(scope: str, strategy_id: int | None = None) -> RiskSettings:
    """Settings for a scope that has none, not stored yet, with what holds there anyway."""
    row = RiskSettings(scope=scope, strategy_id=strategy_id)
    _set(row, baseline(scope))
    return row


def row_of(scope: str, strategy_id: int | None = None) -> RiskSettings:
    """The stored settings of a scope, or those that it would begin with."""
    whose = Q(strategy__isnull=True) if strategy_id is None else Q(strategy_id=strategy_id)
    found = RiskSettings.objects.filter(whose, scope=scope).select_related("strategy").first()
    return found or begin(scope, strategy_id)


def differences(
    row: RiskSettings, changes: Mapping[str, Any], until: datetime | None = None
) -> list[Difference]:
    """What `changes` would change in `row`, which stays as it is.

    Raises ValidationError by field when they may not be made.
    """
    _check_until(until, clock.now())
    return _apply(copy.copy(row), changes, until)


def change_settings(
    row: RiskSettings,
    changes: Mapping[str, Any],
    *,
    actor: str,
    reason: str = "",
    until: datetime | None = None,
) -> RiskSettings:
    """Store `changes` (by the names of SETTINGS) in `row`, stored or begun, and record it.

    `until` makes them temporary: then the values of before return. One row has one such time: a
    later one moves the end of all that is temporary in it. A change without `until` lasts, also
    for a setting that had been changed for a time. Without any difference nothing is written.
    Returns the stored row. Raises ValidationError by field, and `sigmatrader.db.Busy`.
    """
    now = clock.now()
    _check_until(until, now)
    with write_transaction():
        stored = _locked(row)
        if stored.reverts_at is not None and stored.reverts_at <= now:
            _bring_back(stored, now)
        before, kept, ended_at = _before(stored), dict(stored.reverts_to), stored.reverts_at
        changed = [one.name for one in _apply(stored, changes, until)]
        made_lasting = [name for name in kept if name not in stored.reverts_to]
        if not (stored._state.adding or changed or made_lasting or stored.reverts_at != ended_at):
            return stored
        stored.save()
        _record(
            stored,
            before,
            values_of(stored),
            {*changed, *made_lasting},
            actor=actor,
            reason=reason,
            until=until,
        )
        return stored


def delete_settings(row: RiskSettings, *, actor: str, reason: str = "") -> None:
    """Remove a row, recorded as the return to what holds without it."""
    with write_transaction():
        stored = _locked(row)
        before, after = values_of(stored), baseline(stored.scope)
        stored.version += 1
        names = {one.name for one in differing(before, after)}
        _record(stored, before, after, names, actor=actor, reason=reason, gone=True)
        stored.delete()


def delete_settings_of(strategy_id: int, *, actor: str, reason: str) -> None:
    """Remove a strategy's settings, where it has some, before the strategy itself goes."""
    for row in RiskSettings.objects.filter(strategy_id=strategy_id):
        delete_settings(row, actor=actor, reason=reason)


def revert_due(now: datetime) -> int:
    """Bring back what was changed until `now` or earlier; how many rows that were."""
    due = RiskSettings.objects.filter(reverts_at__lte=now)
    count = 0
    for pk in list(due.values_list("pk", flat=True)):
        with write_transaction():
            row = due.select_for_update(of=("self",)).filter(pk=pk).first()
            if row is not None:
                _bring_back(row, now)
                count += 1
    return count


def history_of(row: RiskSettings) -> QuerySet[RiskSettingsChange]:
    """Every change of a scope's settings, newest first, also of rows that were removed since."""
    same = Q(scope=row.scope, label=row.label)
    if row.pk is not None:
        same |= Q(settings=row)
    return RiskSettingsChange.objects.filter(same).order_by("-at", "-id")


def differences_of(change: RiskSettingsChange) -> list[Difference]:
    """What a recorded change changed, in the order of the settings."""
    old, new = from_stored(change.old), from_stored(change.new)
    return [Difference(name, old.get(name), new[name]) for name in SETTINGS if name in new]


def change_text(change: RiskSettingsChange) -> str:
    """What a recorded change changed, setting by setting, in one line."""
    parts = [f"{one.label}: {one.old_text} → {one.new_text}" for one in differences_of(change)]
    return "; ".join(parts) or "nothing but the record"


def errors_by_field(error: ValidationError) -> dict[str, list[str]]:
    """The texts of a refusal by the field that they concern; "" for all of them."""
    if hasattr(error, "error_dict"):
        return {name.replace("__all__", ""): texts for name, texts in error.message_dict.items()}
    return {"": list(error.messages)}


def _apply(
    row: RiskSettings, changes: Mapping[str, Any], until: datetime | None
) -> list[Difference]:
    """Put checked changes into the row in memory; what differs."""
    before = _before(row)
    _set(row, changes)
    _check(row)
    found = differing(before, values_of(row))
    _time(row, before, [one.name for one in found], changes, until)
    return found


def _before(row: RiskSettings) -> dict[str, Any]:
    return baseline(row.scope) if row._state.adding else values_of(row)


def _set(row: RiskSettings, changes: Mapping[str, Any]) -> None:
    unknown = [name for name in changes if name not in SETTINGS]
    if unknown:
        raise ValidationError({name: f"There is no setting {name}." for name in unknown})
    for name, value in changes.items():
        setattr(row, name, value)


def _check(row: RiskSettings) -> None:
    """The model's own rules, and what belongs to GLOBAL alone. Tidies lists on the way."""
    errors: dict[str, Any] = {}
    try:
        row.full_clean()
    except ValidationError as error:
        errors |= error.error_dict
    errors |= _beyond_fields(row, errors)
    if errors:
        raise ValidationError(errors)


def _beyond_fields(row: RiskSettings, known: Collection[str]) -> dict[str, str]:
    """What no field can say by itself, by field; those in `known` are wrong already."""
    errors: dict[str, str] = {}
    for name in WHOLE_LIMITS:
        value = getattr(row, name)
        if name not in known and value is not None and value > MAX_WHOLE:
            errors[name] = f"At most {MAX_WHOLE}, please."
    if row.scope == RiskScope.STRATEGY:
        for name in GLOBAL_ONLY:
            if getattr(row, name):
                errors[name] = "Only GLOBAL settings have this: leave it off for a strategy."
    return errors


def _check_until(until: datetime | None, now: datetime) -> None:
    if until is None:
        return
    if until.tzinfo is None:
        raise ValidationError({"until": "Say in which time zone, like 2026-01-30T15:30:00+05:30."})
    if until <= now:
        raise ValidationError({"until": "The end of a temporary change must lie in the future."})
    if until > now + _LONGEST:
        raise ValidationError({"until": "A temporary change lasts a year at most; leave it empty."})


def _locked(row: RiskSettings) -> RiskSettings:
    """The row as it is stored now, held until the end of the transaction."""
    if row._state.adding:
        made = RiskSettings(scope=row.scope, strategy_id=row.strategy_id)
        _set(made, values_of(row))
        return made
    rows = RiskSettings.objects.select_for_update(of=("self",)).select_related("strategy")
    stored = rows.filter(pk=row.pk).first()
    if stored is None:
        raise ValidationError("These settings have just been removed by somebody.")
    return stored


def _time(
    row: RiskSettings,
    before: Mapping[str, Any],
    changed: Collection[str],
    given: Collection[str],
    until: datetime | None,
) -> None:
    """Keep what has to return, and when: the values of before the first temporary change."""
    kept = dict(row.reverts_to)
    if until is None:
        kept = {name: value for name, value in kept.items() if name not in given}
    else:
        kept = {name: to_json(before[name]) for name in changed} | kept
    was_temporary = bool(row.reverts_to)
    row.reverts_to = {
        name: value for name, value in kept.items() if value != to_json(getattr(row, name))
    }
    if until is not None and not (row.reverts_to or was_temporary):
        raise ValidationError({"until": "Nothing changes, so nothing can end: leave it empty."})
    row.reverts_at = (until or row.reverts_at) if row.reverts_to else None


def _bring_back(row: RiskSettings, now: datetime) -> None:
    """The values return as they were, whatever has become of the others meanwhile."""
    before, ended_at = values_of(row), row.reverts_at
    began = row.changes.filter(until=ended_at).order_by("-at", "-id").first()
    _set(row, from_stored(row.reverts_to))
    row.reverts_at, row.reverts_to = None, {}
    row.save()
    after = values_of(row)
    names = {one.name for one in differing(before, after)}
    reason = "A temporary change has ended."
    if began is not None:
        why = f": {began.reason}" if began.reason else ""
        reason = f"The temporary change of version {began.version} by {began.actor} ended{why}"
    _record(row, before, after, names, actor=CLOCK_ACTOR, reason=reason, at=now)
    logger.info("%s: limits are back to what they were: %s", row.label, ", ".join(sorted(names)))


def _record(
    row: RiskSettings,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    names: Collection[str],
    *,
    actor: str,
    reason: str,
    until: datetime | None = None,
    at: datetime | None = None,
    gone: bool = False,
) -> None:
    noted = [name for name in SETTINGS if name in names]
    RiskSettingsChange.objects.create(
        settings=None if gone else row,
        scope=row.scope,
        label=row.label,
        version=row.version,
        old={name: to_json(before[name]) for name in noted},
        new={name: to_json(after[name]) for name in noted},
        reason=reason.strip()[:REASON_LENGTH],
        actor=actor,
        at=at or clock.now(),
        until=until,
    )
