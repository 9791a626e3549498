"""Both books of an installation, side by side: ours and the paper broker's."""

import json
from dataclasses import dataclass
from typing import Any

from tests.support.server import Server

_READ = """
import json
from brokers.models import PaperOrder
from trading.domain.order import replay
from trading.models import Order
from trading.services.lifecycle import event_log
ours = []
for order in Order.objects.order_by("id"):
    row = replay(event_log(order))
    ours.append({
        "id": order.pk, "status": order.status, "version": order.version, "qty": order.qty,
        "filled": order.filled_qty, "broker_order_id": order.broker_order_id,
        "tags": [attempt.tag for attempt in order.attempts.all()],
        "open_attempts": order.attempts.filter(closed_at__isnull=True).count(),
        "fills": sum(fill.qty for fill in order.fills.all()),
        "replayed": [row["status"], row["version"]], "risk": bool(order.risk),
        "error": order.error_message,
    })
theirs = [
    {"tag": one.tag, "order_id": one.order_id, "status": one.status,
     "filled": sum(trade.quantity for trade in one.trades.all())}
    for one in PaperOrder.objects.order_by("id")
]
print("BOOKS" + json.dumps({"ours": ours, "theirs": theirs}))
"""


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


def read_books(server: Server) -> Books:
    printed = server.manage("shell", "-c", _READ)
    return Books(**json.loads(printed.rpartition("BOOKS")[2]))
