"""Every page, as it is with something on it: WCAG 2.2 AA, no sideways scrolling, light enough, on
paper too, with links that lead somewhere; and the help and the API's documentation."""

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import (
    PageFactory,
    accessibility_violations,
    is_fine,
    scrolls_sideways,
)
from tests.support.sample import fill
from tests.support.server import Server

pytestmark = pytest.mark.browser

BOTH = pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("phone", "dark")])
PAPER = {"width": 718, "height": 1000}  # A4 as browsers fill it
_HREF = re.compile(r'<a [^>]*?href="([^"]+)"')
_NUMBER = re.compile(r"/\d+/")
# What stands beyond the edge of the paper, is cut by its own frame, or can only be pressed.
_NOT_FOR_PAPER = """() => {
  const seen = [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility());
  const edge = document.documentElement.clientWidth + 1;
  const wrong = seen.filter((one) => {
    if (one.matches("button, input, select, textarea")) return true;
    const box = one.getBoundingClientRect();
    if (box.width <= 1) return false;
    const framed = getComputedStyle(one).overflow !== "visible" && !one.closest("svg");
    const cut = one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1;
    return box.right > edge || (framed && cut);
  });
  return wrong.map((one) => one.outerHTML.slice(0, 100));
}"""
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
    "/settings/notifications/add/",
    "/settings/password/",
    "/settings/second-factor/",
    "/help/",
    "/help/risk-controls/",
)
FIRST_LOAD = 100_000  # bytes over the wire, with nothing in the cache


@pytest.fixture(scope="module", autouse=True)
def _filled(server: Server) -> None:
    fill(server)
    server.send_alert({"strategy_name": "Supertrend", "symbol": "NSE:INFY", "trade_details": {}})


def _problems(page: Page, path: str) -> Iterator[str]:
    page.goto(path)
    for violation in accessibility_violations(page):
        yield f"{path}: {violation}"
    if scrolls_sideways(page):
        yield f"{path} scrolls sideways"


@BOTH
def test_every_page_can_be_read_by_everybody(
    server: Server, open_page: PageFactory, scheme: str, size: str
) -> None:
    page = open_page(server, scheme=scheme, size=size)
    assert [problem for path in PAGES for problem in _problems(page, path)] == []


def test_a_first_load_is_light(server: Server, open_page: PageFactory) -> None:
    page = open_page(server)
    page.goto("/help/")  # not a page that is measured
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda done: sizes.append(done["encodedDataLength"]))
    for path in ("/", "/queue/", "/analytics/"):
        sizes.clear()
        page.goto(path)
        page.wait_for_load_state("load")
        assert len(sizes) > 5
        assert sum(sizes) < FIRST_LOAD


def test_every_page_fits_on_paper(server: Server, open_page: PageFactory) -> None:
    page = open_page(server)
    page.set_viewport_size(PAPER)
    page.emulate_media(media="print")
    wrong = []
    for path in PAGES:
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        wrong += [f"{path}: {one}" for one in page.evaluate(_NOT_FOR_PAPER)]
    assert wrong == []


def test_every_link_leads_somewhere(server: Server, open_page: PageFactory) -> None:
    page = open_page(server)
    found = {}
    for path in PAGES:
        for href in _HREF.findall(page.request.get(path).text()):
            there = urlsplit(urljoin(path, href.replace("&amp;", "&")))
            if not there.netloc and there.scheme != "otpauth":
                found.setdefault(
                    _NUMBER.sub("/1/", there.path), there._replace(fragment="").geturl()
                )
    assert len(found) > 50
    answers = {href: page.request.get(href).status for href in found.values()}
    assert {href: status for href, status in answers.items() if status != 200} == {}


@BOTH
def test_the_help_is_searched_and_read(
    server: Server, open_page: PageFactory, size: str, scheme: str
) -> None:
    page = open_page(server, size=size, scheme=scheme)
    title = page.get_by_role("heading", level=1)
    page.goto("/queue/")
    page.get_by_role("link", name="Help with this page").click()
    expect(title).to_have_text("The queue")
    page.get_by_role("link", name="All of the help").click()
    expect(title).to_have_text("Help")
    page.get_by_role("main").get_by_role("link", name="Risk controls").click()
    expect(title).to_have_text("Risk controls")
    picture = page.get_by_role("main").get_by_role("img").first
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("one => one.naturalWidth") > 300
    contents = page.get_by_role("navigation", name="Help")
    contents.get_by_role("link", name="Breakers", exact=True).click()
    expect(page.get_by_role("heading", name="Breakers", exact=True)).to_be_in_viewport()
    contents.get_by_text("Running it").click()
    contents.get_by_role("link", name="REST API").click()
    expect(title).to_have_text("REST API")

    search = page.get_by_role("searchbox", name="Search the help")
    search.fill("xyzzy")
    search.press("Enter")
    expect(page.locator("main")).to_contain_text("No section has all of these words.")
    is_fine(page)
    search.fill("quiet hours")
    page.get_by_role("button", name="Search").click()
    found = page.get_by_role("region", name=re.compile("sections? with “quiet hours”"))
    is_fine(page)
    link = found.get_by_role("link").first
    anchor = str(link.get_attribute("href")).partition("#")[2]
    link.click()
    expect(page.locator(f"[id='{anchor}']")).to_be_in_viewport()


@BOTH
def test_what_was_refused_leads_to_its_help(
    server: Server, open_page: PageFactory, size: str, scheme: str
) -> None:
    page = open_page(server, size=size, scheme=scheme)
    page.goto("/alerts/")
    page.get_by_role("link", name=re.compile("^What to do about")).first.click()
    explained = page.locator(":target")
    expect(page).to_have_url(re.compile("/help/webhook/#code-"))
    expect(explained).to_be_in_viewport()
    page.goto("/queue/")
    page.get_by_text("Every check of order 8").click()
    page.get_by_role("link", name=re.compile("^About this rule")).first.click()
    expect(page).to_have_url(re.compile("/help/risk-controls/#code-"))
    expect(explained).to_be_in_viewport()


@pytest.mark.parametrize("size", ["wide", "phone"])
def test_a_call_of_the_api_is_read_and_tried(
    server: Server, open_page: PageFactory, size: str
) -> None:
    page = open_page(server, size=size)
    page.goto("/settings/#more")
    page.get_by_role("link", name="REST API").click()
    expect(page.locator("[id$=tradingview_alert]")).to_be_visible()
    page.get_by_role("button", name="Authorize").click()
    dialog = page.locator(".dialog-ux")
    key = dialog.locator(".auth-container").filter(has_text="Authorization")
    key.get_by_role("textbox").fill(f"Token {server.token()}")
    key.get_by_role("button", name=re.compile("^Apply")).click()
    dialog.get_by_role("button", name="Close").first.click()
    page.locator("[id$=trading_state_get]").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute", exact=True).click()
    expect(page.get_by_text('"breakers": []').first).to_be_visible()
    expect(page.locator(".curl-command")).to_contain_text(f"Token {server.token()}")
    page.get_by_role("button", name="Collapse operation").first.click()
    assert not scrolls_sideways(page)


def test_without_a_script_the_api_is_a_file(server: Server, open_page: PageFactory) -> None:
    page = open_page(server, javascript=False)
    page.goto("/api/docs")
    schema = page.get_by_role("link", name="the OpenAPI schema")
    answer = page.request.get(str(schema.get_attribute("href")))
    assert answer.status == 200
    assert "/api/orders/{id}/execute/" in answer.text()
