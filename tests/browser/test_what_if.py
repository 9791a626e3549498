"""The what-if as a person uses it: a file, a limit, both pictures; with and without JavaScript."""

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

ALERTS = """time,strategy,symbol,action,quantity,price
2026-11-23 10:15,,NSE:INFY,BUY,150,1500
2026-11-24 10:15,,NSE:INFY,SELL,40,1510
2026-11-24 11:15,,NSE:TCS,BUY,10,3800
"""


def ask(page: Page) -> None:
    page.goto("/risk/what-if/")
    page.get_by_label("Or a CSV of alerts").set_input_files(
        {"name": "alerts.csv", "mimeType": "text/csv", "buffer": ALERTS.encode()}
    )
    page.get_by_label("Max quantity per order").fill("100")
    page.get_by_label("Symbol blacklist").fill("TCS")
    page.get_by_role("button", name=re.compile("Show what")).click()
    expect(page.get_by_role("heading", name="Alerts of the file")).to_be_visible()


@pytest.mark.parametrize("size", ["wide", "phone"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_result_can_be_read_by_everybody(
    server: Server, open_page: PageFactory, scheme: str, size: str
) -> None:
    page = open_page(server, scheme=scheme, size=size)
    ask(page)
    assert accessibility_violations(page) == []
    assert not scrolls_sideways(page)
    pictures = page.get_by_role("img", name=re.compile("Alerts by day"))
    expect(pictures).to_have_count(2)
    for picture in pictures.all():
        box = picture.bounding_box()
        assert box is not None
        assert box["width"] > 250
        assert box["height"] > 80


def test_a_look_needs_no_script_and_can_be_followed_by_another(
    server: Server, open_page: PageFactory
) -> None:
    page = open_page(server, javascript=False)
    ask(page)
    main = page.locator("main")
    expect(main).to_contain_text("Quantity clamped from 150 to 100")
    expect(main).to_contain_text("on the symbol_blacklist")
    # What was tried is still in the form.
    expect(page.get_by_label("Max quantity per order")).to_have_value("100")
    page.get_by_text("The day, and how often").click()
    expect(page.get_by_label("Max daily loss")).to_be_visible()
