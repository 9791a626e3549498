"""The second factor by itself: codes, their ends, what is stored of it."""

import logging
import threading
from base64 import b32decode
from io import StringIO
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.management import CommandError, call_command
from django.db import connection
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from sigmatrader import second_factor, stored_secrets
from sigmatrader.models import TotpDevice
from tests.support.authenticator import Authenticator, enrol

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

LUNCH = "2026-11-23 07:00:10+00:00"


@pytest.fixture
def lunch():
    with time_machine.travel(LUNCH, tick=False) as traveller:
        yield traveller


@pytest.fixture
def person(django_user_model):
    return django_user_model.objects.create_user("asha", password="a-long-password")


@pytest.fixture
def app(lunch, person) -> Authenticator:
    return enrol(person)


def test_who_has_set_up_none_is_asked_for_none(person):
    assert not second_factor.has_second_factor(person)
    assert not second_factor.has_second_factor(AnonymousUser())
    assert not second_factor.in_use()
    assert second_factor.verify(person, "") == ""


def test_a_key_counts_only_after_its_first_code(lunch, person):
    second_factor.begin(person)
    app = Authenticator(second_factor.enrolment(person).key)
    assert not second_factor.has_second_factor(person)
    assert second_factor.confirm(person, "") == second_factor.MISSING
    assert second_factor.confirm(person, app.wrong_code()) == second_factor.WRONG
    lunch.shift(2)
    assert second_factor.confirm(person, app.code()) == ""
    assert second_factor.has_second_factor(person)
    assert second_factor.in_use()


def test_the_address_says_to_an_app_what_the_text_says_to_a_person(person):
    second_factor.begin(person)
    enrolment = second_factor.enrolment(person)
    address = urlsplit(enrolment.address)
    values = {name: value for name, (value,) in parse_qs(address.query).items()}
    assert (address.scheme, address.netloc, address.path) == (
        "otpauth", "totp", "/SigmaTrader%3Aasha",
    )  # fmt: skip
    assert values == {
        "secret": enrolment.key.replace(" ", ""),
        "issuer": "SigmaTrader",
        "algorithm": "SHA1",
        "digits": "6",
        "period": "30",
    }
    assert len(b32decode(values["secret"])) == 20


def test_once_confirmed_the_key_can_not_be_had_nor_replaced_by_setting_up_again(app, person):
    assert second_factor.enrolment(person) is None
    second_factor.begin(person)
    assert second_factor.enrolment(person) is None
    assert "begin again" in second_factor.confirm(person, app.code())
    assert second_factor.verify(person, app.code()) == ""


def test_a_code_works_once(app, person):
    code = app.code()
    assert second_factor.verify(person, code) == ""
    assert second_factor.verify(person, code) == second_factor.WRONG


@pytest.mark.parametrize(("steps", "right"), [(-2, False), (0, True), (1, True), (2, False)])
def test_a_phone_may_be_half_a_minute_off(lunch, person, steps, right):
    second_factor.begin(person)
    app = Authenticator(second_factor.enrolment(person).key)
    assert (second_factor.confirm(person, app.code(steps)) == "") is right


def test_an_older_code_is_void_once_a_newer_one_was_used(app, person):
    assert second_factor.verify(person, app.code(1)) == ""
    assert second_factor.verify(person, app.code()) == second_factor.WRONG


def test_codes_may_be_typed_in_groups(app, person):
    code = app.code()
    assert second_factor.verify(person, f" {code[:3]} {code[3:]}\n") == ""
    recovery = second_factor.new_recovery_codes(person)[0]
    assert second_factor.verify(person, recovery.upper().replace("-", " ")) == ""


def test_wrong_codes_make_the_next_try_wait_longer_each_time(app, lunch, person):
    wrong = app.wrong_code()
    for wait in (1, 2, 4):
        assert second_factor.verify(person, wrong) == second_factor.WRONG
        assert "Too many wrong codes. Wait until" in second_factor.verify(person, app.code())
        lunch.shift(wait)
    assert second_factor.verify(person, app.code()) == ""
    device = TotpDevice.objects.get()
    assert (device.throttling_failure_count, device.throttling_failure_timestamp) == (0, None)


def test_the_wait_is_told_in_indian_time(app, person):
    second_factor.verify(person, app.wrong_code())
    assert "23 Nov, 12:30:11 IST" in second_factor.verify(person, app.code())


