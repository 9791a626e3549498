"""Read queries for pages and API. Nothing here changes anything."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Generic, TypeVar

from django.db.models import Count, Exists, Max, Model, OuterRef, Q, QuerySet, Sum

from brokers.accounts import session_of
from brokers.models import (
    AccountHolding,
    AccountPosition,
    AccountState,
    BrokerConnection,
)
from brokers.prices import last_tick_id, latest_prices
from brokers.registry import capabilities_of
from risk.models import Breaker, RiskSettings, TradingStateChange
from sigmatrader import clock
from trading.domain.differences import Difference, PositionKey, differences
from trading.domain.off_hours import book_day
from trading.domain.order import AT_BROKER, WORKING, Status
from trading.domain.values import InstrumentKey
from trading.models import (
    Alert,
    ClosedTrade,
    Fill,
    IntakeCounter,
    Order,
    OrderEvent,
    Position,
    Settlement,
    Strategy,
    Trigger,
    WorkerHeartbeat,
)

PAGE_SIZE = 50
QUEUE_SIZE = 100
_CLOCKS_APART = timedelta(seconds=2)  # the broker's, which tells whole seconds, and ours
ON_THE_WAY = (Status.QUEUED, *sorted(AT_BROKER))

Row = TypeVar("Row", bound=Model)


# -- the state of the system ---------------------------------------------------------------------


def worker_age_seconds() -> float | None:
    """Seconds since the last heartbeat of a running worker; None when none runs."""
    beat = WorkerHeartbeat.objects.filter(stopped_at__isnull=True).aggregate(at=Max("beat_at"))
    return (clock.now() - beat["at"]).total_seconds() if beat["at"] else None


def last_heartbeat() -> WorkerHeartbeat | None:
    """The worker that beat last, running or stopped."""
    return WorkerHeartbeat.objects.order_by("-beat_at").first()


@dataclass(frozen=True, slots=True)
class Account:
    """A connection with its session as it stands now."""

    connection: BrokerConnection
    connected: bool
    error: str
    expires_at: datetime | None


def accounts() -> list[Account]:
    """Every connection, the default first."""
    found = []
    for connection in BrokerConnection.objects.order_by("-is_default", "name"):
        session = session_of(connection)
        found.append(Account(connection, session.connected, session.error, session.expires_at))
    return found


def kinds_in_use() -> set[str]:
    """PAPER, LIVE, SIMULATOR: the kinds of the connections that are switched on."""
    return set(
        BrokerConnection.objects.filter(enabled=True)
        .order_by()
        .values_list("kind", flat=True)
        .distinct()
    )


def kinds_with_trades() -> set[str]:
    """The kinds of the accounts that have closed a trade."""
    closed = ClosedTrade.objects.filter(connection=OuterRef("pk"))
    found = BrokerConnection.objects.filter(Exists(closed)).order_by()
    return set(found.values_list("kind", flat=True).distinct())


def change_token() -> str:
    """A text that differs whenever an order, alert, limit, state, breaker or price has changed, or
    a broker has shown its positions again."""
    risk = RiskSettings.objects.aggregate(count=Count("id"), last=Max("id"), sum=Sum("version"))
    alerts = Alert.objects.aggregate(last=Max("id"), repeated=Max("last_duplicate_at"))
    breakers = Breaker.objects.aggregate(last=Max("id"), closed=Max("closed_at"))
    parts = (
        OrderEvent.objects.aggregate(last=Max("id"))["last"],
        Fill.objects.aggregate(last=Max("id"))["last"],
        alerts["last"],
        _stamp(alerts["repeated"]),
        TradingStateChange.objects.aggregate(last=Max("id"))["last"],
        breakers["last"],
        _stamp(breakers["closed"]),
        risk["count"],
        risk["last"],
        risk["sum"],
        last_tick_id(),
        _stamp(Strategy.objects.aggregate(at=Max("updated_at"))["at"]),
        _stamp(BrokerConnection.objects.aggregate(at=Max("updated_at"))["at"]),
        _stamp(Position.objects.aggregate(at=Max("last_updated"))["at"]),
        _stamp(AccountState.objects.aggregate(at=Max("positions_read_at"))["at"]),
    )
    return "-".join(str(part or 0) for part in parts)


def orders_token() -> str:
    """A text that differs whenever an order, a fill or an alert has come or changed."""
    alerts = Alert.objects.aggregate(last=Max("id"), repeated=Max("last_duplicate_at"))
    parts = (
        OrderEvent.objects.aggregate(last=Max("id"))["last"],
        Fill.objects.aggregate(last=Max("id"))["last"],
        alerts["last"],
        _stamp(alerts["repeated"]),
    )
    return "-".join(str(part or 0) for part in parts)


def accounts_token() -> str:
    """A text that differs whenever a broker was read, or the day of India is another."""
    read = AccountState.objects.aggregate(
        positions=Max("positions_read_at"),
        holdings=Max("holdings_read_at"),
        funds=Max("funds_read_at"),
    )
    today = clock.now().astimezone(clock.IST).date()
    return "-".join((*(_stamp(at) for at in read.values()), today.isoformat()))


def _stamp(moment: datetime | None) -> str:
    return f"{moment.timestamp():.6f}" if moment else "0"


# -- orders --------------------------------------------------------------------------------------


def with_links(orders: QuerySet[Order]) -> QuerySet[Order]:
    """With what a line about an order names: strategy, account, alert."""
    return orders.select_related("strategy", "connection", "alert")


def waiting_orders() -> QuerySet[Order]:
    """The queue: every WAITING order, oldest first."""
    return with_links(Order.objects.filter(status=Status.WAITING)).order_by("created_at", "pk")


def orders_by_age(ids: Iterable[int]) -> QuerySet[Order]:
    """These orders, oldest first."""
    return with_links(Order.objects.filter(pk__in=list(ids))).order_by("created_at", "pk")


def in_queue(rows: QuerySet[Order], text: str) -> QuerySet[Order]:
    """Those of `rows` whose symbol, strategy or account holds `text`; all when it is empty."""
    if not text:
        return rows
    strategy = Q(strategy__name__icontains=text) | Q(alert__strategy_name__icontains=text)
    return rows.filter(names(text) | strategy | Q(connection__name__icontains=text))


def orders_on_the_way() -> QuerySet[Order]:
    """QUEUED, or at the broker with an end still to come; oldest first."""
    return with_links(Order.objects.filter(status__in=ON_THE_WAY)).order_by("created_at", "pk")


def orders_cancelled_unsent(since: datetime) -> QuerySet[Order]:
    """Cancelled before they were sent, newest first: those can be restored."""
    cancelled = Order.objects.filter(
        status=Status.CANCELLED,
        sent_at__isnull=True,
        broker_order_id="",
        broker_trigger_id="",
        finished_at__gte=since,
    )
    return with_links(cancelled).order_by("-finished_at", "-pk")


def order_with_story(order_id: int) -> Order:
    """One order with everything that its page tells. Raises Order.DoesNotExist."""
    return (
        with_links(Order.objects.select_related("retry_of"))
        .prefetch_related("events", "attempts", "fills", "retries")
        .get(pk=order_id)
    )


def trigger_of(order: Order) -> Trigger | None:
    """The GTT that the broker holds, or held, for the order."""
    if not order.broker_trigger_id:
        return None
    return Trigger.objects.filter(
        connection_id=order.connection_id, trigger_id=order.broker_trigger_id
    ).first()


def names(text: str) -> Q:
    """Orders whose symbol, as the alert or as the broker calls it, holds `text`."""
    exchange, _, name = text.rpartition(":")
    traded = Q(tradingsymbol__icontains=name)
    if exchange:
        traded &= Q(exchange__iexact=exchange.strip())
    return Q(symbol__icontains=text) | traded


def can_be_modified(order: Order) -> bool:
    """Whether the broker may be asked to change the order."""
    return (
        Status(order.status) in WORKING - {Status.CANCEL_PENDING}
        and not order.broker_trigger_id
        and capabilities_of(order.connection).modifies
    )


def last_prices_of(orders: Iterable[Order]) -> dict[InstrumentKey, Decimal]:
    """The last price known of each order's instrument."""
    ticks = latest_prices({order.instrument for order in orders})
    return {key: tick.price for key, tick in ticks.items()}


