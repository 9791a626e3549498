"""The tables of SigmaTrader as Markdown, from the Django models: for docs/schema.md."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import CheckConstraint, F, Field, Index, Model, Q, UniqueConstraint
from django.db.models.fields import NOT_PROVIDED

from sigmatrader.fields import DEFAULT_SCALE, ScaledDecimalField

APPS = ("trading", "risk", "brokers", "sigmatrader")

_TYPES = {
    "BigAutoField": "bigint, key",
    "BigIntegerField": "bigint",
    "BooleanField": "boolean",
    "DateField": "date",
    "DateTimeField": "timestamp",
    "JSONField": "JSON",
    "PositiveIntegerField": "integer ≥ 0",
    "PositiveSmallIntegerField": "smallint ≥ 0",
    "TextField": "text",
    "TimeField": "time of day",
}
_COMPARISONS = {"exact": "=", "gt": ">", "gte": "≥", "lt": "<", "lte": "≤"}


def tables() -> str:
    """Every table of our own apps: its columns, checks, unique rules and indexes."""
    sections: list[str] = []
    for label in APPS:
        config = apps.get_app_config(label)
        sections.append(f"## {label}")
        found = sorted(config.get_models(), key=lambda model: model._meta.db_table)
        sections += [_table(model) for model in found]
    return "\n\n".join(sections)


def row(*cells: str) -> str:
    """One line of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _table(model: type[Model]) -> str:
    meta = model._meta
    lines = [
        f"### {meta.db_table}",
        "",
        f"`{model.__name__}`. {_summary(model)}",
        "",
        row("column", "type", "null", "default", "meaning"),
        row("---", "---", "---", "---", "---"),
    ]
    lines += [_column(field) for field in meta.concrete_fields]
    checks = [one for one in meta.constraints if isinstance(one, CheckConstraint)]
    uniques = [one for one in meta.constraints if isinstance(one, UniqueConstraint)]
    single = [one.column for one in meta.concrete_fields if one.unique and not one.primary_key]
    lines += _listed(
        "Checks", (f"`{one.name}`: {condition(model, one.condition)}" for one in checks)
    )
    lines += _listed(
        "Checks", (f"`{one.name}`: {condition(model, one.condition)}" for one in checks)
    )
    lines += _listed(
        "Unique", (*(f"`{name}`" for name in single), *(_unique(model, one) for one in uniques))
    )
    lines += _listed("Indexes", (_index(model, one) for one in meta.indexes))
    return "\n".join(lines)


def _summary(model: type[Model]) -> str:
    """The first paragraph of the model's docstring."""
    first = (model.__doc__ or "").strip().partition("\n\n")[0]
    return " ".join(first.split())


def _listed(title: str, entries: Iterable[str]) -> list[str]:
    found = list(entries)
    return ["", f"{title}:", "", *(f"- {entry}" for entry in found)] if found else []


def _column(field: "Field[Any, Any]") -> str:
    meaning = str(field.help_text)
    if isinstance(field, models.ForeignKey):
        on_delete = field.deconstruct()[3]["on_delete"].__name__
        meaning = f"On delete: {on_delete}. {meaning}".strip()
    return row(
        f"`{field.column}`", _type(field), "yes" if field.null else "", _default(field), meaning
    )


def _type(field: "Field[Any, Any]") -> str:
    if isinstance(field, models.ForeignKey):
        return f"→ {field.remote_field.model._meta.db_table}"
    if isinstance(field, ScaledDecimalField):
        return "decimal" if field.scale == DEFAULT_SCALE else f"decimal, scale {field.scale}"
    if isinstance(field, models.CharField):
        return f"text({field.max_length})"
    return _TYPES[field.get_internal_type()]


def _default(field: "Field[Any, Any]") -> str:
    if getattr(field, "auto_now_add", False):
        return "now, when made"
    if getattr(field, "auto_now", False):
        return "now, at each save"
    if field.default is NOT_PROVIDED:
        empty = field.blank and field.empty_strings_allowed and not field.null
        return '`""`' if empty else ""
    if callable(field.default):
        made = {list: "`[]`", dict: "`{}`"}
        return made.get(field.default, field.default.__name__)
    return f"`{_value(field.default)}`"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, F):
        return str(value.deconstruct()[1][0])
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Decimal):
        return format(value, "f")
    return '""' if value == "" else str(value)


def condition(model: type[Model], wanted: object) -> str:
    """A Q on columns of `model` in words: "qty > 0 and (price is null or price > 0)".

    Raises TypeError for another expression, KeyError for a lookup that it does not know.
    """
    if not isinstance(wanted, Q):
        raise TypeError(f"{model.__name__}: can't put {wanted!r} into words")
    alone = len(wanted.children) == 1
    parts = [_part(model, child, alone=alone) for child in wanted.children]
    text = f" {wanted.connector.lower()} ".join(parts)
    return f"not ({text})" if wanted.negated else text


def _part(model: type[Model], child: Any, *, alone: bool) -> str:
    if isinstance(child, Q):
        text = condition(model, child)
        return text if alone or child.negated or len(child.children) == 1 else f"({text})"
    path, value = child
    field, _, lookup = path.partition("__")
    name = _column_name(model, field)
    if lookup == "in":
        return f"{name} in ({', '.join(_value(one) for one in value)})"
    if lookup == "isnull":
        return f"{name} is null" if value else f"{name} is not null"
    return f"{name} {_COMPARISONS[lookup or 'exact']} {_value(value)}"


def _columns(model: type[Model], names: Sequence[str]) -> str:
    shown = [
        f"{_column_name(model, name[1:])} desc" if name[0] == "-" else _column_name(model, name)
        for name in names
    ]
    return ", ".join(shown)


def _column_name(model: type[Model], name: str) -> str:
    return str(getattr(model._meta.get_field(name), "column", name))


def _unique(model: type[Model], constraint: UniqueConstraint) -> str:
    columns = _columns(model, constraint.fields)
    return f"`{constraint.name}`: {columns}{_where(model, constraint.condition)}"


def _index(model: type[Model], index: Index) -> str:
    return f"`{index.name}`: {_columns(model, index.fields)}{_where(model, index.condition)}"


def _where(model: type[Model], wanted: Q | None) -> str:
    return f" where {condition(model, wanted)}" if wanted else ""
