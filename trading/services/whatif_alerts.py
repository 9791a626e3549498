"""Orders of the past from the stored alerts, and what was open before the first of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import F, Q

from brokers.models import BrokerConnection
from risk.engine.snapshot import InstrumentFacts, Intent
from trading.domain.order import Status
from trading.domain.session import trading_day
from trading.domain.values import (
    ExecutionTarget,
    InstrumentKey,
    Mode,
    Origin,
    Product,
    Side,
)
from trading.models import Alert, ClosedTrade, Fill, Order, OrderEvent, Strategy, SymbolOverride
from trading.services.connections import Accounts
from trading.services.exposure import intent_of
from trading.services.instrument_facts import Market, read_market
from trading.services.instruments import Resolution, resolve
from trading.services.routing import route_of
from trading.services.strategy_facts import Story
from trading.services.whatif_orders import AccountKey, OpeningLot, PastOrder

# Columns that a replay does not look at, and that are long.
_UNREAD = ("risk", "warnings", "exit_plan", "error_message", "set_aside_reason", "modification")
_NOTHING_OPEN = "no_open_position"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An order of the past before the market around it is read. `order` is never saved."""

    at: datetime
    order: Order
    quantity: int
    mode: Mode
    closes_all: bool = False
    alert_id: int | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """The stored alerts of a period as orders, oldest first, with what was open before.

    `left_out` are older ones over the most that are read; `no_orders` are alerts that asked for
    none: refused, or ignored for another reason than an exit of nothing.
    """

    orders: list[PastOrder]
    opening: list[OpeningLot]
    left_out: int
    no_orders: int


def stored_alerts(start: datetime, now: datetime, most: int) -> Stored:
    """The alerts since `start`, the newest `most` of them, each as the order that it asked for."""
    made = (
        Order.objects.filter(
            alert__received_at__gte=start, origin=Origin.ALERT, retry_of__isnull=True
        )
        .annotate(alert_at=F("alert__received_at"), alert_qty=F("alert__qty"))
        .defer(*_UNREAD)
        .order_by("-alert__received_at", "-id")
    )
    exits = Alert.objects.filter(
        received_at__gte=start, outcome=Alert.Outcome.IGNORED, code=_NOTHING_OPEN
    ).order_by("-received_at", "-id")
    drafts = [*_of_orders(list(made[:most])), *_of_exits(list(exits[:most]))]
    drafts.sort(key=lambda one: (one.at, one.alert_id or 0))
    total = made.count() + exits.count()
    kept = drafts[-most:]
    begins = kept[0].at if kept and total > most else start
    silent = Alert.objects.filter(received_at__gte=start).exclude(
        Q(outcome=Alert.Outcome.ACCEPTED) | Q(code=_NOTHING_OPEN)
    )
    return Stored(
        orders=past_orders(kept, now),
        opening=_opening(begins, {one.order.connection_id for one in kept}),
        left_out=total - len(kept),
        no_orders=silent.count(),
    )


def past_orders(drafts: Sequence[Draft], now: datetime) -> list[PastOrder]:
    """Drafts with the instruments and markets of their time."""
    market = read_market({one.order.instrument for one in drafts}, (), now)
    facts = _facts_of(market, drafts)
    return [_past_order(one, market, facts) for one in drafts]


class Resolver:
    """What symbols stand for today, each asked once."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._found: dict[tuple[str, str, int | None], Resolution] = {}
        self._overridden = set(SymbolOverride.objects.values_list("source_symbol", flat=True))

    @property
    def asked(self) -> int:
        """How many different symbols were asked for, each strategy's counted by itself."""
        return len(self._found)

    def __call__(self, exchange: str, symbol: str, strategy: Strategy | None) -> Resolution:
        key = (exchange, symbol, strategy.pk if strategy else None)
        if key not in self._found:
            self._found[key] = resolve(
                exchange,
                symbol,
                strategy=strategy,
                now=self._now,
                maybe_overridden=symbol in self._overridden,
            )
        return self._found[key]


# -- stored rows ---------------------------------------------------------------------------------


def _of_orders(orders: Sequence[Any]) -> list[Draft]:
    strategies = _strategies(orders)
    accounts = BrokerConnection.objects.in_bulk({one.connection_id for one in orders})
    automatic = _made_automatic([one.pk for one in orders])
    drafts = []
    for order in orders:
        order.connection = accounts[order.connection_id]
        order.strategy = strategies.get(order.strategy_id)
        drafts.append(
            Draft(
                at=order.alert_at,
                order=order,
                quantity=order.requested_qty,
                mode=Mode.AUTO if order.pk in automatic else Mode.MANUAL,
                closes_all=order.reduce_only and not order.alert_qty,
                alert_id=order.alert_id,
            )
        )
    return drafts


def _strategies(rows: Iterable[Any]) -> dict[int, Strategy]:
    return Strategy.objects.in_bulk({one.strategy_id for one in rows if one.strategy_id})


