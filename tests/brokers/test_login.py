"""Logging in to Zerodha and out, through the real client and a simulator of Kite."""

import logging
import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.test import override_settings

from brokers import login, login_state
from brokers.connections import settle
from brokers.login_state import BadState, LoginFailed
from brokers.models import BrokerConnection, LoginAttempt
from brokers.simulator import faults
from brokers.simulator.errors import KiteError
from brokers.simulator.server import KiteSimulator
from sigmatrader import clock as the_clock
from tests.support.kite import API_KEY, API_SECRET, simulator

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

SESSION = "browser-session-of-asha"


@pytest.fixture
def kite():
    with simulator(rate_limits=False) as running:
        yield running


def connect_to(kite: KiteSimulator, name: str = "sim", **fields: object) -> BrokerConnection:
    connection = BrokerConnection(name=name, api_key=API_KEY, api_root=kite.root)
    connection.api_secret = API_SECRET
    settle(connection)
    for field, value in fields.items():
        setattr(connection, field, value)
    connection.save()
    return connection


@pytest.fixture
def account(db, kite) -> BrokerConnection:
    return connect_to(kite)


def state_of(address: str) -> str:
    """The state as Kite gives it back: out of redirect_params."""
    query = parse_qs(urlsplit(address).query)
    return parse_qs(query["redirect_params"][0])["state"][0]


def begin(account: BrokerConnection, session: str = SESSION, actor: str = "asha") -> str:
    return state_of(login.begin(account, session_key=session, actor=actor))


def finish(state: str, token: str, status: str = "success", **who: str) -> BrokerConnection:
    who = {"session_key": SESSION, "actor": "asha", **who}
    return login.finish(state=state, request_token=token, status=status, **who)


def refused(action, *arguments, **named) -> LoginFailed:
    with pytest.raises(LoginFailed) as raised:
        action(*arguments, **named)
    return raised.value


def is_alive(kite: KiteSimulator, token: str) -> bool:
    try:
        kite.sessions.check(API_KEY, token)
    except KiteError:
        return False
    return True


# -- there and back ------------------------------------------------------------------------------


def test_the_login_leads_to_the_brokers_own_page_with_key_and_state(account, kite):
    address = login.begin(account, session_key=SESSION, actor="asha")
    query = parse_qs(urlsplit(address).query)
    assert address.startswith(f"{kite.root}/connect/login?")
    assert (query["v"], query["api_key"]) == (["3"], [API_KEY])
    assert state_of(address)
    assert API_SECRET not in address


def test_a_live_account_logs_in_at_zerodha_whatever_else_is_configured(db):
    live = BrokerConnection(name="live", api_key="k")
    live.api_secret = "s"
    settle(live)
    live.save()
    assert live.kind == "LIVE"
    address = login.begin(live, session_key=SESSION, actor="asha")
    assert address.startswith("https://kite.zerodha.com/connect/login?")


def test_a_finished_login_is_kept_encrypted_with_its_user_and_its_end(account, kite):
    connected = finish(begin(account), kite.request_token())
    stored = BrokerConnection.objects.get()
    assert connected == stored
    assert is_alive(kite, stored.access_token)
    assert stored.access_token not in stored.access_token_encrypted
    assert stored.user_id == "SIM001"
    assert stored.user_name
    assert stored.profile["broker"]
    assert "access_token" not in stored.profile
    local = stored.token_expires_at.astimezone(the_clock.IST)
    assert (local.hour, local.minute) == (6, 0)
    left = stored.token_expires_at - the_clock.now()
    assert timedelta(0) < left <= timedelta(days=1)
    assert the_clock.now() - stored.logged_in_at < timedelta(minutes=1)


def test_the_state_is_stored_only_as_a_hash(account):
    state = begin(account)
    attempt = LoginAttempt.objects.get()
    stored = " ".join(str(value) for value in vars(attempt).values())
    assert state.split(".")[1] not in stored
    assert SESSION not in stored


@pytest.mark.parametrize("state", ["", "x", "1.abc.def", "1.abc", "é\x00.x.y"])
def test_a_state_that_we_did_not_sign_is_refused(account, kite, state):
    token = kite.request_token()
    assert refused(finish, state, token).code == "state_unknown"


def test_a_state_with_another_connections_number_is_refused(account, kite):
    other = connect_to(kite, "other")
    state = begin(account)
    number, rest = state.split(".", 1)
    assert number == str(account.pk)
    assert isinstance(refused(finish, f"{other.pk}.{rest}", "a" * 32), BadState)


