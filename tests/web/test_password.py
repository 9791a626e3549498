"""Changing one's own password."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db

PAGE = reverse("password")
OLD, NEW = "a-long-password", "four words of mine"


def change(desk, old: str = OLD, first: str = NEW, second: str = NEW):
    values = {"old_password": old, "new_password1": first, "new_password2": second}
    return desk.client.post(PAGE, values)


def is_password(password: str) -> bool:
    return get_user_model().objects.get(username="asha").check_password(password)


def is_in(client) -> bool:
    return client.get(reverse("settings")).status_code == 200


def test_the_settings_lead_there(desk):
    assert f'href="{PAGE}"' in desk.client.get(reverse("settings")).content.decode()


def test_a_new_password_ends_the_other_sessions_and_not_this_one(desk):
    left_open = Client()
    left_open.force_login(desk.person)
    assert change(desk).url == reverse("settings")
    assert is_password(NEW)
    assert is_in(desk.client)
    assert not is_in(left_open)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"old": "not it"}, "This is not your password."),
        ({"old": ""}, "Enter it."),
        ({"second": "another one of mine"}, "match"),
        ({"first": "short", "second": "short"}, "at least 10 characters"),
        ({"first": "password123", "second": "password123"}, "too common"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_changed(desk, values, complaint):
    answer = change(desk, **values)
    assert answer.status_code == 422
    assert complaint in answer.content.decode()
    assert is_password(OLD)


def test_guessing_the_password_there_locks_as_at_the_login(desk):
    for _ in range(9):
        answer = change(desk, old="guess")
    assert answer.status_code == 429
    assert change(desk).status_code == 429
    assert is_password(OLD)


def test_it_is_behind_the_login(client, db):
    assert client.get(PAGE).url.startswith(reverse("login"))
