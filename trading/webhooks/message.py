"""From a person's choices to the message for TradingView's alert, and the same filled in. Pure."""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from trading.domain.values import OrderType, Product, Validity
from trading.webhooks import placeholders

SECRET_PLACEHOLDER = "YOUR-SECRET"
UNNAMED = "my-strategy"
CHART_SYMBOL = "{{exchange}}:{{ticker}}"
TEST_COMMENT = "A test from the message builder"

# No text of a message has them: TradingView fills in by replacement, so they hold a value's place.
_OPEN, _CLOSE = "\ue000", "\ue001"


class Kind(StrEnum):
    """What fires the alert: that decides which placeholders TradingView fills in."""

    STRATEGY = "STRATEGY"
    INDICATOR = "INDICATOR"
    DRAWING = "DRAWING"


class Action(StrEnum):
    """SCRIPT: whatever the script orders. EXIT_…: closes, and never opens the other side."""

    SCRIPT = "SCRIPT"
    BUY = "BUY"
    SELL = "SELL"
    ENTRY_LONG = "ENTRY_LONG"
    ENTRY_SHORT = "ENTRY_SHORT"
    EXIT_LONG = "EXIT_LONG"
    EXIT_SHORT = "EXIT_SHORT"

    @property
    def closes(self) -> bool:
        return self in (Action.EXIT_LONG, Action.EXIT_SHORT)


class Sizing(StrEnum):
    """Where the quantity comes from. LEFT_OUT: the strategy's sizing here, or what is open."""

    SCRIPT = "SCRIPT"
    NUMBER = "NUMBER"
    LEFT_OUT = "LEFT_OUT"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the message says. Texts are numbers, names or single placeholders; "" leaves it out."""

    kind: Kind = Kind.STRATEGY
    strategy: str = UNNAMED
    action: Action = Action.SCRIPT
    sizing: Sizing = Sizing.SCRIPT
    quantity: str = ""
    symbol: str = CHART_SYMBOL
    product: Product | None = None
    order_type: OrderType | None = None
    gtt: bool = False
    validity: Validity = Validity.DAY
    price: str = ""
    trigger_price: str = ""
    stop_price: str = ""
    take_profit: str = ""
    trail_distance: str = ""
    alert_id: str = ""
    comment: str = ""

    @property
    def reference(self) -> str:
        """What the price is when none is chosen: what the script or the chart sees."""
        if self.price:
            return self.price
        return "{{strategy.order.price}}" if self.kind is Kind.STRATEGY else "{{close}}"


@dataclass(frozen=True, slots=True)
class Sample:
    """Values to try a message with."""

    symbol: str = "NSE:INFY"
    action: str = "buy"
    quantity: str = "1"
    price: str = "1500"


def message(choices: Choices, secret: str | None) -> str:
    """The message to paste; TradingView fills in the {{…}} when the alert fires."""
    return as_text(_body(choices, secret), indent=2)


def one_line(choices: Choices, secret: str | None) -> str:
    """The same on one line, as a script's alertcondition wants it."""
    return as_text(_body(choices, secret), indent=None)


def filled(choices: Choices, secret: str | None, sample: Sample, now: datetime) -> str:
    """What TradingView would send at `now` (UTC), with `sample` in place of the placeholders."""
    body = _body(choices, secret) | {"comment": TEST_COMMENT}
    return placeholders.fill(as_text(body, indent=None), now, sample_values(choices, sample))


def sample_values(choices: Choices, sample: Sample) -> Mapping[str, str]:
    """`sample` by the names of the placeholders; stop and target on their right sides."""
    exchange, _, ticker = sample.symbol.rpartition(":")
    action = sample.action.lower()
    buys = choices.action in (Action.BUY, Action.ENTRY_LONG, Action.EXIT_SHORT) or (
        choices.action is Action.SCRIPT and action == "buy"
    )
    values = {
        "exchange": exchange,
        "ticker": ticker,
        "strategy.order.action": action,
        "strategy.order.contracts": sample.quantity,
        "strategy.position_size": sample.quantity,
        "strategy.market_position_size": sample.quantity,
        "strategy.market_position": "long" if buys else "short",
        **dict.fromkeys(("open", "high", "low", "close", "strategy.order.price"), sample.price),
    }
    below, above = _around(sample.price)
    for text, value in (
        (choices.quantity, sample.quantity),
        (choices.stop_price, below if buys else above),
        (choices.take_profit, above if buys else below),
    ):
        found = placeholders.FOUND.fullmatch(text)
        if found is not None and placeholders.is_plot(found["name"]):
            values[found["name"]] = value
    return values


