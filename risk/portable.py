"""Limits as a file: written, read and compared. Strategies are named, not numbered."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from risk import settings_service
from risk.models import RiskSettings
from risk.settings_values import SETTINGS, Difference, from_json, lasting_values, to_json
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.values import RiskScope

FORMAT = "sigmatrader-risk-settings"
FORMAT_VERSION = 1
MAX_BYTES = 200 * 1024
_TOP = frozenset({"format", "format_version", "exported_at", "settings"})


@dataclass(frozen=True, slots=True)
class ImportedScope:
    """What an import changes for one scope; `made`: the scope had no settings before."""

    label: str
    scope: RiskScope
    strategy: str | None
    made: bool
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    label: str
    scope: RiskScope
    strategy: str | None
    strategy_id: int | None
    values: dict[str, Any]


def export_settings(rows: Iterable[RiskSettings] | None = None) -> dict[str, Any]:
    """The settings of all scopes, or of `rows`, ready for JSON.

    What holds only for a time is left out: the values that return then are in the file.
    """
    if rows is None:
        rows = RiskSettings.objects.select_related("strategy").order_by("scope", "strategy__name")
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "exported_at": clock.now().isoformat(timespec="seconds"),
        "settings": [_exported(row) for row in rows],
    }


def file_text(exported: Mapping[str, Any]) -> str:
    """An export as the text of a file."""
    return json.dumps(exported, ensure_ascii=False, indent=2) + "\n"


def read_file(content: bytes) -> dict[str, Any]:
    """A file's content as `import_settings` takes it. Raises ValidationError."""
    if len(content) > MAX_BYTES:
        raise ValidationError(f"The file is over {MAX_BYTES // 1024} KiB.")
    try:
        data = json.loads(
            content.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_no_constant
        )
    except (ValueError, ArithmeticError, RecursionError):
        raise ValidationError("This is no file of risk settings: it is not JSON.") from None
    if not isinstance(data, dict):
        raise ValidationError("This is no file of risk settings: it must be one JSON object.")
    return data


def import_settings(
    data: Mapping[str, Any], *, actor: str, reason: str = "", dry_run: bool = False
) -> list[ImportedScope]:
    """Take over the settings of a file, all of them or none; what that changes.

    Scopes and settings that the file doesn't name stay. With `dry_run` nothing is kept. Raises
    ValidationError with every fault of the file.
    """
    entries = _read(data)
    reason = reason.strip() or "Imported from a file."
    with write_transaction():
        errors: list[str] = []
        changed = [_take(entry, actor, reason, errors) for entry in entries]
        if errors:
            raise ValidationError({"settings": errors})
        if dry_run:
            transaction.set_rollback(True)
    return [one for one in changed if one is not None and (one.made or one.differences)]


def _exported(row: RiskSettings) -> dict[str, Any]:
    values = lasting_values(row)
    strategy = row.strategy.name if row.strategy else None
    settings = {name: to_json(values[name]) for name in SETTINGS}
    return {"scope": str(row.scope), "strategy": strategy, **settings}


def _no_constant(literal: str) -> NoReturn:
    raise ValueError(f"{literal} is no number of JSON")


def _read(data: Mapping[str, Any]) -> list[_Entry]:
    _check_frame(data)
    ids = dict(strategies().values_list("name", "pk"))
    entries: list[_Entry] = []
    errors: list[str] = []
    for place, raw in enumerate(data["settings"], start=1):
        try:
            entry = _entry(raw, place, ids)
        except ValidationError as error:
            errors += error.messages
            continue
        if any(entry.label == other.label for other in entries):
            errors.append(f"{entry.label} is in the file twice.")
        entries.append(entry)
    if errors:
        raise ValidationError({"settings": errors})
    return entries


def _check_frame(data: Mapping[str, Any]) -> None:
    if data.get("format") != FORMAT:
        raise ValidationError({"format": f"This is no file of risk settings: expected {FORMAT}."})
    version = data.get("format_version")
    if version != FORMAT_VERSION or isinstance(version, bool):
        text = f"This version reads files of format {FORMAT_VERSION} only."
        raise ValidationError({"format_version": text})
    unknown = {
        _sendable(key): "There is no such field in the file." for key in data if key not in _TOP
    }
    if unknown:
        raise ValidationError(unknown)
    if not isinstance(data.get("settings"), list):
        raise ValidationError({"settings": "Give the list of settings, one for each scope."})


def _sendable(text: str) -> str:
    """Messages quote what the file says; half a surrogate pair could not be sent back."""
    return text.encode("utf-8", "backslashreplace").decode()


def _entry(raw: Any, place: int, ids: Mapping[str, int]) -> _Entry:
    if not isinstance(raw, dict):
        raise ValidationError(f"Entry {place} must be an object.")
    scope, strategy = raw.get("scope"), raw.get("strategy")
    if scope not in list(RiskScope):
        raise ValidationError(f"Entry {place}: scope must be one of {', '.join(RiskScope)}.")
    if scope == RiskScope.GLOBAL and strategy is not None:
        raise ValidationError(f"Entry {place}: GLOBAL settings have no strategy.")
    if scope == RiskScope.STRATEGY and not (isinstance(strategy, str) and strategy in ids):
        raise ValidationError(
            f"Entry {place}: there is no strategy {strategy!r} here. Make it first, or take the "
            "entry out of the file."
        )
    label = f"STRATEGY({strategy})" if strategy else "GLOBAL"
    values = _values({k: v for k, v in raw.items() if k not in ("scope", "strategy")}, label)
    return _Entry(label, RiskScope(scope), strategy, ids[strategy] if strategy else None, values)


def _values(raw: Mapping[str, Any], label: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    errors: list[str] = []
    for name, value in raw.items():
        try:
            if name not in SETTINGS:
                raise ValidationError("There is no such setting.")
            values[name] = from_json(name, value)
        except ValidationError as error:
            errors += [_sendable(f"{label}: {name[:80]}: {text}") for text in error.messages]
    if errors:
        raise ValidationError(errors)
    return values


def _take(entry: _Entry, actor: str, reason: str, errors: list[str]) -> ImportedScope | None:
    """Store one scope's part of the file; what is wrong goes to `errors`."""
    row = settings_service.row_of(entry.scope, entry.strategy_id)
    lasting = lasting_values(row)
    changes = {name: value for name, value in entry.values.items() if value != lasting[name]}
    made = row._state.adding
    try:
        found = settings_service.differences(row, changes)
        if made or changes:
            settings_service.change_settings(row, changes, actor=actor, reason=reason)
    except ValidationError as error:
        errors += [
            f"{entry.label}: {name}: {text}"
            for name, texts in settings_service.errors_by_field(error).items()
            for text in texts
        ]
        return None
    return ImportedScope(entry.label, entry.scope, entry.strategy, made, tuple(found))


def strategies() -> QuerySet[Any]:
    """The strategies: risk knows them only by its own foreign key."""
    related = RiskSettings._meta.get_field("strategy").related_model
    assert related is not None
    assert not isinstance(related, str)
    return related._default_manager.all()
