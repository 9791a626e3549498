"""Who is let in by which secret, and that no secret is ever written down."""

import json
import logging
from datetime import timedelta

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from sigmatrader import clock, crypto
from tests.factories import StrategyFactory
from tests.webhook.conftest import SECRET, alert
from trading.models import Alert, IntakeCounter, WebhookSecret
from trading.services import webhook_secrets
from trading.services.errors import InvalidChange

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


@pytest.mark.parametrize(
    "secret",
    ["wrong", "", None, 12345, True, [], {}, SECRET + " ", SECRET.upper(), "ключ", "x" * 9000],
)
def test_a_wrong_secret_gets_the_same_401_whatever_it_is(secret, ready, post):
    response = post(alert(secret=secret))
    assert response.status_code == 401
    assert response.json() == {
        "status": "rejected",
        "code": "invalid_secret",
        "errors": {"secret": ["The secret is missing or wrong. Copy it from the settings page."]},
    }
    assert not Alert.objects.exists()


def test_no_secret_at_all_gets_the_same_answer(ready, post):
    assert post(alert(secret=...)).content == post(alert(secret="wrong")).content


@pytest.mark.parametrize("value", ["test-secret", "clé".encode().decode("latin-1"), "", "wrong"])
def test_the_header_is_compared_as_bytes(value, ready, post):
    response = post(alert(secret=...), headers={"X-SigmaTrader-Secret": value})
    assert response.status_code == (201 if value == SECRET else 401)


def test_one_right_secret_among_several_is_enough(ready, post):
    body = alert(secret="wrong", meta={"secret": SECRET})
    assert post(body).status_code == 201
    assert "wrong" not in Alert.objects.get().raw_body


def test_a_strategy_with_its_own_secret_refuses_the_common_one(ready, post):
    own = StrategyFactory(name="own")
    other = StrategyFactory(name="other")
    secret = webhook_secrets.create(strategy=own)
    assert post(alert(strategy_name="own")).status_code == 401
    assert post(alert(strategy_name="own", secret=secret)).status_code == 201
    for name in (other.name, "unknown", ...):
        assert post(alert(strategy_name=name, secret=secret)).status_code == 401
        assert post(alert(strategy_name=name)).status_code == 201


def test_a_strategy_whose_secret_ran_out_does_not_fall_back_to_the_common_one(ready, post):
    webhook_secrets.create(
        strategy=StrategyFactory(name="own"), valid_until=clock.now() - timedelta(seconds=1)
    )
    assert post(alert(strategy_name="own")).status_code == 401


def test_a_rotated_secret_opens_until_its_grace_ends(ready, post):
    new = webhook_secrets.rotate(grace=timedelta(hours=1))
    assert webhook_secrets.current() == new
    assert post(alert(interval="1")).status_code == 201
    assert post(alert(interval="2", secret=new)).status_code == 201
    real = clock.now()
    clock.use(lambda: real + timedelta(hours=1, seconds=1))
    try:
        assert post(alert(interval="3")).status_code == 401
        assert post(alert(interval="4", secret=new)).status_code == 201
    finally:
        clock.use(None)


def test_a_rotation_without_grace_and_a_revocation_work_at_once(ready, post):
    new = webhook_secrets.rotate(grace=timedelta(0))
    assert post(alert()).status_code == 401
    assert WebhookSecret.objects.count() == 1
    webhook_secrets.revoke(WebhookSecret.objects.get())
    assert post(alert(secret=new)).status_code == 401


def test_with_no_secret_stored_nothing_is_let_in(db, post):
    for secret in ("", None, "x"):
        assert post(alert(secret=secret)).status_code == 401


def test_a_secret_that_no_key_opens_is_our_fault_not_the_senders(ready, post, monkeypatch, caplog):
    key = crypto.Fernet.generate_key().decode()
    monkeypatch.setattr(
        crypto, "_current", lambda: crypto.MultiFernet([crypto.Fernet(key.encode())])
    )
    response = post(alert())
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert "can't be read" in caplog.text
    assert not Alert.objects.exists()


@pytest.mark.parametrize(
    "value", ["short", "with blank inside", 'quo"te1234', "back\\slash", "clé-clé-clé"]
)
def test_a_value_that_would_need_escapes_is_no_secret(value, db):
    with pytest.raises(InvalidChange) as refused:
        webhook_secrets.create(value)
    assert "secret" in refused.value.errors


def test_the_first_run_takes_over_the_secret_of_the_environment_once(db, monkeypatch):
    webhook_secrets.ensure_first_secret()
    first = webhook_secrets.current()
    assert first == django_settings.ST.TRADINGVIEW_WEBHOOK_SECRET
    webhook_secrets.rotate()
    webhook_secrets.ensure_first_secret()
    assert webhook_secrets.current() != first
    assert first not in json.dumps(list(WebhookSecret.objects.values()), default=str)


def test_a_bad_secret_in_the_environment_stops_the_start_with_its_name(db, monkeypatch):
    bad = _Settings(TRADINGVIEW_WEBHOOK_SECRET="two words")
    monkeypatch.setattr(webhook_secrets, "settings", _Settings(ST=bad))
    with pytest.raises(ImproperlyConfigured, match="ST_TRADINGVIEW_WEBHOOK_SECRET"):
        webhook_secrets.ensure_first_secret()


class _Settings:
    def __init__(self, **values):
        vars(self).update(values)


def everything_stored():
    return "\n".join(
        json.dumps(list(model.objects.values()), default=str)
        for model in apps.get_models()
        if model._meta.managed
    )


@pytest.mark.parametrize(
    "body",
    [
        alert(),
        alert(comment=f"my secret is {SECRET}"),
        alert(comment=json.dumps({"secret": SECRET, "more": json.dumps({"secret": SECRET})})),
        alert(strategy_name=SECRET),
        alert(symbol=SECRET),
        alert(trade_details={"order_action": SECRET, "quantity": SECRET}),
        alert(order_id=SECRET, alert_id=SECRET, interval=SECRET, platform=SECRET),
        alert(**{SECRET: SECRET}),
        alert(hints={"note": SECRET, "stop_type": SECRET}),
        json.dumps(json.dumps(alert())).encode(),
        b"Alert! " + json.dumps(alert()).encode() + b" bye",
        json.dumps(alert()).encode()[:-30],
        json.dumps(alert()).replace("-", "\\u002d").encode(),
        f'{{"a": "{SECRET}", "a": 2}}'.encode(),
        f'{{"{SECRET}": 1, "{SECRET}": 2}}'.encode(),
    ],
)
def test_the_secret_is_nowhere_in_database_answer_or_logs(body, ready, post, caplog):
    caplog.set_level(logging.DEBUG)
    response = post(body)
    assert response.status_code in (200, 201, 400, 422)
    assert Alert.objects.exists()
    assert SECRET not in everything_stored()
    assert SECRET not in response.content.decode()
    assert SECRET not in caplog.text


def test_an_unreadable_body_is_kept_when_its_header_secret_is_right(ready, post):
    response = post(b"{broken", headers={"X-SigmaTrader-Secret": SECRET})
    assert response.status_code == 400
    assert Alert.objects.get().raw_body == "{broken"
    assert not IntakeCounter.objects.exists()


def test_the_word_without_quotes_does_not_count_as_knowing_the_secret(ready, post):
    assert post(f"{{broken {SECRET}".encode()).status_code == 400
    assert not Alert.objects.exists()
