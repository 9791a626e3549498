"""What an order would take, asked of its broker while it is edited."""

import pytest
from django.urls import reverse

from brokers.models import BrokerQuestion
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory
from tests.web.conftest import HX, order_in
from trading.domain.order import Status

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def text_of(response) -> str:
    return response.content.decode()


TYPED = {
    "version": "1",
    "qty": "25",
    "order_type": "LIMIT",
    "price": "1,499.95",
    "trigger_price": "",
    "product": "CNC",
    "validity": "DAY",
}


def cost_of(desk, order, **typed):
    url = reverse("order_cost", args=[order.pk])
    return desk.client.post(url, TYPED | typed, headers=HX)


def test_the_edit_form_asks_what_the_order_would_take_once_it_is_open(desk):
    order = order_in(Status.WAITING)
    row = text_of(desk.client.get(reverse("order_edit", args=[order.pk]), headers=HX))
    assert f'hx-post="{reverse("order_cost", args=[order.pk])}" hx-trigger="load, ' in row
    assert not BrokerQuestion.objects.exists()


def test_the_cost_is_asked_for_the_order_as_it_is_typed(desk):
    order = order_in(Status.WAITING)
    answer = text_of(cost_of(desk, order))
    question = BrokerQuestion.objects.get()
    assert question.kind == "ORDER_COST"
    assert {"quantity": 25, "price": "1499.95", "product": "CNC"}.items() <= question.params.items()
    assert "Asking the broker" in answer
    assert f"?question={question.pk}&amp;looks=1" in answer
    order.refresh_from_db()
    assert order.version == 1


def looked(desk, order, question, looks=1):
    url = reverse("order_cost", args=[order.pk])
    query = {"question": question.pk, "looks": looks}
    return text_of(desk.client.get(url, query, headers=HX))


def test_the_brokers_answer_is_shown_in_rupees(desk):
    order = order_in(Status.WAITING)
    cost_of(desk, order)
    question = BrokerQuestion.objects.get()
    BrokerQuestion.objects.update(
        answered_at=clock.now(),
        answer={"required": "1234567.5", "charges": "45.3", "currency": "INR"},
    )
    shown = looked(desk, order, question)
    assert "₹12,34,567.50 margin or cash, and ₹45.30 charges" in shown
    assert "hx-get" not in shown


def test_a_broker_that_can_not_say_is_quoted(desk):
    order = order_in(Status.WAITING)
    cost_of(desk, order)
    BrokerQuestion.objects.update(answered_at=clock.now(), error="No price is known.")
    assert "No price is known." in looked(desk, order, BrokerQuestion.objects.get())


def test_a_silent_worker_is_not_waited_for_for_ever(desk):
    order = order_in(Status.WAITING)
    cost_of(desk, order)
    question = BrokerQuestion.objects.get()
    assert "looks=12" in looked(desk, order, question, looks=11)
    last = looked(desk, order, question, looks=12)
    assert "The worker has not answered yet." in last
    assert "looks=" not in last


def test_an_order_that_makes_no_sense_is_not_asked_about(desk):
    order = order_in(Status.WAITING)
    assert "Fill in the order" in text_of(cost_of(desk, order, qty=""))
    assert not BrokerQuestion.objects.exists()


def test_another_accounts_answer_is_not_shown(desk):
    order = order_in(Status.WAITING)
    other = BrokerQuestion.objects.create(
        connection=BrokerConnectionFactory(), kind="ORDER_COST", answered_at=clock.now(),
        answer={"required": "77", "charges": "1", "currency": "INR"},
    )  # fmt: skip
    assert "77" not in looked(desk, order, other)


def test_without_javascript_the_form_comes_back_as_it_was_typed(desk, monkeypatch):
    monkeypatch.setattr("trading.web.views.queue.COST_SECONDS", 0)
    order = order_in(Status.WAITING)
    answer = desk.client.post(reverse("order_cost", args=[order.pk]), TYPED)
    assert answer.status_code == 200
    page = text_of(answer)
    assert 'value="1,499.95"' in page
    assert "has not answered yet" in page
