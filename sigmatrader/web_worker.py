"""Gunicorn's threaded worker, with an end to its patience.

Stock gthread reads a request with no time limit: a few senders that stop in mid-request would
hold every thread, and with them the webhook, the pages and the halt button.
"""

import socket
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

READ_SECONDS = 5.0


class ImpatientSocket(socket.socket):
    """A socket whose blocking mode has a time limit for each read and write."""

    def setblocking(self, flag: bool, /) -> None:
        self.settimeout(READ_SECONDS if flag else 0.0)


class ImpatientWorker(ThreadWorker):
    """Gives a silent sender five seconds, then its thread to somebody else."""

    def handle(self, conn: TConn) -> Any:
        if not isinstance(conn.sock, ImpatientSocket):
            conn.sock = ImpatientSocket(fileno=conn.sock.detach())
        return super().handle(conn)
