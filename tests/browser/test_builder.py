"""The message builder as a person uses it: choose, copy, try, check; wide, phone, no script."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import (
    SCHEMES,
    PageFactory,
    accessibility_violations,
    scrolls_sideways,
)
from tests.support.server import Server

pytestmark = pytest.mark.browser

PASTED = '{“secret”: “x”, "symbol": {{ticker}}, "order_action": "{{strategy.order.actions}}",}'


def choose(page: Page) -> None:
    page.goto("/settings/message/")
    page.get_by_label("An indicator").check()
    page.get_by_label("Order type").select_option("SL-M")


def said(page: Page) -> dict[str, object]:
    return json.loads(page.locator("#message").inner_text())


@pytest.mark.parametrize("size", ["wide", "phone"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_message_is_made_while_one_chooses_and_copied(
    server: Server, open_page: PageFactory, scheme: str, size: str
) -> None:
    page = open_page(server, scheme=scheme, size=size)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose(page)
    # What belongs to strategies alone has made way, and what is missing is said.
    expect(page.locator("#made")).to_contain_text("A stop order needs one")
    expect(page.get_by_label("Price ₹", exact=True).first).to_be_hidden()
    assert accessibility_violations(page) == []
    trigger = page.get_by_label("Trigger ₹")
    trigger.press_sequentially('{{plot("Trigger")}}')
    expect(page.locator("#message")).to_contain_text('{{plot("Trigger")}}')
    expect(trigger).to_be_focused()
    page.get_by_label("Fill in the secret").check()
    expect(page.locator("#message")).not_to_contain_text("YOUR-SECRET")
    assert "secret" not in page.url
    page.get_by_role("button", name="Copy the message").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#message").inner_text()

    page.get_by_text("As a Pine script").click()
    page.get_by_role("button", name="What would it do?").click()
    expect(page.locator("#trial")).to_contain_text("wait in the queue for you")

    page.get_by_label("Your message").fill(PASTED)
    page.get_by_role("button", name="Check it").click()
    expect(page.locator("#checked")).to_contain_text("Did you mean {{strategy.order.action}}?")
    expect(page.locator("#mended")).to_contain_text('"{{ticker}}"')
    assert accessibility_violations(page) == []
    assert not scrolls_sideways(page)
    expect(page.locator(".toast")).to_have_count(0)


def test_without_a_script_the_same_is_done_with_buttons(
    server: Server, open_page: PageFactory
) -> None:
    page = open_page(server, javascript=False)
    choose(page)
    page.get_by_label("Action").select_option("ENTRY_SHORT")
    page.get_by_role("button", name="Make the message").click()
    # On this page the error stands beside its field too.
    expect(page.locator("#id_trigger_price + .help + .errorlist")).to_be_visible()
    page.get_by_label("Trigger ₹").fill("1,490")
    page.get_by_label("Quantity", exact=True).select_option("NUMBER")
    page.get_by_label("Units", exact=True).fill("5")
    page.get_by_role("button", name="Make the message").click()
    details = said(page)["trade_details"]
    assert details["side"] == "ENTRY_SHORT"
    assert details["trigger_price"] == "1490"
    page.get_by_role("button", name="Send a test").click()
    page.get_by_role("link", name="It waits in the queue").click()
    expect(page).to_have_url(re.compile("/queue/$"))
    expect(page.locator("main")).to_contain_text("INFY")


@pytest.mark.parametrize("size", ["wide", "phone"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_settings_can_be_read_by_everybody(
    server: Server, open_page: PageFactory, scheme: str, size: str
) -> None:
    page = open_page(server, scheme=scheme, size=size)
    page.goto("/settings/")
    page.get_by_role("button", name="Show the secret").click()
    expect(page.locator("#webhook-secret")).to_be_visible()
    assert accessibility_violations(page) == []
    assert not scrolls_sideways(page)
