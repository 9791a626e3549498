"""The state that a login carries to the broker and back: signed, good once and for ten minutes.

It belongs to one connection and one browser session. Only hashes of it are stored.
"""

import hashlib
import secrets
from datetime import timedelta
from typing import Final

from django.core import signing
from django.utils.crypto import salted_hmac

from brokers.models import BrokerConnection, LoginAttempt
from sigmatrader import clock
from sigmatrader.db import write_transaction

LIFE: Final = timedelta(minutes=10)
_KEEP: Final = timedelta(days=1)
_SALT: Final = "brokers.login"


class LoginFailed(Exception):
    """The account is not logged in; `message` says why and what to do. Holds no secret."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class BadState(LoginFailed):
    """The answer does not belong to a login that was begun here."""


def issue(connection: BrokerConnection, session_key: str, actor: str) -> str:
    """A new state. `session_key`: of the browser that must come back; "" binds to `actor` alone."""
    now = clock.now()
    nonce = secrets.token_urlsafe(24)
    with write_transaction():
        LoginAttempt.objects.filter(expires_at__lt=now - _KEEP).delete()
        LoginAttempt.objects.create(
            connection=connection,
            nonce_hash=_digest(nonce),
            session_hash=_browser_hash(session_key, actor),
            begun_by=actor,
            begun_at=now,
            expires_at=now + LIFE,
        )
    return _signer().sign(f"{connection.pk}.{nonce}")


def redeem(state: str, session_key: str, actor: str) -> BrokerConnection:
    """The connection that the state was issued for; from then on it is used up.

    Raises BadState.
    """
    try:
        number, _, nonce = _signer().unsign(state).partition(".")
    except signing.BadSignature:
        raise BadState("This login was not begun in SigmaTrader.", "state_unknown") from None
    now = clock.now()
    with write_transaction():
        attempt = (
            LoginAttempt.objects.select_for_update(of=("self",))
            .select_related("connection")
            .filter(nonce_hash=_digest(nonce), connection_id=int(number))
            .first()
        )
        if attempt is None:
            raise BadState("This login is too old, or its account is gone.", "state_unknown")
        hashes = {_browser_hash(session_key, actor), _browser_hash("", actor)}
        if attempt.session_hash not in hashes or attempt.begun_by != actor:
            raise BadState(
                "This login was begun in another browser, or by another user.", "state_foreign"
            )
        if attempt.used_at is not None:
            raise BadState("This login has been used already.", "state_used")
        if attempt.expires_at <= now:
            raise BadState("This login took longer than ten minutes.", "state_expired")
        attempt.used_at = now
        attempt.save(update_fields=["used_at"])
    return attempt.connection


def _signer() -> signing.Signer:
    return signing.Signer(salt=_SALT, sep=".")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _browser_hash(session_key: str, actor: str) -> str:
    bound_to = f"session {session_key}" if session_key else f"user {actor}"
    return salted_hmac(_SALT, bound_to, algorithm="sha256").hexdigest()
