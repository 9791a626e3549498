"""What holds for every body."""

import json
import string
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from trading.domain.signal import QUANTITY_MISSING, Intent, Signal, dedupe_key
from trading.domain.values import Exchange, OrderType, Product, Side
from trading.webhooks.payload import (
    Ignored,
    Probe,
    Rejection,
    as_text,
    blank_secret,
    interpret,
    named_strategy,
    presented_secrets,
    quoted_secret_in,
    read,
)

KEYS = st.sampled_from(
    ["secret", "platform", "strategy_name", "strategy_id", "strategy", "symbol", "ticker",
     "exchange", "Exchange", "interval", "timeframe", "trade_details", "tradeDetails", "signal",
     "meta", "hints", "order_action", "orderAction", "side", "quantity", "qty", "order_contracts",
     "price", "order_price", "ref_price", "limit_price", "trigger_price", "order_type", "product",
     "product_hint", "trade_type", "validity", "gtt", "comment", "note", "bar_time", "timestamp",
     "timenow", "alert_id", "id", "order_id", "market_position", "position_size", "stop_type",
     "stop_price", "take_profit", "tp_enabled", "test"]
)  # fmt: skip
WORDS = st.sampled_from(
    ["BUY", "sell", "ENTRY_LONG", "EXIT", "NSE:INFY", "INFY", "NSE", "NSE_DLY", "LIMIT", "SL-M",
     "CNC", "delivery", "true", "{{close}}", "NaN", "", "1,000", "1e-05", "1e3", "-1", "DAY", "TTL",
     "2026-02-15T05:15:00Z", "1771132500000", "tradingview", "fyers", "\u202e", "\x00", "ß", "ı"]
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | WORDS
    | st.text(st.characters(), max_size=20)
    | st.integers(-400, 400).map(lambda n: 10 ** abs(n))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=8),
    max_leaves=30,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=12)
FRAGMENTS = st.lists(
    st.sampled_from(
        ['{', '}', '[', ']', '"', "\\", ",", ":", " ", "1,000", "2,673.10", '"a"', '"secret":', "é",
         "NaN", "1e999", "{{x}}", "\\u0000", "\\ud800", "\n", "-", "0", "null", '"symbol":"NSE:A"']
    ),
    max_size=40,
)  # fmt: skip


def answer_to(body):
    """Everything the webhook does with a body; a Rejection is an answer, any other error fails."""
    try:
        document = read(body)
        presented_secrets(document, None)
        named_strategy(document)
        return interpret(document)
    except Rejection as rejection:
        return checked(rejection)


def checked(rejection):
    texts = [*rejection.errors, *rejection.fields.values()]
    texts += [text for problems in rejection.errors.values() for text in problems]
    assert rejection.status in (400, 413, 422)
    assert rejection.errors
    assert all(text.isprintable() for text in texts)  # can be stored, logged and shown
    return rejection


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_rejected(body):
    assert isinstance(answer_to(body), Signal | Ignored | Probe | Rejection)
    assert as_text(body).encode().count(b"\x00") == 0


@given(FRAGMENTS)
def test_any_broken_json_is_read_or_rejected(pieces):
    assert isinstance(answer_to("".join(pieces).encode()), Signal | Ignored | Probe | Rejection)


@given(OBJECTS, st.booleans())
def test_any_object_is_understood_or_rejected(data, bare):
    good = {"symbol": "NSE:INFY", "side": "BUY", "trade_details": {"order_action": "BUY"}}
    answer = answer_to(json.dumps(data if bare else data | good).encode())
    if isinstance(answer, Signal):
        assert 0 <= answer.quantity <= 10**9
        assert answer.needs_quantity is (answer.quantity == 0)
        assert answer.needs_quantity is (QUANTITY_MISSING in answer.person_reasons)
        for price in (answer.price, answer.reference_price, answer.trigger_price):
            assert price is None or (0 < price <= 10**9 and price == round(price, 4))
        if answer.order_type in (OrderType.LIMIT, OrderType.SL):
            assert answer.price is not None
        if answer.order_type in (OrderType.SL, OrderType.SL_M):
            assert answer.trigger_price is not None
        texts = (answer.symbol, answer.strategy_name, answer.reason, answer.interval)
        assert all(text.isprintable() for text in texts)
        assert len(dedupe_key(answer, "ST", "d").key) == 64


