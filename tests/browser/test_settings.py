"""A person at the settings: the webhook's secret, the login, the second factor."""

import re
import sqlite3
from contextlib import closing
from itertools import count

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.authenticator import Authenticator
from tests.support.browser import PageFactory, copied, fits, is_fine
from tests.support.server import Server

pytestmark = pytest.mark.browser

PAGE = "/settings/second-factor/"
LOGIN = "/accounts/login/"
TRIES = 8  # wrong ones until the door is locked
BOTH = pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("phone", "dark")])
_units = count(1)


@pytest.fixture(scope="module", autouse=True)
def _strategies(server: Server) -> None:
    for name in ("supertrend", "gap"):
        server.api("/api/strategies/", data={"name": name})


def opens(server: Server, secret: str, strategy: str) -> bool:
    """Whether an alert of the strategy with this secret is let in."""
    details = {"order_action": "BUY", "quantity": next(_units), "price": 1500}
    alert = {"strategy_name": strategy, "symbol": "NSE:INFY", "trade_details": details}
    status = server.send_alert({**alert, "secret": secret}).status
    assert status in (201, 401)
    return status == 201


def shown_secret(page: Page, whose: str) -> str:
    page.get_by_label("Which secret", exact=True).select_option(label=whose)
    page.get_by_role("button", name="Show the secret").click()
    return page.locator("#webhook-secret").inner_text()


def rotate(page: Page, whose: str, grace: str) -> None:
    page.get_by_label("Which secret is made anew").select_option(label=whose)
    page.get_by_label("The old secret stays valid for").select_option(label=grace)
    page.get_by_role("button", name="Rotate").click()


def secrets_of(page: Page, whose: str) -> Locator:
    return (
        page.get_by_role("table", name="Secrets in use").get_by_role("row").filter(has_text=whose)
    )


@pytest.mark.parametrize(
    ("size", "scheme", "name"), [("wide", "light", "gap"), ("phone", "dark", "supertrend")]
)
def test_the_secret_is_shown_copied_hidden_and_made_anew(
    server: Server, open_page: PageFactory, size: str, scheme: str, name: str
) -> None:
    look = is_fine if size == "phone" else fits  # everybody's eyes once
    page = open_page(server, size=size, scheme=scheme)
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Settings").click()
    for link in page.get_by_role("navigation", name="On this page").get_by_role("link").all():
        link.click()
        section = page.locator(str(link.get_attribute("href")))
        expect(section.get_by_role("heading").first).to_be_in_viewport()
    assert copied(page, "the address") == f"{server.base_url}/webhook/tradingview"
    assert "manage.py sendalert" in copied(page, "the command")
    common = shown_secret(page, "The common one")
    assert copied(page, "the secret") == common
    assert opens(server, common, name)
    look(page)
    page.get_by_role("link", name="Hide it").click()
    expect(page.get_by_role("heading", name="Secret", exact=True)).to_be_in_viewport()
    expect(page.locator("#webhook-secret")).to_have_count(0)
    assert shown_secret(page, name) == common

    of_everybody = secrets_of(page, "every strategy without its own").count()
    rotate(page, name, "1 hour")
    told = page.locator("#toasts")
    expect(told).to_contain_text(f"There is a new secret for {name}. The old one works for 1 hour")
    told.get_by_role("button", name="Dismiss").click()
    expect(told).to_be_empty()
    look(page)
    expect(secrets_of(page, name)).to_have_count(1 + of_everybody)  # those for an hour too
    first = shown_secret(page, name)
    expect(page.get_by_role("heading", name=f"Secret for {name}")).to_be_visible()
    assert opens(server, first, name)
    assert opens(server, common, name)
    rotate(page, name, "no time: it is void at once")
    expect(told).to_contain_text("The old one is void.")
    assert not opens(server, first, name)
    assert opens(server, shown_secret(page, name), name)


def test_without_a_script_the_common_secret_is_made_anew(
    server: Server, open_page: PageFactory
) -> None:
    page = open_page(server, javascript=False)
    page.goto("/settings/")
    before = shown_secret(page, "The common one")
    for grace, text in (("7 days", "for 7 days more"), ("24 hours", "for 24 hours more")):
        rotate(page, "The common one", grace)
        expect(page.locator("#toasts")).to_contain_text(text)
    after = shown_secret(page, "The common one")
    assert after != before
    assert opens(server, after, "unknown here")
    assert opens(server, before, "unknown here")


