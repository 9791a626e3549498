"""A session at Zerodha: exchanged for a token, ended, and kept secret."""

import logging
import threading

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.test import override_settings

from brokers import login
from brokers.models import BrokerConnection
from brokers.simulator import faults
from tests.support.kite import API_SECRET
from tests.support.logins import SESSION, begin, connect_to, finish, is_alive, refused

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


# -- the exchange --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (faults.rate_limited(), "busy"),
        (faults.token_exception(), "token_refused"),
        (faults.refuse_status(502), "unclear"),
        (faults.empty_200(), "unclear"),
        (faults.reset_before(), "unclear"),
    ],
)
def test_what_goes_wrong_at_the_exchange_is_told_in_words(account, kite, fault, code):
    kite.faults.script("token", fault)
    failed = refused(finish, begin(account), kite.request_token())
    assert failed.code == code
    assert failed.message.endswith(".")
    assert not BrokerConnection.objects.get().access_token_encrypted


def test_a_broker_that_cannot_be_reached_is_told_in_words(kite):
    account = connect_to(kite)
    state = begin(account)
    kite.stop()
    assert refused(finish, state, "a" * 32).code == "unreachable"


def test_a_request_token_that_is_spent_or_of_another_app_is_refused(account, kite):
    token = kite.request_token()
    finish(begin(account), token)
    assert refused(finish, begin(account), token).code == "token_refused"
    account.refresh_from_db()
    account.api_secret = "of another app"
    account.save()
    assert refused(finish, begin(account), kite.request_token()).code == "token_refused"


def test_a_secret_that_no_key_opens_is_told_in_words(account, kite):
    BrokerConnection.objects.update(api_secret_encrypted="damaged")
    account.refresh_from_db()
    failed = refused(finish, begin(account), kite.request_token())
    assert failed.code == "secret_unreadable"
    assert "ST_CRYPTO_KEYS" in failed.message


def test_a_key_that_was_changed_meanwhile_gets_no_session(account, kite):
    state = begin(account)
    stale = BrokerConnection.objects.get()
    BrokerConnection.objects.update(api_key="another")
    assert login._conflict(BrokerConnection.objects.get(), stale.api_key, "SIM001")
    assert refused(finish, state, kite.request_token()).code == "token_refused"


# -- by hand -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "paste",
    [
        "{token}",
        "  {token}\n",
        "https://127.0.0.1:8000/brokers/zerodha/callback/?action=login&status=success"
        "&request_token={token}&state=1.a.b",
        "?request_token={token}",
        "request_token={token}&status=success",
    ],
)
def test_the_bare_token_or_the_whole_address_can_be_pasted(account, kite, paste):
    text = paste.format(token=kite.request_token())
    assert login.connect_with_token(account, text, "asha").user_id == "SIM001"


@pytest.mark.parametrize(
    "paste",
    [
        "",
        "two words",
        "short",
        "https://127.0.0.1/callback/?status=success",
        "?request_token=",
        "?request_token=a&request_token=b",
        "http://[?request_token=" + "a" * 32,
        "&".join(f"x{n}=1" for n in range(60)) + "&request_token=" + "a" * 32,
        "a" * 5000,
    ],
)
def test_what_holds_no_token_is_refused_without_asking_the_broker(account, kite, paste):
    assert refused(login.connect_with_token, account, paste, "asha").code == "no_token"
    assert not kite.journal.entries("token")


# -- out -----------------------------------------------------------------------------------------


def test_disconnect_ends_the_session_here_and_at_the_broker(account, kite):
    token = finish(begin(account), kite.request_token()).access_token
    account.refresh_from_db()
    done = login.disconnect(account, "asha")
    assert done.revoked
    stored = BrokerConnection.objects.get()
    assert (stored.access_token_encrypted, stored.token_expires_at) == ("", None)
    assert stored.user_id == "SIM001"
    assert not is_alive(kite, token)


def test_disconnect_forgets_the_token_when_the_broker_cannot_be_reached(account, kite, caplog):
    token = finish(begin(account), kite.request_token()).access_token
    kite.stop()
    with caplog.at_level(logging.DEBUG):
        done = login.disconnect(account, "asha")
    assert not done.revoked
    assert "could not be ended" in done.message and "06:00" in done.message
    assert not BrokerConnection.objects.get().access_token_encrypted
    assert token not in done.message
    assert token not in caplog.text


def test_disconnect_of_a_session_that_is_over_already_is_fine(account, kite):
    finish(begin(account), kite.request_token())
    kite.expire_sessions()
    assert login.disconnect(account, "asha").revoked


