"""Bars that renew themselves, and every check of an order in its row of the queue."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import PageFactory, accessibility_violations, scrolls_sideways
from tests.support.server import Server

pytestmark = pytest.mark.browser


def waiting_order(server: Server, symbol: str, quantity: int = 4) -> int:
    answer = server.send_alert(
        {
            "strategy_name": "by hand",
            "symbol": f"NSE:{symbol}",
            "trade_details": {"order_action": "BUY", "quantity": quantity, "price": 1500},
        }
    )
    assert answer.status == 201, answer.body
    return int(answer.json()["order_id"])


@pytest.fixture(autouse=True)
def limits(server: Server) -> None:
    """GLOBAL limits, once for the module's server."""
    rows = server.api("/api/risk-settings/?scope=GLOBAL").json()
    if not rows:
        body = {"scope": "GLOBAL", "max_open_positions": 50, "max_order_value": "75000"}
        assert server.api("/api/risk-settings/", method="POST", data=body).status == 201


def test_a_bar_grows_by_itself_and_what_is_folded_stays_folded_with_the_focus(
    server: Server, open_page: PageFactory
) -> None:
    page = open_page(server)
    page.goto("/risk/")
    scope = page.locator("#use details").first
    expect(scope.get_by_role("meter", name="Open positions")).to_be_visible()
    before = page.locator("#use").get_attribute("data-v")
    row = scope.locator("tr", has_text="Open positions")
    used = row.locator("td").nth(2).inner_text()
    order_id = waiting_order(server, "HDFCBANK")
    server.api(f"/api/orders/{order_id}/execute/", method="POST", data={})
    server.wait_for_order(order_id, "EXECUTED")
    expect(row.locator("td").nth(2)).not_to_have_text(used)  # without a reload
    name = scope.locator("summary")
    name.focus()
    name.press("Enter")
    expect(scope.locator("table")).to_be_hidden()
    before = page.locator("#use").get_attribute("data-v")
    waiting_order(server, "AXISBANK")
    expect(page.locator("#use")).not_to_have_attribute("data-v", before or "")
    expect(scope.locator("table")).to_be_hidden()
    expect(name).to_be_focused()


def unfold(page: Page, order_id: int) -> None:
    page.locator(f"#why-name-{order_id}").click()
    expect(page.locator(f"#why-{order_id} .checks").first).to_be_visible()


def test_every_check_unfolds_in_the_row_and_stays_when_the_row_is_renewed(
    server: Server, open_page: PageFactory
) -> None:
    order_id = waiting_order(server, "WIPRO")
    page = open_page(server)
    page.goto("/queue/")
    unfold(page, order_id)
    checks = page.locator(f"#why-{order_id}")
    expect(checks.get_by_role("meter", name="Value of one order")).to_be_visible()
    expect(checks).to_contain_text("8 %")
    assert accessibility_violations(page) == []
    row = page.locator(f"#order-{order_id}")
    version = row.get_attribute("data-v")
    edited = server.api(f"/api/orders/{order_id}/", method="PATCH", data={"qty": 20})
    assert edited.status == 200
    expect(row).not_to_have_attribute("data-v", version or "")
    expect(checks).to_have_attribute("open", "")
    expect(checks).to_contain_text("40 %")
    expect(page.locator(f"#why-name-{order_id}")).to_be_focused()


def test_on_a_phone_and_without_javascript_the_checks_are_a_link_away(
    server: Server, open_page: PageFactory
) -> None:
    order_id = waiting_order(server, "SUNPHARMA", quantity=80)
    page = open_page(server, javascript=False, size="phone")
    page.goto("/queue/")
    page.locator(f"#why-name-{order_id}").click()
    page.locator(f"#why-{order_id}").get_by_role("link").click()
    expect(page).to_have_url(re.compile(rf"/orders/{order_id}/#risk-title"))
    expect(page.locator(".checks").first).to_contain_text("Value of one order")
    assert not scrolls_sideways(page)
