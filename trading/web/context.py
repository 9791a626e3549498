"""What every page shows of the system: accounts, trading state, worker, queue."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from risk import policy
from risk.policy import CurrentState
from sigmatrader import clock
from sigmatrader.health import WORKER_STALE_SECONDS
from trading import selectors
from trading.domain.order import WORKING, Status
from trading.domain.session import current_session, next_session
from trading.domain.values import StateScope, TradingStateName
from trading.models import Order
from trading.selectors import Account
from trading.templatetags.money import span_text

_MONEY_WORDS = ("LIVE", "SIMULATOR", "PAPER")


@dataclass(frozen=True, slots=True)
class Broker:
    """The status chip: `word` is Connected, Error or Checking."""

    name: str
    word: str
    detail: str


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
                str(self.waiting),
                str(self.unknown),
                str(self.working),
            )
        )


def desk(request: HttpRequest) -> dict[str, Any]:
    """Context processor. Nothing is read before a template asks."""
    build: Callable[[], Desk] = current_desk
    return {"desk": SimpleLazyObject(build), "version": settings.VERSION}


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
        market=market_text(now),
        waiting=Order.objects.filter(status=Status.WAITING).count(),
        unknown=Order.objects.filter(status=Status.UNKNOWN).count(),
        working=Order.objects.filter(status__in=WORKING).count(),
    )


def _broker(accounts: list[Account], now: datetime) -> Broker:
    if not accounts:
        return Broker("Broker", "Error", "There is no account: add a connection in the admin.")
    name = accounts[0].connection.name
    word, detail = _worker(now)
    if not word:
        broken = next((one for one in accounts if not one.connected), None)
        if broken is not None and broken.connection.enabled:
            return Broker(broken.connection.name, "Error", broken.error)
        if not accounts[0].connected:
            return Broker(name, "Error", accounts[0].error)
        word, detail = "Connected", _session_text(accounts[0])
    return Broker(name, word, detail)


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
    """Whether the equity market trades, and until or from when."""
    running = current_session("NSE", now)
    if running is not None:
        return f"NSE open until {running.closes_at:%H:%M}"
    opens = next_session("NSE", now).opens_at
    same_day = opens.date() == now.astimezone(clock.IST).date()
    return f"NSE closed, opens {opens:%H:%M}" if same_day else f"NSE closed, opens {opens:%a %H:%M}"
