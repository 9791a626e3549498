"""SigmaTrader as its users run it: `manage.py up`, `manage.py worker`, a data folder of its own."""

import json
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support import processes, ready
from tests.support.postgres import Cluster

REPOSITORY = Path(__file__).resolve().parents[2]
DATABASES = ("sqlite", "postgres")
START_SECONDS = 90
ADMIN = "admin"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer of any status; nothing is raised for 4xx and 5xx."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """One installation: its data folder, its secrets, and the processes started on it."""

    data_dir: Path
    base_url: str
    environment: dict[str, str]
    admin_password: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    admin_username: str = ADMIN
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def database_url(self) -> str:
        return self.environment["ST_DATABASE_URL"] or f"sqlite:///{self.data_dir / ready.DATABASE}"

    def _log_path(self, name: str) -> Path:
        return self.data_dir / f"output-{name}.log"

    def log(self, name: str = "up") -> str:
        """What the process called `name` has printed until now."""
        path = self._log_path(name)
        return path.read_text(errors="replace") if path.exists() else ""

    def start(
        self, name: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start `manage.py <arguments>` under `name`, for example `start("worker", "worker")`."""
        process = processes.start(
            [sys.executable, REPOSITORY / "manage.py", *arguments],
            log=self._log_path(name),
            environment={**self.environment, **(environment or {})},
            folder=REPOSITORY,
        )
        self.processes[name] = process
        return process

    def stop(self, name: str, end_signal: int = signal.SIGTERM) -> int:
        """End that process and wait for it; its exit code."""
        return processes.stop(self.processes.pop(name), end_signal)

    def kill(self, name: str) -> int:
        """kill -9: no goodbye."""
        return self.stop(name, signal.SIGKILL)

    def start_web(self, *, worker: bool = True) -> None:
        """Start `manage.py up` and return when it answers."""
        process = self.start("up", "up", *(() if worker else ("--no-worker",)))

        def answers() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"manage.py up ended with {process.returncode}:\n{self.log()}")
            try:
                return self.request("/health").status == 200
            except OSError:
                return False

        try:
            processes.wait_until(answers, "/health answers", START_SECONDS)
        except TimeoutError as error:
            raise RuntimeError(f"{error}:\n{self.log()}") from None

    def manage(self, *arguments: str, text: str | None = None) -> str:
        """Run a management command to its end on the same data; its output. Raises on failure."""
        done = subprocess.run(
            [sys.executable, REPOSITORY / "manage.py", *arguments],
            env=self.environment,
            cwd=REPOSITORY,
            input=text or "",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"manage.py {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def request(
        self,
        path: str,
        *,
        method: str | None = None,
        body: bytes | None = None,
        data: object = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = 30,
    ) -> Answer:
        """One request without redirects; `data` is sent as JSON. OSError when nobody answers."""
        sent = dict(headers or {})
        if data is not None:
            body = json.dumps(data).encode()
            sent.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(
            self.base_url + path, data=body, headers=sent, method=method
        )
        try:
            with _opener.open(request, timeout=seconds) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def send_alert(self, alert: Mapping[str, object]) -> Answer:
        """Post an alert as TradingView does, with the right secret unless it brings one."""
        return self.request("/webhook/tradingview", data={"secret": self.webhook_secret, **alert})

    def api(
        self, path: str, *, method: str | None = None, data: object = None, **more: Any
    ) -> Answer:
        """A REST call as the administrator, by token."""
        headers = {"Authorization": f"Token {self.token()}", **more.pop("headers", {})}
        return self.request(path, method=method, data=data, headers=headers, **more)

    def trading_state(self) -> str:
        """Of everything."""
        states = self.api("/api/trading-state/").json()["states"]
        return next(str(one["state"]) for one in states if one["scope"] == "EVERYTHING")

    def resume(self) -> None:
        """Everything is ACTIVE again."""
        values = {"state": "ACTIVE", "reason": "on with the tests"}
        assert self.api("/api/trading-state/", data=values).status == 200

    def token(self) -> str:
        """The administrator's REST token, made on first use."""
        path = self.data_dir / "test-token"
        if not path.exists():
            path.write_text(self._new_token())
        return path.read_text()

    def _new_token(self) -> str:
        """As `manage.py drf_create_token` makes it, without a process that has to start."""
        token = secrets.token_hex(20)
        insert = (
            "INSERT INTO authtoken_token (key, created, user_id) "
            f"SELECT '{token}', CURRENT_TIMESTAMP, id FROM auth_user "
            f"WHERE username = '{self.admin_username}'"
        )
        if self.environment["ST_DATABASE_URL"]:
            with psycopg.connect(self.database_url) as database:
                database.execute(insert.encode())
        else:
            file = self.data_dir / ready.DATABASE
            with closing(sqlite3.connect(file, timeout=30)) as local, local:
                local.execute(insert)
        return token

    def wait_for_order(self, order_id: int, *statuses: str, seconds: float = 30) -> Any:
        """The order as REST shows it, as soon as it is in one of the statuses."""
        seen: list[Any] = [None]

        def there() -> bool:
            seen[0] = self.api(f"/api/orders/{order_id}/").json()
            return seen[0].get("status") in statuses

        try:
            processes.wait_until(there, f"order {order_id} {' or '.join(statuses)}", seconds)
        except TimeoutError as error:
            raise AssertionError(f"{error}; it is {seen[0]}") from None
        return seen[0]


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())


