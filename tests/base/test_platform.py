import json
import logging
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from django.test import Client, RequestFactory

from brokers.models import AccountState, BrokerConnection
from sigmatrader import checks, clock, crypto, logs
from sigmatrader.conf import SigmaTraderSettings
from sigmatrader.middleware import client_address
from trading.models import WebhookSecret, WorkerHeartbeat


def replaced(settings: Any, **values: Any) -> SigmaTraderSettings:
    import dataclasses

    return dataclasses.replace(settings.ST, **values)


def test_health_says_who_and_where(client: Client) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "service": "SigmaTrader API",
        "environment": "test",
    }
    assert answer.headers["X-Request-Id"]


@pytest.mark.django_db
def test_ready_names_every_check_and_follows_the_worker(client: Client) -> None:
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert set(answer.json()["checks"]) == {
        "database",
        "worker",
        "broker_session",
        "order_book",
        "clock",
        "calendar",
        "disk",
    }
    now = clock.now()
    WorkerHeartbeat.objects.create(worker_id="h:1:1", host="h", pid=1, started_at=now, beat_at=now)
    assert client.get("/health/ready").json()["checks"]["worker"]["ok"]
    WorkerHeartbeat.objects.update(beat_at=now - timedelta(minutes=1))
    assert not client.get("/health/ready").json()["checks"]["worker"]["ok"]


@pytest.mark.django_db
def test_metrics_are_for_this_machine_or_a_token(client: Client, admin_user: Any) -> None:
    from rest_framework.authtoken.models import Token

    assert b"sigmatrader_orders" in client.get("/metrics").content
    stranger = {"REMOTE_ADDR": "203.0.113.9"}
    assert client.get("/metrics", **stranger).status_code == 403  # type: ignore[arg-type]
    assert client.get("/metrics", HTTP_X_FORWARDED_FOR="203.0.113.9").status_code == 403
    token = Token.objects.create(user=admin_user)
    answer = client.get("/metrics", HTTP_AUTHORIZATION=f"Token {token.key}", **stranger)  # type: ignore[arg-type]
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
    ],
)
def test_only_trusted_proxies_may_name_another_address(
    settings: Any, peer: str, forwarded: str, expected: str
) -> None:
    settings.ST = replaced(settings, TRUSTED_PROXIES=(ip_network("10.0.0.0/8"),))
    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
    assert client_address(request) == expected


def test_without_proxies_nobody_may(settings: Any) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="1.2.3.4", HTTP_X_FORWARDED_FOR="9.9.9.9")
    assert client_address(request) == "1.2.3.4"


@pytest.mark.parametrize(
    "text",
    [
        '{"secret": "hunter22222"}',
        "secret=hunter22222&x=1",
        "api_secret: hunter22222",
        "Authorization: token key:hunter22222",
        "'access_token': 'hunter22222'",
    ],
)
def test_a_log_line_keeps_no_secret(text: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", (text,), None)
    for formatter in (logs.ConsoleFormatter(), logs.JsonFormatter()):
        assert "hunter22222" not in formatter.format(record)


def test_a_hostile_text_stays_one_log_line() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "a\r\nINFO forged\x1b[31m", (), None)
    assert len(logs.ConsoleFormatter().format(record).splitlines()) == 1
    assert json.loads(logs.JsonFormatter().format(record))["message"].startswith("a\r\n")


def test_what_is_encrypted_opens_with_its_key_alone(settings: Any) -> None:
    from cryptography.fernet import Fernet

    token = crypto.encrypt("open sesame")
    assert crypto.decrypt(token) == "open sesame"
    newer = Fernet.generate_key().decode()
    old_keys = settings.ST.CRYPTO_KEYS
    settings.ST = replaced(settings, CRYPTO_KEYS=(newer, *old_keys))
    rotated = crypto.rotate(token)
    settings.ST = replaced(settings, CRYPTO_KEYS=(newer,))
    assert crypto.decrypt(rotated) == "open sesame"
    with pytest.raises(crypto.CryptoError):
        crypto.decrypt(token)


@pytest.mark.django_db
def test_a_missing_key_stops_the_start(settings: Any) -> None:
    from cryptography.fernet import Fernet

    WebhookSecret.objects.create(secret_encrypted=crypto.encrypt("a-webhook-secret"))
    assert checks.check_stored_secrets() == []
    settings.ST = replaced(settings, CRYPTO_KEYS=(Fernet.generate_key().decode(),))
    assert [found.id for found in checks.check_stored_secrets()] == ["sigmatrader.E003"]


def test_production_is_strict(settings: Any) -> None:
    assert checks.check_production() == []
    settings.ST = replaced(
        settings, ENVIRONMENT="production", DEBUG=True, ALLOWED_HOSTS=("*",), PUBLIC_URL=""
    )
    assert {found.id for found in checks.check_production()} >= {
        "sigmatrader.E010",
        "sigmatrader.E011",
        "sigmatrader.E012",
    }


def test_a_book_that_nobody_reads_makes_the_system_unready(client, db) -> None:
    account = BrokerConnection(
        name="dark", broker_name="zerodha", kind="SIMULATOR", api_root="http://127.0.0.1:1"
    )
    account.access_token = "token"
    account.token_expires_at = clock.now() + timedelta(hours=3)
    account.logged_in_at = clock.now() - timedelta(hours=1)
    account.save()
    state = AccountState.objects.create(connection=account, book_read_at=clock.now())
    assert client.get("/health/ready").json()["checks"]["order_book"]["ok"]
    state.book_read_at = clock.now() - timedelta(minutes=5)
    state.save()
    checks = client.get("/health/ready").json()["checks"]
    assert not checks["order_book"]["ok"]
    assert "dark" not in str(checks)
