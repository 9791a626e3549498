"""The highest value of open positions of each day."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Max, QuerySet

from trading.analytics.filters import Filter, named
from trading.domain.performance import ZERO, highest_of
from trading.domain.session import trading_day
from trading.models import ClosedTrade, DayExposure, Fill

_Changes = list[tuple[datetime, Decimal]]


def exposure(asked: Filter) -> list[tuple[date, Decimal]]:
    """Days on which something was filled, oldest first, with the highest value that was open, in
    rupees at entry prices. Of several accounts, each one's highest is added up."""
    if asked.symbol:
        return _within(asked, _of_trades(asked))
    rows = _rows(asked)
    days = rows
    if asked.first_day is not None:
        days = days.filter(day__gte=asked.first_day)
    if asked.last_day is not None:
        days = days.filter(day__lte=asked.last_day)
    carried = _carried(rows, asked.first_day)
    by_day: dict[date, dict[tuple[int, int | None], DayExposure]] = defaultdict(dict)
    for row in days.order_by("day"):
        by_day[row.day][row.connection_id, row.strategy_id] = row
    found = []
    for day, of_day in sorted(by_day.items()):
        resting = sum((value for key, value in carried.items() if key not in of_day), ZERO)
        found.append((day, resting + sum((row.highest for row in of_day.values()), ZERO)))
        carried |= {key: row.carried for key, row in of_day.items()}
    return found


def _rows(asked: Filter) -> QuerySet[DayExposure]:
    if asked.strategy_id is None:
        rows = DayExposure.objects.filter(whole=True)
    else:
        rows = DayExposure.objects.filter(whole=False, strategy_id=asked.strategy_id)
    return rows.filter(connection__kind=asked.kind) if asked.kind else rows


def _carried(
    rows: QuerySet[DayExposure], first_day: date | None
) -> dict[tuple[int, int | None], Decimal]:
    """What was open before the first day."""
    if first_day is None:
        return {}
    earlier = rows.filter(day__lt=first_day).order_by()
    last = earlier.values("connection_id").annotate(last=Max("day"))
    found = {}
    for connection_id, day in last.values_list("connection_id", "last"):
        row = earlier.get(connection_id=connection_id, day=day)
        found[connection_id, row.strategy_id] = row.carried
    return found


def _of_trades(asked: Filter) -> list[tuple[date, Decimal]]:
    """Of one symbol, from its trades and what is open of it."""
    changes: dict[int, _Changes] = defaultdict(list)
    trades = ClosedTrade.objects.filter(**named(asked.symbol)).order_by()
    fills = Fill.objects.filter(open_qty__gt=0, **named(asked.symbol)).order_by()
    if asked.kind:
        trades = trades.filter(connection__kind=asked.kind)
        fills = fills.filter(connection__kind=asked.kind)
    if asked.strategy_id is not None:
        trades = trades.filter(entry_order__strategy_id=asked.strategy_id)
        fills = fills.filter(order__strategy_id=asked.strategy_id)
    of_trade = ("opened_at", "closed_at", "qty", "entry_price", "entry_order__multiplier")
    for account, opened_at, closed_at, qty, price, unit in trades.values_list(
        "connection_id", *of_trade
    ):
        changes[account] += [(opened_at, qty * price * unit), (closed_at, -qty * price * unit)]
    of_fill = ("connection_id", "at", "open_qty", "price", "order__multiplier")
    for account, at, qty, price, unit in fills.values_list(*of_fill):
        changes[account].append((at, qty * price * unit))
    return _by_day(changes.values())


def _by_day(accounts: Iterable[_Changes]) -> list[tuple[date, Decimal]]:
    split = [_split(changes) for changes in accounts]
    found, carried = [], [ZERO] * len(split)
    for day in sorted({day for one in split for day in one}):
        ends = [
            highest_of(start, one.get(day, [])) for start, one in zip(carried, split, strict=True)
        ]
        found.append((day, sum((highest for highest, _ in ends), ZERO)))
        carried = [last for _, last in ends]
    return found


def _split(changes: _Changes) -> dict[date, _Changes]:
    found: dict[date, _Changes] = defaultdict(list)
    for at, change in changes:
        found[trading_day(at)].append((at, change))
    return found


def _within(asked: Filter, days: list[tuple[date, Decimal]]) -> list[tuple[date, Decimal]]:
    first, last = asked.first_day or date.min, asked.last_day or date.max
    return [(day, value) for day, value in days if first <= day <= last]
