"""What is around the pages: the first day, the dashboard, the header, pages for what went wrong."""

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser import (
    PageFactory,
    Problems,
    accessibility_violations,
    log_in,
    press,
    scrolls_sideways,
)
from tests.support.processes import wait_until
from tests.support.sample import new_order
from tests.support.server import Server

pytestmark = pytest.mark.browser

SIZES = pytest.mark.parametrize(("size", "scheme"), [("wide", "dark"), ("phone", "light")])
STEPS = {
    "Show the secret": "/settings/#secret",
    "Copy the command": "/settings/#first-alert",
    "Open the queue": "/queue/",
    "Add a strategy": "/admin/trading/strategy/add/",
    "Connect": "/settings/#accounts",
    "Which address": "/help/zerodha/#static-ip",
    "Choose the strategy": "/admin/trading/strategy/",
}
_VISITOR = """
from django.contrib.auth import get_user_model
get_user_model().objects.create_user("ravi", password="{password}", is_staff=True)
"""


def is_fine(page: Page) -> None:
    assert accessibility_violations(page) == []
    assert not scrolls_sideways(page)


def leads_to(page: Page, address: str) -> None:
    """The page is there, and so is the part of it that the address names."""
    expect(page).to_have_url(re.compile(re.escape(address) + "$"))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    if anchor := urlsplit(address).fragment:
        expect(page.locator(f"[id='{anchor}']")).to_have_count(1)


def test_the_first_day_goes_step_by_step_on_a_desk_and_a_phone_beside_it(
    server: Server, open_page: PageFactory
) -> None:
    page, phone = open_page(server), open_page(server, size="phone", scheme="dark")
    for one in (page, phone):
        one.goto("/")
        expect(one.get_by_role("heading", name="First steps")).to_be_visible()
        is_fine(one)
    for name, address in STEPS.items():
        press(page, page.get_by_role("link", name=name, exact=True))
        leads_to(page, address)
        page.goto("/")
    order_id = new_order(server, "INFY")
    expect(phone.get_by_role("listitem").filter(has_text="Send the first alert")).to_contain_text(
        "Done:"
    )  # without a reload
    press(phone, phone.get_by_role("link", name="Open the queue", exact=True))
    press(phone, phone.get_by_role("button", name="Execute BUY 4 NSE:INFY"))
    expect(phone.locator(f"#order-{order_id}")).to_contain_text("EXECUTED")
    for one in (page, phone):
        one.goto("/")
        press(one, one.get_by_role("button", name="Hide"))
        expect(one.get_by_role("heading", name="First steps")).to_have_count(0)
        press(one, one.get_by_role("button", name="Show the first steps again"))
        expect(one.get_by_role("heading", name="First steps")).to_be_visible()

    refused = server.send_alert({"strategy_name": "by hand", "trade_details": {}})
    assert refused.status == 422, refused.body
    expect(attention_of(page)).to_contain_text("Refused today")  # without a reload
    for one in (page, phone):
        one.goto("/")
        press(one, attention_of(one).get_by_role("link", name="1 alert"))
        leads_to(one, "/alerts/?outcome=REJECTED")
        one.goto("/")
        events = one.get_by_role("region", name="Latest events")
        press(one, events.get_by_role("link", name=f"#{order_id}").first)
        leads_to(one, f"/orders/{order_id}/")
        for name, address in (
            ("P&L today", "/positions/"),
            ("Waiting for you", "/queue/"),
            ("Orders today", "/orders/"),
        ):
            one.goto("/")
            press(one, one.get_by_role("main").get_by_role("link", name=re.compile(name)))
            leads_to(one, address)


def attention_of(page: Page) -> Locator:
    return page.get_by_role("region", name="Needs attention")


