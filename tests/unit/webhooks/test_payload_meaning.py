"""From a JSON object to a signal, or a refusal that names the field and the fix."""

import json
from decimal import Decimal

import pytest

from trading.domain.signal import (
    ACTIONS_DIFFER,
    BODY_REPAIRED,
    EXCHANGE_UNKNOWN,
    EXCHANGES_DIFFER,
    FEED_DELAYED,
    MARKED_AS_TEST,
    PRODUCT_UNKNOWN,
    QUANTITY_FRACTIONAL,
    QUANTITY_FROM_POSITION,
    QUANTITY_MISSING,
    Intent,
)
from trading.domain.values import OrderType, Product, Side, Validity
from trading.webhooks.payload import (
    Ignored,
    Probe,
    Rejection,
    interpret,
    named_strategy,
    read,
)


def body(details=None, **root):
    """A good nested alert; `details` and `root` replace, ... removes."""
    data = {"strategy_name": "ST", "symbol": "NSE:INFY", **root}
    data["trade_details"] = {
        "order_action": "BUY",
        "quantity": 10,
        "price": 1500,
        **(details or {}),
    } | root.get("trade_details", {})
    data["trade_details"] = {k: v for k, v in data["trade_details"].items() if v is not ...}
    return json.dumps({key: value for key, value in data.items() if value is not ...}).encode()


def v6(**signal):
    data = {
        "strategy_id": "ST6",
        "symbol": "INFY",
        "exchange": "NSE",
        "side": "ENTRY_LONG",
        "order_action": "buy",
        "qty": 6,
        **signal,
    }
    data = {key: value for key, value in data.items() if value is not ...}
    return json.dumps({"meta": {"secret": "s"}, "signal": data}).encode()


def signal_of(raw):
    return interpret(read(raw))


def refusal_of(raw):
    with pytest.raises(Rejection) as refusal:
        interpret(read(raw))
    assert refusal.value.status == 422
    return refusal.value


# --- quantity


@pytest.mark.parametrize(
    ("quantity", "units"),
    [
        (10, 10),
        (10.0, 10),
        ("10", 10),
        (" 7 ", 7),
        ("1,000", 1000),
        ("1,00,000", 100000),
        ("75.0", 75),
        (10**9, 10**9),
    ],
)
def test_a_quantity_may_be_quoted_and_grouped(quantity, units):
    signal = signal_of(body({"quantity": quantity}))
    assert (signal.quantity, signal.needs_quantity) == (units, False)
    assert signal.person_reasons == ()


@pytest.mark.parametrize("quantity", [..., None, "", "  ", "NaN", "nan", "null", 0, "0", 0.0, "-0"])
def test_a_missing_quantity_waits_for_a_person(quantity):
    signal = signal_of(body({"quantity": quantity}))
    assert (signal.quantity, signal.needs_quantity) == (0, True)
    assert signal.person_reasons == (QUANTITY_MISSING,)


@pytest.mark.parametrize(
    ("quantity", "units"), [("1.5", 1), (2.99, 2), (0.5, 0), ("0.30000000000000004", 0)]
)
def test_a_fraction_is_rounded_down_and_waits_for_a_person(quantity, units):
    signal = signal_of(body({"quantity": quantity}))
    assert signal.quantity == units
    assert signal.needs_quantity is (units == 0)
    assert signal.person_reasons[0] == QUANTITY_FRACTIONAL
    assert QUANTITY_FRACTIONAL in signal.warnings


@pytest.mark.parametrize("literal", ["1e-05", '"1e-05"', "1e-300", '"1E-9"'])
def test_a_tiny_quantity_is_a_fraction_and_costs_nothing(literal):
    raw = body({"quantity": 12345}).replace(b"12345", literal.encode())
    assert signal_of(raw).needs_quantity


@pytest.mark.parametrize(
    "quantity",
    [
        -5,
        "-5",
        -0.5,
        True,
        False,
        {},
        {"a": 1},
        [],
        [5],
        "1e3",
        "1_000",
        "१२",
        "１０",
        "0x10",
        "ten",
        "+5",
        "1,00",
        "1,0000",
        "1.2.3",
        "sNaN",
        "Infinity",
        "1e999999999",
        "9" * 900,
        10**30,
        10**9 + 1,
        "10\n",
        "10 units",
    ],
)
def test_a_quantity_that_is_no_count_of_units_is_refused(quantity):
    refusal = refusal_of(body({"quantity": quantity}))
    assert refusal.code == "invalid_payload"
    assert list(refusal.errors) == ["trade_details.quantity"]


