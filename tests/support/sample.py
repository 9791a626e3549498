"""A desk with something of everything on it, filled as a user would: by webhook and REST API."""

import uuid

from tests.support.server import Server

Alert = tuple[str, str, str, int, str, dict[str, object]]
EXECUTED: tuple[Alert, ...] = (
    ("Supertrend", "NSE:RELIANCE", "BUY", 20, "1467.50", {}),
    ("Supertrend", "NSE:HDFCBANK", "BUY", 30, "1012.40", {}),
    ("Supertrend", "NSE:RELIANCE", "SELL", 10, "1479.20", {}),
    ("Supertrend", "NSE:HDFCBANK", "BUY", 10, "1015.65", {}),
)
RESTING: Alert = ("Opening range", "NSE:WIPRO", "BUY", 100, "262.00", {"order_type": "LIMIT"})
RESTING_PRICE = "258.50"
WAITING: tuple[Alert, ...] = (
    ("Opening range", "NSE:INFY", "BUY", 15, "1508.50", {"order_type": "LIMIT", "product": "CNC"}),
    ("Opening range", "NSE:TCS", "BUY", 150, "3880.00", {"product": "CNC"}),
    ("Mean reversion", "NSE:SBIN", "SELL", 40, "812.40", {}),
    ("Mean reversion", "NSE:ITC", "BUY", 0, "455.10", {}),
)


def _alert(
    strategy: str, symbol: str, action: str, quantity: int, price: str, details: dict[str, object]
) -> dict[str, object]:
    return {
        "strategy_name": strategy,
        "symbol": symbol,
        "interval": "15",
        "trade_details": {
            "order_action": action,
            **({"quantity": quantity} if quantity else {}),
            "price": price,
            **details,
        },
    }


def fill(server: Server) -> None:
    """Strategies, limits, orders of every kind, and some that wait."""
    for name in ("Supertrend", "Opening range", "Mean reversion"):
        server.api("/api/strategies/", data={"name": name})
    server.api(
        "/api/risk-settings/",
        data={
            "scope": "GLOBAL",
            "max_quantity_per_order": "100",
            "max_order_value": "500000",
            "allow_short_selling": False,
            "clamp_mode": "CLAMP",
        },
    )
    for alert in EXECUTED:
        _execute(server, _send(server, alert), "EXECUTED")
    resting = _send(server, RESTING)
    server.api(f"/api/orders/{resting}/", method="PATCH", data={"price": RESTING_PRICE})
    _execute(server, resting, "SENT")
    for alert in WAITING:
        _send(server, alert)


def _send(server: Server, alert: Alert) -> int:
    return int(server.send_alert(_alert(*alert)).json()["order_id"])


def _execute(server: Server, order_id: int, outcome: str) -> None:
    server.api(f"/api/orders/{order_id}/execute/", method="POST", data={})
    server.wait_for_order(order_id, outcome)


def new_order(server: Server, symbol: str, **details: object) -> int:
    """The order of an alert of no strategy known here: it waits for a person. Its comment is HTML.

    The same again is another order.
    """
    answer = server.send_alert(
        {
            "strategy_name": "by hand",
            "alert_id": uuid.uuid4().hex,
            "symbol": f"NSE:{symbol}",
            "trade_details": {
                "order_action": "BUY",
                "quantity": 4,
                "price": 1500,
                "comment": "<script>alert(1)</script>{{7*7}}",
                **details,
            },
        }
    )
    assert answer.status == 201, answer.body
    return int(answer.json()["order_id"])


def empty_queue(server: Server) -> None:
    """Nothing waits any more of what other tests left."""
    for order in server.api("/api/orders/queue/").json():
        server.api(f"/api/orders/{order['id']}/cancel/", method="POST", data={})
