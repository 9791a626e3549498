"""The list of orders renews itself in its place, filters in one press, and is a file too."""

import csv
import io
import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection as database
from django.urls import reverse

from sigmatrader import clock
from sigmatrader.db import is_sqlite
from tests.factories import StrategyFactory, make_order
from tests.support.history import History
from tests.web.conftest import HX, order_in
from trading import selectors
from trading.domain.order import Status
from trading.models import Order
from trading.web.search import search_orders

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def text_of(response) -> str:
    return response.content.decode()


def live_of(page: str) -> tuple[str, str]:
    """The address by which the list asks for itself again, and its token."""
    found = re.search(r'id="orders-live"[^>]* data-v="([^"]*)" hx-get="([^"]*)"', page)
    return found.group(2).replace("&amp;", "&"), found.group(1)


def shown(response) -> list[int]:
    return [order.pk for order in response.context["page"].rows]


# -- renewing ----------------------------------------------------------------------------------


def test_a_list_in_which_nothing_changed_is_not_sent_again(desk):
    make_order()
    address, token = live_of(text_of(desk.client.get(reverse("orders"))))
    assert desk.client.get(address, {"v": token}, headers=HX).status_code == 204


def test_new_orders_wait_behind_a_button_and_the_rows_stay(desk):
    first = make_order()
    address, token = live_of(text_of(desk.client.get(reverse("orders"))))
    newer = [make_order() for _ in range(3)]
    renewed = desk.client.get(f"{address}&v={token}", headers=HX)
    assert shown(renewed) == [first.pk]
    assert "3 new" in text_of(renewed)
    link = re.search(r'id="new-rows" href="([^"]*)"', text_of(renewed)).group(1)
    assert shown(desk.client.get(reverse("orders") + link)) == [
        *(order.pk for order in reversed(newer)),
        first.pk,
    ]


def test_a_row_that_is_shown_changes_in_its_place(desk):
    order = order_in(Status.SENT)
    make_order()
    address, token = live_of(text_of(desk.client.get(reverse("orders"))))
    Order.objects.filter(pk=order.pk).update(error_message="")
    make_order()
    renewed = desk.client.get(f"{address}&v={token}", headers=HX)
    assert order.pk in shown(renewed)
    assert "1 new" in text_of(renewed)


def test_only_orders_that_meet_the_filters_count_as_new(desk):
    make_order(side="SELL")
    address, token = live_of(text_of(desk.client.get(reverse("orders"), {"side": "SELL"})))
    make_order(side="BUY")
    renewed = text_of(desk.client.get(f"{address}&v={token}", headers=HX))
    assert "new-rows" not in renewed


def test_an_older_page_stays_where_it_is(desk):
    at = clock.now()
    for _ in range(selectors.PAGE_SIZE + 2):
        make_order(created_at=at)
    first = desk.client.get(reverse("orders"))
    older = desk.client.get(reverse("orders"), {"older": first.context["page"].older})
    address, token = live_of(text_of(older))
    make_order()
    renewed = desk.client.get(f"{address}&v={token}", headers=HX)
    assert shown(renewed) == shown(older)
    assert "new-rows" not in text_of(renewed)


def test_an_empty_list_fills_by_itself(desk):
    address, token = live_of(text_of(desk.client.get(reverse("orders"))))
    order = make_order()
    assert shown(desk.client.get(address, {"v": token}, headers=HX)) == [order.pk]


# -- quick filters -----------------------------------------------------------------------------


def test_the_chips_filter_in_one_press_and_say_how_many_are_open(desk):
    yesterday = clock.now() - timedelta(days=1)
    old = make_order(created_at=yesterday)
    orders = {status: order_in(status) for status in Status}
    page = desk.client.get(reverse("orders"))
    found = {
        chip.label: shown(desk.client.get(f"{reverse('orders')}?{chip.query}"))
        for chip in page.context["chips"]
    }
    refused = (Status.FAILED, Status.REJECTED, Status.REJECTED_RISK)
    assert set(found["Today"]) == {order.pk for order in orders.values()}
    assert set(found["Failed or refused"]) == {orders[status].pk for status in refused}
    assert found["Unknown"] == [orders[Status.UNKNOWN].pk]
    assert old.pk in found["Open"]
    assert len(found["Open"]) == next(
        chip.count for chip in page.context["chips"] if chip.label == "Open"
    )


