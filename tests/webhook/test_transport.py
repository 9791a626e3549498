"""What HTTP itself must be like: method, size, media type, address; and what is only counted."""

import json

import pytest
from django.conf import settings as django_settings

from sigmatrader import conf
from tests.webhook.conftest import SECRET, URL, alert
from trading.models import Alert, IntakeCounter, Order

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def counters():
    return dict(IntakeCounter.objects.values_list("kind", "count"))


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"])
def test_any_method_but_post_gets_405_and_is_told_which(method, ready, client):
    response = client.generic(method, URL, json.dumps(alert()), content_type="application/json")
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert not Alert.objects.exists()


@pytest.mark.parametrize("url", [URL, URL + "/", URL + "?secret=x&symbol=NSE:TCS&format=xml"])
def test_the_address_works_with_and_without_slash_and_the_query_string_is_not_read(
    url, ready, post
):
    response = post(alert(), url=url)
    assert response.status_code == 201
    assert Order.objects.get().symbol == "NSE:INFY"


def test_an_odd_accept_header_changes_nothing(ready, post):
    response = post(alert(), headers={"Accept": "image/png"})
    assert (response.status_code, response.headers["Content-Type"]) == (201, "application/json")


class Unreadable:
    """A body that fails the test when somebody reads it."""

    def read(self, *_):
        pytest.fail("the body was read")

    readline = read


@pytest.mark.parametrize("length", ["16385", "20000000", "9" * 400])
def test_a_body_over_16_kib_gets_413_before_it_is_read(length, ready, client):
    response = client.generic(
        "POST",
        URL,
        content_type="application/json",
        **{"CONTENT_LENGTH": length, "wsgi.input": Unreadable()},
    )
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    assert counters() == {"too_large": 1}


def test_a_body_of_exactly_16_kib_is_read(ready, post):
    body = json.dumps(alert()).encode()
    assert post(body + b" " * (16 * 1024 - len(body))).status_code == 201


@pytest.mark.parametrize(
    "extra",
    [{"HTTP_TRANSFER_ENCODING": "chunked"}, {"CONTENT_LENGTH": "-1"}, {"CONTENT_LENGTH": "x"}],
)
def test_a_body_without_a_length_gets_411(extra, ready, post):
    assert post(alert(), **extra).status_code == 411
    assert not Alert.objects.exists()


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "text/plain",
        "text/plain; charset=utf-8",
        'application/json; charset="UTF-8"',
        "Application/JSON;charset=utf8",
    ],
)
def test_json_is_taken_as_json_and_as_text(content_type, ready, post):
    assert post(alert(), content_type).status_code == 201


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "text/html",
        "application/json; charset=utf-16",
        "text/plain; charset=bogus",
    ],
)
def test_any_other_media_type_or_charset_gets_415_and_is_counted(content_type, ready, post):
    response = post(alert(), content_type)
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
    assert not Alert.objects.exists()
    assert counters() == {"media_type": 1}


def test_a_compressed_body_gets_415(ready, post):
    assert post(alert(), headers={"Content-Encoding": "gzip"}).status_code == 415


@pytest.fixture
def only(monkeypatch):
    """`only("tradingview")`: the addresses of ST_WEBHOOK_ALLOWED_IPS."""

    def allow(words, proxies=""):
        monkeypatch.setenv("ST_WEBHOOK_ALLOWED_IPS", words)
        monkeypatch.setenv("ST_TRUSTED_PROXIES", proxies)
        monkeypatch.setenv("ST_DATA_DIR", str(django_settings.ST.DATA_DIR))
        monkeypatch.setattr(django_settings, "ST", conf.load(django_settings.BASE_DIR))

    return allow


def test_an_address_that_is_not_on_the_list_gets_403_whatever_it_knows(only, ready, post):
    only("tradingview, 10.1.0.0/16, 2001:db8::/32")
    for good in ("52.89.214.238", "::ffff:34.212.75.30", "10.1.2.3", "2001:db8:1::7"):
        assert post(alert(interval=good), address=good).status_code == 201
    for bad in ("52.89.214.239", "10.2.0.1", "2001:db9::1", "no address"):
        assert post(alert(), address=bad).status_code == 403
    assert counters() == {"address": 1}
    assert IntakeCounter.objects.count() == 4
    assert Alert.objects.count() == 4


