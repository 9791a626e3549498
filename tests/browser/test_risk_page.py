"""The risk page as a person uses it: states, what is used of limits, what if they were others."""

import re
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import PageFactory, accessibility_violations, scrolls_sideways
from tests.support.hands import follow, press, section, told
from tests.support.live_desk import in_session
from tests.support.sample import fill
from tests.support.server import Server, installation

pytestmark = pytest.mark.browser

SIZES = pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("phone", "dark")])
# Every page wears the same header: each size presses Halt on its half of them.
HEADERS = {
    "wide": ("/", "/orders/", "/analytics/", "/risk/what-if/"),
    "phone": ("/queue/", "/positions/", "/alerts/", "/settings/", "/help/"),
}
ALERTS = """time,strategy,symbol,action,quantity,price
2026-11-23 10:15,,NSE:INFY,BUY,150,1500
2026-11-24 10:15,,NSE:INFY,SELL,40,1510
2026-11-24 11:15,,NSE:TCS,BUY,10,3800
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A filled desk on paper, while the market is open."""
    with installation(environment=in_session()) as running:
        running.start_web()
        fill(running)
        row = running.api("/api/risk-settings/?scope=GLOBAL").json()[0]["id"]
        body = {"max_open_positions": 50, "reason": "a bar for it"}
        assert running.api(f"/api/risk-settings/{row}/", method="PATCH", data=body).status == 200
        yield running


@pytest.fixture(autouse=True)
def _active(server: Server) -> None:
    server.resume()


def waiting_order(server: Server, symbol: str, quantity: int = 4, strategy: str = "") -> int:
    answer = server.send_alert(
        {
            "alert_id": uuid.uuid4().hex,
            "strategy_name": strategy or "by hand",
            "symbol": f"NSE:{symbol}",
            "trade_details": {"order_action": "BUY", "quantity": quantity, "price": 1500},
        }
    )
    assert answer.status == 201, answer.body
    return int(answer.json()["order_id"])


# -- states ----------------------------------------------------------------------------------------


def change(page: Page, state: str, target: str = "Everything", reason: str = "") -> None:
    """Fill the form in, as far as a link has not, and send it."""
    page.get_by_label("State", exact=True).select_option(state)
    page.get_by_label("For", exact=True).select_option(label=target)
    if reason:
        page.get_by_label("Reason").fill(reason)
    press(page, "Change the state")


def _halt_everywhere(page: Page, server: Server, size: str) -> None:
    for path in HEADERS[size]:
        page.goto(path)
        press(page, "Halt")
        expect(page.locator("#banner")).to_contain_text("Trading is HALTED.")
        expect(page).to_have_url(f"{server.base_url}{path}")
        assert server.trading_state() == "HALTED"
        server.resume()


def _resume_with_a_reason(page: Page, server: Server) -> None:
    page.goto("/risk/")
    press(page, "Halt")
    told(page, "Everything: HALTED now.")
    follow(page.get_by_role("banner"), "Resume…")
    expect(page.get_by_label("State", exact=True)).to_have_value("ACTIVE")
    press(page, "Change the state")
    expect(page.locator("#change .errorlist")).to_contain_text("why")
    assert accessibility_violations(page) == []
    assert server.trading_state() == "HALTED"
    page.get_by_label("Reason").fill("the news was harmless")
    press(page, "Change the state")
    told(page, "Everything: ACTIVE now.")
    expect(section(page, "History of the state")).to_contain_text("the news was harmless")
    assert server.trading_state() == "ACTIVE"