def server_environment(data_dir: Path, port: int, overrides: Mapping[str, str]) -> dict[str, str]:
    return {
        **processes.environment_of(data_dir),
        "ST_HOST": "127.0.0.1",
        "ST_PORT": str(port),
        "ST_ADMIN_PASSWORD": secrets.token_urlsafe(15),
        "ST_TRADINGVIEW_WEBHOOK_SECRET": secrets.token_urlsafe(24),
        **overrides,
    }


@contextmanager
def installation(
    database_url: str = "", environment: Mapping[str, str] | None = None, *, migrated: bool = True
) -> Iterator[Server]:
    """A fresh data folder with nothing started; at the end all of its processes are ended.

    `database_url` empty means SQLite in the folder, without tables unless `migrated`.
    `environment` overrides any ST_* value.
    """
    data_dir = Path(tempfile.mkdtemp(prefix="st-srv-"))
    if migrated and not database_url:
        ready.fill_sqlite(data_dir)
    port = processes.free_port()
    overrides = {"ST_DATABASE_URL": database_url, **(environment or {})}
    values = server_environment(data_dir, port, overrides)
    server = Server(
        data_dir=data_dir,
        base_url=f"http://127.0.0.1:{values['ST_PORT']}",
        environment=values,
        admin_password=values["ST_ADMIN_PASSWORD"],
        webhook_secret=values["ST_TRADINGVIEW_WEBHOOK_SECRET"],
    )
    try:
        yield server
    finally:
        for name in reversed(list(server.processes)):
            server.stop(name)
        shutil.rmtree(data_dir, ignore_errors=True)


@contextmanager
def installation_on(
    database: str,
    cluster: Cluster | None,
    environment: Mapping[str, str] | None = None,
    *,
    migrated: bool = True,
) -> Iterator[Server]:
    """`installation` on "sqlite", or on "postgres" in a new database of `cluster`."""
    if database == "sqlite":
        with installation(environment=environment, migrated=migrated) as server:
            yield server
        return
    if cluster is None:
        raise ValueError(f"{database} needs a cluster")
    name = f"server_{uuid.uuid4().hex[:12]}"
    url = ready.create_postgres(cluster, name) if migrated else cluster.create_database(name)
    try:
        with installation(url, environment) as server:
            yield server
    finally:
        cluster.drop_database(name)


ServerFactory = Callable[..., Server]


@pytest.fixture
def make_server(request: pytest.FixtureRequest) -> Iterator[ServerFactory]:
    """`make_server(database="sqlite", worker=True, start=True, environment={…}, migrated=True)`
    -> Server."""
    with ExitStack() as stack:

        def make(
            database: str = "sqlite",
            *,
            worker: bool = True,
            start: bool = True,
            environment: Mapping[str, str] | None = None,
            migrated: bool = True,
        ) -> Server:
            cluster = (
                request.getfixturevalue("postgres_cluster") if database == "postgres" else None
            )
            on = installation_on(database, cluster, environment, migrated=migrated)
            server = stack.enter_context(on)
            if start:
                server.start_web(worker=worker)
            return server

        yield make


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Web and worker on SQLite, one for a module."""
    with installation() as running:
        running.start_web()
        yield running
