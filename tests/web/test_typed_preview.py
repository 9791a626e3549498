"""What risk would say of a waiting order, while it is typed."""

from decimal import Decimal

import pytest
from django.urls import reverse

from risk.models import RiskSettings
from tests.web.conftest import HX, order_in
from trading.domain.order import Status

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

TYPED = {
    "version": "1",
    "qty": "25",
    "order_type": "LIMIT",
    "price": "1,500",
    "trigger_price": "",
    "product": "MIS",
    "validity": "DAY",
}


def text_of(response):
    return response.content.decode()


@pytest.fixture
def limits(db):
    return RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=100)


def typed(desk, order, headers=HX, **fields):
    url = reverse("order_preview", args=[order.pk])
    return desk.client.post(url, TYPED | fields, headers=headers)


def test_the_edit_form_asks_as_soon_as_it_is_open(desk):
    order = order_in(Status.WAITING)
    row = text_of(desk.client.get(reverse("order_edit", args=[order.pk]), headers=HX))
    assert f'hx-post="{reverse("order_preview", args=[order.pk])}" hx-trigger="load, ' in row


def test_the_verdict_is_of_what_is_typed_and_nothing_is_stored(desk, limits):
    order = order_in(Status.WAITING)
    assert "Passes" in text_of(typed(desk, order))
    cut = text_of(typed(desk, order, qty="150"))
    assert "Will be cut to 100" in cut
    assert "due to max_quantity_per_order=100 in GLOBAL" in cut
    order.refresh_from_db()
    assert (order.version, order.qty) == (1, 10)


def test_what_is_used_of_each_limit_is_shown(desk, limits):
    answer = text_of(typed(desk, order_in(Status.WAITING)))
    assert 'value="25"></meter> <span class="num">25 %</span>' in answer


def test_what_is_no_order_is_said_with_the_fix(desk, limits):
    order = order_in(Status.WAITING)
    assert "A LIMIT order needs a price." in text_of(typed(desk, order, price=""))
    assert "Fill in the order" in text_of(typed(desk, order, qty="many"))


def test_without_javascript_the_page_says_it(desk, limits):
    answer = typed(desk, order_in(Status.WAITING), headers={}, qty="150")
    assert answer.status_code == 200
    assert "Risk says: Will be cut to 100." in text_of(answer)
    assert 'value="150"' in text_of(answer)


def test_the_orders_own_page_shows_every_check_of_a_waiting_order(desk, limits):
    order = order_in(Status.WAITING, price=Decimal(1500))
    page = text_of(desk.client.get(reverse("order", args=[order.pk])))
    assert "Risk, if it were sent now" in page
    assert '<span class="num">10 %</span>' in page
