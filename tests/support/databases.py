"""A fresh database for this process and its children, in place of the one that it began with."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections

from sigmatrader import conf
from tests.support import ready
from tests.support.postgres import Cluster

OURSELVES = "tests"  # what PostgreSQL calls this process's connections


def database_url() -> str:
    """Where this process's database is, for another process."""
    return _now[-1]


_now: list[str] = []


@contextmanager
def fresh_database(url: str | None = None) -> Iterator[str]:
    """A new, migrated database as this process's own until the end; its URL.

    On the PostgreSQL server of `url` (of ST_TEST_DATABASE_URL when None), else a SQLite file.
    """
    url = os.environ.get("ST_TEST_DATABASE_URL", "") if url is None else url
    with _new_postgres(url) if url else _new_sqlite() as made, used(made):
        yield made


@contextmanager
def _new_sqlite() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="st-rig-"))
    try:
        ready.fill_sqlite(folder)
        yield f"sqlite:///{folder / ready.DATABASE}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _new_postgres(url: str) -> Iterator[str]:
    cluster = Cluster(url)
    name = f"rig_{uuid.uuid4().hex[:12]}"
    try:
        yield ready.create_postgres(cluster, name)
    finally:
        # The server may have gone before this process does.
        with suppress(psycopg.OperationalError):
            cluster.drop_database(name)


@contextmanager
def used(url: str) -> Iterator[None]:
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
