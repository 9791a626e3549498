"""`python -m scripts.pictures`: the pictures of README and docs, taken from a running system.

A throwaway installation is filled through its webhook and REST API, as a user would do it.
"""

from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, sync_playwright

from tests.support import programs
from tests.support.browser import FLAGS, SIZES, log_in
from tests.support.server import Server, installation

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "img"

Scheme = Literal["light", "dark"]
PICTURES: tuple[tuple[str, Scheme, str], ...] = (
    ("/queue/", "light", "queue"),
    ("/", "dark", "dashboard"),
    ("/orders/1/", "dark", "order"),
)
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


def _take(page: Page, path: str, name: str) -> None:
    page.goto(path)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=FOLDER / f"{name}.png")


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with installation() as server, sync_playwright() as playwright:
        server.start_web()
        fill(server)
        chromium = playwright.chromium.launch(
            executable_path=programs.find_chromium(), args=list(FLAGS)
        )
        for path, scheme, name in PICTURES:
            width, height = SIZES["wide"]
            context = chromium.new_context(
                base_url=server.base_url,
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                locale="en-IN",
                timezone_id="Asia/Kolkata",
            )
            page = context.new_page()
            log_in(page, server)
            _take(page, path, name)
            context.close()
        chromium.close()
    print(f"Pictures are in {FOLDER}.")


if __name__ == "__main__":
    main()
