"""What is kept of a day, and of what its trades cost."""

from datetime import datetime, timedelta

from sigmatrader import clock
from trading.models import ClosedTrade, DayExposure, DayTotal
from trading.services import day_totals

MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=clock.IST)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def total(day: datetime = MONDAY, **conditions: object) -> DayTotal:
    return DayTotal.objects.get(day=day.date(), kind="DAY", **conditions)


def rows() -> list[tuple[object, ...]]:
    """All that is worked out, in an order of its own."""
    kept = [field.name for field in DayTotal._meta.fields if field.name != "id"]
    carried = [field.name for field in DayExposure._meta.fields if field.name != "id"]
    return sorted(
        [*DayTotal.objects.values_list(*kept), *DayExposure.objects.values_list(*carried)],
        key=repr,
    )


def costs() -> list[tuple[object, ...]]:
    return list(
        ClosedTrade.objects.order_by("pk").values_list(
            "entry_charges", "exit_charges", "depository_charges", "risk"
        )
    )


def work_all() -> None:
    """Work out everything that is due."""
    while day_totals.work(seconds=5):
        pass
