"""The way through Zerodha's login in a browser, the accounts on the settings page, the banners."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.conf import settings
from django.contrib.messages import get_messages
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, override_settings
from django.urls import reverse

from brokers.connections import NotChosen, choose, ensure_environment_connection, settle
from brokers.models import AccountState, BrokerConnection
from sigmatrader import clock
from tests.factories import StrategyFactory
from tests.support.kite import API_KEY, API_SECRET, simulator
from trading.models import WorkerHeartbeat

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

MONDAY = datetime(2026, 11, 23, tzinfo=clock.IST)
SATURDAY = datetime(2026, 11, 21, tzinfo=clock.IST)


@pytest.fixture
def kite():
    with simulator(rate_limits=False) as running:
        yield running


@pytest.fixture
def at():
    """`at(day, hour)`: the application's clock stands there (IST)."""

    def stand(day: datetime, hour: float) -> datetime:
        moment = (day + timedelta(hours=hour)).astimezone(UTC)
        clock.use(lambda: moment)
        return moment

    yield stand
    clock.use(None)


def connection(root: str = "", name: str = "sim", **fields: object) -> BrokerConnection:
    made = BrokerConnection(name=name, api_key=API_KEY, api_root=root)
    made.api_secret = API_SECRET
    settle(made)
    for field, value in fields.items():
        setattr(made, field, value)
    made.save()
    return made


def texts(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def page_of(client: Client, name: str = "settings") -> str:
    return unescape(client.get(reverse(name)).content.decode())


def come_back(client: Client, kite, address: str, user: str = "SIM001", **changed: str):
    """What Kite does after the login page: the browser at our callback."""
    given = parse_qs(parse_qs(urlsplit(address).query)["redirect_params"][0])
    values = {
        "action": "login",
        "status": "success",
        "request_token": kite.request_token(user),
        "state": given["state"][0],
        **changed,
    }
    return client.get(f"{reverse('zerodha_callback')}?{urlencode(values)}")


def log_in(client: Client, kite, account: BrokerConnection):
    begun = client.get(reverse("zerodha_login"), {"connection": account.pk})
    return come_back(client, kite, begun.url)


# -- the way there and back ----------------------------------------------------------------------


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


# -- the settings page ---------------------------------------------------------------------------


def test_the_cards_show_who_is_connected_and_for_how_long(desk, kite, at):
    account = connection(kite.root)
    log_in(desk.client, kite, account)
    account.refresh_from_db()
    at(MONDAY, 11.5)
    BrokerConnection.objects.update(token_expires_at=(MONDAY + timedelta(hours=30)))
    AccountState.objects.create(connection=account, available="484250.75", funds_read_at=MONDAY)
    page = page_of(desk.client)
    assert "Connected as SIM001" in page
    assert "18 h 30 m" in page and "24 Nov, 06:00" in page
    assert "₹4,84,250.75" in page
    assert account.access_token not in page and API_SECRET not in page
    assert "8 a second · 300 a minute · 4,000 a day" in page


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "Nobody has logged in yet"),
        ({"user_id": "AB1234"}, "until somebody logs in as AB1234"),
        ({"enabled": False}, "Switched off."),
        ({"api_key": ""}, "API key or secret missing"),
        (
            {"token_expires_at": MONDAY, "access_token_encrypted": "x", "user_id": "AB1234"},
            "The session ended",
        ),
    ],
)
def test_a_card_says_why_nothing_is_sent(desk, fields, text):
    connection(name="live", **fields)
    assert text in page_of(desk.client)


def test_a_card_names_the_strategies_that_trade_through_it(desk):
    account = connection(name="live")
    StrategyFactory(name="chosen", connection=account)
    StrategyFactory(name="by-default", execution_target="LIVE")
    StrategyFactory(name="gone", connection=account, archived=True)
    StrategyFactory(name="on-paper")
    page = desk.client.get(reverse("settings"))
    cards = {card.connection.name: card for card in page.context["cards"]}
    assert [one.name for one in cards["live"].strategies] == ["by-default", "chosen"]
    assert [one.name for one in cards["paper"].strategies] == ["on-paper"]


def test_the_addresses_to_register_are_those_of_the_outside(desk):
    assert "http://testserver/brokers/zerodha/callback/" in page_of(desk.client)
    outside = replace(settings.ST, PUBLIC_URL="https://trader.example.com")
    with override_settings(ST=outside):
        page = page_of(desk.client)
    assert "https://trader.example.com/brokers/zerodha/callback/" in page
    assert "https://trader.example.com/webhook/zerodha/postback" in page


# -- the banners ---------------------------------------------------------------------------------


PAGES = ("dashboard", "queue", "orders", "alerts", "positions", "risk", "settings")


