"""The form of a what-if: which alerts, and the limits to try, filled in with those in force."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from risk.examples import help_of, with_example
from risk.models import WHOLE_LIMITS, RiskSettings, symbol_entries
from risk.settings_values import (
    GLOBAL_ONLY,
    MAX_WHOLE,
    SWITCHES,
    UNITS,
    label_of,
    values_of,
)
from risk.windows import parse_windows, windows_text
from trading.domain.values import ClampMode
from trading.services.whatif import MOST_DAYS, NOT_REPLAYED, USUAL_DAYS
from trading.services.whatif_csv import MAX_BYTES
from trading.web.forms import AmountField, QuantityField

_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "One order",
        (
            "max_quantity_per_order",
            "max_order_value",
            "clamp_mode",
            "allow_short_selling",
            "naked_option_sell",
            "approval_threshold",
            "symbol_whitelist",
            "symbol_blacklist",
        ),
    ),
    (
        "What is open",
        (
            "max_open_positions",
            "max_position_quantity",
            "max_position_value",
            "max_gross_exposure",
            "max_net_exposure",
            "strategy_budget",
            "pyramiding",
        ),
    ),
    (
        "The day, and how often",
        (
            "max_daily_loss",
            "consecutive_losses",
            "max_orders_per_day",
            "max_trades_per_day",
            "duplicate_order",
            "cool_down",
            "repeated_execution",
            "repeated_execution_minutes",
            "no_trade_windows",
        ),
    ),
    ("The market", ("price_collar", "price_collar_options", "stale_alert", "mis_cutoff")),
)
# What a replay can't judge, as nothing works in it and no broker answers.
NOT_ASKED = frozenset(
    {
        *NOT_REPLAYED,
        *GLOBAL_ONLY,
        "self_match",
        "max_working_orders",
        "max_working_value",
    }
)


class _SymbolsField(forms.CharField):
    widget = forms.Textarea(attrs={"rows": 2})

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        return symbol_entries(super().clean(value))


class _WindowsField(forms.CharField):
    widget = forms.Textarea(attrs={"rows": 2})

    def prepare_value(self, value: Any) -> Any:
        return windows_text(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        return parse_windows(super().clean(value))


@dataclass(frozen=True, slots=True)
class Group:
    """Some fields under one heading; `open` when something in it is set or wrong."""

    title: str
    fields: tuple[forms.BoundField, ...]
    open: bool


class WhatIfForm(forms.Form):
    """`days` or `csv`, and a field for each setting that can be tried."""

    days = forms.IntegerField(
        label="Days",
        min_value=1,
        max_value=MOST_DAYS,
        required=False,
        help_text="The alerts of so many days, today included. Example: 30.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={"invalid": f"Enter a whole number from 1 to {MOST_DAYS}."},
    )
    csv = forms.FileField(
        label="Or a CSV of alerts",
        required=False,
        help_text="Columns: time, strategy, symbol, action, quantity, price; if you like product "
        "and order_type. It begins with nothing open.",
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )

    def __init__(self, row: RiskSettings, data: Any = None, files: Any = None) -> None:
        values = values_of(row)
        super().__init__(data, files, initial={"days": USUAL_DAYS, **values})
        self._asked = [name for _, names in _GROUPS for name in names if name not in NOT_ASKED]
        for name in self._asked:
            self.fields[name] = _field(name)

    def clean_csv(self) -> bytes | None:
        upload = self.cleaned_data.get("csv")
        if not upload:
            return None
        if upload.size > MAX_BYTES:
            raise ValidationError(f"The file is over {MAX_BYTES // 1024 // 1024} MiB: split it.")
        content: bytes = upload.read()
        return content

    @property
    def settings(self) -> dict[str, Any]:
        """The limits to try, by name."""
        return {name: self.cleaned_data[name] for name in self._asked}

    def groups(self) -> Iterator[Group]:
        """The fields of the limits under their headings."""
        for place, (title, names) in enumerate(_GROUPS):
            fields = tuple(self[name] for name in names if name in self.fields)
            yield Group(title, fields, place == 0 or any(one.errors for one in fields))


def _field(name: str) -> forms.Field:
    label, unit = label_of(name).capitalize(), UNITS.get(name, "")
    common: dict[str, Any] = {
        "label": f"{label} ({unit})" if unit else label,
        "help_text": help_of(name),
        "required": False,
    }
    if name in SWITCHES:
        return forms.BooleanField(**common)
    if name == "clamp_mode":
        return forms.ChoiceField(
            choices=[(word.value, word.value) for word in ClampMode], **{**common, "required": True}
        )
    if name == "no_trade_windows":
        common["help_text"] = with_example(name, "Hours (IST) without entries, one a line.")
        return _WindowsField(**common)
    if name in ("symbol_whitelist", "symbol_blacklist"):
        return _SymbolsField(**common)
    if name in WHOLE_LIMITS:
        return QuantityField(min_value=1, max_value=MAX_WHOLE, **common)
    return AmountField(max_digits=18, decimal_places=4, **common)
