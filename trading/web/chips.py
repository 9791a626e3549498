"""Filters in one press, above a list."""

from dataclasses import dataclass
from urllib.parse import urlencode

from trading.web.forms import FilterForm


@dataclass(frozen=True, slots=True)
class Chip:
    """`query`: the address's filters. `count` where a number says something at a glance."""

    label: str
    query: str
    chosen: bool
    count: int | None = None


def chip_of(form: FilterForm, label: str, count: int | None = None, **filters: str) -> Chip:
    """The chip of `filters`; chosen when the form has exactly those."""
    chosen = {name: str(form.value(name)) for name in form.fields if form.value(name)}
    return Chip(label, urlencode(filters), chosen == filters, count)
