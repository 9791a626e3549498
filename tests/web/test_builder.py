"""The message builder as a page: what is chosen, tried, sent and checked."""

import json
import re
import shlex
from html import unescape

import pytest
from django.urls import reverse

from brokers.models import BrokerConnection
from sigmatrader import clock
from tests.factories import StrategyFactory
from tests.web.conftest import HX
from trading.domain.order import Status
from trading.domain.session import trading_day
from trading.models import Alert, Instrument, InstrumentLoad, Order, WebhookSecret
from trading.services import webhook_secrets
from trading.webhooks import payload
from trading.webhooks.builder_form import BuilderForm

pytestmark = pytest.mark.django_db

SECRET = "the-common-secret-1"
OWN = "supertrends-own-secret"
CHOICES = {
    "kind": "INDICATOR",
    "strategy": "Dual MA",
    "action": "BUY",
    "sizing": "NUMBER",
    "quantity": "5",
    "symbol_from": "CHART",
    "exchange": "NSE",
    "symbol": "",
    "product": "MIS",
    "order_type": "LIMIT",
    "validity": "DAY",
    "price": "{{close}}",
    "sample_symbol": "NSE:INFY",
    "sample_action": "buy",
    "sample_quantity": "1",
    "sample_price": "1500",
}


@pytest.fixture
def builder(desk):
    webhook_secrets.create(SECRET)
    desk.plain = StrategyFactory(name="Dual MA")
    desk.own = StrategyFactory(name="supertrend")
    webhook_secrets.create(OWN, strategy=desk.own)
    return desk


def text_of(response) -> str:
    return unescape(response.content.decode())


def block(page: str, name: str) -> str:
    return re.search(rf'id="{name}"[^>]*>(.*?)</(?:pre|code)>', page, re.DOTALL).group(1)


def post(builder, name="message_builder", headers=HX, **changes):
    values = {key: value for key, value in (CHOICES | changes).items() if value is not ...}
    return builder.client.post(reverse(name), values, headers=headers)


def errors_of(**changes) -> dict[str, list[str]]:
    form = BuilderForm({**CHOICES, **changes})
    return {name: list(texts) for name, texts in form.errors.items()}


def test_the_page_begins_with_a_whole_message_and_no_secret(builder):
    query = {"strategy": "supertrend", "with_secret": "on", "secret": "1"}
    page = text_of(builder.client.get(reverse("message_builder"), query))
    message = json.loads(block(page, "message"))
    assert message["strategy_name"] == "supertrend"
    assert message["secret"] == "YOUR-SECRET"
    assert message["trade_details"]["order_action"] == "{{strategy.order.action}}"
    assert SECRET not in page
    assert OWN not in page
    assert "There is no strategy" not in page


def test_a_change_gives_the_message_alone(builder):
    page = text_of(post(builder))
    assert page.lstrip().startswith('<div id="made"')
    assert "<html" not in page
    message = json.loads(block(page, "message"))
    assert message["trade_details"] == {
        "order_action": "BUY",
        "quantity": "5",
        "order_type": "LIMIT",
        "price": "{{close}}",
        "product": "MIS",
    }
    assert "alertcondition(" in block(page, "pine-script")
    assert "Once Per Bar Close" in page


def test_without_javascript_the_whole_page_comes_back_with_the_choices(builder):
    page = text_of(post(builder, headers=None, strategy="supertrend"))
    assert "<html" in page
    assert 'value="supertrend"' in page
    assert json.loads(block(page, "message"))["strategy_name"] == "supertrend"


def test_the_secret_is_filled_in_on_demand_the_strategys_own_first(builder):
    page = text_of(post(builder, with_secret="on"))
    assert json.loads(block(page, "message"))["secret"] == SECRET
    assert SECRET in block(page, "curl")
    assert OWN not in page
    page = text_of(post(builder, with_secret="on", strategy="supertrend"))
    assert json.loads(block(page, "message"))["secret"] == OWN
    assert SECRET not in page


def test_without_a_secret_or_its_key_the_message_says_so(builder):
    WebhookSecret.objects.update(secret_encrypted="broken")
    assert "ST_CRYPTO_KEYS" in text_of(post(builder, with_secret="on"))
    WebhookSecret.objects.all().delete()
    assert "Rotate" in text_of(post(builder, with_secret="on"))


def test_a_login_without_the_permission_gets_messages_and_no_secret(client, reader, builder):
    client.force_login(reader)
    builder.client = client
    assert "YOUR-SECRET" in text_of(post(builder))
    assert post(builder, with_secret="on").status_code == 403
    assert post(builder, "message_send").status_code == 403
    page = text_of(client.get(reverse("message_builder")))
    assert "with_secret" not in page.replace("#id_with_secret", "")
    assert not Alert.objects.exists()


