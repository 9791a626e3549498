"""What every page shows of the system: accounts, trading state, worker, queue."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from brokers.models import AccountState, BrokerConnection, ConnectionKind
from risk import policy
from risk.models import Breaker
from risk.policy import CurrentState
from sigmatrader import clock
from sigmatrader.health import WORKER_STALE_SECONDS
from trading import selectors
from trading.domain.market import market_words
from trading.domain.order import WORKING, Status
from trading.domain.values import StateScope, TradingStateName
from trading.models import Order
from trading.selectors import Account
from trading.services import calendar
from trading.services.breakers import open_breakers
from trading.services.clock_skew import ClockWarning, clock_warning
from trading.templatetags.money import ist, span_text
from trading.web.accounts import LoginDue, logins_due, never_logged_in

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

    @property
    def text(self) -> str:
        if self.clock is not None:
            return f"clock {self.clock.size} off"
        return "not logged in yet" if self.new else self.word


@dataclass(frozen=True, slots=True)
class Desk:
    """The state of the system at `now`."""

    now: datetime
    money: str  # whose money an order may touch: LIVE, SIMULATOR or PAPER
    state: CurrentState
    narrower: tuple[CurrentState, ...]  # accounts and strategies that are not ACTIVE
    broker: Broker
    market: str
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
        market=market_text(now),
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
    since = f" since {ist(state.book_read_at)}" if state.book_read_at else ""
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
    return Broker(one.name, "Error", account.error, None, one.pk, new=never_logged_in(account))


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


def _session_text(account: Account) -> str:
    if account.expires_at is None:
        return "The worker runs and orders can be sent."
    until = account.expires_at.astimezone(clock.IST)
    return f"The worker runs; logged in until {until:%d %b, %H:%M} IST."


def market_text(now: datetime) -> str:
    """How the equity market stands, until or from when, and for how long."""
    return market_words(calendar.current(), "NSE", now)
