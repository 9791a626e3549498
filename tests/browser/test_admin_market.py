"""The market in the admin: days, hours and schedules, charges, contracts, symbols."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import PageFactory
from tests.support.hands import answered, follow, press, refused, remove, save, search
from tests.support.server import Server

pytestmark = pytest.mark.browser

LIST = """\
instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,segment,exchange
1,1,INFY,INFOSYS,0,,0,0.1,1,EQ,NSE,NSE
2,2,INFIBEAM,INFIBEAM AVENUES,0,,0,0.01,1,EQ,NSE,NSE
3,3,TCS,TATA CONSULTANCY SERV LT,0,,0,0.1,1,EQ,NSE,NSE
"""


@pytest.fixture(scope="module", autouse=True)
def _listed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("list") / "instruments.csv"
    path.write_text(LIST)
    server.manage("syncinstruments", "--file", str(path))


def _add_a_day(page: Page, day: str, size: str) -> None:
    page.goto("/admin/trading/marketday/add/")
    page.get_by_label("Segment:").select_option("EQUITY")
    page.get_by_label("Date:").fill(day)
    page.get_by_label("Kind:").select_option("CLOSED")
    page.get_by_label("Opens:").fill("10:00")
    save(page)
    expect(page.locator(".errorlist").first).to_be_visible()
    page.get_by_label("Opens:").fill("")
    page.get_by_label("Note:").fill(f"a day off, {size}")
    page.get_by_label("Source:").fill("a circular")
    save(page)
    answered(page, "was added successfully")


def _import_days(page: Page, day: str, size: str) -> None:
    follow(page, "Import a CSV file")
    for content in ("segment,date,kind\nMOON,never,OPEN\n", _days(day, size)):
        page.get_by_label("CSV file:").set_input_files(
            {"name": "days.csv", "mimeType": "text/csv", "buffer": content.encode()}
        )
        press(page, "Import")
        if "MOON" in content:
            expect(page.locator(".errorlist").first).to_be_visible()
    search(page, f"from a file, {size}")
    expect(page.get_by_role("checkbox", name="Select this object")).to_have_count(1)
    page.get_by_role("checkbox", name="Select all objects").check()
    page.get_by_label("Action:").select_option(label="Delete selected market days")
    press(page, "Go")
    press(page, "Yes, I’m sure")
    answered(page, "Successfully deleted")


def _days(day: str, size: str) -> str:
    return f'segment,date,kind,opens,closes,note\nEQUITY,{day},CLOSED,,,"from a file, {size}"\n'


def _schedule_a_product(page: Page, product: str) -> None:
    page.goto("/admin/risk/productschedule/add/")
    page.get_by_label("Product:").select_option(product)
    page.get_by_label("No new entries at:").fill("15:00")
    page.get_by_label("Square off at:").fill("14:30")
    save(page)
    refused(page, "Not after the square-off at 14:30.")
    page.get_by_label("Square off at:").fill("15:10")
    save(page)
    answered(page, "was added successfully")
    remove(page, "Delete selected product schedules", product)


@pytest.mark.parametrize("size", ["wide", "phone"])
def test_the_market_is_described_by_days_hours_charges_and_symbols(
    server: Server, open_page: PageFactory, size: str
) -> None:
    page = open_page(server, size=size)
    _add_a_day(page, {"wide": "2027-05-04", "phone": "2027-05-05"}[size], size)
    _import_days(page, {"wide": "2027-06-08", "phone": "2027-06-09"}[size], size)
    page.goto("/admin/trading/markethours/")
    page.locator("#result_list tbody th a").first.click()
    page.get_by_label("Covered until:").fill("2099-01-01")
    save(page)
    expect(page.locator(".errorlist").first).to_be_visible()

    _schedule_a_product(page, {"wide": "NRML", "phone": "MTF"}[size])
    page.goto("/admin/trading/contractrule/add/")
    page.get_by_label("Name:", exact=True).fill(f"GOLD{size.upper()}")
    page.get_by_label("Exchange:").fill("MCX")
    page.get_by_label("Multiplier").fill("100")
    save(page)
    answered(page, "was added successfully")
    page.goto("/admin/trading/chargerate/")
    page.locator("#result_list tbody th a").first.click()
    page.get_by_label("Source:").fill(f"read by the {size}")
    save(page)
    answered(page, "works out the charges of all trades again")

    page.goto("/admin/trading/symboloverride/add/")
    page.get_by_label("Source symbol:").fill(f"INFO{size.upper()}")
    page.get_by_label("Exchange:", exact=True).fill("NSE")
    assert _suggested(page, page.get_by_label("Tradingsymbol:"), "tata") == ["TCS"]
    page.get_by_label("Tradingsymbol:").fill("INFIBEEM")
    save(page)
    expect(page.locator(".errorlist").first).to_contain_text("is not in the instrument list")
    page.get_by_label("Tradingsymbol:").fill("INFY")
    save(page)
    answered(page, "was added successfully")
    page.goto("/orders/")
    if size == "phone":
        page.get_by_text("More filters").click()
    symbol = page.get_by_label("Symbol", exact=True)
    assert _suggested(page, symbol, "inf") == ["INFY", "INFIBEAM"]


def _suggested(page: Page, box: Locator, typed: str) -> list[str]:
    options = page.locator(f"#{box.get_attribute('list')} option")
    box.press_sequentially(typed)
    expect(options).not_to_have_count(0)
    return [option.get_attribute("value") or "" for option in options.all()]
