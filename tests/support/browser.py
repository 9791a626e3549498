"""Real Chromium: pages in light and dark, wide and on a phone, with and without JavaScript."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    expect,
    sync_playwright,
)

from tests.support import actions, programs
from tests.support.server import Server

SIZES = {"wide": (1280, 900), "phone": (390, 844)}
SCHEMES = ("light", "dark")
# As root there is no sandbox; the rest keeps Chromium from looking for its maker's hosts.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Nobody but this machine is asked, whatever a page wants.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
WAIT_MS = 15_000
expect.set_options(timeout=WAIT_MS)
WCAG_TAGS = ("wcag2a", "wcag2aa", "wcag21aa", "wcag22aa")


@dataclass
class Problems:
    """What a page complained of: script errors, refused content, requests to other hosts."""

    found: list[str] = field(default_factory=list)

    def watch(self, page: Page, *allowed: str) -> None:
        """`allowed`: where its requests may go."""

        def on_console(message: ConsoleMessage) -> None:
            # A refused, unanswered or replaced request is the page's business.
            expected = ("Failed to load", "htmx:send", "htmx:timeout", "htmx:afterRequest")
            if message.type == "error" and not message.text.startswith(expected):
                self.found.append(f"console: {message.text}")

        def on_request(request: Request) -> None:
            if not request.url.startswith((*allowed, "data:", "about:", "blob:")):
                self.found.append(f"request to another host: {request.url}")

        page.on("console", on_console)
        page.on("pageerror", lambda error: self.found.append(f"script error: {error}"))
        # Only listened to: a route in between would switch the browser's cache off.
        page.on("request", on_request)


def log_in(page: Page, server: Server) -> None:
    """Through the login form, as a person; returns on the page that follows."""
    page.goto("/accounts/login/")
    page.locator("input[name=username]").fill(server.admin_username)
    page.locator("input[name=password]").fill(server.admin_password)
    page.locator("form:has(input[name=password]) [type=submit]").click()
    expect(page).not_to_have_url(f"{server.base_url}/accounts/login/")


def press(page: Page, target: Locator) -> None:
    """As a person of that page does: a tap where there is a touch screen, else a click."""
    size = page.viewport_size
    if size and size["width"] == SIZES["phone"][0]:
        target.tap()
    else:
        target.click()


# By server and user: the form takes a second, which one page of each spends.
_sessions: dict[tuple[str, str], list[Any]] = {}


def come_in(page: Page, server: Server) -> None:
    """To the dashboard, in the session of an earlier page of this server if it still holds."""
    who = (server.base_url, server.admin_username)
    page.context.add_cookies(_sessions.get(who, []))
    page.goto("/")
    if urlsplit(page.url).path != "/":
        log_in(page, server)
        name = settings.SESSION_COOKIE_NAME
        _sessions[who] = [one for one in page.context.cookies() if one["name"] == name]


def accessibility_violations(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 AA: one line for each rule broken, with where."""
    from axe_playwright_python.sync_playwright import Axe

    page.wait_for_load_state("load")
    results = Axe().run(page, options={"runOnly": {"type": "tag", "values": list(WCAG_TAGS)}})
    return [
        f"{violation['id']}: {violation['help']} at "
        + ", ".join(str(node["target"]) for node in violation["nodes"])
        for violation in results.response["violations"]
    ]


def scrolls_sideways(page: Page) -> bool:
    """Whether the page as a whole is wider than the window, once its styles are there."""
    page.wait_for_load_state("load")
    return bool(
        page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    )


def is_fine(page: Page) -> None:
    """Fails unless everybody can read the page as it stands, and nothing of it is cut off."""
    assert accessibility_violations(page) == []
    fits(page)


def fits(page: Page) -> None:
    """Fails when the page scrolls sideways."""
    assert not scrolls_sideways(page)


def copied(page: Page, what: str) -> str:
    """What the clipboard holds after the button `Copy <what>` was pressed, and says so."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name=f"Copy {what}", exact=True).click()
    expect(page.get_by_role("button", name=f"Copied {what}", exact=True)).to_be_visible()
    return str(page.evaluate("navigator.clipboard.readText()"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a module.

    Playwright keeps an event loop running in this thread; without the variable Django would take
    every database access of these tests for one from asynchronous code.
    """
    variable = "DJANGO_ALLOW_ASYNC_UNSAFE"
    before = os.environ.get(variable)
    os.environ[variable] = "true"
    try:
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(
                executable_path=programs.find_chromium(), args=list(FLAGS), headless=True
            )
            yield chromium
            chromium.close()
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before


PageFactory = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[PageFactory]:
    """`open_page(server, logged_in=True, javascript=True, scheme="light", size="wide",
    bypass_csp=False, also=())` -> Page.

    At the end the test fails when a page had a script error, broke its own content policy, or
    asked a host for anything that is neither the server nor one of `also`.
    """
    contexts: list[Any] = []
    problems = Problems()

    def open_one(
        server: Server,
        *,
        logged_in: bool = True,
        javascript: bool = True,
        scheme: str = "light",
        size: str = "wide",
        bypass_csp: bool = False,
        also: Iterable[str] = (),
    ) -> Page:
        width, height = SIZES[size]
        context = browser.new_context(
            base_url=server.base_url,
            viewport={"width": width, "height": height},
            java_script_enabled=javascript,
            bypass_csp=bypass_csp,
            color_scheme="dark" if scheme == "dark" else "light",
            locale="en-IN",
            timezone_id="Asia/Kolkata",
            is_mobile=size == "phone",
            has_touch=size == "phone",
            reduced_motion="reduce",
        )
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        page = context.new_page()
        problems.watch(page, server.base_url, *also)
        actions.watch(page, size)
        if logged_in:
            come_in(page, server)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not problems.found, "\n".join(problems.found)


def save_picture(page: Page, folder: Path, name: str) -> Path:
    """A picture of the whole page for a person to look at."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    return path
