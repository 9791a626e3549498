"""Every example body gives what expected.json says of it, as far as the body alone decides."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from trading.domain.signal import QUANTITY_MISSING, Intent, Signal
from trading.webhooks.payload import Ignored, Probe, Rejection, interpret, presented_secrets, read

FOLDER = Path(__file__).parents[2] / "data" / "payloads"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
CASES = EXPECTED["cases"]


def body_of(name):
    raw = (FOLDER / name).read_bytes()
    if CASES[name]["transport"] == "json":
        return raw
    return json.loads(raw)["_raw_body"].encode()


def cases(*status_codes):
    return [name for name, case in CASES.items() if case["expect"]["status_code"] in status_codes]


def test_all_48_examples_are_here():
    assert len(CASES) == 48
    assert {path.name for path in FOLDER.glob("*.json")} == {*CASES, "expected.json"}


@pytest.mark.parametrize("name", cases(201))
def test_an_accepted_example_means_the_order_it_should(name):
    signal = interpret(read(body_of(name)))
    order = CASES[name]["expect"]["order"]

    assert isinstance(signal, Signal)
    read_order = {
        "side": signal.side,
        "qty": signal.quantity,
        "needs_quantity": signal.needs_quantity,
        "price": None if signal.price is None else signal.price.normalize(),
        "order_type": signal.order_type or "MARKET",
        "product": signal.product or "MIS",
        "symbol": signal.symbol,
        "exchange": signal.exchange,
        "repaired": signal.repaired,
    }
    expected = {key: value for key, value in order.items() if key in read_order}
    if isinstance(expected.get("price"), str):
        expected["price"] = Decimal(expected["price"]).normalize()
    assert expected == {key: read_order[key] for key in expected}
    if order.get("mode") == "AUTO":
        assert signal.person_reasons == ()


@pytest.mark.parametrize("name", cases(400, 422))
def test_a_refused_example_says_its_code_and_names_a_field(name):
    with pytest.raises(Rejection) as refusal:
        interpret(read(body_of(name)))

    assert refusal.value.status == CASES[name]["expect"]["status_code"]
    assert refusal.value.code == CASES[name]["expect"]["code"]
    assert refusal.value.errors
    assert all(text for texts in refusal.value.errors.values() for text in texts)


@pytest.mark.parametrize("name", cases(401))
def test_an_example_with_a_wrong_or_no_secret_is_readable_and_shows_it(name):
    document = read(body_of(name))

    assert "test-secret" not in presented_secrets(document, None)
    assert isinstance(interpret(document), Signal)


def test_another_platform_is_ignored_and_what_it_wanted_is_known():
    assert interpret(read(body_of("08_platform_unsupported.json"))) == Ignored(
        "unsupported_platform",
        {"strategy_name": "TV-01", "action": "BUY", "symbol": "NSE:INFY", "exchange": "NSE"},
    )


def test_the_connection_test_is_a_probe():
    assert interpret(read(body_of("40_health_probe.json"))) == Probe()


def test_an_exit_without_quantity_is_an_exit_that_needs_one():
    signal = interpret(read(body_of("21_v6_exit_long_no_qty.json")))

    assert (signal.intent, signal.side) == (Intent.EXIT, "SELL")
    assert (signal.quantity, signal.needs_quantity) == (0, True)
    assert signal.person_reasons == (QUANTITY_MISSING,)
    assert signal.price is None
    assert signal.reference_price == Decimal(1490)


def test_a_form_is_not_json():
    with pytest.raises(Rejection) as refusal:
        read(body_of("48_raw_form_encoded.json"))
    assert (refusal.value.status, refusal.value.code) == (400, "invalid_json")


def test_the_builders_strategy_is_its_id_and_its_note_the_reason():
    signal = interpret(read(body_of("19_builder_v1.json")))

    assert signal.strategy_name == "DUAL_MA_VOL_REENTRY_V1"
    assert signal.reason == "Breakout"
    assert signal.order_ref == "Long"
    assert signal.alert_time.isoformat() == "2026-01-26T04:00:00+00:00"


def test_the_hints_become_an_exit_plan_that_binds_nothing():
    signal = interpret(read(body_of("22_v6_entry_with_risk_hints.json")))

    assert signal.exit_plan == {
        "stop_type": "SL-M",
        "stop_price": "1485.0",
        "tp_enabled": "true",
        "take_profit": "1515.0",
        "trail_enabled": "true",
        "trail_dist": "5.0",
    }
    assert signal.trigger_price is None
    assert signal.reference_price == Decimal(1500)


def test_iso_and_epoch_milliseconds_and_text_seconds_are_one_time():
    iso, milliseconds, seconds = (
        interpret(read(body_of(name))).bar_time
        for name in (
            "11_bar_time_iso.json",
            "12_bar_time_epoch_ms.json",
            "18_flat_orderAction.json",
        )
    )
    assert iso == milliseconds == seconds
    assert iso.isoformat() == "2026-02-15T05:15:00+00:00"


def test_the_comment_is_the_reason_before_the_alert_message():
    assert interpret(read(body_of("04_nested_order_contracts_aliases.json"))).reason == "Long"


def test_a_delayed_feed_is_marked():
    signal = interpret(read(body_of("38_delayed_feed_exchange.json")))

    assert signal.delayed_feed
    assert "delayed" in signal.person_reasons[0]
    assert signal.warnings == signal.person_reasons


def test_a_bad_bar_time_costs_a_warning_and_nothing_else():
    signal = interpret(read(body_of("30_bad_bar_time.json")))

    assert signal.bar_time is None
    assert signal.person_reasons == ()
    assert signal.warnings[0].startswith('bar_time is left out: "yesterday" is not a time.')
