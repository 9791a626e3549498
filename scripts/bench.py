"""`make bench`: what risk, a claim and a report cost, as ratios to a reference of the same run.

Times of a machine say little; a ratio says the same on every machine. `--most` bounds the history
(orders), `--database postgres` measures on a PostgreSQL server that is started for it.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from scripts import own_django

SIZES = (1_000, 10_000, 100_000, 1_000_000)
# Moments of a trading day of the shipped calendar.
_YEAR, _MONTH, _DAY, _HOUR = 2026, 12, 2, 11


Timer = Callable[[], float]

# SQLite works inside this process, so that its processor time leaves out what else the machine
# does. A PostgreSQL server's time can only be waited for.
_TIMERS: dict[str, Timer] = {"sqlite": time.process_time, "postgres": time.perf_counter}


def _seconds(act: Callable[[], object], times: int, timer: Timer) -> float:
    """The best of `times` runs, after one that does not count: all else only ever adds."""
    act()
    taken = []
    for _ in range(times):
        begun = timer()
        act()
        taken.append(timer() - begun)
    return min(taken)


def _per_call(act: Callable[[], object], calls: int) -> float:
    """Processor seconds of one call, from the best of five bursts."""

    def burst() -> None:
        for _ in range(calls):
            act()

    return _seconds(burst, 5, time.process_time) / calls


@dataclass(frozen=True, slots=True)
class Line:
    """One measurement: `ratio` to the reference named, the time itself for information."""

    what: str
    ratio: float
    reference: str
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.what:<44} {self.ratio:8.2f} × {self.reference:<34} "
            f"({_words(self.seconds)} here)"
        )


def _words(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"


class Scene:
    """A paper account with every limit set, a past, open positions and working orders."""

    def __init__(self) -> None:
        from brokers.accounts import ensure_paper_account
        from risk.models import RiskSettings
        from tests.support.history import History
        from tests.support.trades import traded
        from trading.models import Strategy

        self.now = datetime(_YEAR, _MONTH, _DAY, _HOUR, tzinfo=_india())
        self.account = ensure_paper_account()
        self.strategies = [Strategy.objects.create(name=f"bench-{number}") for number in range(3)]
        RiskSettings.objects.create(scope="GLOBAL", **_every_limit())
        RiskSettings.objects.create(scope="STRATEGY", strategy=self.strategies[0], **_every_limit())
        self.history = History(self.account, self.strategies, self.now)
        for number in range(5):
            traded(
                self.account,
                "BUY",
                10,
                "1500",
                at=self.now - timedelta(hours=1),
                strategy=self.strategies[0],
                tradingsymbol=f"OPEN{number}",
            )
        self.order = self._waiting()
        self.first_report: tuple[float, float] | None = None

    def _waiting(self) -> Any:
        """The order whose picture is taken."""
        from tests.factories import make_order

        return make_order(strategy=self.strategies[0], tradingsymbol="SYM1", qty=1)

    def queued(self, tradingsymbol: str) -> Any:
        """An order that a worker may claim."""
        from tests.factories import make_order
        from trading.domain.order import Status

        return make_order(
            Status.QUEUED, strategy=self.strategies[0], tradingsymbol=tradingsymbol, qty=1
        )

    def picture(self) -> object:
        from trading.services.exposure import snapshot_for

        return snapshot_for(self.order, self.account, session_ok=True)

    def row(self) -> object:
        """The reference: one row by its primary key."""
        from trading.models import Order

        return Order.objects.get(pk=self.order.pk)


def _india() -> Any:
    from sigmatrader import clock

    return clock.IST


def _every_limit() -> dict[str, Any]:
    """Values that every rule looks at and none stops an order by."""
    return {
        "max_quantity_per_order": 1_000,
        "max_order_value": Decimal(10**8),
        "max_daily_loss": Decimal(10**8),
        "max_open_positions": 1_000,
        "max_position_quantity": 100_000,
        "max_position_value": Decimal(10**9),
        "max_gross_exposure": Decimal(10**9),
        "max_net_exposure": Decimal(10**9),
        "max_working_orders": 1_000,
        "max_working_value": Decimal(10**9),
        "insufficient_margin": Decimal(1),
        "max_orders_per_day": 100_000,
        "max_trades_per_day": 100_000,
        "consecutive_losses": 50,
        "strategy_budget": Decimal(10**9),
        "pyramiding": 1_000,
        "cool_down": 1,
        "duplicate_order": 1,
    }


def engine(scene: Scene) -> Iterator[Line]:
    """All rules and gates on one picture, against reading a small JSON body."""
    from risk import policy
    from risk.engine.evaluate import evaluate
    from trading.services.exposure import intent_of, snapshot_for

    strategy = scene.strategies[0]
    intent = intent_of(scene.order)
    snapshot = snapshot_for(scene.order, scene.account, session_ok=True)
    limits = policy.limits_for(strategy.pk, strategy.name)
    body = json.dumps({f"field_{number}": "x" * 18 for number in range(30)})
    bare = _per_call(lambda: json.loads(body), 2_000)
    taken = _per_call(lambda: evaluate(intent, snapshot, limits), 200)
    yield Line("engine: every rule and gate, two scopes", taken / bare, "json.loads of 1 KB", taken)


def growth(scene: Scene, most: int, timer: Timer) -> Iterator[Line]:
    """Picture and claim as history grows, against the first ones and against one row by its key."""
    first: tuple[float, float] | None = None
    for size in (size for size in SIZES if size <= most):
        scene.history.grow_to(size)
        taken, bare = _seconds(scene.picture, 30, timer), _seconds(scene.row, 200, timer)
        claim = _claim(scene, timer)
        first = first or (taken, claim)
        after = f"after {size:,} orders"
        yield Line(f"picture {after}", taken / first[0], "the one after 1,000", taken)
        yield Line(f"picture {after}", taken / bare, "one row by its key", taken)
        yield Line(f"claim {after}", claim / first[1], "the one after 1,000", claim)
        yield Line(f"claim {after}", claim / bare, "one row by its key", claim)
        yield from analytics(scene, timer)


def analytics(scene: Scene, timer: Timer) -> Iterator[Line]:
    """A report, and a day that is added up again, beside what they cost after the first thousand.

    Called after each growth of the history; the first call is the reference.
    """
    from trading.analytics import Filter, report
    from trading.services import day_totals, trade_charges

    scene.history.add_up()
    schedule = trade_charges.current_schedule()
    # The last day with a whole day's trades, whatever the history's length.
    day = (scene.now - timedelta(days=1)).date()
    taken = _seconds(lambda: report(Filter()), 3, timer)
    again = _seconds(lambda: day_totals.work_out(scene.account.pk, day, schedule), 3, timer)
    scene.first_report = scene.first_report or (taken, again)
    after = f"after {scene.history.orders:,} orders"
    yield Line(f"report {after}", taken / scene.first_report[0], "the one after 1,000", taken)
    yield Line(f"day added up {after}", again / scene.first_report[1], "the one after 1,000", again)


def _claim(scene: Scene, timer: Timer) -> float:
    """Seconds of a whole claim: found, judged, committed with its attempt. Nothing is sent."""
    from trading.models import Order
    from trading.services.claim import claim_next

    taken = []
    for number in range(20):
        scene.queued(f"CLAIM{number}")
        begun = timer()
        claim = claim_next("bench:1:1")
        taken.append(timer() - begun)
        if claim is None:
            raise RuntimeError("the order was not claimed: see its reason")
        # Away with it, so that the next claim finds the account as this one did.
        claim.order.attempts.all().delete()
        claim.order.events.all().delete()
        Order.objects.filter(pk=claim.order.pk).delete()
    return min(taken)


@contextmanager
def _database(name: str) -> Iterator[None]:
    from tests.support.databases import fresh_database

    if name == "sqlite":
        with fresh_database(""):
            yield
        return
    from tests.support.postgres import temporary_cluster

    with temporary_cluster() as cluster, fresh_database(cluster.url("postgres")):
        yield


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument(
        "--most", type=int, default=SIZES[-1], help="orders of history (default %(default)s)"
    )
    asked = parser.parse_args()
    own_django.set_up("bench")
    from sigmatrader import clock

    with _database(asked.database):
        now = datetime(_YEAR, _MONTH, _DAY, _HOUR, tzinfo=clock.IST)
        clock.use(lambda: now)
        try:
            scene = Scene()
            for part in (engine(scene), growth(scene, asked.most, _TIMERS[asked.database])):
                for line in part:
                    print(line, flush=True)
        finally:
            clock.use(None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
