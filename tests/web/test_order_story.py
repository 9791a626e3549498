"""What an order's page tells of the broker's side: triggers, attempts, orders from outside."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from brokers.models import BrokerConnection
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, make_order
from tests.support.trades import traded
from tests.web.conftest import HOSTILE, make_alert, order_in, walk
from trading import selectors
from trading.domain.off_hours import book_day
from trading.domain.order import Status
from trading.domain.values import Origin, Variety
from trading.models import BookEntry, Fill, Order, OrderAttempt, Trigger
from trading.services import lifecycle, recovery
from trading.services.attempts import new_client_order_id
from trading.web.timeline import timeline_of

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


@pytest.fixture
def account() -> BrokerConnection:
    account: BrokerConnection = BrokerConnectionFactory(name="family")
    return account


def page_of(desk, order: Order) -> str:
    return desk.client.get(reverse("order", args=[order.pk])).content.decode()


def adopted(account: BrokerConnection, **fields: Any) -> Order:
    """An order that somebody placed in the broker's own app."""
    values = {
        "connection": account,
        "origin": Origin.EXTERNAL,
        "client_order_id": new_client_order_id(),
        "symbol": "NSE:SBIN",
        "exchange": "NSE",
        "tradingsymbol": "SBIN",
        "side": "BUY",
        "qty": 5,
        "requested_qty": 5,
        "broker_order_id": "251123000077",
    }
    return lifecycle.create(Order(**values | fields), Status.SENT, actor="BROKER", adoption=True)


# -- the order of time ----------------------------------------------------------------------------


def test_a_fill_told_in_whole_seconds_stands_behind_the_sending_of_its_order(desk, account):
    order = order_in(Status.SENT, connection=account)
    sent = order.events.get(to_status=Status.SENT).at
    Fill.objects.create(
        order=order, connection=account, trade_id="00000011", exchange="NSE", symbol="INFY",
        product="MIS", side="BUY", qty=4, price=Decimal(1500), at=sent.replace(microsecond=0),
    )  # fmt: skip
    moments = timeline_of(selectors.order_with_story(order.pk))
    assert [one.kind for one in moments][-1] == "fill"
    assert moments[-1].at.microsecond == 0
    assert moments[-1].after is None or moments[-1].after >= timedelta(0)


# -- triggers -------------------------------------------------------------------------------------


def resting(account: BrokerConnection, **fields: Any) -> Order:
    order = make_order(
        Status.QUEUED, connection=account, side="SELL", gtt=True, order_type="LIMIT",
        price=Decimal("1478.5"), trigger_price=Decimal(1480), product="CNC", **fields,
    )  # fmt: skip
    return walk(order, Status.SENDING, Status.SENT, broker_trigger_id="778899")


def test_a_two_leg_trigger_is_shown_with_its_legs_and_the_other_order(desk, account):
    stop = resting(account)
    target = resting(account, oco_with=stop)
    Trigger.objects.create(
        connection=account,
        trigger_id="778899",
        kind="TWO_LEG",
        expires_at=clock.now() + timedelta(days=365),
        legs=[
            {"side": "SELL", "quantity": 10, "trigger_price": "1480", "price": "1478.5",
             "order_id": ""},
            {"side": "SELL", "quantity": 10, "trigger_price": "1234567.5", "price": "1559",
             "order_id": "251123000005"},
        ],
    )  # fmt: skip
    page = page_of(desk, stop)
    for text in ("778899", "ACTIVE", "two legs", "1,478.50", "12,34,567.50", "251123000005"):
        assert text in page
    assert "Its target" in page
    assert reverse("order", args=[target.pk]) in page
    page = page_of(desk, target)
    assert "Its stop" in page
    assert reverse("order", args=[stop.pk]) in page


def test_another_accounts_trigger_of_that_number_is_not_shown(desk, account):
    order = resting(account)
    Trigger.objects.create(
        connection=BrokerConnectionFactory(), trigger_id="778899", kind="SINGLE",
        legs=[{"side": "SELL", "quantity": 10, "trigger_price": "4711", "price": "4711"}],
    )  # fmt: skip
    assert "4,711.00" not in page_of(desk, order)


# -- attempts, changes, where it came from --------------------------------------------------------


def attempt(order: Order, number: int = 1, **fields: Any) -> OrderAttempt:
    values = {
        "order": order,
        "number": number,
        "tag": f"{order.client_order_id}{'' if number == 1 else '02'}",
        "variety": "regular",
        "worker_id": "desk:1:1",
        "lease_token": "t",
        "lease_until": clock.now(),
        "claimed_at": clock.now(),
    }
    return OrderAttempt.objects.create(**values | fields)


