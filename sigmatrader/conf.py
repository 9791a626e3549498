"""SigmaTrader's own settings: read from ST_* once, checked, and typed.

Sources, the first wins: the process's environment, `.env` beside manage.py (or ST_ENV_FILE),
`secrets.env` in the data folder. A wrong value raises ImproperlyConfigured with the variable's
name and what is allowed.
"""

import ipaddress
import os
import secrets
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

N = TypeVar("N", int, float)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

TRADINGVIEW_ADDRESSES = (
    "52.89.214.238",
    "34.212.75.30",
    "54.218.53.128",
    "52.32.178.7",
)
KITE_API_ROOT = "https://api.kite.trade"
KITE_LOGIN_URL = "https://kite.zerodha.com/connect/login"
_GENERATED = ("ST_SECRET_KEY", "ST_CRYPTO_KEYS", "ST_TRADINGVIEW_WEBHOOK_SECRET")
ENVIRONMENTS = ("local", "test", "demo", "staging", "production")


def _wrong(name: str, value: object, allowed: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name}={value!r} is not allowed: {allowed}.")


@dataclass(frozen=True)
class SigmaTraderSettings:
    """Everything that ST_* says. Durations are in the unit of their name."""

    ENVIRONMENT: str
    DEBUG: bool
    DATA_DIR: Path
    DATABASE_URL: str
    HOST: str
    PORT: int
    ALLOWED_HOSTS: tuple[str, ...]
    PUBLIC_URL: str
    TRUSTED_PROXIES: tuple[Network, ...]
    WEBHOOK_ALLOWED_IPS: tuple[Network, ...]
    WEBHOOK_RATE_PER_MINUTE: int
    ADMIN_PASSWORD: str = field(repr=False)
    SECRET_KEY: str = field(repr=False)
    CRYPTO_KEYS: tuple[str, ...] = field(repr=False)
    TRADINGVIEW_WEBHOOK_SECRET: str = field(repr=False)
    ZERODHA_API_KEY: str = field(repr=False)
    ZERODHA_API_SECRET: str = field(repr=False)
    ZERODHA_API_ROOT: str = KITE_API_ROOT
    ZERODHA_LOGIN_URL: str = KITE_LOGIN_URL
    BROKER_TIMEOUT_SECONDS: float = 7
    BROKER_READS_PER_SECOND: float = 7
    RECONCILE_INTERVAL_SECONDS: float = 3
    RECONCILE_GRACE_SECONDS: float = 120
    WORKER_POLL_MS: int = 50
    LEASE_MARGIN_SECONDS: float = 5
    CLOCK_OFFSET_SECONDS: float = 0

    @property
    def lease_seconds(self) -> float:
        """How long a claim holds: longer than a connect and a read timeout together."""
        return 2 * self.BROKER_TIMEOUT_SECONDS + self.LEASE_MARGIN_SECONDS


class _Reader:
    def __init__(self, environment: environ.Env) -> None:
        self.environment = environment

    def text(self, name: str, default: str = "") -> str:
        return str(self.environment.str(name, default=default)).strip()

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name, str(default)).lower()
        if value in ("true", "1", "yes", "on"):
            return True
        if value in ("false", "0", "no", "off", ""):
            return False
        raise _wrong(name, value, "use true or false")

    def number(self, name: str, default: N, lowest: N, highest: N, kind: Callable[[str], N]) -> N:
        raw = self.text(name, str(default))
        allowed = f"a number from {lowest} to {highest}"
        try:
            value = kind(raw)
        except ValueError:
            raise _wrong(name, raw, allowed) from None
        if not lowest <= value <= highest:
            raise _wrong(name, raw, allowed)
        return value

    def words(self, name: str, default: str = "") -> tuple[str, ...]:
        return tuple(part.strip() for part in self.text(name, default).split(",") if part.strip())

    def networks(self, name: str, names: dict[str, Iterable[str]]) -> tuple[Network, ...]:
        found: list[Network] = []
        for word in self.words(name):
            for part in names.get(word.lower(), (word,)):
                try:
                    found.append(ipaddress.ip_network(part, strict=False))
                except ValueError:
                    raise _wrong(
                        name, word, "addresses or networks such as 10.0.0.0/8, comma-separated"
                    ) from None
        return tuple(found)


