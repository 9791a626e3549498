"""The box for symbols suggests while one types, on the pages and in the admin."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import PageFactory
from tests.support.server import Server

pytestmark = pytest.mark.browser

LIST = """\
instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,segment,exchange
1,1,INFY,INFOSYS,0,,0,0.1,1,EQ,NSE,NSE
2,2,INFIBEAM,INFIBEAM AVENUES,0,,0,0.01,1,EQ,NSE,NSE
3,3,TCS,TATA CONSULTANCY SERV LT,0,,0,0.1,1,EQ,NSE,NSE
"""


def suggested(page: Page, name: str, typed: str) -> list[str]:
    box = page.locator(f'input[name="{name}"]')
    options = page.locator(f"#{box.get_attribute('list')} option")
    box.press_sequentially(typed)
    expect(options).not_to_have_count(0)
    return [option.get_attribute("value") or "" for option in options.all()]


def test_symbols_are_suggested_while_one_types(
    server: Server, open_page: PageFactory, tmp_path: Path
) -> None:
    path = tmp_path / "instruments.csv"
    path.write_text(LIST)
    server.manage("syncinstruments", "--file", str(path))
    page = open_page(server)
    page.goto("/orders/")
    assert suggested(page, "symbol", "inf") == ["INFY", "INFIBEAM"]
    page.goto("/admin/trading/symboloverride/add/")
    assert suggested(page, "tradingsymbol", "tata") == ["TCS"]
