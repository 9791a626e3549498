"""What is traded and which way, and what a placeholder does to it."""

import json

import pytest

from tests.support.alert_bodies import body, refusal_of, signal_of, v6
from trading.domain.signal import (
    ACTIONS_DIFFER,
    EXCHANGE_UNKNOWN,
    EXCHANGES_DIFFER,
    FEED_DELAYED,
    Intent,
)
from trading.domain.values import Side


@pytest.mark.parametrize(
    ("symbol", "exchange", "shown"),
    [
        ("nse:infy", ..., "NSE:INFY"),
        (" NSE : INFY ", "NSE", "NSE:INFY"),
        ("INFY", "nse", "NSE:INFY"),
        ("NSE:M&M", ..., "NSE:M&M"),
        ("NSE:BAJAJ-AUTO", ..., "NSE:BAJAJ-AUTO"),
        ("MCX:GOLD1!", "", "MCX:GOLD1!"),
        ("BSE:500325", None, "BSE:500325"),
        ("NSE:EMBASSY.RR", ..., "NSE:EMBASSY.RR"),
        ("NFO:" + "A" * 40, ..., "NFO:" + "A" * 40),
    ],
)
def test_a_symbol_is_trimmed_and_upper_case(symbol, exchange, shown):
    signal = signal_of(body(symbol=symbol, exchange=exchange))
    assert signal.symbol == shown
    assert f"{signal.exchange}:{signal.tradingsymbol}" == shown
    assert signal.person_reasons == ()


@pytest.mark.parametrize(
    "symbol",
    [
        5,
        {},
        True,
        ["NSE:INFY"],
        "NSE:",
        ":INFY",
        "NSE:INFY:X",
        "A" * 41,
        "NSE:" + "A" * 64,
        "NSE:\u0406NFY",
        "NSE:ınfy",
        "NSE:INFY\u202e",
        "NSE:IN\u200bFY",
        "NSE:INFY\n",
        "\tNSE:INFY",
        "NSE:INFY\r",
        "NSE:INF\x1b[31mY",
        "=NSE:INFY",
        "+INFY",
        "@INFY",
        "NSE:NIFTY 50",
        "'; DROP TABLE orders; --",
        "1 OR 1=1",
        "<script>",
        "NSE:ＩＮＦＹ",
    ],
)
def test_a_symbol_outside_the_character_set_is_refused(symbol):
    refusal = refusal_of(body(symbol=symbol))
    assert list(refusal.errors) == ["symbol"]
    assert refusal.fields == {"strategy_name": "ST", "action": "BUY"}


def test_the_refusal_of_a_lookalike_names_the_character():
    text = refusal_of(body(symbol="NSE:\u0406NFY")).errors["symbol"][0]
    assert "U+0406 CYRILLIC CAPITAL LETTER BYELORUSSIAN-UKRAINIAN I" in text


@pytest.mark.parametrize("symbol", [..., None, "", "  "])
def test_a_missing_symbol_is_refused_with_the_line_to_put_in(symbol):
    assert '"{{exchange}}:{{ticker}}"' in refusal_of(body(symbol=symbol)).errors["symbol"][0]


@pytest.mark.parametrize("exchange", [5, {}, "N S E", "NSE'"])
def test_a_bad_exchange_is_refused(exchange):
    assert list(refusal_of(body(exchange=exchange)).errors) == ["exchange"]


def test_a_symbol_without_exchange_waits_for_a_person():
    signal = signal_of(body(symbol="INFY"))
    assert (signal.symbol, signal.exchange) == ("INFY", "")
    assert signal.person_reasons == (EXCHANGE_UNKNOWN,)


def test_a_foreign_exchange_waits_for_a_person():
    assert signal_of(body(symbol="NASDAQ:AAPL")).person_reasons == (EXCHANGE_UNKNOWN,)


def test_two_exchanges_wait_for_a_person_and_the_symbols_own_is_shown():
    signal = signal_of(body(symbol="NSE:INFY", exchange="BSE"))
    assert signal.symbol == "NSE:INFY"
    assert signal.person_reasons == (EXCHANGES_DIFFER,)


@pytest.mark.parametrize(
    ("symbol", "exchange"),
    [("NSE_DLY:INFY", ...), ("NSE_DL:INFY", "NSE"), ("NSE:INFY", "NSE_DLY"), ("INFY", "nse_dl")],
)
def test_a_delayed_feed_waits_for_a_person(symbol, exchange):
    signal = signal_of(body(symbol=symbol, exchange=exchange))
    assert (signal.symbol, signal.delayed_feed) == ("NSE:INFY", True)
    assert signal.person_reasons == (FEED_DELAYED,)


def test_ticker_stands_in_for_symbol():
    assert signal_of(body(symbol=..., ticker="sbin", Exchange="NSE")).symbol == "NSE:SBIN"


