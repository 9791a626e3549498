"""The accounts as the settings page shows them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from brokers.models import AccountState, BrokerConnection, BrokerName, ConnectionKind
from sigmatrader import clock
from sigmatrader.addresses import public_address
from trading import selectors
from trading.models import Strategy
from trading.selectors import Account
from trading.services import market_data
from trading.services.logins import never_logged_in, strategies_by_account

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
    users = strategies_by_account()
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
