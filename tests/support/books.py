"""Both books of an installation, side by side: ours and the paper broker's."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.databases import used
from tests.support.server import Server


@dataclass(frozen=True)
class Books:
    ours: list[dict[str, Any]]
    theirs: list[dict[str, Any]]

    def order(self, order_id: int) -> dict[str, Any]:
        return next(row for row in self.ours if row["id"] == order_id)

    def at_broker(self, order_id: int) -> list[dict[str, Any]]:
        tags = self.order(order_id)["tags"]
        return [row for row in self.theirs if row["tag"] in tags]

    def check_invariants(self) -> None:
        """What must hold whatever happened: see docs/order-lifecycle.md."""
        for row in self.ours:
            copies = self.at_broker(row["id"])
            assert len(copies) <= 1, f"sent twice: {row} {copies}"
            assert row["status"] not in ("SENDING", "UNKNOWN"), f"not settled: {row}"
            assert row["replayed"] == [row["status"], row["version"]], f"log differs: {row}"
            assert row["fills"] == row["filled"] <= row["qty"], f"fills differ: {row}"
            assert row["open_attempts"] == 0, f"an attempt is left open: {row}"
            if copies:
                assert row["risk"], f"sent without a risk record: {row}"
                assert row["filled"] == copies[0]["filled"], f"fills differ: {row} {copies}"
                assert row["broker_order_id"] == copies[0]["order_id"], f"{row} {copies}"
        known = {tag for row in self.ours for tag in row["tags"]}
        strangers = [row for row in self.theirs if row["tag"] not in known]
        assert not strangers, f"at the broker and not here: {strangers}"


def _our_order(order: Any) -> dict[str, Any]:
    from trading.domain.order import replay
    from trading.services.lifecycle import event_log

    row = replay(event_log(order))
    return {
        "id": order.pk,
        "status": order.status,
        "version": order.version,
        "qty": order.qty,
        "filled": order.filled_qty,
        "broker_order_id": order.broker_order_id,
        "tags": [attempt.tag for attempt in order.attempts.all()],
        "open_attempts": order.attempts.filter(closed_at__isnull=True).count(),
        "fills": sum(fill.qty for fill in order.fills.all()),
        "replayed": [row["status"], row["version"]],
        "risk": bool(order.risk),
    }


def _their_order(order: Any) -> dict[str, Any]:
    return {
        "tag": order.tag,
        "order_id": order.order_id,
        "status": order.status,
        "filled": sum(trade.quantity for trade in order.trades.all()),
    }


def _read() -> Books:
    from brokers.models import PaperOrder
    from trading.models import Order

    return Books(
        ours=[_our_order(order) for order in Order.objects.order_by("id")],
        theirs=[_their_order(order) for order in PaperOrder.objects.order_by("id")],
    )


ReadBooks = Callable[[Server], Books]


@pytest.fixture
def read_books(django_db_blocker: Any) -> ReadBooks:
    """`read_books(server)` -> Books, as they are now."""

    def read(server: Server) -> Books:
        with django_db_blocker.unblock(), used(server.database_url):
            return _read()

    return read
