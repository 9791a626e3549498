"""The API's documentation in a real browser, under the strict content policy."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_the_docs_page_shows_every_call_and_asks_no_other_host(server, open_page):
    page = open_page(server)
    page.goto("/api/docs/")
    expect(page.locator(".opblock").first).to_be_visible()
    expect(page.locator("[id$=tradingview_alert]")).to_be_visible()
    page.locator("[id$=trading_state_get]").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute", exact=True).click()
    expect(page.get_by_text('"breakers": []').first).to_be_visible()


def test_without_javascript_the_page_points_to_the_schema(server, open_page):
    page = open_page(server, logged_in=False, javascript=False)
    page.goto("/api/docs")
    expect(page.get_by_role("link", name="the OpenAPI schema")).to_be_visible()
