"""Totals that are made anew: asking for it, and how far it is."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Rebuild:
    """How far the worker is with making all totals anew: `done` of `total` days of accounts."""

    done: int
    total: int
    started_at: datetime | None
    finished_at: datetime | None
    error: str


def request_rebuild(by: str) -> Rebuild:
    """Ask the worker to work out charges and totals of all trades again. One is enough: while
    one is open, that one is told of."""
    raise NotImplementedError