def _around(price: str) -> tuple[str, str]:
    """Whole rupees a little below and above `price`, which is a plain number."""
    whole = int(price.partition(".")[0])
    distance = max(whole // 100, 1)
    return str(max(whole - distance, 1)), str(whole + distance)


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


def _body(choices: Choices, secret: str | None) -> dict[str, object]:
    of_strategy = choices.kind is Kind.STRATEGY
    body: dict[str, object] = {
        "secret": secret or SECRET_PLACEHOLDER,
        "platform": "TRADINGVIEW",
        "strategy_name": choices.strategy,
        "symbol": choices.symbol,
        "interval": "{{interval}}",
        "bar_time": "{{time}}",
        "timenow": "{{timenow}}",
        "alert_id": choices.alert_id,
        "trade_details": _details(choices, of_strategy=of_strategy),
        "hints": hints(choices),
        "comment": choices.comment or ("{{strategy.order.comment}}" if of_strategy else ""),
    }
    return {name: value for name, value in body.items() if value not in ("", {})}


def _details(choices: Choices, *, of_strategy: bool) -> dict[str, object]:
    action = choices.action
    details: dict[str, object] = {}
    if action is Action.SCRIPT:
        details["order_action"] = "{{strategy.order.action}}"
    elif action in (Action.BUY, Action.SELL):
        details["order_action"] = action.value
    else:
        details["side"] = action.value
    if choices.sizing is Sizing.SCRIPT:
        details["quantity"] = "{{strategy.order.contracts}}"
    elif choices.sizing is Sizing.NUMBER:
        details["quantity"] = choices.quantity
    details["order_type"] = choices.order_type.value if choices.order_type else ""
    details["price"] = choices.reference
    details["trigger_price"] = choices.trigger_price
    details["product"] = choices.product.value if choices.product else ""
    details["validity"] = "" if choices.validity is Validity.DAY else choices.validity.value
    if choices.gtt:
        details["gtt"] = True
    if of_strategy:
        details |= {
            "order_id": "{{strategy.order.id}}",
            "market_position": "{{strategy.market_position}}",
            "position_size": "{{strategy.position_size}}",
        }
    return {name: value for name, value in details.items() if value != ""}


def hints(choices: Choices) -> dict[str, object]:
    hints: dict[str, object] = {"stop_price": choices.stop_price}
    if choices.take_profit:
        hints |= {"tp_enabled": True, "take_profit": choices.take_profit}
    if choices.trail_distance:
        hints |= {"trail_enabled": True, "trail_dist": choices.trail_distance}
    return {name: value for name, value in hints.items() if value != ""}


def as_text(body: dict[str, object], *, indent: int | None) -> str:
    """`body` as JSON in which every placeholder stands as TradingView looks for it.

    JSON would write {{plot("Stop")}} with its quotes escaped, and TradingView wouldn't find it.
    """
    held: list[str] = []

    def hold(value: object) -> object:
        if isinstance(value, dict):
            return {name: hold(member) for name, member in value.items()}
        if not isinstance(value, str):
            return value
        return placeholders.FOUND.sub(hold_one, value)

    def hold_one(match: re.Match[str]) -> str:
        held.append(match.group())
        return f"{_OPEN}{len(held) - 1}{_CLOSE}"

    separators = None if indent else (",", ":")
    text = json.dumps(hold(body), indent=indent, ensure_ascii=False, separators=separators)
    for number, placeholder in enumerate(held):
        text = text.replace(f"{_OPEN}{number}{_CLOSE}", placeholder)
    return text
