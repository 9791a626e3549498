"""The admin as a person uses it: lists, forms, actions, files; and what it must never offer."""

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.authenticator import Authenticator
from tests.support.browser import PageFactory, accessibility_violations, scrolls_sideways
from tests.support.hands import act, answered, follow, press, refused, remove, save, search
from tests.support.sample import fill
from tests.support.server import Server

pytestmark = pytest.mark.browser

SIZES = pytest.mark.parametrize("size", ["wide", "phone"])
# Django's own script puts a name on a mark where none is allowed; it is the mark of a help text.
DJANGOS = ("aria-prohibited-attr",)
# One of each kind of page: front page, lists, forms, files, presets, records, people.
KINDS = (
    "/admin/",
    "/admin/trading/strategy/",
    "/admin/trading/strategy/1/change/",
    "/admin/trading/strategy/1/history/",
    "/admin/trading/strategy/1/delete/",
    "/admin/trading/order/",
    "/admin/trading/order/1/change/",
    "/admin/trading/marketday/",
    "/admin/trading/marketday/import/",
    "/admin/trading/symboloverride/add/",
    "/admin/trading/chargerate/add/",
    "/admin/trading/webhooksecret/1/change/",
    "/admin/risk/risksettings/",
    "/admin/risk/risksettings/add/",
    "/admin/risk/risksettings/1/change/",
    "/admin/risk/risksettings/import/",
    "/admin/risk/risksettings/preset/",
    "/admin/risk/risksettingschange/",
    "/admin/brokers/brokerconnection/1/change/",
    "/admin/auth/user/1/change/",
    "/admin/password_change/",
)
_ENROL = """
from django.contrib.auth.models import User
from tests.support.authenticator import enrol
print(enrol(User.objects.get(username="{name}")).key.replace(" ", ""))
"""


@pytest.fixture(scope="module", autouse=True)
def _filled(server: Server) -> None:
    fill(server)


def strategy(server: Server, name: str) -> dict[str, object]:
    """As REST shows it."""
    rows = server.api("/api/strategies/").json()
    return next(row for row in rows if row["name"] == name)


def max_order_value(server: Server, name: str) -> Decimal:
    """Of a strategy's own limits, as REST shows it."""
    rows = server.api("/api/risk-settings/").json()
    number = strategy(server, name)["id"]
    return next(Decimal(row["max_order_value"]) for row in rows if row["strategy_id"] == number)


def test_each_kind_of_page_can_be_read_by_everybody(server: Server, open_page: PageFactory) -> None:
    page = open_page(server, scheme="dark", bypass_csp=True)  # axe styles what it measures
    problems = []
    for path in KINDS:
        page.goto(path)
        if path.endswith("/add/"):
            save(page)
            expect(page.locator(".errornote")).to_be_visible()
        for violation in accessibility_violations(page):
            if not (path.startswith("/admin/auth/") and violation.startswith(DJANGOS)):
                problems.append(f"{path}: {violation}")
        if scrolls_sideways(page):
            problems.append(f"{path} scrolls sideways")
    assert problems == []


@SIZES
def test_a_strategy_is_added_found_switched_and_deleted(
    server: Server, open_page: PageFactory, size: str
) -> None:
    name = f"Gap {size}"
    page = open_page(server, size=size)
    page.goto("/admin/")
    follow(page, "Add to Strategies")
    save(page)
    expect(page.locator("#content")).to_contain_text("Please correct the error")
    page.get_by_label("Name:", exact=True).fill(name)
    page.get_by_label("Description:").fill("of the opening")
    page.get_by_label("Execution target:").select_option("PAPER")
    save(page)
    answered(page, "was added successfully")

    page.get_by_label(f"Execution mode of {name}").select_option("AUTO")
    page.get_by_label(f"Enabled of {name}").uncheck()
    save(page)
    answered(page, "1 strategy was changed successfully")
    stored = strategy(server, name)
    assert (stored["execution_mode"], stored["enabled"]) == ("AUTO", False)

    search(page, name)
    expect(page.get_by_role("checkbox", name="Select this object")).to_have_count(1)
    page.goto("/admin/trading/strategy/")
    follow(page.locator("#changelist-filter"), "MANUAL")
    expect(page.get_by_role("link", name=name, exact=True)).to_have_count(0)
    follow(page.locator("#changelist-filter"), "Clear all filters")
    page.get_by_role("columnheader", name="Name").get_by_role("link").first.click()
    follow(page, name)
    page.get_by_label("Default product:").select_option("CNC")
    press(page, "Save and continue editing")
    answered(page, "was changed successfully")
    follow(page, "History")
    expect(page.get_by_role("main")).to_contain_text("Changed Default product")
    assert not scrolls_sideways(page)

    page.goto("/admin/trading/strategy/")
    act(page, "Delete selected strategies", "Supertrend")
    expect(page.get_by_role("main")).to_contain_text("would require deleting")
    page.goto("/admin/trading/strategy/")
    remove(page, "Delete selected strategies", name)
    assert name not in str(server.api("/api/strategies/").json())


