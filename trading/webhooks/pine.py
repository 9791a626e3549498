"""From a person's choices to a Pine script (version 6) that sends the same message. Pure.

Inside alert() and alert_message TradingView fills in no placeholder: there the script writes the
values itself. alertcondition() takes one constant text, in which TradingView fills them in.
"""

from collections.abc import Mapping

from trading.domain.values import Validity
from trading.webhooks import message, placeholders
from trading.webhooks.message import Action, Choices, Kind, Sizing

ORDER_MESSAGE = "{{strategy.order.alert_message}}"

# What Pine has for a placeholder, as text. The first three are the function's own.
_SECRET, _SIDE, _ORDER_ID, _UNITS = "{{secret}}", "{{side}}", "{{orderId}}", "{{units}}"
_VALUES = {
    **{name: name for name in ("secret", "side", "orderId", "units")},
    "exchange": "syminfo.prefix",
    "ticker": "syminfo.ticker",
    "interval": "timeframe.period",
    "syminfo.currency": "syminfo.currency",
    "syminfo.basecurrency": "syminfo.basecurrency",
    **{
        name: f"str.tostring({name})"
        for name in ("time", "timenow", "open", "high", "low", "close", "volume")
    },
    "strategy.order.action": "side",
    "strategy.order.id": "orderId",
    "strategy.order.comment": "orderId",
    "strategy.order.contracts": "units",
    "strategy.order.price": "str.tostring(close)",
    "strategy.position_size": "str.tostring(strategy.position_size)",
    "strategy.market_position_size": "str.tostring(math.abs(strategy.position_size))",
}

_STRATEGY = """\
//@version=6
//@strategy_alert_message {order_message}
strategy({title}, overlay = true, calc_on_every_tick = false)

string secret = input.string({secret}, "SigmaTrader secret")
int quantity = input.int({units}, "Quantity", minval = 1)

// Your own rules go here. These are only an example.
float fast = ta.sma(close, 9)
float slow = ta.sma(close, 21)
bool enter = ta.{enter}(fast, slow)
bool leave = ta.{leave}(fast, slow)
{levels}
{function}
if enter
    string entry = sigmaMessage({entry}, {order}, {sent})
    strategy.entry({order}, {direction}, qty = quantity, alert_message = entry)
if leave
    strategy.close({order}, alert_message = sigmaMessage({exit}, {order}, ''))
"""
_INDICATOR = """\
//@version=6
indicator({title}, overlay = true)

string secret = input.string({secret}, "SigmaTrader secret")

// Your own rule goes here. This one is only an example.
bool signal = ta.{enter}(ta.sma(close, 9), ta.sma(close, 21))
{levels}
{function}
// Either this: choose the condition "Any alert() function call". It fires when the bar closes.
if signal
    alert(sigmaMessage({action}, {action}, {units}), alert.freq_once_per_bar_close)

// Or this: choose the condition {action} and the trigger "Once Per Bar Close".
alertcondition(signal, {action}, {constant})
"""


def script(choices: Choices, secret: str | None) -> str:
    """A whole script to begin with; "" for a drawing, which has none."""
    if choices.kind is Kind.STRATEGY:
        return _strategy(choices, secret or message.SECRET_PLACEHOLDER)
    if choices.kind is Kind.INDICATOR:
        return _indicator(choices, secret or message.SECRET_PLACEHOLDER)
    return ""