def test_a_forwarded_address_counts_only_from_a_trusted_proxy(only, ready, post):
    only("tradingview")
    headers = {"X-Forwarded-For": "52.89.214.238"}
    assert post(alert(), address="203.0.113.9", headers=headers).status_code == 403
    only("tradingview", proxies="203.0.113.0/24")
    assert post(alert(), address="203.0.113.9", headers=headers).status_code == 201
    forged = {"X-Forwarded-For": "52.89.214.238, 198.51.100.1"}
    assert post(alert(), address="203.0.113.9", headers=forged).status_code == 403


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"null", "invalid_json"),
        (b"5", "invalid_json"),
        (b"[]", "invalid_json"),
        (b'"x"', "invalid_json"),
        (b"{'secret': 'x'}", "invalid_json"),
        (b'{"a": NaN}', "invalid_json"),
        (b'{"a": 1e400}', "invalid_json"),
        (b'{"a": ' + b"9" * 5000 + b"}", "invalid_json"),
        (b"\xff\xfe{}", "invalid_encoding"),
        (b'{"a":' * 990 + b"1" + b"}" * 990, "too_deep"),
        (b"[" * 15000, "too_deep"),
        (json.dumps({f"k{n}": n for n in range(300)}).encode(), "too_many_keys"),
        (b'{"qty": 1, "Qty": 2}', "duplicate_keys"),
        (b'{"a": {"b": 1, "b": 2}}', "duplicate_keys"),
    ],
)
def test_what_can_not_be_read_gets_400_is_counted_and_not_stored(body, code, ready, post):
    response = post(body)
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert response.json()["errors"]
    assert not Alert.objects.exists()
    assert counters() == {"unreadable": 1}


@pytest.mark.parametrize(
    "details",
    [
        {"quantity": -5},
        {"quantity": True},
        {"quantity": {}},
        {"quantity": []},
        {"quantity": 10**30},
        {"quantity": "9" * 900},
        {"quantity": "1_000"},
        {"quantity": "१२"},
        {"quantity": "１０"},
        {"quantity": "1e3"},
        {"price": "sNaN"},
        {"price": "1e999999999"},
        {"price": -1},
        {"order_action": "HOLD"},
        {"order_type": "LIMIT", "price": None},
        {"order_type": "SL", "price": 5},
        {"product": "XYZ"},
    ],
)
def test_what_is_no_order_gets_422_and_is_stored_with_the_fix(details, ready, post):
    given = {"order_action": "BUY", "quantity": 10, "price": 1500} | details
    response = post(alert(trade_details=given))
    assert (response.status_code, response.json()["status"]) == (422, "rejected")
    stored = Alert.objects.get(pk=response.json()["alert_id"])
    assert stored.errors == response.json()["errors"] != {}
    assert (stored.outcome, stored.code) == ("REJECTED", "invalid_payload")
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    "symbol",
    ["'; DROP TABLE orders", "1 OR 1=1", "NSE:ІNFY", "NSE:INFY\u202e", "<script>", "A" * 64, 5, {}],
)
def test_an_odd_symbol_gets_422(symbol, ready, post):
    assert post(alert(symbol=symbol)).status_code == 422


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
def test_a_name_that_no_database_takes_gets_422(text, ready, post):
    assert post(alert(strategy_name=text)).status_code == 422
    assert Alert.objects.get().outcome == "REJECTED"


@pytest.mark.parametrize(
    "comment", ["<script>alert(1)</script>", "{{7*7}}", "=1+1", "a\r\nb\x1b[31m", "a\x00b"]
)
def test_any_comment_is_only_a_comment(comment, ready, post):
    assert post(alert(comment=comment)).status_code == 201
    assert "\x00" not in Alert.objects.get().reason


def test_unknown_fields_are_kept_and_never_acted_on(ready, post):
    response = post(alert(mode="AUTO", is_admin=True, user_id=1, status="SENT"))
    order = Order.objects.get(pk=response.json()["order_id"])
    assert (order.mode, order.status) == ("MANUAL", "WAITING")
    assert '"is_admin": true' in order.alert.raw_body


def test_a_literal_placeholder_gets_422_with_a_hint(ready, post):
    response = post(alert(symbol="{{ticker}}"))
    assert (response.status_code, response.json()["code"]) == (422, "placeholder_not_expanded")
    assert "not filled in by TradingView" in response.json()["errors"]["symbol"][0]


def test_a_connection_test_stores_nothing(ready, post):
    response = post({"secret": SECRET, "test": "tradingview"})
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert not Alert.objects.exists()
