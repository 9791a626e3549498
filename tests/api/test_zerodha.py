"""Zerodha's login over REST."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse

from brokers.connections import settle
from brokers.models import BrokerConnection
from brokers.simulator import faults
from sigmatrader import clock
from tests.support.kite import API_KEY, API_SECRET, simulator

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


@pytest.fixture
def kite():
    with simulator(rate_limits=False) as running:
        yield running


def connection(kite, name: str = "sim") -> BrokerConnection:
    made = BrokerConnection(name=name, api_key=API_KEY, api_root=kite.root)
    made.api_secret = API_SECRET
    settle(made)
    made.save()
    return made


@pytest.fixture
def live(db, kite) -> BrokerConnection:
    return connection(kite)


def state_of(address: str) -> str:
    return parse_qs(parse_qs(urlsplit(address).query)["redirect_params"][0])["state"][0]


def test_a_login_begun_over_rest_is_finished_in_the_users_browser(api, client, user, live, kite):
    begun = api.get("zerodha/login-url/")
    assert begun.status_code == 200
    assert list(begun.json()) == ["login_url"]
    client.force_login(user)
    back = client.get(
        reverse("zerodha_callback"),
        {
            "state": state_of(begun.json()["login_url"]),
            "status": "success",
            "request_token": kite.request_token(),
        },
    )
    assert back.status_code == 302
    status = api.get("zerodha/status").json()
    assert (status["connected"], status["user_id"]) == (True, "SIM001")


def test_a_browsers_own_call_is_bound_to_its_session(client, user, live):
    client.force_login(user)
    state = state_of(client.get("/api/zerodha/login-url/").json()["login_url"])
    client.logout()
    client.force_login(user)
    answer = client.get(
        reverse("zerodha_callback"), {"state": state, "status": "success", "request_token": "a"}
    )
    assert answer.status_code == 400


def test_connect_takes_the_token_and_answers_as_status_does(api, live, kite):
    before = api.get("zerodha/status/").json()
    assert (before["connected"], before["expires_at"]) == (False, None)
    assert before["error"] == "sim is not connected: log in first."
    assert "user_id" not in before
    token = kite.request_token()
    answer = api.post("zerodha/connect/", {"request_token": token})
    assert answer.status_code == 200
    body = answer.json()
    assert body == api.get("zerodha/status/").json()
    live.refresh_from_db()
    expires = live.token_expires_at.astimezone(clock.IST)
    assert (expires.hour, expires.minute) == (6, 0)
    assert body["expires_at"].endswith("Z") and body["updated_at"].endswith("Z")
    assert body["user_name"] == live.user_name
    assert "error" not in body
    assert token not in str(body) and live.access_token not in str(body)


def test_a_spent_token_is_refused_in_words(api, live, kite):
    token = kite.request_token()
    api.post("zerodha/connect/", {"request_token": token})
    again = api.post("zerodha/connect/", {"request_token": token})
    assert (again.status_code, again.json()["code"]) == (400, "token_refused")
    assert token not in str(again.json())


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "request_token"), ({"token": "x"}, "token"), ({"request_token": ""}, "request_token")],
)
def test_a_body_without_a_token_names_the_field(api, live, body, field):
    answer = api.post("zerodha/connect/", body)
    assert answer.status_code == 400
    assert field in str(answer.json()["errors"])


def test_a_text_that_holds_no_token_is_refused(api, live):
    answer = api.post("zerodha/connect/", {"request_token": "no token at all"})
    assert (answer.status_code, answer.json()["code"]) == (400, "no_token")


def test_another_users_login_is_a_conflict(api, live, kite):
    api.post("zerodha/connect/", {"request_token": kite.request_token()})
    wrong = api.post("zerodha/connect/", {"request_token": kite.request_token("SIM002")})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "wrong_user")
    connection(kite, "second")
    taken = api.post("zerodha/connect/?connection=second", {"request_token": kite.request_token()})
    assert (taken.status_code, taken.json()["code"]) == (409, "user_taken")


@pytest.mark.parametrize(
    ("fault", "status"), [(faults.refuse_status(503), 502), (faults.rate_limited(), 503)]
)
def test_a_broker_in_trouble_is_no_fault_of_the_callers(api, live, kite, fault, status):
    kite.faults.script("token", fault)
    answer = api.post("zerodha/connect/", {"request_token": kite.request_token()})
    assert answer.status_code == status


def test_the_connection_is_named_by_id_or_name(api, live, kite):
    second = connection(kite, "second")
    both = api.get("zerodha/status/")
    assert both.status_code == 400
    assert "sim, second" in both.json()["errors"]["connection"][0]
    for named in ("second", str(second.pk)):
        assert api.get("zerodha/status/", connection=named).json()["connection"] == "second"
    for call in ("zerodha/status/", "zerodha/login-url/"):
        assert api.get(call, connection="third").status_code == 404
    assert api.post("zerodha/disconnect/?connection=third").status_code == 404


def test_without_any_connection_the_answer_says_how_to_get_one(api):
    answer = api.get("zerodha/login-url/")
    assert answer.status_code == 400
    assert "ST_ZERODHA_API_KEY" in answer.json()["message"]


def test_a_paper_account_is_connected_and_needs_no_login(api, account):
    assert api.get("zerodha/status/", connection="paper").json()["connected"]
    refused = api.get("zerodha/login-url/", connection="paper")
    assert (refused.status_code, refused.json()["code"]) == (400, "no_login")


def test_disconnect_ends_the_session_and_says_how_far(api, live, kite):
    api.post("zerodha/connect/", {"request_token": kite.request_token()})
    done = api.post("zerodha/disconnect/")
    assert done.status_code == 200
    assert done.json() == {
        "connected": False,
        "revoked": True,
        "message": "sim is disconnected, here and at Zerodha.",
    }
    assert not api.get("zerodha/status/").json()["connected"]
    api.post("zerodha/connect/", {"request_token": kite.request_token()})
    kite.stop()
    assert api.post("zerodha/disconnect/").json()["revoked"] is False


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "login-url"),
        ("get", "status"),
        ("post", "connect"),
        ("post", "disconnect"),
    ],
)
def test_every_call_needs_a_user_and_its_method(client, api, method, path):
    assert getattr(client, method)(f"/api/zerodha/{path}/").status_code == 401
    other = api.get if method == "post" else api.post
    assert other(f"zerodha/{path}/").status_code == 405


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "login-url"), ("post", "connect"), ("post", "disconnect")],
)
def test_a_login_without_the_permission_manages_no_account(
    client, django_user_model, method: str, path: str
) -> None:
    client.force_login(django_user_model.objects.create_user("ravi"))
    answer = getattr(client, method)(f"/api/zerodha/{path}/", content_type="application/json")
    assert answer.status_code == 403
    assert client.get("/brokers/zerodha/login/").status_code == 403
    assert client.post("/brokers/zerodha/disconnect/").status_code == 403
    assert client.post("/brokers/zerodha/connect/").status_code == 403
    assert client.get("/brokers/zerodha/callback/?state=x").status_code == 403