@pytest.mark.parametrize("name", [*PAGES, "admin:index"])
def test_a_simulator_puts_a_band_on_every_page(desk, kite, name):
    assert "simulator-band" not in page_of(desk.client, name)
    connection(kite.root, "pretended")
    page = page_of(desk.client, name)
    assert "simulator-band" in page and "pretended" in page
    BrokerConnection.objects.filter(name="pretended").update(enabled=False)
    assert "simulator-band" not in page_of(desk.client, name)


def test_the_band_stands_on_the_login_page_too(desk, kite):
    connection(kite.root, "pretended")
    page = Client().get(reverse("login")).content.decode()
    assert "simulator-band" in page and "pretended exchange" in page


def needs_login(client: Client) -> bool:
    return re.search("Log in( again)?: live", page_of(client, "dashboard")) is not None


@pytest.mark.parametrize(
    ("day", "hour", "due"),
    [
        (MONDAY, 7.9, False),
        (MONDAY, 8.0, True),
        (MONDAY, 10.0, True),
        (MONDAY, 23.9, True),
        (MONDAY, 23.95, False),
        (SATURDAY, 10.0, False),
    ],
)
def test_log_in_again_is_said_on_trading_days_from_eight(desk, at, day, hour, due):
    account = connection(name="live", token_expires_at=day + timedelta(hours=6))
    StrategyFactory(connection=account)
    at(day, hour)
    assert needs_login(desk.client) is due
    if due:
        assert f"{reverse('zerodha_login')}?connection={account.pk}" in page_of(desk.client)


@pytest.mark.parametrize(
    ("fields", "again"),
    [
        ({}, False),
        ({"token_expires_at": MONDAY}, True),
        ({"user_id": "AB1234"}, True),
        ({"logged_in_at": MONDAY}, True),
    ],
)
def test_the_first_login_is_not_called_another_one(desk, at, fields, again):
    at(MONDAY, 8.5)
    WorkerHeartbeat.objects.create(
        worker_id="desk:1", host="desk", pid=1, started_at=clock.now(), beat_at=clock.now()
    )
    connection(name="live", **fields).make_default()
    page = page_of(desk.client, "dashboard")
    assert ("Log in again: live." in page) is again
    assert ("Log in: live." in page) is not again
    assert ("live:</span> not logged in yet" in page) is not again
    assert ("live:</span> Error" in page) is again


def test_a_session_that_ends_before_the_opening_is_due(desk, at):
    account = connection(name="live", access_token_encrypted="x")
    StrategyFactory(connection=account)
    at(MONDAY, 8.5)
    for ends, due in ((8.75, True), (30, False)):
        BrokerConnection.objects.filter(pk=account.pk).update(
            token_expires_at=MONDAY + timedelta(hours=ends)
        )
        assert needs_login(desk.client) is due


@pytest.mark.parametrize("fields", [{"enabled": False}, {"archived": True}])
def test_nobody_is_asked_to_log_in_for_a_strategy_that_is_off(desk, at, fields):
    account = connection(name="live")
    at(MONDAY, 10)
    assert not needs_login(desk.client)
    StrategyFactory(connection=account, **fields)
    assert not needs_login(desk.client)
    StrategyFactory(connection=account)
    assert needs_login(desk.client)


def test_the_default_account_needs_its_login_without_any_strategy(desk, at):
    connection(name="live").make_default()
    at(MONDAY, 10)
    assert needs_login(desk.client)


def test_an_account_that_is_switched_off_needs_none(desk, at):
    account = connection(name="live", enabled=False)
    StrategyFactory(connection=account)
    at(MONDAY, 10)
    assert not needs_login(desk.client)


# -- the admin -----------------------------------------------------------------------------------


def add_in_admin(client: Client, **fields: str):
    values = {"name": "mine", "broker_name": "zerodha", "enabled": "on", "api_key": "key"}
    return client.post(reverse("admin:brokers_brokerconnection_add"), {**values, **fields})


def test_a_new_zerodha_connection_is_bound_to_its_root_and_has_limits(desk):
    assert add_in_admin(desk.client, api_secret="s").status_code == 302
    made = BrokerConnection.objects.get(name="mine")
    assert (made.kind, made.api_root) == ("LIVE", "https://api.kite.trade")
    assert (made.orders_per_second, made.orders_per_minute, made.orders_per_day) == (8, 300, 4000)
    assert not made.is_default


def test_a_connection_to_this_machine_is_a_simulator(desk):
    add_in_admin(desk.client, api_root="http://127.0.0.1:9000/", orders_per_second="3")
    made = BrokerConnection.objects.get(name="mine")
    assert (made.kind, made.api_root) == ("SIMULATOR", "http://127.0.0.1:9000")
    assert (made.orders_per_second, made.orders_per_minute) == (3, 300)


