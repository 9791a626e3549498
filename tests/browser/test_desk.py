"""The desk as a person has it before them: a server that is lost, lists that go on, a phone."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_person import new_order
from tests.support.browser import PageFactory, accessibility_violations, scrolls_sideways
from tests.support.processes import wait_until
from tests.support.server import Server

pytestmark = pytest.mark.browser


def colour_of(page: Page, selector: str) -> str:
    return str(page.locator(selector).first.evaluate("one => getComputedStyle(one).color"))


def test_without_the_server_figures_are_grey_and_nothing_can_be_executed(
    server: Server, open_page: PageFactory
) -> None:
    order_id = new_order(server, "GONE")
    page = open_page(server)
    page.goto(f"/orders/{order_id}/")
    execute = page.get_by_role("button", name="Execute")
    expect(execute).to_be_enabled()
    figure = "main .facts .num"
    before, place = colour_of(page, figure), page.locator("h1").bounding_box()
    page.context.set_offline(True)
    expect(page.get_by_role("alert")).to_contain_text("The server doesn't answer.")
    expect(execute).to_be_disabled()
    expect(page.get_by_role("button", name="Cancel")).to_be_disabled()
    assert colour_of(page, figure) != before
    assert page.locator("h1").bounding_box() == place
    page.context.set_offline(False)
    expect(page.locator("#lost")).to_be_hidden()
    expect(execute).to_be_enabled()
    assert colour_of(page, figure) == before


def test_new_orders_wait_behind_a_button_and_the_focus_stays(
    server: Server, open_page: PageFactory
) -> None:
    first = new_order(server, "STAYS")
    page = open_page(server)
    page.goto("/orders/")
    link = page.locator(f"#symbol-{first}")
    link.focus()
    place = link.bounding_box()
    second = new_order(server, "COMES")
    expect(page.locator("#new-rows")).to_contain_text("1 new")
    expect(link).to_be_focused()
    assert link.bounding_box() == place
    expect(page.locator(f"#symbol-{second}")).to_have_count(0)
    page.locator("#new-rows").click()
    expect(page.locator(f"#symbol-{second}")).to_be_visible()


def test_a_hidden_tab_asks_once_a_minute(server: Server, open_page: PageFactory) -> None:
    page = open_page(server)
    page.add_init_script(
        "Object.defineProperty(document, 'hidden', { get: () => window.unseen === true })"
    )
    page.clock.install()
    page.goto("/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(6_000)
    wait_until(lambda: page.evaluate("0") == 0 and any("/desk/" in url for url in asked), "a poll")
    page.evaluate("window.unseen = true")
    asked.clear()
    page.clock.run_for(50_000)
    page.evaluate("0")
    assert asked == []
    page.clock.run_for(30_000)
    wait_until(lambda: page.evaluate("0") == 0 and any("/desk/" in url for url in asked), "a poll")
    assert sum("/desk/" in url for url in asked) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_desk_fits_a_phone_and_halt_stays_at_hand(
    server: Server, open_page: PageFactory, scheme: str
) -> None:
    order_id = new_order(server, f"PHONE{scheme}".upper())
    server.api(f"/api/orders/{order_id}/execute/", method="POST", data={})
    server.wait_for_order(order_id, "EXECUTED")
    refused = server.send_alert({"strategy_name": "by hand", "trade_details": {}})
    assert refused.status == 422, refused.body
    page = open_page(server, scheme=scheme, size="phone")
    found: list[str] = []
    page.goto("/alerts/?outcome=REJECTED")
    alert = page.locator("table.alerts .sym").first.get_attribute("href")
    for path in ("/", "/orders/", f"/orders/{order_id}/", "/alerts/", alert, "/positions/"):
        page.goto(str(path))
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        found += [f"{path}: {violation}" for violation in accessibility_violations(page)]
        if scrolls_sideways(page):
            found.append(f"{path}: scrolls sideways")
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        expect(page.get_by_role("button", name=re.compile("halt", re.I))).to_be_in_viewport()
    assert not found, "\n".join(found)
