"""The worker: recovers, sends, reconciles, keeps time. Any number of them may run."""

import logging
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from types import FrameType

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections
from django.db.models import QuerySet

from brokers.accounts import is_available, session_of
from brokers.errors import BrokerError
from brokers.models import BrokerConnection, BrokerQuestion, QuestionKind
from brokers.registry import broker_for, capabilities_of
from brokers.retention import forget_old_prices
from risk import settings_service
from sigmatrader import clock
from sigmatrader.db import Busy
from trading.domain.order import AT_BROKER, Status
from trading.models import IdempotentRequest, IntakeCounter, Order, WorkerHeartbeat
from trading.services import (
    breakers,
    cancels,
    day_pnl,
    day_totals,
    expiry,
    instrument_list,
    ledger,
    limiter,
    loss_watch,
    market_data,
    questions,
    queue,
    reconcile,
    recovery,
    schedule,
    squaring,
)
from trading.services.claim import claim_next
from trading.services.dispatch import send
from trading.services.errors import Conflict
from trading.services.follower import Follower
from trading.services.notices import channels as notices
from trading.services.wakeup import Doorbell

logger = logging.getLogger(__name__)

SENDERS = 6
SLOTS_PER_ACCOUNT = 3
_HEARTBEAT_SECONDS = 2.0
_PAPER_SECONDS = 0.25  # without a wake-up; new prices ring the bell
_HOUSEKEEPING_SECONDS = 5.0
_PRICES_SECONDS = 1.0
_RISK_SECONDS = 1.0
_INSTRUMENTS_SECONDS = 2.0
_TOTALS_SECONDS = 1.0
_NOTICES_SECONDS = 1.0
_PAUSE_AFTER_ERROR_SECONDS = 0.5


class Slots:
    """How many sends each account has on the way in this process.

    One slow account may take some of the senders, never all of them.
    """

    def __init__(self, per_account: int) -> None:
        self._per_account = per_account
        self._lock = threading.Lock()
        self._taken: Counter[int] = Counter()

    def full_accounts(self) -> set[int]:
        with self._lock:
            return {pk for pk, count in self._taken.items() if count >= self._per_account}

    def take(self, account_id: int) -> None:
        with self._lock:
            self._taken[account_id] += 1

    def release(self, account_id: int) -> None:
        with self._lock:
            self._taken[account_id] -= 1


