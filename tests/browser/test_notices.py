"""A person sets up channels, is told of orders, and decides them by the links on a phone."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from itertools import count

import pytest
from playwright.sync_api import Locator, Page, expect

from sigmatrader import clock
from tests.support import processes
from tests.support.browser import PageFactory, fits, is_fine
from tests.support.inbox import Inbox, open_inbox
from tests.support.server import Server, installation

pytestmark = pytest.mark.browser

PAGE = "/settings/notifications/"
BOTH = pytest.mark.parametrize(("size", "scheme"), [("phone", "light"), ("wide", "dark")])
OTHERS = (
    ("Telegram", "tgram://123456789:abcdefg_hijklmnop/12315544"),
    ("E-mail", "mailtos://me:app-password@gmail.com?to=you@example.com"),
    ("Slack", "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"),
)
_units = count(1)


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


def save(page: Page) -> None:
    page.get_by_role("button", name="Save").click()


def add_channel(page: Page, name: str, address: str) -> None:
    """With links that decide, telling at once."""
    page.goto(PAGE)
    page.get_by_role("link", name="Add a channel").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Address", exact=True).fill(address)
    page.get_by_label("Gather for").fill("0")
    page.get_by_label("Links may decide").check()
    save(page)
    expect(page.locator("#toasts")).to_contain_text(f"The channel {name} is saved.")


def card(page: Page, name: str) -> Locator:
    return page.get_by_role("article", name=name)


def edit(page: Page, name: str) -> None:
    page.goto(PAGE)
    page.get_by_role("link", name=f"Edit {name}").click()


def remove(page: Page, name: str) -> None:
    edit(page, name)
    page.get_by_role("button", name=f"Remove {name}").click()
    expect(page.locator("#toasts")).to_contain_text(f"The channel {name} is removed.")
    expect(card(page, name)).to_have_count(0)


def wait(page: Page, condition: Callable[[], object], what: str) -> None:
    """Until `condition()` is true; the pages go on meanwhile."""

    def met() -> bool:
        page.wait_for_timeout(100)
        return bool(condition())

    processes.wait_until(met, what, 20, every=0)


def send(server: Server, **details: object) -> int:
    """An alert like no other, whose order waits; the order's id."""
    units = next(_units)
    details = {"order_action": "BUY", "quantity": units, "price": 1500 + units, **details}
    answer = server.send_alert(
        {"strategy_name": "unknown here", "symbol": "NSE:INFY", "trade_details": details}
    )
    return int(answer.json()["order_id"])


