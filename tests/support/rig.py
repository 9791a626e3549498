"""A rig for faults at a broker: our database, the Kite simulator, and real worker processes.

The clock of everything in it is moved into a trading session. What the tests wait for is always a
condition, never a time.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from brokers.models import AccountState, BrokerConnection, ConnectionKind
from brokers.registry import broker_for
from brokers.simulator.clock import SimClock
from brokers.simulator.exchange import Exchange
from brokers.simulator.server import KiteSimulator
from risk import policy
from risk.models import RiskSettings
from sigmatrader import clock
from tests.support import halts, invariants, processes
from tests.support.crew import Crew, worker_environment
from trading.domain.order import IN_FLIGHT, Status
from trading.domain.session import waiting_expires_at
from trading.domain.values import (
    ExecutionTarget,
    Mode,
    OrderType,
    Product,
    RiskScope,
    Side,
    StateScope,
    TradingStateName,
)
from trading.models import Order, Strategy
from trading.services import halting, instrument_list, lifecycle, queue
from trading.services.attempts import new_client_order_id

MOMENT = datetime(2026, 12, 2, 11, 0, tzinfo=clock.IST)  # a Wednesday, in the middle of a session
PATIENCE = 30.0
_EVERY = 0.02


class Rig(Crew):
    """One installation on this process's database, logged in to `simulator`.

    A module may share one: `begin` opens a case, and what came before it is not looked at again.
    """

    def __init__(self, simulator: KiteSimulator, environment: Mapping[str, str]) -> None:
        super().__init__(environment)
        self.simulator = simulator
        self.exchange = simulator.exchange
        self.faults = simulator.faults
        self.connection = self._connect()
        # What the faults are about is not risk: none of a new installation's limits.
        RiskSettings.objects.get_or_create(scope=RiskScope.GLOBAL)
        self.strategies = {mode: self._strategy(mode) for mode in Mode}
        self._symbols = self._unused_symbols()
        self.first_order = 0
        self.seen_at_broker: set[str] = set()
        self.journal_since = 0
        self.begun_at = clock.now()
        self._halts: list[tuple[datetime, datetime | None]] = []

    # -- setting up ------------------------------------------------------------------------

    def _connect(self) -> BrokerConnection:
        connection = BrokerConnection(
            name="rig",
            broker_name="zerodha",
            kind=ConnectionKind.SIMULATOR,
            api_key=self.simulator.api_key,
            api_root=self.simulator.root,
            user_id=self.exchange.user_id,
        )
        connection.api_secret = "simsecret"
        connection.save()
        self._log_in(connection)
        self._load_instruments(connection)
        return connection

    def _load_instruments(self, connection: BrokerConnection) -> None:
        load = instrument_list.load(broker_for(connection).instruments(), connection, clock.now())
        assert load.whole, load.error

    def _log_in(self, connection: BrokerConnection) -> None:
        connection.access_token = self.simulator.login()
        connection.token_expires_at = clock.now() + timedelta(hours=12)
        connection.logged_in_at = clock.now()
        connection.save()

    def log_in(self) -> None:
        """A new session, as the callback of a login makes one."""
        self.connection.refresh_from_db()
        self._log_in(self.connection)

    def move_to(self, moment: datetime) -> None:
        """Our clock, the broker's and that of workers started from now on; logged in anew."""
        offset = (moment - datetime.now(clock.IST)).total_seconds()
        clock.move(offset)
        self.simulator.clock.set(moment)
        self.environment["ST_CLOCK_OFFSET_SECONDS"] = str(offset)
        self.close_nursery()
        self.exchange.tick()
        self.log_in()
        self._load_instruments(self.connection)

    def _strategy(self, mode: Mode) -> Strategy:
        return Strategy.objects.create(
            name=f"rig-{mode.lower()}",
            execution_mode=mode,
            execution_target=ExecutionTarget.LIVE,
            connection=self.connection,
        )

    def _unused_symbols(self) -> Iterator[str]:
        for instrument in self.exchange.market.listing:
            if instrument.exchange == "NSE" and not instrument.is_index:
                yield instrument.tradingsymbol

    def new_symbol(self) -> str:
        """A share of NSE that no case has touched."""
        return next(self._symbols)

    def begin(self) -> None:
        """A new case: the broker behaves, we are logged in, nothing is halted."""
        self.faults.clear()
        self.exchange.behaviour.clear()
        self.exchange.release()
        self.resume()
        self.connection.refresh_from_db()
        if (self.connection.token_expires_at or clock.now()) <= clock.now():
            self.log_in()
        newest = Order.objects.order_by("-pk").first()
        self.first_order = newest.pk + 1 if newest else 1
        ledger = self.exchange.ledger()
        self.seen_at_broker = {row["order_id"] for row in ledger["orders"]}
        self.seen_at_broker |= {str(row["id"]) for row in ledger["triggers"]}
        entries = self.simulator.journal.entries()
        self.journal_since = entries[-1].number if entries else 0
        self.begun_at = clock.now()
        self._halts = []

    def halt(self, reason: str = "a test") -> None:
        halting.set_state(
            TradingStateName.HALTED,
            StateScope.ACCOUNT,
            reason,
            "test",
            connection_id=self.connection.pk,
        )
        self._halts.append((clock.now(), None))

    def resume(self) -> None:
        """Trading goes on, if it was halted."""
        if self._halts and self._halts[-1][1] is None:
            self._halts[-1] = (self._halts[-1][0], clock.now())
        if policy.is_halted(self.connection.pk, None):
            halts.resume(self.connection)

    def halt_reason(self) -> str:
        """Why the account is halted; empty while it is not."""
        return halts.reason(self.connection)

    # -- orders ----------------------------------------------------------------------------

    def order(self, symbol: str | None = None, *, auto: bool = False, **fields: Any) -> Order:
        """An order of ours that is queued to be sent: a MANUAL one by a person's press."""
        order = self.waiting_order(symbol, auto=auto, **fields)
        return order if auto else queue.execute(order, actor="test")

    def waiting_order(
        self, symbol: str | None = None, *, auto: bool = False, **fields: Any
    ) -> Order:
        """WAITING for a person; with `auto` QUEUED at once, as intake makes it."""
        mode = Mode.AUTO if auto else Mode.MANUAL
        symbol = symbol or self.new_symbol()
        exchange = fields.get("exchange", "NSE")
        now = clock.now()
        values: dict[str, Any] = {
            "connection": self.connection,
            "strategy": self.strategies[mode],
            "client_order_id": new_client_order_id(),
            "symbol": f"{exchange}:{symbol}",
            "exchange": exchange,
            "tradingsymbol": symbol,
            "side": Side.BUY,
            "qty": 2,
            "order_type": OrderType.MARKET,
            "product": Product.MIS,
            "mode": mode,
            "reference_price": self.last(symbol, exchange),
            "expires_at": now + timedelta(seconds=60) if auto else waiting_expires_at("NSE", now),
        } | fields
        values.setdefault("requested_qty", values["qty"])
        status = Status.QUEUED if auto else Status.WAITING
        return lifecycle.create(Order(**values), status, actor="test")

    def limit(self, symbol: str | None = None, *, below: bool = True, **fields: Any) -> Order:
        """A limit order that rests: a buy below the market, or a sale above it."""
        symbol = symbol or self.new_symbol()
        fields.setdefault("side", Side.BUY if below else Side.SELL)
        price = self.away(symbol, Decimal("-0.02") if below else Decimal("0.02"))
        return self.order(symbol, order_type=OrderType.LIMIT, price=price, **fields)

    def last(self, symbol: str, exchange: str = "NSE") -> Decimal:
        return self.exchange.market.last(self._listed(symbol, exchange))

    def away(self, symbol: str, share: Decimal) -> Decimal:
        """A valid price that lies `share` (0.02: two percent) from the last one."""
        tick = self._listed(symbol).tick_size
        return (self.last(symbol) * (1 + share) / tick).to_integral_value() * tick

    def set_price(self, symbol: str, price: Decimal) -> None:
        self.exchange.set_price("NSE", symbol, price)

    def _listed(self, symbol: str, exchange: str = "NSE") -> Any:
        found = self.exchange.market.listing.find(f"{exchange}:{symbol}")
        assert found is not None, f"{exchange}:{symbol} is not listed"
        return found

    def cancel(self, order: Order) -> None:
        queue.cancel(self.fresh(order), actor="test")

    def fresh(self, order: Order) -> Order:
        return Order.objects.get(pk=order.pk)

    # -- waiting ---------------------------------------------------------------------------

    def wait(
        self,
        condition: Callable[[], object],
        what: str,
        seconds: float = PATIENCE,
        every: float = _EVERY,
    ) -> None:
        processes.wait_until(condition, what, seconds, every)

    def until(self, order: Order, *statuses: str, seconds: float = PATIENCE) -> Order:
        """The order as soon as it is in one of the statuses."""
        try:
            self.wait(lambda: self.fresh(order).status in statuses, " or ".join(statuses), seconds)
        except TimeoutError as error:
            now = self.fresh(order)
            raise AssertionError(f"{error}; it is {now}: {self._why(now)}\n{self.logs()}") from None
        return self.fresh(order)

    def _why(self, order: Order) -> str:
        state = AccountState.objects.filter(connection=self.connection).first()
        seen = f"book read at {state.book_read_at}, {state.book_error}" if state else "no book"
        return f"{order.error_message or order.set_aside_reason} ({seen})"

    def until_called(self, order: Order) -> Order:
        """Until the call that places `order` is over, whatever came of it."""
        before = {Status.WAITING, Status.QUEUED, Status.SENDING}
        return self.until(order, *(set(Status) - before))

    def posts(self, order: Order) -> list[Any]:
        """Every request to place `order` that the broker has read, by tag."""
        tags = set(order.attempts.values_list("tag", flat=True)) | {order.client_order_id}
        return [
            entry
            for entry in self.simulator.journal.entries("place")
            if entry.form.get("tag") in tags
        ]

    def quiet(self, seconds: float = PATIENCE) -> None:
        """Until nothing of the case is being sent, unknown, or waiting for a cancel."""
        restless = {*IN_FLIGHT, Status.QUEUED, Status.CANCEL_PENDING}
        orders = Order.objects.filter(pk__gte=self.first_order, status__in=restless)
        try:
            self.wait(lambda: not orders.exists(), "nothing is on its way", seconds)
        except TimeoutError as error:
            left = [f"{one}: {self._why(one)}" for one in orders]
            raise AssertionError(f"{error}: {left}\n{self.logs()}") from None

    def book_reads(self, times: int = 2) -> None:
        """Until the book was read so many more times, from beginning to end."""
        for _ in range(times):
            before = self._read_at()
            self.wait(lambda: self._read_at() != before, "the book is read again")  # noqa: B023

    def _read_at(self) -> datetime | None:
        state = AccountState.objects.filter(connection=self.connection).first()
        return state.book_read_at if state else None

    # -- truth -----------------------------------------------------------------------------

    def at_broker(self, order: Order) -> list[dict[str, Any]]:
        """The broker's own record of everything that wears a tag of `order`, or its id."""
        return invariants.TheirBook(self.exchange.ledger()).copies_of(self.fresh(order))

    def violations(self, *, unknown_allowed: bool = False) -> list[invariants.Violation]:
        return invariants.violations(
            self.connection,
            self.exchange.ledger(),
            self.simulator.journal.entries("place", self.journal_since),
            first_order=self.first_order,
            seen_at_broker=self.seen_at_broker,
            halts=[*self._halts, *invariants.spans_of_halts(self.connection, self.begun_at)],
            unknown_allowed=unknown_allowed,
        )


def check_invariants(rig: Rig, *, unknown_allowed: bool = False) -> None:
    """I1 to I8 on both ledgers, once the book has been followed to where it stands."""
    try:
        rig.wait(
            lambda: not rig.violations(unknown_allowed=unknown_allowed), "both books agree", 10
        )
    except TimeoutError:
        found = rig.violations(unknown_allowed=unknown_allowed)
        lines = "\n".join(str(one) for one in found)
        assert not found, f"{lines}\n{rig.logs()}"


@contextmanager
def running_rig(overrides: Mapping[str, str] | None = None) -> Iterator[Rig]:
    """A rig without a worker on this process's empty database.

    The clock of this process is moved for as long as it stands; no prices move by themselves.
    """
    offset = (MOMENT - datetime.now(clock.IST)).total_seconds()
    clock.move(offset)
    exchange = Exchange(
        SimClock(clock.now()), cash=Decimal(10**9), prices_move=False, always_open=True
    )
    try:
        with KiteSimulator(exchange, rate_limits=False) as simulator:
            rig = Rig(simulator, worker_environment(overrides or {}, offset))
            try:
                yield rig
            finally:
                rig.close()
    finally:
        clock.move(0)
