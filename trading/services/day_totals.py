"""Totals by day, kept up to date by the worker after the fact: no order ever waits for them.

Who writes trades marks the day in the same transaction. The worker works marked days out again
from the trades, whole, so that late and corrected fills need nothing of their own.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.db import DatabaseError
from django.db.models import Max, Min, Q

from brokers.models import BrokerConnection
from sigmatrader import clock
from sigmatrader.db import Busy, write_transaction
from trading.domain.charges import Schedule
from trading.domain.performance import ZERO, Total, Trade
from trading.domain.session import trading_day
from trading.domain.values import Side
from trading.models import (
    AnalyticsRebuild,
    ClosedTrade,
    DayDue,
    DayExposure,
    DayTotal,
    Fill,
)
from trading.services import trade_charges
from trading.services.day_exposure import bounds_of, day_after_a_change, exposure_of
from trading.services.trade_charges import ClosedPiece, Costed, Costs

logger = logging.getLogger(__name__)

_BATCH: Final = 200
_AGAIN_AFTER: Final = timedelta(minutes=10)
# Kind, strategy, exchange, symbol, hour.
_Key = tuple[str, int | None, str, str, int | None]


class _Overtaken(Exception):
    """Another worker has worked the day out meanwhile, perhaps from newer trades."""


def mark(connection_id: int, days: Iterable[date]) -> None:
    """Have these days of an account worked out again. Call it in the transaction that changes
    fills or trades of them."""
    DayDue.objects.bulk_create(DayDue(connection_id=connection_id, day=day) for day in set(days))


def work(seconds: float = 1.0) -> int:
    """Work out days that are due, the oldest first, for about so long; how many were."""
    deadline = time.monotonic() + seconds
    _begin_rebuilds()
    done, schedule = 0, None
    while time.monotonic() < deadline and (found := _next_due()) is not None:
        schedule = schedule or trade_charges.current_schedule()
        done += _work_out_guarded(*found, schedule)
    _finish_rebuilds()
    return done


@dataclass(frozen=True, slots=True)
class DayRead:
    """What a day of an account comes to, and the rows by which it was due when it was read."""

    connection_id: int
    day: date
    due: list[int]
    costed: Costed
    totals: dict[_Key, Total]
    exposure: list[DayExposure]
    again: set[date]  # other days that this one changes


def work_out(connection_id: int, day: date, schedule: Schedule) -> bool:
    """Charges, totals and exposure of one day of an account; False when another worker did it."""
    return store_day(read_day(connection_id, day, schedule))


def read_day(connection_id: int, day: date, schedule: Schedule) -> DayRead:
    """Work the day out. No transaction is open meanwhile, so that nobody waits."""
    due = DayDue.objects.filter(connection_id=connection_id, day=day)
    due_ids = list(due.values_list("pk", flat=True))
    start, end = bounds_of(day)
    trades = trade_charges.pieces_of(
        connection_id=connection_id, closed_at__gte=start, closed_at__lt=end
    )
    costed = trade_charges.cost(_orders_of(connection_id, day, trades), schedule)
    # Those that were charged: others may be gone or have come since, and the day is due again.
    trades = [costed.pieces[one.pk] for one in trades if one.pk in costed.pieces]
    trade_charges.charge_depository(trades, costed, schedule)
    exposure = exposure_of(connection_id, day)
    again = {piece.closed_on for piece in costed.changed() if _was_costed(piece)} - {day}
    following = day_after_a_change(connection_id, day, exposure)
    return DayRead(
        connection_id=connection_id,
        day=day,
        due=due_ids,
        costed=costed,
        totals=_totals(trades, costed),
        exposure=exposure,
        again=again if following is None else again | {following},
    )


def store_day(read: DayRead) -> bool:
    """Store what was read; False when another worker has worked the day out since, perhaps from
    newer trades. What came meanwhile is due by rows of its own."""
    connection_id, day = read.connection_id, read.day
    try:
        with write_transaction():
            if DayDue.objects.filter(pk__in=read.due).delete()[0] != len(read.due):
                raise _Overtaken
            _store_costs(read.costed)
            _store_totals(connection_id, day, read.totals)
            DayExposure.objects.filter(connection_id=connection_id, day=day).delete()
            DayExposure.objects.bulk_create(read.exposure)
            mark(connection_id, read.again)
    except _Overtaken:
        return False
    return True


def _work_out_guarded(connection_id: int, day: date, schedule: Schedule) -> bool:
    """One day that can't be worked out does not stop the others."""
    try:
        return work_out(connection_id, day, schedule)
    except (DatabaseError, Busy):
        raise
    except Exception as error:
        logger.exception("%s of account %s can't be added up", day, connection_id)
        with write_transaction():
            due = DayDue.objects.filter(connection_id=connection_id, day=day)
            AnalyticsRebuild.objects.filter(due__in=due, finished_at=None).update(
                error=f"{day:%d %b %Y} can't be added up ({type(error).__name__}): see the log."
            )
            due.update(failed_at=clock.now())
        return False


def _next_due() -> tuple[int, date] | None:
    fresh = Q(failed_at__isnull=True) | Q(failed_at__lt=clock.now() - _AGAIN_AFTER)
    row = DayDue.objects.filter(fresh).order_by("day", "connection_id").first()
    return (row.connection_id, row.day) if row else None


