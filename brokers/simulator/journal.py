"""What the simulator was asked: one entry for every request, so that tests can count calls."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

KEPT = 200_000
SECRETS = frozenset({"access_token", "request_token", "refresh_token", "checksum", "api_secret"})


@dataclass
class Entry:
    """A request. `outcome` is "received" until it was answered; then the HTTP status, or how the
    connection ended. `fault` names the fault that was played, if any."""

    number: int
    time: str
    call: str
    method: str
    path: str
    form: dict[str, Any]
    user_id: str = ""
    outcome: str = "received"
    fault: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Journal:
    """Bounded, thread-safe, oldest first. Secrets of a form are never kept."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._number = 0
        self._lock = threading.Lock()

    def receive(self, call: str, method: str, path: str) -> Entry:
        """Note a request as soon as its header is read."""
        with self._lock:
            self._number += 1
            moment = datetime.now(UTC).isoformat(timespec="microseconds")
            entry = Entry(self._number, moment, call, method, path, {})
            self._entries.append(entry)
            return entry

    def entries(self, call: str = "", since: int = 0) -> list[Entry]:
        """The entries of one call (all when empty) with a number above `since`."""
        with self._lock:
            kept = list(self._entries)
        return [entry for entry in kept if entry.number > since and call in ("", entry.call)]

    def count(self, call: str = "") -> int:
        """How many requests of that call have arrived."""
        return len(self.entries(call))


def without_secrets(form: Mapping[str, Any]) -> dict[str, Any]:
    """A form as it may be kept."""
    return {name: value for name, value in form.items() if name not in SECRETS}
