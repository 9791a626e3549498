"""The queue: the verdict before anything is pressed, and every action with and without HTMX."""

import re

import pytest
from django.urls import reverse

from risk.models import RiskSettings
from sigmatrader.db import Busy
from tests.factories import StrategyFactory
from tests.support.queue_page import post, row_of, said, text_of
from tests.web.conftest import HX, order_in
from trading.domain.order import Status
from trading.services import halting, queue

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


# -- what a row says ---------------------------------------------------------------------------


def test_an_order_that_risk_lets_pass_says_so(desk):
    order = order_in(Status.WAITING)
    row = row_of(text_of(desk.client.get(reverse("queue"))), order)
    assert "verdict-pass" in row
    assert "Passes" in row
    assert "15,000.00" in row  # 10 × the alert's 1,500


def test_a_clamp_is_announced_with_its_quantity_and_limit(desk):
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=4)
    order = order_in(Status.WAITING)
    row = row_of(text_of(desk.client.get(reverse("queue"))), order)
    assert "Will be cut to 4" in row
    assert "due to max_quantity_per_order=4 in GLOBAL" in row


def test_a_denial_is_announced_with_its_reason(desk):
    strategy = StrategyFactory(name="supertrend")
    RiskSettings.objects.create(scope="STRATEGY", strategy=strategy, allow_short_selling=False)
    order = order_in(Status.WAITING, side="SELL", strategy=strategy)
    row = row_of(text_of(desk.client.get(reverse("queue"))), order)
    assert "Will be denied" in row
    assert "Short selling is disabled in STRATEGY(supertrend)" in row


def test_a_closed_gate_holds_the_row(desk):
    order = order_in(Status.WAITING)
    halting.set_state("HALTED", "EVERYTHING", "lunch", "asha")
    row = row_of(text_of(desk.client.get(reverse("queue"))), order)
    assert "On hold" in row
    assert "lunch" in row


def test_an_order_without_quantity_offers_to_fill_it_in_and_not_to_execute(desk):
    order = order_in(Status.WAITING, qty=0, needs_quantity=True)
    row = row_of(text_of(desk.client.get(reverse("queue"))), order)
    assert "missing" in row
    assert "Fill in" in row
    assert reverse("order_execute", args=[order.pk]) not in row


def test_the_oldest_order_stands_first(desk):
    first, second = order_in(Status.WAITING), order_in(Status.WAITING)
    page = text_of(desk.client.get(reverse("queue")))
    assert page.index(f'id="order-{first.pk}"') < page.index(f'id="order-{second.pk}"')


def test_a_queue_that_is_too_long_for_a_page_says_how_many_more_wait(desk, monkeypatch):
    monkeypatch.setattr("trading.selectors.QUEUE_SIZE", 1)
    order_in(Status.WAITING)
    order_in(Status.WAITING)
    page = text_of(desk.client.get(reverse("queue")))
    assert "1 more wait" in page


# -- polling -----------------------------------------------------------------------------------


def test_the_rows_are_sent_again_only_when_something_changed(desk):
    page = text_of(desk.client.get(reverse("queue")))
    token = re.search(r'id="queue-live" data-merge data-v="([^"]+)"', page).group(1)
    url = reverse("queue_rows")
    assert desk.client.get(url, {"v": token}, headers=HX).status_code == 204
    order = order_in(Status.WAITING)
    answer = desk.client.get(url, {"v": token}, headers=HX)
    assert answer.status_code == 200
    assert f'id="order-{order.pk}"' in text_of(answer)
    assert f'data-token="{token}"' not in text_of(answer)


@pytest.mark.parametrize("change", ["limits", "state", "strategy"])
def test_what_changes_a_verdict_changes_the_token(desk, change):
    strategy = StrategyFactory()
    before = desk.client.get(reverse("queue")).context["token"]
    if change == "limits":
        RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=4)
    elif change == "state":
        halting.set_state("HALTED", "EVERYTHING", "lunch", "asha")
    else:
        strategy.enabled = False
        strategy.save()
    assert desk.client.get(reverse("queue")).context["token"] != before


def test_a_row_on_its_way_follows_itself_until_it_ends(desk):
    order = order_in(Status.QUEUED)
    url = reverse("order_row", args=[order.pk])
    row = text_of(desk.client.get(url, headers=HX))
    assert f'hx-get="{url}?v={order.version}"' in row
    assert 'hx-trigger="every 1s"' in row
    same = desk.client.get(url, {"v": order.version}, headers=HX)
    assert same.status_code == 204
    done = order_in(Status.EXECUTED)
    row = text_of(desk.client.get(reverse("order_row", args=[done.pk]), headers=HX))
    assert "hx-trigger" not in row
    assert "10 of 10 at ₹1,500.05" in row
    assert reverse("order", args=[done.pk]) in row


