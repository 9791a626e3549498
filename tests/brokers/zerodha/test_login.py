"""Logging in, logging out, and where a token may go."""

import hashlib
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from brokers.errors import NotSent, NotSupported, OutcomeUnknown, Refused, SessionExpired
from brokers.zerodha import session
from brokers.zerodha.adapter import ZerodhaBroker
from brokers.zerodha.client import KiteClient
from brokers.zerodha.transport import KITE_ROOT, Road, check_root
from tests.brokers.zerodha.samples import API_KEY, TOKEN
from tests.brokers.zerodha.stub import closed_port, failure, success

SECRET = "secretABCDEFGHIJKLMNOP"
REQUEST_TOKEN = "requesttoken1234567890"
LOGIN = {
    "user_id": "AB1234",
    "user_name": "A Trader",
    "access_token": "fresh1234567890",
    "login_time": "2026-11-16 08:15:14",
}


def test_the_login_address_carries_what_comes_back_with_the_person():
    url = session.login_url(API_KEY, {"state": "a b&c", "more": "1"})
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == session.LOGIN_PAGE
    query = parse_qs(parts.query)
    assert query["v"] == ["3"]
    assert query["api_key"] == [API_KEY]
    assert parse_qs(query["redirect_params"][0]) == {"state": ["a b&c"], "more": ["1"]}
    assert "redirect_params" not in session.login_url(API_KEY, {})


def test_a_simulator_has_a_login_page_of_its_own():
    assert session.login_page("http://127.0.0.1:9000/") == "http://127.0.0.1:9000/connect/login"
    assert session.login_page(KITE_ROOT) == session.LOGIN_PAGE


def test_a_request_token_becomes_a_session(stub):
    stub.say("POST", "/session/token", success(LOGIN))
    found = session.exchange(f" {REQUEST_TOKEN}\n", API_KEY, SECRET, stub.root, timeout=0.5)
    assert (found.user_id, found.user_name) == ("AB1234", "A Trader")
    assert found.access_token == "fresh1234567890"
    assert found.login_at == datetime(2026, 11, 16, 2, 45, 14, tzinfo=UTC)
    assert "fresh" not in repr(found)
    [request] = stub.seen
    signed = hashlib.sha256(f"{API_KEY}{REQUEST_TOKEN}{SECRET}".encode()).hexdigest()
    assert request.form == {
        "api_key": API_KEY,
        "request_token": REQUEST_TOKEN,
        "checksum": signed,
    }
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (failure(403, "TokenException", f"Token {REQUEST_TOKEN} {SECRET} bad"), SessionExpired),
        (failure(500, "GeneralException"), OutcomeUnknown),
        (success(None), OutcomeUnknown),
        (success({**LOGIN, "access_token": ""}), OutcomeUnknown),
        (success({**LOGIN, "user_id": None}), OutcomeUnknown),
        (success({"user_id": "AB1234"}), OutcomeUnknown),
        (success({**LOGIN, "login_time": 5}), OutcomeUnknown),
        (success({**LOGIN, "access_token": "with:colon"}), OutcomeUnknown),
        (success({**LOGIN, "access_token": "with\r\nnewline"}), OutcomeUnknown),
        (success({**LOGIN, "access_token": "a" * 257}), OutcomeUnknown),
        (success({**LOGIN, "access_token": "\ud800"}), OutcomeUnknown),
        (success({**LOGIN, "user_id": "A" * 65}), OutcomeUnknown),
        (success({**LOGIN, "user_id": "A\nB"}), OutcomeUnknown),
    ],
)
def test_a_login_that_fails_says_so_without_a_secret(stub, answer, expected):
    stub.say("POST", "/session/token", answer)
    with pytest.raises(expected) as error:
        session.exchange(REQUEST_TOKEN, API_KEY, SECRET, stub.root, timeout=0.5)
    assert SECRET not in str(error.value)
    assert REQUEST_TOKEN not in str(error.value)


@pytest.mark.parametrize("time", ["0001-01-01 00:00:00", "9999-12-31T23:59:59-12:00", "soon"])
def test_a_login_with_an_odd_time_or_name_is_a_login(stub, time):
    odd = {"login_time": time, "user_name": "A\ud800\0\nTrader"}
    stub.say("POST", "/session/token", success(LOGIN | odd))
    found = session.exchange(REQUEST_TOKEN, API_KEY, SECRET, stub.root, timeout=0.5)
    assert (found.login_at, found.access_token) == (None, "fresh1234567890")
    assert found.user_name == "A\ufffd\ufffd Trader"


