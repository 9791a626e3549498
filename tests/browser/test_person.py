"""A person whose browser runs no scripts: the main ways of the desk by forms and links alone."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import PageFactory, press, scrolls_sideways
from tests.support.sample import empty_queue, new_order
from tests.support.server import Server

pytestmark = pytest.mark.browser


def row_of(page: Page, order_id: int) -> Locator:
    return page.locator(f"#order-{order_id}")


def button(row: Locator, name: str) -> Locator:
    return row.get_by_role("button", name=re.compile(name))


def said(page: Page, text: str) -> None:
    expect(page.locator("#toasts")).to_contain_text(text)


def statuses(server: Server, *order_ids: int) -> list[str]:
    return [server.api(f"/api/orders/{one}/").json()["status"] for one in order_ids]


def test_an_order_is_found_edited_executed_cancelled_and_taken_back(
    server: Server, open_page: PageFactory
) -> None:
    order_id, other = new_order(server, "TCS"), new_order(server, "SBIN")
    page = open_page(server, javascript=False)
    page.goto("/queue/")
    page.get_by_label("Find").fill("tcs")
    button(page.locator("main"), "Find").click()
    expect(row_of(page, other)).to_have_count(0)
    row = row_of(page, order_id)
    row.get_by_text("Every check").click()
    row.get_by_role("link", name="On the order's page").click()
    expect(page).to_have_url(re.compile(f"/orders/{order_id}/#risk-title"))
    page.goto("/queue/?q=nothing")
    page.get_by_role("link", name="Show all that waits").click()
    row.get_by_role("link", name="Edit").click()
    row.get_by_role("textbox", name="Quantity").fill("0")
    button(row, "Save").click()
    expect(row.get_by_role("textbox", name="Quantity")).to_have_attribute("aria-invalid", "true")
    row.get_by_role("textbox", name="Quantity").fill("9")
    button(row, "Ask risk").click()
    said(page, "Risk says: Passes")
    button(row, "Ask the broker").click()
    expect(row.get_by_role("textbox", name="Quantity")).to_have_value("9")
    said(page, "charges")
    button(row, "Save").click()
    said(page, f"Order #{order_id} is changed.")
    button(row, "Execute").click()
    said(page, "is queued")
    server.wait_for_order(order_id, "EXECUTED")
    page.get_by_role("link", name="load it again").click()
    expect(row_of(page, order_id)).to_have_count(0)

    button(row_of(page, other), "Cancel").click()
    page.get_by_role("button", name=f"Undo the cancel of order {other}").click()
    said(page, "waits in the queue again")
    button(row_of(page, other), "Cancel").click()
    page.get_by_role("link", name="Refresh").click()
    expect(row_of(page, other)).to_contain_text("CANCELLED")
    button(row_of(page, other), "Restore").click()
    said(page, "waits in the queue again")
    assert statuses(server, order_id, other) == ["EXECUTED", "WAITING"]


def tick(page: Page, *order_ids: int) -> None:
    for order_id in order_ids:
        page.get_by_role("checkbox", name=f"Choose order {order_id}:").check()


def test_several_orders_are_summed_up_on_a_page_of_their_own(
    server: Server, open_page: PageFactory
) -> None:
    empty_queue(server)
    first, second, third = (new_order(server, symbol) for symbol in ("INFY", "LT", "ITC"))
    page = open_page(server, javascript=False, size="phone", scheme="dark")
    page.goto("/queue/")
    press(page, button(page.locator("main"), "Execute…"))
    said(page, "Choose at least one order first")
    tick(page, first, second)
    press(page, button(page.locator("main"), "Execute…"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Execute 2 orders?")
    assert not scrolls_sideways(page)
    press(page, page.get_by_role("link", name="Back to the queue"))
    tick(page, first, second)
    press(page, button(page.locator("main"), "Execute…"))
    press(page, button(page.locator("main"), "Execute 2 orders"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("2 of 2 sent")
    press(page, page.get_by_role("link", name="Back to the queue"))
    tick(page, third)
    press(page, button(page.locator("main"), "Cancel…"))
    press(page, button(page.locator("main"), "Cancel 1 order"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("1 of 1 cancelled")
    assert statuses(server, first, second, third) == ["EXECUTED", "EXECUTED", "CANCELLED"]
    press(page, button(page.locator("main"), "Undo: restore 1"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("1 of 1 restored")
    press(page, page.get_by_role("link", name="Back to the queue"))
    expect(button(row_of(page, third), "Execute")).to_be_visible()


def test_orders_and_alerts_are_found_and_an_orders_page_does_its_work(
    server: Server, open_page: PageFactory
) -> None:
    order_id = new_order(server, "WIPRO", order_type="LIMIT")
    server.api(f"/api/orders/{order_id}/", method="PATCH", data={"price": "1490"})
    page = open_page(server, javascript=False, size="phone")
    page.goto("/orders/")
    press(page, page.get_by_text("More filters"))
    page.get_by_label("Symbol").fill("WIPRO")
    press(page, page.get_by_role("button", name="Filter"))
    press(page, page.locator(f"#symbol-{order_id}"))
    title, actions = page.get_by_role("heading", level=1), page.locator(".actions")
    press(page, button(actions, "Cancel"))
    expect(title).to_contain_text("CANCELLED")
    press(page, button(actions, "Restore to the queue"))
    press(page, button(actions, "Execute"))
    said(page, "is queued")
    server.wait_for_order(order_id, "SENT")
    press(page, page.get_by_role("link", name="load it again"))
    change = page.get_by_role("region", name="Modify at the broker")
    change.get_by_label("Price ₹").fill("1481")
    press(page, button(change, "Ask the broker"))
    said(page, "The change is asked of the broker.")
    press(page, button(actions, "Cancel"))
    said(page, f"A cancel of order #{order_id} is asked for.")
    assert server.wait_for_order(order_id, "CANCELLED")["filled_qty"] == 0

    page.goto("/alerts/")
    page.get_by_label("Search").fill("wipro")
    press(page, page.get_by_role("button", name="Filter"))
    press(page, page.locator("main table .sym").first)
    press(page, page.get_by_role("button", name="Replay as a test"))
    outcome = page.get_by_role("region", name="What would happen")
    expect(outcome).to_contain_text("wait in the queue for you")
    page.get_by_label("Alert message").fill("nonsense")
    press(page, page.get_by_role("button", name="Test it"))
    expect(outcome).to_contain_text("REJECTED")


def test_the_second_of_two_tabs_is_told(server: Server, open_page: PageFactory) -> None:
    order_id = new_order(server, "ITC")
    page = open_page(server, javascript=False)
    page.goto("/queue/")
    executed = server.api(f"/api/orders/{order_id}/execute/", method="POST", data={})
    assert executed.status == 200
    button(row_of(page, order_id), "Execute").click()
    expect(page.locator("body")).to_contain_text(re.compile("already|just changed"))


def test_halt_is_one_press_from_any_page_and_resuming_needs_a_reason(
    server: Server, open_page: PageFactory
) -> None:
    order_id = new_order(server, "LT")
    page = open_page(server, javascript=False)
    page.goto("/orders/")
    page.get_by_role("button", name="Halt").click()
    expect(page.locator("#banner")).to_contain_text("Trading is HALTED.")
    page.goto("/queue/")
    expect(row_of(page, order_id)).to_contain_text("On hold")
    page.locator("#halt").get_by_role("link", name="Resume…").click()
    change = page.locator("#change")
    expect(change.get_by_label("State", exact=True)).to_have_value("ACTIVE")
    button(change, "Change the state").click()
    expect(change).to_contain_text("why trading may resume")
    change.get_by_label("Reason").fill("the storm is over")
    button(change, "Change the state").click()
    expect(page.locator("#banner")).to_be_empty()
    page.goto("/queue/")
    expect(row_of(page, order_id)).to_contain_text("Passes")
