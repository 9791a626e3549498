"""The analytics as a person reads them: trades, pictures, other days, totals made anew."""

import csv
import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from sigmatrader import clock
from tests.support.browser import PageFactory, fits, is_fine
from tests.support.processes import wait_until
from tests.support.server import Server, installation

pytestmark = pytest.mark.browser

PICTURES = ("Equity curve", "Net P&L by day", "Net P&L by weekday", "Net P&L by symbol")
DAYS = ("Today", "This week", "This month", "Last 30 days", "This financial year", "All")
TRADES = (
    ("Supertrend", "INFY", "BUY", 10, 1500, 1530),
    ("Supertrend", "INFY", "BUY", 12, 1505, 1490),
    ("Gap", "SBIN", "SELL", 20, 812, 810),
)


def trade(server: Server, strategy: str, symbol: str, action: str, units: int, at: int) -> None:
    details = {"order_action": action, "quantity": units, "price": at}
    answer = server.send_alert(
        {"strategy_name": strategy, "symbol": f"NSE:{symbol}", "trade_details": details}
    )
    order_id = int(answer.json()["order_id"])
    server.api(f"/api/orders/{order_id}/execute/", method="POST", data={})
    server.wait_for_order(order_id, "EXECUTED")


@pytest.fixture(scope="module")
def traded() -> Iterator[Server]:
    """Three round trips on paper, one of them lost, added up by the worker; a live account too."""
    account = {"ST_ZERODHA_API_KEY": "a-key", "ST_ZERODHA_API_SECRET": "a-secret"}
    with installation(environment=account) as server:
        server.start_web()
        for name in ("Supertrend", "Gap"):
            server.api("/api/strategies/", data={"name": name})
        for strategy, symbol, action, units, entry, exit_ in TRADES:
            trade(server, strategy, symbol, action, units, entry)
            other = "SELL" if action == "BUY" else "BUY"
            trade(server, strategy, symbol, other, units, exit_)

        def added_up() -> bool:
            summary = server.api("/api/analytics/summary/").json()
            return summary["trades"] == len(TRADES) and float(summary["charges"]) > 0

        wait_until(added_up, "the worker adds the trades up", 30)
        yield server


def closed_trades(page: Page) -> int:
    """Those that the page lists."""
    table = page.get_by_role("region", name="Closed trades").get_by_role("table")
    return table.get_by_role("row").filter(has_text="NSE:").count()


def filter_by(page: Page, label: str, value: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.select_option(label=value) if label == "Strategy" else field.fill(value)
    page.get_by_role("button", name="Filter").click()


def downloaded(page: Page) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename.endswith(".csv")
    return list(csv.DictReader(download.value.path().read_text().splitlines()))


@pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("phone", "dark")])
def test_the_figures_are_read_and_other_trades_asked_for(
    traded: Server, open_page: PageFactory, size: str, scheme: str
) -> None:
    look = is_fine if size == "phone" else fits  # everybody's eyes once
    page = open_page(traded, scheme=scheme, size=size)
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Analytics").click()
    expect(page.locator(".tile-net")).to_contain_text("Net P&L")
    for name in PICTURES:
        picture = page.get_by_role("img", name=re.compile(name))
        expect(picture).to_have_count(1)
        box = picture.bounding_box()
        assert box is not None
        assert box["width"] > 240
        assert box["height"] > 40
    for summary in page.get_by_text("As a table").all():
        summary.click()
    by_symbol = page.get_by_role("region", name="Net P&L by symbol").get_by_role("table")
    expect(by_symbol.get_by_role("rowheader")).to_have_text(["NSE:INFY", "NSE:SBIN"])
    look(page)

    kinds = page.get_by_role("navigation", name="Kind of account")
    kinds.get_by_role("link", name="LIVE").click()
    expect(page.locator("main")).to_contain_text("No trade is closed yet on LIVE.")
    kinds.get_by_role("link", name="PAPER").click()
    days = page.get_by_role("navigation", name="Days")
    for name in DAYS:
        days.get_by_role("link", name=name, exact=True).click()
        chosen = days.get_by_role("link", name=name, exact=True)
        expect(chosen).to_have_attribute("aria-current", "true")
        assert closed_trades(page) == 3
    filter_by(page, "Strategy", "Gap")
    expect(page.get_by_role("link", name="Clear", exact=True)).to_be_visible()
    assert closed_trades(page) == 1
    rows = downloaded(page)
    assert [(one["symbol"], one["side"], one["quantity"]) for one in rows] == [
        ("SBIN", "SELL", "20")
    ]
    assert rows[0]["gross"] == "40"
    assert Decimal(rows[0]["net"]) == Decimal("40") - Decimal(rows[0]["charges"])
    filter_by(page, "Symbol", "TCS")
    expect(page.locator("main")).to_contain_text("No closed trade meets these filters.")
    look(page)
    page.get_by_role("link", name="Clear the filters").click()
    today = clock.now().astimezone(clock.IST).date()
    filter_by(page, "From", today.isoformat())
    assert closed_trades(page) == 3
    filter_by(page, "To", (today - timedelta(days=1)).isoformat())
    expect(page.locator("main")).to_contain_text("The last day is before the first.")
    look(page)
    page.get_by_role("link", name="Clear", exact=True).click()
    assert len(downloaded(page)) == 3

    page.get_by_role("button", name="Make the totals anew").click()
    expect(page.get_by_text("The worker makes the totals anew.")).to_be_visible()
    # It polls, and loads itself again when the worker is done.
    expect(page.locator("#rebuilding")).to_have_count(0)
    expect(page.get_by_role("button", name="Make the totals anew")).to_be_enabled()
    expect(page.locator(".tile-net")).to_contain_text("Net P&L")
    page.get_by_role("link", name="What each figure means").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Analytics")
    page.go_back()
    page.get_by_role("region", name="Closed trades").get_by_role("link", name="#5").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("NSE:SBIN")


def test_without_a_script_the_same_is_asked(traded: Server, open_page: PageFactory) -> None:
    page = open_page(traded, javascript=False)
    page.goto("/analytics/")
    page.get_by_role("link", name="This month").click()
    filter_by(page, "Symbol", "INFY")
    assert closed_trades(page) == 2
    assert {one["symbol"] for one in downloaded(page)} == {"INFY"}
    page.get_by_text("As a table").first.click()
    expect(page.get_by_role("region", name="Equity curve").get_by_role("table")).to_be_visible()
    page.get_by_role("button", name="Make the totals anew").click()
    expect(page.get_by_text("The worker makes the totals anew.")).to_be_visible()

    def done() -> bool:
        page.reload()
        return page.get_by_role("button", name="Make the totals anew").is_enabled()

    wait_until(done, "the totals are made anew", 30)
    assert closed_trades(page) == 2
