"""Square-offs as rows: asked for, running, stopped, finished. `squaring` does the work."""

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet

from brokers.models import BrokerConnection
from risk.models import SquareOff
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.order import AT_BROKER, Status
from trading.domain.values import InstrumentKey, Origin, Product, Side, StateScope
from trading.models import ClosedTrade, Fill, Order
from trading.services.exposure import held_quantities
from trading.services.wakeup import wake_workers

logger = logging.getLogger(__name__)

FLAT = "Flat."
UNFINISHED = (Status.QUEUED, *sorted(AT_BROKER))


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where units may be open: an instrument as one product."""

    key: InstrumentKey
    product: Product

    def __str__(self) -> str:
        return f"{self.key} {self.product}"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a square-off is: positions that are still open, orders that are on their way."""

    row: SquareOff
    positions: int
    orders: int

    @property
    def label(self) -> str:
        return label_of(self.row)

    @property
    def text(self) -> str:
        if self.row.finished_at is not None:
            return self.row.outcome
        positions = "1 position" if self.positions == 1 else f"{self.positions} positions"
        orders = "1 order" if self.orders == 1 else f"{self.orders} orders"
        return f"{positions} still open, {orders} on the way."


def begin(
    scope: StateScope,
    reason: str,
    actor: str,
    *,
    connection_id: int | None = None,
    strategy_id: int | None = None,
    product: str = "",
    then_halt: bool = False,
    day: date | None = None,
) -> SquareOff:
    """Ask for a square-off; the worker begins at once. One that runs already is returned."""
    target: dict[str, Any] = {
        "scope": scope,
        "connection_id": connection_id,
        "strategy_id": strategy_id,
        "product": product,
    }
    with write_transaction():
        row = SquareOff.objects.filter(**target, finished_at__isnull=True).first()
        if row is None:
            row = SquareOff.objects.create(
                **target,
                day=day,
                then_halt=then_halt,
                reason=reason,
                started_by=actor[:150],
                started_at=clock.now(),
            )
        elif then_halt and not row.then_halt:
            row.then_halt = True
            row.save(update_fields=["then_halt"])
        wake_workers()
    return row


def running() -> QuerySet[SquareOff]:
    return (
        SquareOff.objects.filter(finished_at__isnull=True)
        .select_related("connection", "strategy")
        .order_by("started_at", "pk")
    )


def still_runs(row: SquareOff) -> bool:
    """Whether nobody has ended it; then nobody does until the end of the caller's transaction."""
    rows = SquareOff.objects.select_for_update(no_key=True)
    return rows.filter(pk=row.pk, finished_at__isnull=True).first() is not None


def finish(row: SquareOff, outcome: str) -> bool:
    """Write what came of it, once; False when it had ended before."""
    done = SquareOff.objects.filter(pk=row.pk, finished_at__isnull=True).update(
        finished_at=clock.now(), outcome=outcome
    )
    if done and outcome != FLAT:
        logger.error("ALARM: square-off of %s: %s", label_of(row), outcome)
    row.refresh_from_db()
    return bool(done)


def covering(scope: StateScope, connection_id: int, strategy_id: int | None) -> SquareOff | None:
    """What runs and closes all that the scope has open: the narrowest. `connection_id` is the
    account, of a strategy too."""
    wider = [(StateScope.ACCOUNT, connection_id, None), (StateScope.EVERYTHING, None, None)]
    own = [(StateScope.STRATEGY, None, strategy_id)] if scope is StateScope.STRATEGY else []
    whole = {
        (row.scope, row.connection_id, row.strategy_id): row for row in running().filter(product="")
    }
    return next((whole[target] for target in [*own, *wider] if target in whole), None)


def halt_after(row: SquareOff, reason: str) -> bool:
    """Have the scope HALTED once it is flat; False when the square-off has ended meanwhile."""
    return bool(
        SquareOff.objects.filter(pk=row.pk, finished_at__isnull=True).update(
            then_halt=True, reason=" ".join(filter(None, (row.reason, reason)))
        )
    )