@pytest.mark.parametrize("text", ["BUY", "buy", "BUY ", " Buy"])
def test_an_action_is_read_in_any_case(text):
    signal = signal_of(body({"order_action": text}))
    assert (signal.side, signal.intent) == (Side.BUY, Intent.ANY)


@pytest.mark.parametrize(
    "text", ["HOLD", "LONG", "", None, True, 1, {}, ["BUY"], "BUY\n", "ВUY", "BUY;SELL", "ENTER"]
)
def test_anything_else_is_no_action(text):
    assert list(refusal_of(body({"order_action": text})).errors) == ["trade_details.order_action"]


@pytest.mark.parametrize(
    ("text", "side", "intent"),
    [
        ("ENTRY_LONG", Side.BUY, Intent.ENTRY),
        ("entry_short", Side.SELL, Intent.ENTRY),
        ("EXIT_LONG", Side.SELL, Intent.EXIT),
        ("EXIT_SHORT", Side.BUY, Intent.EXIT),
        ("CLOSE_LONG", Side.SELL, Intent.EXIT),
        ("CLOSE_SHORT", Side.BUY, Intent.EXIT),
        ("buy", Side.BUY, Intent.ANY),
    ],
)
def test_a_side_may_name_its_purpose(text, side, intent):
    signal = signal_of(v6(side=text, order_action=...))
    assert (signal.side, signal.intent) == (side, intent)


def test_a_side_with_purpose_wins_over_the_action_and_a_person_looks():
    signal = signal_of(v6(side="EXIT_SHORT", order_action="sell"))
    assert (signal.side, signal.intent) == (Side.BUY, Intent.EXIT)
    assert signal.person_reasons == (ACTIONS_DIFFER,)


def test_two_opposite_plain_actions_wait_for_a_person():
    signal = signal_of(v6(side="buy", order_action="sell"))
    assert signal.side is Side.SELL
    assert signal.person_reasons == (ACTIONS_DIFFER,)


def test_a_purpose_without_direction_takes_the_actions_side():
    signal = signal_of(v6(side="EXIT_ALL", order_action="sell"))
    assert (signal.side, signal.intent) == (Side.SELL, Intent.EXIT)


def test_a_purpose_without_direction_and_action_is_refused():
    assert list(refusal_of(v6(side="CLOSE", order_action=...)).errors) == ["signal.side"]


def test_an_unfilled_action_beside_a_full_side_decides_nothing():
    signal = signal_of(v6(order_action="{{strategy.order.action}}"))
    assert signal.side is Side.BUY
    assert signal.person_reasons == ()


def test_an_alert_without_any_action_says_what_to_put_in():
    refusal = refusal_of(json.dumps({"symbol": "NSE:INFY", "strategy_name": "ST"}).encode())
    assert list(refusal.errors) == ["trade_details.order_action"]
    assert refusal.fields == {"strategy_name": "ST", "symbol": "NSE:INFY", "exchange": "NSE"}


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (body({"order_action": "{{strategy.order.action}}"}), "trade_details.order_action"),
        (body({"quantity": "{{strategy.order.contracts}}"}), "trade_details.quantity"),
        (body({"price": "{{close}}"}), "trade_details.price"),
        (body({"product": "{{plot_0}}"}), "trade_details.product"),
        (body({"order_type": "{{type}}"}), "trade_details.order_type"),
        (body({"trigger_price": '{{plot("stop")}}'}), "trade_details.trigger_price"),
        (body({"gtt": "{{x}}"}), "trade_details.gtt"),
        (body(symbol="{{ticker}}"), "symbol"),
        (body(symbol="NSE:{{ticker}}"), "symbol"),
        (body(symbol="{{exchange}}:{{ticker}}"), "symbol"),
        (body(exchange="{{exchange}}"), "exchange"),
        (body(strategy_name="{{strategy}}"), "strategy_name"),
        (body(alert_id="{{id}}"), "alert_id"),
        (body(platform="{{platform}}"), "platform"),
        (v6(side="{{side}}", order_action=...), "signal.side"),
    ],
)
def test_an_unfilled_placeholder_in_a_deciding_field_is_refused(raw, field):
    refusal = refusal_of(raw)
    assert refusal.code == "placeholder_not_expanded"
    assert list(refusal.errors) == [field]
    assert "was not filled in by TradingView" in refusal.errors[field][0]


def test_an_unfilled_placeholder_elsewhere_is_kept():
    signal = signal_of(
        body(
            {"comment": "{{7*7}} {% load x %}", "order_id": "{{strategy.order.id}}"},
            interval="{{interval}}",
            market_position="{{strategy.market_position}}",
            position_size="{{strategy.position_size}}",
            anything="{{x}}",
        )
    )
    assert signal.reason == "{{7*7}} {% load x %}"
    assert (signal.interval, signal.order_ref) == ("", None)
    assert (signal.market_position, signal.position_size) == (None, None)
    assert signal.person_reasons == ()
