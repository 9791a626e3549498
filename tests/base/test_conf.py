import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from sigmatrader import conf


@pytest.fixture(autouse=True)
def own_environment(tmp_path: Path) -> Iterator[None]:
    before = dict(os.environ)
    for name in before:
        if name.startswith("ST_"):
            del os.environ[name]
    os.environ["ST_DATA_DIR"] = str(tmp_path / "data")
    yield
    os.environ.clear()
    os.environ.update(before)


def load(tmp_path: Path) -> conf.SigmaTraderSettings:
    return conf.load(tmp_path)


def test_a_folder_that_everybody_shares_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    monkeypatch.setenv("ST_DATA_DIR", str(shared))
    with pytest.raises(ImproperlyConfigured, match=r"ST_DATA_DIR.*shared/sigmatrader"):
        load(tmp_path)
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777
    assert list(shared.iterdir()) == []


def test_a_first_start_generates_its_secrets_for_the_owner_alone(tmp_path: Path) -> None:
    first = load(tmp_path)
    path = tmp_path / "data" / "secrets.env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert len(first.SECRET_KEY) >= 50
    assert first.CRYPTO_KEYS and first.TRADINGVIEW_WEBHOOK_SECRET
    assert first.SECRET_KEY not in repr(first)
    assert first.CRYPTO_KEYS[0] not in repr(first)


def test_the_next_start_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(tmp_path)
    for name in ("ST_SECRET_KEY", "ST_CRYPTO_KEYS", "ST_TRADINGVIEW_WEBHOOK_SECRET"):
        monkeypatch.delenv(name, raising=False)
    assert load(tmp_path) == first


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("ST_PORT=9001\nST_HOST=127.0.0.2\n")
    monkeypatch.setenv("ST_PORT", "9002")
    loaded = load(tmp_path)
    assert (loaded.PORT, loaded.HOST) == (9002, "127.0.0.2")


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("ST_PORT", "eighty", "1 to 65535"),
        ("ST_PORT", "70000", "1 to 65535"),
        ("ST_DEBUG", "maybe", "true or false"),
        ("ST_ENVIRONMENT", "prod", "production"),
        ("ST_WEBHOOK_ALLOWED_IPS", "tradingvieww", "addresses"),
        ("ST_TRUSTED_PROXIES", "10.0.0.0/99", "addresses"),
        ("ST_PUBLIC_URL", "trader.example.com", "https://"),
        ("ST_CRYPTO_KEYS", "short", "Fernet"),
        ("ST_ZERODHA_API_ROOT", "https://kite.example.com", "loopback"),
        ("ST_DATABASE_URL", "mysql://here", "postgres://"),
        ("ST_BROKER_TIMEOUT_SECONDS", "0", "0.05"),
    ],
)
def test_a_wrong_value_stops_the_start_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured) as caught:
        conf.database_config(load(tmp_path), 1000)
    assert name in str(caught.value)
    assert allowed in str(caught.value)


def test_tradingview_stands_for_its_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ST_WEBHOOK_ALLOWED_IPS", "tradingview, 10.1.0.0/16")
    networks = [str(network) for network in load(tmp_path).WEBHOOK_ALLOWED_IPS]
    assert "52.89.214.238/32" in networks
    assert networks[-1] == "10.1.0.0/16"
    assert len(networks) == 5


def test_a_loopback_api_root_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ST_ZERODHA_API_ROOT", "http://127.0.0.1:9010/")
    assert load(tmp_path).ZERODHA_API_ROOT == "http://127.0.0.1:9010"


def test_the_lease_outlasts_connecting_and_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load(tmp_path).lease_seconds == 19


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("", "-c idle_in_transaction_session_timeout=15s"),
        ("?options=-c%20statement_timeout%3D9s", "-c statement_timeout=9s"),
    ],
)
def test_on_postgresql_a_hung_transaction_ends_and_the_users_own_options_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str, options: str
) -> None:
    monkeypatch.setenv("ST_DATABASE_URL", f"postgres://u:p@h/n{query}")
    config = conf.database_config(load(tmp_path), 5000)
    assert config["OPTIONS"]["options"] == options
