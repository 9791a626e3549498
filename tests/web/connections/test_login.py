"""The way through Zerodha's login in a browser."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from brokers.models import BrokerConnection
from tests.support.browser_login import come_back, connection, log_in, texts

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_login_goes_to_zerodha_and_comes_back_to_the_settings(desk, kite, method):
    account = connection(kite.root)
    begun = getattr(desk.client, method)(reverse("zerodha_login"), {"connection": account.pk})
    assert begun.status_code == 302
    assert begun.url.startswith(f"{kite.root}/connect/login?")
    back = come_back(desk.client, kite, begun.url)
    assert (back.status_code, back.url) == (302, f"{reverse('settings')}#accounts")
    assert back.headers["Referrer-Policy"] == "no-referrer"
    assert re.fullmatch(r"sim is connected as SIM001 until \d\d \w{3}, 06:00 IST\.", texts(back)[0])
    account.refresh_from_db()
    assert account.access_token


def test_the_callback_works_without_the_slash_and_without_a_redirect_of_ours(desk, kite):
    account = connection(kite.root)
    begun = desk.client.get(reverse("zerodha_login"), {"connection": account.pk})
    state = parse_qs(parse_qs(urlsplit(begun.url).query)["redirect_params"][0])["state"][0]
    token = kite.request_token()
    bare = f"/brokers/zerodha/callback?status=success&request_token={token}&state={state}"
    assert desk.client.get(bare).url == f"{reverse('settings')}#accounts"


def test_a_wrong_state_gives_400_and_says_what_to_do(desk, kite):
    account = connection(kite.root)
    begun = desk.client.get(reverse("zerodha_login"), {"connection": account.pk})
    token = kite.request_token()
    wrong = come_back(desk.client, kite, begun.url, state="forged", request_token=token)
    page = unescape(wrong.content.decode())
    assert wrong.status_code == 400
    assert wrong.headers["Referrer-Policy"] == "no-referrer"
    assert "not begun in SigmaTrader" in page and "Begin again" in page
    assert token not in page and "forged" not in page
    account.refresh_from_db()
    assert not account.access_token_encrypted


def test_a_used_state_gives_400(desk, kite):
    account = connection(kite.root)
    begun = desk.client.get(reverse("zerodha_login"), {"connection": account.pk})
    come_back(desk.client, kite, begun.url)
    again = come_back(desk.client, kite, begun.url)
    assert again.status_code == 400
    assert "used already" in unescape(again.content.decode())


def test_another_browser_cannot_finish_the_login(desk, kite):
    account = connection(kite.root)
    begun = desk.client.get(reverse("zerodha_login"), {"connection": account.pk})
    elsewhere = Client()
    elsewhere.force_login(desk.person)
    assert come_back(elsewhere, kite, begun.url).status_code == 400
    assert come_back(desk.client, kite, begun.url).status_code == 302


def test_a_browser_that_is_not_logged_in_here_is_asked_to_without_the_token(desk, kite):
    account = connection(kite.root)
    begun = desk.client.get(reverse("zerodha_login"), {"connection": account.pk})
    back = come_back(Client(), kite, begun.url)
    assert back.status_code == 302
    assert back.url == f"{reverse('login')}?next=%2Fsettings%2F"
    assert "Log in here" in texts(back)[0]
    account.refresh_from_db()
    assert not account.access_token_encrypted


def test_a_login_that_was_given_up_is_a_message(desk, kite):
    account = connection(kite.root)
    begun = desk.client.get(reverse("zerodha_login"), {"connection": account.pk})
    back = come_back(desk.client, kite, begun.url, status="cancelled", request_token="")
    assert back.status_code == 302
    assert "did not log you in" in texts(back)[0]


@pytest.mark.parametrize("name", ["zerodha_login", "zerodha_connect", "zerodha_disconnect"])
def test_nobody_touches_a_session_without_logging_in(client, name):
    assert client.post(reverse(name)).url.startswith(reverse("login"))


@pytest.mark.parametrize("name", ["zerodha_connect", "zerodha_disconnect", "make_default"])
def test_what_changes_something_takes_a_post_with_a_csrf_token(desk, name):
    assert desk.client.get(reverse(name)).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(desk.person)
    assert strict.post(reverse(name)).status_code == 403


@pytest.mark.parametrize("named", ["nobody", "99999999999", "9" * 40, "\x00", "'"])
def test_a_connection_that_is_not_there_is_told(desk, named):
    begun = desk.client.get(reverse("zerodha_login"), {"connection": named})
    assert begun.url == f"{reverse('settings')}#accounts"
    assert "There is no connection" in texts(begun)[0]


def test_a_token_can_be_pasted(desk, kite):
    account = connection(kite.root)
    token = kite.request_token()
    done = desk.client.post(
        reverse("zerodha_connect"),
        {"connection": account.pk, "request_token": f"http://x/?request_token={token}"},
    )
    assert "connected as SIM001" in texts(done)[0]
    again = desk.client.post(
        reverse("zerodha_connect"), {"connection": account.pk, "request_token": token}
    )
    assert "refused the request token" in texts(again)[-1]
    assert token not in " ".join(texts(again))


def test_disconnect_says_whether_zerodha_heard_of_it(desk, kite):
    account = connection(kite.root)
    log_in(desk.client, kite, account)
    done = desk.client.post(reverse("zerodha_disconnect"), {"connection": account.pk})
    assert texts(done)[-1] == "sim is disconnected, here and at Zerodha."
    log_in(desk.client, kite, account)
    kite.stop()
    done = desk.client.post(reverse("zerodha_disconnect"), {"connection": account.pk})
    assert "could not be ended" in texts(done)[-1]


def test_the_default_is_made_by_those_who_may(desk, reader):
    account = connection(name="live")
    address = reverse("make_default")
    other = Client()
    other.force_login(reader)
    assert other.post(address, {"connection": account.pk}).status_code == 403
    desk.client.post(address, {"connection": account.pk})
    assert list(BrokerConnection.objects.filter(is_default=True)) == [account]
    BrokerConnection.objects.filter(pk=desk.paper.pk).update(enabled=False)
    refused = desk.client.post(address, {"connection": desk.paper.pk})
    assert "switched off" in texts(refused)[-1]
