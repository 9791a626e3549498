"""The one place that chooses which broker stands behind a connection."""

from django.conf import settings

from brokers.errors import NotAvailable, SessionExpired
from brokers.models import BrokerConnection, BrokerName, ConnectionKind
from brokers.paper.adapter import CAPABILITIES as PAPER
from brokers.paper.adapter import PaperBroker
from brokers.port import Broker, Capabilities
from brokers.zerodha.adapter import CAPABILITIES as ZERODHA
from brokers.zerodha.adapter import ZerodhaBroker
from sigmatrader import clock
from sigmatrader.conf import KITE_API_ROOT
from sigmatrader.crypto import CryptoError


def broker_for(connection: BrokerConnection) -> Broker:
    """The broker of `connection`, for one thread at a time.

    Raises NotAvailable when this version has none for it, and SessionExpired while nobody is
    logged in to it.
    """
    if connection.broker_name == BrokerName.PAPER:
        return PaperBroker(connection)
    if connection.kind == ConnectionKind.LIVE and clock.is_moved():
        raise NotAvailable(
            f"The clock of this installation is moved: {connection.name} has real money and is "
            "left alone."
        )
    if connection.broker_name == BrokerName.ZERODHA:
        return _zerodha(connection)
    raise _not_available(connection)


def capabilities_of(connection: BrokerConnection) -> Capabilities:
    """What orders of `connection` can ask for; without any I/O."""
    if connection.broker_name == BrokerName.PAPER:
        return PAPER
    if connection.broker_name == BrokerName.ZERODHA:
        return ZERODHA
    raise _not_available(connection)


def api_root_of(connection: BrokerConnection) -> str:
    """The address that a Zerodha connection's token belongs to."""
    return connection.api_root.rstrip("/") or KITE_API_ROOT


def other_root_is_allowed(root: str) -> bool:
    """Whether the settings name `root`, which they take only with an explicit permission."""
    return root == settings.ST.ZERODHA_API_ROOT


def _zerodha(connection: BrokerConnection) -> ZerodhaBroker:
    expires = connection.token_expires_at
    if not connection.access_token_encrypted:
        raise SessionExpired(f"{connection.name} is not connected: log in first.")
    if expires is not None and expires <= clock.now():
        raise SessionExpired(f"The session of {connection.name} has expired: log in again.")
    try:
        access_token = connection.access_token
    except CryptoError as error:
        raise SessionExpired(f"{connection.name} can't be used: {error}") from error
    root = api_root_of(connection)
    return ZerodhaBroker(
        connection.api_key,
        access_token,
        root,
        settings.ST.BROKER_TIMEOUT_SECONDS,
        session_expires_at=expires,
        allow_other_root=other_root_is_allowed(root),
        reads_per_second=settings.ST.BROKER_READS_PER_SECOND,
    )


def _not_available(connection: BrokerConnection) -> NotAvailable:
    return NotAvailable(f"{connection.broker_name} is not available in this version.")
