"""The queue with a person at it: what each order's row offers, on a desk and on a phone."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import PageFactory, accessibility_violations, press, scrolls_sideways
from tests.support.sample import empty_queue, new_order
from tests.support.server import Server

pytestmark = pytest.mark.browser

SIZES = pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("phone", "dark")])
NOTICES = """
    window.Notification = class {
        static requestPermission() { return Promise.resolve("granted"); }
        constructor(title, { body }) { document.documentElement.dataset.told = body; }
        addEventListener() {}
    };
"""
SHIFT = """(() => {{
  const real = Date.now;
  window.shift = {hours} * 3600e3;
  Date.now = () => real() + window.shift;
}})()"""


def row_of(page: Page, order_id: int) -> Locator:
    return page.locator(f"#order-{order_id}")


def button(row: Locator, name: str) -> Locator:
    return row.get_by_role("button", name=re.compile(name))


def order_at(server: Server, order_id: int) -> Any:
    return server.api(f"/api/orders/{order_id}/").json()


def resting_order(server: Server, symbol: str) -> int:
    """A limit order below the market, which works at the paper broker."""
    order_id = new_order(server, symbol, order_type="LIMIT")
    server.api(f"/api/orders/{order_id}/", method="PATCH", data={"price": "1490"})
    server.api(f"/api/orders/{order_id}/execute/", method="POST", data={})
    server.wait_for_order(order_id, "SENT")
    return order_id


@SIZES
def test_an_order_is_judged_edited_executed_and_followed(
    server: Server, open_page: PageFactory, size: str, scheme: str
) -> None:
    empty_queue(server)
    page = open_page(server, size=size, scheme=scheme)
    page.goto("/queue/")
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    order_id = new_order(server, "INFY")
    row = row_of(page, order_id)
    expect(row).to_contain_text("Passes")  # without a reload
    press(page, row.get_by_text("Every check"))
    press(page, row.get_by_text(re.compile(r"\d+ (more )?checks? passed")))
    expect(row.get_by_role("table").last).to_be_visible()
    assert accessibility_violations(page) == []

    press(page, row.get_by_role("link", name="Edit"))
    expect(row.get_by_text("What it would take")).to_be_visible()
    row.get_by_role("textbox", name="Quantity").fill("0")
    expect(row.locator(".typed").first).to_contain_text("Fill in the order")
    press(page, button(row, "Save"))
    expect(row.get_by_role("textbox", name="Quantity")).to_have_attribute("aria-invalid", "true")
    expect(row).to_contain_text("Enter a whole number of at least 1.")
    assert accessibility_violations(page) == []
    row.get_by_role("textbox", name="Quantity").fill("7")
    row.get_by_label("Type").select_option("SL")
    row.get_by_label("Price ₹").fill("1,501.50")
    row.get_by_label("Trigger ₹").fill("1500")
    row.get_by_label("Product").select_option("CNC")
    row.get_by_label("Validity").select_option("IOC")
    row.get_by_label("GTT").check()
    expect(row.locator(".typed").first).to_contain_text("A GTT can only place a LIMIT order")
    row.get_by_label("GTT").uncheck()
    expect(row.locator(".typed").first).to_contain_text("Passes")
    expect(row.locator(".cost")).to_contain_text("IOC cannot be combined with SL: use DAY")
    row.get_by_label("Validity").select_option("DAY")
    expect(row.locator(".cost")).to_contain_text("charges")
    press(page, row.get_by_text("Every check, and what is used"))
    press(page, row.get_by_text(re.compile(r"\d+ (more )?checks? passed")))
    expect(row.get_by_role("table").last).to_be_visible()
    assert not scrolls_sideways(page)
    assert accessibility_violations(page) == []
    press(page, row.get_by_role("link", name="Close without saving"))
    expect(row).to_contain_text("MARKET")
    assert order_at(server, order_id)["qty"] == 4
    press(page, row.get_by_role("link", name="Edit"))
    row.get_by_role("textbox", name="Quantity").fill("7")
    press(page, button(row, "Save"))
    toast = page.get_by_role("status").filter(has_text=f"Order #{order_id} is changed.")
    expect(toast).to_be_visible()
    assert accessibility_violations(page) == []
    press(page, button(toast, "Dismiss"))
    expect(toast).to_have_count(0)
    press(page, button(row, "Execute"))
    expect(row).to_contain_text("EXECUTED")
    expect(row).to_contain_text("7 of 7 at ₹1,500.00")
    press(page, row.get_by_role("link", name="See order"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("NSE:INFY")
    for status in ("WAITING", "QUEUED", "SENDING", "SENT", "EXECUTED"):
        expect(page.locator("main")).to_contain_text(status)
    expect(page.locator("main")).to_contain_text("<script>alert(1)</script>{{7*7}}")


@SIZES
def test_a_cancel_is_taken_back_by_its_message_by_its_row_or_later(
    server: Server, open_page: PageFactory, size: str, scheme: str
) -> None:
    order_id = new_order(server, "SBIN")
    page = open_page(server, size=size, scheme=scheme)
    page.goto("/queue/")
    row = row_of(page, order_id)
    press(page, button(row, "Cancel"))
    expect(row).to_contain_text("CANCELLED")
    press(page, page.get_by_role("button", name=f"Undo the cancel of order {order_id}"))
    expect(button(row, "Execute")).to_be_visible()
    press(page, button(row, "Cancel"))
    expect(row).to_contain_text("CANCELLED")
    assert accessibility_violations(page) == []
    press(page, button(row, "Restore"))
    expect(button(row, "Execute")).to_be_visible()
    press(page, button(row, "Cancel"))
    expect(row).to_contain_text("CANCELLED")
    page.reload()
    expect(page.get_by_role("heading", name="Cancelled today, never sent")).to_be_visible()
    press(page, button(row, "Restore"))
    expect(button(row, "Execute")).to_be_visible()
    assert order_at(server, order_id)["status"] == "WAITING"


@SIZES
def test_what_works_at_a_broker_is_cancelled_and_what_lacks_a_quantity_filled_in(
    server: Server, open_page: PageFactory, size: str, scheme: str
) -> None:
    resting = resting_order(server, "WIPRO")
    lacking = new_order(server, "HCLTECH", quantity=None)
    page = open_page(server, size=size, scheme=scheme)
    page.goto("/queue/")
    press(page, button(row_of(page, resting), "Cancel"))
    expect(row_of(page, resting)).to_contain_text("CANCELLED")
    assert order_at(server, resting)["status"] == "CANCELLED"
    row = row_of(page, lacking)
    expect(row).to_contain_text("missing")
    expect(button(row, "Execute")).to_have_count(0)
    press(page, row.get_by_role("link", name="Fill in"))
    row.get_by_role("textbox", name="Quantity").fill("3")
    press(page, button(row, "Save"))
    expect(button(row, "Execute")).to_be_visible()
    assert order_at(server, lacking)["qty"] == 3


def choose(page: Page, order_id: int) -> None:
    press(page, page.get_by_role("checkbox", name=f"Choose order {order_id}:"))


def test_several_are_decided_by_touch(server: Server, open_page: PageFactory) -> None:
    empty_queue(server)
    first, second, third = (new_order(server, symbol) for symbol in ("INFY", "TCS", "SBIN"))
    page = open_page(server, size="phone")
    page.goto("/queue/")
    choose(page, first)
    press(page, page.get_by_label("Choose all shown"))
    expect(page.locator("#together")).to_contain_text("3 chosen")
    assert not scrolls_sideways(page)
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")  # the bar covers no row there
    assert accessibility_violations(page) == []
    press(page, page.get_by_role("button", name="Clear the choice"))
    expect(page.locator("#together")).to_be_hidden()
    choose(page, first)
    choose(page, second)
    press(page, page.get_by_role("button", name="Execute…"))
    summary = page.get_by_role("dialog")
    expect(summary).to_contain_text("Execute 2 orders?")
    assert accessibility_violations(page) == []
    press(page, summary.get_by_role("link", name="Back to the queue"))
    expect(summary).to_be_hidden()
    press(page, page.get_by_role("button", name="Execute…"))
    press(page, summary.get_by_role("button", name="Execute 2 orders"))
    told = page.get_by_role("region", name="What became of the chosen orders")
    expect(told).to_contain_text("2 of 2 sent")
    assert not scrolls_sideways(page)
    press(page, told.get_by_role("link", name="Close"))
    expect(told).to_be_hidden()
    choose(page, third)
    press(page, page.get_by_role("button", name="Cancel…"))
    press(page, summary.get_by_role("button", name="Cancel 1 order"))
    expect(told).to_contain_text("1 of 1 cancelled")
    assert order_at(server, third)["status"] == "CANCELLED"
    press(page, told.get_by_role("button", name="Undo: restore 1"))
    expect(told).to_contain_text("1 of 1 restored")
    expect(button(row_of(page, third), "Execute")).to_be_visible()
    page.get_by_label("Find").fill("tcs")
    expect(page.get_by_text("Nothing that waits matches “tcs”.")).to_be_visible()
    press(page, page.get_by_role("link", name="Show all that waits"))
    expect(row_of(page, third)).to_be_visible()


def test_keys_choose_decide_and_undo(server: Server, open_page: PageFactory) -> None:
    empty_queue(server)
    first, second, third = (new_order(server, symbol) for symbol in ("INFY", "TCS", "SBIN"))
    page = open_page(server, scheme="dark")
    page.goto("/queue/")
    expect(row_of(page, third)).to_be_visible()
    page.keyboard.press("j")
    expect(row_of(page, first)).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(row_of(page, second)).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("#together")).to_contain_text("2 chosen")
    assert accessibility_violations(page) == []
    page.get_by_role("button", name="Execute…").click()
    summary = page.get_by_role("dialog")
    expect(summary).to_contain_text("Execute 2 orders?")
    expect(summary).to_contain_text("12,000.00")  # twice 4 × 1,500
    expect(summary.get_by_role("link", name="Back to the queue")).to_be_focused()
    assert accessibility_violations(page) == []
    summary.get_by_role("button", name="Execute 2 orders").click()
    told = page.get_by_role("region", name="What became of the chosen orders")
    expect(told).to_contain_text("2 of 2 sent")
    expect(row_of(page, first)).to_contain_text("EXECUTED")
    expect(row_of(page, second)).to_contain_text("EXECUTED")
    assert accessibility_violations(page) == []
    told.get_by_role("link", name="Close").click()

    row_of(page, third).focus()
    page.keyboard.press("c")
    expect(row_of(page, third)).to_contain_text("CANCELLED")
    expect(page.locator(".htmx-added")).to_have_count(0)  # HTMX has taken the new button over
    page.keyboard.press("u")
    expect(button(row_of(page, third), "Execute")).to_be_visible()
    row_of(page, third).focus()
    page.keyboard.press("e")
    row_of(page, third).get_by_role("textbox", name="Quantity").fill("5")
    page.keyboard.press("Enter")
    expect(button(row_of(page, third), "Execute")).to_be_visible()
    assert order_at(server, third)["qty"] == 5

    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys and notices")
    expect(keys).to_be_visible()
    assert accessibility_violations(page) == []
    keys.get_by_label("Keys act on this page").uncheck()
    keys.get_by_role("button", name="Close").click()
    row_of(page, third).focus()
    page.keyboard.press("c")
    page.keyboard.press("/")
    expect(row_of(page, third)).to_be_focused()
    page.reload()
    page.get_by_role("button", name="Keys and notices").click()
    keys.get_by_label("Keys act on this page").check()  # it was kept
    keys.get_by_role("button", name="Close").click()

    page.keyboard.press("/")
    page.keyboard.type("xcj")
    expect(page).to_have_url(re.compile(r"q=xcj"))
    expect(row_of(page, third)).to_have_count(0)
    page.get_by_label("Find").fill("sbin")
    row_of(page, third).focus()
    page.keyboard.press("x")
    expect(button(row_of(page, third), "Execute")).to_be_focused()
    assert order_at(server, third)["status"] == "WAITING"
    page.keyboard.press("Enter")
    expect(row_of(page, third)).to_contain_text("EXECUTED")


def test_a_new_order_is_told_and_waits_while_the_person_points_at_the_list(
    server: Server, open_page: PageFactory
) -> None:
    empty_queue(server)
    first = new_order(server, "ITC")
    page = open_page(server)
    page.add_init_script(NOTICES)
    page.goto("/queue/")
    page.get_by_role("button", name="Keys and notices").click()
    page.get_by_label("Sound").check()
    page.get_by_label("Desktop notice").check()
    told_desktop = page.locator("html")
    expect(told_desktop).to_have_attribute("data-told", "Notices of the queue look like this.")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    row_of(page, first).hover()
    before = row_of(page, first).bounding_box()

    second = new_order(server, "LT")
    shower = page.get_by_role("button", name="1 new")
    expect(shower).to_be_visible()
    expect(row_of(page, second)).to_have_count(0)
    assert row_of(page, first).bounding_box() == before
    expect(told_desktop).to_have_attribute("data-told", "1 new order waits: BUY NSE:LT")
    assert accessibility_violations(page) == []
    shower.click()
    expect(row_of(page, second)).to_be_focused()
    expect(shower).to_be_hidden()

    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    third, fourth = new_order(server, "ONGC"), new_order(server, "MARUTI")
    expect(row_of(page, fourth)).to_be_visible()  # nobody is pointing at the list
    choose(page, second)
    page.get_by_role("checkbox", name=f"Choose order {fourth}:").click(modifiers=["Shift"])
    expect(page.locator("#together")).to_contain_text("3 chosen")
    page.get_by_role("button", name="Cancel…").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel 3 orders").click()
    told = page.get_by_role("region", name="What became of the chosen orders")
    expect(told).to_contain_text("3 of 3 cancelled")
    assert order_at(server, third)["status"] == "CANCELLED"
    told.get_by_role("button", name="Undo: restore 3").click()
    expect(told).to_contain_text("3 of 3 restored")
    expect(button(row_of(page, third), "Execute")).to_be_visible()


def test_a_phone_that_allows_no_notices_says_so(server: Server, open_page: PageFactory) -> None:
    page = open_page(server, size="phone", scheme="dark")
    page.goto("/queue/")
    press(page, page.get_by_role("button", name="Keys and notices"))
    press(page, page.get_by_label("Sound"))
    press(page, page.get_by_label("Desktop notice"))
    expect(page.get_by_text("The browser doesn't allow notices from this page.")).to_be_visible()
    expect(page.get_by_label("Desktop notice")).not_to_be_checked()
    expect(page.get_by_label("Sound")).to_be_checked()
    assert accessibility_violations(page) == []


def test_a_lost_server_is_said_and_sending_is_off(server: Server, open_page: PageFactory) -> None:
    order_id = new_order(server, "ONGC")
    page = open_page(server)
    page.goto("/queue/")
    execute = button(row_of(page, order_id), "Execute")
    expect(execute).to_be_enabled()
    page.context.set_offline(True)
    expect(execute).to_be_disabled()
    page.context.set_offline(False)
    expect(execute).to_be_enabled()


@pytest.mark.parametrize("hours", [-30, 30])
def test_an_age_is_counted_by_the_servers_clock(
    server: Server, open_page: PageFactory, hours: int
) -> None:
    order_id = new_order(server, f"CLOCK{hours + 50}")
    page = open_page(server)
    page.add_init_script(SHIFT.format(hours=hours))
    page.goto("/queue/")
    age = row_of(page, order_id).locator("time[data-count=up]")
    shown = age.inner_text()
    expect(age).not_to_have_text(shown)  # the script counts
    assert 0 < _seconds(age.inner_text()) < 60


def test_a_clock_that_is_put_right_meanwhile_is_noticed_with_the_next_poll(
    server: Server, open_page: PageFactory
) -> None:
    order_id = new_order(server, "CLOCKSET")
    page = open_page(server)
    page.add_init_script(SHIFT.format(hours=0))
    page.goto("/queue/")
    age = row_of(page, order_id).locator("time[data-count=up]")
    page.evaluate("window.shift = 30 * 3600e3")
    expect(age).to_contain_text("1 d")
    expect(age).not_to_contain_text("1 d")
    assert 0 < _seconds(age.inner_text()) < 60


def _seconds(age: str) -> int:
    """Of an age under a minute: "12 s"."""
    number, unit = age.split()
    assert unit == "s", age
    return int(number)
