"""Zerodha connections: how a new one starts, which one is meant, the one of the environment."""

import logging
from typing import Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Q

from brokers.models import BrokerConnection, BrokerName, ConnectionKind
from sigmatrader.conf import KITE_API_ROOT, is_loopback
from sigmatrader.crypto import CryptoError
from sigmatrader.db import write_transaction

logger = logging.getLogger(__name__)

ENVIRONMENT_NAME: Final = "zerodha"
# Below Zerodha's own 10 a second, 400 a minute and 5,000 a day: the Kite app counts too.
ORDERS_PER_SECOND: Final = 8
ORDERS_PER_MINUTE: Final = 300
ORDERS_PER_DAY: Final = 4000


class NotChosen(LookupError):
    """No connection is meant: the message says why and what to name. `absent`: none has it."""

    def __init__(self, message: str, *, absent: bool = False) -> None:
        super().__init__(message)
        self.absent = absent


def settle(connection: BrokerConnection) -> None:
    """Bind a new Zerodha connection to its API root for good, and give it limits.

    A root on this machine makes it a SIMULATOR. What is set already stays.
    """
    connection.broker_name = BrokerName.ZERODHA
    connection.api_root = connection.api_root.rstrip("/") or settings.ST.ZERODHA_API_ROOT
    simulated = is_loopback(connection.api_root)
    connection.kind = ConnectionKind.SIMULATOR if simulated else ConnectionKind.LIVE
    if connection.orders_per_second is None:
        connection.orders_per_second = ORDERS_PER_SECOND
    if connection.orders_per_minute is None:
        connection.orders_per_minute = ORDERS_PER_MINUTE
    if connection.orders_per_day is None:
        connection.orders_per_day = ORDERS_PER_DAY


def choose(named: str) -> BrokerConnection:
    """The connection with that id or name; for "" the default or only one at Zerodha.

    Raises NotChosen.
    """
    named = named.strip()
    if named:
        return _named(named)
    found = list(BrokerConnection.objects.filter(broker_name=BrokerName.ZERODHA).order_by("id"))
    for connection in found:
        if connection.is_default:
            return connection
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotChosen(
            "There is no Zerodha connection yet: add one in the admin, or set ST_ZERODHA_API_KEY "
            "and ST_ZERODHA_API_SECRET."
        )
    names = ", ".join(connection.name for connection in found)
    raise NotChosen(f"Say which connection, by name or id: {names}.")


def _named(named: str) -> BrokerConnection:
    wanted = Q(name=named)
    if named.isascii() and named.isdecimal() and len(named) < 19:
        wanted |= Q(pk=int(named))
    # PostgreSQL would not even look for a name with a NUL in it.
    found = list(BrokerConnection.objects.filter(wanted)) if named.isprintable() else []
    for connection in sorted(found, key=lambda one: one.name != named):
        return connection
    raise NotChosen(f"There is no connection {named[:64]!r}.", absent=True)


def ensure_environment_connection() -> BrokerConnection | None:
    """The connection of ST_ZERODHA_API_KEY and _SECRET: made when there is none, kept current.

    It never becomes the default by itself. A new key ends its session: the token was the other
    app's. Raises ImproperlyConfigured when the variables do not fit together, or not to it.
    """
    key, secret = settings.ST.ZERODHA_API_KEY, settings.ST.ZERODHA_API_SECRET
    if not key and not secret:
        return None
    if not key or not secret:
        missing = "ST_ZERODHA_API_SECRET" if key else "ST_ZERODHA_API_KEY"
        raise ImproperlyConfigured(f"{missing} is empty: key and secret go together.")
    with write_transaction():
        connection = BrokerConnection.objects.filter(name=ENVIRONMENT_NAME).first()
        if connection is None:
            connection = BrokerConnection(name=ENVIRONMENT_NAME, api_key=key)
            connection.api_secret = secret
            settle(connection)
            connection.save()
            logger.info("made the connection %s (%s)", connection.name, connection.kind)
            return connection
        _check_same_account(connection)
        _take_over(connection, key, secret)
        return connection


def _check_same_account(connection: BrokerConnection) -> None:
    if connection.broker_name != BrokerName.ZERODHA:
        raise ImproperlyConfigured(
            f"ST_ZERODHA_API_KEY: the connection “{ENVIRONMENT_NAME}” is no Zerodha account. "
            "Start without the key, rename it in the admin, and start again."
        )
    root = settings.ST.ZERODHA_API_ROOT
    made_for = connection.api_root.rstrip("/") or KITE_API_ROOT
    if made_for != root:
        raise ImproperlyConfigured(
            f"ST_ZERODHA_API_ROOT={root!r} is not allowed: the connection “{ENVIRONMENT_NAME}” "
            f"was made for {made_for} and stays with it. Use that address, or another "
            "ST_DATA_DIR."
        )


def _take_over(connection: BrokerConnection, key: str, secret: str) -> None:
    try:
        stored = connection.api_secret
    except CryptoError:
        stored = ""
    if (connection.api_key, stored) == (key, secret):
        return
    if connection.api_key != key:
        connection.access_token = ""
        connection.token_expires_at = None
    connection.api_key = key
    connection.api_secret = secret
    connection.save()
    logger.info("the connection %s has the key and secret of the environment", connection.name)