@pytest.mark.parametrize("token", ["", "with blank", "a" * 257, "semi;colon", "ünicode"])
def test_what_cannot_be_a_request_token_is_not_sent(stub, token):
    with pytest.raises(Refused, match="request token"):
        session.exchange(token, API_KEY, SECRET, stub.root)
    with pytest.raises(Refused, match="API secret"):
        session.exchange(REQUEST_TOKEN, API_KEY, "", stub.root)
    assert stub.seen == []


def test_a_logout_ends_the_session_and_one_that_is_over_is_fine(stub):
    stub.say("DELETE", "/session/token", success(True), failure(403, "TokenException"))
    session.revoke(TOKEN, API_KEY, stub.root, timeout=0.5)
    session.revoke(TOKEN, API_KEY, stub.root, timeout=0.5)
    assert stub.seen[0].query == {"api_key": [API_KEY], "access_token": [TOKEN]}


def test_a_logout_that_does_not_arrive_does_not_show_its_address():
    with pytest.raises(NotSent) as error:
        session.revoke(TOKEN, API_KEY, f"http://127.0.0.1:{closed_port()}", timeout=0.5)
    assert TOKEN not in str(error.value)
    assert error.value.__suppress_context__


@pytest.mark.parametrize(
    ("login", "ends"),
    [
        (datetime(2026, 11, 16, 2, 45, tzinfo=UTC), datetime(2026, 11, 17, 0, 30, tzinfo=UTC)),
        (datetime(2026, 11, 16, 0, 29, tzinfo=UTC), datetime(2026, 11, 16, 0, 30, tzinfo=UTC)),
        (datetime(2026, 11, 16, 0, 30, tzinfo=UTC), datetime(2026, 11, 17, 0, 30, tzinfo=UTC)),
        (datetime(2026, 11, 16, 20, 0, tzinfo=UTC), datetime(2026, 11, 17, 0, 30, tzinfo=UTC)),
    ],
)
def test_a_session_ends_at_six_in_the_morning_of_india(login, ends):
    assert session.expires_at(login) == ends


@pytest.mark.parametrize(
    "root",
    [
        "",
        "http://api.kite.trade",
        "https://api.kite.trade.evil.example",
        "https://api.kite.trade@evil.example",
        "https://evil.example",
        "http://192.168.1.5:9000",
        "http://127.0.0.1:9000/prefix",
        "https://api.kite.trade?x=1",
        "ftp://127.0.0.1",
        "127.0.0.1:9000",
        "http://[::1",
        "http://127.0.0.1:99999",
        "http://127.0.0.2:9",
        "http://127.0.0.1#@evil.example",
        "http://evil.example\\@127.0.0.1",
    ],
)
def test_a_token_goes_to_zerodha_or_to_this_machine_and_nowhere_else(root):
    with pytest.raises(NotSupported, match="API address"):
        ZerodhaBroker(API_KEY, TOKEN, root)


def test_another_address_needs_an_explicit_permission_and_https():
    assert check_root("https://sandbox.example", allow_other_root=True) == "https://sandbox.example"
    with pytest.raises(NotSupported):
        check_root("http://sandbox.example", allow_other_root=True)
    assert check_root(KITE_ROOT + "/") == KITE_ROOT
    assert check_root("http://[::1]:9000") == "http://[::1]:9000"


def test_credentials_that_would_break_a_header_are_refused():
    with pytest.raises(NotSupported, match="API key"):
        KiteClient("", TOKEN)
    with pytest.raises(NotSupported, match="API key"):
        KiteClient("a:b", TOKEN)
    with pytest.raises(SessionExpired):
        KiteClient(API_KEY, "with\r\nnewline")


def test_no_connection_tries_again_by_itself_or_leaves_its_host():
    road = Road("http://127.0.0.1:1", 0.5)
    assert [adapter.max_retries.total for adapter in road.adapters.values()] == [0, 0]
    assert not road.trust_env
    with pytest.raises(NotSupported, match="another address"):
        road.request("GET", "http://127.0.0.1:11/orders")
    road.adapters["http://"].max_retries = road.adapters["http://"].max_retries.new(total=1)
    with pytest.raises(NotSupported, match="tries again"):
        road.request("GET", "http://127.0.0.1:1/orders")


def test_the_official_client_does_not_log_and_uses_our_road():
    client = KiteClient(API_KEY, TOKEN, root="http://127.0.0.1:1")
    kite = vars(client)["_kite"]
    assert isinstance(kite.reqsession, Road)
    assert kite.debug is False
