"""A PostgreSQL cluster of the tests' own: in a temporary folder, on a private socket, no TCP."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from tests.support import processes, programs

SUPERUSER = "sigmatrader"
CLUSTER_VARIABLE = "ST_TEST_POSTGRES"
# Nothing here must survive a power cut.
OPTIONS = (
    "listen_addresses=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=300",
    "timezone=UTC",
)


@dataclass(frozen=True)
class Cluster:
    """A running cluster, known by the URL of any of its databases."""

    known_by: str

    def url(self, database: str) -> str:
        """For ST_DATABASE_URL and for psycopg alike."""
        server, question, options = self.known_by.partition("?")
        return f"{server.rpartition('/')[0]}/{database}{question}{options}"

    def create_database(self, name: str, template: str = "template1") -> str:
        """A new database, empty or a copy of `template`; its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        return self.url(name)

    def has_database(self, name: str) -> bool:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            return found.fetchone() is not None

    def rename_database(self, name: str, to: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                    sql.Identifier(name), sql.Identifier(to)
                )
            )

    def drop_database(self, name: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )


def server_user() -> str | None:
    """PostgreSQL refuses to run as root: who runs it then. None for an ordinary user."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise programs.ProgramMissing(
        "PostgreSQL does not run as root, and there is no user postgres or nobody. "
        "Make one, for example: useradd --system postgres"
    )


def _answers(cluster: Cluster) -> bool:
    try:
        with psycopg.connect(cluster.url("postgres"), connect_timeout=5):
            return True
    except psycopg.OperationalError:
        return False


@contextmanager
def temporary_cluster() -> Iterator[Cluster]:
    """Initialise and start a cluster; stopped and removed at the end, whatever happens."""
    user = server_user()
    binaries = programs.find_postgres(user)
    # The socket's path may have 107 bytes at most, and the other user must get through to it.
    parent = "/tmp" if os.access("/tmp", os.W_OK) else None
    home = Path(tempfile.mkdtemp(prefix="st-pg-", dir=parent))
    group = None
    if user:
        account = pwd.getpwnam(user)
        group = account.pw_gid
        os.chown(home, account.pw_uid, group)
    data, log = home / "data", home / "postgres.log"
    try:
        made = subprocess.run(
            [binaries / "initdb", "--pgdata", data, "--username", SUPERUSER, "--auth=trust",
             "--encoding=UTF8", "--no-locale", "--no-sync"],
            user=user, group=group, extra_groups=None if user is None else [], cwd="/",
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed: {made.stderr or made.stdout}")
        settings = [part for option in OPTIONS for part in ("-c", option)]
        server = processes.start(
            [binaries / "postgres", "-D", data, "-k", home, *settings],
            log=log, folder=Path("/"), user=user, group=group, end_signal=signal.SIGINT,
        )  # fmt: skip
        try:
            socket = quote(str(home), safe="/")
            cluster = Cluster(f"postgres://{SUPERUSER}@/postgres?host={socket}")

            def ready() -> bool:
                if server.poll() is not None:
                    raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}")
                return _answers(cluster)

            processes.wait_until(ready, "PostgreSQL answers", 60)
            yield cluster
        finally:
            processes.stop(server, signal.SIGINT)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    """The suite's cluster, or, when a test is run by itself, one of its own."""
    url = os.environ.get(CLUSTER_VARIABLE)
    if url:
        yield Cluster(url)
        return
    with temporary_cluster() as cluster:
        yield cluster
