"""Connections: what the database enforces, what stays secret, who stands behind them."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db import connection as database
from django.urls import reverse

from brokers.accounts import is_available
from brokers.errors import BrokerError, NotAvailable, NotSent, Refused, SessionExpired
from brokers.models import BrokerConnection, ConnectionKind, PaperAccount
from brokers.paper.adapter import PaperBroker
from brokers.registry import broker_for, capabilities_of
from brokers.zerodha.adapter import ZerodhaBroker
from sigmatrader import clock as the_clock
from sigmatrader.crypto import CryptoError
from tests.brokers.conformance import request
from trading.domain.values import Side

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

SECRET = "s3cr3t-of-the-api"


def zerodha(**fields: object) -> BrokerConnection:
    return BrokerConnection(
        **{"name": "zerodha", "broker_name": "zerodha", "kind": "LIVE", **fields}
    )


def test_secrets_are_stored_encrypted_and_read_back():
    connection = zerodha()
    connection.api_secret, connection.access_token = SECRET, "t0ken"
    connection.save()
    stored = BrokerConnection.objects.get()
    assert (stored.api_secret, stored.access_token) == (SECRET, "t0ken")
    with database.cursor() as cursor:
        cursor.execute("SELECT * FROM broker_connections")
        row = str(cursor.fetchall())
    assert SECRET not in row
    assert "t0ken" not in row


def test_an_empty_secret_is_none_and_a_damaged_one_an_error():
    connection = zerodha()
    assert connection.api_secret == ""
    connection.api_secret = ""
    assert connection.api_secret_encrypted == ""
    connection.api_secret_encrypted = "damaged"
    with pytest.raises(CryptoError):
        _ = connection.api_secret


def test_a_connection_shows_its_name_and_no_secret():
    connection = zerodha()
    connection.api_secret = SECRET
    assert str(connection) == "zerodha"
    assert SECRET not in repr(connection)
    assert SECRET not in repr(vars(connection))


def test_only_one_connection_is_the_default():
    BrokerConnection.objects.create(name="a", is_default=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        BrokerConnection.objects.create(name="b", is_default=True)
    second = BrokerConnection.objects.create(name="c")
    second.make_default()
    assert list(BrokerConnection.objects.filter(is_default=True)) == [second]


@pytest.mark.parametrize(
    "fields",
    [
        {"broker_name": "etrade"},
        {"kind": "MAYBE"},
        {"broker_name": "paper", "kind": "LIVE"},
        {"broker_name": "zerodha", "kind": "PAPER"},
    ],
)
def test_the_database_refuses_what_is_no_account(fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        zerodha(**fields).save()


@pytest.mark.parametrize(
    "fields",
    [
        {"api_root": "https://api.kite.example"},
        {"api_root": "http://127.0.0.1:9000"},
        {"kind": "SIMULATOR", "api_root": ""},
        {"kind": "SIMULATOR", "api_root": "https://api.kite.trade"},
    ],
)
def test_a_token_goes_to_its_broker_or_to_this_machine_only(fields):
    with pytest.raises(ValidationError, match="api_root"):
        zerodha(**fields).full_clean()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"api_root": "https://api.kite.trade/"},
        {"kind": "SIMULATOR", "api_root": "http://127.0.0.1:9000"},
    ],
)
def test_the_brokers_own_address_and_a_local_simulator_are_fine(fields):
    zerodha(**fields).full_clean()


def test_only_paper_is_simulated():
    assert BrokerConnection(name="p").simulated
    assert not zerodha().simulated
    assert not zerodha(kind=ConnectionKind.SIMULATOR).simulated


def test_paper_stands_behind_a_paper_connection(connection):
    broker = broker_for(connection)
    assert isinstance(broker, PaperBroker)
    assert capabilities_of(connection) == broker.capabilities
    assert capabilities_of(connection).triggers
    assert capabilities_of(connection).simulated


def logged_in(**fields):
    """A Zerodha connection with a session that lasts for an hour."""
    found = zerodha(
        **fields, api_key="appkey", token_expires_at=the_clock.now() + timedelta(hours=1)
    )
    found.access_token = "token1234567890"
    return found


def test_zerodha_stands_behind_a_connection_that_is_logged_in():
    broker = broker_for(logged_in())
    assert isinstance(broker, ZerodhaBroker)
    assert repr(broker) == "ZerodhaBroker('https://api.kite.trade')"
    assert broker.capabilities == capabilities_of(zerodha())
    assert broker.capabilities.sessions
    assert not broker.capabilities.simulated
    simulator = logged_in(kind="SIMULATOR", api_root="http://127.0.0.1:9000/")
    assert "http://127.0.0.1:9000" in repr(broker_for(simulator))


def test_nobody_is_asked_for_an_account_that_is_not_logged_in():
    with pytest.raises(SessionExpired, match="log in first"):
        broker_for(zerodha())
    expired = logged_in()
    expired.token_expires_at = the_clock.now()
    with pytest.raises(SessionExpired, match="has expired"):
        broker_for(expired)
    unreadable = logged_in()
    unreadable.access_token_encrypted = "made with another key"
    with pytest.raises(SessionExpired, match="ST_CRYPTO_KEYS"):
        broker_for(unreadable)


def test_a_token_is_never_taken_to_an_address_that_is_not_zerodhas():
    with pytest.raises(Refused, match="API address"):
        broker_for(logged_in(api_root="https://evil.example"))


def test_whether_a_broker_is_available_needs_no_login():
    assert is_available(zerodha())
    assert not is_available(zerodha(broker_name="another"))
    with pytest.raises(NotAvailable, match="another is not available"):
        broker_for(zerodha(broker_name="another"))


def test_capabilities_are_known_without_asking_anybody(connection, django_assert_num_queries):
    with django_assert_num_queries(0):
        capabilities_of(connection)
        capabilities_of(zerodha())


def test_an_error_speaks_the_brokers_words_or_its_own():
    assert str(Refused("RMS: margin exceeds", code="MarginException")) == "RMS: margin exceeds"
    assert Refused("x", code="MarginException").code == "MarginException"
    assert (
        NotSent().message == "The request certainly never reached the broker; it may be sent again."
    )
    assert issubclass(NotAvailable, BrokerError)


def test_a_connection_with_paper_orders_cannot_be_deleted(broker, connection):
    broker.place(request())
    with pytest.raises(IntegrityError):
        connection.delete()


def form(**fields: str) -> dict[str, str]:
    return {
        "name": "zerodha",
        "broker_name": "zerodha",
        "kind": "LIVE",
        "enabled": "on",
        "api_key": "key",
        "api_secret": "",
        "api_root": "",
        **fields,
    }


def test_the_admin_stores_a_secret_and_never_shows_it(admin_client):
    answer = admin_client.post(
        reverse("admin:brokers_brokerconnection_add"), form(api_secret=SECRET)
    )
    assert answer.status_code == 302
    connection = BrokerConnection.objects.get()
    assert connection.api_secret == SECRET
    address = reverse("admin:brokers_brokerconnection_change", args=[connection.pk])
    page = admin_client.get(address).content.decode()
    assert 'type="password"' in page
    assert SECRET not in page
    assert connection.api_secret_encrypted not in page


def test_an_empty_secret_in_the_admin_keeps_the_stored_one(admin_client):
    connection = zerodha()
    connection.api_secret = SECRET
    connection.save()
    address = reverse("admin:brokers_brokerconnection_change", args=[connection.pk])
    assert admin_client.post(address, form(api_key="new")).status_code == 302
    connection.refresh_from_db()
    assert (connection.api_key, connection.api_secret) == ("new", SECRET)


def test_the_admin_does_not_turn_a_paper_account_into_a_live_one(admin_client, connection):
    PaperAccount.objects.create(connection=connection)
    address = reverse("admin:brokers_brokerconnection_change", args=[connection.pk])
    admin_client.post(address, form(name="renamed"))
    connection.refresh_from_db()
    assert (connection.broker_name, connection.kind) == ("paper", "PAPER")


def test_the_admin_edits_the_paper_account_beside_its_connection(admin_client, connection):
    account = PaperAccount.objects.create(connection=connection)
    address = reverse("admin:brokers_brokerconnection_change", args=[connection.pk])
    inline = {
        "paper_account-TOTAL_FORMS": "1",
        "paper_account-INITIAL_FORMS": "1",
        "paper_account-0-id": str(account.pk),
        "paper_account-0-connection": str(connection.pk),
        "paper_account-0-starting_cash": "500000",
        "paper_account-0-slippage_bps": "5",
        "paper_account-0-fill_depth": "",
        "paper_account-0-delivery_margin_percent": "100",
        "paper_account-0-intraday_margin_percent": "25",
        "paper_account-0-carry_margin_percent": "100",
    }
    answer = admin_client.post(address, form(name="paper", **inline))
    assert answer.status_code == 302
    account.refresh_from_db()
    assert (account.starting_cash, account.slippage_bps) == (500_000, 5)
    assert account.intraday_margin_percent == 25


def test_the_default_is_moved_by_an_action(admin_client):
    first = BrokerConnection.objects.create(name="a", is_default=True)
    second = BrokerConnection.objects.create(name="b")
    off = BrokerConnection.objects.create(name="c", enabled=False)
    address = reverse("admin:brokers_brokerconnection_changelist")
    for chosen in ([second.pk, off.pk], [off.pk]):
        admin_client.post(address, {"action": "make_default", "_selected_action": chosen})
        assert BrokerConnection.objects.get(is_default=True) == first
    admin_client.post(address, {"action": "make_default", "_selected_action": [second.pk]})
    assert BrokerConnection.objects.get(is_default=True) == second


@pytest.mark.parametrize("name", ["paperorder", "papertrade", "paperposition", "pricetick"])
def test_the_paper_book_can_be_looked_at_and_not_changed(admin_client, broker, name):
    broker.place(request(Side.BUY))
    page = admin_client.get(reverse(f"admin:brokers_{name}_changelist"))
    assert page.status_code == 200
    assert admin_client.get(reverse(f"admin:brokers_{name}_add")).status_code == 403
    row = page.context["cl"].queryset.get()
    address = reverse(f"admin:brokers_{name}_change", args=[row.pk])
    assert admin_client.get(address).status_code == 200
    assert admin_client.post(address, {}).status_code == 403
