"""`python -m scripts.pictures`: the pictures of README and docs, taken from a running system.

A throwaway installation is filled through its webhook and REST API, as a user would do it.
"""

from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.support import programs
from tests.support.browser import FLAGS, SIZES, log_in
from tests.support.server import Server, installation

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "img"

ALERTS: tuple[tuple[str, str, str, int, str, dict[str, object]], ...] = (
    ("Supertrend", "NSE:RELIANCE", "BUY", 20, "1467.50", {}),
    ("Supertrend", "NSE:HDFCBANK", "BUY", 30, "1012.40", {}),
    ("Opening range", "NSE:INFY", "BUY", 15, "1508.50", {"order_type": "LIMIT", "product": "CNC"}),
    ("Opening range", "NSE:TCS", "BUY", 150, "3880.00", {"product": "CNC"}),
    ("Mean reversion", "NSE:SBIN", "SELL", 40, "812.40", {}),
    ("Mean reversion", "NSE:ITC", "BUY", 0, "455.10", {}),
)
EXECUTED = 2


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


def _fill(server: Server) -> None:
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
    for number, alert in enumerate(ALERTS):
        order_id = server.send_alert(_alert(*alert)).json()["order_id"]
        if number < EXECUTED:
            server.api(f"/api/orders/{order_id}/execute/", method="POST", data={})
            server.wait_for_order(order_id, "EXECUTED")
    for symbol, price in (("NSE:RELIANCE", "1471.20"), ("NSE:HDFCBANK", "1009.90")):
        body = _alert("Price watch", symbol, "BUY", 1, price, {})
        watch = server.send_alert(body).json()["order_id"]
        server.api(f"/api/orders/{watch}/cancel/", method="POST", data={})


def _take(page: Page, path: str, name: str) -> None:
    page.goto(path)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=FOLDER / f"{name}.png")


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with installation() as server, sync_playwright() as playwright:
        server.start_web()
        _fill(server)
        chromium = playwright.chromium.launch(
            executable_path=programs.find_chromium(), args=list(FLAGS)
        )
        for scheme in ("light", "dark"):
            width, height = SIZES["wide"]
            context = chromium.new_context(
                base_url=server.base_url,
                viewport={"width": width, "height": height},
                color_scheme="dark" if scheme == "dark" else "light",
                locale="en-IN",
                timezone_id="Asia/Kolkata",
            )
            page = context.new_page()
            log_in(page, server)
            suffix = "" if scheme == "light" else "-dark"
            for path, name in (("/queue/", "queue"), ("/", "dashboard"), ("/orders/1/", "order")):
                _take(page, path, f"{name}{suffix}")
            context.close()
        chromium.close()
    print(f"Pictures are in {FOLDER}.")


if __name__ == "__main__":
    main()
