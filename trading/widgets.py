"""Inputs that pages and the admin share."""

from typing import Any

from django import forms
from django.urls import reverse_lazy
from django.utils.html import format_html
from django.utils.safestring import SafeString


class SymbolInput(forms.TextInput):
    """A plain text input that suggests symbols of the instrument list while one types.

    Its media are for the admin alone: the pages have the script already.
    """

    class Media:
        js = ("django_htmx/htmx-2.min.js",)

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        defaults = {
            "autocomplete": "off",
            "autocapitalize": "characters",
            "spellcheck": "false",
            "hx-get": reverse_lazy("instrument_search"),
            "hx-trigger": "input changed delay:200ms",
            "hx-sync": "this:replace",
        }
        super().__init__(defaults | (attrs or {}))

    def render(
        self,
        name: str,
        value: Any,
        attrs: dict[str, Any] | None = None,
        renderer: Any = None,
    ) -> SafeString:
        options = f"{(attrs or {}).get('id') or f'id_{name}'}_options"
        attrs = {**(attrs or {}), "list": options, "hx-target": f"#{options}"}
        box = super().render(name, value, attrs, renderer)
        return format_html('{}<datalist id="{}"></datalist>', box, options)