def _made_automatic(order_ids: Sequence[int]) -> set[int]:
    """Those that were to go by themselves when they were made, whatever came later."""
    found: set[int] = set()
    for start in range(0, len(order_ids), 5000):
        some = order_ids[start : start + 5000]
        first = OrderEvent.objects.filter(order_id__in=some, sequence=1, to_status=Status.QUEUED)
        found.update(first.order_by().values_list("order_id", flat=True))
    return found


def _of_exits(alerts: Sequence[Alert]) -> list[Draft]:
    """Exits that found nothing open: with other limits there might be something."""
    strategies, accounts = _strategies(alerts), Accounts()
    drafts = []
    for alert in alerts:
        strategy = strategies.get(alert.strategy_id) if alert.strategy_id else None
        connection, _ = accounts(strategy)
        if connection is None or not alert.action:
            continue
        exchange, _, symbol = alert.symbol.rpartition(":")
        order = Order(
            connection=connection,
            simulated=connection.simulated,
            strategy=strategy,
            symbol=alert.symbol,
            exchange=exchange or alert.exchange,
            tradingsymbol=symbol,
            side=alert.action,
            qty=0,
            reference_price=alert.price,
            product=strategy.default_product if strategy else Product.MIS,
            reduce_only=True,
        )
        drafts.append(
            Draft(
                at=alert.received_at,
                order=order,
                quantity=0,
                mode=mode_of(strategy),
                closes_all=True,
                alert_id=alert.pk,
            )
        )
    return drafts


def mode_of(strategy: Strategy | None) -> Mode:
    """How a strategy's orders go; those of none wait for a person."""
    return Mode(strategy.execution_mode) if strategy else Mode.MANUAL


def _opening(start: datetime, accounts: Iterable[int | None]) -> list[OpeningLot]:
    """The lots of our own fills that were open at `start`: those that still are, and those that
    were closed since."""
    still = Fill.objects.filter(connection_id__in=accounts, at__lt=start, open_qty__gt=0).order_by(
        "id"
    )
    # Not `opened_at__lt`: SQLite would then go by the index of openings, through the whole past.
    closed = (
        ClosedTrade.objects.filter(connection_id__in=accounts, closed_at__gte=start)
        .exclude(opened_at__gte=start)
        .order_by("opened_at", "id")
    )
    rows = [
        *closed.values_list(*_lot_fields("qty", "entry_price", "entry_order")),
        *still.values_list(*_lot_fields("open_qty", "price", "order")),
    ]
    return [
        OpeningLot(
            connection_id=row[0],
            key=InstrumentKey(row[1], row[2]),
            product=Product(row[3]),
            quantity=Side(row[4]).sign * row[5],
            price=row[6],
            multiplier=row[7],
            strategy_id=row[8],
        )
        for row in rows
    ]


def _lot_fields(units: str, price: str, order: str) -> tuple[str, ...]:
    return (
        "connection_id",
        "exchange",
        "symbol",
        "product",
        "side",
        units,
        price,
        f"{order}__multiplier",
        f"{order}__strategy_id",
    )


# -- as risk sees them ---------------------------------------------------------------------------


def _facts_of(
    market: Market, drafts: Iterable[Draft]
) -> Mapping[InstrumentKey, tuple[InstrumentFacts, InstrumentFacts]]:
    """Of each instrument: today's facts, and as much of them as was true before."""
    found = {}
    for key in {one.order.instrument for one in drafts}:
        today = market.instrument(key)
        # Today's list lacks what has expired since, and today's circuits are no others'.
        before = replace(today, listed=today.listed or None, lower_circuit=None, upper_circuit=None)
        found[key] = (today, before)
    return found


def _past_order(
    draft: Draft,
    market: Market,
    facts: Mapping[InstrumentKey, tuple[InstrumentFacts, InstrumentFacts]],
) -> PastOrder:
    order, key = draft.order, draft.order.instrument
    order.mode = draft.mode  # for the way that it goes by; the row keeps its own
    today, before = facts[key]
    is_today = trading_day(draft.at) == trading_day(market.now)
    return PastOrder(
        at=draft.at,
        intent=_intent(draft),
        account=_account(order.connection),
        instrument=today if is_today else before,
        market=replace(market, now=draft.at).session(key, Product(order.product)),
        market_refusal=route_of(order, order.connection, draft.at).refusal,
        closes_all=draft.closes_all,
        alert_id=draft.alert_id,
        order_id=order.pk,
        line=draft.line,
    )


def _intent(draft: Draft) -> Intent:
    """The order as it was made, for the account that it was made for: what was switched since
    does not matter."""
    target = ExecutionTarget.PAPER if draft.order.simulated else ExecutionTarget.LIVE
    return replace(
        intent_of(draft.order, Story(received_at=draft.at)),
        order_id=None,
        quantity=draft.quantity,
        mode=draft.mode,
        strategy_enabled=True,
        strategy_target=target,
    )


def _account(connection: BrokerConnection) -> AccountKey:
    return AccountKey(
        connection_id=connection.pk,
        name=connection.name,
        kind=connection.kind,
        simulated=connection.simulated,
        orders_per_day=connection.orders_per_day,
    )
