"""The simulated broker as a server: start it, log in, let it misbehave, read its truth."""

import logging
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Self

from brokers.simulator.clock import SimClock
from brokers.simulator.exchange import Exchange
from brokers.simulator.faults import FaultPlan
from brokers.simulator.handler import KiteHandler
from brokers.simulator.journal import Journal
from brokers.simulator.limits import RateLimits
from brokers.simulator.login import Sessions
from brokers.simulator.postbacks import Postbacks

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
FIRST_USER = "SIM001"
SECOND_USER = "SIM002"
REDIRECT_URL = "http://127.0.0.1:8000/brokers/zerodha/callback/"
HEARTBEAT_SECONDS = 0.1
OWN_SOURCES = frozenset({"api", "gtt"})


class KiteSimulator:
    """A Kite Connect on a loopback port, with two users. Their accounts and their markets are
    apart: prices start alike and drift apart where they move by themselves.

    `exchange` is the first user's; without one it is made from `speed`, `seed`, `always_open` and
    `frozen`. `faults`, `limits`, `sessions`, `journal`, `postbacks` are there for tests to use.
    """

    def __init__(
        self,
        exchange: Exchange | None = None,
        *,
        port: int = 0,
        api_key: str = "simkey",
        api_secret: str = "simsecret",  # noqa: S107 there is nothing behind it
        redirect_url: str = REDIRECT_URL,
        postback_url: str = "",
        speed: float = 1.0,
        seed: int = 1,
        always_open: bool = True,
        frozen: bool = False,
        rate_limits: bool = True,
    ) -> None:
        if exchange is None:
            clock = SimClock(speed=speed, frozen=frozen)
            exchange = Exchange(clock, seed=seed, user_id=FIRST_USER, always_open=always_open)
        self.exchange = exchange
        self.clock = exchange.clock
        second = Exchange(
            self.clock,
            seed=seed,
            user_id=SECOND_USER,
            prices_move=exchange.market.moving,
            always_open=exchange.market.always_open,
        )
        self.exchanges = {each.user_id: each for each in (exchange, second)}
        self.api_key = api_key
        self.redirect_url = redirect_url
        self.faults = FaultPlan()
        self.journal = Journal()
        self.limits = RateLimits(enabled=rate_limits)
        self.sessions = Sessions(self.clock, api_key, api_secret)
        self.postbacks = Postbacks(postback_url, api_secret)
        self.stopping = threading.Event()
        for user_id, each in self.exchanges.items():
            each.on_update = partial(self._push, user_id)
        self._port = port
        self._server: _Listener | None = None
        self._lock = threading.Lock()

    @property
    def root(self) -> str:
        """The address to give to a client. Known once started."""
        return f"http://{HOST}:{self._port}"

    @property
    def login_url(self) -> str:
        return f"{self.root}/connect/login"

    def start(self) -> None:
        """Listen, in threads of its own. OSError when the port is taken."""
        self._listen()
        self.postbacks.start()
        threading.Thread(target=self._beat, name="kitesim-heartbeat", daemon=True).start()

    def stop(self) -> None:
        """Close everything; nothing is taken any more, not even what a fault has put off."""
        self.stopping.set()
        with self._lock:
            self._close_listener()
        self.postbacks.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def login(self, user_id: str | None = None) -> str:
        """A living access token, without the page. Older ones of the user die."""
        return self.sessions.login(user_id or self.exchange.user_id).access_token

    def request_token(self, user_id: str | None = None) -> str:
        """A fresh request token, as the page gives one."""
        return self.sessions.request_token(user_id or self.exchange.user_id)

    def expire_sessions(self) -> None:
        """The flush of 06:00, now."""
        self.sessions.expire_all()

    def set_price(self, exchange: str, tradingsymbol: str, price: Any) -> None:
        """Trades there now, for every user: `price` is a Decimal."""
        for each in self.exchanges.values():
            each.set_price(exchange, tradingsymbol, price)

    def later(self, seconds: float, task: Callable[[], object]) -> None:
        """Run `task` in the background after `seconds`, unless the simulator has stopped."""

        def wait() -> None:
            if not self.stopping.wait(seconds):
                task()

        threading.Thread(target=wait, name="kitesim-later", daemon=True).start()

    def refuse_connections(self, seconds: float) -> None:
        """Hang up on everybody, and let nobody in for `seconds`. Returns once nobody listens."""
        with self._lock:
            if self._server is None:
                return
            self._close_listener()
            # Bound but not listening: the port stays ours, and callers are refused at once.
            parked = _bound_socket(self._port)
        self.later(seconds, partial(self._listen_again, parked))

    def _listen_again(self, parked: socket.socket) -> None:
        parked.close()
        with self._lock:
            if not self.stopping.is_set():
                self._listen()

    def _listen(self) -> None:
        handler = type("Handler", (KiteHandler,), {"simulator": self})
        self._server = _Listener((HOST, self._port), handler)
        self._port = self._server.server_address[1]
        threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="kitesim", daemon=True
        ).start()

    def _close_listener(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.hang_up()
            self._server = None

    def _beat(self) -> None:
        """Time passes at the exchange also when nobody asks."""
        while not self.stopping.wait(HEARTBEAT_SECONDS):
            for exchange in self.exchanges.values():
                try:
                    exchange.tick()
                except Exception:
                    # One bad moment must not stop the market; the log says what it was.
                    log.exception("the exchange's clockwork stumbled")

    def _push(self, user_id: str, row: Mapping[str, Any]) -> None:
        # An app hears of its own orders only.
        if row["_source"] in OWN_SOURCES:
            self.postbacks.push(row, user_id)


class _Listener(ThreadingHTTPServer):
    """The listening socket and the connections that came through it."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, *args: Any) -> None:
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(*args)

    def server_bind(self) -> None:
        # Without the base class's look-up of the machine's name, which can take seconds.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Shut every connection; their threads end by themselves."""
        with self._open_lock:
            connections, self._open = self._open, set()
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.error("a connection of the simulator broke", exc_info=sys.exception())


def _bound_socket(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((HOST, port))
    return bound
