"""Orders and alerts with a person at them: the lists, one order's page, one alert's, a test."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import PageFactory, accessibility_violations, press, scrolls_sideways
from tests.support.sample import fill, new_order
from tests.support.server import Server

pytestmark = pytest.mark.browser

SIZES = pytest.mark.parametrize(("size", "scheme"), [("wide", "dark"), ("phone", "light")])
PAGE_SIZE = 50


@pytest.fixture(scope="module", autouse=True)
def _filled(server: Server) -> None:
    """A desk with something of everything, and more orders than a page of the list holds."""
    fill(server)
    for number in range(PAGE_SIZE):
        new_order(server, f"OLD{number}")
    server.send_alert({"strategy_name": "by hand", "trade_details": {}})
    server.send_alert({"platform": "MT5", "symbol": "NSE:FLAT"})


def is_fine(page: Page) -> None:
    assert accessibility_violations(page) == []
    assert not scrolls_sideways(page)


def symbols(page: Page) -> list[str]:
    return page.locator("main table .sym").all_inner_texts()


def narrow(page: Page, label: str, value: str) -> None:
    """Set one filter, pressing Filter; the other filters are as they were."""
    expect(page.get_by_role("contentinfo")).to_be_visible()  # all of the page is there
    field = page.get_by_role("search").get_by_label(label, exact=True)
    if not field.is_visible():
        press(page, page.get_by_text("More filters"))
    if field.evaluate("one => one.tagName") == "SELECT":
        field.select_option(label=value)
    else:
        field.fill(value)
    press(page, page.get_by_role("button", name="Filter"))
    expect(page.get_by_role("link", name="Clear", exact=True)).to_be_visible()


def clear(page: Page, by: str = "Clear") -> None:
    press(page, page.get_by_role("link", name=by, exact=True))
    expect(page.get_by_role("link", name="Clear", exact=True)).to_have_count(0)


def chip(page: Page, name: str) -> Locator:
    chips = page.get_by_role("navigation", name="Quick filters")
    return chips.get_by_role("link", name=re.compile(rf"^{name}( \d+)?$"))


def downloaded(page: Page, path: Path) -> list[dict[str, str]]:
    with page.expect_download() as waiting:
        press(page, page.get_by_role("link", name="CSV"))
    waiting.value.save_as(path)
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


@SIZES
def test_orders_are_found_by_every_filter_turned_over_and_taken_away_as_a_file(
    server: Server, open_page: PageFactory, size: str, scheme: str, tmp_path: Path
) -> None:
    page = open_page(server, size=size, scheme=scheme)
    page.goto("/orders/")
    for label, value, found in (
        ("Search", "wipro", {"NSE:WIPRO"}),
        ("Status", "EXPIRED", set()),
        ("Strategy", "Mean reversion", {"NSE:SBIN", "NSE:ITC"}),
        ("Symbol", "RELIANCE", {"NSE:RELIANCE"}),
        ("Mode", "AUTO", set()),
        ("Account", "Live (real money)", set()),
        ("Placed", "Outside", set()),
        ("To", "2020-01-01", set()),
    ):
        narrow(page, label, value)
        if found:
            expect(page.locator("main table .sym").first).to_be_visible()
            assert set(symbols(page)) == found, label
            clear(page)
        else:
            expect(page.get_by_text("No order meets these filters.")).to_be_visible()
            clear(page, "Clear the filters")
    narrow(page, "From", "2026-11-02")
    narrow(page, "To", "2026-11-01")
    expect(page.get_by_text("The last day is before the first.")).to_be_visible()
    is_fine(page)
    clear(page)

    narrow(page, "Side", "SELL")
    rows = downloaded(page, tmp_path / "some.csv")
    assert {row["side"] for row in rows} == {"SELL"}
    assert len(rows) == len(symbols(page))
    press(page, chip(page, "All"))
    expect(page.get_by_role("link", name="Older")).to_be_visible()
    rows = downloaded(page, tmp_path / "all.csv")
    assert len(rows) == len({row["id"] for row in rows}) > PAGE_SIZE
    for name, status in (("Today", None), ("Open", "Not ended"), ("Unknown", "UNKNOWN")):
        press(page, chip(page, name))
        expect(chip(page, name)).to_have_attribute("aria-current", "true")
        if status:
            expect(page.get_by_label("Status").locator(":checked")).to_have_text(status)
    press(page, chip(page, "Failed or refused"))
    expect(chip(page, "Failed or refused")).to_have_attribute("aria-current", "true")
    press(page, chip(page, "All"))
    turn_over(page)


def turn_over(page: Page) -> None:
    """To the older rows, and back in both ways."""
    expect(page.locator("main table .sym")).to_have_count(PAGE_SIZE)
    newest = symbols(page)
    press(page, page.get_by_role("link", name="Older"))
    expect(page.get_by_role("link", name="Newest")).to_be_visible()
    assert newest[-1] not in symbols(page)
    press(page, page.get_by_role("link", name="Newer"))
    expect(page.locator("main table .sym").first).to_have_text(newest[0])
    press(page, page.get_by_role("link", name="Older"))
    press(page, page.get_by_role("link", name="Newest"))
    expect(page.locator("main table .sym").first).to_have_text(newest[0])


@pytest.mark.parametrize(("size", "path"), [("wide", "/orders/"), ("phone", "/alerts/")])
def test_what_is_new_waits_behind_a_button_and_the_focus_stays(
    server: Server, open_page: PageFactory, size: str, path: str
) -> None:
    new_order(server, f"STAYS{size}".upper())
    page = open_page(server, size=size)
    page.goto(path)
    link = page.locator("main table .sym").first
    stays = page.locator(f"#{link.get_attribute('id')}")
    stays.focus()
    place = stays.bounding_box()
    new_order(server, f"COMES{size}".upper())
    expect(page.get_by_role("link", name="1 new")).to_be_visible()
    expect(stays).to_be_focused()
    assert stays.bounding_box() == place
    expect(page.get_by_text(f"NSE:COMES{size}".upper())).to_have_count(0)
    press(page, page.get_by_role("link", name="1 new"))
    expect(page.locator("main table .sym").first).to_have_text(f"NSE:COMES{size}".upper())


def do(page: Page, name: str) -> None:
    """Press one of the actions at the top of an order's page."""
    press(page, page.locator(".actions").get_by_role("button", name=name))


