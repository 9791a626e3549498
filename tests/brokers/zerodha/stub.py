"""A server that answers as a test tells it to, and remembers what it was asked."""

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    form: dict[str, str]
    json: Any
    headers: dict[str, str]


@dataclass
class Answer:
    """What to say. `act`: "reset" or "silence" instead of an answer, "cut" for half of one."""

    body: bytes | str | dict[str, Any] | list[Any] | None = b""
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    act: str = ""

    def payload(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        return json.dumps(self.body).encode()


def success(data: Any, status: int = 200) -> Answer:
    return Answer({"status": "success", "data": data}, status)


def failure(status: int, error_type: str, message: str = "Something went wrong.") -> Answer:
    body = {"status": "error", "message": message, "data": None, "error_type": error_type}
    return Answer(body, status)


class Stub:
    """Answers of each call are used in order, the last one for ever."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.connections = 0
        self.done = threading.Event()
        self._answers: dict[tuple[str, str], deque[Answer]] = {}
        stub = self

        class Handler(_Handler):
            owner = stub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.root = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def say(self, method: str, path: str, *answers: Answer) -> None:
        self._answers[method, path] = deque(answers)

    def stop(self) -> None:
        self.done.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def asked(self, method: str, path: str) -> list[Seen]:
        return [one for one in self.seen if (one.method, one.path) == (method, path)]

    def answer(self, method: str, path: str) -> Answer:
        waiting = self._answers.get((method, path))
        if not waiting:
            return failure(404, "GeneralException", "Route not found")
        return waiting.popleft() if len(waiting) > 1 else waiting[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: Stub

    def setup(self) -> None:
        super().setup()
        self.owner.connections += 1

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        is_json = "json" in self.headers.get("Content-Type", "")
        self.owner.seen.append(
            Seen(
                self.command,
                parts.path,
                parse_qs(parts.query),
                {} if is_json else dict(parse_qsl(body.decode())),
                json.loads(body) if is_json else None,
                {name.lower(): value for name, value in self.headers.items()},
            )
        )
        self._reply(self.owner.answer(self.command, parts.path))

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def _reply(self, answer: Answer) -> None:
        if answer.act == "silence":
            self.owner.done.wait(20)
            self.close_connection = True
            return
        if answer.act == "reset":
            self._reset()
            return
        payload = answer.payload()
        with suppress(OSError):
            self.send_response(answer.status)
            if answer.content_type:
                self.send_header("Content-Type", answer.content_type)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload[: len(payload) // 2] if answer.act == "cut" else payload)
        self.close_connection = answer.act == "cut"

    def _reset(self) -> None:
        """Close so that the caller sees a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
        self.rfile.close()

    def finish(self) -> None:
        with suppress(OSError, ValueError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def book(
    stub: Stub, *orders: dict[str, Any], trades: Sequence[Any] = (), triggers: Sequence[Any] = ()
) -> None:
    """Let the day's book show these rows."""
    stub.say("GET", "/orders", success(list(orders)))
    stub.say("GET", "/trades", success(list(trades)))
    stub.say("GET", "/gtt/triggers", success(list(triggers)))


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return int(holder.getsockname()[1])
