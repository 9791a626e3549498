"""Waking the worker when a commit gives it something to do.

PostgreSQL carries a NOTIFY; on SQLite it is a datagram to each worker's socket in the data
folder. A lost message is harmless: the worker polls as well.
"""

import logging
import os
import select
import socket
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

CHANNEL = "sigmatrader_work"
_SOCKET_PATH_LIMIT = 100  # the kernel allows 107 bytes

logger = logging.getLogger(__name__)


def _socket_dir() -> Path:
    return Path(settings.ST.DATA_DIR) / "wake"


def _send_datagrams() -> None:
    directory = _socket_dir()
    if not directory.is_dir():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
        for path in directory.iterdir():
            try:
                sender.sendto(b"1", str(path))
            except (ConnectionRefusedError, FileNotFoundError):
                path.unlink(missing_ok=True)  # its worker is gone
            except OSError as error:  # a full buffer: that worker is awake already
                logger.debug("wake-up not delivered: %s", error)


def _notify() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")
    else:
        _send_datagrams()


def wake_workers() -> None:
    """Wake every worker once the current transaction is committed."""
    transaction.on_commit(_notify, robust=True)


class Doorbell:
    """The worker's end. `wait(seconds)` returns early when somebody rang."""

    def __init__(self, name: str) -> None:
        self._socket: socket.socket | None = None
        self._path: Path | None = None
        self._postgres: Any = None
        if connection.vendor == "postgresql":
            self._listen()
        else:
            self._bind(name)

    def _listen(self) -> None:
        import psycopg

        params = connection.get_connection_params()
        for unwanted in ("pool", "cursor_factory", "context", "prepare_threshold"):
            params.pop(unwanted, None)
        params.pop("client_encoding", None)
        self._postgres = psycopg.connect(autocommit=True, **params)
        self._postgres.execute(f"LISTEN {CHANNEL}")

    def _bind(self, name: str) -> None:
        directory = _socket_dir()
        directory.mkdir(mode=0o700, exist_ok=True)
        path = directory / f"{name}.sock"
        if len(os.fsencode(path)) > _SOCKET_PATH_LIMIT:
            return  # polling alone, then
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))
        self._path = path

    def wait(self, seconds: float) -> bool:
        """Sleep at most `seconds`; True when woken."""
        if self._postgres is not None:
            return self._wait_postgres(seconds)
        if self._socket is None:
            select.select([], [], [], seconds)
            return False
        ready, _, _ = select.select([self._socket], [], [], seconds)
        while ready:
            try:
                self._socket.recv(16)
            except BlockingIOError:
                return True
        return False

    def _wait_postgres(self, seconds: float) -> bool:
        import psycopg

        try:
            rung = [
                *self._postgres.notifies(timeout=seconds, stop_after=1),
                *self._postgres.notifies(timeout=0),
            ]
            return bool(rung)
        except psycopg.Error as error:
            logger.warning("listening for work was interrupted: %s", error)
            self._reconnect(seconds)
            return False

    def _reconnect(self, seconds: float) -> None:
        import psycopg

        select.select([], [], [], seconds)
        try:
            self._postgres.close()
            self._listen()
        except psycopg.Error as error:
            logger.warning("the database can't be listened to yet: %s", error)

    def close(self) -> None:
        if self._postgres is not None:
            self._postgres.close()
        if self._socket is not None:
            self._socket.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
