"""The Pine script says the same as the message.

There is no Pine compiler outside TradingView: what its strings hold is read here instead.
"""

import re
from datetime import UTC, datetime

from hypothesis import given, settings

from tests.unit.webhooks.test_message import SIDES, choices
from trading.domain.signal import Intent, Signal
from trading.domain.values import OrderType
from trading.webhooks import message, pine, placeholders
from trading.webhooks.message import Action, Choices, Kind, Sizing
from trading.webhooks.payload import interpret, presented_secrets, read

NOW = datetime(2026, 11, 23, 10, 0, 1, tzinfo=UTC)
SECRET = "a-right-good-secret"
TOKEN = re.compile(
    r"'(?P<text>(?:[^'\\]|\\.)*)'|\"(?P<double>[^\"]*)\"|(?P<value>[A-Za-z_][\w.]*(?:\([^()']*(?:\([^()]*\))?[^()']*\))?)"
)
VALUES = {
    "secret": SECRET,
    "syminfo.prefix": "NSE",
    "syminfo.ticker": "INFY",
    "timeframe.period": "5",
    "str.tostring(time)": "1795427100000",
    "str.tostring(timenow)": "1795428001000",
    "str.tostring(close)": "1500.5",
}


def unescaped(text):
    return re.sub(r"\\(.)", r"\1", text)


def sent(script, side, order_id, units):
    """What sigmaMessage(side, orderId, units) of the script returns."""
    values = VALUES | {"side": side, "orderId": order_id, "units": units}
    body = ""
    for line in re.findall(r"^    body \+= (.*)$", script, re.MULTILINE):
        for token in TOKEN.finditer(line):
            if token["text"] is not None:
                body += unescaped(token["text"])
            else:
                # The plots' own variables; all else must be known above.
                body += "1499" if "(level" in token["value"] else values[token["value"]]
    return body


@settings(max_examples=200)
@given(choices())
def test_the_script_sends_what_the_message_says(chosen):
    script = pine.script(chosen, SECRET)
    if chosen.kind is Kind.DRAWING:
        assert script == ""
        return
    assert script.startswith("//@version=6\n")
    side = chosen.action.value if chosen.kind is Kind.INDICATOR else "ENTRY_LONG"
    document = read(sent(script, side, "Long", "75").encode())
    signal = interpret(document)
    assert isinstance(signal, Signal)
    assert presented_secrets(document, None) == [SECRET]
    assert signal.strategy_name == chosen.strategy
    assert signal.quantity == 75
    assert (signal.order_type, signal.gtt) == (chosen.order_type, chosen.gtt)
    assert (signal.product, signal.validity) == (chosen.product, chosen.validity)
    assert signal.person_reasons == ()
    assert ("take_profit" in signal.exit_plan) == bool(chosen.take_profit)
    if chosen.kind is Kind.INDICATOR:
        assert (signal.side, signal.intent) == SIDES[chosen.action]


@settings(max_examples=200)
@given(choices())
def test_every_string_of_a_script_is_closed_and_every_bracket_too(chosen):
    for line in pine.script(chosen, SECRET).splitlines():
        code = TOKEN.sub("", line.partition(" // ")[0]) if not line.startswith("//") else ""
        assert "'" not in code
        assert '"' not in code
        assert code.count("(") == code.count(")")
        assert "\t" not in line


def test_an_alertcondition_has_the_placeholders_and_alert_has_pines_values():
    chosen = Choices(
        kind=Kind.INDICATOR,
        action=Action.BUY,
        sizing=Sizing.NUMBER,
        quantity="5",
        order_type=OrderType.LIMIT,
        price='{{plot("Entry")}}',
        comment="it's up",
    )
    script = pine.script(chosen, None)
    constant = re.search(r"^alertcondition\(signal, 'BUY', '(.*)'\)$", script, re.MULTILINE)[1]
    assert unescaped(constant) == message.one_line(chosen, None)
    function, _, rest = script.partition("// Either this")
    assert "{{" not in function
    assert "alert.freq_once_per_bar_close" in rest
    assert "plot(level0, 'Entry')" in function
    assert "str.tostring(level0)" in function


def test_a_strategys_script_enters_and_leaves_by_name_and_an_exit_asks_for_all():
    script = pine.script(Choices(), None)
    assert "//@strategy_alert_message {{strategy.order.alert_message}}" in script
    assert "sigmaMessage('ENTRY_LONG', 'Long', str.tostring(quantity))" in script
    assert "alert_message = sigmaMessage('EXIT_LONG', 'Long', '')" in script
    leaving = interpret(read(sent(script, "EXIT_LONG", "Long", "").encode()))
    assert (leaving.intent, leaving.needs_quantity) == (Intent.EXIT, True)
    short = pine.script(Choices(action=Action.ENTRY_SHORT), None)
    assert "strategy.short" in short
    assert "EXIT_SHORT" in short


def test_every_placeholder_that_gives_a_number_has_a_value_in_pine():
    for name, one in placeholders.KNOWN.items():
        if one.number and not name.startswith("strategy.prev"):
            script = pine.script(Choices(price=one.text, order_type=OrderType.LIMIT), None)
            price = re.search(r"\"price\":\"' \+ (.*) \+ '", script)[1]
            assert price != "''", name
