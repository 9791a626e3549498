"""The builder's message, with values filled in, means to the webhook what was chosen."""

import json
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from trading.domain.signal import QUANTITY_MISSING, Intent, Signal
from trading.domain.values import OrderType, Product, Side, Validity
from trading.webhooks import message, placeholders
from trading.webhooks.advice import Context, Level
from trading.webhooks.lint import lint
from trading.webhooks.message import Action, Choices, Kind, Sample, Sizing
from trading.webhooks.payload import interpret, presented_secrets, read

NOW = datetime(2026, 11, 23, 10, 0, 1, tzinfo=UTC)
SECRET = "a-right-good-secret"

PRICES = st.sampled_from(["", "1499.5", "{{close}}", '{{plot("Level")}}', "{{plot_3}}"])
DRAWN_PRICES = st.sampled_from(["", "1499.5", "{{close}}"])  # a drawing has no plots
TEXTS = st.sampled_from(["", "gap filled", "it's {{ticker}} at {{close}}", 'said "go" \\ now'])
IDS = st.sampled_from(["", "gap {{ticker}} {{timenow}}"])


@st.composite
def choices(draw):
    kind = draw(st.sampled_from(Kind))
    scripted = kind is Kind.STRATEGY
    prices = DRAWN_PRICES if kind is Kind.DRAWING else PRICES
    quantities = ["75"] if kind is Kind.DRAWING else ["75", '{{plot("Size")}}']
    action = draw(st.sampled_from([one for one in Action if scripted or one is not Action.SCRIPT]))
    sizing = draw(st.sampled_from([one for one in Sizing if scripted or one is not Sizing.SCRIPT]))
    order_type = draw(st.sampled_from([None, *OrderType]))
    gtt = order_type is OrderType.LIMIT and draw(st.booleans())
    needs_trigger = order_type is not None and order_type.needs_trigger
    return Choices(
        kind=kind,
        strategy=draw(st.sampled_from(["supertrend", "Dual MA & co (5)", "रणनीति"])),
        action=action,
        sizing=sizing,
        quantity=draw(st.sampled_from(quantities)) if sizing is Sizing.NUMBER else "",
        symbol=draw(st.sampled_from([message.CHART_SYMBOL, "NFO:NIFTY26DECFUT", "NSE:M&M"])),
        product=draw(st.sampled_from([None, *Product])),
        order_type=order_type,
        gtt=gtt,
        validity=Validity.DAY if gtt else draw(st.sampled_from([Validity.DAY, Validity.IOC])),
        price=draw(prices),
        trigger_price=draw(prices.filter(bool)) if needs_trigger else "",
        stop_price="" if action.closes else draw(prices),
        take_profit="" if action.closes else draw(prices),
        trail_distance="" if action.closes else draw(st.sampled_from(["", "5"])),
        alert_id=draw(IDS),
        comment=draw(TEXTS),
    )


SAMPLES = st.builds(
    Sample,
    symbol=st.sampled_from(["NSE:INFY", "BSE:TCS"]),
    action=st.sampled_from(["buy", "sell"]),
    quantity=st.sampled_from(["1", "150"]),
    price=st.sampled_from(["1500", "12.35"]),
)
SIDES = {
    Action.BUY: (Side.BUY, Intent.ANY),
    Action.SELL: (Side.SELL, Intent.ANY),
    Action.ENTRY_LONG: (Side.BUY, Intent.ENTRY),
    Action.ENTRY_SHORT: (Side.SELL, Intent.ENTRY),
    Action.EXIT_LONG: (Side.SELL, Intent.EXIT),
    Action.EXIT_SHORT: (Side.BUY, Intent.EXIT),
}


def units_of(chosen, sample):
    if chosen.sizing is Sizing.SCRIPT:
        return int(sample.quantity)
    if chosen.sizing is Sizing.NUMBER:
        return 75 if chosen.quantity == "75" else int(sample.quantity)
    # Left out by an entry of a script, the position after it is a good guess, for a person.
    guessed = chosen.kind is Kind.STRATEGY and chosen.action in (
        Action.ENTRY_LONG,
        Action.ENTRY_SHORT,
    )
    return int(sample.quantity) if guessed else 0


