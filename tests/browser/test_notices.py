"""A person adds a channel, is told of an order, and executes it by the link on a phone."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support import processes
from tests.support.browser import (
    PageFactory,
    accessibility_violations,
    scrolls_sideways,
)
from tests.support.inbox import Inbox, open_inbox
from tests.support.server import Server, installation

pytestmark = pytest.mark.browser

PAGE = "/settings/notifications/"


@pytest.fixture(scope="module")
def public_server() -> Iterator[Server]:
    """Web and worker that know under which address they are reached."""
    with installation() as running:
        running.environment["ST_PUBLIC_URL"] = running.base_url
        running.start_web()
        yield running


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with open_inbox() as opened:
        yield opened


def is_fine(page: Page) -> None:
    assert accessibility_violations(page) == []
    assert not scrolls_sideways(page)


def add_channel(page: Page, inbox: Inbox, name: str) -> None:
    page.goto(PAGE)
    page.get_by_role("link", name="Add a channel").click()
    is_fine(page)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Address", exact=True).fill("file:///etc/passwd")
    page.get_by_label("Gather for").fill("0")
    page.get_by_label("Links may decide").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#content")).to_contain_text("Notices can't go to “file”")
    page.get_by_label("Address", exact=True).fill(inbox.address)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#toasts")).to_contain_text(f"The channel {name} is saved.")


def wait(page: Page, condition: Callable[[], object], what: str) -> None:
    """Until `condition()` is true; the pages go on meanwhile."""

    def met() -> bool:
        page.wait_for_timeout(50)
        return bool(condition())

    processes.wait_until(met, what, 20, every=0)


def link_in(inbox: Inbox, choice: str) -> str:
    found = re.findall(rf"{choice}: (\S+)", inbox.text)
    return str(found[-1])


@pytest.mark.parametrize(("scheme", "size", "units"), [("light", "phone", 3), ("dark", "wide", 4)])
def test_from_a_channel_to_an_order_executed_by_its_link(
    public_server: Server, open_page: PageFactory, inbox: Inbox, scheme: str, size: str, units: int
) -> None:
    name = f"my {scheme} phone"
    desk = open_page(public_server, scheme=scheme, size=size)
    add_channel(desk, inbox, name)
    desk.get_by_role("button", name=f"Send a test through {name}").click()
    expect(desk.locator("#toasts")).to_contain_text(f"{name} took the test")
    assert inbox.titles == ["SigmaTrader: test"]
    is_fine(desk)

    answer = public_server.send_alert(
        {
            "strategy_name": "unknown here",
            "symbol": "NSE:INFY",
            "trade_details": {"order_action": "BUY", "quantity": units, "price": 1500},
        }
    )
    order = answer.json()["order_id"]
    wait(desk, lambda: "Execute: http" in inbox.text, "the link arrives")
    stranger = open_page(public_server, logged_in=False, scheme=scheme, size=size)
    stranger.goto(link_in(inbox, "Execute"))
    expect(stranger.get_by_role("heading", name="Execute this order?")).to_be_visible()
    is_fine(stranger)
    stranger.get_by_role("button", name=f"Execute: BUY {units} NSE:INFY").click()
    expect(stranger.get_by_role("heading", name=f"Order {order} is queued")).to_be_visible()
    is_fine(stranger)
    wait(desk, lambda: "executed at" in inbox.text, "the order is executed, and that is told")
    stranger.goto(link_in(inbox, "Cancel"))
    expect(stranger.locator("main")).to_contain_text("This link was used already")
    is_fine(stranger)

    desk.goto(PAGE)
    expect(desk.locator("main")).to_contain_text(f"#{order} BUY {units} NSE:INFY")
    desk.get_by_role("link", name=f"Edit {name}").click()
    is_fine(desk)
    desk.get_by_role("button", name=f"Remove {name}").click()
    expect(desk.locator("#toasts")).to_contain_text(f"The channel {name} is removed.")
