"""The way to Zerodha and back: the state that goes along, and who may log in."""

import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from brokers import login, login_state
from brokers.connections import settle
from brokers.login_state import BadState, LoginFailed
from brokers.models import BrokerConnection, LoginAttempt
from sigmatrader import clock as the_clock
from tests.support.kite import API_KEY, API_SECRET
from tests.support.logins import SESSION, begin, connect_to, finish, is_alive, refused, state_of

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


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