@pytest.mark.parametrize(
    ("query", "label"),
    [({}, "All"), ({"status": "OPEN"}, "Open"), ({"status": "OPEN", "side": "BUY"}, None)],
)
def test_the_chip_of_exactly_these_filters_is_marked(desk, query, label):
    chips = desk.client.get(reverse("orders"), query).context["chips"]
    assert [chip.label for chip in chips if chip.chosen] == ([label] if label else [])


# -- as a file ---------------------------------------------------------------------------------


def rows_of(response) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_file_holds_every_order_that_the_filters_meet(desk):
    strategy = StrategyFactory(name='=HYPERLINK("http://evil")')
    orders = [
        make_order(side="SELL", strategy=strategy, order_type="LIMIT", price=Decimal("1500.50"))
        for _ in range(selectors.PAGE_SIZE + 5)
    ]
    make_order(side="BUY")
    page = text_of(desk.client.get(reverse("orders"), {"side": "SELL"}))
    link = re.search(r'id="csv" href="([^"]*)"', page).group(1).replace("&amp;", "&")
    rows = rows_of(desk.client.get(link))
    assert [row["id"] for row in rows] == [str(order.pk) for order in reversed(orders)]
    first = rows[0]
    assert first["strategy"] == '\'=HYPERLINK("http://evil")'
    assert (first["side"], first["price"], first["status"]) == ("SELL", "1500.5", "WAITING")
    assert first["created_utc"].endswith("Z")
    assert (first["sent_ist"], first["average_price"], first["gtt"]) == ("", "", "no")


def test_a_file_is_not_made_by_filters_that_make_no_sense(desk):
    make_order()
    response = desk.client.get(reverse("orders_csv"), {"status": "NONSENSE"})
    assert response.status_code == 302
    assert response.url == f"{reverse('orders')}?status=NONSENSE"


def test_nobody_takes_the_file_without_logging_in(client):
    assert client.get(reverse("orders_csv")).status_code == 302


# -- fast --------------------------------------------------------------------------------------


def plan_of(**filters) -> str:
    """How SQLite would find the first page; empty on another database."""
    rows = search_orders(**filters).order_by("-created_at", "-pk")[:51]
    if not is_sqlite():
        return ""
    sql, parameters = rows.query.sql_with_params()
    with database.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
        return "\n".join(str(row[3]) for row in cursor.fetchall())


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"statuses": ["EXECUTED"]},
        {"side": "BUY"},
        {"kind": "PAPER"},
        {"symbol": "INFY"},
        {"first_day": date(2026, 1, 1)},
        {"text": "bench"},
    ],
)
def test_no_page_of_orders_reads_and_sorts_the_table(db, filters):
    plan = plan_of(**filters)
    assert "TEMP B-TREE FOR ORDER BY" not in plan, plan
    assert "SCAN orders\n" not in f"{plan}\n", plan


def test_the_orders_of_a_busy_strategy_are_found_without_sorting_them(desk):
    strategy = StrategyFactory()
    History(desk.paper, [strategy], clock.now()).grow_to(2500)
    plan = plan_of(strategy_id=strategy.pk)
    assert "TEMP B-TREE" not in plan, plan
    assert len(search_orders(strategy_id=strategy.pk)[:51]) == 51


def test_a_strategy_with_few_orders_and_one_with_many_show_their_own_alone(desk):
    many, few = StrategyFactory(), StrategyFactory()
    History(desk.paper, [many], clock.now()).grow_to(2500)
    own = make_order(strategy=few)
    assert shown(desk.client.get(reverse("orders"), {"strategy": few.pk})) == [own.pk]
    page = desk.client.get(reverse("orders"), {"strategy": many.pk}).context["page"]
    assert {order.strategy_id for order in page.rows} == {many.pk}
