"""A message is tried before TradingView sends it: what it would do, without doing it."""

import json

import pytest
from django.urls import reverse

from risk.models import RiskSettings
from tests.factories import StrategyFactory
from tests.webhook.conftest import SECRET, alert
from trading.models import Alert, Order, OrderEvent

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends, pytest.mark.usefixtures("ready")]


@pytest.fixture
def tried(client, django_user_model):
    """`tried(message)`: the page that comes back, as text."""
    client.force_login(django_user_model.objects.create_user("trader"))

    def send(message):
        text = json.dumps(message) if isinstance(message, dict) else message
        response = client.post(reverse("alert_test"), {"message": text})
        assert response.status_code == 200
        return response.content.decode()

    return send


def test_the_order_and_the_verdict_are_told_and_nothing_is_stored(tried):
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=5)
    StrategyFactory(name="supertrend", execution_mode="AUTO")
    page = tried(alert())
    assert "go by itself (AUTO)" in page
    assert "Quantity 10 would be cut to 5." in page
    assert "due to max_quantity_per_order=5 in GLOBAL" in page
    assert not Alert.objects.exists()
    assert not Order.objects.exists()
    assert not OrderEvent.objects.exists()


def test_an_exit_that_is_tried_cancels_no_entry(tried, post):
    StrategyFactory(name="supertrend")
    entry = post(alert()).json()["order_id"]
    details = {"side": "EXIT_LONG", "quantity": 10, "price": 1500}
    tried(alert(trade_details=details))
    assert Order.objects.get(pk=entry).status == "WAITING"


def test_a_duplicate_names_the_first_alert(tried, post):
    first = post(alert()).json()["alert_id"]
    page = tried(alert())
    assert "DUPLICATE" in page
    assert f"alert {first}</a>" in page
    assert Alert.objects.get().duplicate_count == 0


def test_what_is_wrong_is_named_with_its_field_and_fix(tried):
    page = tried(alert(symbol=...))
    assert "REJECTED" in page
    assert ">symbol</b>" in page


@pytest.mark.parametrize("message", ["{not json", "[]", "x" * 17_000])
def test_what_can_not_be_read_is_said(tried, client, message):
    response = client.post(reverse("alert_test"), {"message": message})
    assert response.status_code in (200, 422)
    assert not Alert.objects.exists()


def test_the_secret_is_judged_and_never_shown(tried):
    good = tried(alert())
    assert "401" not in good
    assert SECRET not in good
    assert "supertrend" in good.partition("<textarea")[2].partition("</textarea>")[0]
    assert "not the right one" in tried(alert(secret="another"))
    missing = tried(alert(secret=...))
    assert "has no secret" in missing
    assert SECRET not in missing


def test_only_who_is_logged_in_may_try(client):
    assert client.post(reverse("alert_test"), {"message": "{}"}).status_code == 302


@pytest.mark.parametrize("more", ["x" * 17_000, "a\x00b"])
def test_a_message_that_the_form_refuses_is_not_sent_back(tried, client, more):
    message = json.dumps(alert()) + more
    response = client.post(reverse("alert_test"), {"message": message})
    page = response.content.decode()
    assert response.status_code == 422
    assert SECRET not in page and "supertrend" not in page
    assert 'class="errorlist"' in page
