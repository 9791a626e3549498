"""What holds for every call: login, slashes, the shape of errors, strict bodies."""

import json

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.urls import get_resolver

from sigmatrader.db import Busy
from tests.factories import make_order
from trading.api.views import settings as settings_views

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

OPEN = {"api-root", "api-schema", "api-docs", "api-unknown"}
LISTS = [
    "strategies",
    "risk-settings",
    "trading-state",
    "orders",
    "orders/queue",
    "alerts",
    "positions",
    "trades",
]


def patterns():
    for resolver in get_resolver().url_patterns:
        if str(resolver.pattern) in ("api/", r"^api/"):
            return resolver.url_patterns
    raise AssertionError("the API is not wired")


def test_everything_but_the_description_of_the_api_needs_a_login(client):
    closed = [p for p in patterns() if p.name not in OPEN]
    assert len(closed) > 15
    for pattern in closed:
        address = str(pattern.pattern).strip("^").replace("/?$", "/").replace("(?P<pk>[0-9]+)", "1")
        for method in ("get", "post", "put", "patch", "delete"):
            response = getattr(client, method)(f"/api/{address}")
            assert response.status_code == 401, (method, address)
            assert response.headers["WWW-Authenticate"] == "Token"
            assert response.json()["code"] == "not_authenticated"


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("slash", ["", "/"])
def test_lists_answer_with_and_without_slash(path, slash, api, account):
    assert api.get(path + slash).status_code == 200


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_order_answers_with_and_without_slash(slash, api):
    order = make_order()
    assert api.get(f"orders/{order.pk}{slash}").json()["id"] == order.pk
    assert len(api.get(f"orders/{order.pk}/events{slash}").json()) == 1
    assert api.post(f"orders/{order.pk}/cancel{slash}").json()["status"] == "CANCELLED"


@pytest.mark.parametrize("path", ["/api", "/api/"])
def test_the_root_tells_name_version_and_environment_to_anybody(path, client):
    answer = client.get(path).json()
    assert set(answer) == {"name", "version", "environment"}
    assert answer["environment"] == "test"


@pytest.mark.parametrize("path", ["nothing", "orders/x", "orders/1/nothing", "orders//", "%00"])
def test_an_unknown_address_is_404_as_json(path, client):
    response = client.get(f"/api/{path}")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "path", ["orders/{}", "orders/{}/events", "strategies/{}", "risk-settings/{}", "alerts/{}"]
)
@pytest.mark.parametrize("pk", ["4711", "0", "9" * 19, "9" * 400])
def test_an_unknown_id_is_404_with_the_shape_of_every_error(path, pk, api):
    response = api.get(path.format(pk))
    body = response.json()
    assert response.status_code == 404
    assert set(body) == {"code", "message", "errors", "detail"}
    assert (body["code"], body["errors"]) == ("not_found", {})
    assert body["detail"] == body["message"] != ""


def test_a_session_works_too_and_needs_the_csrf_token(client, user, account):
    client.force_login(user)
    assert client.get("/api/orders/").status_code == 200
    strict = type(client)(enforce_csrf_checks=True)
    strict.force_login(user)
    refused = strict.post("/api/strategies/", {"name": "one"}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")


def test_a_wrong_token_is_401(client):
    response = client.get("/api/orders/", headers={"Authorization": "Token wrong"})
    assert (response.status_code, response.json()["code"]) == (401, "authentication_failed")


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]",
        b"5",
        b'"x"',
        b"null",
        b"\xff\xfe",
        b'{"name": NaN}',
        b'{"name": "a", "name": "b"}',
        b'{"name": ' + b"9" * 5000 + b"}",
        b'{"a":' * 20000 + b"1" + b"}" * 20000,
        b"[" * 60000,
    ],
)
@pytest.mark.parametrize("path", ["strategies/", "risk-settings/", "trading-state/"])
def test_what_is_no_json_object_is_400(raw, path, api):
    response = api.post(path, raw=raw)
    assert response.status_code in (400, 413)
    assert response.json()["message"]


def test_a_refusal_that_quotes_half_a_surrogate_pair_can_be_sent(api):
    response = api.post("strategies/", {"a\ud800": 1})
    assert (response.status_code, list(response.json()["errors"])) == (400, ["a\\ud800"])


def test_a_body_that_is_too_large_is_413(api):
    assert api.post("strategies/", raw=b" " * (64 * 1024 + 1)).status_code == 413


def test_a_form_is_415(api, client):
    response = client.post("/api/strategies/", {"name": "x"}, headers=api.headers)
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


def test_a_wrong_method_is_405_and_names_the_right_ones(api):
    response = api.delete("orders/")
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]


@pytest.mark.parametrize("path", [*LISTS, "orders/1", "orders/1/execute", "strategies/1"])
def test_options_and_head_are_answered(path, api, client):
    assert client.options(f"/api/{path}/", headers=api.headers).status_code == 200
    assert client.head(f"/api/{path}/", headers=api.headers).status_code in (200, 404, 405)


@pytest.mark.parametrize("accept", ["text/html", "image/png", "application/xml"])
def test_the_answer_is_json_whatever_is_asked_for(accept, api, client):
    response = client.get("/api/orders/?format=xml", headers={**api.headers, "Accept": accept})
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("trouble", [Busy("later"), OperationalError("disk full")])
def test_a_database_in_trouble_is_503(trouble, api, monkeypatch):
    def fail(*_):
        raise trouble

    monkeypatch.setattr(settings_views.policy, "current_states", fail)
    response = api.get("trading-state/")
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert response.headers["Retry-After"]


def test_a_fault_of_ours_is_500_as_json_and_logged(api, monkeypatch, caplog):
    def fail(*_):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(settings_views.policy, "current_states", fail)
    response = api.get("trading-state/")
    assert (response.status_code, response.json()["code"]) == (500, "server_error")
    assert "oops" not in response.content.decode()
    assert "ZeroDivisionError" in caplog.text


def test_the_schema_is_valid_without_warnings(tmp_path):
    call_command(
        "spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yaml")
    )


def test_the_schema_is_served_as_json_and_covers_every_call(client):
    response = client.get("/api/schema/")
    paths = json.loads(response.content)["paths"]
    assert response.status_code == 200
    assert "/webhook/tradingview/" in paths
    documented = {path.replace("{id}", "1") for path in paths}
    for pattern in patterns():
        if pattern.name not in OPEN:
            address = str(pattern.pattern).strip("^").replace("/?$", "/")
            assert f"/api/{address}".replace("(?P<pk>[0-9]+)", "1") in documented


def test_the_docs_page_needs_nothing_from_elsewhere(client):
    page = client.get("/api/docs/").content.decode()
    assert "swagger-ui-bundle.js" in page
    assert "http://" not in page
    assert "https://" not in page
    assert "<style" not in page
    assert "<script>" not in page


@pytest.mark.parametrize("digits", [20, 5000])
@pytest.mark.parametrize("path", ["orders", "alerts", "strategies", "risk-settings"])
def test_an_id_of_any_length_is_looked_for(api, path, digits):
    assert api.get(f"{path}/{'9' * digits}/").status_code == 404
    assert api.delete(f"{path}/{'9' * digits}/").status_code in (404, 405)
