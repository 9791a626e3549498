"""The accounts as the settings page shows them, and who has to log in before the market opens."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from brokers.models import AccountState, BrokerConnection, BrokerName, ConnectionKind
from sigmatrader import clock
from sigmatrader.addresses import public_address
from trading import selectors
from trading.domain.session import Session, session_on
from trading.domain.values import ExecutionTarget
from trading.models import Strategy
from trading.selectors import Account
from trading.services import calendar, market_data
from trading.services.connections import default_connection

# Long enough before the first exchange opens, and after every session has died.
_REMIND_FROM: Final = time(8, 0)
_REMIND_FOR: Final = ("NSE", "MCX")
_LONGEST_SESSION: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Card:
    """One account. `word` is PAPER, CONNECTED, EXPIRED, DISCONNECTED, NEW or OFF.

    `strategies` trade through it, by choice or because it is the default.
    """

    account: Account
    word: str
    strategies: tuple[Strategy, ...]
    state: AccountState | None

    @property
    def connection(self) -> BrokerConnection:
        return self.account.connection

    @property
    def life_left(self) -> int:
        """Of a session's longest life, a day: 0 to 100."""
        expires = self.account.expires_at
        left = (expires - clock.now()) / _LONGEST_SESSION if expires else 0.0
        return round(100 * min(max(left, 0.0), 1.0))

    @property
    def price_note(self) -> str:
        """Where the prices come from that paper orders meet."""
        return market_data.source_note()

    @property
    def has_credentials(self) -> bool:
        return bool(self.connection.api_key and self.connection.api_secret_encrypted)

    @property
    def is_zerodha(self) -> bool:
        return self.connection.broker_name == BrokerName.ZERODHA


def cards() -> list[Card]:
    """Every account, the default first."""
    users = _strategies_by_account()
    states = {state.connection_id: state for state in AccountState.objects.all()}
    return [
        Card(
            account,
            _word(account),
            tuple(users.get(account.connection.pk, ())),
            states.get(account.connection.pk),
        )
        for account in selectors.accounts()
    ]


def _word(account: Account) -> str:
    connection = account.connection
    if not connection.enabled:
        return "OFF"
    if connection.kind == ConnectionKind.PAPER:
        return "PAPER"
    if account.connected:
        return "CONNECTED"
    if account.expires_at is not None:
        return "EXPIRED"
    return "NEW" if never_logged_in(account) else "DISCONNECTED"


def never_logged_in(account: Account) -> bool:
    """Whether an account that is on still waits for its first login."""
    one = account.connection
    known = account.connected or one.token_expires_at or one.user_id or one.logged_in_at
    return one.enabled and not known


def _strategies_by_account() -> dict[int, list[Strategy]]:
    """By connection id; archived strategies trade nowhere."""
    found: dict[int, list[Strategy]] = {}
    defaults: dict[ExecutionTarget, BrokerConnection | None] = {}
    for strategy in Strategy.objects.filter(archived=False).select_related("connection"):
        connection = strategy.connection
        if connection is None:
            target = ExecutionTarget(strategy.execution_target)
            if target not in defaults:
                defaults[target] = default_connection(target)
            connection = defaults[target]
        if connection is not None:
            found.setdefault(connection.pk, []).append(strategy)
    return found


@dataclass(frozen=True, slots=True)
class Addresses:
    """What has to be registered at developers.kite.trade. `reachable`: from the Internet."""

    redirect: str
    postback: str
    reachable: bool


def addresses(request: HttpRequest) -> Addresses:
    return Addresses(
        redirect=public_address(request, reverse("zerodha_callback")),
        postback=public_address(request, "/webhook/zerodha/postback"),
        reachable=str(settings.ST.PUBLIC_URL).startswith("https://"),
    )


# -- log in again --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LoginDue:
    """An account that strategies need and that can't trade until somebody logs in."""

    connection_id: int
    name: str
    opens_at: datetime
    open: bool
    again: bool


def logins_due(accounts: Iterable[Account], now: datetime) -> tuple[LoginDue, ...]:
    """Accounts of enabled strategies without a session that reaches the day's trading.

    Only from 08:00 IST until the last exchange closes: before that every session has just
    died, as it does each morning.
    """
    hours = _hours_ahead(now)
    if hours is None:
        return ()
    until = max(now, hours.opens_at)
    lacking = [
        account
        for account in accounts
        if account.connection.broker_name == BrokerName.ZERODHA
        and account.connection.enabled
        and account.connection.api_key
        and (not account.connected or (account.expires_at or until) <= until)
    ]
    if not lacking:
        return ()
    users = _strategies_by_account()
    return tuple(
        LoginDue(
            account.connection.pk,
            account.connection.name,
            hours.opens_at,
            open=hours.opens_at <= now,
            again=not never_logged_in(account),
        )
        for account in lacking
        if account.connection.is_default
        or any(strategy.enabled for strategy in users.get(account.connection.pk, ()))
    )


def _hours_ahead(now: datetime) -> Session | None:
    """From today's first opening to its last closing; None before 08:00, after, and without."""
    local = now.astimezone(clock.IST)
    if local.time() < _REMIND_FROM:
        return None
    known = calendar.current()
    sessions = [found for name in _REMIND_FOR if (found := session_on(name, local.date(), known))]
    if not sessions or now >= max(session.closes_at for session in sessions):
        return None
    return Session(
        min(session.opens_at for session in sessions),
        max(session.closes_at for session in sessions),
    )
