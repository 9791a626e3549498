"""Following one account: a thread of its own, so that a slow broker holds nobody else.

Of all workers one follows an account at a time, by a lease in the database.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connections,
)
from django.db.models import Max, Q

from brokers.accounts import login_of
from brokers.errors import BrokerError, RateLimited, SessionExpired
from brokers.models import (
    AccountPosition,
    AccountState,
    BrokerConnection,
    BrokerQuestion,
    QuestionKind,
)
from brokers.port import Broker
from brokers.registry import broker_for
from brokers.sessions import end_session
from sigmatrader import clock
from sigmatrader.db import Busy
from trading.domain.order import AT_BROKER, Status
from trading.models import Fill, Order
from trading.services import account_reads, contract_notes, ledger, questions, reconcile
from trading.services.book import read
from trading.services.cancels import pending, send_cancels
from trading.services.recovery import worker_is_dead

logger = logging.getLogger(__name__)

# In rounds of ST_RECONCILE_INTERVAL_SECONDS.
_IDLE_BOOK_ROUNDS = 5
_POSITION_ROUNDS = 20
# While something is open: the day's loss is the broker's to tell, and it must be told soon.
_OPEN_POSITION_ROUNDS = 3
_HOLDINGS_ROUNDS = 100
_CHARGES_ROUNDS = 20
_LONGEST_PAUSE_SECONDS = 60.0
# So that many questions keep nobody waiting for the book, or a cancel.
_QUESTIONS = 3
# The instrument list takes long: it has a thread of its own. The order book is read anyway.
_KINDS = [
    kind
    for kind in QuestionKind
    if kind not in (QuestionKind.INSTRUMENTS, QuestionKind.SYNC_ORDERS)
]


class Follower(threading.Thread):
    """Follows `account_id` until `stopping` is set. `wake()` begins the next round at once."""

    def __init__(self, account_id: int, worker_id: str, stopping: threading.Event) -> None:
        super().__init__(name=f"account-{account_id}", daemon=True)
        self._account_id = account_id
        self._worker_id = worker_id
        self._stopping = stopping
        self._bell = threading.Event()
        self._memory = reconcile.Memory()
        self._broker: Broker | None = None
        self._token = ""
        self._done: dict[str, float] = {}
        self._last_fill = 0
        self._failures = 0

    def wake(self) -> None:
        self._bell.set()

    def run(self) -> None:
        try:
            while not self._stopping.is_set():
                pause = self._guarded_round()
                close_old_connections()
                self._bell.wait(pause)
                self._bell.clear()
        finally:
            self._leave()
            connections.close_all()

    def _guarded_round(self) -> float:
        interval = settings.ST.RECONCILE_INTERVAL_SECONDS
        try:
            return self.round()
        except (OperationalError, InterfaceError, Busy) as error:
            logger.error("%s: the database did not answer: %s", self.name, error)
            connections.close_all()
        except SessionExpired as error:
            logger.warning("%s: %s", self.name, error.message)
            return interval
        except BrokerError as error:
            self._failures += 1
            self._note_failure(error)
        except Exception:
            # A fault of ours must not end the following of an account.
            logger.exception("%s: a round failed", self.name)
            self._failures += 1
        factor = 2 ** min(self._failures, 5)
        return min(interval * factor, max(interval, _LONGEST_PAUSE_SECONDS))

    def round(self) -> float:
        """One round; returns the seconds until the next. Raises the broker's errors."""
        interval = float(settings.ST.RECONCILE_INTERVAL_SECONDS)
        connection = BrokerConnection.objects.get(pk=self._account_id)
        if not take_lease(connection, self._worker_id):
            return interval
        # Of an account that is switched off too, what works at the broker is followed.
        session = login_of(connection)
        if not session.connected:
            self._broker = None
            questions.refuse_open(connection, SessionExpired(session.error))
            return interval
        broker = self._broker_of(connection)
        try:
            self._serve(connection, broker)
        except SessionExpired as error:
            end_session(connection, error.message)
            raise
        self._failures = 0
        return interval

    def _serve(self, connection: BrokerConnection, broker: Broker) -> None:
        if pending(connection).exists():
            send_cancels(connection, broker, self._memory.cancels)
        reconcile.send_modifications(connection, broker)
        asked = set(
            BrokerQuestion.objects.filter(connection=connection, answered_at=None).values_list(
                "kind", flat=True
            )
        )
        if asked & set(_KINDS):
            answered = questions.answer_open(connection, broker, kinds=_KINDS, most=_QUESTIONS)
            if answered >= _QUESTIONS:
                self._bell.set()  # there may be more; the book comes first
        if QuestionKind.SYNC_ORDERS in asked:
            self._done.pop("book", None)
        if self._due("book", 1 if self._is_busy(connection) else _IDLE_BOOK_ROUNDS):
            self._read_book(connection, broker)
        self._read_account(connection, broker)
        self._ask_charges(connection, broker)

    def _ask_charges(self, connection: BrokerConnection, broker: Broker) -> None:
        """One request of the day's contract note, last of all and not while a cancel waits."""
        if pending(connection).exists() or not self._due("charges", _CHARGES_ROUNDS):
            return
        if contract_notes.step(connection, broker, clock.now()):
            self._done.pop("charges", None)  # there may be more

    def _read_account(self, connection: BrokerConnection, broker: Broker) -> None:
        """Positions, funds and holdings. That they can't be read is no failure of the book."""
        filled = self._newest_fill(connection)
        try:
            rounds = _OPEN_POSITION_ROUNDS if self._holds(connection) else _POSITION_ROUNDS
            if self._due("positions", rounds) or filled > self._last_fill:
                account_reads.read_positions(connection, broker)
                self._last_fill = filled
                self._done["positions"] = time.monotonic()
                ledger.mark_to_market(connection)
                account_reads.read_funds(connection, broker)
            if self._due("holdings", _HOLDINGS_ROUNDS):
                account_reads.read_holdings(connection, broker)
        except SessionExpired:
            raise
        except BrokerError as error:
            logger.warning("%s: the account can't be read: %s", self.name, error.message)
            self._done.pop("positions", None)
            self._done.pop("holdings", None)

    def _read_book(self, connection: BrokerConnection, broker: Broker) -> None:
        started = clock.now()
        try:
            reconcile.take_in(connection, broker, read(broker), self._memory)
        except BrokerError as error:
            self._done.pop("book", None)  # the next round tries again
            questions.answer_orders(connection, started, error)
            raise
        questions.answer_orders(connection, started)

    def _broker_of(self, connection: BrokerConnection) -> Broker:
        """The adapter of this session; a new login gets a new one, and everything read anew."""
        if self._broker is None or connection.access_token_encrypted != self._token:
            self._broker = broker_for(connection)
            self._token = connection.access_token_encrypted
            self._done.clear()
        return self._broker

    def _due(self, what: str, rounds: int) -> bool:
        now = time.monotonic()
        pause = rounds * settings.ST.RECONCILE_INTERVAL_SECONDS
        last = self._done.get(what)
        # A little early rather than a whole round late.
        if last is not None and now - last < pause * 0.9:
            return False
        self._done[what] = now
        return True

    def _is_busy(self, connection: BrokerConnection) -> bool:
        """Whether something of ours may change in the book at any moment."""
        orders = Order.objects.filter(connection=connection)
        if orders.filter(status__in=AT_BROKER).exists():
            return True
        if orders.filter(status=Status.QUEUED, attempts__isnull=False).exists():
            return True  # it goes again once the book was read
        return reconcile.given_up_today().filter(connection=connection).exists()

    def _holds(self, connection: BrokerConnection) -> bool:
        """Whether a position was open when the account was last read."""
        shown = AccountPosition.objects.filter(connection=connection)
        return shown.exclude(quantity=0).exists()

    def _newest_fill(self, connection: BrokerConnection) -> int:
        return Fill.objects.filter(connection=connection).aggregate(n=Max("id"))["n"] or 0

    def _note_failure(self, error: BrokerError) -> None:
        level = logging.INFO if isinstance(error, RateLimited) else logging.WARNING
        logger.log(level, "%s: the broker did not answer: %s", self.name, error.message)
        self._guard(
            lambda: AccountState.objects.filter(connection_id=self._account_id).update(
                book_error=error.message[:2000], book_failures=self._failures
            )
        )

    def _leave(self) -> None:
        """Give the account to another worker at once."""
        self._guard(
            lambda: AccountState.objects.filter(
                connection_id=self._account_id, follower=self._worker_id
            ).update(follower="", follower_until=None)
        )

    def _guard(self, write: Callable[[], object]) -> None:
        try:
            write()
        except (DatabaseError, Busy) as error:
            logger.error("%s: its state can't be saved: %s", self.name, error)
            connections.close_all()


def take_lease(connection: BrokerConnection, worker_id: str) -> bool:
    """Become, or stay, the one who follows the account; False while another worker does."""
    now = clock.now()
    until = now + timedelta(seconds=settings.ST.lease_seconds)
    half = now + timedelta(seconds=settings.ST.lease_seconds / 2)
    AccountState.objects.get_or_create(connection=connection)
    mine = AccountState.objects.filter(connection=connection, follower=worker_id)
    if mine.filter(follower_until__gt=half).exists():
        return True
    free = Q(follower=worker_id) | Q(follower="") | Q(follower_until__lt=now)
    holder = AccountState.objects.values_list("follower", flat=True).get(connection=connection)
    if holder not in ("", worker_id) and worker_is_dead(holder):
        free |= Q(follower=holder)
    taken = AccountState.objects.filter(free, connection=connection).update(
        follower=worker_id, follower_until=until
    )
    return bool(taken)
