"""The real paper broker behind a road that breaks on demand."""

from collections.abc import Callable

import pytest

from brokers.errors import BrokerError
from brokers.models import BrokerConnection
from brokers.paper.adapter import PaperBroker
from brokers.port import OrderRequest, Placed


class Road:
    """What befalls the next calls, and what reached the broker."""

    def __init__(self) -> None:
        self.before: list[BrokerError | Callable[[], None]] = []
        self.on_the_wire: list[BrokerError | Callable[[], None]] = []
        self.after: list[BrokerError | Callable[[], None]] = []
        self.book_errors: list[BrokerError] = []
        self.calls: list[OrderRequest] = []

    def _meet(self, faults: list[BrokerError | Callable[[], None]]) -> None:
        if not faults:
            return
        fault = faults.pop(0)
        if isinstance(fault, BrokerError):
            raise fault
        fault()


class FaultyBroker(PaperBroker):
    def __init__(self, connection: BrokerConnection, road: Road) -> None:
        super().__init__(connection)
        self._road = road

    def place(
        self, request: OrderRequest, *, before_send: Callable[[], None] | None = None
    ) -> Placed:
        self._road.calls.append(request)
        self._road._meet(self._road.before)
        if before_send is not None:
            before_send()
        self._road._meet(self._road.on_the_wire)
        placed = super().place(request)
        self._road._meet(self._road.after)
        return placed

    def find_by_tags(self, tags):  # type: ignore[no-untyped-def]
        if self._road.book_errors:
            raise self._road.book_errors.pop(0)
        return super().find_by_tags(tags)


@pytest.fixture
def road(monkeypatch: pytest.MonkeyPatch) -> Road:
    """Every account is a paper book behind this road."""
    made = Road()

    def broker_for(connection: BrokerConnection) -> FaultyBroker:
        return FaultyBroker(connection, made)

    for module in ("dispatch", "reconcile", "worker", "follower"):
        monkeypatch.setattr(f"trading.services.{module}.broker_for", broker_for)
    for module in ("worker",):
        monkeypatch.setattr(f"trading.services.{module}.is_available", lambda connection: True)
    monkeypatch.setattr("brokers.accounts.is_available", lambda connection: True)
    return made