def _orders_of(connection_id: int, day: date, trades: Iterable[ClosedPiece]) -> set[int]:
    """Orders of the day's trades, and those that filled on the day: their pieces may have been
    closed on another."""
    start, end = bounds_of(day)
    # Of all accounts: there is an index by time, and SQLite would take another one for the account.
    fills = Fill.objects.filter(at__gte=start, at__lt=end).order_by()
    found = fills.values_list("connection_id", "order_id")
    orders = {order_id for account, order_id in found if account == connection_id}
    for one in trades:
        orders |= {pk for pk in (one.entry_order_id, one.exit_order_id) if pk is not None}
    return orders


def _was_costed(piece: ClosedPiece) -> bool:
    """Whether totals were made of the piece before; of a new one the day is due by itself."""
    return piece.entry_charges is not None and piece.exit_charges is not None


# -- adding up -----------------------------------------------------------------------------------


def _totals(trades: Iterable[ClosedPiece], costed: Costed) -> dict[_Key, Total]:
    kinds = DayTotal.Kind
    totals: dict[_Key, Total] = defaultdict(Total)
    for piece in trades:
        one = Total.of(_trade(piece, costed.costs[piece.pk]))
        hour = piece.closed_at.astimezone(clock.IST).hour
        for key in (
            (kinds.DAY.value, piece.strategy_id, "", "", None),
            (kinds.SYMBOL.value, piece.strategy_id, piece.exchange, piece.symbol, None),
            (kinds.HOUR.value, piece.strategy_id, "", "", hour),
        ):
            totals[key] += one
    return totals


def _trade(piece: ClosedPiece, costs: Costs) -> Trade:
    return Trade(
        opened_at=piece.opened_at,
        closed_at=piece.closed_at,
        strategy="",
        symbol=piece.symbol,
        product=piece.product,
        side=Side(piece.side),
        qty=piece.qty,
        entry_price=piece.entry_price,
        exit_price=piece.exit_price,
        gross=piece.pnl,
        charges=costs.total,
        risk=costs.risk,
        told=costs.told == 2,
        told_charges=costs.told_charges,
    )


def _store_costs(costed: Costed) -> None:
    rows = []
    for piece in costed.changed():
        costs = costed.costs[piece.pk]
        rows.append(
            ClosedTrade(
                pk=piece.pk,
                entry_charges=costs.entry,
                exit_charges=costs.exit,
                depository_charges=costs.depository,
                risk=costs.risk,
            )
        )
    ClosedTrade.objects.bulk_update(
        rows, ["entry_charges", "exit_charges", "depository_charges", "risk"], batch_size=_BATCH
    )


def _store_totals(connection_id: int, day: date, totals: dict[_Key, Total]) -> None:
    DayTotal.objects.filter(connection_id=connection_id, day=day).delete()
    DayTotal.objects.bulk_create(
        DayTotal(
            connection_id=connection_id,
            strategy_id=strategy_id,
            day=day,
            kind=kind,
            exchange=exchange,
            symbol=symbol,
            hour=hour,
            trades=total.trades,
            wins=total.wins,
            losses=total.losses,
            gross=total.gross,
            charges=total.charges,
            won=total.won,
            lost=total.lost,
            best=total.best or ZERO,
            worst=total.worst or ZERO,
            r_sum=total.r_sum,
            r_trades=total.r_trades,
            held_seconds=round(total.held.total_seconds()),
            told=total.told,
            told_charges=total.told_charges,
        )
        for (kind, strategy_id, exchange, symbol, hour), total in totals.items()
    )


# -- all of it again -----------------------------------------------------------------------------


def _begin_rebuilds() -> None:
    """Make every day due for who asked for a rebuild and has not got it yet."""
    for rebuild in AnalyticsRebuild.objects.filter(started_at=None).order_by("pk"):
        _begin(rebuild)


def _begin(rebuild: AnalyticsRebuild) -> None:
    first, last = _span()
    with write_transaction():
        mine = AnalyticsRebuild.objects.filter(pk=rebuild.pk, started_at=None)
        if not mine.update(started_at=clock.now()):
            return  # another worker was faster
        outside = Q() if first is None else Q(day__lt=first) | Q(day__gt=last)
        DayTotal.objects.filter(outside).delete()
        DayExposure.objects.filter(outside).delete()
        days = [] if first is None or last is None else _days(first, last)
        due = [
            DayDue(connection_id=account, day=day, rebuild=rebuild)
            for day in days
            for account in _accounts()
        ]
        DayDue.objects.bulk_create(due)
        AnalyticsRebuild.objects.filter(pk=rebuild.pk).update(total=len(due))


def _span() -> tuple[date | None, date | None]:
    """The days of the first and the last fill or trade."""
    fills = Fill.objects.aggregate(first=Min("at"), last=Max("at"))
    trades = ClosedTrade.objects.aggregate(first=Min("closed_at"), last=Max("closed_at"))
    firsts = [one["first"] for one in (fills, trades) if one["first"]]
    lasts = [one["last"] for one in (fills, trades) if one["last"]]
    return (trading_day(min(firsts)), trading_day(max(lasts))) if firsts else (None, None)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _accounts() -> list[int]:
    """Accounts with fills or trades."""
    return [
        pk
        for pk in BrokerConnection.objects.order_by("pk").values_list("pk", flat=True)
        if Fill.objects.filter(connection_id=pk).exists()
        or ClosedTrade.objects.filter(connection_id=pk).exists()
    ]


def _finish_rebuilds() -> None:
    open_ones = AnalyticsRebuild.objects.filter(started_at__isnull=False, finished_at=None)
    done = [one.pk for one in open_ones if not one.due.exists()]
    if done:
        with write_transaction():
            AnalyticsRebuild.objects.filter(pk__in=done, finished_at=None).update(
                finished_at=clock.now(), error=""
            )