def is_loopback(url: str) -> bool:
    """Whether the address is on this machine, as a simulator's is; nothing behind the port."""
    try:
        parts = urlsplit(url.rstrip("/"))
        valid = parts.port != 0
    except ValueError:
        return False
    plain = not (parts.path or parts.query or parts.fragment or parts.username or parts.password)
    host = f"[{parts.hostname}]" if parts.hostname == "::1" else str(parts.hostname)
    return (
        valid
        and plain
        and parts.scheme in ("http", "https")
        and parts.hostname in ("127.0.0.1", "::1", "localhost")
        # Nothing but the name and the port: what is read here is what is asked there.
        and parts.netloc.lower() == (f"{host}:{parts.port}" if parts.port else host)
    )


def _api_root(reader: _Reader) -> str:
    root = reader.text("ST_ZERODHA_API_ROOT", KITE_API_ROOT).rstrip("/")
    if root == KITE_API_ROOT or is_loopback(root):
        return root
    if reader.flag("ST_ZERODHA_ALLOW_OTHER_ROOT", False) and root.startswith("https://"):
        return root
    raise _wrong(
        "ST_ZERODHA_API_ROOT",
        root,
        f"{KITE_API_ROOT} or a loopback address (another https host needs "
        "ST_ZERODHA_ALLOW_OTHER_ROOT=true)",
    )


def _crypto_keys(reader: _Reader) -> tuple[str, ...]:
    keys = reader.words("ST_CRYPTO_KEYS")
    for position, key in enumerate(keys, start=1):
        try:
            Fernet(key.encode())
        except ValueError:
            raise ImproperlyConfigured(
                f"ST_CRYPTO_KEYS: key {position} is not a Fernet key (32 bytes, URL-safe base64)."
            ) from None
    return keys


def _write_generated_secrets(path: Path) -> None:
    """Create secrets.env once; a second process that comes at the same time reads the first's."""
    lines = (
        f"ST_SECRET_KEY={secrets.token_urlsafe(50)}\n"
        f"ST_CRYPTO_KEYS={Fernet.generate_key().decode()}\n"
        f"ST_TRADINGVIEW_WEBHOOK_SECRET={secrets.token_urlsafe(24)}\n"
    )
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as handle:
            handle.write(lines)
            handle.flush()
            os.fsync(handle.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
    finally:
        temporary.unlink()


def _data_dir(reader: _Reader, base_dir: Path) -> Path:
    data_dir = Path(reader.text("ST_DATA_DIR", "var"))
    if not data_dir.is_absolute():
        data_dir = base_dir / data_dir
    os.umask(0o077)  # what is written there is the owner's alone
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if data_dir.stat().st_mode & stat.S_ISVTX:
            # Made the owner's alone, /tmp would be closed to every other program.
            instead = f"a folder that others don't use, such as {data_dir / 'sigmatrader'}"
            raise _wrong("ST_DATA_DIR", str(data_dir), instead)
        if data_dir.stat().st_uid == os.geteuid():
            data_dir.chmod(0o700)
    except OSError as error:
        raise _wrong("ST_DATA_DIR", str(data_dir), f"it can't be created ({error})") from None
    return data_dir


def _environment_name(reader: _Reader) -> str:
    name = reader.text("ST_ENVIRONMENT", "local")
    if name not in ENVIRONMENTS:
        raise _wrong("ST_ENVIRONMENT", name, "one of " + ", ".join(ENVIRONMENTS))
    return name


def _public_url(reader: _Reader) -> str:
    url = reader.text("ST_PUBLIC_URL").rstrip("/")
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.path):
        raise _wrong("ST_PUBLIC_URL", url, "an address such as https://trader.example.com")
    return url


def _numbers(reader: _Reader) -> dict[str, Any]:
    return {
        "PORT": reader.number("ST_PORT", 8000, 1, 65535, int),
        "WEBHOOK_RATE_PER_MINUTE": reader.number(
            "ST_WEBHOOK_RATE_PER_MINUTE", 600, 1, 1_000_000, int
        ),
        "BROKER_TIMEOUT_SECONDS": reader.number(
            "ST_BROKER_TIMEOUT_SECONDS", 7.0, 0.05, 60.0, float
        ),
        "BROKER_READS_PER_SECOND": reader.number(
            "ST_BROKER_READS_PER_SECOND", 7.0, 0.0, 1000.0, float
        ),
        "RECONCILE_INTERVAL_SECONDS": reader.number(
            "ST_RECONCILE_INTERVAL_SECONDS", 3.0, 0.05, 300.0, float
        ),
        "RECONCILE_GRACE_SECONDS": reader.number(
            "ST_RECONCILE_GRACE_SECONDS", 120.0, 0.1, 3600.0, float
        ),
        "WORKER_POLL_MS": reader.number("ST_WORKER_POLL_MS", 50, 5, 10_000, int),
        "LEASE_MARGIN_SECONDS": reader.number("ST_LEASE_MARGIN_SECONDS", 5.0, 0.1, 600.0, float),
        "CLOCK_OFFSET_SECONDS": reader.number("ST_CLOCK_OFFSET_SECONDS", 0.0, -4e8, 4e8, float),
    }


