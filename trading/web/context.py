"""What every page shows of the system: accounts, trading state, worker, queue."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Min
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from brokers.models import AccountState, BrokerConnection, BrokerName, ConnectionKind
from risk import policy
from risk.models import Breaker
from risk.policy import CurrentState
from sigmatrader import clock
from sigmatrader.health import WORKER_STALE_SECONDS
from trading import selectors
from trading.domain.order import WORKING, Status
from trading.domain.values import StateScope, TradingStateName
from trading.models import Order
from trading.selectors import Account
from trading.services.breakers import open_breakers
from trading.services.clock_skew import ClockWarning, clock_warning
from trading.services.logins import LoginDue, logins_due, never_logged_in
from trading.templatetags.money import span_text
from trading.web.market_chip import MarketChip, market_chip

# One failed read is a hiccup.
_BOOK_FAILURES = 3
_MONEY_WORDS = ("LIVE", "SIMULATOR", "PAPER")


@dataclass(frozen=True, slots=True)
class Broker:
    """The status chip: `word` is Connected, Error, Checking or Clock.

    `until`: the end of a broker's session. `account_id`: whose trouble an Error is. `new`: nobody
    has logged in to that account yet. `clock`: by how much ours differs from the broker's.
    """

    name: str
    word: str
    detail: str
    until: datetime | None = None
    account_id: int | None = None
    new: bool = False
    clock: ClockWarning | None = None
    login: bool = False

    @property
    def text(self) -> str:
        if self.clock is not None:
            return f"clock {self.clock.size} off"
        return "not logged in yet" if self.new else self.word


@dataclass(frozen=True, slots=True)
class Worker:
    """The worker's chip. `tone`: ok, wait or bad. `silent_since`: its last sign of life when it is
    the trouble. `synced_at`: since when at the latest every broker's book that we follow is read.
    """

    word: str
    tone: str
    detail: str
    silent_since: datetime | None = None
    synced_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """The state of the system at `now`."""

    now: datetime
    money: str  # whose money an order may touch: LIVE, SIMULATOR or PAPER
    state: CurrentState
    narrower: tuple[CurrentState, ...]  # accounts and strategies that are not ACTIVE
    broker: Broker
    worker: Worker
    market: MarketChip
    waiting: int
    unknown: int
    working: int
    breakers: tuple[Breaker, ...]
    logins: tuple[LoginDue, ...]

    @property
    def broker_error(self) -> bool:
        """Whether the chip's trouble needs a banner of its own, beside “log in”."""
        told = {one.connection_id for one in self.logins}
        return self.broker.word == "Error" and self.broker.account_id not in told

    @property
    def stopped_accounts(self) -> list[CurrentState]:
        return [one for one in self.narrower if one.scope is StateScope.ACCOUNT]

    @property
    def token(self) -> str:
        """Differs when the banner, the halt button or the count of waiting orders does."""
        narrower = ",".join(f"{one.label}={one.state}" for one in self.narrower)
        return "|".join(
            (
                self.state.state,
                self.state.reason,
                narrower,
                self.broker.word,
                ",".join(f"{one.name}={one.open}" for one in self.logins),
                str(self.waiting),
                str(self.unknown),
                str(self.working),
                ",".join(str(one.pk) for one in self.breakers),
            )
        )


def desk(request: HttpRequest) -> dict[str, Any]:
    """Context processor. Nothing is read before a template asks."""
    build: Callable[[], Desk] = current_desk
    return {
        "desk": SimpleLazyObject(build),
        "simulators": SimpleLazyObject(_simulators),
        "version": settings.VERSION,
    }


def _simulators() -> list[str]:
    """The names of the accounts that trade at a pretended exchange."""
    rows = BrokerConnection.objects.filter(kind=ConnectionKind.SIMULATOR, enabled=True)
    return list(rows.order_by("name").values_list("name", flat=True))


def current_desk() -> Desk:
    accounts = selectors.accounts()
    first, *others = policy.current_states()
    kinds = selectors.kinds_in_use()
    now = clock.now()
    return Desk(
        now=now,
        money=next((word for word in _MONEY_WORDS if word in kinds), "PAPER"),
        state=first,
        narrower=tuple(one for one in others if one.state is not TradingStateName.ACTIVE),
        broker=_broker(accounts, now),
        logins=logins_due(accounts, now),
        worker=_worker_chip(accounts, now),
        market=market_chip(now),
        waiting=Order.objects.filter(status=Status.WAITING).count(),
        unknown=Order.objects.filter(status=Status.UNKNOWN).count(),
        working=Order.objects.filter(status__in=WORKING).count(),
        breakers=tuple(open_breakers()),
    )


