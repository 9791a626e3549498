"""Who has to log in before the market opens."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final

from brokers.models import BrokerConnection, BrokerName
from sigmatrader import clock
from trading.domain.session import Session, session_on
from trading.domain.values import ExecutionTarget
from trading.models import Strategy
from trading.selectors import Account
from trading.services import calendar
from trading.services.connections import default_connection

# Long enough before the first exchange opens, and after every session has died.
_REMIND_FROM: Final = time(8, 0)
_REMIND_FOR: Final = ("NSE", "MCX")


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
    users = strategies_by_account()
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


def never_logged_in(account: Account) -> bool:
    """Whether an account that is on still waits for its first login."""
    one = account.connection
    known = account.connected or one.token_expires_at or one.user_id or one.logged_in_at
    return one.enabled and not known


def strategies_by_account() -> dict[int, list[Strategy]]:
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