def test_a_state_works_once(account, kite):
    state = begin(account)
    finish(state, kite.request_token())
    assert refused(finish, state, kite.request_token()).code == "state_used"


def test_a_state_is_used_up_by_a_login_that_was_given_up(account, kite):
    state = begin(account)
    given_up = refused(finish, state, "", "cancelled")
    assert given_up.code == "not_finished"
    assert "cancelled" in given_up.message
    assert refused(finish, state, kite.request_token()).code == "state_used"
    assert not BrokerConnection.objects.get().access_token_encrypted


def test_what_stands_in_the_address_is_not_repeated_to_the_person(account):
    odd = refused(finish, begin(account), "", "<script>alert(1)</script>")
    assert "script" not in odd.message


def test_a_state_ends_after_ten_minutes(account, kite):
    state = begin(account)
    attempt = LoginAttempt.objects.get()
    the_clock.use(lambda: attempt.begun_at + login_state.LIFE)
    try:
        assert refused(finish, state, kite.request_token()).code == "state_expired"
    finally:
        the_clock.use(None)


@pytest.mark.parametrize(
    "who", [{"session_key": "another browser"}, {"session_key": ""}, {"actor": "ravi"}]
)
def test_a_state_of_another_browser_or_user_is_refused_and_stays_good(account, kite, who):
    state = begin(account)
    assert refused(finish, state, kite.request_token(), **who).code == "state_foreign"
    assert finish(state, kite.request_token()).user_id == "SIM001"


def test_a_login_begun_by_token_belongs_to_its_user_in_any_browser(account, kite):
    state = begin(account, session="")
    assert refused(finish, state, kite.request_token(), actor="ravi").code == "state_foreign"
    assert finish(state, kite.request_token()).user_id == "SIM001"


def test_two_callbacks_with_one_state_are_one_login(account, kite, transactional_db):
    state = begin(account)
    tokens = [kite.request_token() for _ in range(2)]
    outcomes: list[str] = []

    def come_back(token: str) -> None:
        from django.db import connection

        try:
            outcomes.append(finish(state, token).user_id)
        except LoginFailed as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=come_back, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["SIM001", "state_used"]


def test_old_attempts_are_forgotten(account):
    begin(account)
    LoginAttempt.objects.update(expires_at=datetime(2026, 1, 1, tzinfo=UTC))
    begin(account)
    assert LoginAttempt.objects.count() == 1


# -- who may ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"enabled": False}, "switched_off"),
        ({"api_key": ""}, "no_api_key"),
        ({"api_secret_encrypted": ""}, "no_api_key"),
    ],
)
def test_an_account_that_cannot_log_in_says_what_is_missing(kite, fields, code):
    account = connect_to(kite, **fields)
    assert refused(begin, account).code == code
    assert refused(login.connect_with_token, account, "a" * 32, "asha").code == code


def test_a_paper_account_needs_no_login(db):
    paper = BrokerConnection.objects.create(name="paper")
    assert refused(begin, paper).code == "no_login"


def test_another_user_is_refused_and_its_token_revoked(account, kite):
    first = finish(begin(account), kite.request_token()).access_token
    wrong = refused(finish, begin(account), kite.request_token("SIM002"))
    assert wrong.code == "wrong_user"
    assert "SIM001" in wrong.message and "SIM002" in wrong.message
    assert "ended at Zerodha" in wrong.message
    stored = BrokerConnection.objects.get()
    assert (stored.user_id, stored.access_token) == ("SIM001", first)
    assert is_alive(kite, first)
    assert kite.journal.count("logout") == 1


def test_a_user_of_another_connection_is_refused_and_its_token_revoked(account, kite):
    finish(begin(account), kite.request_token())
    second = connect_to(kite, "second")
    taken = refused(finish, begin(second), kite.request_token())
    assert taken.code == "user_taken"
    assert "sim" in taken.message
    second.refresh_from_db()
    assert (second.user_id, second.access_token_encrypted) == ("", "")
    assert kite.journal.count("logout") == 1


def test_a_family_has_a_connection_each(account, kite):
    finish(begin(account), kite.request_token())
    second = connect_to(kite, "second")
    assert finish(begin(second), kite.request_token("SIM002")).user_id == "SIM002"


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