def _cancel_what_works(page: Page, server: Server) -> None:
    """HALTED, then the banner's link that cancels what still works at the broker."""
    order_id = waiting_order(server, "WIPRO", quantity=1)
    limit = {"order_type": "LIMIT", "price": "100"}
    assert server.api(f"/api/orders/{order_id}/", method="PATCH", data=limit).status == 200
    server.api(f"/api/orders/{order_id}/execute/", method="POST", data={})
    server.wait_for_order(order_id, "SENT")
    change(page, "HALTED")
    follow(page.locator("#banner"), re.compile("^cancel"))
    ticked = page.get_by_label("Cancel the orders that work at the broker too")
    expect(ticked).to_be_checked()
    press(page, "Change the state")
    told(page, "is asked for.")
    server.wait_for_order(order_id, "CANCELLED")
    follow(page.locator("#banner"), "Resume…")
    change(page, "ACTIVE", reason="nothing works any more")
    told(page, "Everything: ACTIVE now.")


def _each_scope(page: Page) -> None:
    for target in ("Account paper", "Strategy Mean reversion"):
        row = section(page, "Trading state now").get_by_role("listitem").filter(has_text=target)
        for state in ("REDUCING", "HALTED"):
            change(page, state, target, f"{state} for a look")
            told(page, f"{target}: {state} now.")
            expect(row).to_contain_text(f"{state} for a look")
            expect(page.locator("#desk")).to_contain_text("1 stopped")
        change(page, "ACTIVE", target, "seen enough")
        told(page, f"{target}: ACTIVE now.")
    expect(page.locator("#desk")).not_to_contain_text("stopped")
    change(page, "REDUCING")
    expect(page.locator("#banner")).to_contain_text("Only orders that shrink a position are sent")
    follow(page.locator("#desk"), re.compile("REDUCING"))  # the header's chip leads here


def _square_off(page: Page, server: Server, size: str) -> None:
    """What makes no sense is refused; then a strategy's positions are closed and it is HALTED."""
    name = f"Squared {size}"
    assert server.api("/api/strategies/", data={"name": name}).status == 201
    server.resume()
    order_id = waiting_order(server, "LT", strategy=name)
    server.api(f"/api/orders/{order_id}/execute/", method="POST", data={})
    server.wait_for_order(order_id, "EXECUTED")
    page.goto("/risk/?squareoff=1")
    expect(page.get_by_label("Square off: cancel")).to_be_checked()
    change(page, "ACTIVE", f"Strategy {name}", "both at once")
    expect(page.locator("#change .errorlist")).to_be_visible()
    change(page, "HALTED", f"Strategy {name}", "enough of it")
    told(page, "The square-off has begun, then it is HALTED.")
    row = page.locator("#square-offs").get_by_role("row").filter(has_text=name)
    expect(row).to_contain_text("Flat.", timeout=40_000)  # without a reload
    expect(row).to_contain_text("HALTED")
    page.reload()
    now = section(page, "Trading state now").get_by_role("listitem").filter(has_text=name)
    expect(now).to_contain_text("HALTED")
    change(page, "ACTIVE", f"Strategy {name}", "another day")
    told(page, f"Strategy {name}: ACTIVE now.")


def _breaker(page: Page, server: Server, size: str) -> None:
    """A strategy that sends too much is stopped, and goes on from the breaker's own link."""
    made = {"name": f"Fast {size}", "execution_mode": "AUTO"}
    strategy = server.api("/api/strategies/", data=made).json()["id"]
    limits = {"repeated_execution": 1, "repeated_execution_minutes": 5, "duplicate_order": None}
    scope = {"scope": "STRATEGY", "strategy_id": strategy}
    answer = server.api("/api/risk-settings/", data={**scope, **limits})
    assert answer.status == 201, answer.body
    first = waiting_order(server, "INFY", strategy=made["name"])
    server.wait_for_order(first, "EXECUTED")
    waiting_order(server, "TCS", strategy=made["name"])
    page.goto("/")
    banner = page.locator("#banner")
    expect(banner).to_contain_text(f"{made['name']} is stopped")
    follow(banner, "See the way back")
    follow(section(page, "Breakers"), re.compile("^Resume…"))
    expect(page.get_by_label("State", exact=True)).to_have_value("ACTIVE")
    change(page, "ACTIVE", f"Strategy {made['name']}", "it was a test")
    told(page, "Closed: 1 breaker.")
    expect(section(page, "Breakers that were closed")).to_contain_text("it was a test")
    expect(banner).not_to_contain_text("is stopped")


