"""The page of one position: closing and protecting it."""

from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.urls import reverse

from brokers.models import (
    AccountPosition,
    BrokerConnection,
)
from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import make_order
from tests.support.positions_page import account_shown, ours, place
from tests.support.queue_page import said, text_of
from trading.domain.order import Status
from trading.models import Order
from trading.services import halting, limiter

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


@pytest.fixture
def live(desk: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> BrokerConnection:
    return account_shown(monkeypatch)


# -- one position ---------------------------------------------------------------------------------


def test_the_page_of_a_position_names_the_consequence_and_rests_on_the_safe_button(desk):
    ours(desk.paper)
    page = text_of(desk.client.get(reverse("position"), place(desk.paper)))
    assert "Exit all 40 at market" in page
    assert "That closes it all." in page
    assert "Risk says: Passes" in page
    assert "autofocus>Keep the position" in page


def test_real_money_is_named(desk, live):
    page = text_of(desk.client.get(reverse("position"), place(live)))
    assert "with real money" in page
    assert "Our fills say 40, the broker 65" in page


@pytest.mark.parametrize(
    "fields",
    [
        {"connection": 999},
        {"connection": "x"},
        {"product": "XYZ"},
        {"symbol": ""},
        {"connection": "9" * 30},
    ],
)
def test_a_position_of_nothing_is_not_found(desk, fields):
    for method, name in (
        ("get", "position"),
        ("post", "position_exit"),
        ("post", "position_protect"),
    ):
        answer = getattr(desk.client, method)(reverse(name), place(desk.paper) | fields)
        assert answer.status_code == 404


def test_a_flat_position_says_that_nothing_is_open(desk):
    page = text_of(desk.client.get(reverse("position"), place(desk.paper)))
    assert "Nothing is open in NSE:INFY MIS" in page
    assert "Exit all" not in page


def test_an_exit_that_is_on_its_way_can_be_cancelled_from_there(desk):
    ours(desk.paper)
    order = make_order(Status.QUEUED, side="SELL", qty=40, reduce_only=True)
    page = text_of(desk.client.get(reverse("position"), place(desk.paper)))
    assert f"Order #{order.pk} closes 40 of 40" in page
    assert reverse("order_cancel", args=[order.pk]) in page


@pytest.mark.parametrize("clamp_mode", ["CLAMP", "REJECT"])
def test_what_risk_would_cut_is_said_in_the_consequence(desk, clamp_mode):
    ours(desk.paper)
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=15, clamp_mode=clamp_mode)
    page = text_of(desk.client.get(reverse("position"), place(desk.paper)))
    assert "Exit 15 at market" in page
    assert 'That leaves <span class="num">25</span>' in page


def test_an_exit_that_risk_would_deny_is_not_offered(desk):
    ours(desk.paper)
    desk.paper.orders_per_day = 1
    desk.paper.save()
    assert limiter.take(desk.paper, clock.now())
    page = text_of(desk.client.get(reverse("position"), place(desk.paper)))
    assert "Will be denied" in page
    assert "at market</button>" not in page
    assert "Exit part" in page


# -- closing --------------------------------------------------------------------------------------


def test_exit_all_queues_an_exit_and_returns_to_the_positions(desk):
    ours(desk.paper)
    answer = desk.client.post(reverse("position_exit"), place(desk.paper))
    order = Order.objects.get()
    assert (order.status, order.side, order.qty, order.reduce_only) == ("QUEUED", "SELL", 40, True)
    assert order.events.get().actor == "asha"
    assert answer.url == reverse("positions")
    assert "exits 40 NSE:INFY" in said(answer)


def test_a_part_is_exited(desk):
    ours(desk.paper)
    body = place(desk.paper, part="1", qty="1,5", seen=40)
    desk.client.post(reverse("position_exit"), body)
    assert Order.objects.get().qty == 15


@pytest.mark.parametrize("qty", ["0", "-1", "1.5", "ten", "²"])
def test_a_part_that_is_no_quantity_is_said_beside_its_field(desk, qty):
    ours(desk.paper)
    answer = desk.client.post(
        reverse("position_exit"), place(desk.paper, part="1", qty=qty, seen=40)
    )
    assert answer.status_code == 422
    assert "field-bad" in text_of(answer)
    assert not Order.objects.exists()


