"""Names for the admin's fields that Django leaves without one, for who can't see the page."""

from typing import Any

from django import forms
from django.forms.widgets import MultiWidget


def name_parts(field: forms.Field | None) -> None:
    """Give the date and the time of a moment names of their own."""
    widget = getattr(field, "widget", None)
    if field is not None and isinstance(widget, MultiWidget) and len(widget.widgets) == 2:
        for part, word in zip(widget.widgets, ("date", "time"), strict=True):
            part.attrs["aria-label"] = f"{field.label or 'moment'}: {word}"


def list_form(base: type[forms.ModelForm]) -> type[forms.ModelForm]:
    """A form of a row that is edited in a list: each field says which row it belongs to."""

    class RowForm(base):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            for field in self.fields.values():
                field.widget.attrs["aria-label"] = f"{field.label} of {self.instance}"

    return RowForm
