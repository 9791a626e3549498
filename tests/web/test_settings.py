"""The webhook's secret is shown on demand alone; the messages on the page are understood."""

import json
import re
import shlex
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from sigmatrader import clock
from tests.factories import StrategyFactory
from trading.domain.values import Product, Side
from trading.models import WebhookSecret
from trading.services import webhook_secrets
from trading.web.message import curl, first_alert, tradingview_message
from trading.webhooks import payload

pytestmark = pytest.mark.django_db

SECRET = "the-common-secret-1"
OWN = "supertrends-own-secret"


@pytest.fixture
def strategies(desk):
    webhook_secrets.create(SECRET)
    desk.plain = StrategyFactory(name="Dual MA", default_product="CNC")
    desk.own = StrategyFactory(name="supertrend")
    webhook_secrets.create(OWN, strategy=desk.own)
    return desk


def text_of(response) -> str:
    return unescape(response.content.decode())


def said(response) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def block(page: str, name: str) -> str:
    return re.search(rf'id="{name}"[^>]*>(.*?)</(?:pre|code)>', page, re.DOTALL).group(1)


def test_the_page_shows_the_address_and_no_secret(strategies):
    page = text_of(strategies.client.get(reverse("settings"), {"secret": "1", "show": "1"}))
    assert block(page, "webhook-address") == "http://testserver/webhook/tradingview"
    assert SECRET not in page
    assert OWN not in page
    assert "YOUR-SECRET" in block(page, "message")


def test_the_secret_is_shown_on_a_post_and_stands_in_both_messages(strategies):
    response = strategies.client.post(reverse("show_secret"))
    page = text_of(response)
    assert block(page, "webhook-secret") == SECRET
    assert json.loads(block(page, "message"))["secret"] == SECRET
    assert SECRET in block(page, "curl")
    assert "no-store" in response.headers["Cache-Control"]


def test_a_strategy_with_a_secret_of_its_own_gets_that_one(strategies):
    page = text_of(strategies.client.post(reverse("show_secret"), {"strategy": strategies.own.pk}))
    assert block(page, "webhook-secret") == OWN
    assert SECRET not in page
    page = text_of(
        strategies.client.post(reverse("show_secret"), {"strategy": strategies.plain.pk})
    )
    assert block(page, "webhook-secret") == SECRET
    assert json.loads(block(page, "message"))["strategy_name"] == "Dual MA"


def test_an_address_to_the_secret_shows_nothing(strategies):
    response = strategies.client.get(reverse("show_secret"))
    assert response.url == reverse("settings")


def test_without_a_secret_the_page_says_to_make_one(desk):
    response = desk.client.post(reverse("show_secret"))
    assert response.status_code == 200
    assert "make one with Rotate" in text_of(response)


def test_a_secret_that_can_not_be_read_is_said(strategies):
    WebhookSecret.objects.update(secret_encrypted="broken")
    page = text_of(strategies.client.post(reverse("show_secret")))
    assert "ST_CRYPTO_KEYS" in page


def test_rotating_makes_a_new_secret_and_keeps_the_old_for_the_grace(strategies):
    response = strategies.client.post(reverse("rotate_secret"), {"grace": "24"})
    assert response.url == reverse("settings")
    assert "24 hours" in said(response)
    fresh = webhook_secrets.current()
    assert fresh != SECRET
    assert fresh not in said(response)
    soon, later = clock.now() + timedelta(hours=23), clock.now() + timedelta(hours=25)
    assert webhook_secrets.matches([SECRET], None, webhook_secrets.stored(soon))
    assert not webhook_secrets.matches([SECRET], None, webhook_secrets.stored(later))
    assert webhook_secrets.current(strategies.own) == OWN


def test_rotating_without_grace_voids_the_old_secret_at_once(strategies):
    response = strategies.client.post(reverse("rotate_secret"), {"grace": "0"})
    assert "void" in said(response)
    known = webhook_secrets.stored(clock.now())
    assert not webhook_secrets.matches([SECRET], None, known)


@pytest.mark.parametrize("grace", ["", "-1", "5", "abc", "99999999999"])
def test_a_grace_that_is_not_offered_rotates_nothing(strategies, grace):
    response = strategies.client.post(reverse("rotate_secret"), {"grace": grace})
    assert "errorlist" in text_of(response)
    assert webhook_secrets.current() == SECRET


def test_rotating_takes_a_post(strategies):
    assert strategies.client.get(reverse("rotate_secret")).status_code == 405
    assert webhook_secrets.current() == SECRET


@pytest.mark.parametrize("query", [{"strategy": "abc"}, {"strategy": "9" * 30}, {"product": "X"}])
def test_nonsense_in_the_address_is_shown_as_such(strategies, query):
    response = strategies.client.get(reverse("settings"), query)
    assert response.status_code == 200
    assert "errorlist" in text_of(response)


def test_what_tradingview_makes_of_the_message_is_understood():
    message = tradingview_message(SECRET, "Dual MA", "CNC")
    filled = {
        "{{strategy.order.action}}": "sell",
        "{{strategy.order.contracts}}": "5",
        "{{strategy.order.price}}": "1500.5",
        "{{strategy.order.id}}": "Short",
        "{{strategy.market_position}}": "short",
        "{{strategy.position_size}}": "5",
        "{{strategy.order.comment}}": "trend is over",
        "{{exchange}}": "NSE",
        "{{ticker}}": "INFY",
        "{{interval}}": "15",
        "{{time}}": "2026-11-23T09:45:00Z",
        "{{timenow}}": "2026-11-23T10:00:01Z",
    }
    for placeholder, value in filled.items():
        assert placeholder in message
        message = message.replace(placeholder, value)
    assert "{{" not in message
    document = payload.read(message.encode())
    assert payload.presented_secrets(document, None) == [SECRET]
    signal = payload.interpret(document)
    assert (signal.symbol, signal.side, signal.quantity) == ("NSE:INFY", Side.SELL, 5)
    assert (signal.strategy_name, signal.product) == ("Dual MA", Product.CNC)
    assert signal.warnings == ()
    assert signal.person_reasons == ()


def test_the_command_line_carries_a_first_alert_that_is_understood():
    body = first_alert("it's-a-secret", "Dual MA & co (5)")
    words = shlex.split(curl("https://trader.example.com/webhook/tradingview", body))
    assert words[:4] == ["curl", "-sS", "-X", "POST"]
    assert words[4] == "https://trader.example.com/webhook/tradingview"
    sent = words[words.index("-d") + 1]
    document = payload.read(sent.encode())
    assert payload.presented_secrets(document, None) == ["it's-a-secret"]
    assert payload.interpret(document).quantity == 1


def test_accounts_and_strategies_stand_with_links_to_edit(strategies, live_account):
    page = text_of(strategies.client.get(reverse("settings")))
    assert reverse("admin:trading_strategy_change", args=[strategies.own.pk]) in page
    assert reverse("admin:brokers_brokerconnection_change", args=[live_account.pk]) in page
    assert 'class="money money-live">LIVE<' in page


def test_a_login_without_the_permission_sees_and_changes_no_secret(
    client, django_user_model
) -> None:
    client.force_login(django_user_model.objects.create_user("ravi"))
    assert client.post(reverse("show_secret")).status_code == 403
    assert client.post(reverse("rotate_secret")).status_code == 403
