"""A person at a live account: connects it, closes and protects positions, stops all of it."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from brokers.simulator.faults import answer_late
from tests.support.browser import PageFactory, accessibility_violations, scrolls_sideways
from tests.support.hands import follow, press, save, told
from tests.support.kite import API_KEY, API_SECRET
from tests.support.live_desk import ACCOUNT, LiveDesk, live_desk, until
from tests.support.processes import wait_until

pytestmark = pytest.mark.browser

SYMBOLS = ("INFY", "TCS", "RELIANCE", "SBIN", "ITC", "LT", "ONGC", "HDFCBANK", "AXISBANK")
SLOW_SECONDS = 2.0  # an order takes so long at the broker
ON_THE_WAY = ("QUEUED", "SENDING")
HELD, UNSEEN = "WIPRO", "TATASTEEL"
HOLDINGS = {"wide": "SUNPHARMA", "phone": "MARUTI"}
SIZES = pytest.mark.parametrize(("size", "scheme"), [("wide", "dark"), ("phone", "light")])


@pytest.fixture(scope="module")
def _running() -> Iterator[LiveDesk]:
    with live_desk() as running:
        yield running


@pytest.fixture
def desk(_running: LiveDesk) -> LiveDesk:
    _running.begin()
    return _running


# -- the account -----------------------------------------------------------------------------------


def _add_in_the_admin(page: Page, desk: LiveDesk, name: str) -> None:
    page.goto("/settings/")
    follow(page, "Add a Zerodha account")
    expect(page.get_by_label("Broker:")).to_have_value("zerodha")
    page.get_by_label("Name:", exact=True).fill(name)
    page.get_by_label("API key").fill(API_KEY)
    page.get_by_label("API secret").fill(API_SECRET)
    page.get_by_label("API address").fill("https://kite.example")
    press(page, "Save and continue editing")
    expect(page.locator("#content")).to_contain_text("Leave it empty")
    page.get_by_label("API address").fill(desk.broker.root)
    page.get_by_label("API secret").fill(API_SECRET)
    press(page, "Save and continue editing")
    expect(page.get_by_label("API secret")).to_have_value("")
    assert API_SECRET not in page.content()  # stored, and shown no more


def _card(page: Page, name: str) -> Locator:
    heading = page.get_by_role("heading", name=name, exact=True)
    return page.locator("#accounts").get_by_role("listitem").filter(has=heading)


def _connect_by_hand(page: Page, desk: LiveDesk, card: Locator) -> None:
    for pasted, answer in (
        ("no token!", "holds no request token"),
        ("0123456789abcdef", re.compile("token", re.IGNORECASE)),
        (f"https://x.example/?a=1&request_token={desk.broker.request_token('SIM002')}", "SIM002"),
    ):
        card.get_by_text("Log in by hand").click()
        card.get_by_label("Request token").fill(pasted)
        press(card, re.compile("^Connect"))
        told(page, answer)
    expect(card).to_contain_text("Connected as SIM002")
    assert "SIM002" in desk.broker.sessions.users()
    press(card, re.compile("^Disconnect"))
    told(page, "is disconnected, here and at Zerodha")
    assert "SIM002" not in desk.broker.sessions.users()


def _log_in_at_the_broker(page: Page, desk: LiveDesk, name: str) -> None:
    follow(_card(page, name), re.compile("^Log in to Zerodha"))
    press(page, "Cancel")
    told(page, "Zerodha did not log you in (it said “cancelled”)")
    follow(_card(page, name), re.compile("^Log in to Zerodha"))
    with page.expect_request(re.compile("/brokers/zerodha/callback/")) as came:
        press(page, "Log in as SIM002")
    told(page, f"{name} is connected as SIM002")
    expect(_card(page, name).get_by_role("progressbar")).to_be_visible()
    used = came.value.url
    page.goto(used)
    expect(page.get_by_role("heading", name="This login can't be finished")).to_be_visible()
    assert accessibility_violations(page) == []
    follow(page, "To the accounts")


@SIZES
def test_an_account_is_added_connected_made_the_default_and_removed(
    desk: LiveDesk, open_page: PageFactory, size: str, scheme: str
) -> None:
    page = open_page(desk.server, size=size, scheme=scheme, also=[desk.broker.root])
    name = f"second of the {size}"
    _add_in_the_admin(page, desk, name)
    page.goto("/settings/#accounts")
    card = _card(page, name)
    expect(card).to_contain_text("Nobody has logged in yet")
    _connect_by_hand(page, desk, card)
    _log_in_at_the_broker(page, desk, name)

    press(card, re.compile("^Make default"))
    told(page, f"{name} is the default connection now")
    expect(card).to_contain_text("default")
    expect(card.get_by_role("button", name=re.compile("Make default"))).to_have_count(0)
    press(card, re.compile("^Disconnect"))
    follow(page.locator("#desk"), re.compile("Log in"))  # the header's chip
    press(page, "Log in as SIM002")
    expect(_card(page, name)).to_contain_text("Connected as SIM002")
    press(_card(page, ACCOUNT), re.compile("^Make default"))
    told(page, f"{ACCOUNT} is the default connection now")

    page.get_by_text("What Zerodha wants to know").click()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for what, path in (
        ("redirect URL", "/brokers/zerodha/callback/"),
        ("postback URL", "/postback"),
    ):
        press(page, f"Copy the {what}")
        expect(page.get_by_role("button", name=f"Copied the {what}")).to_be_visible()
        assert path in page.evaluate("navigator.clipboard.readText()")
    assert accessibility_violations(page) == []
    assert not scrolls_sideways(page)

    follow(card, re.compile("^Edit"))
    page.get_by_label("Enabled").uncheck()
    save(page)
    page.goto("/settings/#accounts")
    expect(card).to_contain_text("Switched off")
    expect(card.get_by_role("link", name=re.compile("^Log in"))).to_have_count(0)
    follow(card, re.compile("^Edit"))
    follow(page, "Delete")
    press(page, "Yes, I’m sure")
    page.goto("/settings/#accounts")
    expect(card).to_have_count(0)


# -- positions -------------------------------------------------------------------------------------


def _row(page: Page, symbol: str) -> Locator:
    return page.get_by_role("row").filter(has_text=f"NSE:{symbol}").first


def _protect(page: Page, desk: LiveDesk) -> None:
    """A stop and a target, the stop on the wrong side at first."""
    follow(_row(page, HELD), re.compile("^Protect"))
    page.get_by_label("Stop: trigger ₹").fill(str(desk.near(HELD, "1.05")))
    page.get_by_label("Target: trigger ₹").fill(str(desk.near(HELD, "1.10")))
    page.get_by_label("Quantity", exact=True).fill("6")
    press(page, "Place the GTT")
    expect(page.locator("#protect .errorlist")).to_contain_text("below")
    assert accessibility_violations(page) == []
    page.get_by_label("Stop: trigger ₹").fill(str(desk.near(HELD, "0.95")))
    page.get_by_label("Stop: limit price ₹").fill(str(desk.near(HELD, "0.94")))
    page.get_by_label("Target: limit price ₹").fill(str(desk.near(HELD, "1.10")))
    press(page, "Place the GTT")
    told(page, "go to the broker as one GTT")
    until(page, lambda: desk.triggers() == [HELD, HELD] or desk.triggers() == [HELD], "a GTT rests")
    expect(page.get_by_text(re.compile("rests as a GTT")).first).to_be_visible()


def _cancel_the_protection(page: Page, desk: LiveDesk) -> None:
    follow(_row(page, HELD), re.compile("^Exit"))
    orders = page.get_by_role("listitem").filter(has_text="GTT")
    expect(orders).to_contain_text("is reached")
    press(orders, re.compile("^Cancel"))
    told(page, "cancel")
    until(page, lambda: desk.triggers() == [], "the GTT is gone")

    def gone() -> bool:
        page.reload()
        return orders.count() == 0

    until(page, gone, "the page knows")


def _exit(page: Page, desk: LiveDesk) -> None:
    """A part, then all; what makes no sense first."""
    page.get_by_label("Quantity to exit").fill("many")
    press(page, "Exit part")
    expect(page.locator(".exit-part .errorlist")).to_contain_text("whole number")
    page.get_by_label("Quantity to exit").fill("3")
    press(page, "Exit part")
    told(page, "exits 3")
    until(page, lambda: desk.open_at_broker()[HELD] == 7, "three are sold")
    expect(_row(page, HELD)).to_contain_text("LONG")
    until(page, lambda: "7" in _row(page, HELD).inner_text(), "the page follows")
    follow(_row(page, HELD), re.compile("^Exit"))
    follow(page, "Keep the position")
    follow(_row(page, HELD), re.compile("^Exit"))
    press(page, "Exit all 7 at market")
    told(page, "exits 7")
    until(page, lambda: HELD not in desk.open_at_broker(), "all are sold")
    closed = page.get_by_text(re.compile(r"^Closed today")).first
    expect(closed).to_be_visible()
    closed.click()
    expect(_row(page, HELD)).to_be_visible()


def _sell_a_holding(page: Page, desk: LiveDesk, symbol: str) -> None:
    desk.broker.exchange.deposit("NSE", symbol, 20, desk.last(symbol))
    press(page, re.compile(f"^Read again the positions of {ACCOUNT}"))
    told(page, "reads zerodha again")
    expect(_row(page, symbol)).to_contain_text("20")  # without a reload
    follow(_row(page, symbol), re.compile("^Exit"))
    page.get_by_label("Quantity to exit").fill("5")
    press(page, "Exit part")
    until(page, lambda: desk.open_at_broker().get(symbol) == -5, "five are sold")
    page.goto("/positions/")
    sold = page.get_by_role("row").filter(has_text="SOLD").filter(has_text=symbol)
    expect(sold).to_be_visible()
    expect(sold.get_by_role("link", name=re.compile("^(Exit|Protect)"))).to_have_count(0)
    desk.move_unseen(symbol, "BUY", 5, "CNC")


def _see_a_difference(page: Page, desk: LiveDesk) -> None:
    desk.move_unseen(UNSEEN, "BUY", 4)
    page.goto("/positions/")
    press(page, re.compile(f"^Read again the positions of {ACCOUNT}"))
    expect(page.locator("main")).to_contain_text("1 position differs from the broker's")
    expect(page.locator("main")).to_contain_text("Opened outside SigmaTrader")
    assert accessibility_violations(page) == []
    assert not scrolls_sideways(page)
    desk.move_unseen(UNSEEN, "SELL", 4)
    press(page, re.compile(f"^Read again the positions of {ACCOUNT}"))
    expect(page.get_by_text("differs from the broker's")).to_have_count(0)


@SIZES
def test_a_position_is_protected_freed_and_closed_in_two_parts(
    desk: LiveDesk, open_page: PageFactory, size: str, scheme: str
) -> None:
    desk.alert(HELD, quantity=10, product="CNC")
    wait_until(lambda: desk.open_at_broker().get(HELD) == 10, "ten are bought", 30)
    page = open_page(desk.server, size=size, scheme=scheme)
    page.goto("/positions/")
    _protect(page, desk)
    _cancel_the_protection(page, desk)
    _exit(page, desk)
    _sell_a_holding(page, desk, HOLDINGS[size])
    _see_a_difference(page, desk)


# -- the kill switch -------------------------------------------------------------------------------


def test_the_kill_switch_stops_orders_on_their_way_and_squares_off(
    desk: LiveDesk, open_page: PageFactory
) -> None:
    before = desk.sent()
    desk.alert("MARUTI", order_type="LIMIT", price=desk.near("MARUTI", "0.98"))
    wait_until(lambda: desk.statuses() == ["SENT"], "a limit order rests at the broker", 30)
    page = open_page(desk.server)
    page.goto("/orders/")
    desk.broker.faults.always("place", answer_late(SLOW_SECONDS))
    for symbol in SYMBOLS:
        desk.alert(symbol)
    until(page, lambda: desk.statuses().count("SENDING") >= 2, "orders are on their way")
    press(page, "Halt")
    expect(page.locator("#banner")).to_contain_text("Trading is HALTED.")
    left = desk.sent() - before
    until(page, lambda: not set(ON_THE_WAY) & set(desk.statuses()), "nothing is on its way")
    assert desk.sent() - before == left < 1 + len(SYMBOLS)
    assert desk.statuses().count("WAITING") == 1 + len(SYMBOLS) - left
    page.goto("/queue/")
    expect(page.locator("main")).to_contain_text("halted by")

    filled = left - 1
    until(page, lambda: desk.statuses().count("EXECUTED") == filled, "what had left is filled")
    assert len(desk.open_at_broker()) == filled
    desk.broker.faults.clear()
    page.goto("/risk/")
    page.get_by_label("State", exact=True).select_option("HALTED")
    page.get_by_label("Reason").fill("enough for today")
    page.get_by_label("Square off: cancel").check()
    press(page, "Change the state")
    expect(page.locator("#square-offs")).to_contain_text("Flat.", timeout=40_000)
    assert desk.open_at_broker() == {}
    assert "SENT" not in desk.statuses()  # the limit order was cancelled
    page.goto("/risk/")
    expect(page.locator("#banner")).to_contain_text("Trading is HALTED.")
    expect(page.locator("#square-offs")).to_contain_text("enough for today")
    assert accessibility_violations(page) == []