@SIZES
def test_limits_are_set_changed_for_a_time_moved_as_a_file_and_preset(
    server: Server, open_page: PageFactory, size: str, tmp_path: Path
) -> None:
    name = {"wide": "Mean reversion", "phone": "Opening range"}[size]
    label = f"STRATEGY({name})"
    page = open_page(server, size=size)
    page.goto("/admin/risk/risksettings/")
    follow(page, "Add risk settings")
    page.get_by_label("Scope:").select_option("STRATEGY")
    page.get_by_label("Strategy:", exact=True).select_option(label=name)
    page.get_by_label("Max order value").fill("75000")
    save(page)
    expect(page.get_by_role("main")).to_contain_text("Say why, in a few words.")
    page.get_by_label("Why:").fill("a small one")
    press(page, "Save and continue editing")
    answered(page, "was added successfully")
    assert max_order_value(server, name) == 75000

    page.get_by_label("Max open positions").fill("9")
    page.get_by_label("Why:").fill("results day")
    page.get_by_label("Only until (IST): date").fill("2027-01-15")
    page.get_by_label("Only until (IST): time").fill("15:30")
    press(page, "Save and continue editing")
    answered(page, "was changed successfully")
    expect(page.get_by_role("main")).to_contain_text("At 15 Jan 2027 15:30 IST comes back")
    assert not scrolls_sideways(page)
    follow(page, "every change")
    expect(page.get_by_role("main")).to_contain_text("results day")

    page.goto("/admin/risk/risksettings/")
    with page.expect_download() as download:
        follow(page, "Export a file")
    exported = json.loads(download.value.path().read_text())
    path = tmp_path / "limits.json"
    path.write_text(json.dumps(exported).replace('"75000"', '"80000"'))
    follow(page, "Import a file")
    press(page, "Show what would change")
    expect(page.get_by_role("main")).to_contain_text("Choose a file.")
    page.get_by_label("File:").set_input_files(path)
    press(page, "Show what would change")
    expect(page.get_by_role("table").filter(has_text="80,000")).to_be_visible()
    page.get_by_label("Why:").fill("from a file")
    press(page, "Take it over")
    answered(page, f"Limits are stored: {label}.")
    assert max_order_value(server, name) == 80000

    with page.expect_download() as download:
        act(page, "Export the selected settings as a file", label)
    assert name in download.value.path().read_text()
    assert "GLOBAL" not in download.value.path().read_text()
    page.reload()
    act(page, "Apply a preset to the selected settings", label)
    expect(page.get_by_role("checkbox", name=label)).to_be_checked()
    expect(page.get_by_role("checkbox", name="GLOBAL")).not_to_be_checked()
    page.get_by_role("radio", name="Bold").check()
    page.get_by_label("Capital (₹):").fill("200000")
    page.get_by_label("Why:").fill("bolder")
    press(page, "Show what would change")
    expect(page.get_by_role("table").filter(has_text="50,000")).to_be_visible()
    press(page, "Apply")
    answered(page, f"Limits are stored: {label}.")
    assert max_order_value(server, name) == 50000

    follow(page, "History")
    search(page, "bolder")
    expect(page.get_by_role("main")).to_contain_text(label)
    page.goto("/admin/risk/risksettings/")
    remove(page, "Delete selected risk settings", label)
    assert [row["scope"] for row in server.api("/api/risk-settings/").json()] == ["GLOBAL"]


@SIZES
def test_secrets_are_made_unseen_and_the_default_account_is_chosen(
    server: Server, open_page: PageFactory, size: str
) -> None:
    page = open_page(server, size=size)
    page.goto("/admin/trading/webhooksecret/add/")
    page.get_by_label("Label:").fill(f"of the {size}")
    page.get_by_label("Strategy:", exact=True).select_option(label="Supertrend")
    save(page)
    answered(page, "was added successfully")
    assert server.webhook_secret not in page.content()
    follow(page, f"of the {size}")
    page.get_by_label(re.compile("^Valid until: date")).fill("2027-01-15")
    page.get_by_label(re.compile("^Valid until: time")).fill("15:30")
    save(page)
    answered(page, "was changed successfully")
    remove(page, "Delete selected webhook secrets", f"of the {size}")

    page.goto("/admin/brokers/brokerconnection/")
    act(page, "Make default", "paper")
    answered(page, "is the default connection now")
    press(page, "Halt trading")
    expect(page).to_have_url(re.compile("/admin/|/risk/"))
    assert server.trading_state() == "HALTED"
    server.resume()


# -- people ----------------------------------------------------------------------------------------


