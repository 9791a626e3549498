"""Forms of the admin's pages about limits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Field
from django.utils.text import capfirst

from risk import portable, presets, settings_service
from risk.examples import add_examples
from risk.models import RiskSettings, symbol_entries
from risk.settings_service import REASON_LENGTH
from risk.settings_values import MONEY, SETTINGS, to_json
from risk.windows import parse_windows, windows_text
from sigmatrader.admin_labels import name_parts
from trading.domain.values import RiskScope

_LINES = {"rows": 4, "cols": 60, "spellcheck": "false"}
GLOBAL_TARGET = RiskScope.GLOBAL.value


class SymbolListField(forms.CharField):
    """Symbols as text, separated by commas or lines, for a list in the model."""

    widget = forms.Textarea(attrs=_LINES)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return symbol_entries(super().to_python(value))


class WindowsField(forms.CharField):
    """Hours as text, one window a line, for the list in the model."""

    widget = forms.Textarea(attrs=_LINES)

    def prepare_value(self, value: Any) -> Any:
        return windows_text(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return parse_windows(value if isinstance(value, str) else windows_text(value or ()))

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != (initial or []))
        except ValidationError:
            return True


def _of_model(name: str, form_field: type[forms.CharField], help_text: str = "") -> forms.CharField:
    field = cast("Field[Any, Any]", RiskSettings._meta.get_field(name))
    return form_field(
        required=False,
        label=capfirst(field.verbose_name),
        help_text=help_text or field.help_text,
    )


def _reason_field() -> forms.CharField:
    return forms.CharField(
        required=False,
        max_length=REASON_LENGTH,
        label="Why",
        widget=forms.TextInput(attrs={"size": 80}),
        help_text="For the history: a few words are enough.",
    )


class RiskSettingsForm(forms.ModelForm):
    """Limits with the reason for their change, and the time at which it ends by itself."""

    symbol_whitelist = _of_model("symbol_whitelist", SymbolListField)
    symbol_blacklist = _of_model("symbol_blacklist", SymbolListField)
    no_trade_windows = _of_model(
        "no_trade_windows",
        WindowsField,
        "Hours (IST) in which no entries are sent, one window a line: Mon-Fri 12:00-13:30, or "
        "12:00-13:30 for every day. Exits pass.",
    )
    reason = _reason_field()
    until = forms.SplitDateTimeField(
        required=False,
        label="Only until (IST)",
        widget=AdminSplitDateTime,
        help_text="Then what you change now returns by itself to what it was. Empty: it stays.",
    )

    class Meta:
        model = RiskSettings
        fields = ("scope", "strategy", *SETTINGS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name_parts(self.fields["until"])
        add_examples(self.fields)
        for name in MONEY:
            value = self.initial.get(name)
            if isinstance(value, Decimal):
                self.initial[name] = to_json(value)

    @property
    def changed_settings(self) -> dict[str, Any]:
        """The settings that were typed: all of a new row's, of a stored one what differs."""
        if self.instance.pk is None:
            names = [name for name in SETTINGS if not self._omitted(name)]
        else:
            names = [name for name in SETTINGS if name in self.changed_data]
        return {name: self.cleaned_data[name] for name in names if name in self.cleaned_data}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if (self.instance.pk is None or self.changed_settings) and not cleaned.get("reason"):
            self.add_error("reason", "Say why, in a few words.")
        return cleaned

    def _omitted(self, name: str) -> bool:
        """A program that leaves a field out means neither a value nor that it is off."""
        widget = self.fields[name].widget
        return bool(widget.value_omitted_from_data(self.data, self.files, self.add_prefix(name)))

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if {"scope", "strategy"} & set(self.errors):
            return
        stored = RiskSettings.objects.filter(pk=self.instance.pk).first()
        row = stored or settings_service.begin(self.instance.scope, self.instance.strategy_id)
        try:
            settings_service.differences(row, self.changed_settings, self.cleaned_data.get("until"))
        except ValidationError as error:
            for name, texts in settings_service.errors_by_field(error).items():
                if name not in self.errors:
                    self.add_error(name if name in self.fields else None, texts)


class ImportForm(forms.Form):
    """A file of limits, as it was exported; its content comes along again when it is confirmed."""

    file = forms.FileField(required=False, label="File", help_text="A JSON file, as exported.")
    content = forms.CharField(required=False, widget=forms.HiddenInput)
    reason = _reason_field()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        upload: UploadedFile | None = cleaned.get("file")
        typed = cleaned.get("content", "").encode()
        content = typed if upload is None else bytes(upload.read(portable.MAX_BYTES + 1))
        if not content:
            raise ValidationError("Choose a file.")
        cleaned["data"] = portable.read_file(content)
        cleaned["content"] = content.decode("utf-8-sig")
        return cleaned


class PresetForm(forms.Form):
    """Which preset, for what capital, for whose orders."""

    target = forms.MultipleChoiceField(
        label="For", widget=forms.CheckboxSelectMultiple, help_text="One or several."
    )
    preset = forms.ChoiceField(
        choices=[(one.name, one.title) for one in presets.PRESETS.values()],
        widget=forms.RadioSelect,
    )
    capital = forms.DecimalField(
        label="Capital (₹)",
        min_value=presets.LEAST_CAPITAL,
        max_value=presets.MOST_CAPITAL,
        decimal_places=0,
        initial=presets.USUAL_CAPITAL,
        help_text="What is traded with: the amounts are shares of it. For a strategy, its own.",
    )
    market_data = forms.BooleanField(
        required=False,
        label="My plan has market data",
        help_text="Adds the price collars, which need the last price: without it they deny orders.",
    )
    reason = _reason_field()
    shown = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = portable.strategies().values_list("pk", "name")
        cast("forms.MultipleChoiceField", self.fields["target"]).choices = [
            (GLOBAL_TARGET, "GLOBAL"),
            *((str(pk), f"STRATEGY({name})") for pk, name in names),
        ]

    @property
    def scopes(self) -> list[tuple[RiskScope, int | None]]:
        """What was chosen, as scope and the id of its strategy."""
        return [
            (RiskScope.GLOBAL, None) if one == GLOBAL_TARGET else (RiskScope.STRATEGY, int(one))
            for one in self.cleaned_data["target"]
        ]

    @property
    def signature(self) -> str:
        """The choice as one text: only what was shown is applied."""
        return "|".join([*map(str, self.choice), *sorted(self.cleaned_data["target"])])

    @property
    def choice(self) -> tuple[str, Decimal, bool]:
        """The preset, the capital, and whether there is market data."""
        chosen = self.cleaned_data
        return chosen["preset"], chosen["capital"], chosen["market_data"]