def test_a_bare_exponent_is_refused():
    refusal = refusal_of(body({"quantity": 12345}).replace(b"12345", b"1e3"))
    assert "exponent" in refusal.errors["trade_details.quantity"][0]


def test_an_alias_is_used_where_quantity_is_missing():
    assert signal_of(body({"quantity": "", "order_contracts": 75})).quantity == 75
    assert signal_of(body({"quantity": 10, "order_contracts": 75})).quantity == 10


def test_an_entry_without_quantity_takes_the_position_size_and_waits():
    signal = signal_of(v6(qty=..., position_size="-6"))
    assert (signal.quantity, signal.needs_quantity) == (6, False)
    assert signal.person_reasons == (QUANTITY_FROM_POSITION,)


@pytest.mark.parametrize("size", ["{{strategy.position_size}}", "0", "many", None])
def test_an_entry_without_any_size_needs_a_quantity(size):
    assert signal_of(v6(qty=..., position_size=size)).person_reasons == (QUANTITY_MISSING,)


def test_an_exit_never_takes_the_position_size():
    assert signal_of(v6(side="EXIT_LONG", qty=..., position_size="6")).quantity == 0


def test_hints_never_size_an_order():
    data = json.loads(v6(qty=...)) | {"hints": {"qty": 5, "quantity": 5, "position_size": 5}}
    assert signal_of(json.dumps(data).encode()).quantity == 0


# --- price, order type, validity, product


@pytest.mark.parametrize(
    ("price", "rupees"),
    [
        (320.29, "320.29"),
        ("2,673.10", "2673.10"),
        ("12,34,567.5", "1234567.5"),
        (" 812.40 ", "812.40"),
        ("0.30000000000000004", "0.3"),
        ("0.0025", "0.0025"),
        ("0.00005", None),
        (1000000000, "1000000000"),
    ],
)
def test_a_price_is_exact_to_four_decimals(price, rupees):
    if rupees is None:
        assert "smallest" in refusal_of(body({"price": price})).errors["trade_details.price"][0]
    else:
        signal = signal_of(body({"price": price}))
        assert signal.price == signal.reference_price == Decimal(rupees)


@pytest.mark.parametrize("price", [..., None, "", "NaN", "null", 0, "0.00"])
def test_a_missing_or_zero_price_is_no_price(price):
    signal = signal_of(body({"price": price}))
    assert signal.price is None
    assert signal.reference_price is None


@pytest.mark.parametrize(
    "price",
    [-1, "-0.05", True, {}, [], "sNaN", "1e999999999", "1e3", "₹1500", "9" * 41, 10**9 + 1, 10**40],
)
def test_a_price_that_is_no_price_is_refused(price):
    assert list(refusal_of(body({"price": price})).errors) == ["trade_details.price"]


@pytest.mark.parametrize("literal", ["1e-30", "1e-05", "1e30", "0." + "1" * 60])
def test_an_absurd_price_literal_is_refused(literal):
    raw = body({"price": 12345}).replace(b"12345", literal.encode())
    assert list(refusal_of(raw).errors) == ["trade_details.price"]


def test_without_an_order_type_the_strategy_decides():
    signal = signal_of(body())
    assert (signal.order_type, signal.product) == (None, None)
    assert (signal.validity, signal.gtt) == (Validity.DAY, False)


@pytest.mark.parametrize("place", ["root", "details"])
def test_terms_may_stand_at_the_root_or_in_the_details(place):
    terms = {
        "order_type": "sl",
        "trigger_price": "1,490.00",
        "validity": "ioc",
        "product": "cnc",
        "alert_id": "A-1",
    }
    signal = signal_of(body(terms) if place == "details" else body(**terms))
    assert (signal.order_type, signal.trigger_price) == (OrderType.SL, Decimal(1490))
    assert (signal.validity, signal.product) == (Validity.IOC, Product.CNC)
    assert signal.alert_id == "A-1"