def test_every_attempt_is_listed_with_its_tag_and_outcome(desk, account):
    order = make_order(Status.QUEUED, connection=account, variety=Variety.AMO)
    walk(order, Status.SENDING, Status.SENT, broker_order_id="251123000009")
    attempt(order, closed_at=clock.now(), outcome="REFUSED", message=f"Market closed. {HOSTILE}")
    attempt(order, 2, variety="amo")
    page = page_of(desk, order)
    for text in (f">{order.client_order_id}02<", "refused", "Market closed.", "not settled"):
        assert text in page
    assert "<script>alert" not in page
    assert "tag-amo" in page


def test_a_change_on_its_way_is_announced_and_not_asked_for_twice(desk, account):
    order = make_order(Status.QUEUED, connection=account, order_type="LIMIT", price=Decimal(1500))
    walk(order, Status.SENDING, Status.SENT, broker_order_id="251123000009")
    assert 'id="modify"' in page_of(desk, order)
    lifecycle.amend(order, {"modification": {"price": "1495", "qty": 12}}, actor="asha")
    page = page_of(desk, order)
    assert "A change is on its way to the broker:" in page
    assert "price 1495, qty 12" in page
    assert 'id="modify"' not in page


def test_an_order_from_outside_explains_itself(desk, account):
    page = page_of(desk, adopted(account))
    assert "Placed outside SigmaTrader" in page
    assert "risk was not asked" in page
    assert "Our id (tag)" not in page
    assert reverse("order_cancel", args=[Order.objects.get().pk]) in page


@pytest.mark.parametrize(("origin", "names"), [("external", ["outside"]), ("ours", ["own"]),
                                               ("", ["outside", "own"])])  # fmt: skip
def test_orders_are_filtered_by_who_placed_them(desk, account, origin, names):
    orders = {"own": make_order(), "outside": adopted(account)}
    response = desk.client.get(reverse("orders"), {"origin": origin})
    found = {order.pk for order in response.context["page"].rows}
    assert found == {orders[name].pk for name in names}


def test_the_list_marks_what_is_out_of_the_ordinary(desk, account):
    adopted(account)
    resting(account)
    make_order(connection=account, variety=Variety.AMO)
    BrokerConnection.objects.filter(pk=account.pk).update(
        kind="SIMULATOR", api_root="http://127.0.0.1:9"
    )
    page = desk.client.get(reverse("orders")).content.decode()
    for text in (">EXTERNAL<", ">GTT<", ">AMO<", ">SIMULATOR<"):
        assert text in page


# -- what became of an unknown one ----------------------------------------------------------------


def entry(order: Order, broker_order_id: str, **report: Any) -> BookEntry:
    values = {
        "exchange": order.exchange,
        "tradingsymbol": order.tradingsymbol,
        "side": order.side,
        "quantity": order.qty,
        "order_type": "LIMIT",
        "price": "1234567.5",
        "placed_at": "2026-11-23T05:12:05+00:00",
    }
    return BookEntry.objects.create(
        connection=order.connection,
        book_day=book_day(order.created_at),
        broker_order_id=broker_order_id,
        status="COMPLETE",
        report=values | report,
        updated_at=clock.now(),
    )


@pytest.fixture
def unknown(desk, account) -> Order:
    return order_in(Status.UNKNOWN, connection=account)


def choices_of(desk, order: Order) -> list[str]:
    form = desk.client.get(reverse("order", args=[order.pk])).context["resolve_form"]
    field = form.fields.get("candidate")
    return [value for value, _ in field.choices if value] if field else []


def test_the_brokers_orders_of_that_day_and_instrument_are_offered(desk, unknown):
    entry(unknown, "OTHER", quantity=99)
    entry(unknown, "SAME")
    entry(unknown, "ELSEWHERE", tradingsymbol="TCS")
    entry(unknown, "AGAINST", side="SELL")
    old = entry(unknown, "YESTERDAY")
    BookEntry.objects.filter(pk=old.pk).update(book_day=old.book_day - timedelta(days=1))
    assert choices_of(desk, unknown) == ["SAME", "OTHER"]
    page = page_of(desk, unknown)
    assert "SAME · 10:42:05 · BUY 10 LIMIT at 12,34,567.50 · COMPLETE" in page


def test_what_is_another_order_of_ours_is_not_offered(desk, unknown, account):
    adopted(account, broker_order_id="TAKEN")
    entry(unknown, "TAKEN")
    assert choices_of(desk, unknown) == []
    assert "shows no order of this instrument" in page_of(desk, unknown)


def resolve(desk, order: Order, **fields: str):
    values = {"outcome": "PLACED", "reason": "It is in the order book."}
    return desk.client.post(reverse("order_resolve", args=[order.pk]), values | fields)