@SIZES
def test_the_header_leads_everywhere_changes_the_theme_halts_and_logs_out(
    server: Server, open_page: PageFactory, size: str, scheme: str
) -> None:
    page = open_page(server, size=size, scheme=scheme)
    page.goto("/orders/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    for name in ("Queue", "Orders", "Alerts", "Positions", "Analytics", "Risk", "Settings"):
        tab = page.get_by_role("navigation", name="Pages").get_by_role("link", name=name)
        press(page, tab)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(tab).to_have_attribute("aria-current", "page")
    press(page, page.get_by_role("link", name="Help with this page"))
    leads_to(page, "/help/operations/")
    press(page, page.get_by_role("link", name="Trading state: ACTIVE"))
    leads_to(page, "/risk/")
    press(page, page.locator("#chip-broker"))
    leads_to(page, "/settings/#accounts")
    press(page, page.get_by_role("link", name="SigmaTrader", exact=True))
    leads_to(page, "/")
    for theme in ("light", "dark"):
        press(page, page.get_by_role("button", name=re.compile("^Theme:")))
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        page.reload()
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
    press(page, page.get_by_role("button", name="Theme: dark. Change"))
    expect(page.get_by_role("button", name="Theme: auto. Change")).to_be_visible()
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    expect(page.get_by_role("button", name="Halt")).to_be_in_viewport()
    press(page, page.get_by_role("button", name="Halt"))
    expect(page.locator("#banner")).to_contain_text("Trading is HALTED.")
    is_fine(page)
    press(page, page.locator("#banner").get_by_role("link", name="Resume…"))
    change = page.locator("#change")
    change.get_by_label("Reason").fill("looked into it")
    press(page, change.get_by_role("button", name="Change the state"))
    expect(page.get_by_role("link", name="Trading state: ACTIVE")).to_be_visible()
    press(page, page.get_by_role("navigation", name="Pages").get_by_role("link", name="Admin"))
    expect(page).to_have_url(re.compile("/admin/$"))
    page.goto("/orders/")
    press(page, page.get_by_role("button", name=re.compile("^Log out")))
    expect(page.get_by_label("Password")).to_be_visible()
    page.goto("/queue/")
    expect(page).to_have_url(re.compile("/accounts/login/"))
    is_fine(page)


def test_an_older_tab_of_another_login_can_do_nothing(
    server: Server, open_page: PageFactory
) -> None:
    older = open_page(server, logged_in=False, javascript=False)  # with it, it would load again
    log_in(older, server)
    newer = older.context.new_page()
    newer.goto("/")
    newer.get_by_role("button", name=re.compile("^Log out")).click()
    log_in(newer, server)
    older.get_by_role("button", name="Halt").click()
    expect(older.get_by_role("heading", level=1)).to_have_text("This page was open for too long")
    older.get_by_role("link", name="To the dashboard").click()
    expect(older.get_by_role("link", name="Trading state: ACTIVE")).to_be_visible()


@SIZES
def test_pages_for_what_went_wrong_lead_back(
    server: Server, open_page: PageFactory, size: str, scheme: str, visitor: Server
) -> None:
    page = open_page(server, size=size, scheme=scheme)
    for address, title in (
        ("/nowhere/", "There is no such page"),
        ("/orders/999999/", "There is no such page"),
        ("/orders/?" + "&".join(["q="] * 1001), "The request was not understood"),
    ):
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
        is_fine(page)
        press(page, page.get_by_role("link", name="To the dashboard"))
        leads_to(page, "/")
    page.goto("/nowhere/")
    press(page, page.get_by_role("link", name="To the orders"))
    leads_to(page, "/orders/")
    other = open_page(server, logged_in=False, size=size, scheme=scheme)
    log_in(other, visitor)
    press(other, other.get_by_role("link", name="Add a strategy"))
    expect(other.get_by_role("heading", level=1)).to_have_text("You may not do this")
    is_fine(other)
    press(other, other.get_by_role("link", name="To the dashboard"))
    leads_to(other, "/")


@pytest.fixture(scope="module")
def visitor(server: Server) -> Server:
    """The server as a user without any right knows it."""
    server.manage("shell", "-c", _VISITOR.format(password=server.admin_password))
    return replace(server, admin_username="ravi")


def test_a_hidden_tab_asks_once_a_minute(server: Server, open_page: PageFactory) -> None:
    page = open_page(server)
    page.add_init_script(
        "Object.defineProperty(document, 'hidden', { get: () => window.unseen === true })"
    )
    page.clock.install()
    page.goto("/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(6_000)
    wait_until(lambda: page.evaluate("0") == 0 and any("/desk/" in url for url in asked), "a poll")
    page.evaluate("window.unseen = true")
    asked.clear()
    page.clock.run_for(50_000)
    page.evaluate("0")
    assert asked == []
    page.clock.run_for(30_000)
    wait_until(lambda: page.evaluate("0") == 0 and any("/desk/" in url for url in asked), "a poll")
    assert sum("/desk/" in url for url in asked) == 1


# -- the tests' own eyes: what a page does wrong is noticed, even where it looks right -------------


@pytest.fixture
def watched(browser: Browser, server: Server) -> Iterator[tuple[Page, Problems]]:
    problems = Problems()
    with browser.new_context(base_url=server.base_url) as context:
        page = context.new_page()
        problems.watch(page, server.base_url)
        page.goto("/admin/login/")
        assert problems.found == []
        yield page, problems


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("setTimeout(() => { throw new Error('boom') }, 0)", "script error: boom"),
        ("fetch('http://198.51.100.7/x').catch(() => 0)", "Content Security Policy"),
        ("document.body.setAttribute('style', 'color: red')", "Content Security Policy"),
    ],
)
def test_what_a_page_does_wrong_is_noticed(
    watched: tuple[Page, Problems], script: str, complaint: str
) -> None:
    page, problems = watched
    page.evaluate(f"() => {{ {script} }}")

    def noticed() -> bool:
        page.evaluate("0")  # lets the browser's messages through
        return any(complaint in problem for problem in problems.found)

    wait_until(noticed, complaint)


def test_a_request_to_another_host_is_stopped_and_noticed(browser: Browser, server: Server) -> None:
    problems = Problems()
    with browser.new_context(base_url=server.base_url, bypass_csp=True) as context:
        page = context.new_page()
        problems.watch(page, server.base_url)
        page.goto("/admin/login/")
        page.evaluate("() => fetch('http://198.51.100.7/x').catch(() => 0)")
        assert problems.found == ["request to another host: http://198.51.100.7/x"]