@pytest.mark.parametrize("text", ["SL-M", "sl_m", "SLM", " sl-m "])
def test_sl_m_has_three_spellings(text):
    signal = signal_of(body({"order_type": text, "trigger_price": 5}))
    assert signal.order_type is OrderType.SL_M


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({"order_type": "LIMIT", "price": ...}, "price"),
        ({"order_type": "LIMIT", "price": 0}, "price"),
        ({"order_type": "SL"}, "trigger_price"),
        ({"order_type": "SL-M", "trigger_price": 0}, "trigger_price"),
        ({"order_type": "MARKET", "gtt": True}, "gtt"),
        ({"order_type": "STOP"}, "trade_details.order_type"),
        ({"order_type": 5}, "trade_details.order_type"),
        ({"order_type": "LİMIT"}, "trade_details.order_type"),
        ({"validity": "GTC"}, "trade_details.validity"),
        ({"validity": "TTL"}, "trade_details.validity"),
        ({"product": "BO"}, "trade_details.product"),
        ({"product": True}, "trade_details.product"),
        ({"gtt": "maybe"}, "trade_details.gtt"),
        ({"gtt": 2}, "trade_details.gtt"),
        ({"gtt": []}, "trade_details.gtt"),
        ({"trigger_price": -1}, "trade_details.trigger_price"),
    ],
)
def test_contradictory_or_unknown_terms_are_refused(details, field):
    refusal = refusal_of(body(details))
    assert list(refusal.errors) == [field]
    assert refusal.code == "invalid_payload"


@pytest.mark.parametrize(
    ("given", "gtt"),
    [
        (True, True),
        ("true", True),
        ("1", True),
        (1, True),
        (False, False),
        ("no", False),
        (None, False),
        ("", False),
    ],
)
def test_gtt_is_a_yes_or_no(given, gtt):
    assert signal_of(body({"gtt": given, "order_type": "LIMIT"})).gtt is gtt


def test_a_market_order_keeps_its_price_as_a_reference():
    signal = signal_of(body({"order_type": "MARKET", "price": 1500}))
    assert signal.order_type is OrderType.MARKET
    assert signal.price == signal.reference_price == Decimal(1500)


def test_a_bad_reference_price_is_left_out_with_a_warning():
    signal = signal_of(v6(ref_price="{{close}}"))
    assert signal.reference_price is None
    assert signal.warnings[0].startswith("signal.ref_price is left out:")


@pytest.mark.parametrize(
    ("details", "product"),
    [
        ({"trade_type": "cash_and_carry"}, Product.CNC),
        ({"trade_type": " Delivery "}, Product.CNC),
        ({"trade_type": "CNC"}, Product.CNC),
        ({"trade_type": "intraday"}, Product.MIS),
        ({"trade_type": "mis"}, Product.MIS),
        ({"trade_type": "delivery", "product": "mis"}, Product.MIS),
        ({"trade_type": "delivery", "product_hint": "MTF"}, Product.MTF),
    ],
)
def test_a_product_wins_over_a_trade_type(details, product):
    assert signal_of(body(details)).product is product


def test_an_unknown_trade_type_waits_for_a_person():
    signal = signal_of(body({"trade_type": "swing"}))
    assert signal.product is None
    assert signal.person_reasons == (PRODUCT_UNKNOWN,)


# --- symbol and exchange


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


# --- action


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


# --- placeholders


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


# --- the rest


def test_every_wrong_field_is_named_at_once():
    refusal = refusal_of(body({"quantity": -1, "order_action": "HOLD", "price": {}}, symbol=5))
    assert sorted(refusal.errors) == [
        "symbol",
        "trade_details.order_action",
        "trade_details.price",
        "trade_details.quantity",
    ]