def test_a_row_asked_for_by_a_plain_browser_is_the_orders_page(desk):
    order = order_in(Status.WAITING)
    response = desk.client.get(reverse("order_row", args=[order.pk]))
    assert response.status_code == 302
    assert response.url == reverse("order", args=[order.pk])


# -- execute, cancel, restore ------------------------------------------------------------------


@pytest.mark.parametrize("htmx", [False, True])
def test_execute_queues_the_order_and_does_not_wait(desk, htmx):
    order = order_in(Status.WAITING)
    response = post(desk, "order_execute", order, htmx=htmx, version=order.version)
    order.refresh_from_db()
    assert order.status == Status.QUEUED
    assert order.events.last().actor == "asha"
    if htmx:
        assert response.status_code == 200
        assert "QUEUED" in row_of(text_of(response), order)
        assert 'hx-swap-oob="beforeend:#toasts"' in text_of(response)
        assert "is queued" in text_of(response)
    else:
        assert response.url == reverse("queue")
        assert "is queued" in said(response)


@pytest.mark.parametrize("htmx", [False, True])
def test_a_second_press_is_told_that_somebody_was_faster(desk, htmx):
    order = order_in(Status.WAITING)
    post(desk, "order_execute", order)
    response = post(desk, "order_execute", order, htmx=htmx)
    assert order.events.count() == 2
    if htmx:
        assert "already QUEUED" in text_of(response)
        assert 'role="alert"' in text_of(response)
    else:
        assert "already QUEUED" in said(response)


def test_executing_a_version_that_was_not_seen_is_refused(desk):
    order = order_in(Status.WAITING)
    seen = order.version
    queue.edit(order, {"qty": 99}, actor="ravi")
    response = post(desk, "order_execute", order, version=seen)
    order.refresh_from_db()
    assert order.status == Status.WAITING
    assert "version 2, not 1" in said(response)


def test_a_halted_desk_refuses_to_execute_with_the_reason(desk):
    order = order_in(Status.WAITING)
    halting.set_state("HALTED", "EVERYTHING", "lunch", "asha")
    response = post(desk, "order_execute", order)
    order.refresh_from_db()
    assert order.status == Status.WAITING
    assert "lunch" in said(response)


@pytest.mark.parametrize("htmx", [False, True])
def test_a_cancel_can_be_undone(desk, htmx):
    order = order_in(Status.WAITING)
    response = post(desk, "order_cancel", order, htmx=htmx)
    order.refresh_from_db()
    assert order.status == Status.CANCELLED
    if htmx:
        assert reverse("order_restore", args=[order.pk]) in text_of(response)
    else:
        page = text_of(desk.client.get(reverse("queue")))
        assert "Cancelled today, never sent" in page
        assert reverse("order_restore", args=[order.pk]) in row_of(page, order)
    post(desk, "order_restore", order, htmx=htmx)
    order.refresh_from_db()
    assert order.status == Status.WAITING


def test_a_cancel_of_a_working_order_is_asked_of_the_broker(desk):
    order = order_in(Status.SENT)
    response = post(desk, "order_cancel", order, htmx=True)
    order.refresh_from_db()
    assert order.status == Status.CANCEL_PENDING
    assert "A cancel of order" in text_of(response)


def test_what_has_ended_can_neither_be_cancelled_nor_restored(desk):
    order = order_in(Status.EXECUTED)
    assert "already EXECUTED" in said(post(desk, "order_cancel", order))
    assert "Only a cancelled order can be restored" in said(post(desk, "order_restore", order))


def test_a_busy_database_is_said_and_changes_nothing(desk, monkeypatch):
    order = order_in(Status.WAITING)

    def busy(*_args, **_kwargs):
        raise Busy("another process is writing")

    monkeypatch.setattr(queue, "execute", busy)
    response = post(desk, "order_execute", order)
    assert response.status_code == 302
    assert "busy" in said(response)


@pytest.mark.parametrize("version", ["", "abc", "-1", "9" * 40, "1.5", "²"])
def test_a_version_that_is_no_number_is_not_compared(desk, version):
    order = order_in(Status.WAITING)
    post(desk, "order_execute", order, version=version)
    order.refresh_from_db()
    assert order.status == Status.QUEUED


@pytest.mark.parametrize(
    ("target", "goes_to"),
    [
        ("/orders/?status=WAITING", "/orders/?status=WAITING"),
        ("https://evil.example.com/", "/queue/"),
        ("//evil.example.com/", "/queue/"),
        ("javascript:alert(1)", "/queue/"),
        ("\\evil", "/queue/"),
        ("abc", "/queue/"),
        ("", "/queue/"),
    ],
)
def test_the_way_back_stays_on_this_host(desk, target, goes_to):
    order = order_in(Status.WAITING)
    assert post(desk, "order_cancel", order, next=target).url == goes_to
