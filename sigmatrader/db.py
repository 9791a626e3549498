"""Transactions that decide something, on both databases.

SQLite has one writer. Its own busy handler sleeps and starves under contention, so writers of
one data folder queue on a lock of ours first: a thread lock inside the process, a file lock
between processes. PostgreSQL needs none of this.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

DEFAULT_WAIT_SECONDS = 10.0
_POLL_SECONDS = 0.001

_thread_lock = threading.Lock()
_holder = threading.local()


class Busy(Exception):
    """The database could not be had for writing in time."""


def is_sqlite() -> bool:
    return connection.vendor == "sqlite"


def _lock_path() -> Path:
    return Path(settings.ST.DATA_DIR) / "write.lock"


def _lock_file(deadline: float) -> int:
    descriptor = os.open(_lock_path(), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise Busy("another process is writing") from None
            time.sleep(_POLL_SECONDS)


@contextmanager
def _writer_queue(wait_seconds: float) -> Iterator[None]:
    deadline = time.monotonic() + wait_seconds
    if not _thread_lock.acquire(timeout=wait_seconds):
        raise Busy("another thread is writing")
    try:
        descriptor = _lock_file(deadline)
        try:
            _holder.active = True
            yield
        finally:
            _holder.active = False
            os.close(descriptor)
    finally:
        _thread_lock.release()


@contextmanager
def write_transaction(wait_seconds: float | None = None) -> Iterator[None]:
    """A transaction for a decision: committed whole, or not at all.

    On SQLite it waits at most `wait_seconds` for its turn and raises `Busy` after that. Inside an
    open transaction it is a savepoint. The lock of ours is held until the commit is durable.
    """
    if not is_sqlite() or connection.in_atomic_block or getattr(_holder, "active", False):
        with transaction.atomic():
            yield
        return
    wait = DEFAULT_WAIT_SECONDS if wait_seconds is None else wait_seconds
    with _writer_queue(wait), transaction.atomic():
        yield


def _set_busy_timeout(milliseconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {milliseconds}")


@contextmanager
def _commit_within_on_sqlite(seconds: float) -> Iterator[None]:
    if connection.in_atomic_block:
        with transaction.atomic():
            yield
        return
    started = time.monotonic()
    with _writer_queue(seconds):
        left = max(seconds - (time.monotonic() - started), 0.1)
        _set_busy_timeout(int(left * 1000))
        try:
            with transaction.atomic():
                yield
        finally:
            _set_busy_timeout(settings.SQLITE_BUSY_TIMEOUT_MS)


@contextmanager
def commit_within(seconds: float) -> Iterator[None]:
    """A write transaction that gives up with `Busy` or the database's own error after `seconds`.

    For callers who must answer in time, such as the webhook.
    """
    if is_sqlite():
        with _commit_within_on_sqlite(seconds):
            yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            milliseconds = int(seconds * 1000)
            cursor.execute(f"SET LOCAL lock_timeout = {milliseconds}")
            cursor.execute(f"SET LOCAL statement_timeout = {milliseconds}")
        yield
