"""The broker's daily instrument list, and when it is due.

A load reads the broker's whole list into a temporary file first. Nothing of it reaches the
database before the list has come to its end and looks like one, so a broken list changes nothing.
It is then written in short transactions (alerts get their turn between two), each row replaced as
a whole, and the rows that it no longer has leave at the end. Meanwhile a reader meets rows of the
old list and of the new one: each is right by itself, a new contract may be missing yet, and none
is taken for another. That the list is whole is said by its InstrumentLoad alone, which ends after
the last row is in: until then `list_problem` keeps live orders with a person. A load that dies
half way leaves it so, and the next one starts afresh.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import IO, Any

from django.db.models import Count, Q

from brokers.errors import BrokerError
from brokers.models import BrokerConnection
from brokers.port import InstrumentRow
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.session import IST, session_on, trading_day
from trading.domain.symbols import INDEX_SEGMENT, search_key
from trading.models import Instrument, InstrumentLoad, Position
from trading.services import calendar
from trading.services.errors import Conflict, ServiceError

DUE_AT = time(8, 30)  # IST, when the broker's list of the day is out
TRY_AGAIN_AFTER = timedelta(minutes=5)
UNDER_WAY = timedelta(minutes=5)  # a load takes seconds: one that is older and has no end has died
ROWS_AT_ONCE = 500  # in one transaction: some tens of milliseconds on SQLite

_KEY = ("exchange", "tradingsymbol")
_COLUMNS = (
    "name",
    "instrument_token",
    "instrument_type",
    "segment",
    "expiry",
    "strike",
    "tick_size",
    "lot_size",
    "search_key",
    "listed_on",
)
_INDEX_TICK = Decimal("0.05")
_DAYS_BACK = 15


# -- whether the list is of today --------------------------------------------------------------


def due_since(now: datetime) -> datetime:
    """When the list in use should have been made at the earliest: 08:30 IST of a trading day."""
    local, known = now.astimezone(IST), calendar.current()
    for offset in range(_DAYS_BACK):
        day = local.date() - timedelta(days=offset)
        moment = datetime.combine(day, DUE_AT, tzinfo=IST)
        if moment <= now and any(session_on(name, day, known) for name in ("NSE", "MCX")):
            return moment
    return now - timedelta(days=_DAYS_BACK)


def _last_whole() -> InstrumentLoad | None:
    return InstrumentLoad.objects.filter(finished_at__isnull=False, error="").first()


def _current(now: datetime) -> bool:
    last = _last_whole()
    return last is not None and last.started_at >= due_since(now)


def is_due(now: datetime) -> bool:
    """Whether a load should be started: no list of today, none under way, none failed just now."""
    if _current(now):
        return False
    last = InstrumentLoad.objects.first()
    if last is None or last.whole:
        return True
    if last.finished_at is None:
        return last.started_at + UNDER_WAY <= now
    return last.finished_at + TRY_AGAIN_AFTER <= now


def list_problem(now: datetime) -> str:
    """Why live orders must wait for a person: the list in use is not today's. Empty when it is."""
    if _current(now):
        return ""
    last = InstrumentLoad.objects.first()
    if last is not None and last.finished_at is not None and last.error:
        return f"Today's instrument list could not be loaded: {last.error}"
    return "Today's instrument list is not loaded yet: log in to the broker, which loads it."


# -- loading it ----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Read:
    """What came out of the broker's list."""

    skipped: int = 0
    rows: Counter[str] = field(default_factory=Counter)  # by exchange


def load(
    rows: Iterator[InstrumentRow],
    connection: BrokerConnection | None,
    now: datetime,
    *,
    accept_smaller: bool = False,
) -> InstrumentLoad:
    """Make `rows` the list in use. The result's `whole` says whether they are, `error` why not.

    A list that has shrunk by more than half, or lacks an exchange, is refused and the old one
    kept, unless `accept_smaller`. Raises Conflict while another load is under way, and whatever
    reading `rows` raises (BrokerError); the load is then recorded as failed. Reads the network
    outside every transaction: call it with none open.
    """
    record = _begin(connection, now)
    try:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as spool:
            read = _spool(rows, spool, record.listed_on)
            record.rows, record.skipped = read.rows.total(), read.skipped
            record.error = _refusal(read, record.listed_on, accept_smaller)
            if not record.error:
                spool.seek(0)
                _write(spool, record.listed_on)
                _remove_unseen(record.listed_on)
    except BaseException as error:
        told = isinstance(error, BrokerError | ServiceError)
        record.error = str(error) if told else type(error).__name__
        raise
    finally:
        record.finished_at = clock.now()
        with write_transaction():
            record.save()
    return record


