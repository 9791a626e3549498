"""What is known of an account without asking its broker."""

from django.db import IntegrityError, transaction

from brokers.errors import NotAvailable
from brokers.models import BrokerConnection, BrokerName, ConnectionKind, PaperAccount
from brokers.port import SessionState
from brokers.registry import capabilities_of
from sigmatrader import clock

FIRST_PAPER_ACCOUNT = "paper"


def is_available(connection: BrokerConnection) -> bool:
    """Whether this version can speak to the account's broker at all."""
    try:
        capabilities_of(connection)
    except NotAvailable:
        return False
    return True


def session_of(connection: BrokerConnection) -> SessionState:
    """Whether the account could take an order now, from what is stored; `error` says why not."""
    if not connection.enabled:
        return SessionState(False, error=f"The account {connection.name} is switched off.")
    return login_of(connection)


def login_of(connection: BrokerConnection) -> SessionState:
    """Whether the account is logged in, also while it is switched off: it can be read, and what
    works there cancelled."""
    if not is_available(connection):
        return SessionState(
            False, error=f"{connection.name} can't be reached: its broker is not available yet."
        )
    if connection.broker_name == BrokerName.PAPER:
        return SessionState(True, user_name=connection.name)
    expires = connection.token_expires_at
    if not connection.access_token_encrypted or expires is None:
        return SessionState(False, error=f"{connection.name} is not connected: log in first.")
    if expires <= clock.now():
        return SessionState(
            False,
            expires_at=expires,
            error=f"The session of {connection.name} has expired: log in again.",
        )
    return SessionState(
        True, expires_at=expires, user_id=connection.user_id, user_name=connection.user_name
    )


def ensure_paper_account() -> BrokerConnection:
    """The paper account that every installation has; made when there is none."""
    existing = BrokerConnection.objects.filter(kind=ConnectionKind.PAPER).order_by("id").first()
    if existing is not None:
        return existing
    try:
        with transaction.atomic():
            connection = BrokerConnection.objects.create(
                name=FIRST_PAPER_ACCOUNT,
                broker_name=BrokerName.PAPER,
                kind=ConnectionKind.PAPER,
                is_default=not BrokerConnection.objects.filter(is_default=True).exists(),
            )
            PaperAccount.objects.get_or_create(connection=connection)
            return connection
    except IntegrityError:
        return BrokerConnection.objects.get(name=FIRST_PAPER_ACCOUNT)
