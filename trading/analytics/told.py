"""Days whose charges the broker did not tell, or not of every order: those stay estimated."""

from datetime import date
from typing import Final, NamedTuple

from trading.analytics.filters import Filter
from trading.models import ChargesRead

_NEWEST: Final = 3


class Untold(NamedTuple):
    """A day of an account of which the broker told the charges of `told` of `orders` orders, and
    why not of the others. `again`: it will be asked once more."""

    day: date
    account: str
    told: int
    orders: int
    error: str
    again: bool


def untold(asked: Filter) -> list[Untold]:
    """The newest such days within those asked for, of that kind of account."""
    rows = (
        ChargesRead.objects.exclude(error="").select_related("connection").order_by("-day", "-pk")
    )
    if asked.kind:
        rows = rows.filter(connection__kind=asked.kind)
    if asked.first_day is not None:
        rows = rows.filter(day__gte=asked.first_day)
    if asked.last_day is not None:
        rows = rows.filter(day__lte=asked.last_day)
    return [
        Untold(
            row.day,
            row.connection.name,
            row.told,
            row.orders,
            row.error,
            again=row.finished_at is None,
        )
        for row in rows.select_related("connection")[:_NEWEST]
    ]
