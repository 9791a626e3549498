"""A row of the queue: edited in place, its drift and time to live, found, undone."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from brokers.models import PriceSource
from brokers.prices import record_price
from sigmatrader import clock
from tests.factories import StrategyFactory
from tests.support.queue_page import post, row_of, said, text_of
from tests.web.conftest import HX, make_alert, order_in
from trading.domain.order import Status
from trading.models import Order
from trading.services import queue
from trading.services.errors import Conflict

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

EDIT = {
    "qty": "25",
    "order_type": "LIMIT",
    "price": "1,499.95",
    "trigger_price": "",
    "product": "CNC",
    "validity": "DAY",
}


# -- edit --------------------------------------------------------------------------------------


def test_edit_opens_in_the_row_with_htmx(desk):
    order = order_in(Status.WAITING, price=Decimal("1500.5000"), order_type="LIMIT")
    response = desk.client.get(reverse("order_edit", args=[order.pk]), headers=HX)
    row = text_of(response)
    assert f'id="order-{order.pk}"' in row
    assert "data-busy" in row
    assert 'value="1500.5"' in row
    for field in queue.EDITABLE:
        assert f'name="{field}"' in row


def test_enter_in_an_edit_form_saves_since_no_button_comes_before(desk):
    order = order_in(Status.WAITING)
    form = text_of(desk.client.get(reverse("order_edit", args=[order.pk]), headers=HX))
    first = re.search(r'<button class="[^"]*" type="submit"[^>]*>', form)
    assert first is not None
    assert "formaction" not in first.group()
    plain = text_of(desk.client.get(reverse("order_edit", args=[order.pk]), follow=True))
    assert plain.count("formaction") == 2


def test_edit_opens_on_the_queue_without_javascript(desk):
    order = order_in(Status.WAITING)
    response = desk.client.get(reverse("order_edit", args=[order.pk]), follow=True)
    assert response.redirect_chain == [(f"/queue/?edit={order.pk}#order-{order.pk}", 302)]
    assert 'name="trigger_price"' in text_of(response)


@pytest.mark.parametrize("htmx", [False, True])
def test_an_edit_is_saved(desk, htmx):
    order = order_in(Status.WAITING)
    response = post(desk, "order_edit", order, htmx=htmx, version=1, gtt="on", **EDIT)
    order.refresh_from_db()
    assert (order.qty, order.price, order.product) == (25, Decimal("1499.95"), "CNC")
    assert order.gtt
    assert order.version == 2
    if htmx:
        assert "1,499.95" in row_of(text_of(response), order)
        assert "is changed" in text_of(response)
    else:
        assert response.url == reverse("queue")
        assert "is changed" in said(response)


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("qty", "0", "at least 1"),
        ("qty", "", "at least 1"),
        ("qty", "ten", "whole number"),
        ("qty", "1.5", "whole number"),
        ("qty", "9" * 30, "at most"),
        ("price", "-5", "above 0"),
        ("price", "NaN", "Enter a price such as"),
        ("price", "1.23456", "4 decimals"),
        ("price", "", "A LIMIT order needs a price."),
        ("order_type", "SL", "needs a trigger price"),
        ("order_type", "BRACKET", "not one of the available choices"),
        ("product", "XYZ", "not one of the available choices"),
        ("validity", "", "required"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(desk, htmx, field, value, message):
    order = order_in(Status.WAITING)
    data = {**EDIT, "version": order.version, field: value}
    response = post(desk, "order_edit", order, htmx=htmx, **data)
    assert response.status_code == (200 if htmx else 422)
    row = row_of(text_of(response), order)
    shown = row[row.index('class="field field-bad"') :]
    assert message in shown
    assert "data-busy" in row
    order.refresh_from_db()
    assert order.version == 1


@pytest.mark.parametrize("htmx", [False, True])
def test_a_stale_edit_changes_nothing_and_says_so(desk, htmx):
    order = order_in(Status.WAITING)
    queue.edit(order, {"qty": 99}, actor="ravi")
    response = post(desk, "order_edit", order, htmx=htmx, version=1, **EDIT)
    order.refresh_from_db()
    assert order.qty == 99
    message = text_of(response) if htmx else said(response)
    assert "Nothing was changed." in message
    assert "version 2, not 1" in message


def test_an_order_that_was_just_executed_can_not_be_edited(desk):
    order = order_in(Status.QUEUED)
    assert "Only a waiting order can be edited" in said(
        post(desk, "order_edit", order, version=1, **EDIT)
    )
    row = desk.client.get(reverse("order_edit", args=[order.pk]), headers=HX)
    assert 'name="qty"' not in text_of(row)
    page = desk.client.get(reverse("queue"), {"edit": order.pk})
    assert "doesn&#x27;t wait any more" in text_of(page)


@pytest.mark.parametrize("edit", ["abc", "-1", "0", "9" * 30, "1e3"])
def test_nonsense_to_edit_is_no_edit(desk, edit):
    order_in(Status.WAITING)
    response = desk.client.get(reverse("queue"), {"edit": edit})
    assert response.status_code == 200
    assert 'name="trigger_price"' not in text_of(response)


def test_a_lost_race_in_the_service_is_a_message(desk, monkeypatch):
    order = order_in(Status.WAITING)

    def lost(*_args, **_kwargs):
        raise Conflict("This order has just changed.")

    monkeypatch.setattr(queue, "edit", lost)
    assert "has just changed" in said(post(desk, "order_edit", order, version=1, **EDIT))


# -- drift and time to live --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "last", "words"),
    [
        ("BUY", "1515", "+1.00 % against it"),
        ("BUY", "1485", "−1.00 % for it"),
        ("SELL", "1515", "+1.00 % for it"),
        ("SELL", "1485", "−1.00 % against it"),
    ],
)
def test_a_row_says_how_far_the_price_has_moved_and_for_whom(desk, side, last, words):
    order = order_in(Status.WAITING, side=side)
    record_price("NSE", "INFY", Decimal(last), clock.now(), PriceSource.ALERT)
    row = row_of(text_of(desk.client.get(reverse("queue"))), order)
    assert words in row
    assert "The alert saw ₹1,500.00" in row


def test_no_drift_is_said_where_nothing_has_moved_or_the_alert_saw_no_price(desk):
    record_price("NSE", "INFY", Decimal(1500), clock.now(), PriceSource.ALERT)
    for seen in (Decimal(1500), None):
        order = order_in(Status.WAITING, reference_price=seen)
        assert "q-drift" not in row_of(text_of(desk.client.get(reverse("queue"))), order)


@pytest.mark.parametrize(("left", "urgent"), [(90, False), (25, False), (19, True), (1, True)])
def test_the_bar_of_the_time_to_live_becomes_urgent_in_the_last_fifth(desk, left, urgent):
    now = clock.now()
    order = order_in(Status.WAITING, expires_at=now + timedelta(seconds=left))
    Order.objects.filter(pk=order.pk).update(created_at=now - timedelta(seconds=100 - left))
    row = row_of(text_of(desk.client.get(reverse("queue"))), order)
    assert 'max="100"' in row
    assert ("ttl-urgent" in row) is urgent


@pytest.mark.parametrize("expires", [None, timedelta(seconds=-5)])
def test_an_order_without_a_time_to_live_or_past_it_has_no_bar(desk, expires):
    order = order_in(Status.WAITING, expires_at=expires and clock.now() + expires)
    assert "<progress" not in row_of(text_of(desk.client.get(reverse("queue"))), order)


# -- finding -----------------------------------------------------------------------------------


def test_the_queue_is_narrowed_to_a_symbol_strategy_or_account_in_the_address(desk):
    one = order_in(Status.WAITING, strategy=StrategyFactory(name="Opening range"))
    other = order_in(Status.WAITING, symbol="NSE:TCS", tradingsymbol="TCS")
    alert = make_alert(strategy_name="not known here")
    third = order_in(Status.WAITING, symbol="NSE:SBIN", tradingsymbol="SBIN", alert=alert)

    def found(text: str) -> list[int]:
        page = text_of(desk.client.get(reverse("queue"), {"q": text}))
        return [one.pk for one in Order.objects.order_by("pk") if f'id="order-{one.pk}"' in page]

    assert found("tcs") == [other.pk]
    assert found(" opening ") == [one.pk]
    assert found("not known") == [third.pk]
    assert found("paper") == [one.pk, other.pk, third.pk]
    assert found("NSE:SBIN") == [third.pk]
    assert found("") == [one.pk, other.pk, third.pk]


def test_the_rows_of_an_open_page_are_narrowed_as_the_page_is(desk):
    order_in(Status.WAITING)
    order = order_in(Status.WAITING, symbol="NSE:TCS", tradingsymbol="TCS")
    page = text_of(desk.client.get(reverse("queue"), {"q": "tcs & co"}))
    assert f'hx-get="{reverse("queue_rows")}?q=tcs%20%26%20co"' in page
    assert "Nothing that waits matches “tcs &amp; co”." in page
    rows = text_of(desk.client.get(reverse("queue_rows"), {"q": "tcs"}, headers=HX))
    assert re.findall(r'id="order-(\d+)"', rows) == [str(order.pk)]


# -- undo --------------------------------------------------------------------------------------


def test_the_message_of_a_cancel_carries_its_undo(desk):
    order = order_in(Status.WAITING)
    answer = text_of(post(desk, "order_cancel", order, htmx=True))
    assert f'data-undo="{order.pk}"' in answer
    second = order_in(Status.WAITING)
    post(desk, "order_cancel", second)
    page = text_of(desk.client.get(reverse("queue")))
    assert f'form="undo-form" formaction="{reverse("order_restore", args=[second.pk])}"' in page
    assert '<form id="undo-form" method="post" hidden>' in page


def test_there_is_no_undo_of_what_a_broker_was_asked_nor_away_from_the_queue(desk):
    assert "data-undo" not in text_of(post(desk, "order_cancel", order_in(Status.SENT), htmx=True))
    order = order_in(Status.WAITING)
    assert "data-undo" not in said(post(desk, "order_cancel", order, next="/orders/"))
