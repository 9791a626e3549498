"""Inputs of the message builder: numbers or placeholders, as the message carries them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from trading.webhooks import fields, placeholders
from trading.webhooks.fields import FieldError

PLAIN = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}


def asked(reader: Callable[[Any], Any], value: str) -> Any:
    """What `reader` makes of `value`; what it refuses is the field's error."""
    try:
        return reader(value)
    except FieldError as error:
        text = str(error)
        raise ValidationError(text[0].upper() + text[1:]) from None


class ValueField(forms.CharField):
    """A number, or one placeholder that gives a number; as the text that the message carries."""

    def __init__(self, *, whole: bool = False, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            max_length=80,
            widget=forms.TextInput(attrs=dict(PLAIN)),
            **kwargs,
        )
        self.whole = whole

    def clean(self, value: Any) -> str:
        text = super().clean(value).replace("₹", "").strip()
        if not text:
            return ""
        if "{" in text or "}" in text:
            return self._placeholder(text)
        if not self.whole:
            number: Decimal | None = asked(fields.price, text)
            return "" if number is None else format(number, "f")
        units, fraction = asked(fields.quantity, text)
        if fraction or units == 0:
            raise ValidationError("Enter a whole number of at least 1, such as 10.")
        return str(units)

    def _placeholder(self, text: str) -> str:
        found = placeholders.FOUND.fullmatch(text)
        if found is None:
            raise ValidationError(
                "Enter a number, or one placeholder and nothing else, such as {{close}}."
            )
        if not placeholders.is_number(found["name"]):
            near = placeholders.nearest(found["name"])
            meant = f" Did you mean {{{{{near}}}}}?" if near else ""
            raise ValidationError(f"{text} is no placeholder that gives a number.{meant}")
        return text
