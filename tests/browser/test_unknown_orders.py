"""Orders of a live account whose outcome is unknown: a person is told, looks and decides."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from brokers.simulator.faults import answer_late, refuse_status, timeout_not_accepted
from tests.support.browser import PageFactory, accessibility_violations, press, scrolls_sideways
from tests.support.live_desk import ACCOUNT, LiveDesk, live_desk

pytestmark = pytest.mark.browser

STRATEGY = "by hand, live"
# What Kite's book shows, and no order here is: placed by the person while nothing was known.
_BOOK = """
from brokers.models import BrokerConnection
from sigmatrader import clock
from trading.domain.off_hours import book_day
from trading.models import BookEntry
for order_id, symbol in {entries}:
    BookEntry.objects.create(
        connection=BrokerConnection.objects.get(name="{account}"), book_day=book_day(clock.now()),
        broker_order_id=order_id, status="OPEN", updated_at=clock.now(),
        report={{"exchange": "NSE", "tradingsymbol": symbol, "side": "BUY", "quantity": 2,
                "order_type": "LIMIT", "price": "1500", "placed_at": None}},
    )
"""
CHOSEN, TYPED = "261202000000041", "261202000000042"


@pytest.fixture(scope="module")
def desk() -> Iterator[LiveDesk]:
    with live_desk() as running:
        values = {"name": STRATEGY, "execution_target": "LIVE", "connection": ACCOUNT}
        assert running.server.api("/api/strategies/", data=values).status == 201
        entries = [(CHOSEN, "INFY"), (TYPED, "INFY")]
        book = _BOOK.format(account=ACCOUNT, entries=entries)
        running.server.manage("shell", "-c", book)
        yield running


def alert(desk: LiveDesk, symbol: str, **details: object) -> int:
    values = {"order_action": "BUY", "quantity": 2, "price": float(desk.last(symbol)), **details}
    answer = desk.server.send_alert(
        {
            "strategy_name": STRATEGY,
            "alert_id": uuid.uuid4().hex,
            "symbol": f"NSE:{symbol}",
            "trade_details": values,
        }
    )
    assert answer.status == 201, answer.body
    return int(answer.json()["order_id"])


def order_at(desk: LiveDesk, order_id: int) -> Any:
    return desk.server.api(f"/api/orders/{order_id}/").json()


def lose(desk: LiveDesk, page: Page, symbol: str) -> int:
    """An order executed on its page, of which the broker says nothing, nor of its book."""
    desk.broker.faults.clear()
    order_id = alert(desk, symbol)
    page.goto(f"/orders/{order_id}/")
    desk.broker.faults.always("orders", refuse_status(503))
    desk.broker.faults.script("place", timeout_not_accepted(0))
    press(page, page.get_by_role("button", name="Execute"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("UNKNOWN")
    press(page, page.get_by_role("link", name="Resolve…"))
    expect(question(page)).to_be_in_viewport()  # it came without a reload
    return order_id


def question(page: Page) -> Locator:
    return page.get_by_role("region", name="What became of it?")


def resolve(page: Page) -> None:
    press(page, page.get_by_role("button", name="Resolve", exact=True))


@pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("phone", "dark")])
def test_a_person_says_what_became_of_an_order(
    desk: LiveDesk, open_page: PageFactory, size: str, scheme: str
) -> None:
    page = open_page(desk.server, size=size, scheme=scheme)
    absent = lose(desk, page, "TCS")
    expect(question(page)).to_contain_text("shows no order of this instrument")
    page.get_by_label("It isn't in the broker's order book").check()
    page.get_by_label("How do you know?").fill("no")
    resolve(page)
    expect(question(page)).to_contain_text("Type how you know, in a few words.")
    assert accessibility_violations(page) == []
    assert not scrolls_sideways(page)
    page.goto("/")
    attention = page.get_by_role("region", name="Needs attention")
    press(page, attention.get_by_role("link", name="NSE:TCS").first)  # before what failed
    press(page, page.get_by_role("link", name="Look and resolve"))
    press(page, page.get_by_role("link", name=f"#{absent}"))
    page.get_by_label("It isn't in the broker's order book").check()
    page.get_by_label("How do you know?").fill("Kite's book is empty")
    resolve(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("FAILED")
    expect(question(page)).to_have_count(0)
    assert "Kite's book is empty" in order_at(desk, absent)["error_message"]
    press(page, page.get_by_role("button", name="Retry as a new order"))
    expect(page.get_by_text("Retry of", exact=True)).to_be_visible()

    found = lose(desk, page, "INFY")
    page.get_by_label("It is there: placed").check()
    page.get_by_label("How do you know?").fill("seen in Kite")
    resolve(page)
    expect(question(page)).to_contain_text("Enter the order id that the broker shows.")
    page.get_by_label("Or its id at the broker").fill("4711")
    resolve(page)
    expect(question(page)).to_contain_text("The order book that was last read has no such id")
    if size == "wide":
        page.get_by_label("Or its id at the broker").fill("")
        choice = page.get_by_label("Which of the broker's orders is it?")
        option = choice.locator("option", has_text=CHOSEN).inner_text()
        assert "BUY 2 LIMIT at 1,500.00 · OPEN" in option
        choice.select_option(label=option)
    else:
        page.get_by_label("Or its id at the broker").fill(TYPED)
    resolve(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("SENT")
    assert order_at(desk, found)["broker_order_id"] == (CHOSEN if size == "wide" else TYPED)
    desk.broker.faults.clear()


def test_a_change_at_a_slow_broker_is_told_until_it_is_made(
    desk: LiveDesk, open_page: PageFactory
) -> None:
    desk.broker.faults.clear()
    order_id = alert(desk, "ITC", order_type="LIMIT", price=desk.near("ITC", "0.98"))
    page = open_page(desk.server)
    page.goto(f"/orders/{order_id}/")
    press(page, page.get_by_role("button", name="Execute"))
    change = page.get_by_role("region", name="Modify at the broker")
    change.get_by_label("Total quantity").fill("3")
    desk.broker.faults.always("modify", answer_late(1.5))
    press(page, change.get_by_role("button", name="Ask the broker"))
    expect(page.get_by_text("A change is on its way to the broker:")).to_be_visible()
    expect(change).to_have_count(0)
    expect(page.get_by_text("A change is on its way to the broker:")).to_be_hidden()
    expect(change.get_by_label("Total quantity")).to_have_value("3")  # it is back, as it works now
    desk.broker.faults.clear()
    press(page, page.get_by_role("button", name="Cancel"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("CANCELLED")
    assert [one["status"] for one in desk.broker.exchange.ledger()["orders"]][-1] == "CANCELLED"