IDENTIFIERS = st.text(string.ascii_uppercase + string.digits + "&._!-", min_size=1, max_size=40)
PRICES = st.decimals(Decimal("0.05"), 10**9, places=2)


@given(
    action=st.sampled_from([*Side, "ENTRY_LONG", "EXIT_SHORT"]),
    exchange=st.sampled_from(Exchange),
    tradingsymbol=IDENTIFIERS,
    quantity=st.integers(1, 10**9),
    price=PRICES,
    product=st.sampled_from(Product) | st.none(),
    order_type=st.sampled_from([None, OrderType.MARKET, OrderType.LIMIT]),
    grouped=st.booleans(),
)
def test_a_well_formed_signal_comes_through_whole(
    action, exchange, tradingsymbol, quantity, price, product, order_type, grouped
):
    body = {
        "symbol": f"{exchange}:{tradingsymbol}".lower(),
        "trade_details": {
            "order_action": action,
            "quantity": f"{quantity:,}" if grouped else quantity,
            "price": f"{price:,}" if grouped else str(price),
            "product": product,
            "order_type": order_type,
        },
    }
    signal = interpret(read(json.dumps(body).encode()))

    assert (signal.symbol, signal.exchange) == (f"{exchange}:{tradingsymbol}", exchange)
    assert (signal.quantity, signal.price) == (quantity, price)
    assert (signal.product, signal.order_type) == (product, order_type)
    assert signal.side is (Side.SELL if action == "SELL" else Side.BUY)
    purpose = {"ENTRY_LONG": Intent.ENTRY, "EXIT_SHORT": Intent.EXIT}
    assert signal.intent is purpose.get(action, Intent.ANY)
    assert (signal.person_reasons, signal.warnings) == ((), ())


@given(price=PRICES, quantity=st.integers(1000, 10**9))
def test_a_repaired_number_is_the_number_that_was_meant(price, quantity):
    body = f'{{"symbol":"NSE:A","side":"BUY","price":{price:,},"qty":{quantity:,}}}'
    signal = interpret(read(body.encode()))
    assert (signal.price, signal.quantity) == (price, quantity)
    assert signal.repaired


@given(data=OBJECTS)
def test_the_digest_is_one_for_every_spelling(data):
    try:
        first = read(json.dumps(data).encode())
    except Rejection:
        assume(False)
    shuffled = dict(reversed(data.items())) | {"secret": "another"}
    again = json.dumps(shuffled, indent=1, ensure_ascii=True).encode()
    assert read(again).digest == first.digest


SECRETS = st.text(
    st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=4, max_size=20
)
WRAPS = st.lists(st.sampled_from(["ascii", "unicode"]), max_size=3)


@given(secret=SECRETS, data=OBJECTS, place=st.sampled_from(["secret", "meta", "text", "key"]),
       wraps=WRAPS, cut=st.integers(0, 5))  # fmt: skip
def test_the_secret_never_survives_blanking(secret, data, place, wraps, cut):
    carriers = {
        "secret": {"secret": secret},
        "meta": {"meta": {"secret": secret}},
        "text": {"comment": f"a{secret}b"},
        "key": {secret: 1},
    }
    data = json.loads(json.dumps(data).replace("***", "")) | carriers[place]
    text = json.dumps(data, ensure_ascii=False)
    for wrap in wraps:
        text = json.dumps(text, ensure_ascii=wrap == "ascii")
    blanked = blank_secret(text[: len(text) - cut], [secret])

    assert secret not in blanked
    assert json.dumps(secret)[1:-1] not in blanked


@given(secret=SECRETS, ascii_only=st.booleans())
def test_a_secret_in_a_cut_off_body_is_found_and_blanked(secret, ascii_only):
    body = json.dumps({"secret": secret, "symbol": "X"}, ensure_ascii=ascii_only)[:-3].encode()
    assert quoted_secret_in(body, [secret]) == secret
    assert secret not in blank_secret(as_text(body), [secret])
