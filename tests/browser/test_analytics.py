"""The analytics as a person reads them: trades, pictures, other days, totals made anew."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import (
    SCHEMES,
    PageFactory,
    accessibility_violations,
    save_picture,
    scrolls_sideways,
)
from tests.support.processes import wait_until
from tests.support.server import Server

pytestmark = pytest.mark.browser


def trade(server: Server, action: str, quantity: int, price: int) -> None:
    answer = server.send_alert(
        {
            "strategy_name": "Supertrend",
            "symbol": "NSE:INFY",
            "trade_details": {"order_action": action, "quantity": quantity, "price": price},
        }
    )
    order_id = int(answer.json()["order_id"])
    server.api(f"/api/orders/{order_id}/execute/", method="POST", data={})
    server.wait_for_order(order_id, "EXECUTED")


@pytest.fixture(scope="module")
def traded(server: Server) -> Server:
    """Two round trips on paper, one of them lost, added up by the worker."""
    server.api("/api/strategies/", data={"name": "Supertrend"})
    for quantity, entry, exit_ in ((10, 1500, 1530), (12, 1505, 1490)):
        trade(server, "BUY", quantity, entry)
        trade(server, "SELL", quantity, exit_)

    def added_up() -> bool:
        summary = server.api("/api/analytics/summary/").json()
        return summary["trades"] == 2 and float(summary["charges"]) > 0

    wait_until(added_up, "the worker adds the trades up", 30)
    return server


def open_tables(page: Page) -> None:
    for summary in page.locator(".figure summary").all():
        summary.click()


@pytest.mark.parametrize("size", ["wide", "phone"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_figures_can_be_read_by_everybody(
    traded: Server, open_page: PageFactory, tmp_path: Path, scheme: str, size: str
) -> None:
    page = open_page(traded, scheme=scheme, size=size)
    page.goto("/analytics/")
    expect(page.locator(".tile-net")).to_contain_text("Net P&L")
    for name in ("Equity curve", "Net P&L by day", "Net P&L by weekday", "Net P&L by symbol"):
        picture = page.get_by_role("img", name=re.compile(name))
        expect(picture).to_have_count(1)
        box = picture.bounding_box()
        assert box is not None
        assert box["width"] > 240
        assert box["height"] > 40
    assert not scrolls_sideways(page)
    open_tables(page)
    assert accessibility_violations(page) == []
    assert not scrolls_sideways(page)
    save_picture(page, tmp_path, f"{scheme}-{size}")


def test_days_are_chosen_and_totals_made_anew(traded: Server, open_page: PageFactory) -> None:
    page = open_page(traded)
    page.goto("/analytics/")
    page.get_by_role("link", name="This month").click()
    expect(page).to_have_url(re.compile("period=month"))
    expect(page.get_by_role("link", name="This month")).to_have_attribute("aria-current", "true")
    page.get_by_label("Symbol", exact=True).fill("TCS")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("main")).to_contain_text("No closed trade meets these filters.")
    page.get_by_role("link", name="Clear", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert len(download.value.path().read_text().splitlines()) == 3
    page.get_by_role("button", name="Make the totals anew").click()
    expect(page.get_by_text("The worker makes the totals anew.")).to_be_visible()
    # It polls, and loads itself again when the worker is done.
    expect(page.locator("#rebuilding")).to_have_count(0)
    expect(page.get_by_role("button", name="Make the totals anew")).to_be_enabled()
    expect(page.locator(".tile-net")).to_contain_text("Net P&L")
