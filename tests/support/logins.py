"""A login at a simulator of Kite: begun, finished, refused."""

from urllib.parse import parse_qs, urlsplit

import pytest

from brokers import login
from brokers.login_state import LoginFailed
from brokers.models import BrokerConnection
from brokers.simulator.errors import KiteError
from brokers.simulator.server import KiteSimulator
from tests.support.browser_login import connection
from tests.support.kite import API_KEY

SESSION = "browser-session-of-asha"


def connect_to(kite: KiteSimulator, name: str = "sim", **fields: object) -> BrokerConnection:
    return connection(kite.root, name, **fields)


def state_of(address: str) -> str:
    """The state as Kite gives it back: out of redirect_params."""
    query = parse_qs(urlsplit(address).query)
    return parse_qs(query["redirect_params"][0])["state"][0]


def begin(account: BrokerConnection, session: str = SESSION, actor: str = "asha") -> str:
    return state_of(login.begin(account, session_key=session, actor=actor))


def finish(state: str, token: str, status: str = "success", **who: str) -> BrokerConnection:
    who = {"session_key": SESSION, "actor": "asha", **who}
    return login.finish(state=state, request_token=token, status=status, **who)


def refused(action, *arguments, **named) -> LoginFailed:
    with pytest.raises(LoginFailed) as raised:
        action(*arguments, **named)
    return raised.value


def is_alive(kite: KiteSimulator, token: str) -> bool:
    try:
        kite.sessions.check(API_KEY, token)
    except KiteError:
        return False
    return True
