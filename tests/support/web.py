"""The web side in threads of this process, on this process's database."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from wsgiref.simple_server import WSGIRequestHandler

from django.core.servers.basehttp import ThreadedWSGIServer, get_internal_wsgi_application


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """The tests look at answers, not at a log."""


@contextmanager
def web() -> Iterator[str]:
    """A web server on a free loopback port; its address."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), _Silent, ipv6=False)
    server.daemon_threads = True
    server.set_app(get_internal_wsgi_application())
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