@settings(max_examples=400)
@given(choices(), SAMPLES)
def test_every_combination_is_understood_as_it_was_chosen(chosen, sample):
    document = read(message.filled(chosen, SECRET, sample, NOW).encode())
    signal = interpret(document)

    assert presented_secrets(document, None) == [SECRET]
    assert not document.repaired
    assert isinstance(signal, Signal)
    assert signal.strategy_name == chosen.strategy
    side, intent = SIDES.get(chosen.action) or (Side(sample.action.upper()), Intent.ANY)
    assert (signal.side, signal.intent) == (side, intent)
    charted = chosen.symbol == message.CHART_SYMBOL
    assert signal.symbol == (sample.symbol if charted else chosen.symbol)
    assert signal.quantity == units_of(chosen, sample)
    assert (signal.order_type, signal.gtt) == (chosen.order_type, chosen.gtt)
    assert (signal.product, signal.validity) == (chosen.product, chosen.validity)
    assert signal.price is not None
    assert signal.alert_time == NOW
    if chosen.price == "1499.5":
        assert signal.price == Decimal("1499.5")
    if chosen.stop_price == "1499.5":
        assert signal.exit_plan["stop_price"] == "1499.5"
    assert ("take_profit" in signal.exit_plan) == bool(chosen.take_profit)
    assert ("trail_dist" in signal.exit_plan) == bool(chosen.trail_distance)
    assert (signal.alert_id is not None) == bool(chosen.alert_id)
    assert set(signal.person_reasons) <= {
        QUANTITY_MISSING,
        "The quantity was taken from the alert's position_size.",
    }


@settings(max_examples=300)
@given(choices())
def test_the_check_finds_nothing_to_mend_in_what_the_builder_makes(chosen):
    context = Context(kind=chosen.kind, strategies=[chosen.strategy])
    report = lint(message.message(chosen, SECRET), NOW, context)
    allowed = {"waits"} if chosen.sizing is Sizing.LEFT_OUT else set()
    serious = [one for one in report.findings if one.level is not Level.NOTE]
    assert [one for one in serious if one.code not in allowed] == []
    assert report.mended is None


@given(choices())
def test_one_line_and_many_lines_are_the_same_message(chosen):
    pretty, line = message.message(chosen, SECRET), message.one_line(chosen, SECRET)
    assert "\n" not in line
    sample = dict.fromkeys(("plot_3",), "1")
    one, other = (json.loads(placeholders.fill(text, NOW, sample)) for text in (pretty, line))
    assert one == other


def test_a_plot_stands_in_the_message_as_tradingview_looks_for_it():
    text = message.message(Choices(stop_price='{{plot("Stop loss")}}'), None)
    assert '"stop_price": "{{plot("Stop loss")}}"' in text
    assert '"secret": "YOUR-SECRET"' in text


def test_in_a_try_the_stop_is_on_the_losing_side_whichever_the_side_is():
    chosen = Choices(stop_price='{{plot("Stop")}}', take_profit='{{plot("Target")}}')
    for action, low, high in (
        ("buy", "stop_price", "take_profit"),
        ("sell", "take_profit", "stop_price"),
    ):
        body = json.loads(message.filled(chosen, None, Sample(action=action), NOW))
        assert Decimal(body["hints"][low]) < 1500 < Decimal(body["hints"][high])


def test_a_misspelt_placeholder_stays_as_tradingview_leaves_it():
    assert placeholders.fill("{{close}} {{clsoe}} {{plot_20}}", NOW) == "1500 {{clsoe}} {{plot_20}}"
    assert placeholders.nearest("clsoe") == "close"
    assert placeholders.nearest("strategy.order.actions") == "strategy.order.action"
    assert placeholders.nearest("nothing.like.it") is None