def log_in(page: Page, server: Server, password: str = "", code: str = "") -> None:
    page.get_by_label("Username").fill(server.admin_username)
    page.get_by_label("Password").fill(password or server.admin_password)
    if code:
        page.get_by_label("Code of your second factor").fill(code)
    page.get_by_role("button", name="Log in").click()


def log_out(page: Page) -> None:
    page.get_by_role("button", name=re.compile("Log out")).click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


@pytest.mark.parametrize(("size", "javascript"), [("wide", True), ("phone", False)])
def test_the_login_opens_what_was_asked_for(
    server: Server, open_page: PageFactory, size: str, javascript: bool
) -> None:
    page = open_page(server, logged_in=False, javascript=javascript, size=size)
    page.goto("/orders/?status=OPEN")
    log_in(page, server, password="not it")
    expect(page.get_by_role("alert")).to_contain_text("Please enter a correct username")
    if javascript:
        is_fine(page)
    log_in(page, server)
    expect(page).to_have_url(f"{server.base_url}/orders/?status=OPEN")
    page.goto(LOGIN)  # who is in already needs no form
    expect(page).to_have_url(f"{server.base_url}/")
    log_out(page)
    page.go_back()  # nothing of the desk is left in the browser
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def set_tries(server: Server, number: int) -> None:
    """As if so many wrong ones had been made."""
    path = server.data_dir / "sigmatrader.sqlite3"
    with closing(sqlite3.connect(path, timeout=10)) as database, database:
        database.execute("UPDATE axes_accessattempt SET failures_since_start = ?", (number,))


def test_many_wrong_tries_lock_the_door(server: Server, open_page: PageFactory) -> None:
    page = open_page(server, logged_in=False, size="phone", scheme="dark")
    locked = page.get_by_role("heading", name="Too many tries")
    page.goto(LOGIN)
    is_fine(page)
    try:
        log_in(page, server, password="guess")
        expect(page.get_by_role("alert")).to_be_visible()
        set_tries(server, TRIES - 1)
        log_in(page, server, password="guess")
        expect(locked).to_be_visible()
        is_fine(page)
        page.get_by_role("link", name="Back to the login").click()
        log_in(page, server)  # the right one comes too late
        expect(locked).to_be_visible()
    finally:
        set_tries(server, 0)
    page.get_by_role("link", name="Back to the login").click()
    log_in(page, server)
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def change_password(page: Page, now: str, new: str, again: str = "") -> None:
    page.get_by_label("Your password now").fill(now)
    page.get_by_label("New password", exact=True).fill(new)
    page.get_by_label("New password again").fill(again or new)
    page.get_by_role("button", name="Change the password").click()


@pytest.mark.parametrize(("size", "javascript"), [("wide", False), ("phone", True)])
def test_a_password_is_changed_and_opens(
    server: Server, open_page: PageFactory, size: str, javascript: bool
) -> None:
    page = open_page(server, javascript=javascript, size=size, scheme="dark")
    new = f"four words of mine, {size}"
    page.goto("/settings/")
    page.get_by_role("link", name="Change the password").click()
    change_password(page, "not it", new, "another one of mine")
    for told in ("This is not your password.", "didn’t match"):
        expect(page.locator("#content")).to_contain_text(told)
    if javascript:
        is_fine(page)
    change_password(page, server.admin_password, new)
    expect(page.locator("#toasts")).to_contain_text("Your password is changed.")
    server.admin_password = new
    log_out(page)
    log_in(page, server)
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def begin(page: Page) -> Authenticator:
    page.goto("/settings/")
    page.get_by_role("link", name="Set up the second factor").click()
    page.get_by_role("button", name="Set it up").click()
    return Authenticator(page.locator("#totp-key").inner_text())


def confirm(page: Page, password: str, code: str) -> None:
    page.get_by_label("Your password").fill(password)
    page.get_by_label("Code", exact=True).fill(code)
    page.get_by_role("button", name="Confirm").click()


def begin_again(page: Page) -> Authenticator:
    page.get_by_role("button", name=re.compile("Begin again")).click()
    return Authenticator(page.locator("#totp-key").inner_text())


