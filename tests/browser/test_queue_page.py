"""The queue with a person at it: several orders at one press, keys, undo, and rows that come in."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_person import new_order
from tests.support.browser import PageFactory, accessibility_violations, scrolls_sideways
from tests.support.server import Server

pytestmark = pytest.mark.browser

NOTICES = """
    window.Notification = class {
        static requestPermission() { return Promise.resolve("granted"); }
        constructor(title, { body }) { document.documentElement.dataset.told = body; }
        addEventListener() {}
    };
"""


def empty(server: Server) -> None:
    """Nothing waits any more of what other tests left."""
    for order in server.api("/api/orders/queue/").json():
        server.api(f"/api/orders/{order['id']}/cancel/", method="POST", data={})


def row_of(page: Page, order_id: int):  # type: ignore[no-untyped-def]
    return page.locator(f"#order-{order_id}")


def test_several_orders_are_chosen_summed_up_and_executed_and_keys_do_the_rest(
    server: Server, open_page: PageFactory
) -> None:
    empty(server)
    first, second, third = (new_order(server, symbol) for symbol in ("INFY", "TCS", "SBIN"))
    page = open_page(server)
    page.goto("/queue/")
    expect(row_of(page, third)).to_be_visible()

    page.keyboard.press("j")
    expect(row_of(page, first)).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("j")
    page.keyboard.press("Space")
    expect(page.locator("#together")).to_contain_text("2 chosen")
    assert accessibility_violations(page) == []
    page.get_by_role("button", name="Execute…").click()
    summary = page.locator("#together-dialog")
    expect(summary).to_contain_text("Execute 2 orders?")
    expect(summary).to_contain_text("12,000.00")  # twice 4 × 1,500
    expect(summary.get_by_role("link", name="Back to the queue")).to_be_focused()
    assert accessibility_violations(page) == []
    summary.get_by_role("button", name="Execute 2 orders").click()
    expect(page.locator("#together-told")).to_contain_text("2 of 2 sent")
    expect(row_of(page, first)).to_contain_text("EXECUTED")
    expect(row_of(page, second)).to_contain_text("EXECUTED")
    assert accessibility_violations(page) == []
    page.locator("#together-told").get_by_text("Close").click()

    row_of(page, third).focus()
    page.keyboard.press("c")
    expect(row_of(page, third)).to_contain_text("CANCELLED")
    expect(page.locator(".htmx-added")).to_have_count(0)  # HTMX has taken the new button over
    page.keyboard.press("u")
    expect(row_of(page, third).get_by_role("button", name=re.compile("Execute"))).to_be_visible()

    page.keyboard.press("?")
    help_ = page.locator("#queue-help")
    expect(help_).to_be_visible()
    assert accessibility_violations(page) == []
    help_.get_by_label("Keys act on this page").uncheck()
    help_.get_by_role("button", name="Close").click()
    row_of(page, third).focus()
    page.keyboard.press("c")
    page.keyboard.press("/")
    expect(row_of(page, third)).to_be_focused()
    page.reload()
    page.get_by_role("button", name="Keys and notices").click()
    help_.get_by_label("Keys act on this page").check()  # it was kept
    help_.get_by_role("button", name="Close").click()

    page.keyboard.press("/")
    page.keyboard.type("xcj")
    expect(page).to_have_url(re.compile(r"q=xcj"))
    expect(row_of(page, third)).to_have_count(0)
    page.locator("#queue-q").fill("sbin")
    row_of(page, third).focus()
    page.keyboard.press("x")
    button = row_of(page, third).get_by_role("button", name=re.compile("Execute"))
    expect(button).to_be_focused()
    assert server.api(f"/api/orders/{third}/").json()["status"] == "WAITING"
    page.keyboard.press("Enter")
    expect(row_of(page, third)).to_contain_text("EXECUTED")


def test_a_new_order_is_told_and_waits_while_the_person_points_at_the_list(
    server: Server, open_page: PageFactory
) -> None:
    empty(server)
    first = new_order(server, "ITC")
    page = open_page(server, scheme="dark")
    page.add_init_script(NOTICES)
    page.goto("/queue/")
    page.get_by_role("button", name="Keys and notices").click()
    page.get_by_label("Sound").check()
    page.get_by_label("Desktop notice").check()
    told_desktop = page.locator("html")
    expect(told_desktop).to_have_attribute("data-told", "Notices of the queue look like this.")
    page.locator("#queue-help").get_by_role("button", name="Close").click()
    row_of(page, first).hover()
    before = row_of(page, first).bounding_box()

    second = new_order(server, "LT")
    button = page.get_by_role("button", name="1 new")
    expect(button).to_be_visible()
    expect(row_of(page, second)).to_have_count(0)
    assert row_of(page, first).bounding_box() == before
    expect(told_desktop).to_have_attribute("data-told", "1 new order waits: BUY NSE:LT")
    assert accessibility_violations(page) == []
    button.click()
    expect(row_of(page, second)).to_be_focused()
    expect(button).to_be_hidden()

    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    third = new_order(server, "ONGC")
    expect(row_of(page, third)).to_be_visible()  # nobody is pointing at the list

    page.locator("#choose-all").check()
    expect(page.locator("#together")).to_contain_text("3 chosen")
    page.set_viewport_size({"width": 360, "height": 740})
    assert not scrolls_sideways(page)
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")  # the bar covers no row there
    assert accessibility_violations(page) == []
    page.get_by_role("button", name="Cancel…").click()
    page.locator("#together-dialog").get_by_role("button", name="Cancel 3 orders").click()
    told = page.locator("#together-told")
    expect(told).to_contain_text("3 of 3 cancelled")
    assert not scrolls_sideways(page)
    told.get_by_role("button", name="Undo: restore 3").click()
    expect(told).to_contain_text("3 of 3 restored")
    expect(row_of(page, third).get_by_role("button", name=re.compile("Execute"))).to_be_visible()