def test_the_command_line_carries_the_message_filled_in(builder):
    page = text_of(post(builder, with_secret="on", strategy="Dual MA & co"))
    words = shlex.split(block(page, "curl"))
    assert words[4] == "http://testserver/webhook/tradingview"
    document = payload.read(words[words.index("-d") + 1].encode())
    assert payload.presented_secrets(document, None) == [SECRET]
    signal = payload.interpret(document)
    assert (signal.strategy_name, signal.symbol, signal.quantity) == ("Dual MA & co", "NSE:INFY", 5)


def test_a_strategy_that_is_not_known_here_is_said_with_the_nearest(builder):
    page = text_of(post(builder, strategy="supertrnd"))
    assert "There is no strategy called" in page
    assert 'Did you mean "supertrend"?' in page


@pytest.mark.parametrize(
    ("changes", "name", "named"),
    [
        ({"strategy": ""}, "strategy", "Enter the name"),
        ({"strategy": "+danger"}, "strategy", "no strategy name"),
        ({"action": "SCRIPT"}, "action", "choose what to do"),
        ({"sizing": "SCRIPT"}, "sizing", "choose where"),
        ({"quantity": ""}, "quantity", "how many"),
        ({"quantity": "2.5"}, "quantity", "whole number"),
        ({"quantity": "{{strategy.order.contracts}}"}, "quantity", "strategy script"),
        ({"kind": "DRAWING", "price": '{{plot("x")}}'}, "price", "no plots"),
        ({"price": "{{clsoe}}"}, "price", "Did you mean {{close}}?"),
        ({"price": "{{close}} {{open}}"}, "price", "one placeholder"),
        ({"price": "{{ticker}}"}, "price", "gives a number"),
        ({"price": "-5"}, "price", "negative"),
        ({"order_type": "SL-M"}, "trigger_price", "needs one"),
        ({"symbol_from": "FIXED"}, "symbol", "INFY"),
        ({"symbol_from": "FIXED", "symbol": "NSE:INFY"}, "symbol", "exchange beside it"),
        ({"symbol_from": "FIXED", "symbol": "IN FY"}, "symbol", "Allowed are"),
        ({"alert_id": "gap"}, "alert_id", "same each time"),
        ({"alert_id": "{{timenwo}}"}, "alert_id", "{{timenow}}"),
        ({"alert_id": "“{{time}}”"}, "alert_id", "no id"),
        ({"comment": "a\ttab"}, "comment", "printable"),
        ({"sample_symbol": "INFY"}, "sample_symbol", "NSE:INFY"),
        ({"sample_price": "0"}, "sample_price", "above 0"),
        ({"sample_quantity": "{{close}}"}, "sample_quantity", "above 0"),
        ({"kind": "NONE"}, "kind", "valid choice"),
        ({"order_type": "BRACKET"}, "order_type", "valid choice"),
    ],
)
def test_a_choice_that_does_not_fit_is_named_with_the_fix(changes, name, named):
    errors = errors_of(**changes)
    assert list(errors) == [name]
    assert named in " ".join(errors[name])


@pytest.mark.parametrize(
    "changes",
    [
        {"sizing": "LEFT_OUT", "quantity": "many"},
        {"order_type": "MARKET", "price": "abc", "trigger_price": "abc"},
        {"symbol": "IN FY", "exchange": "NOWHERE"},
        {"action": "EXIT_LONG", "stop_price": "abc", "take_profit": "{{strategy.order.price}}"},
        {"price": "₹1,499.50"},
    ],
)
def test_what_the_choices_have_no_use_for_can_not_be_wrong(changes):
    assert errors_of(**changes) == {}


def test_an_error_is_told_in_place_of_a_message(builder):
    page = text_of(post(builder, quantity=""))
    assert 'href="#id_quantity"' in page
    assert 'id="message"' not in page
    whole = post(builder, headers=None, quantity="")
    assert whole.status_code == 422
    assert "errorlist" in text_of(whole)


def test_a_try_says_what_would_become_of_it_and_stores_nothing(builder):
    page = text_of(post(builder, "message_try"))
    assert page.lstrip().startswith('<div id="trial"')
    assert "ACCEPTED" in page
    assert "wait in the queue for you" in page
    assert "Risk says" in page
    assert not Alert.objects.exists()
    assert not Order.objects.exists()


def test_a_test_that_is_sent_waits_in_the_queue_as_what_it_is(builder):
    page = text_of(post(builder, "message_send"))
    order = Order.objects.get()
    assert (order.status, order.qty, order.simulated) == (Status.WAITING, 5, True)
    assert order.alert.reason == "A test from the message builder"
    assert SECRET not in order.alert.raw_body
    assert reverse("queue") in page


def test_a_test_of_a_paper_strategy_goes_by_itself(builder):
    builder.plain.execution_mode = "AUTO"
    builder.plain.save()
    page = text_of(post(builder, "message_send"))
    order = Order.objects.get()
    assert order.status == Status.QUEUED
    assert reverse("order", args=[order.pk]) in page


@pytest.fixture
def live(builder):
    account = BrokerConnection.objects.create(
        name="zerodha", broker_name="zerodha", kind="LIVE", enabled=True
    )
    builder.plain.execution_target = "LIVE"
    builder.plain.connection = account
    builder.plain.save()
    return builder