def order_of(server: Server, page: Page) -> Any:
    """The order whose page this is, by REST."""
    found = re.search(r"/orders/(\d+)/", page.url)
    assert found is not None
    return server.api(f"/api/orders/{found[1]}/").json()


def status(page: Page, word: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_contain_text(word)


@SIZES
def test_an_orders_page_does_everything_that_can_be_done_with_it(
    server: Server, open_page: PageFactory, size: str, scheme: str
) -> None:
    denied = new_order(server, "SBIN", order_action="SELL")
    page = open_page(server, size=size, scheme=scheme)
    page.goto("/orders/?status=WAITING")
    press(page, page.locator(f"#symbol-{denied}"))
    expect(page.get_by_text("Risk says: Will be denied")).to_be_visible()
    press(page, page.get_by_text(re.compile(r"\d+ more checks passed")))
    expect(page.get_by_role("table").nth(1)).to_be_visible()
    do(page, "Cancel")
    status(page, "CANCELLED")
    do(page, "Restore to the queue")
    status(page, "WAITING")
    press(page, page.locator(".actions").get_by_role("link", name="Edit"))
    form = page.get_by_role("form", name=f"Edit order {denied}")
    form.get_by_role("textbox", name="Quantity").fill("6")
    press(page, form.get_by_role("button", name="Save"))
    press(page, page.locator(f"#order-link-{denied}"))
    do(page, "Execute")
    status(page, "REJECTED RISK")
    is_fine(page)
    do(page, "Retry as a new order")
    expect(page.get_by_text("Retry of", exact=True)).to_be_visible()
    again = order_of(server, page)
    assert (again["status"], again["qty"]) == ("WAITING", 6)
    press(page, page.locator("dd").get_by_role("link", name=f"#{denied}"))
    expect(page.get_by_text("Retried by", exact=True)).to_be_visible()
    press(page, page.locator("dd").get_by_role("link", name=f"#{again['id']}"))
    expect(page).to_have_url(re.compile(f"/orders/{again['id']}/"))


@SIZES
def test_an_order_that_works_is_changed_and_cancelled_on_its_page(
    server: Server, open_page: PageFactory, size: str, scheme: str
) -> None:
    order_id = new_order(server, "NTPC", order_type="LIMIT")
    server.api(f"/api/orders/{order_id}/", method="PATCH", data={"price": "1490"})
    page = open_page(server, size=size, scheme=scheme)
    page.goto(f"/orders/{order_id}/")
    do(page, "Execute")
    change = page.get_by_role("region", name="Modify at the broker")
    expect(change).to_be_visible()  # it comes as the order gets there
    change.get_by_label("Price ₹").fill("cheap")
    press(page, change.get_by_role("button", name="Ask the broker"))
    expect(change).to_contain_text("Enter a price such as 1,499.50")
    is_fine(page)
    change.get_by_label("Total quantity").fill("5")
    change.get_by_label("Price ₹").fill("1,480.50")
    press(page, change.get_by_role("button", name="Ask the broker"))
    expect(page.get_by_text("The change is asked of the broker.")).to_be_visible()
    expect(page.locator(".facts").first).to_contain_text("1,480.50")
    changed = order_of(server, page)
    assert (changed["qty"], changed["price"]) == (5, "1480.5")
    do(page, "Cancel")
    status(page, "CANCELLED")
    expect(change).to_have_count(0)
    assert order_of(server, page)["status"] == "CANCELLED"
    press(page, page.locator("dd").get_by_role("link").last)
    expect(page.get_by_role("heading", name="The message as it arrived")).to_be_visible()


def test_a_trigger_rests_at_the_broker_until_it_is_cancelled(
    server: Server, open_page: PageFactory
) -> None:
    order_id = new_order(
        server, "GAIL", order_type="LIMIT", trigger_price=1400, gtt=True, product="CNC"
    )
    page = open_page(server)
    page.goto(f"/orders/{order_id}/")
    do(page, "Execute")
    status(page, "SENT")
    expect(page.get_by_text("Broker trigger", exact=True)).to_be_visible()
    do(page, "Cancel")
    status(page, "CANCELLED")
    assert order_of(server, page)["status"] == "CANCELLED"


def test_a_filled_order_leads_to_its_position(server: Server, open_page: PageFactory) -> None:
    page = open_page(server, size="phone", scheme="dark")
    page.goto("/orders/?status=EXECUTED")
    press(page, page.locator("main table .sym").first)
    expect(page.get_by_role("list", name="The way of this order")).to_contain_text("Filled")
    press(page, page.get_by_role("link", name="Exit or protect it…"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("HDFCBANK")


def test_without_the_server_figures_are_grey_and_nothing_can_be_executed(
    server: Server, open_page: PageFactory
) -> None:
    order_id = new_order(server, "GONE")
    page = open_page(server)
    page.goto(f"/orders/{order_id}/")
    execute = page.get_by_role("button", name="Execute")
    figure = page.locator("main .facts .num").first
    expect(execute).to_be_enabled()
    colour = "one => getComputedStyle(one).color"
    before, place = figure.evaluate(colour), page.locator("h1").bounding_box()
    page.context.set_offline(True)
    expect(page.get_by_role("alert")).to_contain_text("The server doesn't answer.")
    expect(execute).to_be_disabled()
    expect(page.get_by_role("button", name="Cancel")).to_be_disabled()
    assert figure.evaluate(colour) != before
    assert page.locator("h1").bounding_box() == place
    page.context.set_offline(False)
    expect(page.locator("#lost")).to_be_hidden()
    expect(execute).to_be_enabled()
    assert figure.evaluate(colour) == before


@SIZES
def test_alerts_are_found_by_every_filter_and_turned_over(
    server: Server, open_page: PageFactory, size: str, scheme: str
) -> None:
    page = open_page(server, size=size, scheme=scheme)
    page.goto("/alerts/")
    turn_over(page)
    for label, value, found in (
        ("Search", "wipro", "NSE:WIPRO"),
        ("Outcome", "IGNORED", "NSE:FLAT"),
        ("Strategy", "Opening range", "NSE:TCS"),
        ("To", "2020-01-01", ""),
    ):
        narrow(page, label, value)
        if found:
            expect(page.get_by_role("link", name=found, exact=True)).to_be_visible()
            assert len(symbols(page)) < PAGE_SIZE
            clear(page)
        else:
            expect(page.get_by_text("No alert meets these filters.")).to_be_visible()
            clear(page, "Clear the filters")
    narrow(page, "From", "2026-11-02")
    narrow(page, "To", "2026-11-01")
    expect(page.get_by_text("The last day is before the first.")).to_be_visible()
    is_fine(page)
    for name in ("All", "Today", "Refused", "Ignored", "Refused today"):
        press(page, chip(page, name))
        expect(chip(page, name)).to_have_attribute("aria-current", "true")
    press(page, page.get_by_role("link", name=re.compile("fix|About|How", re.IGNORECASE)).last)
    expect(page).to_have_url(re.compile(r"/help/.+#"))


@SIZES
def test_an_alert_is_played_again_and_a_message_tested_and_nothing_is_stored(
    server: Server, open_page: PageFactory, size: str, scheme: str
) -> None:
    before = server.api("/api/orders/").json()["results"][0]["id"]
    page = open_page(server, size=size, scheme=scheme)
    page.goto("/alerts/?outcome=REJECTED")
    press(page, page.locator("main table .sym").first)
    expect(page.get_by_text("It made no order.")).to_be_visible()
    is_fine(page)
    press(page, page.get_by_role("button", name="Replay as a test"))
    outcome = page.get_by_role("region", name="What would happen")
    expect(outcome).to_contain_text("as if it came now")
    expect(outcome).to_contain_text("REJECTED")
    is_fine(page)
    message = page.get_by_label("Alert message")
    message.fill('{"secret": "sesame", "symbol": ')
    press(page, page.get_by_role("button", name="Test it"))
    expect(outcome).to_contain_text("REJECTED")
    message.fill(
        json.dumps(
            {
                "secret": server.webhook_secret,
                "strategy_name": "Supertrend",
                "symbol": "NSE:INFY",
                "trade_details": {"order_action": "BUY", "quantity": 150, "price": 1500},
            }
        )
    )
    press(page, page.get_by_role("button", name="Test it"))
    expect(outcome).to_contain_text("wait in the queue for you")
    expect(outcome).to_contain_text("Quantity 150 would be cut to 100")
    press(page, outcome.get_by_text(re.compile(r"\d+ more checks passed")))
    is_fine(page)
    assert server.webhook_secret not in page.content()
    press(page, page.get_by_role("main").get_by_role("link", name="Alerts", exact=True))
    press(page, page.get_by_role("link", name="Test a message"))
    expect(outcome).to_contain_text("Paste a message")
    assert server.api("/api/orders/").json()["results"][0]["id"] == before