def stop(
    scope: StateScope, connection_id: int | None, strategy_id: int | None, outcome: str
) -> None:
    """End what runs in that very scope: a person has decided otherwise."""
    for row in running().filter(scope=scope):
        if (row.connection_id, row.strategy_id) == (connection_id, strategy_id):
            finish(row, outcome)


def label_of(row: SquareOff) -> str:
    """How texts name what is squared off: "everything", "account zerodha", "strategy x, MIS"."""
    label = "everything"
    if row.connection is not None:
        label = f"account {row.connection.name}"
    elif row.strategy is not None:
        label = f"strategy {row.strategy.name}"
    return f"{label}, {row.product}" if row.product else label


def accounts_of(row: SquareOff) -> list[BrokerConnection]:
    if row.connection is not None:
        return [row.connection]
    return list(BrokerConnection.objects.order_by("id"))


def orders_of(row: SquareOff, account: BrokerConnection) -> QuerySet[Order]:
    """Orders of the account in the square-off's scope. Of two legs the stop stands for both."""
    orders = Order.objects.filter(connection=account, oco_with__isnull=True)
    if row.strategy_id is not None:
        orders = orders.filter(strategy_id=row.strategy_id)
    return orders.filter(product=row.product) if row.product else orders


def exits_of(row: SquareOff, account: BrokerConnection) -> QuerySet[Order]:
    """The square-off's own orders."""
    return orders_of(row, account).filter(origin=Origin.SQUAREOFF, created_at__gte=row.started_at)


def open_in(row: SquareOff, account: BrokerConnection) -> dict[Place, int]:
    """What is to be closed: signed units by place. Delivered shares are not among it."""
    held = {_place(key): units for key, units in held_quantities(account).items()}
    if row.strategy_id is not None:
        held = _of_strategy(row.strategy_id, row.started_at, account, held)
    return {
        place: units
        for place, units in sorted(held.items())
        if units
        and (not row.product or place.product == row.product)
        # Shares sold out of the holdings show as a short position of delivery.
        and not (place.product in (Product.CNC, Product.MTF) and units < 0)
    }


def progress(row: SquareOff) -> Progress:
    accounts = accounts_of(row) if row.finished_at is None else []
    return Progress(
        row=row,
        positions=sum(len(open_in(row, account)) for account in accounts),
        orders=sum(
            exits_of(row, account).filter(status__in=UNFINISHED).count() for account in accounts
        ),
    )


def _place(text: str) -> Place:
    instrument, _, product = text.rpartition("|")
    exchange, _, symbol = instrument.partition(":")
    return Place(InstrumentKey(exchange, symbol), Product(product))


def _of_strategy(
    strategy_id: int, started_at: datetime, account: BrokerConnection, held: dict[Place, int]
) -> dict[Place, int]:
    """The strategy's own share: its open lots, never more than the account holds of them.

    Lots are closed first in, first out, whoever closes them. So what was closed since the start is
    added, and what the strategy's own orders have closed since is taken off.
    """
    second = started_at.replace(microsecond=0)  # exchanges tell whole seconds
    share: Counter[Place] = Counter()
    lots = Fill.objects.filter(
        connection=account, order__strategy_id=strategy_id, open_qty__gt=0
    ).values_list("exchange", "symbol", "product", "side", "open_qty")
    closed = ClosedTrade.objects.filter(
        connection=account, entry_order__strategy_id=strategy_id, closed_at__gte=second
    ).values_list("exchange", "symbol", "product", "side", "qty")
    for exchange, symbol, product, side, units in (*lots, *closed):
        place = Place(InstrumentKey(exchange, symbol), Product(product))
        share[place] += Side(side).sign * units
    exits = Fill.objects.filter(
        connection=account, order__strategy_id=strategy_id, at__gte=second
    ).values_list("exchange", "symbol", "product", "side", "qty")
    for exchange, symbol, product, side, units in exits:
        place = Place(InstrumentKey(exchange, symbol), Product(product))
        if share[place] * Side(side).sign < 0:
            share[place] += Side(side).sign * units
    return {place: _inside(units, held.get(place, 0)) for place, units in share.items()}


def _inside(share: int, held: int) -> int:
    """The part of `share` that lies on the same side as `held`, and inside it."""
    if share * held <= 0:
        return 0
    return min(share, held) if held > 0 else max(share, held)
