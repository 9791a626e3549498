"""Duplicate keys, order ids and strategy names."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain.signal import (
    DedupeKind,
    Intent,
    Signal,
    client_order_id,
    dedupe_key,
    is_strategy_name,
)
from trading.domain.values import Side, Validity

NOON = datetime(2026, 2, 16, 6, 30, tzinfo=UTC)
SIGNAL = Signal(
    strategy_name="ST",
    symbol="NSE:INFY",
    exchange="NSE",
    tradingsymbol="INFY",
    side=Side.BUY,
    intent=Intent.ANY,
    quantity=10,
    needs_quantity=False,
    price=Decimal(1500),
    reference_price=Decimal(1500),
    trigger_price=None,
    order_type=None,
    product=None,
    validity=Validity.DAY,
    gtt=False,
    interval="5",
    platform="TRADINGVIEW",
    reason="",
    bar_time=NOON,
    alert_time=None,
    alert_id=None,
    order_ref="Long",
    market_position="long",
    position_size="10",
    exit_plan={},
    warnings=(),
    person_reasons=(),
    repaired=False,
    delayed_feed=False,
)


def key(signal, strategy="ST", digest="d"):
    return dedupe_key(signal, strategy, digest)


def test_an_explicit_id_is_the_key_whatever_else_changes():
    first = key(replace(SIGNAL, alert_id="A-1"), digest="one")
    second = key(replace(SIGNAL, alert_id="A-1", quantity=5, order_ref=None), digest="two")
    assert first == second
    assert first.kind is DedupeKind.ALERT_ID
    assert re.fullmatch("[0-9a-f]{64}", first.key)


def test_an_explicit_id_belongs_to_one_strategy():
    signal = replace(SIGNAL, alert_id="A-1")
    assert key(signal, "ST") != key(signal, "OTHER")


@pytest.mark.parametrize(
    "change",
    [
        {"order_ref": "Short"},
        {"bar_time": NOON + timedelta(seconds=1)},
        {"alert_time": NOON + timedelta(seconds=1)},
        {"symbol": "NSE:TCS"},
        {"side": Side.SELL},
        {"intent": Intent.ENTRY},
        {"quantity": 11},
        {"market_position": "flat"},
        {"market_position": None},
        {"position_size": "5"},
        {"alert_id": "A-1"},
    ],
)
def test_an_order_id_with_a_time_is_the_key_together_with_what_it_orders(change):
    assert key(SIGNAL).kind is DedupeKind.ORDER_REF
    assert key(replace(SIGNAL, **change)) != key(SIGNAL)
    assert key(SIGNAL, "OTHER") != key(SIGNAL)


def test_price_and_body_do_not_matter_beside_an_order_id():
    assert key(replace(SIGNAL, price=Decimal(1), reason="x"), digest="other") == key(SIGNAL)


def test_the_alerts_own_time_comes_before_the_bars():
    at = NOON + timedelta(seconds=3)
    first = replace(SIGNAL, alert_time=at)
    assert key(first) == key(replace(first, bar_time=None))


@pytest.mark.parametrize("change", [{"bar_time": None}, {"order_ref": None}])
def test_without_id_and_time_the_body_is_the_key(change):
    signal = replace(SIGNAL, **change)
    assert key(signal).kind is DedupeKind.BODY
    assert key(signal) == key(replace(signal, quantity=99))
    assert key(signal, digest="other") != key(signal)
    assert key(signal, "OTHER") != key(signal)


@given(st.binary(min_size=12, max_size=64))
def test_a_client_order_id_is_18_letters_and_digits(random_bytes):
    assert re.fullmatch("S[0-9A-Z]{17}", client_order_id(random_bytes))


@given(st.integers(0, 36**17 - 1), st.integers(0, 36**17 - 1))
def test_different_bytes_give_different_ids(one, other):
    first, second = (client_order_id(number.to_bytes(12, "big")) for number in (one, other))
    assert (first == second) is (one == other)


def test_too_few_random_bytes_are_refused():
    with pytest.raises(ValueError, match="12 random bytes"):
        client_order_id(b"12345678901")


@pytest.mark.parametrize("name", ["A", "Zero Lag Trend", "a|b", "सुपर", "x" * 255, "(ST) #1", "*"])
def test_these_are_strategy_names(name):
    assert is_strategy_name(name)


@pytest.mark.parametrize(
    "name",
    ["", " A", "A ", "x" * 256, "-A", "é;", "+é", "a'b", 'a"b', "a=b", "a<b", "a\nb", "{{x}}"],
)
def test_these_are_no_strategy_names(name):
    assert not is_strategy_name(name)