@SIZES
def test_trading_is_stopped_and_resumed_in_every_scope(
    server: Server, open_page: PageFactory, size: str, scheme: str
) -> None:
    page = open_page(server, size=size, scheme=scheme)
    _halt_everywhere(page, server, size)
    _resume_with_a_reason(page, server)
    _cancel_what_works(page, server)
    _each_scope(page)
    _square_off(page, server, size)
    _breaker(page, server, size)
    assert accessibility_violations(page) == []
    assert not scrolls_sideways(page)


# -- what is used of the limits, and their pages --------------------------------------------------


@SIZES
def test_a_bar_grows_by_itself_and_what_is_folded_stays_folded_with_the_focus(
    server: Server, open_page: PageFactory, size: str, scheme: str
) -> None:
    page = open_page(server, size=size, scheme=scheme)
    page.goto("/risk/")
    scope = page.locator("#use details").first
    expect(scope.get_by_role("meter", name="Open positions")).to_be_visible()
    row = scope.get_by_role("row").filter(has_text="Open positions")
    used = row.get_by_role("cell").nth(2)
    before = used.inner_text()
    filled, waiting = {"wide": ("AXISBANK", "SBIN"), "phone": ("MARUTI", "ITC")}[size]
    order_id = waiting_order(server, filled)
    server.api(f"/api/orders/{order_id}/execute/", method="POST", data={})
    server.wait_for_order(order_id, "EXECUTED")
    expect(used).not_to_have_text(before)  # without a reload
    name = scope.locator("summary")
    name.focus()
    name.press("Enter")
    expect(scope.locator("table")).to_be_hidden()
    version = page.locator("#use").get_attribute("data-v")
    waiting_order(server, waiting)
    expect(page.locator("#use")).not_to_have_attribute("data-v", version or "")
    expect(scope.locator("table")).to_be_hidden()
    expect(name).to_be_focused()

    limits = section(page, "Limits in force")
    limits.locator("summary").first.click()
    expect(limits.get_by_role("link", name="Edit GLOBAL")).to_be_hidden()
    limits.locator("summary").first.click()
    for link, title in (
        ("Edit GLOBAL", "Change risk settings"),
        ("Add a strategy's limits", "Add risk settings"),
        ("All changes of limits", "risk settings change"),
        ("What if these were others?", "What if"),
    ):
        follow(page, link)
        heading = page.get_by_role("heading", name=re.compile(title, re.IGNORECASE))
        expect(heading.first).to_be_visible()
        page.go_back()


def _unfold(page: Page, order_id: int) -> None:
    page.locator(f"#why-name-{order_id}").click()
    expect(page.locator(f"#why-{order_id} .checks").first).to_be_visible()


def test_every_check_unfolds_in_the_row_and_stays_when_the_row_is_renewed(
    server: Server, open_page: PageFactory
) -> None:
    order_id = waiting_order(server, "KOTAKBANK")
    page = open_page(server)
    page.goto("/queue/")
    _unfold(page, order_id)
    checks = page.locator(f"#why-{order_id}")
    expect(checks.get_by_role("meter", name="Value of one order")).to_be_visible()
    expect(checks).to_contain_text("1 %")
    page.evaluate("scrollTo(0, 0)")  # no other row's box is half under the header
    assert accessibility_violations(page) == []
    row = page.locator(f"#order-{order_id}")
    version = row.get_attribute("data-v")
    edited = server.api(f"/api/orders/{order_id}/", method="PATCH", data={"qty": 20})
    assert edited.status == 200
    expect(row).not_to_have_attribute("data-v", version or "")
    expect(checks).to_have_attribute("open", "")
    expect(checks).to_contain_text("6 %")
    expect(page.locator(f"#why-name-{order_id}")).to_be_focused()