# -- alerts --------------------------------------------------------------------------------------


def refused_requests(since: datetime) -> list[tuple[str, int, int]]:
    """(kind, requests, addresses) of what the webhook turned away and did not store."""
    rows = (
        IntakeCounter.objects.filter(window_start__gte=since)
        .order_by()
        .values_list("kind")
        .annotate(requests=Sum("count"), addresses=Count("address", distinct=True))
    )
    return sorted((kind, int(requests), addresses) for kind, requests, addresses in rows)


# -- positions and trades ------------------------------------------------------------------------


def positions_comparable(connection: BrokerConnection) -> bool:
    """Whether the broker's positions were read after our last fill, and its holdings that day."""
    state = AccountState.objects.filter(connection=connection).first()
    if connection.simulated or state is None or state.positions_read_at is None:
        return False
    read_at, holdings_at = state.positions_read_at, state.holdings_read_at
    if holdings_at is None or holdings_at < day_start(read_at):
        return False
    fills = Fill.objects.filter(connection=connection).order_by("-at")
    last_fill = fills.values_list("at", flat=True).first()
    return last_fill is None or last_fill < read_at - _CLOCKS_APART


def position_differences(connection: BrokerConnection) -> list[Difference]:
    """Where our positions of the account and its broker's differ.

    Empty also for paper, and while they can't be compared: see `positions_comparable`.
    """
    if not positions_comparable(connection):
        return []
    held = Position.objects.filter(connection=connection).exclude(qty=0)
    shown = AccountPosition.objects.filter(connection=connection).exclude(quantity=0)
    delivered: Counter[str] = Counter()
    for holding in AccountHolding.objects.filter(connection=connection):
        delivered[holding.tradingsymbol] += holding.quantity + holding.t1_quantity
    unfinished = Order.objects.filter(connection=connection, status__in=AT_BROKER)
    expired = settled_today(connection)
    return differences(
        {PositionKey(one.exchange, one.symbol, one.product): one.qty for one in held},
        {key: units for key, units in _shown_open(shown).items() if key not in expired},
        delivered,
        frozenset(
            PositionKey(*key)
            for key in unfinished.values_list("exchange", "tradingsymbol", "product")
        ),
    )