@BOTH
def test_a_channel_from_its_first_test_to_its_removal(
    public_server: Server, open_page: PageFactory, inbox: Inbox, scheme: str, size: str
) -> None:
    look = is_fine if size == "phone" else fits  # everybody's eyes once
    name = f"my {size}"
    page = open_page(public_server, scheme=scheme, size=size)
    page.goto("/settings/")
    page.get_by_role("link", name="Set up notifications").click()
    page.get_by_role("link", name="Add a channel").click()
    look(page)
    kinds = page.get_by_role("group", name="Tell me when").get_by_role("checkbox")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Address", exact=True).fill("file:///etc/passwd")
    page.get_by_label("Quiet from").fill("22:30")
    for kind in kinds.all():
        kind.uncheck()
    save(page)
    for told in ("Notices can't go to “file”", "Choose at least one", "Enter both hours"):
        expect(page.locator("#content")).to_contain_text(told)
    look(page)
    now = clock.now().astimezone(clock.IST)
    page.get_by_label("Address", exact=True).fill(inbox.address)
    page.get_by_label("Quiet from").fill(f"{now - timedelta(hours=1):%H:%M}")
    page.get_by_label("Quiet until").fill(f"{now + timedelta(hours=2):%H:%M}")
    page.get_by_label("Urgent things break through").uncheck()
    page.get_by_label("Gather for").fill("0")
    page.get_by_label("An order waits for a decision").check()
    save(page)
    for text in ("ON", "An order waits", "IST", "decide nothing", "nothing: sends at once"):
        expect(card(page, name)).to_contain_text(text)

    test = page.get_by_role("button", name=f"Send a test through {name}")
    test.click()
    expect(page.locator("#toasts")).to_contain_text(f"{name} took the test")
    assert inbox.titles == ["SigmaTrader: test"]
    inbox.status = 500
    test.click()
    expect(page.locator("#toasts")).to_contain_text(f"The test to {name} did not arrive.")
    look(page)

    # In quiet hours it is held; when they are taken away it is tried, and fails.
    order = send(public_server)
    notices = page.get_by_role("table").get_by_role("row").filter(has_text=f"#{order} BUY")

    def stands(text: str) -> bool:
        return text in page.request.get(PAGE).text()

    wait(page, lambda: stands("DUE"), "the notice is held")
    page.reload()
    expect(notices).to_contain_text("DUE")
    tries = inbox.tries
    edit(page, name)
    page.get_by_label("Quiet from").fill("")
    page.get_by_label("Quiet until").fill("")
    page.get_by_label("Urgent things break through").check()
    save(page)
    wait(page, lambda: inbox.tries > tries, "it is tried")
    wait(page, lambda: stands("FAILED 1 ×"), "the failure is told")
    page.reload()
    expect(notices).to_contain_text("FAILED 1 ×")
    expect(card(page, name)).to_contain_text("FAILING")
    look(page)

    # Switched off, what was held is given up; switched on, it can be tried again.
    inbox.status = 200
    edit(page, name)
    page.get_by_label("Switched on").uncheck()
    save(page)
    expect(card(page, name)).to_contain_text("OFF")
    expect(notices.first).to_contain_text("switched off before this was sent")
    edit(page, name)
    page.get_by_label("Switched on").check()
    page.get_by_label("Gather for").fill("2")
    save(page)
    page.get_by_role("button", name=f"Try 1 again through {name}").click()
    expect(page.locator("#toasts")).to_contain_text(f"1 notice of {name} will be tried again.")
    wait(page, lambda: f"#{order} BUY" in inbox.text, "it arrives")
    inbox.messages.clear()
    gathered = [send(public_server), send(public_server)]
    wait(page, lambda: inbox.messages, "what happened within two seconds arrives")
    assert inbox.titles == ["2 orders wait"]
    page.goto(PAGE)
    page.get_by_role("link", name=re.compile(f"#{gathered[0]} BUY")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("NSE:INFY")
    remove(page, name)


def test_channels_of_several_services_are_added_switched_off(
    public_server: Server, open_page: PageFactory
) -> None:
    page = open_page(public_server, javascript=False)
    for service, address in OTHERS:
        page.goto(f"{PAGE}add/")
        page.get_by_label("Name", exact=True).fill(f"my {service}")
        page.get_by_label("Address", exact=True).fill(address)
        page.get_by_label("Switched on").uncheck()
        save(page)
        for text in (service, "OFF", "everything"):
            expect(card(page, f"my {service}")).to_contain_text(text)
        expect(page.locator("main")).not_to_contain_text(address)
    edit(page, "my Slack")
    page.get_by_label("Name", exact=True).fill("my Telegram")
    save(page)
    expect(page.locator("#content")).to_contain_text("Another channel has this name.")
    page.get_by_role("link", name="Cancel").click()
    for service, _ in OTHERS:
        remove(page, f"my {service}")


def links_of(inbox: Inbox, order: int) -> dict[str, str]:
    """What a message says below the order: Execute and Cancel with their addresses."""
    below = re.search(rf"#{order} .*\n(Execute: .*)\n(Cancel: .*)", inbox.text)
    return dict(line.split(": ") for line in below.groups()) if below else {}


def end_links(server: Server, order: int) -> None:
    """As if their time were over."""
    path = server.data_dir / "sigmatrader.sqlite3"
    with closing(sqlite3.connect(path, timeout=10)) as database, database:
        changed = database.execute(
            "UPDATE notice_links SET expires_at = created_at WHERE order_id = ?", (order,)
        )
        assert changed.rowcount == 1


@BOTH
def test_a_link_decides_once_without_a_login_and_says_why_not(
    public_server: Server, open_page: PageFactory, inbox: Inbox, scheme: str, size: str
) -> None:
    name = f"links {size}"
    desk = open_page(public_server, scheme=scheme, size=size)
    add_channel(desk, name, inbox.address)
    orders = [send(public_server) for _ in range(4)]
    orders.append(send(public_server, quantity=None))
    wait(desk, lambda: all(links_of(inbox, one) for one in orders), "the links arrive")
    links = {one: links_of(inbox, one) for one in orders}
    done, undone, changed, late, without = orders
    stranger = open_page(
        public_server, logged_in=False, scheme=scheme, size=size, javascript=size == "wide"
    )

    stranger.goto(links[done]["Execute"])
    expect(stranger.get_by_role("heading", name="Execute this order?")).to_be_visible()
    if size == "wide":
        is_fine(stranger)
    stranger.get_by_role("button", name=re.compile("^Execute: BUY .* NSE:INFY")).click()
    expect(stranger.get_by_role("heading", name=f"Order {done} is queued")).to_be_visible()
    public_server.wait_for_order(done, "EXECUTED")
    wait(desk, lambda: "executed at" in inbox.text, "that it is executed is told")
    stranger.goto(links[done]["Cancel"])
    expect(stranger.locator("main")).to_contain_text("This link was used already, to execute")

    stranger.goto(links[undone]["Execute"])
    stranger.get_by_role("link", name="Cancel it instead").click()
    stranger.get_by_role("link", name="Execute it instead").click()
    stranger.get_by_role("link", name="Cancel it instead").click()
    stranger.get_by_role("button", name=f"Cancel order {undone}").click()
    expect(stranger.get_by_role("heading", name=f"Order {undone} is cancelled")).to_be_visible()
    public_server.wait_for_order(undone, "CANCELLED")

    stranger.goto(links[changed]["Execute"])
    public_server.api(f"/api/orders/{changed}/", method="PATCH", data={"qty": 77})
    stranger.get_by_role("button", name=re.compile("^Execute: BUY")).click()
    expect(stranger.locator("main")).to_contain_text("was changed after this message was sent")
    public_server.wait_for_order(changed, "WAITING")

    end_links(public_server, late)
    stranger.goto(links[late]["Execute"])
    expect(stranger.locator("main")).to_contain_text("The time of this link is over.")
    stranger.goto(links[without]["Execute"])
    expect(stranger.locator("main")).to_contain_text("Its quantity is missing")
    public_server.api(f"/api/orders/{without}/cancel/", method="POST", data={})
    stranger.reload()
    expect(stranger.locator("main")).to_contain_text("does not wait any more: it is CANCELLED")
    stranger.goto(links[late]["Execute"].replace("/decide/", "/decide/9"))
    expect(stranger.locator("main")).to_contain_text("This is no link of SigmaTrader's.")
    if size == "wide":
        is_fine(stranger)
    edit(desk, name)
    desk.get_by_label("Links may decide").uncheck()
    save(desk)
    stranger.goto(links[late]["Cancel"])
    expect(stranger.locator("main")).to_contain_text("Log in to decide.")
    stranger.get_by_role("link", name="Log in to the queue").click()
    stranger.get_by_label("Username").fill(public_server.admin_username)
    stranger.get_by_label("Password").fill(public_server.admin_password)
    stranger.get_by_role("button", name="Log in").click()
    expect(stranger.get_by_role("heading", name="Queue", exact=True)).to_be_visible()
    remove(desk, name)