# -- what if ---------------------------------------------------------------------------------------


def try_file(page: Page, text: str = ALERTS) -> None:
    page.get_by_label("Or a CSV of alerts").set_input_files(
        {"name": "alerts.csv", "mimeType": "text/csv", "buffer": text.encode()}
    )
    press(page, "Show what they would have done")


@SIZES
def test_past_alerts_are_tried_under_other_limits(
    server: Server, open_page: PageFactory, size: str, scheme: str
) -> None:
    page = open_page(server, size=size, scheme=scheme)
    page.goto("/risk/what-if/")
    page.get_by_label("Days", exact=True).fill("0")
    press(page, "Show what they would have done")
    expect(page.locator("main .errorlist")).to_contain_text("1")
    page.get_by_label("Days", exact=True).fill("7")
    press(page, "Show what they would have done")
    expect(page.get_by_role("heading", name=re.compile("^Alerts since"))).to_be_visible()
    expect(page.locator("main")).to_contain_text("The limits are those in force")

    page.get_by_label("Whose limits").select_option(label="Mean reversion")
    press(page, "Fill in theirs")
    expect(page.locator("main")).to_contain_text("limits in force for Mean reversion")
    page.get_by_label("Whose limits").select_option(label="GLOBAL")
    press(page, "Fill in theirs")
    expect(page.locator("main")).to_contain_text("limits in force for GLOBAL")

    try_file(page, "time,strategy,symbol\n")
    expect(page.locator("main .errorlist").first).to_be_visible()
    assert accessibility_violations(page) == []
    page.get_by_label("Max quantity per order").fill("90")
    page.get_by_label("Symbol blacklist").fill("TCS")
    page.get_by_text("The day, and how often").click()
    page.get_by_label("Max trades per day").fill("5")
    try_file(page)
    expect(page.get_by_role("heading", name="Alerts of the file")).to_be_visible()
    expect(page.locator("main")).to_contain_text("Quantity clamped from 150 to 90")
    assert accessibility_violations(page) == []
    assert not scrolls_sideways(page)
    pictures = page.get_by_role("img", name=re.compile("Alerts by day"))
    expect(pictures).to_have_count(2)
    for picture in pictures.all():
        box = picture.bounding_box()
        assert box is not None
        assert box["width"] > 250
        assert box["height"] > 80
    follow(page, "Try other limits")
    expect(page.get_by_label("Max quantity per order")).to_have_value("90")


# -- without JavaScript ----------------------------------------------------------------------------


def test_all_of_it_works_without_a_script(server: Server, open_page: PageFactory) -> None:
    order_id = waiting_order(server, "SUNPHARMA", quantity=80)
    page = open_page(server, javascript=False, size="phone")
    page.goto("/queue/")
    page.locator(f"#why-name-{order_id}").click()
    page.locator(f"#why-{order_id}").get_by_role("link").click()
    expect(page).to_have_url(re.compile(rf"/orders/{order_id}/#risk-title"))
    expect(page.locator(".checks").first).to_contain_text("Value of one order")
    assert not scrolls_sideways(page)
    press(page, "Halt")
    follow(page.get_by_role("banner"), "Resume…")
    change(page, "ACTIVE", reason="no script needed")
    assert server.trading_state() == "ACTIVE"
    page.locator("#use summary").first.click()
    expect(page.locator("#use table").first).to_be_hidden()

    page.goto("/risk/what-if/")
    page.get_by_label("Symbol blacklist").fill("TCS")
    try_file(page)
    expect(page.locator("main")).to_contain_text("on the symbol_blacklist")
    expect(page.get_by_label("Symbol blacklist")).to_have_value("TCS")  # what was tried
    page.get_by_text("The day, and how often").click()
    expect(page.get_by_label("Max daily loss")).to_be_visible()
