"""The login page, request tokens and access tokens, as an app meets them."""

import hashlib
import re
from datetime import timedelta
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests

from tests.brokers.simulator import shapes
from tests.support import kite

CALLBACK = "http://127.0.0.1:9/callback/?app=1"


@pytest.fixture
def sim():
    with kite.simulator(rate_limits=False, frozen=True, redirect_url=CALLBACK) as running:
        yield running


def session_token(sim, request_token, secret=kite.API_SECRET, api_key=kite.API_KEY):
    text = api_key + request_token + secret
    form = {
        "api_key": api_key,
        "request_token": request_token,
        "checksum": hashlib.sha256(text.encode()).hexdigest(),
    }
    return requests.post(f"{sim.root}/session/token", data=form, timeout=5)


def profile(sim, access_token, api_key=kite.API_KEY):
    sent = {"Authorization": f"token {api_key}:{access_token}"}
    return requests.get(f"{sim.root}/user/profile", headers=sent, timeout=5)


def refusal(answer):
    body = answer.json()
    assert shapes.differences(shapes.ERROR, body) == []
    return answer.status_code, body["error_type"]


def press(sim, **values):
    form = {"api_key": kite.API_KEY, "redirect_params": "", "user_id": "SIM001"} | values
    return requests.post(sim.login_url, data=form, timeout=5, allow_redirects=False)


def test_the_page_offers_both_users_and_needs_nothing_from_elsewhere(sim):
    page = requests.get(f"{sim.login_url}?v=3&api_key=simkey", timeout=5)
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "Log in as SIM001" in page.text
    assert "Log in as SIM002" in page.text
    assert "http" not in page.text
    assert "<script" not in page.text
    style = re.search(r'href="([^"]+\.css)"', page.text)
    assert (
        requests.get(sim.root + style[1], timeout=5).headers["Content-Type"].startswith("text/css")
    )


def test_the_page_refuses_an_app_that_there_is_not(sim):
    page = requests.get(f"{sim.login_url}?v=3&api_key=other", timeout=5)
    assert page.status_code == 400
    assert "<form" in page.text or "api_key" in page.text
    assert press(sim, api_key="other").status_code == 400


def test_what_an_app_sends_is_shown_escaped(sim):
    params = quote('state="><b>x')
    page = requests.get(f"{sim.login_url}?api_key=simkey&redirect_params={params}", timeout=5)
    assert "<b>" not in page.text
    assert "&lt;b&gt;" in page.text


def test_logging_in_returns_to_the_app_with_a_request_token_and_its_own_values(sim):
    answer = press(sim, redirect_params="state=a%20b&more=Y%26Z")
    assert answer.status_code == 302
    location = answer.headers["Location"]
    assert location.startswith(CALLBACK)
    values = parse_qs(urlsplit(location).query)
    assert re.fullmatch(r"\w{32}", values.pop("request_token")[0])
    assert values == {
        "app": ["1"],
        "action": ["login"],
        "type": ["login"],
        "status": ["success"],
        "state": ["a b"],
        "more": ["Y&Z"],
    }


def test_giving_up_returns_without_a_token(sim):
    values = parse_qs(urlsplit(press(sim, user_id="").headers["Location"]).query)
    assert values["status"] != ["success"]
    assert "request_token" not in values


def test_the_token_of_the_page_becomes_a_session_of_the_chosen_user(sim):
    location = press(sim, user_id="SIM002").headers["Location"]
    request_token = parse_qs(urlsplit(location).query)["request_token"][0]
    answer = session_token(sim, request_token)
    assert answer.status_code == 200
    session = answer.json()["data"]
    assert session["user_id"] == "SIM002"
    assert profile(sim, session["access_token"]).json()["data"]["user_id"] == "SIM002"


def test_a_user_that_there_is_not_cannot_log_in(sim):
    assert press(sim, user_id="SIM003").status_code == 400


def test_a_request_token_is_good_once(sim):
    request_token = sim.request_token()
    assert session_token(sim, request_token).status_code == 200
    assert refusal(session_token(sim, request_token)) == (403, "TokenException")


def test_a_wrong_checksum_is_refused_and_spends_nothing(sim):
    request_token = sim.request_token()
    refused = session_token(sim, request_token, secret="other")
    assert refusal(refused) == (403, "TokenException")
    assert session_token(sim, request_token).status_code == 200


def test_an_unknown_request_token_and_an_unknown_app_are_refused(sim):
    assert refusal(session_token(sim, "a" * 32)) == (403, "TokenException")
    refused = session_token(sim, sim.request_token(), api_key="other")
    assert refusal(refused) == (403, "TokenException")


