"""Totals by day, read for a filter and added up by what a page asks."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, Final

from django.db.models import Max, Min, QuerySet, Sum

from brokers.models import BrokerConnection
from sigmatrader import clock
from trading.analytics.filters import Filter, between, named
from trading.domain.performance import ZERO, Group, Total, group_of
from trading.models import ClosedTrade, DayTotal, Strategy

WEEKDAYS: Final = (
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
)
NO_STRATEGY: Final = "No strategy"
_SUMS: Final = {
    "n_trades": Sum("trades"),
    "n_wins": Sum("wins"),
    "n_losses": Sum("losses"),
    "s_gross": Sum("gross"),
    "s_charges": Sum("charges"),
    "s_won": Sum("won"),
    "s_lost": Sum("lost"),
    "s_best": Max("best"),
    "s_worst": Min("worst"),
    "s_r": Sum("r_sum"),
    "n_r": Sum("r_trades"),
    "n_held": Sum("held_seconds"),
    "n_told": Sum("told"),
    "s_told": Sum("told_charges"),
}


def totals_for(asked: Filter) -> QuerySet[DayTotal]:
    """The totals that every trade that meets `asked` is in once."""
    kind = DayTotal.Kind.SYMBOL if asked.symbol else DayTotal.Kind.DAY
    rows = totals_of_kind(asked, kind)
    return rows.filter(**named(asked.symbol)) if asked.symbol else rows


def totals_of_kind(asked: Filter, kind: str) -> QuerySet[DayTotal]:
    """Totals of that kind that meet `asked`, its symbol apart."""
    rows = DayTotal.objects.filter(kind=kind).order_by()
    if asked.strategy_id is not None:
        rows = rows.filter(strategy_id=asked.strategy_id)
    if asked.kind:
        rows = rows.filter(connection__kind=asked.kind)
    if asked.first_day is not None:
        rows = rows.filter(day__gte=asked.first_day)
    if asked.last_day is not None:
        rows = rows.filter(day__lte=asked.last_day)
    return rows


def grouped(rows: QuerySet[DayTotal], *fields: str) -> list[tuple[tuple[Any, ...], Total]]:
    """`rows` added up by the values of `fields`."""
    found = rows.values(*fields).annotate(**_SUMS)
    return [(tuple(one[field] for field in fields), _total(one)) for one in found]


def _total(row: dict[str, Any]) -> Total:
    return Total(
        trades=row["n_trades"],
        wins=row["n_wins"],
        losses=row["n_losses"],
        gross=row["s_gross"],
        charges=row["s_charges"],
        won=row["s_won"],
        lost=row["s_lost"],
        best=row["s_best"],
        worst=row["s_worst"],
        r_sum=row["s_r"],
        r_trades=row["n_r"],
        held=timedelta(seconds=row["n_held"]),
        told=row["n_told"],
        told_charges=row["s_told"],
    )


def by_day(rows: QuerySet[DayTotal]) -> list[tuple[date, Total]]:
    """Oldest first."""
    return sorted((day, total) for (day,), total in grouped(rows, "day"))


def day_groups(days: Iterable[tuple[date, Total]]) -> list[Group]:
    return [group_of(day.isoformat(), f"{day:%d %b %Y}", total) for day, total in days]


def weekday_groups(days: Iterable[tuple[date, Total]]) -> list[Group]:
    sums: dict[int, Total] = {}
    for day, total in days:
        sums[day.weekday()] = sums.get(day.weekday(), Total()) + total
    return [group_of(str(number), WEEKDAYS[number], sums[number]) for number in sorted(sums)]


def hour_groups(asked: Filter) -> list[Group]:
    """By the hour of the closing. Of one symbol from its trades: totals don't hold both."""
    if asked.symbol:
        sums = _hours_of_trades(asked)
    else:
        rows = totals_of_kind(asked, DayTotal.Kind.HOUR)
        sums = {hour: total for (hour,), total in grouped(rows, "hour")}
    return [
        group_of(str(hour), f"{hour:02}:00 to {hour + 1:02}:00", sums[hour])
        for hour in sorted(sums)
    ]


def _hours_of_trades(asked: Filter) -> dict[int, Total]:
    sums: dict[int, Total] = {}
    costs = ("entry_charges", "exit_charges", "depository_charges")
    for closed_at, pnl, *charges in trades_for(asked).values_list("closed_at", "pnl", *costs):
        hour = closed_at.astimezone(clock.IST).hour
        charged = sum((one for one in charges if one is not None), ZERO)
        net = pnl - charged
        one = Total(trades=1, wins=int(net > 0), gross=pnl, charges=charged)
        sums[hour] = sums.get(hour, Total()) + one
    return sums


def trades_for(asked: Filter) -> QuerySet[ClosedTrade]:
    """The trades that meet `asked`, in no order."""
    rows = ClosedTrade.objects.order_by()
    if asked.strategy_id is not None:
        rows = rows.filter(strategy_id=asked.strategy_id)
    if asked.symbol:
        rows = rows.filter(**named(asked.symbol))
        rows = rows.filter(connection__kind=asked.kind) if asked.kind else rows
    elif asked.kind:
        # By number, so that the index finds an account's few trades among the many of others.
        accounts = BrokerConnection.objects.filter(kind=asked.kind).order_by()
        rows = rows.filter(connection__in=list(accounts.values_list("pk", flat=True)))
    return between(rows, "closed_at", asked)


def symbol_groups(asked: Filter) -> list[Group]:
    rows = totals_of_kind(asked, DayTotal.Kind.SYMBOL)
    if asked.symbol:
        rows = rows.filter(**named(asked.symbol))
    groups = []
    for (exchange, symbol), total in grouped(rows, "exchange", "symbol"):
        name = f"{exchange}:{symbol}" if exchange else symbol
        groups.append(group_of(name, name, total))
    return _best_first(groups)


def strategy_groups(rows: QuerySet[DayTotal]) -> list[Group]:
    names = dict(Strategy.objects.values_list("pk", "name"))
    return _best_first(
        group_of(str(pk or ""), names.get(pk, NO_STRATEGY), total)
        for (pk,), total in grouped(rows, "strategy_id")
    )


def _best_first(groups: Iterable[Group]) -> list[Group]:
    return sorted(groups, key=lambda group: (-group.net, group.label))
