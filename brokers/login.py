"""Logging an account in at Zerodha, and out. A person does it, once a day.

The way there and back is kept by `login_state`. Tokens are in no message, log or exception here.
"""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.db import IntegrityError
from django.views.decorators.debug import sensitive_variables

from brokers import login_state
from brokers.errors import BrokerError, NotSent, NotSupported, RateLimited, SessionExpired
from brokers.login_state import LoginFailed
from brokers.models import BrokerConnection, BrokerName
from brokers.registry import api_root_of, other_root_is_allowed
from brokers.zerodha import session as zerodha
from brokers.zerodha.client import KiteClient
from brokers.zerodha.session import KiteSession
from brokers.zerodha.transport import check_root
from sigmatrader import clock
from sigmatrader.conf import KITE_LOGIN_URL
from sigmatrader.crypto import CryptoError
from sigmatrader.db import write_transaction

logger = logging.getLogger(__name__)

_places: Final = threading.BoundedSemaphore(2)
_CLOCKS_APART: Final = timedelta(hours=1)
_TOKEN: Final = re.compile(r"[A-Za-z0-9]{8,64}")
_LONGEST_PASTE: Final = 2000
_PROFILE: Final = ("user_type", "user_shortname", "broker", "exchanges", "products", "order_types")


@dataclass(frozen=True, slots=True)
class Disconnected:
    """`revoked`: the broker has ended the session too. `message` says how it went."""

    revoked: bool
    message: str


# -- there and back ------------------------------------------------------------------------------


def begin(connection: BrokerConnection, *, session_key: str, actor: str) -> str:
    """The address at Zerodha where `actor` logs in; it comes back with a state to `finish`.

    `session_key`: of the browser session that must come back; "" binds it to `actor` alone.
    Raises LoginFailed.
    """
    _check_ready(connection)
    state = login_state.issue(connection, session_key, actor)
    return zerodha.login_url(connection.api_key, {"state": state}, page=_login_page(connection))


@sensitive_variables("request_token")
def finish(
    *, state: str, request_token: str, status: str, session_key: str, actor: str
) -> BrokerConnection:
    """The connection, logged in. Raises BadState or LoginFailed; a state is used up either way."""
    connection = login_state.redeem(state, session_key, actor)
    if status != "success":
        raise LoginFailed(
            f"Zerodha did not log you in ({_shown(status)}). Nothing was changed: press "
            "“Log in to Zerodha” to try again.",
            "not_finished",
        )
    return _log_in(connection, request_token, actor)


@sensitive_variables("text", "token")
def connect_with_token(connection: BrokerConnection, text: str, actor: str) -> BrokerConnection:
    """Log in with a request token, or with the whole address that Zerodha redirected to.

    Raises LoginFailed.
    """
    _check_ready(connection)
    token = text.strip()
    if len(token) > _LONGEST_PASTE:
        raise _no_token()
    if "request_token=" in token:
        token = _token_in(token)
    return _log_in(connection, token, actor)


def disconnect(connection: BrokerConnection, actor: str) -> Disconnected:
    """End the session: here at once, then at the broker. The broker's user stays known."""
    with write_transaction():
        stored = BrokerConnection.objects.select_for_update().get(pk=connection.pk)
        had_token = bool(stored.access_token_encrypted)
        token, trouble = _stored_token(stored)
        stored.access_token = ""
        stored.token_expires_at = None
        stored.save(update_fields=["access_token_encrypted", "token_expires_at"])
    connection.refresh_from_db()
    if not had_token:
        return Disconnected(True, f"{stored.name} was not connected.")
    logger.info("%s was disconnected by %s", stored.name, actor)
    with _place() as free:
        trouble = trouble or (
            _revoke(stored, token) if free else "Zerodha is still answering other logins."
        )
    if trouble:
        return Disconnected(
            False,
            f"{stored.name} is disconnected here: nothing more is sent. But its session at "
            f"Zerodha could not be ended ({trouble}) It ends by itself at 06:00 IST; to end it "
            "now, log out of all sessions in Kite.",
        )
    return Disconnected(True, f"{stored.name} is disconnected, here and at Zerodha.")


# -- the token -----------------------------------------------------------------------------------


