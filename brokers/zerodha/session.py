"""Logging in to Kite: the page to send a person to, the token that comes of it, its end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode

from brokers.errors import OutcomeUnknown, Refused, SessionExpired
from brokers.zerodha.answers import clean
from brokers.zerodha.client import CREDENTIAL, KiteClient
from brokers.zerodha.rows import (
    IST,
    BadRow,
    Row,
    identifier,
    moment_if_readable,
    required_text,
    row_of,
    text,
)
from brokers.zerodha.transport import KITE_ROOT, check_root, is_loopback

LOGIN_PAGE: Final = "https://kite.zerodha.com/connect/login"
_SIMULATORS_PAGE: Final = "/connect/login"
_ENDS_AT: Final = time(6, 0)
_LONGEST_TOKEN: Final = 256


@dataclass(frozen=True, slots=True)
class KiteSession:
    """What a login gave. `login_at`: when Kite says that it was; None when it doesn't say."""

    access_token: str = field(repr=False)
    user_id: str
    user_name: str
    login_at: datetime | None


def login_page(root: str, real: str = LOGIN_PAGE) -> str:
    """Where people log in for an account behind `root`: a simulator has a page of its own."""
    return check_root(root) + _SIMULATORS_PAGE if is_loopback(root) else real


def login_url(api_key: str, params: Mapping[str, str], *, page: str = LOGIN_PAGE) -> str:
    """The address to send a person to. Kite gives `params` back on its redirect."""
    query = {"v": "3", "api_key": api_key}
    if params:
        query["redirect_params"] = urlencode(params)
    return f"{page}?{urlencode(query)}"


def exchange(
    request_token: str,
    api_key: str,
    api_secret: str,
    root: str = KITE_ROOT,
    *,
    timeout: float = 7.0,
    allow_other_root: bool = False,
) -> KiteSession:
    """The session behind a request token, which works once and for a few minutes.

    Raises Refused for what can't be a token, SessionExpired when Kite doesn't accept it, and the
    other errors of `brokers.errors`.
    """
    token = request_token.strip()
    if not (token.isascii() and token.isalnum() and len(token) <= _LONGEST_TOKEN):
        raise Refused("The request token must be letters and digits, as in Kite's address.")
    if not api_secret:
        raise Refused("This account has no API secret: enter it first.")
    # A client of its own: an older session's header must not travel with the new login.
    client = KiteClient(api_key, root=root, timeout=timeout, allow_other_root=allow_other_root)
    try:
        row = row_of(client.exchange(token, api_secret), "the session")
        return KiteSession(
            access_token=_credential(row, "access_token"),
            user_id=_user(row),
            user_name=clean(text(row, "user_name")),
            login_at=moment_if_readable(row, "login_time"),
        )
    except BadRow as error:
        raise OutcomeUnknown(f"Zerodha's answer to the login can't be read: {error}.") from None


def _credential(row: Row, name: str) -> str:
    """A word that fits into a header; not quoted, whatever it is."""
    value = required_text(row, name)
    if len(value) > _LONGEST_TOKEN or not CREDENTIAL.fullmatch(value):
        raise BadRow(f"{name} can't be one")
    return value


def _user(row: Row) -> str:
    value = identifier(row, "user_id")
    if not value:
        raise BadRow("user_id is missing")
    return value


def revoke(
    access_token: str,
    api_key: str,
    root: str = KITE_ROOT,
    *,
    timeout: float = 7.0,
    allow_other_root: bool = False,
) -> None:
    """End a session at the broker; one that is over already counts as ended."""
    client = KiteClient(
        api_key, access_token, root=root, timeout=timeout, allow_other_root=allow_other_root
    )
    try:
        client.revoke()
    except SessionExpired:
        return


def expires_at(login_at: datetime) -> datetime:
    """When a session that began at `login_at` ends: the next 06:00 IST, in UTC."""
    local = login_at.astimezone(IST)
    today = datetime.combine(local.date(), _ENDS_AT, tzinfo=IST)
    return (today if local < today else today + timedelta(days=1)).astimezone(UTC)