def load(base_dir: Path) -> SigmaTraderSettings:
    """Read and check every ST_* variable; creates the data folder and its secrets.env."""
    environment = environ.Env()
    environment.read_env(os.environ.get("ST_ENV_FILE", base_dir / ".env"))
    reader = _Reader(environment)
    data_dir = _data_dir(reader, base_dir)
    secrets_file = data_dir / "secrets.env"
    if not secrets_file.exists():
        _write_generated_secrets(secrets_file)
    for name in _GENERATED:  # set and empty counts as not set
        if not os.environ.get(name):
            os.environ.pop(name, None)
    environment.read_env(secrets_file)

    allowed_hosts = reader.words("ST_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
    public_url = _public_url(reader)
    public_host = urlsplit(public_url).hostname
    if public_host and public_host not in allowed_hosts:
        allowed_hosts = (*allowed_hosts, public_host)
    return SigmaTraderSettings(
        ENVIRONMENT=_environment_name(reader),
        DEBUG=reader.flag("ST_DEBUG", False),
        DATA_DIR=data_dir,
        DATABASE_URL=reader.text("ST_DATABASE_URL"),
        HOST=reader.text("ST_HOST", "127.0.0.1"),
        ALLOWED_HOSTS=allowed_hosts,
        PUBLIC_URL=public_url,
        TRUSTED_PROXIES=reader.networks("ST_TRUSTED_PROXIES", {}),
        WEBHOOK_ALLOWED_IPS=reader.networks(
            "ST_WEBHOOK_ALLOWED_IPS", {"tradingview": TRADINGVIEW_ADDRESSES}
        ),
        ADMIN_PASSWORD=reader.text("ST_ADMIN_PASSWORD"),
        SECRET_KEY=reader.text("ST_SECRET_KEY"),
        CRYPTO_KEYS=_crypto_keys(reader),
        TRADINGVIEW_WEBHOOK_SECRET=reader.text("ST_TRADINGVIEW_WEBHOOK_SECRET"),
        ZERODHA_API_KEY=reader.text("ST_ZERODHA_API_KEY"),
        ZERODHA_API_SECRET=reader.text("ST_ZERODHA_API_SECRET"),
        ZERODHA_API_ROOT=_api_root(reader),
        ZERODHA_LOGIN_URL=reader.text("ST_ZERODHA_LOGIN_URL", KITE_LOGIN_URL),
        **_numbers(reader),
    )


def database_config(st: SigmaTraderSettings, sqlite_busy_timeout_ms: int) -> dict[str, Any]:
    """Django's DATABASES["default"] for SQLite in the data folder, or ST_DATABASE_URL."""
    url = st.DATABASE_URL or f"sqlite:///{st.DATA_DIR / 'sigmatrader.sqlite3'}"
    try:
        config: dict[str, Any] = dict(environ.Env.db_url_config(url))
    except Exception as error:
        raise ImproperlyConfigured(
            "ST_DATABASE_URL can't be read: use postgres://user:password@host/name "
            "or sqlite:////absolute/path."
        ) from error
    engine = str(config.get("ENGINE", ""))
    options = dict(config.get("OPTIONS", {}))
    if engine.endswith("sqlite3"):
        options |= {
            "transaction_mode": "IMMEDIATE",
            "timeout": sqlite_busy_timeout_ms / 1000,
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
            "PRAGMA cache_size=-16000;PRAGMA journal_size_limit=67108864",
        }
    elif "postgresql" in engine:
        # TradingView waits for three seconds: a database that is away must be told of before.
        # A process that hangs within a transaction must not hold its locks against the others.
        options = {"options": "-c idle_in_transaction_session_timeout=15s", **options}
        options |= {
            "connect_timeout": 2,
            "pool": {"min_size": 1, "max_size": 24, "timeout": 1.5},
        }
    else:
        raise _wrong("ST_DATABASE_URL", engine, "postgres://… or sqlite:///…")
    return {**config, "OPTIONS": options, "CONN_MAX_AGE": 0 if "pool" in options else None}
