"""A fresh database for this process and its children, in place of the one that it began with."""

import atexit
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from sigmatrader import conf

OURSELVES = "tests"  # what PostgreSQL calls this process's connections


def database_url() -> str:
    """Where this process's database is, for another process."""
    return _now[-1]


_now: list[str] = []
_migrated: set[str] = set()


@contextmanager
def fresh_database(url: str | None = None) -> Iterator[str]:
    """A new, migrated database as this process's own until the end; its URL.

    On the PostgreSQL server of `url` (of ST_TEST_DATABASE_URL when None), else a SQLite file. The
    first one of a process is migrated, the others are copies of it.
    """
    url = os.environ.get("ST_TEST_DATABASE_URL", "") if url is None else url
    with _new_postgres(url) if url else _new_sqlite() as made, _used(made):
        yield made


def _migrate(url: str) -> None:
    with _used(url):
        call_command("migrate", verbosity=0, interactive=False)


@contextmanager
def _new_sqlite() -> Iterator[str]:
    model = Path(settings.ST.DATA_DIR) / "rig-model.sqlite3"
    if not model.exists():
        _migrate(f"sqlite:///{model}")
    folder = Path(tempfile.mkdtemp(prefix="st-rig-"))
    try:
        shutil.copy(model, folder / "rig.sqlite3")
        yield f"sqlite:///{folder / 'rig.sqlite3'}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _new_postgres(url: str) -> Iterator[str]:
    model = f"rig_model_{os.getpid()}"
    if url not in _migrated:
        _maintain(url, "CREATE DATABASE {}", model)
        atexit.register(_drop, url, model)
        _migrate(_beside(url, model))
        _migrated.add(url)
    name = f"rig_{uuid.uuid4().hex[:12]}"
    _maintain(url, "CREATE DATABASE {} TEMPLATE {}", name, model)
    try:
        yield _beside(url, name)
    finally:
        _drop(url, name)


def _beside(url: str, name: str) -> str:
    """The URL of another database on the same server."""
    server, question, options = url.partition("?")
    return server.rpartition("/")[0] + f"/{name}{question}{options}"


def _maintain(url: str, command: LiteralString, *names: str) -> None:
    with psycopg.connect(_beside(url, "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL(command).format(*(sql.Identifier(name) for name in names)))


def _drop(url: str, name: str) -> None:
    # The server may have gone before this process does.
    with suppress(psycopg.OperationalError):
        _maintain(url, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


@contextmanager
def _used(url: str) -> Iterator[None]:
    """Django's `default` is the database at `url`."""
    before: dict[str, Any] = connections.settings["default"]
    timeout = settings.SQLITE_BUSY_TIMEOUT_MS
    config = conf.database_config(replace(settings.ST, DATABASE_URL=url), timeout)
    if url.startswith("postgres"):
        config["OPTIONS"]["application_name"] = OURSELVES
    _switch_to({**before, "HOST": "", "PORT": "", "USER": "", "PASSWORD": "", **config})
    _now.append(url)
    try:
        yield
    finally:
        _now.pop()
        _switch_to(before)


def _switch_to(config: dict[str, Any]) -> None:
    connections["default"].close()
    if hasattr(connections["default"], "close_pool"):
        connections["default"].close_pool()
    connections.settings["default"] = config
    del connections["default"]
