"""The webhook's secret is shown on demand alone, and rotated with grace."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from sigmatrader import clock
from tests.factories import StrategyFactory
from trading.models import WebhookSecret
from trading.services import webhook_secrets

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


def test_the_secret_is_shown_on_a_post(strategies):
    response = strategies.client.post(reverse("show_secret"))
    page = text_of(response)
    assert block(page, "webhook-secret") == SECRET
    assert "no-store" in response.headers["Cache-Control"]


def test_a_strategy_with_a_secret_of_its_own_gets_that_one(strategies):
    page = text_of(strategies.client.post(reverse("show_secret"), {"strategy": strategies.own.pk}))
    assert block(page, "webhook-secret") == OWN
    assert SECRET not in page
    page = text_of(
        strategies.client.post(reverse("show_secret"), {"strategy": strategies.plain.pk})
    )
    assert block(page, "webhook-secret") == SECRET


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


@pytest.mark.parametrize("query", [{"strategy": "abc"}, {"strategy": "9" * 30}])
def test_nonsense_in_the_address_is_shown_as_such(strategies, query):
    response = strategies.client.get(reverse("settings"), query)
    assert response.status_code == 200
    assert "errorlist" in text_of(response)


def test_a_strategys_own_secret_is_rotated_and_no_other(strategies):
    response = strategies.client.post(
        reverse("rotate_secret"), {"whose": strategies.own.pk, "grace": "1"}
    )
    assert "new secret for supertrend" in said(response)
    assert webhook_secrets.current() == SECRET
    assert webhook_secrets.current(strategies.own) != OWN
    known = webhook_secrets.stored(clock.now())
    assert webhook_secrets.matches([OWN], strategies.own.pk, known)


def test_a_strategys_first_own_secret_leaves_the_common_one_its_grace(strategies):
    strategies.client.post(reverse("rotate_secret"), {"whose": strategies.plain.pk, "grace": "24"})
    pk = strategies.plain.pk
    assert webhook_secrets.current(strategies.plain) not in (SECRET, None)
    soon, later = clock.now() + timedelta(hours=23), clock.now() + timedelta(hours=25)
    assert webhook_secrets.matches([SECRET], pk, webhook_secrets.stored(soon))
    assert not webhook_secrets.matches([SECRET], pk, webhook_secrets.stored(later))
    assert webhook_secrets.matches([SECRET], None, webhook_secrets.stored(later))


def test_a_strategys_first_own_secret_without_grace_ends_the_common_one_for_it(strategies):
    strategies.client.post(reverse("rotate_secret"), {"whose": strategies.plain.pk, "grace": "0"})
    known = webhook_secrets.stored(clock.now())
    assert not webhook_secrets.matches([SECRET], strategies.plain.pk, known)


@pytest.mark.parametrize("whose", ["abc", "-1", "99999999"])
def test_a_strategy_that_is_not_there_rotates_nothing(strategies, whose):
    before = WebhookSecret.objects.count()
    response = strategies.client.post(reverse("rotate_secret"), {"whose": whose, "grace": "1"})
    assert "errorlist" in text_of(response)
    assert WebhookSecret.objects.count() == before


def test_each_strategy_leads_to_a_message_for_it(strategies):
    page = text_of(strategies.client.get(reverse("settings")))
    assert f"{reverse('message_builder')}?strategy=Dual%20MA" in page


def test_what_the_page_leads_to_within_itself_is_there(strategies):
    page = text_of(strategies.client.get(reverse("settings")))
    jumps = re.findall(r'<a href="#([\w-]+)">', page[page.index('class="jump"') :])
    assert len(jumps) > 6
    assert [one for one in jumps if f'id="{one}"' not in page] == []


def test_a_login_without_the_permission_is_offered_no_secret(client, reader, strategies):
    client.force_login(reader)
    page = text_of(client.get(reverse("settings")))
    assert reverse("show_secret") not in page
    assert "Can change webhook secret" in page


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
