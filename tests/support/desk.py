"""One account at the Kite simulator, in this process: no workers and no threads of ours.

Our clock and the simulator's stand still together until a test moves them. Prices stand still too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from brokers.models import AccountState, BrokerConnection, ConnectionKind
from brokers.port import Broker, BrokerStatus, OrderReport, Placed, Trade
from brokers.registry import broker_for
from brokers.simulator.clock import SimClock
from brokers.simulator.exchange import Exchange
from brokers.simulator.journal import Entry
from brokers.simulator.server import KiteSimulator
from risk.engine.evaluate import Decision
from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import StrategyFactory, make_order
from tests.support import halts, kite
from trading.domain.order import Status
from trading.domain.values import (
    ExecutionTarget,
    Mode,
    OffHours,
    OrderType,
    Product,
    RiskScope,
)
from trading.models import Instrument, Order, Strategy
from trading.services import account_reads, exit_size, outcomes, reconcile
from trading.services.book import Book
from trading.services.claim import Claim, claim_next
from trading.services.dispatch import request_of, send
from trading.services.exposure import decide

ME = "here:1:1"
SYMBOL, OTHER = "INFY", "TCS"
# A Wednesday on which every exchange trades.
OPEN = datetime(2026, 12, 2, 11, 0, tzinfo=clock.IST)
NIGHT = OPEN.replace(hour=20)
NEXT_OPEN = datetime(2026, 12, 3, 9, 15, tzinfo=clock.IST)


class Desk:
    """A trader's account, its broker, and what a worker would do, step by step."""

    def __init__(self, simulator: KiteSimulator, now: datetime) -> None:
        self.simulator = simulator
        self.exchange = simulator.exchange
        self.behaviour = simulator.exchange.behaviour
        self.faults = simulator.faults
        self.now = now
        self.memory = reconcile.Memory()
        self.connection = BrokerConnection.objects.create(
            name="desk",
            broker_name="zerodha",
            kind=ConnectionKind.SIMULATOR,
            api_key=simulator.api_key,
            api_root=simulator.root,
            user_id=self.exchange.user_id,
        )
        # What these tests are about is not risk: none of a new installation's limits.
        RiskSettings.objects.get_or_create(scope=RiskScope.GLOBAL)
        self.log_in()
        for symbol in (SYMBOL, OTHER):
            Instrument.objects.create(
                exchange="NSE",
                tradingsymbol=symbol,
                search_key=symbol,
                lot_size=1,
                tick_size=Decimal("0.1"),
                listed_on=now.date(),
            )
        self.price("1500")

    # -- the broker ------------------------------------------------------------------------

    def log_in(self, *, read: bool = True) -> None:
        """A new session; with `read` everything is read without which nothing is sent."""
        self.connection.access_token = self.simulator.login()
        self.connection.token_expires_at = self.now + timedelta(hours=12)
        self.connection.logged_in_at = self.now
        self.connection.save()
        if read:
            self.read_all()

    @property
    def broker(self) -> Broker:
        return broker_for(self.connection)

    def price(self, rupees: str, symbol: str = SYMBOL) -> None:
        """A trade at that price; what it meets fills while the market is open."""
        self.exchange.set_price("NSE", symbol, Decimal(rupees))

    def at_broker(self) -> list[dict[str, Any]]:
        """Every order that the broker ever had, oldest first."""
        orders: list[dict[str, Any]] = self.exchange.ledger()["orders"]
        return orders

    def triggers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.exchange.ledger()["triggers"]
        return found

    def filled_report(self, order: Order, price: str, quantity: int = 0) -> OrderReport:
        """`order` as the book will show it once `quantity` (all) of it was filled."""
        report = self.broker.order(order.broker_order_id)
        assert report is not None
        units = quantity or order.qty
        trade = Trade(
            trade_id="T1",
            order_id=order.broker_order_id,
            exchange=order.exchange,
            tradingsymbol=order.tradingsymbol,
            product=report.product,
            side=report.side,
            quantity=units,
            price=Decimal(price),
            at=self.now,
        )
        whole = units == order.qty
        return replace(
            report,
            status=BrokerStatus.COMPLETE if whole else BrokerStatus.CANCELLED,
            raw_status="COMPLETE" if whole else "CANCELLED",
            filled_quantity=units,
            average_price=Decimal(price),
            trades=(trade,),
        )

    def legs_at_broker(self) -> list[dict[str, Any]]:
        """The orders that the broker's triggers hold."""
        return [leg for trigger in self.exchange.gtts() for leg in trigger["orders"]]

    def kite(self) -> Any:
        """The official client in the session of this account: hands in the broker's own app."""
        return kite.client(self.simulator.root, self.connection.access_token)

    def asked(self, call: str) -> list[Entry]:
        """The requests of that call that reached the broker."""
        return self.simulator.journal.entries(call)

    def outside(self, **fields: Any) -> str:
        """An order from the broker's own app: its id."""
        values = {
            "exchange": "NSE",
            "tradingsymbol": SYMBOL,
            "transaction_type": "BUY",
            "quantity": "5",
            "product": "MIS",
            "order_type": "LIMIT",
            "price": "1450",
        } | {name: str(value) for name, value in fields.items()}
        return self.exchange.place_outside(values)

    # -- time ------------------------------------------------------------------------------

    def move_to(self, moment: datetime) -> None:
        """Our clock and the broker's; a new day needs `log_in`."""
        self.now = moment
        self.simulator.clock.set(moment)
        self.exchange.tick()

    def wait(self, seconds: float) -> None:
        self.move_to(self.now + timedelta(seconds=seconds))

    def seconds(self) -> float:
        """The desk's time for what measures intervals."""
        return self.now.timestamp()

    # -- our side --------------------------------------------------------------------------

    def strategy(self, off_hours: OffHours = OffHours.AMO, **fields: Any) -> Strategy:
        made: Strategy = StrategyFactory(
            execution_target=ExecutionTarget.LIVE,
            connection=self.connection,
            off_hours=off_hours,
            **fields,
        )
        return made

    def order(self, *, auto: bool = False, **fields: Any) -> Order:
        """A queued market order by a person's press, unless the fields say otherwise."""
        values = {
            "connection": self.connection,
            "mode": Mode.AUTO if auto else Mode.MANUAL,
            "expires_at": self.now + timedelta(seconds=60),
        } | fields
        return make_order(Status.QUEUED, **values)

    def limit(self, price: str = "1450", **fields: Any) -> Order:
        """A queued limit order; at this price a buy rests."""
        return self.order(order_type=OrderType.LIMIT, price=Decimal(price), **fields)

    def trigger(self, price: str = "1400", **fields: Any) -> Order:
        """A queued GTT that buys for delivery when the price falls so far."""
        return self.limit(price, gtt=True, product=Product.CNC, **fields)

    def two_leg(
        self, stop: str = "1400", target: str = "1600", **fields: Any
    ) -> tuple[Order, Order]:
        """A queued GTT that sells at a stop below or a target above."""
        shared = {
            "side": "SELL",
            "product": Product.CNC,
            "gtt": True,
            "reduce_only": True,
            "order_type": OrderType.LIMIT,
        } | fields
        first = self.order(price=Decimal(stop), trigger_price=Decimal(stop), **shared)
        second = self.order(
            price=Decimal(target), trigger_price=Decimal(target), oco_with=first, **shared
        )
        return first, second

    def own(self, quantity: int = 100) -> None:
        """Delivered shares in the account, which can be sold."""
        self.exchange.deposit("NSE", SYMBOL, quantity, Decimal(1000))
        self.read_account()

    def read_account(self) -> None:
        """Positions and holdings, as the follower reads them."""
        account_reads.read_positions(self.connection, self.broker)
        account_reads.read_holdings(self.connection, self.broker)

    def claim(self, **options: Any) -> Claim | None:
        return claim_next(ME, **options)

    def place(self, claim: Claim) -> Placed:
        """Only the call to the broker: its answer is on its way."""
        return self.broker.place(request_of(claim.order, claim.attempt))

    def settle(self, claim: Claim, placed: Placed) -> None:
        """The answer is saved."""
        outcomes.sent(claim, placed)

    def send(self, claim: Claim) -> Order:
        send(claim)
        return self.fresh(claim.order)

    def send_next(self) -> Order | None:
        """Claim and send one order; None when nothing may go."""
        claim = self.claim()
        if claim is None:
            return None
        return self.send(claim)

    def sent(self, order: Order) -> Order:
        """`order` after it was claimed, sent and taken by the broker."""
        self.send_next()
        found = self.fresh(order)
        assert found.status == Status.SENT, f"{found}: {found.error_message}"
        return found

    def read_book(self) -> None:
        """Bring our orders to what the broker shows."""
        self.take_in(reconcile.read(self.broker))

    def read_all(self) -> None:
        self.read_book()
        self.read_account()

    def take_in(self, book: Book) -> None:
        reconcile.take_in(self.connection, self.broker, book, self.memory)

    def round(self) -> None:
        """Cancels, modifications, then the book."""
        reconcile.reconcile_account(self.connection, self.memory)

    def fresh(self, order: Order) -> Order:
        return Order.objects.select_related("connection", "strategy").get(pk=order.pk)

    def status(self, order: Order) -> str:
        return self.fresh(order).status

    def decision(self, order: Order) -> Decision:
        """What risk says of `order`."""
        return decide(order, self.connection, session_ok=True)

    def left_to_close(self, order: Order) -> int:
        return exit_size.left_to_close(order, self.broker)

    def halt_reason(self) -> str:
        """Why the account is halted; empty while it is not."""
        return halts.reason(self.connection)

    def resume(self) -> None:
        halts.resume(self.connection)

    def state(self) -> AccountState:
        return AccountState.objects.get(connection=self.connection)


@contextmanager
def open_desk(now: datetime = OPEN) -> Iterator[Desk]:
    """A desk at a market whose hours are the calendar's."""
    exchange = Exchange(SimClock(now, frozen=True), prices_move=False)
    with kite.simulator(exchange=exchange, rate_limits=False) as simulator:
        desk: Desk | None = None
        clock.use(lambda: desk.now if desk else now)
        try:
            desk = Desk(simulator, now)
            yield desk
        finally:
            clock.use(None)
