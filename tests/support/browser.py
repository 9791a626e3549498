"""Real Chromium: pages in light and dark, wide and on a phone, with and without JavaScript."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    Route,
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
            expected = ("Failed to load resource", "htmx:send", "htmx:timeout", "htmx:afterRequest")
            if message.type == "error" and not message.text.startswith(expected):
                self.found.append(f"console: {message.text}")

        def on_request(route: Route) -> None:
            url = route.request.url
            if url.startswith((*allowed, "data:", "about:", "blob:")):
                route.continue_()
            else:
                self.found.append(f"request to another host: {url}")
                route.abort()

        page.on("console", on_console)
        page.on("pageerror", lambda error: self.found.append(f"script error: {error}"))
        page.route("**/*", on_request)


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
            log_in(page, server)
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
