"""A server that notices are sent to: it keeps what it is told, or misbehaves on request."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "topsecretpath"


@dataclass
class Inbox:
    """`messages`: what has come. `status`: how it answers. `hang`: it takes all and says nothing
    until `release` is set."""

    port: int = 0
    messages: list[dict[str, Any]] = field(default_factory=list)
    tries: int = 0
    status: int = 200
    hang: bool = False
    release: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.port}/{SECRET}"

    @property
    def titles(self) -> list[str]:
        return [str(one["title"]) for one in self.messages]

    @property
    def text(self) -> str:
        """Everything that has come."""
        return "\n".join(f"{one['title']}\n{one['message']}" for one in self.messages)


def _handler(inbox: Inbox) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            inbox.tries += 1
            if inbox.hang:
                inbox.release.wait(30)
                return
            if inbox.status == 200:
                inbox.messages.append(json.loads(body))
            self.send_response(inbox.status)
            if inbox.status == 307:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """The tests look at what has come, not at a log."""

    return Handler


@contextmanager
def open_inbox() -> Iterator[Inbox]:
    """An inbox on a free loopback port."""
    inbox = Inbox()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(inbox))
    server.daemon_threads = True
    inbox.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield inbox
    finally:
        inbox.release.set()
        server.shutdown()
        server.server_close()
        thread.join()
