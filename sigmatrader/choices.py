"""Enums as model choices and database constraints."""

from enum import StrEnum

from django.db import models

_ABBREVIATIONS = frozenset(
    {"AMO", "CNC", "GTT", "IOC", "MIS", "MTF", "NRML", "SL", "SL-M", "TTL", "amo", "gtt"}
)


def _label(word: str) -> str:
    return word.upper() if word in _ABBREVIATIONS else word.replace("_", " ").capitalize()


def choices(words: type[StrEnum]) -> list[tuple[str, str]]:
    """The words with the labels that forms show."""
    return [(word.value, _label(word.value)) for word in words]


def one_of(field: str, words: type[StrEnum], name: str) -> models.CheckConstraint:
    """A CHECK that `field` holds one of `words`."""
    return models.CheckConstraint(
        condition=models.Q(**{f"{field}__in": [word.value for word in words]}), name=name
    )