def _check_ready(connection: BrokerConnection) -> None:
    name = connection.name
    if connection.broker_name != BrokerName.ZERODHA:
        raise LoginFailed(f"{name} is a paper account: it needs no login.", "no_login")
    if not connection.enabled:
        raise LoginFailed(f"{name} is switched off: switch it on in the admin.", "switched_off")
    try:
        check_root(**_address(connection))
    except NotSupported as error:
        raise LoginFailed(
            f"{name} has an address that no token may go to. {error.message} Add the account anew "
            "in the admin, without an API root.",
            "bad_address",
        ) from None
    if not connection.api_key or not connection.api_secret_encrypted:
        raise LoginFailed(
            f"{name} has no API key or secret: enter both in the admin. They are on your app's "
            "page at developers.kite.trade.",
            "no_api_key",
        )


def _no_token() -> LoginFailed:
    return LoginFailed(
        "That holds no request token. Paste the letters and digits behind request_token=, or the "
        "whole address that Zerodha sent the browser to.",
        "no_token",
    )


def _token_in(address: str) -> str:
    try:
        query = parse_qs(urlsplit(address).query or address.lstrip("?"), max_num_fields=50)
    except ValueError:
        raise _no_token() from None
    tokens = query.get("request_token", [])
    if len(tokens) != 1:
        raise _no_token()
    return tokens[0]


@sensitive_variables("request_token", "found")
def _log_in(connection: BrokerConnection, request_token: str, actor: str) -> BrokerConnection:
    _check_ready(connection)
    if not _TOKEN.fullmatch(request_token):
        raise _no_token()
    with _place() as free:
        if not free:
            raise LoginFailed(
                "Zerodha is still answering other logins. Wait a minute, then press “Log in to "
                "Zerodha” to begin anew.",
                "busy",
            )
        return _logged_in(connection, request_token, actor)


@contextmanager
def _place() -> Iterator[bool]:
    """Whether one more of the server's threads may wait for Zerodha: the others go on serving."""
    free = _places.acquire(blocking=False)
    try:
        yield free
    finally:
        if free:
            _places.release()


@sensitive_variables("request_token", "found")
def _logged_in(connection: BrokerConnection, request_token: str, actor: str) -> BrokerConnection:
    found = _exchange(connection, request_token)
    profile = _profile(connection, found)
    try:
        problem = _store(connection, found, profile)
    except Exception:
        # Nobody keeps it, so nobody could end it later.
        _revoke(connection, found.access_token)
        raise
    if problem is not None:
        logger.warning("the login to %s by %s was refused: %s", connection, actor, problem.code)
        trouble = _revoke(connection, found.access_token)
        raise LoginFailed(
            f"{problem.message} "
            + (
                f"The new session could not be ended at Zerodha ({trouble}) It ends at 06:00 IST."
                if trouble
                else "The new session was ended at Zerodha."
            ),
            problem.code,
        )
    logger.info("%s is logged in as %s, by %s", connection, found.user_id, actor)
    connection.refresh_from_db()
    return connection


@sensitive_variables()
def _exchange(connection: BrokerConnection, request_token: str) -> KiteSession:
    try:
        secret = connection.api_secret
    except CryptoError:
        raise LoginFailed(
            f"The API secret of {connection.name} can't be read: ST_CRYPTO_KEYS isn't the key it "
            "was stored with. Put that key back, or enter the secret again in the admin.",
            "secret_unreadable",
        ) from None
    try:
        return zerodha.exchange(request_token, connection.api_key, secret, **_road(connection))
    except BrokerError as error:
        raise _explained(connection, error) from None


def _explained(connection: BrokerConnection, error: BrokerError) -> LoginFailed:
    """The exchange's failure in words that say what to do."""
    again = "Press “Log in to Zerodha” to begin anew."
    if isinstance(error, RateLimited):
        return LoginFailed(f"Zerodha wants fewer requests just now. Wait a minute. {again}", "busy")
    if isinstance(error, SessionExpired):
        return LoginFailed(
            f"Zerodha refused the request token: {_sentence(error.message)} It works once, for a "
            f"few minutes, and only with the key and secret of {connection.name}'s own app. "
            f"{again}",
            "token_refused",
        )
    if isinstance(error, NotSent):
        return LoginFailed(f"{_sentence(error.message)} {again}", "unreachable")
    return LoginFailed(
        f"It is unclear whether Zerodha logged you in: {_sentence(error.message)} {again}",
        "unclear",
    )


