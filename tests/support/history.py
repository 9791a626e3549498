"""An account's past in bulk: what years of trading leave in the tables, in seconds.

Rows are copies of a few that the product itself made, with other ids, times, symbols and
strategies: pairs of orders that bought and sold, three minutes apart on average, with their
alerts, fills, closed trades and prices. One pair in ten was cancelled. Nothing of it is open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.core.management.color import no_style
from django.db import connection as database
from django.db.models import Model

from brokers.models import BrokerConnection, PriceTick
from sigmatrader.db import is_sqlite
from tests.support.trades import traded
from trading.models import (
    Alert,
    ClosedTrade,
    DayDue,
    DayExposure,
    DayTotal,
    Fill,
    Order,
    Strategy,
)

SYMBOLS = 40
# An order's age in seconds is its number times this: 480 in a day.
_APART = 180
_PAIR = "(n / 2)"
# The id of the youngest row of each table: what is older has a lower one, what comes later a
# higher.
_NEWEST = 10_000_000
_CANCELLED = f"({_PAIR} % 10 = 3)"


@dataclass(frozen=True, slots=True)
class _Templates:
    """One row of each table, from which the others are made."""

    alert: Alert
    buy: Order
    sell: Order
    bought: Fill
    sold: Fill
    trade: ClosedTrade
    tick: PriceTick


class History:
    """The past of one account, made longer step by step."""

    def __init__(
        self, connection: BrokerConnection, strategies: Sequence[Strategy], now: datetime
    ) -> None:
        self.orders = 0
        self._strategies = [strategy.pk for strategy in strategies]
        self._now = now
        self._made = self._templates(connection, strategies[0])

    def grow_to(self, orders: int) -> None:
        """Older orders, until there are so many (an even number)."""
        first, last = self.orders, orders - 1
        at, symbol = self._ago(f"(n + 1) * {_APART}"), f"'SYM' || ({_PAIR} % {SYMBOLS})"
        strategy = self._one_of_the_strategies()
        own = f"{_NEWEST} - n"
        moments = dict.fromkeys(("created_at", "updated_at", "queued_at", "finished_at"), at)
        _copies(
            self._made.alert,
            first,
            last,
            {
                "id": own,
                "received_at": at,
                "symbol": symbol,
                "strategy_id": strategy,
                "dedupe_key": "NULL",
            },
        )
        order = {
            "id": own,
            "alert_id": own,
            "strategy_id": strategy,
            "client_order_id": "'H' || n",
            "broker_order_id": "'H' || n",
            "symbol": f"'NSE:' || {symbol}",
            "tradingsymbol": symbol,
            "status": f"CASE WHEN {_CANCELLED} THEN 'CANCELLED' ELSE 'EXECUTED' END",
            "filled_qty": f"CASE WHEN {_CANCELLED} THEN 0 ELSE filled_qty END",
            "sent_at": at,
            **moments,
        }
        # The older of a pair bought.
        _copies(self._made.sell, first, last, order, where="n % 2 = 0")
        _copies(self._made.buy, first, last, order, where="n % 2 = 1")
        fill = {"id": own, "order_id": own, "symbol": symbol, "at": at, "booked_at": at}
        filled = f"NOT {_CANCELLED}"
        _copies(self._made.sold, first, last, fill, where=f"n % 2 = 0 AND {filled}")
        _copies(self._made.bought, first, last, fill, where=f"n % 2 = 1 AND {filled}")
        _copies(
            self._made.trade,
            first,
            last,
            {
                "id": own,
                "entry_order_id": f"{own} - 1",
                "exit_order_id": own,
                "strategy_id": strategy,
                "symbol": symbol,
                "opened_at": self._ago(f"(n + 2) * {_APART}"),
                "closed_at": at,
                "pnl": f"CASE WHEN {_PAIR} % 2 = 0 THEN -pnl ELSE pnl END",
            },
            where=f"n % 2 = 0 AND {filled}",
        )
        _copies(self._made.tick, first, last, {"id": own, "tradingsymbol": symbol, "at": at})
        self.orders = orders
        _after_bulk(Alert, Order, Fill, ClosedTrade, PriceTick)

    def add_up(self) -> None:
        """Charges and totals of all that is here, in bulk: as the worker leaves them, but that
        every order costs ₹30."""
        ClosedTrade.objects.update(
            entry_charges=Decimal(30), exit_charges=Decimal(30), depository_charges=Decimal(0)
        )
        DayDue.objects.all().delete()
        DayTotal.objects.all().delete()
        DayExposure.objects.all().delete()
        net = "pnl - entry_charges - exit_charges"
        sums = {
            "trades": "count(*)",
            "wins": f"sum(CASE WHEN {net} > 0 THEN 1 ELSE 0 END)",
            "losses": f"sum(CASE WHEN {net} < 0 THEN 1 ELSE 0 END)",
            "gross": "sum(pnl)",
            "charges": "sum(entry_charges + exit_charges)",
            "won": f"sum(CASE WHEN {net} > 0 THEN {net} ELSE 0 END)",
            "lost": f"sum(CASE WHEN {net} < 0 THEN {net} ELSE 0 END)",
            "best": f"max({net})",
            "worst": f"min({net})",
            "r_sum": "0",
            "r_trades": "0",
            "held_seconds": f"count(*) * {_APART}",
            "told": "0",
            "told_charges": "0",
        }
        if is_sqlite():
            day = "date(closed_at, '+330 minutes')"
            hour = "CAST(strftime('%H', closed_at, '+330 minutes') AS integer)"
        else:
            day = "(closed_at AT TIME ZONE 'Asia/Kolkata')::date"
            hour = "extract(hour FROM closed_at AT TIME ZONE 'Asia/Kolkata')::smallint"
        common = {"connection_id": "connection_id", "strategy_id": "strategy_id", "day": day}
        blank = {"exchange": "''", "symbol": "''", "hour": "CAST(NULL AS smallint)"}
        for kind, parts in (
            ("DAY", blank),
            ("SYMBOL", blank | {"exchange": "exchange", "symbol": "symbol"}),
            ("HOUR", blank | {"hour": hour}),
        ):
            _sums(DayTotal, common | {"kind": f"'{kind}'"} | parts, sums)
        open_value = {"highest": "max(entry_price * qty)", "carried": "0"}
        whole = {"whole": "true", "strategy_id": "CAST(NULL AS bigint)"}
        _sums(DayExposure, common | {"whole": "false"}, open_value)
        _sums(DayExposure, common | whole, open_value)
        _after_bulk(ClosedTrade, DayTotal, DayExposure)

    def _templates(self, connection: BrokerConnection, strategy: Strategy) -> _Templates:
        at = self._now - timedelta(days=1)
        alert = Alert.objects.create(
            strategy=strategy,
            strategy_name=strategy.name,
            raw_body='{"symbol": "NSE:INFY", "action": "BUY", "qty": 10, "price": "1500"}',
            received_at=at,
            outcome=Alert.Outcome.ACCEPTED,
        )
        buy = traded(connection, "BUY", 10, "1500", at=at, strategy=strategy, alert=alert)
        sell = traded(connection, "SELL", 10, "1510", at=at, strategy=strategy, alert=alert)
        tick = PriceTick.objects.create(
            exchange="NSE", tradingsymbol="INFY", price=Decimal(1510), at=at, source="alert"
        )
        return _Templates(
            alert=alert,
            buy=buy,
            sell=sell,
            bought=buy.fills.get(),
            sold=sell.fills.get(),
            trade=ClosedTrade.objects.get(exit_order=sell),
            tick=tick,
        )

    def _one_of_the_strategies(self) -> str:
        whens = " ".join(f"WHEN {place} THEN {pk}" for place, pk in enumerate(self._strategies))
        return f"CASE {_PAIR} % {len(self._strategies)} {whens} END"

    def _ago(self, seconds: str) -> str:
        """SQL of the moment so many seconds ago, as the database keeps moments."""
        moment = self._now.astimezone(database.timezone).replace(tzinfo=None)
        if is_sqlite():
            return f"strftime('%Y-%m-%d %H:%M:%f', '{moment}', '-' || ({seconds}) || ' seconds')"
        return f"timestamptz '{moment}+00' - ({seconds}) * interval '1 second'"


def _copies(
    template: Model, first: int, last: int, columns: Mapping[str, str], where: str = "true"
) -> None:
    """A copy of `template` for each n from `first` to `last` that meets `where`.

    `columns`: SQL of what differs, in terms of n.
    """
    meta = template._meta
    names = [str(field.column) for field in meta.concrete_fields]
    values = ", ".join(columns.get(name, f"one.{name}") for name in names)
    with database.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE numbers(n) AS (SELECT {first} UNION ALL "
            f"SELECT n + 1 FROM numbers WHERE n < {last}) "
            f"INSERT INTO {meta.db_table} ({', '.join(names)}) "
            f"SELECT {values} FROM numbers, {meta.db_table} one "
            f"WHERE one.id = {template.pk} AND {where}"
        )


def _sums(model: type[Model], parts: Mapping[str, str], sums: Mapping[str, str]) -> None:
    """A row of `model` for each group of closed trades that differ in `parts`, with their `sums`;
    both are SQL by column."""
    with database.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} ({', '.join([*parts, *sums])}) "
            f"SELECT {', '.join([*parts.values(), *sums.values()])} "
            f"FROM {ClosedTrade._meta.db_table} "
            f"GROUP BY {', '.join(str(number + 1) for number in range(len(parts)))}"
        )


def _after_bulk(*models: type[Model]) -> None:
    """Ids go on after those that were given. PostgreSQL's planner looks at what there is now, as it
    does by itself in time; SQLite's never does."""
    with database.cursor() as cursor:
        for line in database.ops.sequence_reset_sql(no_style(), list(models)):
            cursor.execute(line)
        if not is_sqlite():
            cursor.execute("ANALYZE")