class Worker:
    """One worker process. `run()` returns after a SIGTERM or SIGINT, with nothing half done."""

    def __init__(self, senders: int = SENDERS) -> None:
        self.worker_id = recovery.this_worker_id()
        self.started_at = clock.now()
        self._followers: dict[int, Follower] = {}
        self._stopping = threading.Event()
        self._work = threading.Condition()
        self._rings = 0
        self._slots = Slots(SLOTS_PER_ACCOUNT)
        self._sender_count = senders
        self._senders: list[threading.Thread] = []
        self._helpers: list[threading.Thread] = []
        self._notices = notices.Desk()

    def run(self) -> None:
        """Recover first, then send and reconcile until asked to stop."""
        signal.signal(signal.SIGTERM, self._stop_on_signal)
        signal.signal(signal.SIGINT, self._stop_on_signal)
        doorbell = Doorbell(f"worker-{os.getpid()}")
        try:
            self._beat()
            self._recover()
            self._start_senders()
            self._start_helpers()
            logger.info("worker %s is ready", self.worker_id)
            self._main_loop(doorbell)
        finally:
            self._shut_down(doorbell)

    def stop(self) -> None:
        self._stopping.set()
        with self._work:
            self._work.notify_all()

    def _stop_on_signal(self, number: int, _: FrameType | None) -> None:
        # Only sets the flag: a signal handler must not wait for a lock.
        self._stopping.set()

    # -- the main thread -------------------------------------------------------------------

    def _recover(self) -> None:
        """What was in flight is settled before anything new is claimed.

        Nothing is sent to an account with a broker outside before its follower has read the book.
        """
        recovery.recover_lost_leases()
        for account in self._accounts():
            if not capabilities_of(account).sessions:
                self._guarded(partial(reconcile.reconcile_account, account))
        self._start_followers()

    def _start_followers(self) -> None:
        """A thread for every account with a broker outside; dead ones are replaced."""
        for account in self._accounts():
            follower = self._followers.get(account.pk)
            if capabilities_of(account).sessions and not (follower and follower.is_alive()):
                self._followers[account.pk] = Follower(account.pk, self.worker_id, self._stopping)
                self._followers[account.pk].start()

    def _start_helpers(self) -> None:
        """What may take its time, each in a thread of its own."""
        for name, step, seconds in (
            ("live-prices", self._refresh_prices, _PRICES_SECONDS),
            ("instrument-list", self._load_instruments, _INSTRUMENTS_SECONDS),
            ("day-totals", day_totals.work, _TOTALS_SECONDS),
            ("notices", self._tell, _NOTICES_SECONDS),
        ):
            thread = threading.Thread(
                target=self._repeat, args=(step, seconds), name=name, daemon=True
            )
            thread.start()
            self._helpers.append(thread)

    def _repeat(self, step: Callable[[], object], seconds: float) -> None:
        while not self._stopping.is_set():
            self._guarded(step)
            close_old_connections()
            self._stopping.wait(seconds)
        connections.close_all()

    def _refresh_prices(self) -> None:
        market_data.refresh(clock.now())

    def _tell(self) -> None:
        self._notices.step(clock.now())

    def _load_instruments(self) -> None:
        """The day's list, once, from the first account that is logged in; on demand at once."""
        for account in self._accounts():
            if not (capabilities_of(account).sessions and session_of(account).connected):
                continue
            broker = broker_for(account)
            questions.answer_open(account, broker, kinds=[QuestionKind.INSTRUMENTS])
            if instrument_list.is_due(clock.now()):
                instrument_list.load(broker.instruments(), account, clock.now())

    def _main_loop(self, doorbell: Doorbell) -> None:
        poll = settings.ST.WORKER_POLL_MS / 1000
        due = dict.fromkeys(("beat", "reconcile", "risk", "housekeeping", "paper"), 0.0)
        woken = True
        while not self._stopping.is_set():
            self._ring_senders()
            moment = time.monotonic()
            if woken or moment >= due["paper"]:
                due["paper"] = moment + _PAPER_SECONDS
                self._guarded(self._follow_paper)
            if moment >= due["beat"]:
                due["beat"] = moment + _HEARTBEAT_SECONDS
                self._guarded(self._beat)
            if moment >= due["reconcile"]:
                due["reconcile"] = moment + settings.ST.RECONCILE_INTERVAL_SECONDS
                self._guarded(self._reconcile)
            if moment >= due["risk"]:
                due["risk"] = moment + _RISK_SECONDS
                self._watch_risk()
            if moment >= due["housekeeping"]:
                due["housekeeping"] = moment + _HOUSEKEEPING_SECONDS
                self._guarded(self._keep_house)
            close_old_connections()
            woken = doorbell.wait(poll)

    def _guarded(self, step: Callable[[], object]) -> None:
        """Run one step; a failure is logged and the loop lives on."""
        try:
            step()
        except (DatabaseError, Busy) as error:
            logger.error("the database did not answer: %s", error)
            connections.close_all()
            self._stopping.wait(_PAUSE_AFTER_ERROR_SECONDS)
        except BrokerError as error:
            logger.warning("the broker did not answer: %s", error.message)
        except Exception:
            logger.exception("a step of the worker failed")
            self._stopping.wait(_PAUSE_AFTER_ERROR_SECONDS)

    def _accounts(self) -> list[BrokerConnection]:
        """Switched-off accounts too: nothing new is sent there, what works is followed."""
        return [
            account for account in BrokerConnection.objects.order_by("id") if is_available(account)
        ]

    def _reconcile(self) -> None:
        """Lost leases everywhere; paper's books. Other accounts have followers."""
        recovery.recover_lost_leases()
        busy = self._accounts_with(Order.objects.filter(status__in=AT_BROKER))
        busy |= self._accounts_with(
            Order.objects.filter(
                status=Status.FAILED, finished_at__gte=clock.now() - timedelta(days=1)
            )
        )
        for account in self._accounts():
            if account.pk in busy and not capabilities_of(account).sessions:
                self._guarded(partial(reconcile.reconcile_account, account))

    def _accounts_with(self, orders: QuerySet[Order]) -> set[int]:
        return set(orders.order_by().values_list("connection_id", flat=True).distinct())

    def _follow_paper(self) -> None:
        """Cancels at once; paper's resting orders against each new price."""
        pending = self._accounts_with(Order.objects.filter(status=Status.CANCEL_PENDING))
        asked = set(
            BrokerQuestion.objects.filter(answered_at=None)
            .order_by()
            .values_list("connection_id", flat=True)
        )
        for account in self._accounts():
            if not capabilities_of(account).sessions:
                self._guarded(partial(self._follow_one_paper, account, account.pk in pending))
                if account.pk in asked:
                    self._guarded(partial(questions.answer_open, account, broker_for(account)))
            elif account.pk in pending | asked and (found := self._followers.get(account.pk)):
                found.wake()

    def _follow_one_paper(self, account: BrokerConnection, cancel_asked: bool) -> None:
        broker = broker_for(account)
        changed = broker.advance(clock.now())
        if cancel_asked:
            cancels.send_cancels(account, broker)
        if changed:
            reconcile.follow_working(account, broker)
            ledger.mark_to_market(account)

    def _watch_risk(self) -> None:
        """Breakers, the day's loss, square-offs: each goes on when another can't."""
        now = clock.now()
        for step in (breakers.watch, loss_watch.watch, schedule.step, squaring.step):
            self._guarded(partial(step, now))

    def _beat(self) -> None:
        now = clock.now()
        beaten = WorkerHeartbeat.objects.filter(worker_id=self.worker_id).update(
            beat_at=now, stopped_at=None
        )
        if not beaten:
            WorkerHeartbeat.objects.create(
                worker_id=self.worker_id,
                host=socket.gethostname(),
                pid=os.getpid(),
                started_at=now,
                beat_at=now,
            )

    def _keep_house(self) -> None:
        self._start_followers()
        now = clock.now()
        over = Order.objects.filter(
            status__in=[Status.WAITING, Status.QUEUED], expires_at__lte=now
        ).order_by("expires_at")
        for order in over[:200]:
            try:
                queue.expire(order)
            except Conflict:
                logger.debug("order %s was decided at the last moment", order.pk)
        for account in self._accounts():
            ledger.mark_to_market(account)
        self._guarded(partial(expiry.settle_due, now))
        day_pnl.begin_day(now)
        settings_service.revert_due(now)
        limiter.forget_old(now)
        forget_old_prices(now)
        questions.forget_old(now)
        IdempotentRequest.objects.filter(created_at__lt=now - timedelta(hours=24)).delete()
        IntakeCounter.objects.filter(window_start__lt=now - timedelta(days=30)).delete()
        WorkerHeartbeat.objects.filter(beat_at__lt=now - timedelta(days=2)).delete()

    def _shut_down(self, doorbell: Doorbell) -> None:
        self.stop()
        doorbell.close()
        deadline = time.monotonic() + settings.ST.lease_seconds
        for follower in self._followers.values():
            follower.wake()
        threads = [*self._senders, *self._followers.values(), *self._helpers]
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))
        still = [thread.name for thread in threads if thread.is_alive()]
        if still:
            logger.error("still at work at the end of the grace: %s", ", ".join(still))
        WorkerHeartbeat.objects.filter(worker_id=self.worker_id).update(stopped_at=clock.now())
        logger.info("worker %s has stopped", self.worker_id)

    # -- the senders -----------------------------------------------------------------------

    def _start_senders(self) -> None:
        for number in range(self._sender_count):
            thread = threading.Thread(target=self._send_loop, name=f"sender-{number}", daemon=True)
            thread.start()
            self._senders.append(thread)

    def _ring_senders(self) -> None:
        with self._work:
            self._rings += 1
            self._work.notify()

    def _wait_for_ring(self, seen: int) -> int:
        with self._work:
            self._work.wait_for(lambda: self._rings != seen or self._stopping.is_set(), timeout=1)
            return self._rings

    def _send_loop(self) -> None:
        seen = 0
        while not self._stopping.is_set():
            seen = self._wait_for_ring(seen)
            while not self._stopping.is_set() and self._send_one():
                with self._work:
                    self._work.notify()  # there may be more: let another sender look too
        connections.close_all()

    def _send_one(self) -> bool:
        """Claim and send one order; False when there was nothing to do."""
        done = False

        def step() -> None:
            nonlocal done
            claim = claim_next(self.worker_id, self._slots.full_accounts(), self.started_at)
            if claim is None:
                return
            done = True
            self._ring_senders()  # what was passed over meanwhile may go now
            self._slots.take(claim.order.connection_id)
            try:
                send(claim)
            finally:
                self._slots.release(claim.order.connection_id)

        self._guarded(step)
        close_old_connections()
        return done