def test_the_three_forms_of_one_alert_mean_the_same():
    flat = {
        "strategy_name": "ST",
        "symbol": "NSE:INFY",
        "order_action": "BUY",
        "quantity": 10,
        "price": 1500,
    }
    camel = {
        "strategyName": "ST",
        "ticker": "INFY",
        "Exchange": "NSE",
        "tradeDetails": {"orderAction": "buy", "orderContracts": "10", "orderPrice": 1500},
    }
    meta = {
        "meta": {"platform": "TRADINGVIEW"},
        "signal": {
            "strategy": "ST",
            "symbol": "INFY",
            "exchange": "NSE",
            "side": "BUY",
            "qty": "10",
            "price": "1,500",
        },
    }
    expected = signal_of(body())
    for form in (flat, camel, meta):
        assert signal_of(json.dumps(form).encode()) == expected


def test_two_spellings_of_one_key_must_agree():
    refusal = refusal_of(body(tradeDetails={"order_action": "SELL"}))
    assert "differs from trade_details" in refusal.errors["tradeDetails"][0]


@pytest.mark.parametrize("part", ["trade_details", "signal", "meta"])
def test_a_part_must_be_an_object(part):
    data = json.loads(body()) | {part: "text"}
    assert "must be an object" in refusal_of(json.dumps(data).encode()).errors[part][0]


def test_hints_that_are_no_object_are_left_out():
    signal = signal_of(body(hints="buy more"))
    assert signal.warnings == ('hints is left out: it must be an object, and is "buy more".',)


def test_the_signals_own_hints_win_over_the_root_hints():
    data = json.loads(v6(hints={"order_type": "LIMIT", "limit_price": "1,499.50"}))
    data["hints"] = {"order_type": "MARKET", "stop_price": -3, "trail_enabled": "perhaps"}
    signal = signal_of(json.dumps(data).encode())
    assert (signal.order_type, signal.price) == (OrderType.LIMIT, Decimal("1499.50"))
    assert signal.exit_plan == {}
    assert len(signal.warnings) == 2


@pytest.mark.parametrize(
    "platform", [..., None, "", "TRADINGVIEW", "tradingview ", "Zerodha", [], ["zerodha"]]
)
def test_our_platforms_are_taken(platform):
    assert signal_of(body(platform=platform)).side is Side.BUY


@pytest.mark.parametrize("platform", ["fyers", ["fyers", "TRADINGVIEW"], "платформа"])
def test_other_platforms_are_ignored_even_when_the_order_is_wrong(platform):
    answer = signal_of(body({"quantity": -1}, platform=platform))
    assert isinstance(answer, Ignored)
    assert answer.code == "unsupported_platform"


@pytest.mark.parametrize("platform", [5, {}, [{}], True, "\x00"])
def test_a_platform_that_is_no_text_is_refused(platform):
    assert list(refusal_of(body(platform=platform)).errors) == ["platform"]


def test_a_test_that_carries_an_order_is_no_probe_and_waits():
    assert signal_of(body(test="tradingview")).person_reasons == (MARKED_AS_TEST,)
    assert isinstance(interpret(read(b'{"test": " TradingView"}')), Probe)


def test_a_repaired_body_waits_for_a_person():
    signal = signal_of(body() + b" -- end")
    assert signal.repaired
    assert signal.person_reasons == (BODY_REPAIRED,)


@pytest.mark.parametrize(
    "name", ["ST", " ST ", "Zero Lag Trend", "A_b-c.d:e+f(g)/h&i#j@k,l[m]n%o|p!", "सुपरट्रेंड", "१२", 7]
)
def test_a_strategy_name_keeps_its_spelling(name):
    assert signal_of(body(strategy_name=name)).strategy_name == str(name).strip()


@pytest.mark.parametrize(
    "name",
    [
        "'; DROP TABLE strategies; --",
        "1 OR 1=1",
        "=ST",
        "+ST",
        "-ST",
        "@ST",
        "<script>",
        "a\nb",
        "a\tb",
        "a\x1b[0m",
        "a\u202eb",
        "a\u200bb",
        "A" * 256,
        {},
        [],
        True,
        1.5,
        "🚀",
    ],
)
def test_a_strategy_name_outside_the_rule_is_refused(name):
    refusal = refusal_of(body(strategy_name=name))
    assert list(refusal.errors) == ["strategy_name"]
    assert refusal.fields["symbol"] == "NSE:INFY"


@pytest.mark.parametrize("name", [..., None, ""])
def test_an_alert_may_name_no_strategy(name):
    assert signal_of(body(strategy_name=name)).strategy_name == ""


