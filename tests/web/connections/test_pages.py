"""The accounts on the settings page, and the banners of a login that is due."""

import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.test import Client, override_settings
from django.urls import reverse

from brokers.models import AccountState, BrokerConnection
from sigmatrader import clock
from tests.factories import StrategyFactory
from tests.support.browser_login import connection, log_in, page_of
from tests.support.kite import API_SECRET
from trading.models import WorkerHeartbeat

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

MONDAY = datetime(2026, 11, 23, tzinfo=clock.IST)
SATURDAY = datetime(2026, 11, 21, tzinfo=clock.IST)


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