def test_disconnect_without_a_session_asks_nobody(account, kite):
    assert login.disconnect(account, "asha").revoked
    assert not kite.journal.entries("token")


def test_disconnect_works_when_the_token_cannot_be_opened(account, kite):
    BrokerConnection.objects.update(access_token_encrypted="damaged")
    done = login.disconnect(account, "asha")
    assert not done.revoked
    assert not BrokerConnection.objects.get().access_token_encrypted


# -- secrets -------------------------------------------------------------------------------------


def test_no_secret_is_in_a_log_or_a_message(account, kite, caplog):
    with caplog.at_level(logging.DEBUG):
        tokens = [kite.request_token() for _ in range(3)]
        state = begin(account)
        access = finish(state, tokens[0]).access_token
        messages = [
            refused(finish, begin(account), tokens[0]).message,
            refused(login.connect_with_token, account, tokens[0], "asha").message,
        ]
        kite.faults.script("token", faults.refuse_status(502))
        messages.append(refused(finish, begin(account), tokens[1]).message)
        login.disconnect(account, "asha")
    everything = " ".join([caplog.text, *messages])
    for secret in (access, API_SECRET, state, SESSION, *tokens):
        assert secret not in everything


# -- keys ----------------------------------------------------------------------------------------


def test_rotatekeys_gives_every_stored_secret_the_newest_key(account, kite, capsys):
    from cryptography.fernet import Fernet
    from django.conf import settings

    from trading.services import webhook_secrets

    token = finish(begin(account), kite.request_token()).access_token
    webhook_secrets.create("a-webhook-secret")
    old = settings.ST.CRYPTO_KEYS
    new = Fernet.generate_key().decode()
    with override_settings(ST=_with_keys(settings.ST, (new, *old))):
        call_command("rotatekeys")
    printed = capsys.readouterr().out
    assert "3 stored secrets have the newest key" in printed
    assert token not in printed
    with override_settings(ST=_with_keys(settings.ST, (new,))):
        stored = BrokerConnection.objects.get()
        assert (stored.api_secret, stored.access_token) == (API_SECRET, token)
        assert webhook_secrets.current() == "a-webhook-secret"


def test_rotatekeys_changes_nothing_when_one_secret_cannot_be_opened(account):
    from django.core.management.base import CommandError

    connect_to_nobody = BrokerConnection.objects.create(
        name="zz", broker_name="zerodha", kind="LIVE", access_token_encrypted="damaged"
    )
    before = BrokerConnection.objects.get(pk=account.pk).api_secret_encrypted
    with pytest.raises(CommandError, match=f"access tokens, row {connect_to_nobody.pk}"):
        call_command("rotatekeys")
    assert BrokerConnection.objects.get(pk=account.pk).api_secret_encrypted == before


def _with_keys(st, keys):
    from dataclasses import replace

    return replace(st, CRYPTO_KEYS=keys)


def test_a_slow_broker_holds_two_logins_and_leaves_the_other_threads_alone(
    account, kite, monkeypatch
):
    monkeypatch.setattr(login, "_places", threading.BoundedSemaphore(2))
    held = [login._place() for _ in range(2)]
    for place in held:
        assert place.__enter__()
    error = refused(login.connect_with_token, account, kite.request_token(), "asha")
    assert (error.code, "other logins" in error.message) == ("busy", True)
    held[0].__exit__(None, None, None)
    assert login.connect_with_token(account, kite.request_token(), "asha").access_token
    with login._place() as free:
        assert free
        done = login.disconnect(account, "asha")
    held[1].__exit__(None, None, None)
    assert not done.revoked
    assert "other logins" in done.message
    assert not BrokerConnection.objects.get().access_token_encrypted


def test_a_session_that_cannot_be_kept_for_whatever_reason_is_ended(account, kite, monkeypatch):
    found = []

    def store(connection, session, profile):
        found.append(session.access_token)
        raise UnicodeEncodeError("utf-8", "x", 0, 1, "no")

    monkeypatch.setattr(login, "_store", store)
    with pytest.raises(UnicodeEncodeError):
        login.connect_with_token(account, kite.request_token(), "asha")
    assert found
    assert not is_alive(kite, found[0])


@pytest.mark.parametrize(
    "root", ["http://127.0.0.2:9", "http://127.0.0.1/x", "http://[::1", "ftp://127.0.0.1"]
)
def test_an_account_with_an_odd_address_can_neither_be_checked_in_nor_logged_in(account, root):
    account.api_root = root
    with pytest.raises(ValidationError):
        account.clean()
    assert refused(login.begin, account, session_key=SESSION, actor="asha").code == "bad_address"