def test_choosing_an_order_resolves_to_its_id(desk, unknown):
    entry(unknown, "251123000042")
    assert resolve(desk, unknown, candidate="251123000042").status_code == 302
    unknown.refresh_from_db()
    assert (unknown.status, unknown.broker_order_id) == ("SENT", "251123000042")


def test_an_id_may_still_be_typed(desk, unknown):
    entry(unknown, "251123000042")
    entry(unknown, "251123000043")
    resolve(desk, unknown, candidate="", broker_order_id="251123000043")
    unknown.refresh_from_db()
    assert unknown.broker_order_id == "251123000043"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"candidate": "251123000042", "broker_order_id": "4711"}, "leave this empty"),
        ({"candidate": "251123000042", "outcome": "NOT_PLACED"}, "None of these"),
        ({"candidate": "NOT-IN-THE-BOOK"}, "not one of the available choices"),
        ({"candidate": "", "broker_order_id": ""}, "Enter the order id"),
        ({"candidate": "", "broker_order_id": "251123000024"}, "has no such id"),
    ],
)
def test_a_contradiction_resolves_nothing(desk, unknown, fields, text):
    entry(unknown, "251123000042")
    answer = resolve(desk, unknown, **fields)
    assert answer.status_code == 422
    assert text in answer.content.decode()
    unknown.refresh_from_db()
    assert unknown.status == Status.UNKNOWN


def test_a_trigger_of_unknown_outcome_is_asked_for_its_trigger_id(desk, account):
    order = order_in(
        Status.UNKNOWN, connection=account, gtt=True, order_type="LIMIT", price=Decimal(1500)
    )
    entry(order, "251123000042")
    page = page_of(desk, order)
    assert "Trigger (GTT) id at the broker" in page
    assert "251123000042" not in page


# -- the way, the fills and the position ----------------------------------------------------------


def test_the_way_says_what_happened_when_by_whom_and_how_long_it_took(desk):
    now = clock.now()
    alert = make_alert(received_at=now - timedelta(seconds=30))
    order = traded(desk.paper, "BUY", 10, "1500", alert=alert)
    Order.objects.filter(pk=order.pk).update(queued_at=now, sent_at=now + timedelta(seconds=1.5))
    way = desk.client.get(reverse("order", args=[order.pk])).context["way"]
    names = [point.name for point in way]
    assert names[0] == "Alert received"
    assert names[-1] == "Filled"
    assert names.index("To be sent") < names.index("Taken by the broker")
    assert way[0].after is None
    assert sum((point.after for point in way[1:]), timedelta()) == way[-1].at - way[0].at
    assert next(point.who for point in way if point.name == "To be sent") == "test"


def test_a_waiting_order_has_not_come_far(desk):
    way = desk.client.get(reverse("order", args=[order_in(Status.WAITING).pk])).context["way"]
    assert [point.name for point in way] == ["Order stored"]


@pytest.mark.parametrize(
    ("side", "price", "words"),
    [
        ("BUY", "1501.5", "<strong>0.10 % worse</strong>, ₹15.00 in all"),
        ("BUY", "1498.5", "<strong>0.10 % better</strong>, ₹15.00 in all"),
        ("SELL", "1498.5", "<strong>0.10 % worse</strong>"),
        ("BUY", "1500", "no slippage"),
    ],
)
def test_the_fills_are_measured_by_the_alerts_price(desk, side, price, words):
    order = traded(desk.paper, side, 10, price, alert=make_alert())
    page = page_of(desk, order)
    assert f"T{order.pk}" in page
    assert words in page


def test_an_exit_says_what_it_realised_and_an_entry_what_is_open(desk):
    entry = traded(desk.paper, "BUY", 10, "1500")
    exit_ = traded(desk.paper, "SELL", 4, "1510")
    for order in (entry, exit_):
        result = desk.client.get(reverse("order", args=[order.pk])).context["result"]
        assert result.position.qty == 6
        assert result.realised == (Decimal("40") if order == exit_ else None)
        assert result.slippage is None
    assert 'id="to-position"' in page_of(desk, entry)
    traded(desk.paper, "SELL", 6, "1510")
    assert "is open by our fills" in page_of(desk, entry)


def test_an_order_that_was_never_filled_shows_no_fills(desk):
    order = order_in(Status.SENT)
    assert desk.client.get(reverse("order", args=[order.pk])).context["result"] is None


@pytest.mark.parametrize(
    ("worker_id", "words"),
    [
        ("vm/4026531836:14564:2344142", "worker 14564 on vm"),
        ("desk:7:99", "worker 7 on desk"),
        ("elsewhere", "elsewhere"),
    ],
)
def test_a_worker_is_named_for_people(worker_id, words):
    assert recovery.worker_words(worker_id) == words
