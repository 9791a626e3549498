"""Limits as pages show them: what is used of each, what is set where, and who changed what."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from risk import policy, settings_service
from risk.engine.use import LimitUse
from risk.models import Breaker, RiskSettings, RiskSettingsChange
from risk.settings_values import SETTINGS, SWITCHES, Difference, baseline, text_of, values_of
from trading.domain.values import ClampMode, RiskScope
from trading.services.limit_use import NEARLY, ScopeUse, limit_use
from trading.templatetags.limits import amount_text, setting_name

_UNFOLDED = 3  # as many sections stand open by themselves
_CHANGES_SHOWN = 30
_BREAKERS_SHOWN = 20
# What a switch says while its limit is on; the other way it is no limit.
_SWITCHED_ON: Mapping[str, tuple[bool, str]] = {
    "allow_short_selling": (False, "off"),
    "naked_option_sell": (False, "off"),
    "self_match": (True, "denied"),
    "circuit_breaker_reducing": (True, "also sets REDUCING"),
}
# What says more of another limit, and is none by itself.
_PARTS = frozenset({"repeated_execution_minutes", "circuit_breaker_reducing", "clock_skew_warn"})
_OVER_A_LIMIT = {ClampMode.CLAMP: "cut to what fits (CLAMP)", ClampMode.REJECT: "denied (REJECT)"}


@dataclass(frozen=True, slots=True)
class UseSection:
    """One scope's bars. `top` is its fullest limit; `unfolded`: shown without a press."""

    scope: ScopeUse
    unfolded: bool

    @property
    def slug(self) -> str:
        return use_anchor(self.scope)

    @property
    def top(self) -> LimitUse:
        return max(self.scope.uses, key=_fullness)


def use_anchor(scope: ScopeUse) -> str:
    """The id of the scope's part of the risk page."""
    return f"use-{scope.connection.pk}-{scope.strategy.pk if scope.strategy else 'global'}"


def use_sections(now: datetime) -> list[UseSection]:
    """Every scope with a limit that can be used up. Of many, the full ones stand open, and
    GLOBAL's where the accounts are few."""
    found = [scope for scope in limit_use(now) if scope.uses]
    accounts = [scope for scope in found if scope.strategy is None]

    def unfolded(scope: ScopeUse) -> bool:
        among = accounts if scope.strategy is None else found
        return len(among) <= _UNFOLDED or max(map(_fullness, scope.uses)) >= NEARLY

    return [UseSection(scope, unfolded(scope)) for scope in found]


def _fullness(use: LimitUse) -> int:
    """What is not known counts as used up, as it does for orders."""
    return 100 if use.percent is None else use.percent


@dataclass(frozen=True, slots=True)
class ScopeSettings:
    """What is set for one scope: names with values, and the names of what it does not limit.

    `row` is None while nobody has set GLOBAL limits: then those of a new installation hold.
    """

    label: str
    row: RiskSettings | None
    settings: list[tuple[str, str]]
    off: list[str]
    until: datetime | None


def scope_settings(now: datetime) -> list[ScopeSettings]:
    """The limits in force, GLOBAL's first."""
    return [_settings_of(one, now) for one in policy.limits_of_all()]


def _settings_of(scope: policy.ScopeLimits, now: datetime) -> ScopeSettings:
    row = scope.row
    values = values_of(row) if row else baseline(RiskScope.GLOBAL)
    texts = {name: _text(name, values[name]) for name in SETTINGS}
    ends = row.reverts_at if row else None
    return ScopeSettings(
        label=scope.limits.label,
        row=row,
        settings=[(setting_name(name), text) for name, text in texts.items() if text],
        off=[setting_name(name) for name, text in texts.items() if not text and name not in _PARTS],
        until=ends if ends is not None and ends > now else None,
    )


def _text(name: str, value: Any) -> str:
    """The value for people; empty for a limit that is off."""
    if name in SWITCHES:
        on, words = _SWITCHED_ON[name]
        return words if value is on else ""
    if name == "clamp_mode":
        return _OVER_A_LIMIT[ClampMode(value)]
    if value is None or value == []:
        return ""
    return text_of(name, value) if isinstance(value, list) else amount_text(value, name)


@dataclass(frozen=True, slots=True)
class Change:
    """One change of limits with what it changed."""

    row: RiskSettingsChange
    differences: list[Difference]


def changes() -> list[Change]:
    """The last changes of limits, newest first."""
    rows = RiskSettingsChange.objects.order_by("-at", "-id")[:_CHANGES_SHOWN]
    return [Change(row, settings_service.differences_of(row)) for row in rows]


def closed_breakers() -> list[Breaker]:
    """The last breakers that were closed, newest first."""
    rows = Breaker.objects.filter(closed_at__isnull=False).select_related("connection", "strategy")
    return list(rows.order_by("-closed_at", "-id")[:_BREAKERS_SHOWN])