def test_a_missing_field_of_the_exchange_is_named(sim):
    answer = requests.post(f"{sim.root}/session/token", data={"api_key": "simkey"}, timeout=5)
    assert refusal(answer) == (400, "InputException")
    assert "request_token" in answer.json()["message"]


def test_a_request_token_lives_five_minutes(sim):
    kept, late = sim.request_token(), sim.request_token()
    sim.clock.advance(299)
    assert session_token(sim, kept).status_code == 200
    sim.clock.advance(2)
    assert refusal(session_token(sim, late)) == (403, "TokenException")


def test_a_fast_clock_leaves_a_person_the_same_five_minutes(sim):
    sim.clock.speed = 600
    request_token = sim.request_token()
    sim.clock.advance(600 * 299)
    assert session_token(sim, request_token).status_code == 200


@pytest.mark.parametrize(("hour", "days"), [(5, 0), (6, 1), (14, 1)])
def test_an_access_token_dies_at_six_in_the_morning(sim, hour, days):
    login = sim.clock.now().replace(hour=hour, minute=0, second=0, microsecond=0)
    sim.clock.set(login)
    token = sim.login()
    flush = (login + timedelta(days=days)).replace(hour=6)
    sim.clock.set(flush - timedelta(seconds=1))
    assert profile(sim, token).status_code == 200
    sim.clock.set(flush)
    assert refusal(profile(sim, token)) == (403, "TokenException")


def test_a_newer_login_kills_the_older_token_of_that_user_alone(sim):
    older, other = sim.login(), sim.login("SIM002")
    newer = sim.login()
    assert refusal(profile(sim, older)) == (403, "TokenException")
    assert profile(sim, newer).status_code == 200
    assert profile(sim, other).status_code == 200


def test_logging_out_kills_the_token(sim):
    token = sim.login()
    values = {"api_key": kite.API_KEY, "access_token": token}
    answer = requests.delete(f"{sim.root}/session/token", params=values, timeout=5)
    assert answer.json() == {"status": "success", "data": True}
    assert refusal(profile(sim, token)) == (403, "TokenException")
    again = requests.delete(f"{sim.root}/session/token", params=values, timeout=5)
    assert refusal(again) == (403, "TokenException")


def test_every_token_can_be_flushed_at_once(sim):
    tokens = [sim.login(), sim.login("SIM002")]
    sim.expire_sessions()
    assert [profile(sim, token).status_code for token in tokens] == [403, 403]


def test_nobody_can_renew_a_session(sim):
    from kiteconnect.exceptions import TokenException

    client = kite.logged_in(sim)
    with pytest.raises(TokenException):
        client.renew_access_token("anything", kite.API_SECRET)


def test_a_request_without_the_header_is_bad_input(sim):
    answer = requests.get(f"{sim.root}/user/profile", timeout=5)
    assert refusal(answer) == (400, "InputException")


@pytest.mark.parametrize(
    "header", ["token simkey", "token simkey:", "Bearer simkey:{token}", "token simkey:{token}x"]
)
def test_a_malformed_header_is_a_token_error(sim, header):
    sent = {"Authorization": header.format(token=sim.login())}
    answer = requests.get(f"{sim.root}/user/profile", headers=sent, timeout=5)
    assert refusal(answer) == (403, "TokenException")


def test_the_token_of_another_app_is_refused(sim):
    assert refusal(profile(sim, sim.login(), api_key="other")) == (403, "TokenException")


def test_the_official_client_logs_in_and_out(sim):
    from kiteconnect.exceptions import TokenException

    client = kite.client(sim.root)
    session = client.generate_session(sim.request_token(), kite.API_SECRET)
    assert session["user_id"] == "SIM001"
    assert session["login_time"] == sim.clock.now().replace(microsecond=0, tzinfo=None)
    assert client.profile()["user_id"] == "SIM001"
    told = []
    client.set_session_expiry_hook(lambda: told.append("expired"))
    assert client.invalidate_access_token() is True
    with pytest.raises(TokenException) as refused:
        client.profile()
    assert refused.value.code == 403
    assert told == ["expired"]


def test_the_two_users_have_accounts_of_their_own(sim):
    first, second = kite.logged_in(sim), kite.logged_in(sim, "SIM002")
    order_id = first.place_order(**kite.an_order())
    assert [row["order_id"] for row in first.orders()] == [order_id]
    assert second.orders() == []
    assert second.place_order(**kite.an_order()) != order_id
