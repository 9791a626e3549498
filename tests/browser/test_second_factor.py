"""A person sets up a second factor, logs in with it, resumes with it and removes it."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.authenticator import Authenticator
from tests.support.browser import PageFactory, accessibility_violations, scrolls_sideways
from tests.support.server import Server

pytestmark = pytest.mark.browser

PAGE = "/settings/second-factor/"


@pytest.fixture
def protected(server: Server) -> Iterator[Server]:
    """The module's server; afterwards nobody there has a second factor."""
    yield server
    server.manage("removesecondfactor", server.admin_username)


def begin(page: Page) -> Authenticator:
    page.goto("/settings/")
    page.get_by_role("link", name="Set up the second factor").click()
    page.get_by_role("button", name="Set it up").click()
    return Authenticator(page.locator("#totp-key").inner_text())


def confirm(page: Page, server: Server, code: str) -> None:
    page.get_by_label("Your password").fill(server.admin_password)
    page.get_by_label("Code", exact=True).fill(code)
    page.get_by_role("button", name="Confirm").click()


def log_in(page: Page, server: Server, code: str) -> None:
    page.goto("/accounts/login/?next=/risk/")
    page.get_by_label("Username").fill(server.admin_username)
    page.get_by_label("Password").fill(server.admin_password)
    page.get_by_label("Code of your second factor").fill(code)
    page.get_by_role("button", name="Log in").click()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_second_factor_from_its_first_code_to_its_last(
    protected: Server, open_page: PageFactory, javascript: bool
) -> None:
    page = open_page(protected, javascript=javascript)
    app = begin(page)
    picture = page.get_by_role("img", name=re.compile("QR code"))
    expect(picture).to_be_visible()
    confirm(page, protected, app.wrong_code())
    expect(page.locator("#content")).to_contain_text("not right")
    expect(page.locator("#totp-key")).to_have_text(app.key)  # the same, to try again
    page.get_by_role("button", name=re.compile("Begin again")).click()
    app = Authenticator(page.locator("#totp-key").inner_text())
    confirm(page, protected, app.code())
    codes = page.locator("#recovery-codes").inner_text().split()
    assert len(codes) == 10
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator("#content")).to_contain_text("It is set up")
    page.get_by_role("button", name=re.compile("Log out")).click()

    log_in(page, protected, "")
    expect(page.locator("#content")).to_contain_text("Enter the code")
    log_in(page, protected, app.code(1))
    expect(page).to_have_url(f"{protected.base_url}/risk/")
    page.get_by_role("button", name=re.compile("^Halt")).click()
    page.goto("/risk/?to=ACTIVE")
    page.get_by_label("Reason").fill("the storm is over")
    page.get_by_role("button", name="Change the state").click()
    expect(page.locator("#change")).to_contain_text("Enter the code")
    page.get_by_label("Code of your second factor").fill(codes[0])
    page.get_by_role("button", name="Change the state").click()
    expect(page.locator("body")).to_contain_text("Everything: ACTIVE now")

    page.goto(PAGE)
    expect(page.locator(".facts")).to_contain_text("9")
    page.get_by_label("Your password").fill(protected.admin_password)
    page.locator("#id_remove_code").fill(codes[1])
    page.get_by_role("button", name=re.compile("Remove")).click()
    expect(page.locator("#content")).to_contain_text("It is not set up")


@pytest.mark.parametrize(("scheme", "size"), [("light", "wide"), ("dark", "phone")])
def test_its_pages_are_accessible_and_fit(
    protected: Server, open_page: PageFactory, scheme: str, size: str
) -> None:
    page = open_page(protected, scheme=scheme, size=size)
    found: list[str] = []

    def look(name: str) -> None:
        found.extend(f"{name}: {violation}" for violation in accessibility_violations(page))
        if scrolls_sideways(page):
            found.append(f"{name}: scrolls sideways")

    page.goto(PAGE)
    look("not set up")
    app = begin(page)
    look("set-up")
    confirm(page, protected, app.wrong_code())
    look("a refusal")
    page.get_by_role("button", name=re.compile("Begin again")).click()
    app = Authenticator(page.locator("#totp-key").inner_text())
    confirm(page, protected, app.code())
    look("recovery codes")
    for path in (PAGE, "/settings/", "/risk/?to=ACTIVE"):
        page.goto(path)
        look(path)
    page.get_by_role("button", name=re.compile("Log out")).click()
    look("login")
    assert not found, "\n".join(found)
