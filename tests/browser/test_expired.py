"""A contract that expired while nobody knew: a person is told, and states what it ended at."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from sigmatrader import clock
from tests.support.browser import PageFactory, accessibility_violations, press, scrolls_sideways
from tests.support.server import Server
from trading.domain.session import trading_day

pytestmark = pytest.mark.browser

_HELD = """
from datetime import timedelta
from brokers.accounts import ensure_paper_account
from sigmatrader import clock
from sigmatrader.db import write_transaction
from tests.support.trades import traded
with write_transaction():  # no worker sees it half done
    traded(ensure_paper_account(), "SELL", 100, "41.50", exchange="MCX", tradingsymbol="{symbol}",
           symbol="MCX:{symbol}", product="NRML", at=clock.now() - timedelta(days=2))
"""


@pytest.mark.parametrize(("size", "scheme"), [("wide", "dark"), ("phone", "light")])
def test_a_person_settles_what_no_list_knows(
    server: Server, open_page: PageFactory, size: str, scheme: str
) -> None:
    symbol = f"CRUDEOIL{size.upper()}6000CE"
    server.manage("shell", "-c", _HELD.format(symbol=symbol))
    page = open_page(server, size=size, scheme=scheme)
    page.goto("/")
    press(page, page.get_by_role("link", name=f"MCX:{symbol} is open"))
    expect(page.get_by_role("heading", level=1)).to_have_text(f"MCX:{symbol}")
    assert accessibility_violations(page) == []
    page.get_by_label("Settlement price ₹").fill("1.50")
    yesterday = trading_day(clock.now() - timedelta(days=1))
    page.get_by_label("Expired on").fill(yesterday.isoformat())
    press(page, page.get_by_role("button", name="Settle at this price"))
    expect(page.get_by_text(f"MCX:{symbol} is settled at ₹1.50.")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("+₹4,000.00")
    page.goto("/positions/")
    settled = page.get_by_role("row").filter(has_text=symbol).filter(has_text="Correct…")
    expect(settled).to_contain_text("1.50")
    assert not scrolls_sideways(page)
