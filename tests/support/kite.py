"""The Kite simulator for tests: in this process, or as a process of its own.

Neither needs Django. The official client is imported inside the functions that make one, since
its import is slow and installs a reactor.
"""

import json
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from brokers.simulator.faults import Fault
from brokers.simulator.server import KiteSimulator
from tests.support import processes

if TYPE_CHECKING:
    from kiteconnect import KiteConnect

REPOSITORY = Path(__file__).resolve().parents[2]
API_KEY = "simkey"
API_SECRET = "simsecret"
START_SECONDS = 60


@contextmanager
def simulator(**options: Any) -> Iterator[KiteSimulator]:
    """A running simulator in this process; the options are KiteSimulator's."""
    with KiteSimulator(**options) as running:
        yield running


def client(root: str, access_token: str | None = None, timeout: float = 5.0) -> "KiteConnect":
    """The official client, pointed at a simulator."""
    from kiteconnect import KiteConnect

    return KiteConnect(API_KEY, access_token=access_token, root=root, timeout=timeout)


def logged_in(running: KiteSimulator, user_id: str | None = None) -> "KiteConnect":
    """The official client with a living token of that user."""
    return client(running.root, running.login(user_id))


def an_order(**changes: Any) -> dict[str, Any]:
    """The arguments of the client's `place_order`: one INFY at the market, unless changed."""
    values: dict[str, Any] = {
        "variety": "regular",
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "quantity": 1,
        "product": "MIS",
        "order_type": "MARKET",
        "market_protection": -1,
        "tag": "test1",
    }
    if changes.get("order_type") in ("LIMIT", "SL"):
        del values["market_protection"]
    return values | changes


def headers(running: KiteSimulator, user_id: str | None = None) -> dict[str, str]:
    """The headers of a raw request with a living token."""
    return {
        "X-Kite-Version": "3",
        "Authorization": f"token {running.api_key}:{running.login(user_id)}",
    }


@dataclass
class Control:
    """A client of a simulator's /_sim/ paths. AssertionError when it refuses something."""

    root: str
    log_path: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def login_url(self) -> str:
        return f"{self.root}/connect/login"

    def get(self, name: str, **query: Any) -> Any:
        """GET /_sim/<name>."""
        return self._request(name + (f"?{urlencode(query)}" if query else ""), None)

    def post(self, name: str, **values: Any) -> Any:
        """POST /_sim/<name> with the values as JSON."""
        return self._request(name, json.dumps(values, default=str).encode())

    def state(self) -> dict[str, Any]:
        return self.get("state")

    def ledger(self, user_id: str = "") -> dict[str, Any]:
        """The exchange's truth: orders, trades, triggers, positions since the start."""
        return self.get("ledger", user_id=user_id)

    def journal(self, call: str = "", since: int = 0) -> list[dict[str, Any]]:
        """The requests that arrived, oldest first."""
        return self.get("journal", call=call, since=since)

    def fault(self, call: str, *script: Fault | Mapping[str, Any] | None) -> None:
        """The next requests of `call`, in order; None behaves."""
        self.post("faults", call=call, script=[_plain(fault) for fault in script])

    def always(self, call: str, fault: Fault | Mapping[str, Any]) -> None:
        """Every request of `call` until `clear_faults`."""
        self.post("faults", call=call, always=_plain(fault))

    def seeded_faults(
        self, seed: int, chances: Mapping[Fault, float], calls: list[str] | None = None
    ) -> None:
        """Chance decides, repeatably."""
        listed = [{"fault": _plain(fault), "chance": one} for fault, one in chances.items()]
        self.post("faults", seed=seed, chances=listed, calls=calls or ["place"])

    def clear_faults(self) -> None:
        self.post("faults", clear=True)

    def price(self, exchange: str, tradingsymbol: str, price: Any) -> None:
        self.post("price", exchange=exchange, tradingsymbol=tradingsymbol, price=str(price))

    def behaviour(self, *, user_id: str = "", times: Mapping[str, int] | None = None, **knobs: Any):
        """Set knobs of the exchange; the state of all of them."""
        return self.post("behaviour", user_id=user_id, times=times or {}, **knobs)

    def clock(self, **change: Any) -> dict[str, Any]:
        """`set` (ISO), `advance` (seconds), `speed`, `frozen`; the clock as it is then."""
        return self.post("clock", **change)

    def expire(self) -> None:
        """Every access token dies."""
        self.post("expire-sessions")

    def request_token(self, user_id: str = "") -> str:
        return self.post("request-token", user_id=user_id)["request_token"]

    def login(self, user_id: str = "") -> str:
        """A living access token."""
        return self.post("login", user_id=user_id)["access_token"]

    def client(self, user_id: str = "", timeout: float = 5.0) -> "KiteConnect":
        """The official client, logged in."""
        return client(self.root, self.login(user_id), timeout)

    def printed(self) -> str:
        """What the process has printed until now."""
        return self.log_path.read_text(errors="replace")

    def _request(self, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(
            f"{self.root}/_sim/{path}", data=body, headers={"Content-Type": "application/json"}
        )
        try:
            with _opener.open(request, timeout=30) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{path}: {error.read().decode()}") from None


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _plain(fault: Fault | Mapping[str, Any] | None) -> Any:
    """A fault as the control endpoint takes it: its kind and its function's arguments."""
    if not isinstance(fault, Fault):
        return fault
    return fault.as_dict()


@contextmanager
def simulator_process(*arguments: str) -> Iterator[Control]:
    """`manage.py kitesim --port 0 <arguments>` as a real process, ended at the end."""
    with tempfile.TemporaryDirectory(prefix="st-sim-") as folder:
        log = Path(folder) / "output.log"
        process = processes.start(
            [sys.executable, REPOSITORY / "manage.py", "kitesim", "--port", "0", *arguments],
            log=log,
            environment=processes.environment_of(folder),
            folder=REPOSITORY,
        )
        try:
            yield Control(_wait_for_root(process, log), log, process)
        finally:
            processes.stop(process, seconds=15)


def _wait_for_root(process: subprocess.Popen[bytes], log: Path) -> str:
    def ready() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"kitesim ended with {process.returncode}:\n{log.read_text()}")
        return log.read_text().startswith("http") and "\n" in log.read_text()

    processes.wait_until(ready, "kitesim prints its root", START_SECONDS)
    return log.read_text().split()[0]