@pytest.fixture
def todays_list():
    """Without it a live order waits for a person."""
    now = clock.now()
    Instrument.objects.create(
        exchange="NSE",
        tradingsymbol="INFY",
        search_key="INFY",
        listed_on=trading_day(now),
        name="INFY",
        instrument_type="EQ",
        segment="NSE",
    )
    InstrumentLoad.objects.create(
        started_at=now, finished_at=now, listed_on=trading_day(now), rows=1
    )


@pytest.mark.usefixtures("todays_list")
def test_a_test_that_would_move_real_money_by_itself_is_not_sent(live):
    live.plain.execution_mode = "AUTO"
    live.plain.save()
    assert "go by itself (AUTO)" in text_of(post(live, "message_try"))
    page = text_of(post(live, "message_send"))
    assert "was not sent" in page
    assert not Order.objects.exists()
    assert not Alert.objects.exists()


def test_a_test_on_a_manual_live_strategy_waits_for_a_person(live):
    post(live, "message_send")
    order = Order.objects.get()
    assert (order.status, order.simulated) == (Status.WAITING, False)


@pytest.mark.parametrize("sizing", ["NUMBER", "LEFT_OUT"])
def test_a_close_is_never_tested_on_a_live_account(live, sizing):
    """It would cancel the strategy's entries on its way in, even where nothing is open."""
    live.client.post(reverse("message_send"), CHOICES, headers=HX)
    entry = Order.objects.get()
    page = text_of(post(live, "message_send", action="EXIT_LONG", sizing=sizing))
    assert "was not sent" in page
    entry.refresh_from_db()
    assert entry.status == Status.WAITING
    assert Alert.objects.count() == 1


def test_a_pasted_message_is_checked_and_its_secret_is_not_sent_back(builder):
    text = f'{{\'secret\': \'{SECRET}\', "symbol": {{{{ticker}}}}, "side": "BUY",}}'
    for headers in (HX, None):
        response = builder.client.post(
            reverse("message_check"), {"message": text, "fired_by": ""}, headers=headers
        )
        page = text_of(response)
        assert response.status_code == 200
        assert "stands in single quotes" in page
        assert '"symbol": "{{ticker}}"' in block(page, "mended")
        assert SECRET not in page


def test_a_good_message_is_called_good(builder):
    body = text_of(post(builder, with_secret="on"))
    response = builder.client.post(
        reverse("message_check"),
        {"message": block(body, "message"), "fired_by": "INDICATOR"},
        headers=HX,
    )
    assert "Nothing to mend" in text_of(response)


@pytest.mark.parametrize("message", ["", f'{{"secret": "{SECRET}"' + "x" * 20_000])
@pytest.mark.parametrize("headers", [HX, None])
def test_what_can_not_be_checked_is_said_and_not_sent_back(builder, message, headers):
    response = builder.client.post(reverse("message_check"), {"message": message}, headers=headers)
    assert response.status_code == (200 if headers else 422)
    assert SECRET not in text_of(response)
    assert ("Paste a message first." if not message else "16384") in text_of(response)


@pytest.mark.parametrize("name", ["message_try", "message_send", "message_check"])
def test_actions_take_a_post_alone(builder, name):
    assert builder.client.get(reverse(name)).status_code == 405


def test_a_message_with_a_number_of_thousands_of_digits_is_checked(builder):
    text = f'{{"symbol": "NSE:INFY", "order_action": "BUY", "quantity": {"9" * 5000}}}'
    for name in ("message_check", "alert_test"):
        page = text_of(builder.client.post(reverse(name), {"message": text}))
        assert "quantity" in page


def test_half_a_character_in_a_message_inside_a_text_gives_no_error_page(builder):
    text = json.dumps('{"stop_p\ud800rice": "{{close\ud800}", "symbol": "NSE:INFY"}')
    for name in ("message_check", "alert_test"):
        assert builder.client.post(reverse(name), {"message": text}).status_code == 200


@pytest.mark.parametrize("text", ["\x00", "<script>alert(1)</script>", "{{{{{{", "9" * 99])
def test_nonsense_gives_no_error_page(builder, text):
    for name in ("strategy", "quantity", "price", "symbol", "alert_id", "comment", "kind"):
        for page in ("message_builder", "message_try"):
            response = post(builder, page, symbol_from="FIXED", **{name: text})
            assert response.status_code == 200
            assert "<script>alert" not in response.content.decode()
    response = builder.client.post(reverse("message_check"), {"message": text}, headers=HX)
    assert response.status_code == 200
    query = {"strategy": text, "kind": text}
    assert builder.client.get(reverse("message_builder"), query).status_code in (200, 422)


def test_the_test_page_names_slips_that_the_webhook_forgives(builder):
    text = f'{{"secret": "{SECRET}", "symbol": "NSE:INFY", "order_action": "BUY", "quantity": 1,}}'
    page = text_of(builder.client.post(reverse("alert_test"), {"message": text}))
    assert "comma before a closing bracket" in page
