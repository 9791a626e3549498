"""The check of a message: each mistake is found with its fix, and a good message passes."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import syntax
from tests.unit.webhooks.test_payload_examples import CASES, body_of
from trading.domain.signal import QUANTITY_MISSING, Signal
from trading.webhooks import placeholders
from trading.webhooks.advice import LEVELS, Context, Level
from trading.webhooks.lint import lint
from trading.webhooks.message import Choices, Kind, message
from trading.webhooks.payload import Rejection, interpret, read

NOW = datetime(2026, 11, 23, 10, 0, 1, tzinfo=UTC)
GOOD = message(Choices(strategy="supertrend"), "a-right-good-secret")
SCRIPT = "plot(close, \"Stop\")\nplot(ta.sma(close, 9), title = 'Fast line', color = color.red)"
KNOWN_HERE = Context(
    strategies=["supertrend", "dual MA"],
    lot_of=lambda exchange, symbol: 75 if symbol.startswith("NIFTY") else 1,
)


def small(**fields):
    """A short good message; `fields` replace, ... removes."""
    data = {
        "secret": "a-right-good-secret",
        "strategy_name": "supertrend",
        "symbol": "NSE:INFY",
        "order_action": "BUY",
        "quantity": "10",
        "price": "{{close}}",
        "timenow": "{{timenow}}",
    } | fields
    return json.dumps({name: value for name, value in data.items() if value is not ...})


def bare(placeholder, key="quantity"):
    return small(**{key: "@"}).replace('"@"', placeholder)


# code → a message with the mistake, and what the fix or the text must name
MISTAKES = {
    "empty": (" \n ", "builder"),
    "too_long": (small(comment="x" * 4000), "4,000"),
    "smart_quotes": (small().replace('"', "“", 1).replace('"', "”", 1), "plain"),
    "single_quotes": (small().replace('"', "'"), 'JSON wants "'),
    "unclosed_quote": (GOOD.replace('supertrend",', "supertrend,"), 'Put a "'),
    "line_break": (small(comment="@").replace("@", "up\nagain"), "one line"),
    "comment": (GOOD.replace("{\n", "{ // mine\n", 1), "//"),
    "missing_comma": (GOOD.replace('supertrend",', 'supertrend"'), "comma"),
    "unclosed": (GOOD[:-10], "Copy the message whole"),
    "bare_word": (bare("BUY", "order_action"), 'Write "BUY"'),
    "python_word": (bare("None", "price"), "Write null"),
    "nan": (bare("NaN", "price"), "in quotes"),
    "not_json": (small(comment="@").replace("@", 'he said "go" now'), "quotation mark"),
    "key_twice": (small().replace("{", '{"secret": "x-secret-x", ', 1), "builder"),
    "trailing_comma": (small()[:-1] + ",}", "comma"),
    "text_around": (f"Buy now! {small()} Good luck", "first {"),
    "thousands": (bare("1,500.50", "price"), "digits"),
    "broken_placeholder": (small(price="{{close}"), "{{close}}"),
    "unknown_placeholder": (
        small(order_action="{{strategy.order.actions}}"),
        "{{strategy.order.action}}",
    ),
    "bare_placeholder": (bare("{{exchange}}:{{ticker}}", "symbol"), '"{{exchange}}:{{ticker}}"'),
    "strategy_placeholder": (small(quantity="{{strategy.order.contracts}}"), "BUY or SELL"),
    "plot_without_script": (small(price="@").replace("@", '{{plot("Stop")}}'), "{{close}}"),
    "unknown_plot": (small(price="@").replace("@", '{{plot("Stpo")}}'), '"Stop"'),
    "unread_placeholder": (small(before="{{strategy.position_size[1]}}"), '"before"'),
    "bare_number": (bare("{{close}}", "price"), '"{{close}}"'),
    "script_message": ("{{strategy.order.alert_message}}", "script's text"),
    "secret_missing": (small(secret=...), "settings page"),
    "secret_placeholder": (small(secret="YOUR-SECRET"), "settings page"),
    "secret_blanks": (small(secret=" a-right-good-secret"), "settings page"),
    "limit_without_price": (small(order_type="LIMIT", price="0"), "{{close}}"),
    "stop_without_trigger": (small(order_type="SL-M"), "trigger_price"),
    "gtt_not_limit": (small(order_type="MARKET", gtt=True), "LIMIT"),
    "other_platform": (small(platform="METATRADER"), "TRADINGVIEW"),
    "refused": (small(order_action="HOLD"), "BUY or SELL"),
    "not_whole_lots": (small(symbol="NFO:NIFTY26DECFUT", quantity=100), "75 or 150"),
    "symbol_without_exchange": (small(symbol="INFY"), "{{exchange}}:{{ticker}}"),
    "unknown_exchange": (small(symbol="NASDAQ:AAPL"), "NSE"),
    "continuous_future": (small(symbol="NSE:NIFTY1!", quantity=75), "NIFTYZ2026"),
    "delayed_feed": (small(symbol="NSE_DLY:INFY"), "real-time"),
    "fraction": (small(quantity="0.5"), "whole units"),
    "no_strategy": (small(strategy_name=...), "strategy_name"),
    "unknown_strategy": (small(strategy_name="supertrnd"), '"supertrend"'),
    "unknown_key": (small(quantity=..., qunatity="10"), '"quantity"'),
    "constant_alert_id": (small(alert_id="one"), "{{timenow}}"),
    "left_out": (small(bar_time="yesterday"), "Mend"),
    "waits": (small(trade_type="swing"), "wait"),
    "repaints": (small(), "freq_once_per_bar_close"),
    "no_quantity": (small(quantity=...), "sizing"),
    "no_time": (small(timenow=...), "{{timenow}}"),
    "probe": ('{"secret": "a-right-good-secret", "test": "tradingview"}', "Nothing"),
}
CONTEXTS = {
    "strategy_placeholder": Context(kind=Kind.INDICATOR),
    "plot_without_script": Context(kind=Kind.DRAWING),
    "unknown_plot": Context(script=SCRIPT),
    "repaints": Context(script="alert(text, alert.freq_once_per_bar)"),
}


def test_there_is_an_example_of_every_mistake():
    assert set(MISTAKES) == set(LEVELS)


@pytest.mark.parametrize("code", MISTAKES)
def test_a_mistake_is_found_and_its_fix_is_said(code):
    text, named = MISTAKES[code]
    report = lint(text, NOW, CONTEXTS.get(code, KNOWN_HERE))
    found = {one.code: one for one in report.findings}
    assert code in found, sorted(found)
    assert found[code].level is LEVELS[code]
    assert named in found[code].fix + found[code].text
    assert found[code].text.endswith((".", "?"))


@pytest.mark.parametrize(
    "code",
    sorted(
        {code for code, level in LEVELS.items() if level is Level.ERROR}
        - {"empty", "too_long", "strategy_placeholder", "plot_without_script", "unknown_plot"}
        - {"secret_missing", "secret_placeholder", "secret_blanks", "other_platform"}
    ),
)
def test_what_is_called_an_error_is_refused_by_the_webhook(code):
    # Those left out are right to read: the secret is checked elsewhere, the rest at TradingView.
    text, _named = MISTAKES[code]
    with pytest.raises(Rejection):
        interpret(read(placeholders.fill(text, NOW).encode()))


@pytest.mark.parametrize(
    "code",
    [
        *("smart_quotes", "single_quotes", "line_break", "comment", "missing_comma", "bare_word"),
        *("python_word", "trailing_comma", "text_around", "thousands", "broken_placeholder"),
        *("unknown_placeholder", "bare_placeholder"),
    ],
)
def test_the_mended_message_has_the_slip_no_more_and_is_taken(code):
    mended = lint(MISTAKES[code][0], NOW, KNOWN_HERE).mended
    assert mended is not None
    again = lint(mended, NOW, KNOWN_HERE)
    assert [one for one in again.findings if one.level is not Level.NOTE] == []
    assert again.mended is None
    assert isinstance(interpret(read(placeholders.fill(mended, NOW).encode())), Signal)


def good_examples():
    for name, case in CASES.items():
        if case["expect"]["status_code"] != 201:
            continue
        document = read(body_of(name))
        signal = interpret(document)
        said = {*signal.person_reasons, *signal.warnings}
        if not document.repaired and said <= {QUANTITY_MISSING}:
            yield name


@pytest.mark.parametrize("name", list(good_examples()))
def test_a_good_example_is_passed_in_silence(name):
    report = lint(body_of(name).decode(), NOW)
    serious = [one.code for one in report.findings if one.level is not Level.NOTE]
    # Only a script of one's own can send the header.
    assert serious == (["secret_missing"] if "header_secret" in name else [])
    assert report.mended is None


def test_the_line_of_a_slip_is_counted_from_one():
    number = next(n for n, line in enumerate(GOOD.splitlines(), 1) if "INTERVAL" in line.upper())
    found = lint(GOOD.replace('"{{interval}}"', "{{interval}}"), NOW).findings[0]
    assert (found.code, found.line) == ("bare_placeholder", number)


def test_several_slips_are_found_at_once_errors_first():
    text = "{'secret': 'a-right-good-secret', \"symbol\": {{ticker}}, \"side\": BUY,}"
    codes = [one.code for one in lint(text, NOW).findings]
    assert codes[:3] == ["single_quotes", "bare_placeholder", "bare_word"]
    assert "trailing_comma" in codes
    levels = [list(Level).index(LEVELS[code]) for code in codes]
    assert levels == sorted(levels)


def test_numbers_in_quotes_and_without_are_both_fine():
    for quantity in ("10", 10):
        assert lint(small(quantity=quantity), NOW, KNOWN_HERE).findings == ()


def test_typographic_quotes_inside_a_text_are_a_text():
    assert lint(small(comment="a “good” one, it’s"), NOW, KNOWN_HERE).findings == ()


def test_the_titles_of_plots_are_read_out_of_a_script():
    for title in ("Stop", "Fast line"):
        text = small(price="@").replace("@", f'{{{{plot("{title}")}}}}')
        assert lint(text, NOW, Context(script=SCRIPT)).findings == ()


def test_a_placeholder_of_an_earlier_bar_is_explained():
    found = lint(small(quantity="{{strategy.position_size[1]}}"), NOW).findings[0]
    assert found.code == "unknown_placeholder"
    assert "earlier bar" in found.text


@given(st.text(max_size=300) | st.text(alphabet="{}[]\":,'“”/*#\n ab1{{close}}", max_size=120))
def test_any_text_at_all_gets_an_answer(text):
    report = lint(text, NOW, KNOWN_HERE)
    assert report.findings
    assert all(one.text and one.fix for one in report.findings)


@settings(max_examples=400)
@given(st.data())
def test_what_the_webhook_would_refuse_is_never_passed(data):
    """A good message with a piece cut out, doubled or replaced."""
    start = data.draw(st.integers(0, len(GOOD) - 1))
    end = data.draw(st.integers(start, min(start + 12, len(GOOD))))
    piece = data.draw(st.sampled_from(["", '"', ",", "{", "}}", ":", "\n", "x", "”", "1,234", "'"]))
    text = GOOD[:start] + piece + GOOD[end:]
    report = lint(text, NOW)
    try:
        interpret(read(placeholders.fill(text, NOW).encode()))
    except Rejection:
        assert report.worst is Level.ERROR, report.findings


def test_brackets_without_end_are_no_trouble():
    for text in ("[" * 9000, "{" * 9000, '{"a":' * 3000, "“" * 5000, "{{" * 5000, "'" * 9001):
        assert lint(text, NOW).worst is Level.ERROR


def test_the_check_needs_neither_django_nor_the_network():
    code = (
        "import sys, trading.webhooks.lint, trading.webhooks.pine; "
        "sys.exit(any(name in sys.modules for name in ('django', 'socket', 'sigmatrader')))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=syntax.REPOSITORY, check=False)
    assert done.returncode == 0