def _broker(accounts: list[Account], now: datetime) -> Broker:
    if not accounts:
        return Broker("Broker", "Error", "There is no account: add a connection in the admin.")
    first = accounts[0]
    word, detail = _worker(now)
    if word:
        return Broker(first.connection.name, word, detail)
    broken = next((one for one in accounts if not one.connected), None)
    if broken is not None and broken.connection.enabled:
        return _in_trouble(broken)
    if not first.connected:
        return _in_trouble(first)
    if dark := _dark_book(accounts):
        return dark
    if wrong := clock_warning(now):
        return Broker(wrong.connection.name, "Clock", wrong.text, clock=wrong)
    # A session that ends says more than paper, which is always there.
    shown = next((one for one in accounts if one.expires_at is not None), first)
    return Broker(shown.connection.name, "Connected", _session_text(shown), shown.expires_at)


def _dark_book(accounts: list[Account]) -> Broker | None:
    """An account whose order book can't be read, although it is logged in."""
    connected = [one.connection.pk for one in accounts if one.connected]
    state = (
        AccountState.objects.filter(connection__in=connected, book_failures__gte=_BOOK_FAILURES)
        .select_related("connection")
        .order_by("book_read_at")
        .first()
    )
    if state is None:
        return None
    read_at = state.book_read_at
    since = f" since {read_at.astimezone(clock.IST):%d %b, %H:%M:%S}" if read_at else ""
    return Broker(
        state.connection.name,
        "Error",
        f"Its order book can't be read{since}: what works there is not followed, and AUTO orders "
        f"wait. {state.book_error}",
        None,
        state.connection_id,
    )


def _in_trouble(account: Account) -> Broker:
    one = account.connection
    return Broker(
        one.name,
        "Error",
        account.error,
        None,
        one.pk,
        new=never_logged_in(account),
        login=one.enabled and one.broker_name == BrokerName.ZERODHA and bool(one.api_key),
    )


def _worker(now: datetime) -> tuple[str, str]:
    """The chip's word and detail when the worker is the trouble; empty when it runs."""
    beat = selectors.last_heartbeat()
    if beat is None:
        return "Checking", "Waiting for the worker's first heartbeat."
    silence = now - (beat.stopped_at or beat.beat_at)
    fresh = silence.total_seconds() <= WORKER_STALE_SECONDS
    if beat.stopped_at is not None:
        if fresh:
            return "Checking", "The worker has stopped; waiting for the next one."
        return "Error", f"The worker stopped {span_text(silence)} ago: nothing is sent."
    if not fresh:
        return "Error", f"The worker is silent for {span_text(silence)}: nothing is sent."
    return "", ""


def _worker_chip(accounts: list[Account], now: datetime) -> Worker:
    beat = selectors.last_heartbeat()
    trouble, detail = _worker(now)
    if not trouble:
        synced_at = _synced_at(accounts)
        return Worker("running", "ok", "The worker sends orders and follows them.", None, synced_at)
    tone = "bad" if trouble == "Error" else "wait"
    if beat is None:
        return Worker("not seen yet", tone, detail)
    word = "stopped" if beat.stopped_at is not None else "silent"
    return Worker(word, tone, detail, beat.stopped_at or beat.beat_at)


def _synced_at(accounts: list[Account]) -> datetime | None:
    """When the book of the account was read that was read the longest ago; None without one."""
    followed = [
        one.connection.pk for one in accounts if one.connected and not one.connection.simulated
    ]
    read = AccountState.objects.filter(connection__in=followed, book_read_at__isnull=False)
    return read.aggregate(at=Min("book_read_at"))["at"] if followed else None


def _session_text(account: Account) -> str:
    if account.expires_at is None:
        return "The worker runs and orders can be sent."
    until = account.expires_at.astimezone(clock.IST)
    return f"The worker runs; logged in until {until:%d %b, %H:%M} IST."