def test_the_strategy_is_known_before_the_rest_is_judged():
    assert named_strategy(read(v6(qty=-1, strategy_name="ST v6"))) == "ST6"
    assert named_strategy(read(body(symbol=5))) == "ST"
    assert named_strategy(read(body(strategy_name={}))) == ""


@pytest.mark.parametrize(
    ("comment", "reason"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("=1+1", "=1+1"),
        ("\t=1+1\r\n", "=1+1"),
        ("\x00@x", "@x"),
        ("a\x1b[31mb", "a [31mb"),
        ("खरीद 🚀", "खरीद 🚀"),
        ("x" * 2000, "x" * 500),
        (5, ""),
        ({}, ""),
    ],
)
def test_a_comment_never_costs_a_trade(comment, reason):
    assert signal_of(body({"comment": comment})).reason == reason


def test_nul_and_broken_unicode_are_refused_with_their_place():
    assert list(refusal_of(body({"order_id": "a\x00"})).errors) == ["trade_details.order_id"]
    assert list(refusal_of(body(anything={"deep": ["\ud800"]})).errors) == ["anything.deep"]
    assert list(refusal_of(body(**{"k\udfff": 1})).errors) == ["k\\udfff"]
    refusal = refusal_of(body(symbol="NSE:INFY\x00"))
    assert all(text.isprintable() for texts in refusal.errors.values() for text in texts)


@pytest.mark.parametrize(
    ("given", "kept"), [("a-1", "a-1"), (" 42 ", "42"), (42, "42"), (None, None), ("", None)]
)
def test_an_alert_id_keeps_its_spelling(given, kept):
    assert signal_of(body(alert_id=given)).alert_id == kept
    assert signal_of(body(id=given)).alert_id == kept


@pytest.mark.parametrize("given", ["=1", "a\nb", "é", "x" * 129, True, {}, 1.5, 10**50])
def test_a_bad_alert_id_is_refused(given):
    assert list(refusal_of(body(alert_id=given)).errors) == ["alert_id"]


def test_an_order_id_may_be_any_line_of_text():
    assert signal_of(body({"order_id": "Close entry(s) order Лонг 🚀"})).order_ref == (
        "Close entry(s) order Лонг 🚀"
    )
    assert list(refusal_of(body({"order_id": "a\r\nb"})).errors) == ["trade_details.order_id"]


@pytest.mark.parametrize(
    ("given", "iso"),
    [
        ("2026-02-15T05:15:00Z", "2026-02-15T05:15:00+00:00"),
        ("2026-02-15T10:45:00+05:30", "2026-02-15T05:15:00+00:00"),
        ("2026-02-15T05:15:00", "2026-02-15T05:15:00+00:00"),
        (1771132500, "2026-02-15T05:15:00+00:00"),
        (1771132500.5, "2026-02-15T05:15:00.500000+00:00"),
        ("1771132500000", "2026-02-15T05:15:00+00:00"),
    ],
)
def test_a_time_is_iso_or_an_epoch(given, iso):
    signal = signal_of(body(bar_time=given, timenow=given))
    assert signal.bar_time.isoformat() == signal.alert_time.isoformat() == iso
    assert signal.warnings == ()


@pytest.mark.parametrize(
    "given",
    [
        "{{time}}",
        "yesterday",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        5,
        -1,
        10**20,
        True,
        {},
        "१७७११३२५००",
        "1" * 300,
    ],
)
def test_a_bad_time_is_left_out_with_a_warning(given):
    signal = signal_of(body(timestamp=given, timenow=given))
    assert (signal.bar_time, signal.alert_time) == (None, None)
    assert len(signal.warnings) == 2


def test_unknown_fields_are_never_acted_on():
    extra = {"user_id": 1, "is_admin": True, "mode": "AUTO", "st_user_id": "x", "status": "SENT"}
    assert signal_of(body(**extra)) == signal_of(body())


def test_a_number_is_fine_where_a_word_is_expected():
    signal = signal_of(body(interval=5, position_size=6.0, market_position="long"))
    assert (signal.interval, signal.position_size, signal.market_position) == ("5", "6.0", "long")