def text(value: str) -> str:
    """`value` as a Pine string."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _strategy(choices: Choices, secret: str) -> str:
    short = choices.action in (Action.SELL, Action.ENTRY_SHORT, Action.EXIT_SHORT)
    up, down = "crossover", "crossunder"
    number = choices.quantity if choices.quantity.isdecimal() else "1"
    return _STRATEGY.format(
        order_message=ORDER_MESSAGE,
        title=text(choices.strategy),
        secret=text(secret),
        units=number,
        enter=down if short else up,
        leave=up if short else down,
        levels=_levels(choices),
        function=_function(choices),
        order=text("Short" if short else "Long"),
        direction="strategy.short" if short else "strategy.long",
        entry=text("ENTRY_SHORT" if short else "ENTRY_LONG"),
        exit=text("EXIT_SHORT" if short else "EXIT_LONG"),
        sent="''" if choices.sizing is Sizing.LEFT_OUT else "str.tostring(quantity)",
    )


def _indicator(choices: Choices, secret: str) -> str:
    sells = choices.action in (Action.SELL, Action.ENTRY_SHORT, Action.EXIT_LONG)
    return _INDICATOR.format(
        title=text(choices.strategy),
        secret=text(secret),
        enter="crossunder" if sells else "crossover",
        levels=_levels(choices),
        function=_function(choices),
        action=text(choices.action.value),
        units=_with_values(choices.quantity, _plots(choices)) or "''",
        constant=text(message.one_line(choices, secret)),
    )


def _plots(choices: Choices) -> dict[str, str]:
    """The plots that the message names, by the variables that stand for them."""
    values = (
        choices.quantity,
        choices.price,
        choices.trigger_price,
        choices.stop_price,
        choices.take_profit,
        choices.trail_distance,
        choices.alert_id,
        choices.comment,
    )
    names = [match["name"] for value in values for match in placeholders.FOUND.finditer(value)]
    plots = [name for name in dict.fromkeys(names) if placeholders.is_plot(name)]
    return {name: f"level{number}" for number, name in enumerate(plots)}


def _levels(choices: Choices) -> str:
    lines = [
        f"float {variable} = close // Put your own value here.\n"
        f"plot({variable}, {text(placeholders.plot_title(name) or name)})\n"
        for name, variable in _plots(choices).items()
    ]
    return "".join(lines)


def _function(choices: Choices) -> str:
    """sigmaMessage(side, orderId, units): the message as one line of JSON, with Pine's values."""
    plots = _plots(choices)
    members = [message.as_text({name: value}, indent=None)[1:-1] for name, value in _body(choices)]
    pieces = [
        _with_values(("{" if number == 0 else ",") + member, plots)
        for number, member in enumerate(members)
    ]
    lines = "".join(f"    body += {piece}\n" for piece in pieces)
    return (
        "// The message of one order, as SigmaTrader reads it.\n"
        "sigmaMessage(string side, string orderId, string units) =>\n"
        f"    string body = ''\n{lines}    body += '}}'\n    body\n"
    )


def _body(choices: Choices) -> list[tuple[str, object]]:
    """The message flat, with its purpose in `side`: a script knows whether it enters or leaves."""
    found: dict[str, object] = {
        "secret": _SECRET,
        "strategy_name": choices.strategy,
        "symbol": choices.symbol,
        "interval": "{{interval}}",
        "bar_time": "{{time}}",
        "timenow": "{{timenow}}",
        "alert_id": choices.alert_id,
        "side": _SIDE,
        "quantity": _UNITS,
        "order_type": choices.order_type.value if choices.order_type else "",
        "price": choices.reference,
        "trigger_price": choices.trigger_price,
        "product": choices.product.value if choices.product else "",
        "validity": "" if choices.validity is Validity.DAY else choices.validity.value,
        "order_id": _ORDER_ID if choices.kind is Kind.STRATEGY else "",
        "hints": message.hints(choices),
        "comment": choices.comment,
    }
    if choices.gtt:
        found["gtt"] = True
    return [(name, value) for name, value in found.items() if value not in ("", {})]


def _with_values(piece: str, plots: Mapping[str, str]) -> str:
    """`piece` as a Pine expression, its placeholders as Pine's values: 'a' + syminfo.ticker."""
    parts: list[str] = []
    end = 0
    for match in placeholders.FOUND.finditer(piece):
        name = match["name"]
        if match.start() > end:
            parts.append(text(piece[end : match.start()]))
        parts.append(f"str.tostring({plots[name]})" if name in plots else _VALUES.get(name, "''"))
        end = match.end()
    if end < len(piece):
        parts.append(text(piece[end:]))
    return " + ".join(parts)