def _enter_the_code(page: Page, app: Authenticator) -> None:
    """Whoever gives rights away is asked for a code once more, and comes back to the form."""
    page.goto("/admin/auth/user/add/")
    expect(page).to_have_url(re.compile("/settings/second-factor/again/"))
    press(page, "Go on")
    refused(page, "Enter the code")
    page.get_by_label(re.compile("^Code")).fill(app.code())
    press(page, "Go on")
    expect(page.get_by_role("heading", name="Add user")).to_be_visible()


@SIZES
def test_somebody_is_let_in_after_a_code_and_the_way_out_is_there(
    server: Server, open_page: PageFactory, size: str
) -> None:
    name, password = f"meera-{size}", "correct horse battery"
    page = open_page(server, size=size)
    enrol = _ENROL.format(name=server.admin_username)
    app = Authenticator(server.manage("shell", "-c", enrol).split()[-1])
    try:
        _enter_the_code(page, app)
        page.get_by_label("Username:").fill(name)
        page.get_by_label("Password:", exact=True).fill(password)
        page.get_by_label("Password confirmation:").fill(password)
        save(page)
        answered(page, "was added successfully")
        page.get_by_label("Staff status").check()
        save(page)
        answered(page, "was changed successfully")
        search(page, name)
        follow(page, name)
        follow(page, "Reset password")
        page.get_by_label("Password:", exact=True).fill(password + " staple")
        page.get_by_label("Password confirmation:").fill(password + " staple")
        press(page, re.compile("^(Reset|Change) password"))
        answered(page, "Password changed successfully")
        page.goto("/admin/auth/group/add/")
        page.get_by_label("Name:", exact=True).fill(f"Traders {size}")
        page.get_by_role("listbox", name=re.compile("^Available|^Permissions")).select_option(
            label="Risk | trading state | Can change trading state"
        )
        press(page, re.compile("^Choose selected"))
        save(page)
        answered(page, "was added successfully")
    finally:
        server.manage("removesecondfactor", server.admin_username)

    page.goto("/admin/auth/user/")
    remove(page, "Delete selected users", name)
    follow(page, "Change password")
    page.get_by_label("Old password:").fill("not this one")
    page.get_by_label("New password:").fill(password)
    page.get_by_label("New password confirmation:").fill(password)
    press(page, "Change my password")
    refused(page, "incorrectly")
    page.goto("/admin/")
    follow(page, "Back to the desk")
    expect(page).to_have_url(f"{server.base_url}/")
    page.goto("/admin/")
    press(page, "Log out")
    page.goto("/admin/")
    expect(page).to_have_url(re.compile("/accounts/login/"))


# -- records, and a browser without JavaScript ----------------------------------------------------


def test_records_are_read_filtered_and_never_written(
    server: Server, open_page: PageFactory
) -> None:
    page = open_page(server, size="phone")
    page.goto("/admin/")
    for group in ("Records", "Paper account"):
        lists = page.get_by_role("region", name=group).get_by_role("link").all()
        addresses = [str(one.get_attribute("href")) for one in lists]
        assert len(addresses) >= 4
        for address in addresses:
            assert not address.endswith("/add/")
            assert page.request.get(address).status == 200, address
            assert page.request.get(f"{address}add/").status == 403, address
    page.goto("/admin/trading/order/")
    follow(page.locator("#changelist-filter"), re.compile("^Executed$"))
    expect(page.get_by_role("link", name="#1", exact=True)).to_be_visible()
    search(page, "RELIANCE")
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    follow(page, "#1")
    for name in ("Save", "Save and continue editing", "Delete"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
        expect(page.get_by_role("link", name=name, exact=True)).to_have_count(0)
    expect(page.get_by_role("main")).to_contain_text("EXECUTED")
    assert not scrolls_sideways(page)
    page.goto("/admin/trading/order/")
    follow(page, "timeline")
    expect(page).to_have_url(re.compile(r"/orders/\d+/"))


def test_the_admin_works_without_a_script(server: Server, open_page: PageFactory) -> None:
    page = open_page(server, javascript=False)
    page.goto("/admin/")
    follow(page, "Add to Strategies")
    page.get_by_label("Name:", exact=True).fill("Plain")
    save(page)
    answered(page, "was added successfully")
    page.get_by_label("Enabled of Plain").uncheck()
    save(page)
    answered(page, "1 strategy was changed successfully")
    page.goto("/admin/risk/risksettings/1/change/")
    page.get_by_label("Max quantity per order").fill("99")
    page.get_by_label("Why:").fill("by hand")
    save(page)
    answered(page, "was changed successfully")
    page.goto("/admin/trading/strategy/")
    remove(page, "Delete selected strategies", "Plain")
    press(page, "Log out")
    expect(page.get_by_label("Password")).to_be_visible()
