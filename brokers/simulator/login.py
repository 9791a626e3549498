"""Sessions and the login page: request tokens, access tokens and when they die."""

import hashlib
import hmac
import html
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from brokers.simulator.clock import SimClock
from brokers.simulator.errors import KiteError, input_error, token_error

REQUEST_TOKEN_LIFE = timedelta(minutes=5)
FLUSH_HOUR = 6
BAD_TOKEN = "Token is invalid or has expired."
BAD_CREDENTIALS = "Incorrect `api_key` or `access_token`."


@dataclass(frozen=True)
class Session:
    """A login: whose, since when, until when (both aware, IST), and its tokens."""

    user_id: str
    access_token: str
    public_token: str
    enctoken: str
    login_time: datetime
    expires_at: datetime


class Sessions:
    """The tokens of one app. A user has at most one living access token: the newest."""

    def __init__(self, clock: SimClock, api_key: str, api_secret: str) -> None:
        self._clock = clock
        self.api_key = api_key
        self._api_secret = api_secret
        self._requested: dict[str, tuple[str, datetime]] = {}
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def request_token(self, user_id: str) -> str:
        """A fresh one for the user: good once, for five minutes."""
        token = secrets.token_hex(16)
        with self._lock:
            self._requested[token] = (user_id, self._clock.now())
        return token

    def exchange(self, api_key: str, request_token: str, checksum: str) -> Session:
        """Turn a request token into a session. KiteError when anything does not fit.

        The token is spent by the first attempt with the right checksum.
        """
        if api_key != self.api_key:
            raise token_error("Invalid `api_key`.")
        wanted = hashlib.sha256((api_key + request_token + self._api_secret).encode()).hexdigest()
        if not hmac.compare_digest(wanted.encode(), checksum.encode()):
            raise token_error("Invalid `checksum`.")
        now = self._clock.now()
        with self._lock:
            user_id, issued = self._requested.pop(request_token, ("", now))
            if not user_id or now - issued > self._request_token_life():
                raise token_error(BAD_TOKEN)
            session = Session(
                user_id=user_id,
                access_token=secrets.token_hex(16),
                public_token=secrets.token_hex(16),
                enctoken=secrets.token_hex(32),
                login_time=now,
                expires_at=next_flush(now),
            )
            self._sessions[user_id] = session
            return session

    def login(self, user_id: str) -> Session:
        """Log the user in without the page."""
        request_token = self.request_token(user_id)
        text = self.api_key + request_token + self._api_secret
        return self.exchange(self.api_key, request_token, hashlib.sha256(text.encode()).hexdigest())

    def check(self, api_key: str, access_token: str) -> str:
        """Whose token that is. KiteError (403) when it is dead or was never given."""
        now = self._clock.now()
        with self._lock:
            for user_id, session in self._sessions.items():
                if hmac.compare_digest(session.access_token, access_token):
                    if api_key != self.api_key or now >= session.expires_at:
                        break
                    return user_id
        raise token_error(BAD_CREDENTIALS)

    def end(self, access_token: str) -> None:
        """Log that token's user out; nothing happens when it is dead already."""
        with self._lock:
            self._sessions = {
                user_id: session
                for user_id, session in self._sessions.items()
                if not hmac.compare_digest(session.access_token, access_token)
            }

    def users(self) -> list[str]:
        """Who is logged in."""
        now = self._clock.now()
        with self._lock:
            return [user for user, session in self._sessions.items() if now < session.expires_at]

    def expire_all(self) -> None:
        """Every token dies, as it does each morning."""
        with self._lock:
            self._sessions.clear()
            self._requested.clear()

    def _request_token_life(self) -> timedelta:
        # A clock that runs faster must not make a person's five minutes shorter.
        return REQUEST_TOKEN_LIFE * max(1.0, self._clock.speed)


def next_flush(moment: datetime) -> datetime:
    """The first 06:00 (IST) after `moment`."""
    flush = moment.replace(hour=FLUSH_HOUR, minute=0, second=0, microsecond=0)
    return flush if flush > moment else flush + timedelta(days=1)


def redirect_location(redirect_url: str, redirect_params: str, outcome: dict[str, str]) -> str:
    """Where the browser goes after the page: the app's URL, the outcome, the app's own values."""
    values = list(outcome.items()) + parse_qsl(redirect_params, keep_blank_values=True)
    separator = "&" if "?" in redirect_url else "?"
    return f"{redirect_url}{separator}{urlencode(values)}"


def check_app(api_key: str, known: str) -> None:
    """Refuse the page to an app that there is not."""
    if api_key != known:
        raise input_error("Invalid `api_key`.")


STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 26rem; margin: 12vh auto; padding: 0 1rem;
  color: #1f2937; background: #f8fafc; }
h1 { font-size: 1.25rem; margin: 0 0 .5rem; }
button { display: block; width: 100%; margin: .6rem 0; padding: .7rem; font: inherit;
  border: 1px solid #94a3b8; border-radius: .4rem; background: #fff; color: inherit; }
button.first { background: #1d4ed8; border-color: #1d4ed8; color: #fff; }
button:focus-visible { outline: 3px solid #f59e0b; }
.note { color: #475569; }
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} – Kite simulator</title>
<link rel="stylesheet" href="/connect/style.css">
</head>
<body>
<main>
<h1>{title}</h1>
<p class="note">{note}</p>
<form method="post" action="{action}">
{fields}
</form>
</main>
</body>
</html>
"""


def login_page(user_ids: list[str], api_key: str, redirect_params: str) -> bytes:
    """The page of GET /connect/login: a button for each user, and one to give up."""
    fields = [_hidden("api_key", api_key), _hidden("redirect_params", redirect_params)]
    for number, user_id in enumerate(user_ids):
        fields.append(_button("user_id", user_id, f"Log in as {user_id}", first=number == 0))
    fields.append(_button("user_id", "", "Cancel"))
    return _page(
        "Log in to the simulated broker",
        "No account, no password, no money: this page stands in for the broker's own login.",
        "/connect/login",
        fields,
    )


def authorise_page(path: str) -> bytes:
    """The depository's page for selling shares out of the demat account."""
    return _page(
        "Authorise the sale of your holdings",
        "The depository asks once a day whether shares may leave the demat account.",
        path,
        [_button("decision", "yes", "Authorise", first=True)],
    )


def message_page(title: str, note: str) -> bytes:
    """A page that only says something."""
    return _page(title, note, "", [])


def error_page(error: KiteError) -> bytes:
    return message_page("That did not work", error.message)


def _page(title: str, note: str, action: str, fields: list[str]) -> bytes:
    return _PAGE.format(
        title=html.escape(title),
        note=html.escape(note),
        action=html.escape(action),
        fields="\n".join(fields),
    ).encode()


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{html.escape(value)}">'


def _button(name: str, value: str, text: str, *, first: bool = False) -> str:
    mark = ' class="first"' if first else ""
    return f'<button{mark} name="{name}" value="{html.escape(value)}">{html.escape(text)}</button>'
