"""What a login without rights sees and may do on the pages."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from risk import policy
from tests.support.authenticator import enrol
from trading.domain.values import TradingStateName

pytestmark = pytest.mark.django_db

RESUME = {"target": "EVERYTHING", "state": "ACTIVE", "reason": "looked into it"}


@pytest.fixture
def ravi(reader) -> Client:
    client = Client()
    client.force_login(reader)
    client.post(reverse("halt"))
    return client


def state_now() -> TradingStateName:
    return policy.current_states()[0].state


def test_without_the_right_the_page_halts_and_does_not_resume(ravi, reader):
    assert state_now() is TradingStateName.HALTED
    assert "may halt and reduce, not resume" in ravi.get(reverse("risk")).content.decode()
    refused = ravi.post(reverse("risk"), RESUME)
    assert refused.status_code == 422
    assert "risk.change_tradingstate" in refused.content.decode()
    assert state_now() is TradingStateName.HALTED
    reader.user_permissions.add(Permission.objects.get(codename="change_tradingstate"))
    assert ravi.post(reverse("risk"), RESUME).status_code == 302
    assert state_now() is TradingStateName.ACTIVE


def test_who_lacks_a_second_factor_is_shown_the_way_to_one(ravi, reader):
    reader.user_permissions.add(Permission.objects.get(codename="change_tradingstate"))
    enrol(get_user_model().objects.create_user("asha"))
    page = ravi.get(reverse("risk")).content.decode()
    assert "set yours up first" in page
    assert reverse("second_factor") in page
    refused = ravi.post(reverse("risk"), RESUME)
    assert refused.status_code == 422
    assert "Second factors are in use here" in refused.content.decode()
    assert state_now() is TradingStateName.HALTED