def recovery_codes(page: Page) -> list[str]:
    codes = page.locator("#recovery-codes").inner_text().split()
    assert len(codes) == 10
    return codes


def remove(page: Page, password: str, code: str) -> None:
    removal = page.get_by_role("region", name="Remove it")
    removal.get_by_label("Your password").fill(password)
    removal.get_by_label("Code").fill(code)
    removal.get_by_role("button", name="Remove the second factor").click()


def resume(page: Page, code: str) -> None:
    page.get_by_label("Code of your second factor").fill(code)
    page.get_by_role("button", name="Change the state").click()


@BOTH
def test_a_second_factor_from_its_first_code_to_its_last(
    server: Server, open_page: PageFactory, size: str, scheme: str
) -> None:
    look = is_fine if size == "phone" else fits  # everybody's eyes once
    password = server.admin_password
    page = open_page(server, size=size, scheme=scheme)
    page.goto(PAGE)
    look(page)
    app = begin(page)
    expect(page.get_by_role("img", name=re.compile("QR code"))).to_be_visible()
    assert copied(page, "the key") == app.key
    look(page)
    confirm(page, "not it", app.code())
    expect(page.locator("#content")).to_contain_text("This is not your password.")
    confirm(page, password, app.wrong_code())
    expect(page.locator("#content")).to_contain_text("not right")
    expect(page.locator("#totp-key")).to_have_text(app.key)  # the same, to try again
    look(page)
    app = begin_again(page)
    confirm(page, password, app.code())
    assert copied(page, "the recovery codes").split() == recovery_codes(page)
    look(page)
    codes = recovery_codes(page)
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("heading", name="It is set up")).to_be_visible()
    look(page)

    log_out(page)
    page.goto(f"{LOGIN}?next=/risk/")
    look(page)
    log_in(page, server)
    expect(page.locator("#content")).to_contain_text("Enter the code")
    log_in(page, server, code=app.code(1))
    expect(page).to_have_url(f"{server.base_url}/risk/")
    log_out(page)
    log_in(page, server, code=codes[0])
    page.get_by_role("button", name=re.compile("^Halt")).click()
    page.get_by_role("link", name="Resume…").first.click()
    page.get_by_label("Reason").fill("the storm is over")
    resume(page, "")
    expect(page.locator("#change")).to_contain_text("Enter the code")
    look(page)
    resume(page, codes[1])
    expect(page.locator("body")).to_contain_text("Everything: ACTIVE now")

    # Rights are given away only with a code of the last minutes.
    page.goto("/admin/auth/user/add/")
    expect(page.get_by_role("heading", name="Your code, please")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#content")).to_contain_text("Enter the code")
    look(page)
    page.get_by_label("Code", exact=True).fill(codes[2])
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Add user")).to_be_visible()

    page.goto("/settings/")
    expect(page.locator("#second-factor")).to_contain_text("Recovery codes left: 7")
    page.get_by_role("link", name="Change the second factor").click()
    renewal = page.get_by_role("region", name="New recovery codes")
    renewal.get_by_label("Code").fill(app.wrong_code())
    renewal.get_by_role("button", name="Make new codes").click()
    expect(renewal).to_contain_text("not right")
    look(page)
    renewal.get_by_label("Code").fill(codes[3])
    renewal.get_by_role("button", name="Make new codes").click()
    new = recovery_codes(page)
    assert not set(new) & set(codes)
    page.get_by_role("link", name="I have kept them").click()
    remove(page, "not it", new[0])
    expect(page.locator("#content")).to_contain_text("This is not your password.")
    look(page)
    remove(page, password, new[0])
    expect(page.locator("#toasts")).to_contain_text("the password alone opens now")
    expect(page.get_by_role("heading", name="It is not set up")).to_be_visible()


def test_without_a_script_a_second_factor_is_set_up_and_removed(
    server: Server, open_page: PageFactory
) -> None:
    page = open_page(server, javascript=False)
    begin(page)
    app = begin_again(page)
    confirm(page, server.admin_password, app.code())
    code = recovery_codes(page)[0]
    page.get_by_role("link", name="I have kept them").click()
    remove(page, server.admin_password, code)
    expect(page.get_by_role("heading", name="It is not set up")).to_be_visible()
    log_out(page)
    log_in(page, server)
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
