"""Accounts from the admin and from the environment, and which one is meant."""

from dataclasses import replace
from datetime import datetime

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, override_settings
from django.urls import reverse

from brokers.connections import NotChosen, choose, ensure_environment_connection
from brokers.models import BrokerConnection
from sigmatrader import clock
from tests.support.browser_login import connection, page_of
from tests.support.kite import API_KEY, API_SECRET

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

MONDAY = datetime(2026, 11, 23, tzinfo=clock.IST)


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