def _shown_open(rows: Iterable[AccountPosition]) -> dict[PositionKey, int]:
    return {PositionKey(one.exchange, one.tradingsymbol, one.product): one.quantity for one in rows}


def settled_today(connection: BrokerConnection) -> dict[PositionKey, Settlement]:
    """What has expired and is settled here, while the broker still shows that day's positions."""
    found = Settlement.objects.filter(connection=connection, expired_on__gte=book_day(clock.now()))
    return {PositionKey(one.exchange, one.symbol, one.product): one for one in found}


@dataclass(frozen=True, slots=True)
class ProfitAndLoss:
    """Rupees, before charges, of all accounts of one kind: paper, simulator or live."""

    kind: str
    realised: Decimal
    unrealised: Decimal
    closed_trades: int
    open_positions: int

    @property
    def total(self) -> Decimal:
        return self.realised + self.unrealised


def profit_and_loss(since: datetime, *, kind: str) -> ProfitAndLoss:
    """Realised since that moment, and what is open now, of the accounts of that kind."""
    closed = ClosedTrade.objects.filter(closed_at__gte=since, connection__kind=kind).aggregate(
        pnl=Sum("pnl"), count=Count("id")
    )
    held = (
        Position.objects.exclude(qty=0)
        .filter(connection__kind=kind)
        .aggregate(pnl=Sum("pnl"), realised=Sum("realised"), count=Count("id"))
    )
    return ProfitAndLoss(
        kind=kind,
        realised=closed["pnl"] or Decimal(0),
        unrealised=(held["pnl"] or Decimal(0)) - (held["realised"] or Decimal(0)),
        closed_trades=closed["count"],
        open_positions=held["count"],
    )


# -- pages of long lists -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of a list, newest first. `older` and `newer`: the ids to go on from, if any."""

    rows: list[Row]
    older: int | None
    newer: int | None


def page_of(
    rows: QuerySet[Row],
    moment: str,
    *,
    older_than: int | None = None,
    newer_than: int | None = None,
    size: int = PAGE_SIZE,
) -> Page[Row]:
    """The page beside the row with that id, in the order of (`moment`, id), newest first.

    Costs the same on the first page and the last: the place is found by index, never counted to.
    """
    up = newer_than is not None and older_than is None
    place = _place(rows, moment, newer_than if up else older_than)
    if place is not None:
        rows = rows.filter(beyond(moment, *place, up=up))
    elif up:
        up = False
    order = (moment, "pk") if up else (f"-{moment}", "-pk")
    found = list(rows.order_by(*order)[: size + 1])
    more, found = len(found) > size, found[:size]
    if up:
        found.reverse()
    has_newer = more if up else place is not None
    has_older = bool(found) if up else more
    return Page(
        rows=found,
        older=found[-1].pk if found and has_older else None,
        newer=found[0].pk if found and has_newer else None,
    )


def walk(rows: QuerySet[Row], moment: str, *, size: int = 1000) -> Iterator[Row]:
    """All rows, newest first in the order of (`moment`, id), in many short reads.

    However slowly they are taken, no transaction stays open in between.
    """
    rows = rows.order_by(f"-{moment}", "-pk")
    found = list(rows[:size])
    while found:
        yield from found
        last = found[-1]
        older = beyond(moment, getattr(last, moment), last.pk, up=False)
        found = list(rows.filter(older)[:size]) if len(found) == size else []


def _place(rows: QuerySet[Any], moment: str, row_id: int | None) -> tuple[datetime, int] | None:
    if row_id is None:
        return None
    place: tuple[datetime, int] | None = (
        rows.model._default_manager.filter(pk=row_id).values_list(moment, "pk").first()
    )
    return place


def beyond(moment: str, at: datetime, row_id: int, *, up: bool) -> Q:
    """Rows that come after that place in the order of (`moment`, id); `up`: before it."""
    near, far = ("gte", "gt") if up else ("lte", "lt")
    return Q(**{f"{moment}__{near}": at}) & (
        Q(**{f"{moment}__{far}": at}) | Q(**{f"pk__{far}": row_id})
    )


def day_start(moment: datetime) -> datetime:
    """Midnight IST of the day that `moment` falls on."""
    return datetime.combine(moment.astimezone(clock.IST).date(), time(), tzinfo=clock.IST)


def between_days(
    rows: QuerySet[Row], moment: str, first_day: date | None, last_day: date | None
) -> QuerySet[Row]:
    if first_day is not None:
        start = datetime.combine(first_day, time(), tzinfo=clock.IST)
        rows = rows.filter(**{f"{moment}__gte": start})
    if last_day is not None:
        end = datetime.combine(last_day, time(), tzinfo=clock.IST) + timedelta(days=1)
        rows = rows.filter(**{f"{moment}__lt": end})
    return rows
