"""Every page, as it is with something on it: WCAG 2.2 AA, no sideways scrolling, light enough."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.support.browser import PageFactory, accessibility_violations, scrolls_sideways
from tests.support.sample import fill
from tests.support.server import Server

pytestmark = pytest.mark.browser

PAGES = (
    "/",
    "/queue/",
    "/orders/",
    "/orders/1/",
    "/alerts/",
    "/alerts/test/",
    "/positions/",
    "/analytics/",
    "/risk/",
    "/risk/what-if/",
    "/settings/",
    "/settings/message/",
    "/settings/notifications/",
    "/settings/second-factor/",
    "/help/",
    "/help/risk-controls/",
)
FIRST_LOAD = 100_000  # bytes over the wire, with nothing in the cache


@pytest.fixture(scope="module", autouse=True)
def _filled(server: Server) -> None:
    fill(server)


def _problems(page: Page, path: str) -> Iterator[str]:
    page.goto(path)
    for violation in accessibility_violations(page):
        yield f"{path}: {violation}"
    if scrolls_sideways(page):
        yield f"{path} scrolls sideways"


@pytest.mark.parametrize(("scheme", "size"), [("light", "wide"), ("dark", "phone")])
def test_every_page_can_be_read_by_everybody(
    server: Server, open_page: PageFactory, scheme: str, size: str
) -> None:
    page = open_page(server, scheme=scheme, size=size)
    assert [problem for path in PAGES for problem in _problems(page, path)] == []


@pytest.mark.parametrize("path", ["/", "/queue/", "/analytics/"])
def test_a_first_load_is_light(server: Server, open_page: PageFactory, path: str) -> None:
    page = open_page(server)
    page.goto("/help/")  # not the page that is measured
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda done: sizes.append(done["encodedDataLength"]))
    page.goto(path)
    page.wait_for_load_state("load")
    assert len(sizes) > 5
    assert sum(sizes) < FIRST_LOAD