def test_another_address_is_refused(desk):
    refused = add_in_admin(desk.client, api_root="https://kite.example")
    assert refused.status_code == 200
    assert "Leave it empty" in refused.content.decode()


def test_a_new_api_key_ends_the_session_of_the_old_one(desk):
    account = connection(name="live", token_expires_at=MONDAY, access_token_encrypted="x")
    address = reverse("admin:brokers_brokerconnection_change", args=[account.pk])
    values = {"name": "live", "enabled": "on", "api_secret": ""}
    desk.client.post(address, {**values, "api_key": API_KEY})
    account.refresh_from_db()
    assert account.access_token_encrypted == "x"
    desk.client.post(address, {**values, "api_key": "another"})
    account.refresh_from_db()
    assert (account.access_token_encrypted, account.token_expires_at) == ("", None)
    assert account.api_secret == API_SECRET


def test_the_list_says_how_each_connection_stands(desk):
    connection(name="live")
    page = page_of(desk.client, "admin:brokers_brokerconnection_changelist")
    assert "live is not connected: log in first." in page
    assert "ready" in page


# -- the connection of the environment -----------------------------------------------------------


def environment(**values: str):
    return override_settings(ST=replace(settings.ST, **values))


def test_a_key_in_the_environment_makes_a_live_connection_that_is_no_default(desk):
    assert ensure_environment_connection() is None
    with environment(ZERODHA_API_KEY="k", ZERODHA_API_SECRET="first"):
        made = ensure_environment_connection()
        assert ensure_environment_connection() == made
    assert made is not None
    assert (made.name, made.kind, made.is_default) == ("zerodha", "LIVE", False)
    assert (made.api_key, made.api_secret, made.orders_per_second) == ("k", "first", 8)


def test_a_new_secret_is_taken_over_and_a_new_key_ends_the_session(db):
    with environment(ZERODHA_API_KEY="k", ZERODHA_API_SECRET="first"):
        ensure_environment_connection()
    BrokerConnection.objects.update(access_token_encrypted="x", user_id="AB1234")
    with environment(ZERODHA_API_KEY="k", ZERODHA_API_SECRET="second"):
        found = ensure_environment_connection()
    assert found is not None
    assert (found.api_secret, found.access_token_encrypted) == ("second", "x")
    with environment(ZERODHA_API_KEY="other", ZERODHA_API_SECRET="second"):
        found = ensure_environment_connection()
    assert found is not None
    assert (found.api_key, found.access_token_encrypted, found.user_id) == ("other", "", "AB1234")


def test_a_loopback_root_makes_it_a_simulator_and_it_stays_with_its_root(db):
    sim = {"ZERODHA_API_KEY": "k", "ZERODHA_API_SECRET": "s"}
    with environment(**sim, ZERODHA_API_ROOT="http://127.0.0.1:9000"):
        made = ensure_environment_connection()
    assert made is not None and made.kind == "SIMULATOR"
    with environment(**sim), pytest.raises(ImproperlyConfigured, match="ST_ZERODHA_API_ROOT"):
        ensure_environment_connection()
    assert BrokerConnection.objects.get().api_root == "http://127.0.0.1:9000"


@pytest.mark.parametrize("lacking", ["ZERODHA_API_KEY", "ZERODHA_API_SECRET"])
def test_a_key_without_its_secret_stops_the_start(db, lacking):
    values = {"ZERODHA_API_KEY": "k", "ZERODHA_API_SECRET": "s", lacking: ""}
    with environment(**values), pytest.raises(ImproperlyConfigured, match=f"ST_{lacking} is empty"):
        ensure_environment_connection()


def test_a_paper_account_of_that_name_is_not_turned_into_a_live_one(db):
    BrokerConnection.objects.create(name="zerodha")
    with (
        environment(ZERODHA_API_KEY="k", ZERODHA_API_SECRET="s"),
        pytest.raises(ImproperlyConfigured, match="rename it"),
    ):
        ensure_environment_connection()


# -- which one is meant --------------------------------------------------------------------------


def test_without_a_name_the_only_one_or_the_default_is_meant(desk):
    with pytest.raises(NotChosen, match="no Zerodha connection yet"):
        choose("")
    first = connection(name="first")
    assert choose("") == first
    second = connection(name="second")
    with pytest.raises(NotChosen, match="first, second"):
        choose(" ")
    second.make_default()
    assert choose("") == second


def test_a_name_of_digits_counts_before_an_id(desk):
    first = connection(name="first")
    named = connection(name=str(first.pk))
    assert choose(str(first.pk)) == named
    assert choose(str(named.pk)) == named
    assert choose("first") == first
