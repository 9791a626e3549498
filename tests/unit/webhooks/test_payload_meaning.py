"""What an alert means beside its order: forms, names, times, comments, ids."""

import json
from decimal import Decimal

import pytest

from tests.support.alert_bodies import body, refusal_of, signal_of, v6
from trading.domain.signal import (
    BODY_REPAIRED,
    MARKED_AS_TEST,
)
from trading.domain.values import OrderType, Side
from trading.webhooks.payload import Ignored, Probe, interpret, named_strategy, read


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
