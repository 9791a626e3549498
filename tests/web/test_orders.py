"""The list of orders with its filters and pages, and what can be done on an order's page."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from brokers.models import BrokerConnection
from sigmatrader import clock
from tests.factories import StrategyFactory, make_order
from tests.web.conftest import HX, make_alert, order_in
from trading import selectors
from trading.domain.order import Status
from trading.models import Order, OrderAttempt
from trading.services import halting, queue

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def text_of(response) -> str:
    return response.content.decode()


def said(response) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def listed(desk, **query) -> list[int]:
    response = desk.client.get(reverse("orders"), query)
    assert response.status_code == 200
    return [order.pk for order in response.context["page"].rows]


# -- filters and pages -------------------------------------------------------------------------


@pytest.fixture
def three(desk, live_account):
    strategy = StrategyFactory(name="supertrend")
    desk.waiting = make_order(symbol="NSE:INFY", strategy=strategy)
    desk.live = make_order(
        symbol="NSE:TCS", tradingsymbol="TCS", side="SELL", connection=live_account
    )
    desk.auto = order_in(Status.EXECUTED, symbol="NSE:INFYBEES", mode="AUTO")
    desk.strategy = strategy
    return desk


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["auto", "live", "waiting"]),
        ({"status": "EXECUTED"}, ["auto"]),
        ({"status": "OPEN"}, ["live", "waiting"]),
        ({"symbol": "infy"}, ["auto", "waiting"]),
        ({"side": "SELL"}, ["live"]),
        ({"mode": "AUTO"}, ["auto"]),
        ({"money": "live"}, ["live"]),
        ({"money": "paper"}, ["auto", "waiting"]),
        ({"q": "supertrend"}, ["waiting"]),
        ({"q": "no such thing"}, []),
        ({"symbol": "infy", "status": "OPEN"}, ["waiting"]),
    ],
)
def test_the_address_filters_the_orders(three, query, names):
    assert listed(three, **query) == [getattr(three, name).pk for name in names]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"symbol": "NIFTY1!"}, True),
        ({"symbol": "nifty26dec"}, True),
        ({"symbol": "NFO:NIFTY26DECFUT"}, True),
        ({"symbol": "NSE:NIFTY26DECFUT"}, False),
        ({"symbol": "NIFTY26JAN"}, False),
        ({"q": "NIFTY26DECFUT"}, True),
    ],
)
def test_orders_are_found_by_the_alerts_symbol_and_by_the_contract(desk, query, found):
    order = make_order(symbol="NSE:NIFTY1!", exchange="NFO", tradingsymbol="NIFTY26DECFUT")
    make_order()
    assert listed(desk, **query) == ([order.pk] if found else [])


def test_orders_at_a_simulator_are_no_live_orders(desk):
    account = BrokerConnection.objects.create(name="sim", broker_name="zerodha", kind="SIMULATOR")
    order = make_order(connection=account)
    assert listed(desk, money="simulator") == [order.pk]
    assert listed(desk, money="live") == listed(desk, money="paper") == []


@pytest.mark.parametrize(
    ("status", "counts"),
    [(Status.WAITING, True), (Status.QUEUED, True), (Status.SENT, False), (Status.UNKNOWN, False)],
)
def test_only_an_order_that_is_not_sent_has_a_time_to_live(desk, status, counts):
    order = order_in(status, expires_at=clock.now() + timedelta(minutes=5))
    page = text_of(desk.client.get(reverse("queue")))
    assert ("</time> left</p>" in page) is counts
    page = text_of(desk.client.get(reverse("order", args=[order.pk])))
    assert ("Expires unless sent by" in page) is counts


def test_a_long_line_of_an_alert_is_wrapped(full_desk):
    order = full_desk.orders[Status.EXECUTED]
    page = text_of(full_desk.client.get(reverse("order", args=[order.pk])))
    assert '<pre class="code code-wrap" tabindex="0" aria-label="Raw alert">' in page


def test_orders_are_found_by_strategy_number_and_broker_id(three):
    assert listed(three, strategy=three.strategy.pk) == [three.waiting.pk]
    assert listed(three, q=f"#{three.live.pk}") == [three.live.pk]
    assert listed(three, q=three.auto.broker_order_id) == [three.auto.pk]
    assert listed(three, q=three.waiting.client_order_id) == [three.waiting.pk]


def test_days_are_indian_days_and_both_count(desk):
    midnight = selectors.day_start(clock.now())
    before = make_order(created_at=midnight - timedelta(seconds=1))
    after = make_order(created_at=midnight)
    today = f"{midnight:%Y-%m-%d}"
    yesterday = f"{midnight - timedelta(days=1):%Y-%m-%d}"
    assert listed(desk, from_day=today) == [after.pk]
    assert listed(desk, to_day=yesterday) == [before.pk]
    assert listed(desk, from_day=yesterday, to_day=today) == [after.pk, before.pk]


@pytest.mark.parametrize(
    "query",
    [
        {"status": "NONSENSE"},
        {"strategy": "abc"},
        {"strategy": "999999999999999999999999"},
        {"side": "BUY'; DROP TABLE orders"},
        {"mode": "maybe"},
        {"money": "gold"},
        {"from_day": "yesterday"},
        {"from_day": "0001-01-01"},
        {"to_day": "9999-12-31"},
        {"from_day": "2026-02-30"},
        {"from_day": "2026-11-23", "to_day": "2026-11-22"},
        {"q": "x" * 500},
        {"q": "\x00"},
    ],
)
def test_a_filter_that_makes_no_sense_says_so_and_filters_nothing(three, query):
    response = three.client.get(reverse("orders"), query)
    assert response.status_code == 200
    assert "errorlist" in text_of(response)
    assert three.waiting.pk in [order.pk for order in response.context["page"].rows]


@pytest.mark.parametrize("place", ["abc", "-1", "0", "999999", "9" * 30, "1.5"])
@pytest.mark.parametrize("way", ["older", "newer"])
def test_a_place_that_is_not_there_shows_the_newest(three, way, place):
    assert listed(three, **{way: place})[0] == three.auto.pk


def test_pages_lead_through_all_orders_and_back(desk):
    at = clock.now()
    made = [make_order(created_at=at).pk for _ in range(selectors.PAGE_SIZE * 2 + 1)]
    made.reverse()
    first = desk.client.get(reverse("orders")).context["page"]
    assert [order.pk for order in first.rows] == made[:50]
    assert first.newer is None
    second = desk.client.get(reverse("orders"), {"older": first.older}).context["page"]
    assert [order.pk for order in second.rows] == made[50:100]
    third = desk.client.get(reverse("orders"), {"older": second.older}).context["page"]
    assert [order.pk for order in third.rows] == made[100:]
    assert third.older is None
    back = desk.client.get(reverse("orders"), {"newer": third.newer}).context["page"]
    assert [order.pk for order in back.rows] == made[50:100]
    top = desk.client.get(reverse("orders"), {"newer": back.newer}).context["page"]
    assert [order.pk for order in top.rows] == made[:50]
    assert top.newer is None


def test_turning_the_page_keeps_the_filters(desk):
    for _ in range(selectors.PAGE_SIZE + 1):
        make_order(side="SELL")
    page = text_of(desk.client.get(reverse("orders"), {"side": "SELL", "money": "paper"}))
    assert "?side=SELL&amp;money=paper&amp;older=" in page


def test_a_page_of_orders_costs_the_same_number_of_queries_however_many_there_are(
    desk, django_assert_max_num_queries
):
    for _ in range(30):
        make_order()
    with django_assert_max_num_queries(25):
        desk.client.get(reverse("orders"))


# -- an order's page ---------------------------------------------------------------------------


def test_the_page_tells_the_whole_story_in_order(desk):
    alert = make_alert(reason="breakout of the day", raw_body='{"secret": "***", "x": 1}')
    order = order_in(Status.EXECUTED, alert=alert)
    OrderAttempt.objects.create(
        order=order,
        number=1,
        tag=order.client_order_id,
        variety="regular",
        worker_id="desk:1:1",
        lease_token="token-in-clear",
        lease_until=clock.now(),
        claimed_at=clock.now(),
    )
    page = text_of(desk.client.get(reverse("order", args=[order.pk])))
    story = page[page.index("Timeline") :]
    places = [story.index(word) for word in ("QUEUED", "SENDING", "SENT", "EXECUTED")]
    assert places == sorted(places)
    for text in (f"Alert {alert.pk} received", "Attempt 1 begun", "breakout of the day"):
        assert text in page
    assert "token-in-clear" not in page


def test_the_page_follows_an_order_that_has_not_ended(desk):
    order = order_in(Status.SENT)
    url = reverse("order_live", args=[order.pk])
    page = desk.client.get(reverse("order", args=[order.pk]))
    assert url in text_of(page)
    assert desk.client.get(url, {"v": page.context["live_key"]}, headers=HX).status_code == 204
    changed = desk.client.get(url, {"v": f"{order.version - 1}-"}, headers=HX)
    assert changed.status_code == 200
    assert text_of(changed).lstrip().startswith('<div id="order-live"')
    done = order_in(Status.EXECUTED)
    page = text_of(desk.client.get(reverse("order", args=[done.pk])))
    assert reverse("order_live", args=[done.pk]) not in page


@pytest.mark.parametrize(
    ("status", "shown", "arrives"),
    [
        (Status.UNKNOWN, "none", "order_resolve"),
        (Status.SENT, "none", "order_modify"),
        (Status.EXECUTED, "modify", ""),
        (Status.SENT, "modify", None),
    ],
)
def test_the_form_that_is_due_comes_with_the_order_and_one_that_is_there_is_left_alone(
    desk, status, shown, arrives
):
    order = order_in(status)
    url = reverse("order_live", args=[order.pk])
    answer = text_of(desk.client.get(url, {"v": "0-", "forms": shown}, headers=HX))
    renewed = 'id="order-forms" hx-swap-oob="true"' in answer
    assert renewed is (arrives is not None)
    for name in ("order_resolve", "order_modify"):
        assert (reverse(name, args=[order.pk]) in answer) is (name == arrives)


def test_the_verdict_of_a_waiting_order_is_renewed_when_it_changes(desk):
    order = order_in(Status.WAITING)
    url = reverse("order_live", args=[order.pk])
    page = desk.client.get(reverse("order", args=[order.pk]))
    known = page.context["live_key"]
    assert desk.client.get(url, {"v": known}, headers=HX).status_code == 204
    halting.set_state("HALTED", "EVERYTHING", "storm", "asha")
    renewed = desk.client.get(url, {"v": known}, headers=HX)
    assert renewed.status_code == 200
    assert "On hold" in text_of(renewed)


@pytest.mark.parametrize(
    ("status", "offered", "missing"),
    [
        (Status.WAITING, ["order_execute", "order_edit", "order_cancel"], ["order_retry"]),
        (Status.QUEUED, ["order_cancel"], ["order_execute"]),
        (Status.SENT, ["order_cancel", "order_modify"], ["order_execute", "order_retry"]),
        (Status.UNKNOWN, ["order_cancel", "order_resolve"], ["order_retry", "order_modify"]),
        (Status.CANCELLED, ["order_restore"], ["order_cancel"]),
        (Status.FAILED, ["order_retry"], ["order_cancel", "order_execute"]),
        (Status.REJECTED_RISK, ["order_retry"], ["order_restore"]),
        (Status.EXECUTED, [], ["order_cancel", "order_retry", "order_modify", "order_resolve"]),
        (Status.REJECTED, [], ["order_retry", "order_cancel"]),
    ],
)
def test_the_page_offers_what_the_status_allows(desk, status, offered, missing):
    order = order_in(status)
    page = text_of(desk.client.get(reverse("order", args=[order.pk])))
    for name in offered:
        assert reverse(name, args=[order.pk]) in page, name
    for name in missing:
        assert reverse(name, args=[order.pk]) not in page, name


def test_a_failed_order_is_retried_as_a_new_linked_one(desk):
    order = order_in(Status.FAILED)
    response = desk.client.post(reverse("order_retry", args=[order.pk]))
    again = Order.objects.get(retry_of=order)
    assert response.url == reverse("order", args=[again.pk])
    assert again.status == Status.WAITING
    page = text_of(desk.client.get(reverse("order", args=[order.pk])))
    assert "Retried by" in page
    second = desk.client.post(reverse("order_retry", args=[order.pk]))
    assert second.url == reverse("order", args=[order.pk])
    assert f"Order {again.pk} already retries order {order.pk}." in said(second)


def test_an_unknown_order_is_resolved_by_hand(desk):
    order = order_in(Status.UNKNOWN)
    response = desk.client.post(
        reverse("order_resolve", args=[order.pk]),
        {"outcome": "PLACED", "broker_order_id": "2611230001", "reason": "seen in Kite"},
    )
    order.refresh_from_db()
    assert response.status_code == 302
    assert (order.status, order.broker_order_id) == (Status.SENT, "2611230001")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "This field is required."),
        ({"outcome": "PERHAPS", "reason": "a feeling"}, "not one of the available choices"),
        ({"outcome": "NOT_PLACED", "reason": "abc"}, "Type how you know"),
        ({"outcome": "PLACED", "reason": "seen in Kite"}, "Enter the order id"),
    ],
)
def test_a_resolution_that_lacks_something_says_what(desk, data, message):
    order = order_in(Status.UNKNOWN)
    response = desk.client.post(reverse("order_resolve", args=[order.pk]), data)
    assert response.status_code == 422
    assert message in text_of(response)
    order.refresh_from_db()
    assert order.status == Status.UNKNOWN


def test_a_resolution_that_comes_too_late_is_a_message(desk):
    order = order_in(Status.SENT)
    response = desk.client.post(
        reverse("order_resolve", args=[order.pk]),
        {"outcome": "NOT_PLACED", "reason": "not in the book"},
    )
    assert response.url == reverse("order", args=[order.pk])
    assert "Only an UNKNOWN order can be resolved" in said(response)


MODIFY = {"qty": "12", "order_type": "LIMIT", "price": "1490", "validity": "DAY"}


def test_a_working_order_is_modified_through_the_worker(desk):
    order = order_in(Status.SENT, order_type="LIMIT", price=Decimal("1500"))
    response = desk.client.post(reverse("order_modify", args=[order.pk]), MODIFY)
    order.refresh_from_db()
    assert response.status_code == 302
    assert order.modification == {"qty": 12, "price": "1490"}
    page = text_of(desk.client.get(reverse("order", args=[order.pk])))
    assert "qty 12, price 1490" in page


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"qty": "3"}, "at least 4"),
        ({"price": ""}, "A LIMIT order needs a price."),
        ({"qty": "many"}, "whole number"),
    ],
)
def test_a_modification_that_is_no_order_says_why(desk, change, message):
    order = order_in(Status.PARTIALLY_EXECUTED, order_type="LIMIT", price=Decimal("1500"))
    response = desk.client.post(reverse("order_modify", args=[order.pk]), {**MODIFY, **change})
    assert response.status_code == 422
    assert message in text_of(response)
    order.refresh_from_db()
    assert order.modification is None


def test_a_modification_of_an_ended_order_is_a_message(desk):
    order = order_in(Status.EXECUTED)
    response = desk.client.post(reverse("order_modify", args=[order.pk]), MODIFY)
    assert "Only a working order can be modified" in said(response)


def test_the_reason_of_a_denial_is_on_the_page(desk):
    order = order_in(Status.REJECTED_RISK)
    page = text_of(desk.client.get(reverse("order", args=[order.pk])))
    assert "Denied by a limit." in page
    assert queue.get(order.pk).version == order.version  # looking changes nothing
