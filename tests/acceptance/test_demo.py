"""`make demo`, as a person meets it: log in, watch the day, find the truth on every page."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support import processes
from tests.support.browser import Problems, log_in
from tests.support.demo import Demo, demo
from tests.support.server import REPOSITORY

DAY_SECONDS = 75
# One person's lines of the day, each of which has its place on a page.
TOLD = (
    r"order  \d+ BUY 100 INFY is EXECUTED",
    r"order  \d+ BUY 100 SBIN is EXECUTED",
    r"order  \d+ BUY 100 HDFCBANK is PARTIALLY_EXECUTED, 40 at",
    r"order  \d+ BUY 50000 RELIANCE is FAILED: “Insufficient funds",
    r"order  \d+ SELL 65 NIFTY\w+FUT is EXECUTED",
    r"order  \d+ BUY 200 ITC is EXECUTED",
)


def _row(page: Page, *texts: str) -> Locator:
    """The row of a table or list that holds all of the texts."""
    row = page.locator("main").locator("tr, li")
    for text in texts:
        row = row.filter(has_text=text)
    return row.first


def _log_in_at_the_broker(page: Page, running: Demo) -> None:
    page.goto("/")
    expect(page.locator(".simulator-band")).to_contain_text("SIMULATOR")
    page.get_by_role("link", name="Log in to Zerodha").first.click()
    expect(page).to_have_url(re.compile(re.escape(running.broker_url)))
    page.get_by_role("button", name="Log in as SIM001").click()
    expect(page).to_have_url(f"{running.server.base_url}/settings/#accounts")
    expect(page.locator("main")).to_contain_text("Connected as SIM001")


def _look_at_the_pages(page: Page) -> None:
    page.goto("/queue/")
    expect(_row(page, "NSE:TCS")).to_contain_text("swing")
    expect(_row(page, "NSE:SUNPHARMA")).to_contain_text("missing")
    page.goto("/orders/")
    expect(_row(page, "NSE:ITC", "GTT")).to_contain_text("EXECUTED")
    expect(_row(page, "NSE:ICICIBANK", "EXTERNAL", "BUY")).to_contain_text("EXECUTED")
    expect(_row(page, "NSE:RELIANCE", "FAILED")).to_contain_text("Insufficient funds")
    expect(_row(page, "65", "SELL", "nifty-breakout")).to_contain_text("EXECUTED")
    page.goto("/positions/")
    expect(_row(page, "NSE:ITC")).to_contain_text(re.compile(r"[+−]₹[\d,.]+"))
    expect(_row(page, "NSE:SBIN")).to_contain_text("100")
    page.goto("/alerts/")
    expect(page.locator("main")).to_contain_text("placeholder_not_expanded")
    for path in ("/", "/queue/", "/orders/", "/positions/", "/alerts/", "/risk/", "/settings/"):
        page.goto(path)
        expect(page.locator(".simulator-band")).to_contain_text("not to Zerodha")


@pytest.mark.browser
@pytest.mark.timeout(240)
def test_a_day_is_played_and_every_page_tells_it(browser: Browser, tmp_path: Path) -> None:
    users_own = {"ST_DATA_DIR": str(tmp_path / "own"), "ST_ZERODHA_API_ROOT": "nonsense"}
    problems = Problems()
    with demo(tmp_path / "demo", "--pace", "12", environment=users_own) as running:
        context = browser.new_context(base_url=running.server.base_url)
        page = context.new_page()
        problems.watch(page, "http://127.0.0.1:")
        log_in(page, running.server)
        _log_in_at_the_broker(page, running)
        page.goto("/queue/")
        expect(_row(page, "NSE:TCS")).to_be_visible(timeout=30_000)  # without a reload
        page.goto("about:blank")  # a page that polls wants this thread's attention
        running.wait_until_told("That was the day", DAY_SECONDS)
        for line in TOLD:
            assert re.search(line, running.printed()), f"{line} in:\n{running.printed()}"
        _look_at_the_pages(page)
        context.close()
        assert processes.stop(running.process, signal.SIGINT) == 0
        assert processes.session_members(running.process.pid) == []
    assert "Traceback" not in running.printed()
    assert problems.found == []
    assert not (tmp_path / "own").exists()


def _refused(*options: str) -> str:
    """What `manage.py demo` says when it does not start."""
    done = subprocess.run(
        [sys.executable, REPOSITORY / "manage.py", "demo", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_taken_port_is_said_with_the_options_name(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = _refused("--broker-port", port, "--port", str(processes.free_port()))
    assert f"--broker-port {port}" in said


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    ports = ("--port", str(processes.free_port()), "--broker-port", str(processes.free_port()))
    assert "holds something else" in _refused(*ports, "--data-dir", str(tmp_path))
    assert (tmp_path / "letter.txt").read_text() == "mine"


def test_without_a_browser_it_logs_in_by_itself_and_stops_in_mid_day(tmp_path: Path) -> None:
    with demo(tmp_path / "demo", "--headless-login") as running:
        running.wait_until_told(r"order  \d+ BUY 100 INFY is EXECUTED")
        assert processes.stop(running.process) == 0
        assert processes.session_members(running.process.pid) == []
    assert "Traceback" not in running.printed()


@pytest.mark.browser
@pytest.mark.timeout(240)
def test_a_losing_day_is_stopped_by_itself(browser: Browser, tmp_path: Path) -> None:
    with demo(tmp_path / "demo", "--day", "losing", "--headless-login", "--pace", "20") as running:
        running.wait_until_told("That was the day", DAY_SECONDS)
        for line in (
            r"the account is REDUCING: Day's loss ₹[\d,.]+ has reached max_daily_loss=4,000",
            r"order  \d+ BUY 50 SBIN is REJECTED_RISK",
            r"order  \d+ SELL 50 INFY is EXECUTED",
            r"the account is HALTED: Day's loss ₹[\d,.]+ has reached 1.5 × max_daily_loss=4,000",
            r"order  \d+ SELL 50 INFY is WAITING",
        ):
            assert re.search(line, running.printed()), f"{line} in:\n{running.printed()}"
        context = browser.new_context(base_url=running.server.base_url)
        page = context.new_page()
        log_in(page, running.server)
        page.goto("/risk/")
        expect(page.locator("main")).to_contain_text("HALTED")
        expect(page.locator("main")).to_contain_text("1.5 × max_daily_loss")
        context.close()
