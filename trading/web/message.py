"""The message to paste into TradingView, and a first alert to send by hand."""

import json
import shlex

SECRET_PLACEHOLDER = "YOUR-SECRET"
UNNAMED = "my-strategy"


def _text(body: dict[str, object]) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False)


def tradingview_message(secret: str | None, strategy: str = "", product: str = "") -> str:
    """The alert message of a strategy; TradingView fills in the {{…}} when the alert fires."""
    details: dict[str, object] = {
        "order_action": "{{strategy.order.action}}",
        "quantity": "{{strategy.order.contracts}}",
        "price": "{{strategy.order.price}}",
        "order_id": "{{strategy.order.id}}",
        "market_position": "{{strategy.market_position}}",
        "position_size": "{{strategy.position_size}}",
        "comment": "{{strategy.order.comment}}",
    }
    if product:
        details["product"] = product
    return _text(
        {
            "secret": secret or SECRET_PLACEHOLDER,
            "platform": "TRADINGVIEW",
            "strategy_name": strategy or UNNAMED,
            "symbol": "{{exchange}}:{{ticker}}",
            "exchange": "{{exchange}}",
            "interval": "{{interval}}",
            "bar_time": "{{time}}",
            "timenow": "{{timenow}}",
            "trade_details": details,
        }
    )


def first_alert(secret: str | None, strategy: str = "", product: str = "") -> str:
    """The same with values in place: one share, so that a test is cheap wherever it lands."""
    details: dict[str, object] = {"order_action": "BUY", "quantity": 1, "price": 1500}
    if product:
        details["product"] = product
    return json.dumps(
        {
            "secret": secret or SECRET_PLACEHOLDER,
            "strategy_name": strategy or UNNAMED,
            "symbol": "NSE:INFY",
            "trade_details": details,
        },
        ensure_ascii=False,
    )


def curl(address: str, body: str) -> str:
    """A command line that sends `body` as TradingView would."""
    return " ".join(
        (
            "curl -sS -X POST",
            shlex.quote(address),
            "-H 'Content-Type: application/json'",
            "-d",
            shlex.quote(body),
        )
    )
