"""Logging in with a code, resuming with one, and the page where one is set up."""

import re
from base64 import b64decode
from html import unescape

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice

from risk import policy
from sigmatrader import second_factor
from tests.support.authenticator import Authenticator, enrol

pytestmark = pytest.mark.django_db

PASSWORD = "a-long-password"
PAGE = "/settings/second-factor/"


@pytest.fixture
def lunch():
    with time_machine.travel("2026-11-23 07:00:10+00:00", tick=False) as traveller:
        yield traveller


@pytest.fixture
def app(lunch, person) -> Authenticator:
    return enrol(person)


def text_of(response) -> str:
    return unescape(response.content.decode())


def said(response) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def log_in(client, **values):
    known = {"username": "asha", "password": PASSWORD, "next": "/queue/"}
    return client.post(reverse("login"), known | values)


def is_in(client) -> bool:
    return client.get(reverse("queue")).status_code == 200


# -- the login -----------------------------------------------------------------------------------


def test_where_nobody_has_one_the_login_asks_for_no_code(client, person):
    assert 'name="code"' not in text_of(client.get(reverse("login")))
    assert log_in(client).url == "/queue/"
    assert is_in(client)


def test_the_right_code_opens_and_the_password_alone_does_not(client, app):
    assert 'name="code"' in text_of(client.get(reverse("login")))
    page = text_of(log_in(client))
    assert second_factor.MISSING in page
    assert PASSWORD not in page
    assert not is_in(client)
    assert log_in(client, code=app.code()).url == "/queue/"
    assert is_in(client)


def test_a_wrong_code_opens_nothing(client, app):
    assert second_factor.WRONG in text_of(log_in(client, code=app.wrong_code()))
    assert not is_in(client)


def test_a_code_that_was_seen_over_a_shoulder_opens_no_second_login(client, app):
    code = app.code()
    log_in(client, code=code)
    thief = Client()
    assert second_factor.WRONG in text_of(log_in(thief, code=code))
    assert not is_in(thief)


def test_a_recovery_code_opens_once(client, app, person):
    code = second_factor.new_recovery_codes(person)[0]
    log_in(client, code=code)
    assert is_in(client)
    thief = Client()
    log_in(thief, code=code)
    assert not is_in(thief)


def test_a_code_says_nothing_without_the_password(client, app):
    page = text_of(log_in(client, password="wrong", code=app.code()))
    assert second_factor.WRONG not in page
    assert log_in(client, code=app.code()).url == "/queue/"  # not used up


def test_others_log_in_with_their_password_as_before(client, app, reader):
    assert log_in(client, username="ravi").url == "/queue/"
    assert is_in(client)


def test_wrong_codes_lock_the_login_as_wrong_passwords_do(client, app):
    for _ in range(8):
        response = log_in(client, code=app.wrong_code())
    assert response.status_code == 429
    assert "Too many tries" in text_of(response)
    assert log_in(client, code=app.code()).status_code == 429
    assert not is_in(client)


def test_a_missing_code_does_not_count_towards_the_lock(client, app):
    for _ in range(10):
        assert log_in(client).status_code == 200
    assert log_in(client, code=app.code()).url == "/queue/"


def test_the_admin_has_no_way_in_of_its_own(client, app):
    response = client.post(reverse("admin:login"), {"username": "asha", "password": PASSWORD})
    assert response.url == "/accounts/login/?next=%2Fadmin%2F"
    assert not is_in(client)
    deep = client.get("/admin/trading/strategy/", follow=True)
    assert deep.redirect_chain[-1][0] == "/accounts/login/?next=/admin/trading/strategy/"
    log_in(client, code=app.code(), next="/admin/")
    assert client.get("/admin/").status_code == 200
    assert client.get(reverse("admin:login")).status_code == 302


def test_who_may_not_use_the_admin_is_told_so(client, reader):
    client.force_login(reader)
    assert client.get("/admin/", follow=True).status_code == 403


def test_the_admin_shows_nothing_of_second_factors(desk):
    second_factor.begin(desk.person)
    page = text_of(desk.client.get(reverse("admin:index")))
    assert "/admin/otp" not in page
    assert "/admin/sigmatrader" not in page
    assert desk.client.get("/admin/otp_static/staticdevice/").status_code == 404


# -- resuming ------------------------------------------------------------------------------------


def change(desk, **values):
    known = {"target": "EVERYTHING", "state": "ACTIVE", "reason": "the storm is over"}
    return desk.client.post(reverse("risk"), known | values)


def state_now() -> str:
    return policy.current_states()[0].state.value


def test_resuming_on_the_risk_page_takes_a_code(desk, app):
    desk.client.post(reverse("halt"))
    assert 'name="code"' in text_of(desk.client.get(reverse("risk")))
    response = change(desk)
    assert (response.status_code, state_now()) == (422, "HALTED")
    assert second_factor.MISSING in text_of(response)
    assert second_factor.WRONG in text_of(change(desk, code="000000"))
    assert state_now() == "HALTED"


def test_the_right_code_resumes(desk, app):
    desk.client.post(reverse("halt"))
    assert change(desk, code=app.code()).status_code == 302
    assert state_now() == "ACTIVE"


def test_a_reason_that_is_missing_uses_up_no_code(desk, app):
    desk.client.post(reverse("halt"))
    assert "why trading may resume" in text_of(change(desk, code=app.code(), reason=""))
    assert change(desk, code=app.code()).status_code == 302


@pytest.mark.parametrize("state", ["HALTED", "REDUCING"])
def test_halting_and_reducing_take_none(desk, app, state):
    assert change(desk, state=state, reason="").status_code == 302
    assert state_now() == state


