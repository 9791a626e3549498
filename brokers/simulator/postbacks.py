"""Order updates pushed to the app's postback URL, well-behaved or not."""

import hashlib
import http.client
import json
import queue
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 5.0
APP_ID = 1234
KEPT = 10_000
_STOP = object()
# A postback is an order row without these, and with its own four.
_NOT_SENT = frozenset({"modified", "tags"})


@dataclass
class Knobs:
    """How the pushes misbehave. The numbers are counted down by the pushes they touch.

    `drop`: the next n are lost. `duplicate`: the next n go out twice. `reorder`: the next n are
    held, then sent last first. `forge`: the next n carry a wrong checksum. `silent`: none is sent.
    """

    drop: int = 0
    duplicate: int = 0
    reorder: int = 0
    forge: int = 0
    silent: bool = False


def payload(row: Mapping[str, Any], user_id: str, api_secret: str) -> dict[str, Any]:
    """The body for an order row of the exchange, checksum included."""
    body = {
        name: value
        for name, value in row.items()
        if name not in _NOT_SENT and not name.startswith("_")
    }
    if row.get("_event") == "UPDATE":
        body["status"] = "UPDATE"
    body["user_id"] = user_id
    body["unfilled_quantity"] = row["quantity"] - row["filled_quantity"]
    body["app_id"] = APP_ID
    body["checksum"] = checksum(row["order_id"], row["order_timestamp"], api_secret)
    return body


def checksum(order_id: str, order_timestamp: str, api_secret: str) -> str:
    """What the receiver compares with."""
    return hashlib.sha256((order_id + order_timestamp + api_secret).encode()).hexdigest()


class Postbacks:
    """Sends from a thread of its own: a slow or dead receiver delays no order."""

    def __init__(self, url: str, api_secret: str) -> None:
        self.url = url
        self.knobs = Knobs()
        self._api_secret = api_secret
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._held: list[dict[str, Any]] = []
        self.suppressed = 0  # so many were kept back by `silent`
        self._sent: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._thread = threading.Thread(target=self._run, name="kitesim-postbacks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._queue.put(_STOP)
        if self._thread.is_alive():
            self._thread.join(TIMEOUT_SECONDS)

    def push(self, row: Mapping[str, Any], user_id: str) -> None:
        """Queue the update of an order row; never blocks."""
        if self.url:
            self._queue.put(payload(row, user_id, self._api_secret))

    def sent(self) -> list[dict[str, Any]]:
        """What was delivered or tried: `{"body", "outcome"}`, the outcome a status or an error."""
        return list(self._sent)

    def _run(self) -> None:
        while (body := self._queue.get()) is not _STOP:
            for out in self._misbehave(body):
                self._sent.append({"body": out, "outcome": self._deliver(out)})

    def _misbehave(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        """What goes out for one update under the knobs."""
        if self.knobs.silent:
            self.suppressed += 1
            return []
        if self.knobs.drop > 0:
            self.knobs.drop -= 1
            return []
        if self.knobs.forge > 0:
            self.knobs.forge -= 1
            body = {**body, "checksum": hashlib.sha256(b"forged").hexdigest()}
        out = [body]
        if self.knobs.duplicate > 0:
            self.knobs.duplicate -= 1
            out = [body, body]
        if self.knobs.reorder > 0:
            self._held += out
            self.knobs.reorder -= 1
            if self.knobs.reorder:
                return []
            out, self._held = self._held[::-1], []
        return out

    def _deliver(self, body: dict[str, Any]) -> str:
        target = urlsplit(self.url)
        make = (
            http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
        )
        connection = make(target.hostname or "", target.port, timeout=TIMEOUT_SECONDS)
        path = target.path or "/"
        if target.query:
            path += f"?{target.query}"
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            return str(connection.getresponse().status)
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        finally:
            connection.close()
