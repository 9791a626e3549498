"""One deadline for a whole exchange: connecting, sending, headers and body.

The timeouts of sockets begin anew with every byte, so a server that drips would hold its caller
for ever. Here each wait on the socket gets only what is left.
"""

import io
import math
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError


class Patience:
    """How long one exchange may take, in seconds. One exchange at a time.

    `connected` is called once a connection stands, with TLS, and nothing was sent on it yet.
    """

    def __init__(self, seconds: float) -> None:
        self.connected: Callable[[], None] | None = None
        self._seconds = seconds
        self._ends_at = math.inf

    def begin(self) -> None:
        self._ends_at = time.monotonic() + self._seconds

    def left(self) -> float:
        """Seconds until the deadline; raises TimeoutError when it has passed."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the exchange took too long")
        return left


class PatientAdapter(HTTPAdapter):
    """Connects, sends and reads no longer than `patience`; never tries again."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        super().__init__(max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **named: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **named)
        made_by = _Secure if pool.scheme == "https" else _Plain
        pool.ConnectionCls = partial(made_by, patience=self._patience)
        return pool


class _Patient(HTTPConnection):
    def __init__(self, *args: Any, patience: Patience, **named: Any) -> None:
        super().__init__(*args, **named)
        self._patience = patience

    def _new_conn(self) -> socket.socket:
        """As urllib3's own, but all addresses of the host together have the one patience.

        When looking up the name took too long, nothing is sent any more.
        """
        last: OSError | None = None
        try:
            port = self.port or self.default_port
            for family, kind, protocol, _, address in socket.getaddrinfo(
                self._dns_host.strip("[]"), port, type=socket.SOCK_STREAM
            ):
                try:
                    return self._connected(family, kind, protocol, address)
                except OSError as error:
                    last = error
            self._patience.left()
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            last = error
        if isinstance(last, TimeoutError):
            raise ConnectTimeoutError(self, "no connection in time") from last
        raise NewConnectionError(self, f"no connection: {last}") from last

    def _connected(self, family: int, kind: int, protocol: int, address: Any) -> socket.socket:
        made = socket.socket(family, kind, protocol)
        try:
            for option in self.socket_options or ():
                made.setsockopt(*option)
            made.settimeout(_shorter(self.timeout, self._patience.left()))
            made.connect(address)
            # The handshake of TLS has what is left, too.
            made.settimeout(_shorter(self.timeout, self._patience.left()))
        except BaseException:
            made.close()
            raise
        return made

    def connect(self) -> None:
        super().connect()
        self.sock: Any = _PatientSocket(self.sock, self._patience)
        if self._patience.connected is not None:
            self._patience.connected()


class _Plain(_Patient):
    pass


class _Secure(_Patient, HTTPSConnection):
    pass


class _PatientSocket:
    """A socket that waits, in sending and reading, no longer than the patience lasts."""

    def __init__(self, inner: socket.socket, patience: Patience) -> None:
        self._inner: Final = inner
        self._patience: Final = patience

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def sendall(self, data: Any) -> None:
        self._within(self._inner.sendall, data)

    def makefile(self, mode: str = "rb", *_: Any, **__: Any) -> io.BufferedReader:
        raw = self._inner.makefile(mode, buffering=0)  # type: ignore[call-overload]
        return io.BufferedReader(_Reader(partial(self._within, raw.readinto), raw))

    def _within(self, act: Any, argument: Any) -> Any:
        own = self._inner.gettimeout()
        self._inner.settimeout(_shorter(own, self._patience.left()))
        try:
            return act(argument)
        finally:
            if self._inner.fileno() >= 0:
                self._inner.settimeout(own)


class _Reader(io.RawIOBase):
    """What a buffered reader reads from: `read` in place of the socket's own reading."""

    def __init__(self, read: Any, raw: io.RawIOBase) -> None:
        self._read = read
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        return int(self._read(buffer))

    def close(self) -> None:
        self._raw.close()
        super().close()


def _shorter(timeout: Any, left: float) -> float:
    """The shorter of a socket's own timeout, which may be none, and what is left."""
    return left if timeout is None else min(timeout, left)