def test_trying_recovery_codes_does_not_hold_up_the_app(app, person):
    second_factor.new_recovery_codes(person)
    for _ in range(5):
        second_factor.verify(person, "aaaa-bbbb-cccc-dddd")
    assert second_factor.verify(person, app.code()) == ""


def test_each_recovery_code_opens_once_and_new_ones_void_the_old(app, person):
    codes = second_factor.new_recovery_codes(person)
    assert len(set(codes)) == 10
    assert second_factor.verify(person, codes[3]) == ""
    assert second_factor.recovery_codes_left(person) == 9
    assert second_factor.verify(person, codes[3]) == second_factor.WRONG
    fresh = second_factor.new_recovery_codes(person)
    StaticDevice.objects.update(throttling_failure_count=0)
    assert not set(fresh) & set(codes)
    assert second_factor.verify(person, codes[4]) == second_factor.WRONG
    assert second_factor.recovery_codes_left(person) == 10


def test_one_persons_codes_open_nothing_for_another(app, person, django_user_model):
    other = django_user_model.objects.create_user("ravi")
    theirs = enrol(other)
    codes = second_factor.new_recovery_codes(other)
    assert second_factor.verify(person, theirs.code()) == second_factor.WRONG
    assert second_factor.verify(person, codes[0]) == second_factor.WRONG
    assert second_factor.recovery_codes_left(other) == 10


def test_neither_key_nor_codes_are_stored_or_logged_in_clear(lunch, person, caplog):
    caplog.set_level(logging.DEBUG)
    app = enrol(person)
    codes = second_factor.new_recovery_codes(person)
    key = b32decode(app.key.replace(" ", ""))
    second_factor.verify(person, codes[0])
    device = TotpDevice.objects.get()
    assert device.key == key
    stored = f"{TotpDevice.objects.values()}{StaticToken.objects.values()}"
    for secret in (key.hex(), app.key.replace(" ", ""), *(one.replace("-", "") for one in codes)):
        assert secret.lower() not in (stored + caplog.text).lower()
    assert "asha has set up a second factor" in caplog.text


def test_the_key_gets_the_newest_key_of_encryption_with_all_other_secrets(app):
    before = TotpDevice.objects.get()
    assert stored_secrets.rotate_all()["keys of second factors"] == 1
    after = TotpDevice.objects.get()
    assert after.key == before.key
    assert after.key_encrypted != before.key_encrypted
    TotpDevice.objects.update(key_encrypted="damaged")
    assert stored_secrets.unreadable() == "keys of second factors"


def test_a_lost_factor_is_removed_on_the_server_even_without_the_keys(app, person):
    second_factor.new_recovery_codes(person)
    TotpDevice.objects.update(key_encrypted="damaged")
    out = StringIO()
    call_command("removesecondfactor", "asha", stdout=out)
    assert "the password alone opens" in out.getvalue()
    assert not second_factor.has_second_factor(person)
    assert not StaticToken.objects.exists()
    out = StringIO()
    call_command("removesecondfactor", "asha", stdout=out)
    assert "has no second factor" in out.getvalue()
    with pytest.raises(CommandError, match="no user ravi"):
        call_command("removesecondfactor", "ravi")


@pytest.mark.django_db(transaction=True)
def test_of_many_tries_with_one_code_at_once_one_wins(app, person):
    code, results = app.code(), []

    def enter() -> None:
        try:
            results.append(second_factor.verify(person, code))
        finally:
            connection.close()

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert results.count("") == 1


@time_machine.travel(LUNCH, tick=False)
class AnyText(TestCase):
    def setUp(self) -> None:
        self.person = get_user_model().objects.create_user("asha")
        app = enrol(self.person)
        self.near = {app.code(steps) for steps in (-1, 0, 1)}
        second_factor.new_recovery_codes(self.person)

    @given(typed=st.one_of(st.text(), st.from_regex(r"\d{6}"), st.from_regex(r"[a-z2-7]{16}")))
    def test_no_other_text_opens_and_none_breaks(self, typed: str) -> None:
        TotpDevice.objects.update(throttling_failure_count=0)
        StaticDevice.objects.update(throttling_failure_count=0)
        if "".join(typed.split()).replace("-", "") not in self.near:
            assert second_factor.verify(self.person, typed) != ""