@sensitive_variables("found")
def _store(
    connection: BrokerConnection, found: KiteSession, profile: dict[str, Any]
) -> LoginFailed | None:
    """Keep the session; or say why it may not be this connection's, and keep nothing."""
    try:
        with write_transaction():
            stored = BrokerConnection.objects.select_for_update().get(pk=connection.pk)
            if problem := _conflict(stored, connection.api_key, found.user_id):
                return problem
            stored.access_token = found.access_token
            now = clock.now()
            stored.token_expires_at = zerodha.expires_at(_began(found, now))
            stored.logged_in_at = now
            stored.user_id = found.user_id
            stored.user_name = found.user_name[:128]
            stored.profile = profile
            stored.last_error = ""
            stored.save()
    except IntegrityError:
        # Another connection was logged in as this user at the same moment.
        return _taken(found.user_id, "another connection")
    return None


def _conflict(stored: BrokerConnection, api_key: str, user_id: str) -> LoginFailed | None:
    if stored.api_key != api_key:
        return LoginFailed(
            f"The API key of {stored.name} was changed meanwhile: log in again.", "key_changed"
        )
    if stored.user_id and stored.user_id != user_id:
        return LoginFailed(
            f"{stored.name} belongs to Zerodha's user {stored.user_id}, and this login was "
            f"{user_id}'s. Log in as {stored.user_id}, or add a connection for {user_id}.",
            "wrong_user",
        )
    other = (
        BrokerConnection.objects.filter(
            broker_name=stored.broker_name, kind=stored.kind, user_id=user_id
        )
        .exclude(pk=stored.pk)
        .first()
    )
    return _taken(user_id, other.name) if other is not None else None


def _taken(user_id: str, name: str) -> LoginFailed:
    return LoginFailed(
        f"Zerodha's user {user_id} is connected as {name} already, and one user has one "
        f"connection. Use {name}; if it was connected, log in to it again, since a new login "
        "can end the one before.",
        "user_taken",
    )


def _began(found: KiteSession, now: datetime) -> datetime:
    """By the broker's clock, unless that is far from ours: it decides on which side of 06:00."""
    at = found.login_at
    return at if at is not None and abs(at - now) < _CLOCKS_APART else now


# -- the broker ----------------------------------------------------------------------------------


def _road(connection: BrokerConnection) -> dict[str, Any]:
    """Where a call goes, and how long it may take."""
    return {"timeout": settings.ST.BROKER_TIMEOUT_SECONDS, **_address(connection)}


def _address(connection: BrokerConnection) -> dict[str, Any]:
    root = api_root_of(connection)
    return {"root": root, "allow_other_root": other_root_is_allowed(root)}


def _login_page(connection: BrokerConnection) -> str:
    """Zerodha's own page for Zerodha's own API; a simulator has one at its own root."""
    root = api_root_of(connection)
    configured = str(settings.ST.ZERODHA_LOGIN_URL)
    if root == settings.ST.ZERODHA_API_ROOT and configured != KITE_LOGIN_URL:
        return configured
    return zerodha.login_page(root)


@sensitive_variables("found")
def _profile(connection: BrokerConnection, found: KiteSession) -> dict[str, Any]:
    """What the broker says of the user's account; {} when it can't be had just now."""
    try:
        client = KiteClient(connection.api_key, found.access_token, **_road(connection))
        answer = client.profile()
    except BrokerError as error:
        logger.warning("the profile of %s could not be read: %s", connection, error.message)
        return {}
    known = answer if isinstance(answer, dict) else {}
    return {name: known[name] for name in _PROFILE if name in known}


def _stored_token(connection: BrokerConnection) -> tuple[str, str]:
    """The token in clear, and what keeps it from being read."""
    try:
        return connection.access_token, ""
    except CryptoError:
        return "", "ST_CRYPTO_KEYS can't open it."


@sensitive_variables("token")
def _revoke(connection: BrokerConnection, token: str) -> str:
    """End that session at the broker; why it did not work, in a sentence, or ""."""
    try:
        zerodha.revoke(token, connection.api_key, **_road(connection))
    except BrokerError as error:
        logger.warning(
            "the session of %s could not be ended at the broker: %s", connection, error.message
        )
        return _sentence(error.message)
    return ""


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _shown(status: str) -> str:
    """What came in the address is quoted only as far as it is a word."""
    return f"it said “{status}”" if re.fullmatch(r"[a-z_-]{1,20}", status) else "no reason given"