def _begin(connection: BrokerConnection | None, now: datetime) -> InstrumentLoad:
    with write_transaction():
        last = InstrumentLoad.objects.select_for_update().first()
        if last is not None and last.finished_at is None and now < last.started_at + UNDER_WAY:
            raise Conflict("The instrument list is being loaded already.")
        return InstrumentLoad.objects.create(
            connection=connection, started_at=now, listed_on=trading_day(now)
        )


def _spool(rows: Iterator[InstrumentRow], spool: IO[str], today: date) -> _Read:
    """Write what can be used of `rows` to `spool`, a line each; contracts that expired are left."""
    read = _Read()
    for row in rows:
        if row.expiry is not None and row.expiry < today:
            continue
        fields = _fields(row)
        if fields is None:
            read.skipped += 1
            continue
        read.rows[row.exchange] += 1
        json.dump(fields, spool, separators=(",", ":"))
        spool.write("\n")
    return read


def _fields(row: InstrumentRow) -> list[Any] | None:
    """The row as JSON has it; None when it is no instrument that an order could name."""
    tick, lot = row.tick_size, row.lot_size
    if row.segment == INDEX_SEGMENT:  # nothing of an index is for sale: no lot, no tick
        tick, lot = tick if tick > 0 else _INDEX_TICK, max(lot, 1)
    long = len(row.tradingsymbol) > 128 or len(row.exchange) > 16
    if not row.exchange or not row.tradingsymbol or long or tick <= 0 or lot <= 0:
        return None
    return [
        row.exchange,
        row.tradingsymbol,
        row.name[:128],
        row.instrument_token,
        row.instrument_type[:16],
        row.segment[:32],
        row.expiry.isoformat() if row.expiry else None,
        str(row.strike) if row.strike else None,
        str(tick),
        lot,
    ]


def _refusal(read: _Read, today: date, accept_smaller: bool) -> str:
    """Why the list is not taken for the day's; empty when it is."""
    total = read.rows.total()
    if not total:
        return "The broker's instrument list is empty. The old list stays in use."
    if accept_smaller:
        return ""
    counted = (
        Instrument.objects.filter(Q(expiry__isnull=True) | Q(expiry__gte=today))
        .order_by()
        .values_list("exchange")
        .annotate(Count("id"))
    )
    old = dict(counted)
    if missing := sorted(exchange for exchange in {*old, "NSE"} if not read.rows[exchange]):
        return f"The list has nothing of {', '.join(missing)}. The old list stays in use."
    if total * 2 < sum(old.values()):
        return (
            f"The list has {total} instruments, and the one in use {sum(old.values())}: "
            "too few to be whole. The old list stays in use."
        )
    return ""


def _write(spool: Iterable[str], today: date) -> None:
    instruments = (_instrument(json.loads(line), today) for line in spool)
    # A symbol that stands twice in the list counts as it stands last; within one statement the
    # database would refuse it.
    while chunk := {
        (one.exchange, one.tradingsymbol): one for one in islice(instruments, ROWS_AT_ONCE)
    }:
        with write_transaction():
            Instrument.objects.bulk_create(
                chunk.values(),
                update_conflicts=True,
                unique_fields=_KEY,
                update_fields=_COLUMNS,
            )


def _instrument(fields: list[Any], today: date) -> Instrument:
    exchange, tradingsymbol, name, token, kind, segment, expiry, strike, tick, lot = fields
    return Instrument(
        exchange=exchange,
        tradingsymbol=tradingsymbol,
        name=name,
        instrument_token=token,
        instrument_type=kind,
        segment=segment,
        expiry=date.fromisoformat(expiry) if expiry else None,
        strike=Decimal(strike) if strike else None,
        tick_size=Decimal(tick),
        lot_size=lot,
        search_key=search_key(tradingsymbol),
        listed_on=today,
    )


def _remove_unseen(today: date) -> None:
    """What an earlier day's list had and this one has not. Contracts that are still open here
    stay: by their rows it is known that they have expired, and at what they are settled."""
    held = set(Position.objects.exclude(qty=0).order_by().values_list("exchange", "symbol"))
    rows = Instrument.objects.filter(listed_on__lt=today).order_by()
    unseen = [
        pk
        for pk, *key, expiry in rows.values_list("pk", "exchange", "tradingsymbol", "expiry")
        if expiry is None or expiry >= today or tuple(key) not in held
    ]
    for start in range(0, len(unseen), ROWS_AT_ONCE):
        with write_transaction():
            Instrument.objects.filter(pk__in=unseen[start : start + ROWS_AT_ONCE]).delete()
