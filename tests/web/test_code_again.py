"""Who changes users and rights enters a code first, once codes are in use here."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.urls import reverse

from sigmatrader import clock, second_factor
from tests.support.authenticator import Authenticator, enrol

pytestmark = pytest.mark.django_db

AGAIN = reverse("second_factor_again")
ADD = reverse("admin:auth_user_add")
NEW = {"username": "eve", "usable_password": "true", "password1": "a-long-password-9"}
NEW["password2"] = NEW["password1"]


@pytest.fixture
def app(admin_user) -> Authenticator:
    return enrol(admin_user)


def test_without_second_factors_nothing_is_asked(admin_client):
    assert admin_client.get(ADD).status_code == 200


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_open_session_makes_no_user(admin_client, app, method):
    answer = getattr(admin_client, method)(ADD, NEW)
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"{AGAIN}?next=")
    assert not get_user_model().objects.filter(username="eve").exists()


def test_nor_changes_a_password_a_right_or_a_group(admin_client, admin_user, app):
    group = Group.objects.create(name="traders")
    for name, key in (
        ("admin:auth_user_change", admin_user.pk),
        ("admin:auth_user_password_change", admin_user.pk),
        ("admin:auth_group_change", group.pk),
    ):
        answer = admin_client.post(reverse(name, args=[key]), {"name": "other"})
        assert answer["Location"].startswith(AGAIN), name
    group.refresh_from_db()
    assert group.name == "traders"


def test_with_a_code_it_goes_on_for_ten_minutes(admin_client, app):
    asked = admin_client.get(ADD)["Location"]
    assert "Your code, please" in admin_client.get(asked).content.decode()
    wrong = admin_client.post(AGAIN, {"code": "", "next": ADD})
    assert wrong.status_code == 422
    right = admin_client.post(AGAIN, {"code": app.code(), "next": ADD})
    assert (right.status_code, right["Location"]) == (302, ADD)
    assert admin_client.post(ADD, NEW).status_code == 302
    assert get_user_model().objects.filter(username="eve").exists()
    later = clock.now() + second_factor.FRESH * 2
    clock.use(lambda: later)
    try:
        assert admin_client.get(ADD).status_code == 302
    finally:
        clock.use(None)


def test_a_code_leads_to_no_other_site(admin_client, app):
    answer = admin_client.post(AGAIN, {"code": app.code(), "next": "//evil.example/"})
    assert answer["Location"] == reverse("dashboard")


def test_who_has_none_is_shown_the_way_to_one(admin_client):
    enrol(get_user_model().objects.create_user("asha"))
    page = admin_client.post(AGAIN, {"code": "123456", "next": ADD}).content.decode()
    assert "set yours up first" in page
    assert admin_client.get(ADD).status_code == 302
