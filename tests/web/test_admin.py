"""The admin: strategies to edit, records to read, no secret to see."""

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse

from sigmatrader import clock
from tests.factories import StrategyFactory
from tests.web.conftest import order_in
from trading.domain.order import Status
from trading.models import Order, Strategy, WebhookSecret
from trading.services import webhook_secrets

pytestmark = pytest.mark.django_db

RECORDS = (
    "alert",
    "order",
    "orderevent",
    "orderattempt",
    "fill",
    "position",
    "closedtrade",
    "instrument",
    "workerheartbeat",
    "notice",
    "noticechannel",
)


def text_of(response) -> str:
    return response.content.decode()


@pytest.mark.parametrize("name", RECORDS)
def test_records_are_listed_and_never_written(full_desk, name):
    listing = full_desk.client.get(reverse(f"admin:trading_{name}_changelist"), {"q": "x"})
    assert listing.status_code == 200
    assert full_desk.client.get(reverse(f"admin:trading_{name}_changelist")).status_code == 200
    assert full_desk.client.get(reverse(f"admin:trading_{name}_add")).status_code == 403
    row = apps.get_model("trading", name).objects.first()
    if row is not None:
        for action in ("change", "delete"):
            url = reverse(f"admin:trading_{name}_{action}", args=[row.pk])
            assert full_desk.client.post(url, {"post": "yes"}).status_code == 403
            assert row.__class__.objects.filter(pk=row.pk).exists()


def test_an_orders_record_shows_its_events_and_no_lease(full_desk):
    order = full_desk.orders[Status.EXECUTED]
    page = text_of(full_desk.client.get(reverse("admin:trading_order_change", args=[order.pk])))
    assert "EXECUTED" in page
    assert "lease-token-in-clear" not in page
    assert "<script>alert" not in page
    attempt = order.attempts.get()
    page = text_of(
        full_desk.client.get(reverse("admin:trading_orderattempt_change", args=[attempt.pk]))
    )
    assert "lease-token-in-clear" not in page


def test_every_model_of_the_desk_that_a_person_may_see_is_in_the_admin():
    hidden = {"IdempotentRequest", "IntakeCounter", "OrderMargin", "RateWindow"}
    hidden |= {"AnalyticsRebuild", "DayDue", "DayExposure", "DayTotal"}  # worked out from trades
    hidden |= {"NoticeCursor", "NoticeLink", "UnpricedLot"}
    models = set(apps.get_app_config("trading").get_models())
    missing = {model.__name__ for model in models if not admin.site.is_registered(model)}
    assert missing == hidden


def test_a_strategy_is_added_and_switched_in_the_list(desk):
    form = desk.client.get(reverse("admin:trading_strategy_add"))
    fields = form.context["adminform"].form
    values = {field.name: field.value() for field in fields if field.value() is not None}
    values |= {"name": "supertrend", "execution_mode": "AUTO", "enabled": "on"}
    answer = desk.client.post(reverse("admin:trading_strategy_add"), values)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    strategy = Strategy.objects.get()
    assert strategy.execution_mode == "AUTO"
    desk.client.post(
        reverse("admin:trading_strategy_changelist"),
        {
            "form-TOTAL_FORMS": 1,
            "form-INITIAL_FORMS": 1,
            "form-0-id": strategy.pk,
            "form-0-execution_mode": "MANUAL",
            "_save": "Save",
        },
    )
    strategy.refresh_from_db()
    assert (strategy.execution_mode, strategy.enabled) == ("MANUAL", False)


def test_a_trigger_off_hours_is_refused_for_intraday_with_the_fix(desk):
    form = desk.client.get(reverse("admin:trading_strategy_add")).context["adminform"].form
    values = {field.name: field.value() for field in form if field.value() is not None}
    values |= {"name": "sleeper", "off_hours": "GTT", "default_product": "MIS"}
    answer = desk.client.post(reverse("admin:trading_strategy_add"), values)
    errors = answer.context["adminform"].form.errors
    assert "Choose CNC or NRML" in errors["off_hours"][0]
    answer = desk.client.post(
        reverse("admin:trading_strategy_add"), values | {"default_product": "CNC"}
    )
    assert answer.status_code == 302


def test_a_strategy_with_orders_can_not_be_deleted(desk):
    strategy = StrategyFactory()
    order_in(Status.EXECUTED, strategy=strategy)
    url = reverse("admin:trading_strategy_delete", args=[strategy.pk])
    page = desk.client.post(url, {"post": "yes"})
    assert "Cannot delete strategy" in text_of(page)
    assert "would require deleting the following protected" in text_of(page)
    assert Strategy.objects.filter(pk=strategy.pk).exists()
    assert Order.objects.count() == 1


def test_a_secret_is_made_at_random_and_its_value_is_never_shown(desk):
    strategy = StrategyFactory()
    values = {"label": "own", "strategy": strategy.pk, "valid_until_0": "", "valid_until_1": ""}
    answer = desk.client.post(reverse("admin:trading_webhooksecret_add"), values, follow=True)
    assert answer.status_code == 200
    secret = webhook_secrets.current(strategy)
    assert len(secret) >= 24
    row = WebhookSecret.objects.get()
    url = reverse("admin:trading_webhooksecret_change", args=[row.pk])
    for page in (
        answer,
        desk.client.get(url),
        desk.client.get(reverse("admin:trading_webhooksecret_changelist")),
    ):
        assert secret not in text_of(page)
        assert row.secret_encrypted not in text_of(page)
    desk.client.post(url, {"label": "renamed", "secret_encrypted": "mine", "strategy": ""})
    row.refresh_from_db()
    assert (row.label, row.strategy) == ("renamed", strategy)
    assert webhook_secrets.current(strategy) == secret


def test_a_secret_can_be_given_an_end(desk):
    webhook_secrets.create("a-secret-of-ours")
    row = WebhookSecret.objects.get()
    url = reverse("admin:trading_webhooksecret_change", args=[row.pk])
    desk.client.post(
        url, {"label": "main", "valid_until_0": "2026-11-23", "valid_until_1": "00:00:00"}
    )
    assert not webhook_secrets.matches(
        ["a-secret-of-ours"], None, webhook_secrets.stored(clock.now().replace(year=2027))
    )


def test_the_admin_wears_the_products_name_and_says_whose_money_it_is(desk):
    page = text_of(desk.client.get(reverse("admin:index")))
    assert "SigmaTrader admin" in page
    assert "css/admin.css" in page
    assert 'desk-money desk-paper">PAPER<' in page


def test_the_admin_is_entered_through_the_desks_login(client, db):
    response = client.get(reverse("admin:login"), {"next": "/admin/trading/"})
    assert response.url == "/accounts/login/?next=%2Fadmin%2Ftrading%2F"
    assert "desk-money" not in text_of(client.get(response.url))


def test_a_user_who_is_no_staff_is_kept_out(client, reader):
    client.force_login(reader)
    assert client.get(reverse("admin:index")).status_code == 302


def test_moments_are_told_as_on_the_desk(full_desk):
    order = full_desk.orders[Status.EXECUTED]
    page = text_of(full_desk.client.get(reverse("admin:trading_order_change", args=[order.pk])))
    assert f"{order.created_at.astimezone(clock.IST):%H:%M:%S}" in page
    assert not re.search(r"\d [ap]\.m\.", page)
