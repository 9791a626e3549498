"""How much was in open positions on a day, at their entry prices."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from django.db.models import Max

from trading.domain.performance import highest_of
from trading.domain.session import at_time
from trading.models import ClosedTrade, DayExposure, Fill, UnpricedLot

_ZERO: Final = Decimal(0)
_STEP: Final = Decimal("0.0001")

# Whose positions: a strategy's (None: those without one), or with True all of the account's.
Owner = tuple[bool, int | None]
Changes = list[tuple[datetime, Decimal]]


def bounds_of(day: date) -> tuple[datetime, datetime]:
    """The first moment of an IST day and of the next one."""
    return at_time(day, time()), at_time(day + timedelta(days=1), time())


def exposure_of(connection_id: int, day: date) -> list[DayExposure]:
    """Rows of the day, not stored yet, from what was carried into it and what changed in it.

    At each moment counts what is open once all that happened in it has happened.
    """
    changes = _changes(connection_id, day)
    carried = carried_before(connection_id, day)
    rows = []
    for (whole, strategy_id), changed in changes.items():
        highest, last = highest_of(carried.get((whole, strategy_id), _ZERO), changed)
        rows.append(
            DayExposure(
                connection_id=connection_id,
                strategy_id=strategy_id,
                whole=whole,
                day=day,
                highest=highest.quantize(_STEP),
                carried=last.quantize(_STEP),
            )
        )
    return rows


def carried_before(connection_id: int, day: date) -> dict[Owner, Decimal]:
    """What was open at the end of each owner's last day before `day`."""
    earlier = DayExposure.objects.filter(connection_id=connection_id, day__lt=day).order_by()
    last = earlier.values("whole", "strategy_id").annotate(last=Max("day"))
    found: dict[Owner, Decimal] = {}
    for one in last.values_list("whole", "strategy_id", "last"):
        whole, strategy_id, on = one
        row = DayExposure.objects.get(
            connection_id=connection_id, whole=whole, strategy_id=strategy_id, day=on
        )
        found[whole, strategy_id] = row.carried
    return found


def day_after_a_change(connection_id: int, day: date, rows: Iterable[DayExposure]) -> date | None:
    """The next day that carries something else than it did, once `rows` are those of `day`."""
    before = carried_before(connection_id, day + timedelta(days=1))
    after = carried_before(connection_id, day)
    after |= {(row.whole, row.strategy_id): row.carried for row in rows}
    if not _differ(before, after):
        return None
    later = DayExposure.objects.filter(connection_id=connection_id, day__gt=day).order_by("day")
    return later.values_list("day", flat=True).first()


def _differ(one: Mapping[Owner, Decimal], other: Mapping[Owner, Decimal]) -> bool:
    return any(one.get(key, _ZERO) != other.get(key, _ZERO) for key in {*one, *other})


def _changes(connection_id: int, day: date) -> dict[Owner, Changes]:
    """What was opened (positive) and closed on the day, in rupees. A piece belongs to the strategy
    of the order that opened it."""
    start, end = bounds_of(day)
    trades = ClosedTrade.objects.filter(connection_id=connection_id).order_by()
    of_trade = ("qty", "entry_price", "entry_order__multiplier", "entry_order__strategy_id")
    opened = trades.filter(opened_at__gte=start, opened_at__lt=end)
    closed = trades.filter(closed_at__gte=start, closed_at__lt=end)
    still = Fill.objects.filter(
        connection_id=connection_id, open_qty__gt=0, at__gte=start, at__lt=end
    ).order_by()
    # What expired, and waits for its price, was opened and ended all the same.
    lots = UnpricedLot.objects.filter(settlement__connection_id=connection_id).order_by()
    begun = lots.filter(opened_at__gte=start, opened_at__lt=end)
    ended = lots.filter(settlement__at__gte=start, settlement__at__lt=end)
    found: dict[Owner, Changes] = defaultdict(list)
    for sign, rows in (
        (1, opened.values_list("opened_at", *of_trade)),
        (-1, closed.values_list("closed_at", *of_trade)),
        (1, begun.values_list("opened_at", *of_trade)),
        (-1, ended.values_list("settlement__at", *of_trade)),
        (
            1,
            still.values_list("at", "open_qty", "price", "order__multiplier", "order__strategy_id"),
        ),
    ):
        for at, qty, price, multiplier, strategy_id in rows:
            value = sign * qty * price * multiplier
            found[False, strategy_id].append((at, value))
            found[True, None].append((at, value))
    return found
