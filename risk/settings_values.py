"""The settings of a row as values: as JSON, as texts, and where two rows differ."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import BooleanField
from django.utils.numberformat import format as format_number

from risk.engine.limits import FRESH
from risk.engine.rules import plain
from risk.models import WHOLE_LIMITS, RiskSettings, no_trade_windows, symbol_entries
from risk.windows import windows_text
from sigmatrader.fields import ScaledDecimalField
from trading.domain.values import ClampMode, RiskScope

_OF_THE_ROW = frozenset(
    ["id", "scope", "strategy", "reverts_at", "reverts_to", "version", "created_at", "updated_at"]
)
_FIELDS = {
    field.name: field
    for field in RiskSettings._meta.concrete_fields
    if field.name not in _OF_THE_ROW
}
SETTINGS: tuple[str, ...] = tuple(_FIELDS)
MONEY = frozenset(name for name, field in _FIELDS.items() if isinstance(field, ScaledDecimalField))
SWITCHES = frozenset(name for name, field in _FIELDS.items() if isinstance(field, BooleanField))
LISTS = frozenset({"symbol_whitelist", "symbol_blacklist", "no_trade_windows"})
# What belongs to an account or to this machine, and so to no single strategy.
GLOBAL_ONLY = frozenset(
    {
        "circuit_breaker",
        "circuit_breaker_unknown",
        "circuit_breaker_reducing",
        "clock_skew",
        "clock_skew_warn",
    }
)
MAX_WHOLE = 10**9
_UNITS = {
    "%": "price_collar price_collar_options stale_alert insufficient_margin",
    "s": "stale_reference duplicate_order cool_down clock_skew clock_skew_warn",
    "min": "repeated_execution_minutes mis_cutoff",
    "₹": "max_order_value max_daily_loss approval_threshold max_position_value "
    "max_gross_exposure max_net_exposure max_working_value strategy_budget",
}
UNITS: Mapping[str, str] = {name: unit for unit, names in _UNITS.items() for name in names.split()}
_WHOLE = re.compile(r"[0-9]{1,19}")
_DECIMAL = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?")


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting before and after a change, as Python values."""

    name: str
    old: Any
    new: Any

    @property
    def label(self) -> str:
        return label_of(self.name)

    @property
    def old_text(self) -> str:
        return text_of(self.name, self.old)

    @property
    def new_text(self) -> str:
        return text_of(self.name, self.new)


def label_of(name: str) -> str:
    """A setting as people read it: "max order value"."""
    return str(_FIELDS[name].verbose_name) if name in _FIELDS else name.replace("_", " ")


def text_of(name: str, value: Any) -> str:
    """A value as people read it, with its unit: "₹1,50,000", "3 %", "off"."""
    if value is None:
        return "off"
    if name in SWITCHES:
        return "yes" if value else "no"
    if name == "no_trade_windows":
        return windows_text(value).replace("\n", ", ") or "none"
    if name in LISTS:
        return ", ".join(value) or "none"
    if not isinstance(value, int | Decimal):
        return str(value)
    shown, unit = grouped(value), UNITS.get(name, "")
    return f"₹{shown}" if unit == "₹" else f"{shown} {unit}".rstrip()


def grouped(number: int | Decimal) -> str:
    """A number in lakh grouping, with its own decimals: "12,34,567.5"."""
    places = max(0, -int(Decimal(number).normalize().as_tuple().exponent))
    text = plain(Decimal(number))
    return format_number(text, ".", places, (3, 2, 0), ",", force_grouping=True, use_l10n=False)


def values_of(row: RiskSettings) -> dict[str, Any]:
    """Every setting of a row by its name."""
    return {name: getattr(row, name) for name in SETTINGS}


def baseline(scope: str) -> dict[str, Any]:
    """What holds for a scope without a row: what a new installation checks, or nothing."""
    usual = FRESH if scope == RiskScope.GLOBAL else {}
    return {name: field.get_default() for name, field in _FIELDS.items()} | dict(usual)


def lasting_values(row: RiskSettings) -> dict[str, Any]:
    """The settings of a row as they will be when its temporary change has ended."""
    return values_of(row) | from_stored(row.reverts_to)


def from_stored(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that were stored as JSON, as Python values."""
    return {name: from_json(name, value) for name, value in kept.items() if name in _FIELDS}


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Where two sets of values differ, in the order of the settings."""
    return [
        Difference(name, before[name], after[name])
        for name in SETTINGS
        if before[name] != after[name]
    ]


def to_json(value: Any) -> Any:
    """A setting for JSON: exact numbers as text, everything else as it is."""
    return plain(value) if isinstance(value, Decimal) else value


def from_json(name: str, value: Any) -> Any:
    """A setting from JSON, strictly of its own kind. Raises ValidationError with the fix."""
    if name in SWITCHES:
        return _switch(value)
    if name == "no_trade_windows":
        return no_trade_windows(value)
    if name in LISTS:
        return symbol_entries(value)
    if name == "clamp_mode":
        return _clamp_mode(value)
    if value is None:
        return None
    return _number(value, name in WHOLE_LIMITS)


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValidationError("Write true or false.", code="invalid")
    return value


def _clamp_mode(value: Any) -> str:
    if value not in list(ClampMode):
        raise ValidationError(f"Use one of {', '.join(ClampMode)}.", code="invalid")
    return str(value)


def _number(value: Any, whole: bool) -> int | Decimal:
    form, make, fix = _NUMBERS[whole]
    text = value.strip() if isinstance(value, str) else ""
    if isinstance(value, Decimal) and abs(value.adjusted()) < 30:
        text = plain(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        text = str(value)
    if not form.fullmatch(text):
        raise ValidationError(fix, code="invalid")
    return make(text)


_NUMBERS: Mapping[bool, tuple[re.Pattern[str], Callable[[str], int | Decimal], str]] = {
    True: (_WHOLE, int, "Write a whole number, or null for off."),
    False: (_DECIMAL, Decimal, 'Write a number as text, like "1500.50", or null for off.'),
}
