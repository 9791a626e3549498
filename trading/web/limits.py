"""Limits and their use as the risk page shows them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from risk.models import RiskSettings
from risk.settings_values import SETTINGS, SWITCHES, UNITS, text_of
from trading.services.limit_use import ScopeUse

_UNSET = RiskSettings()
_NO_LIMIT: tuple[Any, ...] = (None, (), [])


@dataclass(frozen=True, slots=True)
class ShownScope:
    """One scope: `uses` are dicts that `use_bar` and `rule_name` read, `others` have
    a `text`."""

    label: str
    account: str
    uses: list[dict[str, Any]]
    others: list[dict[str, str]]


def shown(scope: ScopeUse) -> ShownScope:
    """The bars, fullest first, and beside them the limits that only an order can use."""
    bars = [
        {
            "code": one.code.value,
            "setting": one.setting,
            "value": "not known" if one.used is None else one.used,
            "limit": one.limit,
            "unit": one.unit,
            "where": one.where,
            "share": one.limit and (2 if one.used is None else one.used / one.limit),
        }
        for one in scope.uses
    ]
    measured = {one.setting for one in scope.uses}
    others = [
        {"setting": name, "code": name, "text": _text(scope, name)}
        for name in SETTINGS
        if name not in measured and _is_set(scope, name)
    ]
    return ShownScope(
        scope.limits.label,
        scope.connection.name,
        sorted(bars, key=lambda bar: bar["share"], reverse=True),
        others,
    )


def token_of(scopes: Iterable[ShownScope]) -> str:
    """Differs when something that is shown does."""
    told = repr([(one.label, one.account, one.uses, one.others) for one in scopes])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _is_set(scope: ScopeUse, name: str) -> bool:
    value = getattr(scope.limits, name)
    if name in SWITCHES:
        return value is not None and value is not getattr(_UNSET, name)
    return name != "clamp_mode" and value not in _NO_LIMIT


def _text(scope: ScopeUse, name: str) -> str:
    value = getattr(scope.limits, name)
    if name == "no_trade_windows":
        return ", ".join(f"{one.start:%H:%M}–{one.end:%H:%M}" for one in value)
    text = text_of(name, list(value) if isinstance(value, tuple) else value)
    unit = UNITS.get(name, "")
    return text if not unit or unit in text else f"{text} {unit}"
