"""One connection of the simulator: HTTP/1.1 by the standard library, and its ways to break off."""

import select
import socket
import struct
import time
from contextlib import suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from brokers.simulator import control, misbehaviour, pages, routes
from brokers.simulator.errors import KiteError
from brokers.simulator.faults import Fault
from brokers.simulator.journal import Entry, without_secrets
from brokers.simulator.routes import Request, Response, Route

if TYPE_CHECKING:
    from brokers.simulator.server import KiteSimulator

MAX_BODY = 4 * 1024 * 1024
IDLE_SECONDS = 120


_OWN_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


def _host_of(header: str) -> str:
    """The name in a Host header, without its port; empty when it can't be read."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


class KiteHandler(BaseHTTPRequestHandler):
    """Reads requests until the caller hangs up; faults are played here."""

    protocol_version = "HTTP/1.1"
    server_version = "KiteSimulator"
    sys_version = ""
    disable_nagle_algorithm = True
    # Headers and body leave together.
    wbufsize = -1
    timeout = IDLE_SECONDS
    simulator: "KiteSimulator"

    def setup(self) -> None:
        super().setup()
        self.ip = str(self.client_address[0])

    def handle(self) -> None:
        # A caller who has gone is no news.
        with suppress(ConnectionError, TimeoutError, ValueError):
            super().handle()

    def finish(self) -> None:
        with suppress(OSError, ValueError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the journal has it, without secrets."""

    def serve(self) -> None:
        """Answer one request of any method."""
        # A page of the web whose name points here must not drive the simulator.
        if _host_of(self.headers.get("Host", "localhost")) not in _OWN_NAMES:
            self.send_error(403, "Ask for 127.0.0.1 or localhost.")
            return
        request = Request(
            self.command,
            self.path,
            {name.lower(): value for name, value in self.headers.items()},
            self.ip,
        )
        if request.path.startswith(control.PREFIX):
            if self._read_body(request):
                self.send(control.answer(self.simulator, request))
        elif request.path.startswith(pages.PREFIX):
            if self._read_body(request):
                self.send(pages.answer(self.simulator, request))
        else:
            self._kite(request)

    def _kite(self, request: Request) -> None:
        route = routes.find(request)
        call = "" if isinstance(route, KiteError) else route.call
        entry = self.simulator.journal.receive(call, request.method, request.path)
        if isinstance(route, KiteError):
            if self._read_body(request):
                self.send(routes.failure(route))
                entry.outcome = str(route.status)
            return
        fault = self.simulator.faults.take(route.call)
        entry.fault = fault.kind if fault else ""
        if fault and fault.kind == "reset_before":
            self.reset()
            entry.outcome = "reset"
            return
        if not self._read_body(request):
            return
        self._describe(entry, request)
        if fault is None:
            response = routes.answer(self.simulator, route, request)
            entry.outcome = str(response.status)
            self.send(response)
        else:
            entry.outcome = self._play(fault, route, request)

    def _play(self, fault: Fault, route: Route, request: Request) -> str:
        simulator = self.simulator
        scene = misbehaviour.Scene(
            wire=self,
            accept=lambda: routes.answer(simulator, route, request),
            later=simulator.later,
            refuse=simulator.refuse_connections,
        )
        try:
            return misbehaviour.play(fault, scene)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
            return "hung up"

    def _describe(self, entry: Entry, request: Request) -> None:
        with suppress(KiteError):
            content_type = request.headers.get("content-type", "")
            is_json = content_type.startswith(routes.JSON)
            entry.form = {"json": request.json()} if is_json else without_secrets(request.form)
        with suppress(KiteError):
            entry.user_id = routes.authenticate(self.simulator, request).user_id

    def _read_body(self, request: Request) -> bool:
        """Read it; False when it cannot be, and the caller was told."""
        length = request.headers.get("content-length", "0")
        error = None
        if "transfer-encoding" in request.headers:
            error = KiteError("Send a Content-Length.", "InputException", 411)
        elif not length.isdecimal():
            error = KiteError("Content-Length is not a number.", "InputException", 400)
        elif int(length) > MAX_BODY:
            error = KiteError("The body is too large.", "InputException", 413)
        if error is not None:
            self.close_connection = True
            self.send(routes.failure(error))
            return False
        request.body = self.rfile.read(int(length))
        return len(request.body) == int(length)

    # The wire, as faults see it

    def send(self, response: Response) -> None:
        """Send a whole answer."""
        self._send_head(response)
        if self.command != "HEAD":
            self.wfile.write(response.body)
        self.wfile.flush()

    def send_half(self, response: Response) -> None:
        self._send_head(response)
        self.wfile.write(response.body[: len(response.body) // 2])
        self.wfile.flush()
        self.end()

    def end(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        self.close_connection = True
        # Closing with a linger time of zero sends RST in place of FIN.
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        with suppress(OSError, ValueError):
            self.wfile.close()
        self.connection.close()

    def hold(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self.simulator.stopping.is_set():
            readable, _, _ = select.select([self.connection], [], [], min(left, 0.05))
            if readable and self._hung_up():
                return

    def _hung_up(self) -> bool:
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except ConnectionError:
            return True

    def _send_head(self, response: Response) -> None:
        self.send_response_only(response.status)
        self.send_header("Server", self.server_version)
        clock = self.simulator.clock
        moment = clock.now().timestamp() + clock.date_ahead
        self.send_header("Date", formatdate(moment, usegmt=True))
        if response.content_type is not None:
            self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()


# The base class looks for a method of this name for each method of HTTP.
for _method in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"):
    setattr(KiteHandler, f"do_{_method}", KiteHandler.serve)