def test_who_has_none_sees_no_field_for_it(desk):
    desk.client.post(reverse("halt"))
    assert 'name="code"' not in text_of(desk.client.get(reverse("risk")))
    assert change(desk).status_code == 302


# -- setting it up -------------------------------------------------------------------------------


def key_on(page: str) -> str:
    return re.search(r'id="totp-key">([A-Z2-7 ]+)<', page).group(1)


def codes_on(page: str) -> list[str]:
    return re.findall(r"\b(?:[a-z2-7]{4}-){3}[a-z2-7]{4}\b", page)


def begin(desk) -> Authenticator:
    assert desk.client.post(f"{PAGE}begin/").url == PAGE
    return Authenticator(key_on(text_of(desk.client.get(PAGE))))


def confirm(desk, app, **values):
    return desk.client.post(
        f"{PAGE}confirm/", {"password": PASSWORD, "code": app.code(-1)} | values
    )


def test_setting_up_shows_the_key_until_it_is_confirmed_and_codes_once(desk, lunch):
    assert "Not set up" in text_of(desk.client.get(reverse("settings")))
    app = begin(desk)
    page = text_of(confirm(desk, app))
    assert len(codes_on(page)) == 10
    assert app.key not in page
    for url in (PAGE, reverse("settings"), reverse("risk")):
        page = text_of(desk.client.get(url))
        assert app.key not in page
        assert "data:image/svg" not in page
        assert not codes_on(page)
    assert "Recovery codes left: 10" in text_of(desk.client.get(reverse("settings")))


def test_setting_up_ends_the_sessions_that_were_opened_without_a_code(desk, reader, lunch):
    left_open, of_another = Client(), Client()
    left_open.force_login(desk.person)
    of_another.force_login(reader)
    before = desk.client.session.session_key
    app = begin(desk)
    assert is_in(left_open)
    assert "Your other sessions are ended" in text_of(confirm(desk, app))
    assert not is_in(left_open)
    assert is_in(of_another)
    assert is_in(desk.client)
    assert desk.client.session.session_key != before


def test_the_picture_is_an_image_that_the_content_policy_lets_through(desk):
    begin(desk)
    response = desk.client.get(PAGE)
    picture = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', text_of(response)).group(1)
    assert b"<svg" in b64decode(picture)
    assert "img-src 'self' data:" in response.headers["Content-Security-Policy"]
    assert "no-store" in response.headers["Cache-Control"]


def test_beginning_again_voids_the_key_before(desk, lunch):
    first, second = begin(desk), begin(desk)
    assert first.key != second.key
    assert confirm(desk, first).status_code == 422
    lunch.shift(1)
    assert confirm(desk, second).status_code == 200


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"code": ""}, second_factor.MISSING),
        ({"code": "abc"}, second_factor.WRONG),
        ({"password": "wrong"}, "This is not your password."),
        ({"password": ""}, "Enter the password"),
    ],
)
def test_a_wrong_code_or_password_sets_nothing_up(desk, lunch, values, complaint):
    app = begin(desk)
    response = confirm(desk, app, **values)
    assert response.status_code == 422
    page = text_of(response)
    assert complaint in page
    assert key_on(page) == app.key
    assert PASSWORD not in page
    assert not second_factor.has_second_factor(desk.person)


def test_guessing_the_password_there_locks_as_at_the_login(desk, lunch):
    app = begin(desk)
    for _ in range(8):
        response = confirm(desk, app, password="wrong")
    assert response.status_code == 429


def test_confirming_what_was_not_begun_or_is_done_says_so(desk, lunch):
    response = confirm(desk, Authenticator("A" * 32))
    assert response.url == PAGE
    assert "nothing to confirm" in said(response)
    assert not second_factor.has_second_factor(desk.person)
    app = begin(desk)
    confirm(desk, app)
    again = confirm(desk, app)  # the page with the codes, loaded again
    assert again.url == PAGE
    assert second_factor.recovery_codes_left(desk.person) == 10


def test_new_codes_take_a_code_and_void_the_old(desk, app):
    old = second_factor.new_recovery_codes(desk.person)
    refused = desk.client.post(f"{PAGE}codes/", {"code": ""})
    assert (refused.status_code, codes_on(text_of(refused))) == (422, [])
    fresh = codes_on(text_of(desk.client.post(f"{PAGE}codes/", {"code": app.code()})))
    assert len(fresh) == 10
    assert second_factor.verify(desk.person, old[0]) == second_factor.WRONG
    StaticDevice.objects.update(throttling_failure_count=0)
    assert second_factor.verify(desk.person, fresh[0]) == ""


def test_who_has_none_gets_no_recovery_codes(desk):
    assert desk.client.post(f"{PAGE}codes/", {"code": ""}).url == PAGE
    assert second_factor.recovery_codes_left(desk.person) == 0


def test_removing_takes_the_password_and_a_code(desk, app):
    def remove(**values):
        return desk.client.post(
            f"{PAGE}remove/", {"password": PASSWORD, "code": app.code()} | values
        )

    assert remove(password="wrong").status_code == 422
    assert remove(code="").status_code == 422
    assert second_factor.has_second_factor(desk.person)
    response = remove()  # the refused ones used no code up
    assert response.url == PAGE
    assert "removed" in said(response)
    assert not second_factor.has_second_factor(desk.person)


@pytest.mark.parametrize("name", ["begin", "confirm", "codes", "remove"])
def test_nothing_is_changed_by_an_address_alone(desk, name):
    assert desk.client.get(f"{PAGE}{name}/").status_code == 405


@pytest.mark.parametrize("name", ["", "begin/", "confirm/", "codes/", "remove/"])
def test_nobody_comes_there_without_a_login(client, db, name):
    assert client.post(f"{PAGE}{name}").status_code == 302
    assert client.get(f"{PAGE}{name}").url.startswith("/accounts/login/")
