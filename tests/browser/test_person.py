"""A person's way through: log in, see the order, edit it, execute it, see it filled."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import PageFactory, accessibility_violations, scrolls_sideways
from tests.support.server import Server

pytestmark = pytest.mark.browser

PAGES = (
    "/",
    "/queue/",
    "/orders/",
    "/alerts/",
    "/positions/",
    "/analytics/",
    "/risk/",
    "/risk/what-if/",
    "/settings/",
)


def new_order(server: Server, symbol: str, **details: object) -> int:
    answer = server.send_alert(
        {
            "strategy_name": "by hand",
            "symbol": f"NSE:{symbol}",
            "trade_details": {
                "order_action": "BUY",
                "quantity": 4,
                "price": 1500,
                "comment": "<script>alert(1)</script>{{7*7}}",
                **details,
            },
        }
    )
    assert answer.status == 201, answer.body
    return int(answer.json()["order_id"])


def edit_quantity(page: Page, order_id: int, quantity: str) -> None:
    row = page.locator(f"#order-{order_id}")
    row.get_by_role("link", name=re.compile("Edit")).click()
    row.get_by_label("Quantity").fill(quantity)
    row.get_by_role("button", name="Save").click()


def test_an_order_is_seen_edited_executed_and_filled(
    server: Server, open_page: PageFactory
) -> None:
    page = open_page(server)
    page.goto("/queue/")
    order_id = new_order(server, "INFY")
    row = page.locator(f"#order-{order_id}")
    expect(row).to_be_visible()  # without a reload
    expect(row).to_contain_text("Passes")
    edit_quantity(page, order_id, "0")
    # Risk says so while one types; the field says so once the form is back.
    expect(row.get_by_label("Quantity")).to_have_attribute("aria-invalid", "true")
    row.get_by_label("Quantity").fill("7")
    row.get_by_role("button", name="Save").click()
    expect(row.get_by_role("button", name=re.compile("Execute"))).to_be_visible()
    row.get_by_role("button", name=re.compile("Execute")).click()
    expect(row).to_contain_text("EXECUTED")
    expect(row).to_contain_text("7 of 7 at ₹1,500.00")
    row.get_by_role("link", name=re.compile("See order")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("NSE:INFY")
    for status in ("WAITING", "QUEUED", "SENDING", "SENT", "EXECUTED"):
        expect(page.locator("main")).to_contain_text(status)
    expect(page.locator("main")).to_contain_text("<script>alert(1)</script>{{7*7}}")


def test_the_same_without_javascript(server: Server, open_page: PageFactory) -> None:
    order_id = new_order(server, "TCS")
    page = open_page(server, javascript=False)
    page.goto("/queue/")
    row = page.locator(f"#order-{order_id}")
    edit_quantity(page, order_id, "9")
    row = page.locator(f"#order-{order_id}")
    expect(row).to_contain_text("9")
    row.get_by_role("button", name=re.compile("Execute")).click()
    server.wait_for_order(order_id, "EXECUTED")
    page.goto(f"/orders/{order_id}/")
    expect(page.locator("main")).to_contain_text("EXECUTED")
    expect(page.locator("main")).to_contain_text("9")


def test_a_cancel_can_be_undone(server: Server, open_page: PageFactory) -> None:
    order_id = new_order(server, "SBIN")
    page = open_page(server)
    page.goto("/queue/")
    row = page.locator(f"#order-{order_id}")
    row.get_by_role("button", name=re.compile("Cancel")).click()
    expect(row).to_contain_text("CANCELLED")
    row.get_by_role("button", name=re.compile("Restore")).click()
    expect(row.get_by_role("button", name=re.compile("Execute"))).to_be_visible()


def test_the_second_of_two_tabs_is_told(server: Server, open_page: PageFactory) -> None:
    order_id = new_order(server, "ITC")
    page = open_page(server, javascript=False)
    page.goto("/queue/")
    executed = server.api(f"/api/orders/{order_id}/execute/", method="POST", data={})
    assert executed.status == 200
    page.locator(f"#order-{order_id}").get_by_role("button", name=re.compile("Execute")).click()
    expect(page.locator("body")).to_contain_text(re.compile("already|just changed"))


def test_halt_is_one_press_from_any_page_and_resuming_needs_a_reason(
    server: Server, open_page: PageFactory
) -> None:
    order_id = new_order(server, "LT")
    page = open_page(server, javascript=False)
    page.goto("/orders/")
    page.get_by_role("button", name=re.compile("halt", re.I)).first.click()
    expect(page.locator("body")).to_contain_text("HALTED")
    page.goto("/queue/")
    expect(page.locator(f"#order-{order_id}")).to_contain_text("On hold")
    page.goto("/risk/")
    change = page.locator("#change")
    change.locator("[name=state]").select_option("ACTIVE")
    change.get_by_role("button", name="Change the state").click()
    expect(page.locator("#change")).to_contain_text("why trading may resume")
    change.locator("[name=reason]").fill("the storm is over")
    change.get_by_role("button", name="Change the state").click()
    expect(page.locator("body")).not_to_contain_text("HALTED: everything")
    page.goto("/queue/")
    expect(page.locator(f"#order-{order_id}")).to_contain_text("Passes")


def test_a_lost_server_is_said_and_sending_is_off(server: Server, open_page: PageFactory) -> None:
    order_id = new_order(server, "ONGC")
    page = open_page(server)
    page.goto("/queue/")
    button = page.locator(f"#order-{order_id}").get_by_role("button", name=re.compile("Execute"))
    expect(button).to_be_enabled()
    page.context.set_offline(True)
    expect(button).to_be_disabled()
    page.context.set_offline(False)
    expect(button).to_be_enabled()


@pytest.mark.parametrize("size", ["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_fits(
    server: Server, open_page: PageFactory, scheme: str, size: str
) -> None:
    order_id = new_order(server, f"FITS{scheme}{size}".upper())
    page = open_page(server, scheme=scheme, size=size)
    found: list[str] = []
    for path in (*PAGES, f"/orders/{order_id}/", "/nowhere/"):
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        found += [f"{path}: {violation}" for violation in accessibility_violations(page)]
        if scrolls_sideways(page):
            found.append(f"{path}: scrolls sideways")
    assert not found, "\n".join(found)


def test_the_login_page_is_accessible(server: Server, open_page: PageFactory) -> None:
    page = open_page(server, logged_in=False)
    page.goto("/queue/")
    expect(page).to_have_url(re.compile("/accounts/login/"))
    assert accessibility_violations(page) == []


def test_logging_out_closes_the_desk(server: Server, open_page: PageFactory) -> None:
    page = open_page(server)
    page.get_by_role("button", name=re.compile("log out", re.I)).click()
    page.goto("/queue/")
    expect(page).to_have_url(re.compile("/accounts/login/"))