def test_all_of_it_or_a_part_is_exited_at_a_limit(desk):
    ours(desk.paper)
    body = place(desk.paper, part="1", qty="15", limit="1,512.50", seen=40)
    answer = desk.client.post(reverse("position_exit"), body)
    assert "exits 15 NSE:INFY at ₹1,512.50" in said(answer)
    desk.client.post(reverse("position_exit"), body | {"qty": "", "limit": "1520"})
    orders = Order.objects.order_by("pk")
    assert [(one.order_type, one.qty, one.price) for one in orders] == [
        ("LIMIT", 15, Decimal("1512.5")),
        ("LIMIT", 25, Decimal(1520)),
    ]
    assert all(one.reduce_only for one in orders)


@pytest.mark.parametrize(
    ("limit", "text"),
    [("", "Enter a quantity, a limit price, or both."), ("0", "above 0"), ("dear", "such as")],
)
def test_an_exit_of_nothing_said_or_at_no_price_is_told_beside_its_field(desk, limit, text):
    ours(desk.paper)
    body = place(desk.paper, part="1", qty="", limit=limit, seen=40)
    answer = desk.client.post(reverse("position_exit"), body)
    assert answer.status_code == 422
    assert text in text_of(answer)
    assert not Order.objects.exists()


def test_more_than_is_open_is_refused(desk):
    ours(desk.paper)
    answer = desk.client.post(
        reverse("position_exit"), place(desk.paper, part="1", qty="41", seen=40)
    )
    assert "At most 40 can be exited" in said(answer)
    assert answer.url.startswith(reverse("position"))
    assert not Order.objects.exists()


def test_a_part_of_a_position_that_has_changed_is_not_sent(desk):
    ours(desk.paper)
    answer = desk.client.post(
        reverse("position_exit"), place(desk.paper, part="1", qty="10", seen=50)
    )
    assert "50 then, 40 now" in said(answer)
    assert not Order.objects.exists()


def test_a_second_press_names_the_first(desk):
    ours(desk.paper)
    desk.client.post(reverse("position_exit"), place(desk.paper))
    answer = desk.client.post(reverse("position_exit"), place(desk.paper))
    assert f"#{Order.objects.get().pk}" in said(answer)


def test_a_halted_desk_exits_nothing(desk):
    ours(desk.paper)
    halting.set_state("HALTED", "EVERYTHING", "lunch", "asha")
    answer = desk.client.post(reverse("position_exit"), place(desk.paper))
    assert "lunch" in said(answer)
    assert not Order.objects.exists()


@pytest.mark.parametrize("name", ["position_exit", "position_protect"])
def test_a_link_exits_nothing(desk, name):
    ours(desk.paper)
    assert desk.client.get(reverse(name), place(desk.paper)).status_code == 405
    assert not Order.objects.exists()


def test_nobody_exits_without_logging_in(client, desk):
    ours(desk.paper)
    client.logout()
    answer = client.post(reverse("position_exit"), place(desk.paper))
    assert answer.url.startswith(reverse("login"))
    assert not Order.objects.exists()


# -- protecting -----------------------------------------------------------------------------------


def test_a_stop_and_a_target_become_one_trigger(desk, live):
    AccountPosition.objects.update(product="CNC")
    answer = desk.client.post(
        reverse("position_protect"),
        place(live, product="CNC", stop_trigger="1,480", stop_price="1478", target_trigger="1560"),
    )
    stop, target = Order.objects.order_by("pk")
    assert (stop.price, target.price, target.oco_with) == (Decimal(1478), Decimal(1560), stop)
    assert "one GTT" in said(answer)
    page = text_of(desk.client.get(reverse("position"), place(live, product="CNC")))
    assert "1,478.00 once 1,480.00 is reached, or at 1,560.00 once 1,560.00 is" in page


def test_a_stop_on_the_wrong_side_is_said_beside_its_field(desk, live):
    AccountPosition.objects.update(product="CNC")
    answer = desk.client.post(
        reverse("position_protect"), place(live, product="CNC", stop_trigger="1600")
    )
    assert answer.status_code == 422
    page = text_of(answer)
    assert "below the last price, 1512" in page[page.index("field-bad") :]
    assert not Order.objects.exists()


def test_an_intraday_position_says_why_it_takes_no_gtt(desk, live):
    page = text_of(desk.client.get(reverse("position"), place(live)))
    assert "squared off the same day" in page
    assert "Place the GTT" not in page
    answer = desk.client.post(reverse("position_protect"), place(live, stop_trigger="1480"))
    assert answer.status_code == 422
    assert not Order.objects.exists()


def test_a_paper_position_takes_no_gtt(desk):
    ours(desk.paper, product="CNC")
    answer = desk.client.post(
        reverse("position_protect"), place(desk.paper, product="CNC", stop_trigger="1480")
    )
    assert "can't hold a stop and a target" in said(answer)
