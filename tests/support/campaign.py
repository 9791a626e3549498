"""Chance against the dispatcher: faults, kill -9 and two workers, until so many orders were made.

The choices are the seed's; when a process meets them is the machine's.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

from brokers.simulator import faults as f
from brokers.simulator.errors import KiteError
from sigmatrader import clock
from tests.support import steps
from tests.support.crew import TIMEOUT
from tests.support.databases import fresh_database
from tests.support.report import Report
from tests.support.rig import Rig, running_rig
from trading.domain.order import IN_FLIGHT, WORKING, Status
from trading.domain.values import OrderType, Origin, Product, Side
from trading.models import Order, Position
from trading.services import queue
from trading.services.errors import ServiceError

ROUND = 250  # orders on one database and one day of the broker's book
WORKERS = ("one", "two")
_SYMBOLS = 24
_AT_ONCE = 16  # orders on their way; more would only wait
_SETTLED_WITHIN = 60.0

_SENDING = {
    f.accept_then_timeout(3 * TIMEOUT): 0.03,
    f.timeout_not_accepted(3 * TIMEOUT): 0.03,
    f.accept_late(0.5): 0.02,
    f.lying_400(): 0.03,
    f.reset_before(): 0.02,
    f.reset_after_accept(): 0.03,
    f.cut_body(): 0.02,
    f.accept_then_status(502, "html"): 0.02,
    f.accept_then_status(503): 0.02,
    f.refuse_status(500): 0.02,
    f.refuse_status(504, "empty"): 0.02,
    f.malformed(): 0.02,
    f.null_body(accepted=False): 0.01,
    f.no_order_id(): 0.02,
    f.no_content_type(): 0.01,
    f.success_500(): 0.02,
    f.rate_limited(): 0.03,
    f.slow(0.5 * TIMEOUT): 0.05,
    f.answer_late(0.5 * TIMEOUT): 0.05,
}
_READING = (
    f.slow(2 * TIMEOUT),
    f.refuse_status(502, "html"),
    f.cut_body(),
    f.malformed(),
    f.rate_limited(),
    f.reset_before(),
)
_READS = ("orders", "trades", "gtts", "positions")


def run(
    seed: int, orders: int, url: str = "", told: Callable[[str], None] = lambda _: None
) -> Report:
    """A campaign of so many orders on SQLite, or on the PostgreSQL server at `url`."""
    report = Report()
    while report.orders < orders:
        part = min(ROUND, orders - report.orders)
        with fresh_database(url), running_rig() as rig:
            report += Round(rig, seed * 1000 + report.orders // ROUND, part).play()
        told(f"{report.orders} of {orders} orders, {len(report.violations)} found wrong")
    return report


class Round:
    """One installation, one book of the broker's, `orders` orders."""

    def __init__(self, rig: Rig, seed: int, orders: int) -> None:
        self.rig = rig
        self.chance = random.Random(seed)
        self.seed = seed
        self.orders = orders
        self.report = Report()
        self.symbols = [rig.new_symbol() for _ in range(_SYMBOLS)]
        self.triggers = [rig.new_symbol() for _ in range(8)]
        self._gtt_number = 0

    def play(self) -> Report:
        rig = self.rig
        rig.begin()
        rig.faults.seeded(self.seed, _SENDING, ("place", "cancel", "modify", "gtt_place"))
        for name in WORKERS:
            rig.fork(name)
        while self.report.orders < self.orders:
            self._one_deed()
            self._keep_workers()
            self._make_room()
        self._come_to_rest()
        return self._judge()

    # -- deeds -----------------------------------------------------------------------------

    def _one_deed(self) -> None:
        deeds: list[tuple[Callable[[], None], float]] = [
            (self._market, 26),
            (self._limit, 16),
            (self._marketable_limit, 6),
            (self._exit, 8),
            (self._gtt, 4),
            (self._cancel, 10),
            (self._modify, 5),
            (self._press_again, 16),
            (self._outside, 4),
            (self._move_price, 8),
            (self._fire, 2),
            (self._knob, 10),
            (self._unreadable, 6),
            (self._kill, 4),
            (self._expire_session, 0.5),
            (self._hang_up, 1),
            (self._halt, 0.5),
        ]
        self.rig.exchange.behaviour.margin_reject = False  # it holds for one deed
        functions, weights = zip(*deeds, strict=True)
        self.chance.choices(functions, weights)[0]()

    def _press(self, make: Callable[[], Order]) -> None:
        """Make an order; a person's press may be refused, which makes none that is queued."""
        try:
            make()
        except ServiceError:
            self.report.deeds["press refused"] += 1
        self.report.orders += 1

    def _side(self) -> Side:
        return self.chance.choice((Side.BUY, Side.BUY, Side.SELL))

    def _market(self) -> None:
        symbol, quantity = self.chance.choice(self.symbols), self.chance.randint(1, 9)
        auto, side = self.chance.random() < 0.5, self._side()
        self._press(lambda: self.rig.order(symbol, auto=auto, qty=quantity, side=side))

    def _limit(self) -> None:
        symbol, quantity = self.chance.choice(self.symbols), self.chance.randint(1, 9)
        below = self._side() is Side.BUY
        self._press(lambda: self.rig.limit(symbol, below=below, qty=quantity))

    def _marketable_limit(self) -> None:
        symbol = self.chance.choice(self.symbols)
        price = self.rig.away(symbol, Decimal("0.01"))
        self._press(
            lambda: self.rig.order(symbol, auto=True, order_type=OrderType.LIMIT, price=price)
        )

    def _exit(self) -> None:
        held = list(
            Position.objects.filter(connection=self.rig.connection, product=Product.MIS)
            .exclude(qty=0)
            .order_by("symbol")
        )
        if not held:
            return
        position = self.chance.choice(held)
        side = Side.SELL if position.qty > 0 else Side.BUY
        self._press(
            lambda: self.rig.order(
                position.symbol, side=side, qty=abs(position.qty), reduce_only=True
            )
        )

    def _gtt(self) -> None:
        """Each with a quantity of its own: triggers wear no tag."""
        self._gtt_number += 1
        symbol, number = self.chance.choice(self.triggers), self._gtt_number
        price = self.rig.away(symbol, Decimal("-0.02"))
        self._press(
            lambda: self.rig.order(
                symbol,
                order_type=OrderType.LIMIT,
                price=price,
                trigger_price=price,
                gtt=True,
                product=Product.CNC,
                qty=number,
            )
        )

    def _some_of(self, *statuses: Status) -> Order | None:
        rows = list(
            Order.objects.filter(connection=self.rig.connection, status__in=statuses)
            .order_by("-pk")
            .values_list("pk", flat=True)[:40]
        )
        return Order.objects.get(pk=self.chance.choice(rows)) if rows else None

    def _tried(self, name: str, deed: Callable[[], object]) -> None:
        """What a person does may come too late: then it is refused and nothing happens."""
        try:
            deed()
        except (ServiceError, KiteError):
            self.report.deeds[f"{name} refused"] += 1
        else:
            self.report.deeds[name] += 1

    def _cancel(self) -> None:
        order = self._some_of(*WORKING, *IN_FLIGHT, Status.QUEUED)
        if order is not None:
            self._tried("cancel", lambda: self.rig.cancel(order))

    def _modify(self) -> None:
        order = self._some_of(Status.SENT, Status.PARTIALLY_EXECUTED)
        if order is not None and not order.gtt:
            quantity = order.filled_qty + self.chance.randint(1, 9)
            self._tried("modify", lambda: queue.modify(order, {"qty": quantity}, actor="test"))

    def _press_again(self) -> None:
        """A person looks at what was set aside, or retries what failed."""
        order = self._some_of(self.chance.choice((Status.WAITING,) * 4 + (Status.FAILED,)))
        if order is None:
            return
        if order.status == Status.FAILED:
            self._tried("retry", lambda: self._retry(order))
        else:
            self._tried("press again", lambda: queue.execute(order, actor="test"))

    def _retry(self, order: Order) -> None:
        again = queue.retry(order, actor="test")
        self.report.orders += 1
        queue.execute(again, actor="test")

    def _outside(self) -> None:
        order = {
            "exchange": "NSE",
            "tradingsymbol": self.chance.choice(self.symbols),
            "transaction_type": self._side().value,
            "quantity": str(self.chance.randint(1, 5)),
            "product": "MIS",
            "order_type": "MARKET",
            "validity": "DAY",
        }
        self._tried("order elsewhere", lambda: self.rig.exchange.place_outside(order))

    def _move_price(self) -> None:
        symbol = self.chance.choice(self.symbols)
        self.rig.set_price(
            symbol, self.rig.away(symbol, Decimal(self.chance.randint(-15, 15)) / 1000)
        )

    def _fire(self) -> None:
        symbol = self.chance.choice(self.triggers)
        self.rig.set_price(symbol, self.rig.away(symbol, Decimal("-0.025")))

    # -- misfortunes -----------------------------------------------------------------------

    def _knob(self) -> None:
        behaviour = self.rig.exchange.behaviour
        values = {
            "partial_fill": 1,
            "partial_then_cancel": 1,
            "reject_async": "RMS:Margin Exceeds",
            "late_fill": 0.3,
            "cancel_completes": True,
            "cancel_fails": "Order can't be cancelled at this moment.",
            "revise_average": Decimal("0.05"),
            "duplicate_rows": not behaviour.duplicate_rows,
            "book_lag": 0.0 if behaviour.book_lag else 0.3,
            "margin_reject": True,
        }
        name = self.chance.choice(list(values))
        behaviour.set(name, values[name])
        self.report.faults[f"knob {name}"] += 1

    def _unreadable(self) -> None:
        self.rig.faults.script(self.chance.choice(_READS), self.chance.choice(_READING))

    def _kill(self) -> None:
        name = self.chance.choice(WORKERS)
        if name in self.rig.workers:
            self.rig.kill(name)
            self.report.kills += 1

    def _keep_workers(self) -> None:
        """Who died is replaced; some of the new ones are to die at a certain step."""
        for name in WORKERS:
            worker = self.rig.workers.get(name)
            if worker is not None and worker.poll() is None:
                continue
            if worker is not None:
                self.rig.kill(name)
                self.report.kills += 1
            doomed = self.chance.random() < 0.4
            step = self.chance.choice(_DEADLY) if doomed else ""
            self.rig.fork(name, step, ready=False)

    def _expire_session(self) -> None:
        rig = self.rig
        rig.simulator.expire_sessions()
        self.report.faults["session expired"] += 1
        self._market()
        rig.wait(self._session_is_over, "the end of the session is noticed")
        rig.log_in()

    def _session_is_over(self) -> bool:
        self._keep_workers()
        self.rig.connection.refresh_from_db()
        expires = self.rig.connection.token_expires_at
        return expires is not None and expires <= clock.now()

    def _hang_up(self) -> None:
        self.rig.simulator.refuse_connections(0.3)
        self.report.faults["nobody listens"] += 1

    def _halt(self) -> None:
        self.rig.halt()
        self.report.deeds["halt"] += 1
        self._market()
        self.rig.resume()

    # -- the end ---------------------------------------------------------------------------

    def _on_their_way(self) -> int:
        return Order.objects.filter(
            connection=self.rig.connection, status__in=[Status.QUEUED, Status.SENDING]
        ).count()

    def _make_room(self) -> None:
        if self.rig.halt_reason():
            self.report.deeds["resumed after an alarm"] += 1
            self.rig.resume()

        def room() -> bool:
            self._keep_workers()
            return self._on_their_way() < _AT_ONCE

        self.rig.wait(room, "there is room for more orders", _SETTLED_WITHIN)

    def _come_to_rest(self) -> None:
        """No more faults, healthy workers, and a look at what is left."""
        rig = self.rig
        rig.faults.clear()
        rig.exchange.behaviour.clear()
        for name in WORKERS:
            rig.kill(name)
            rig.fork(name)
        rig.exchange.release()
        left = Order.objects.filter(connection=rig.connection).filter(
            status__in=[*IN_FLIGHT, Status.QUEUED, Status.CANCEL_PENDING]
        )
        patient = left.exclude(status=Status.UNKNOWN, gtt=True)
        with _patience():
            rig.wait(lambda: not patient.exists(), "everything is settled", _SETTLED_WITHIN)
            for order in left:
                self._ask_a_person(order)
            rig.wait(lambda: not rig.violations(), "both books agree", 20, every=0.5)

    def _ask_a_person(self, order: Order) -> None:
        """A trigger without an answer wears no tag: a person looks in Kite and says."""
        self.rig.wait(
            lambda: (
                self.rig.fresh(order).status != Status.UNKNOWN
                or self.rig.fresh(order).error_message.startswith("Triggers wear no tag")
            ),
            "a person is asked",
        )
        asked = self.rig.fresh(order)
        if asked.status == Status.UNKNOWN:
            self.report.deeds["asked a person"] += 1
            queue.resolve(
                asked, outcome="NOT_PLACED", broker_order_id="", reason="looked", actor="test"
            )

    def _judge(self) -> Report:
        rig, report = self.rig, self.report
        report.violations = rig.violations()
        for entry in rig.simulator.journal.entries(since=rig.journal_since):
            if entry.fault:
                report.faults[entry.fault] += 1
        rows = Order.objects.filter(connection=rig.connection, pk__gte=rig.first_order)
        report.statuses.update(
            status
            for status in rows.exclude(origin=Origin.EXTERNAL).values_list("status", flat=True)
        )
        return report


@contextmanager
def _patience() -> Iterator[None]:
    """What does not settle in time shows in the violations."""
    try:
        yield
    except TimeoutError:
        return


_DEADLY = (*steps.SENDING, *steps.CHANGING, *steps.TRIGGERS)
