"""A whole login on a running installation: afterwards no secret lies about in clear."""

import urllib.error
import urllib.parse

from tests.support import processes
from tests.support.kite import API_KEY, simulator
from tests.support.server import installation
from tests.support.visitor import Browser, csrf

SECRET = "the-api-secret-of-this-test"


def test_no_secret_of_a_login_is_kept_or_shown_in_clear():
    with simulator(api_secret=SECRET, rate_limits=False) as kite:
        environment = {
            "ST_ZERODHA_API_KEY": API_KEY,
            "ST_ZERODHA_API_SECRET": SECRET,
            "ST_ZERODHA_API_ROOT": kite.root,
        }
        with installation(environment=environment) as server:
            kite.redirect_url = f"{server.base_url}/brokers/zerodha/callback/"
            server.start_web()
            browser, secrets = Browser(), [SECRET]
            login = f"{server.base_url}/accounts/login/"
            user = {"username": server.admin_username, "password": server.admin_password}
            browser.open(login, {**user, **csrf(browser.open(login))})
            _log_in(browser, server.base_url, kite, secrets)
            spent = {"request_token": secrets[1], "connection": "zerodha"}
            page = browser.open(f"{server.base_url}/settings/")
            browser.open(f"{server.base_url}/brokers/zerodha/connect/", {**spent, **csrf(page)})
            assert "refused the request token" in browser.texts[-3]
            _look_at_everything(browser, server)
            _wait_for_a_read(kite)
            server.stop("up")
            shown = "\n".join(browser.texts)
            stored = {
                path: path.read_bytes() for path in server.data_dir.rglob("*") if path.is_file()
            }
    assert any(path.suffix == ".jsonl" for path in stored)
    assert any(b"SQLite format 3" in content for content in stored.values())
    assert len(secrets) == 4
    for secret in secrets:
        assert secret not in shown
        assert [path.name for path, content in stored.items() if secret.encode() in content] == []


def _log_in(browser: Browser, base_url: str, kite, secrets: list[str]) -> None:
    """Through the simulator's page; `secrets` gets request token, state and access token."""
    tokens: list[str] = []
    states: list[str] = []
    issue = kite.sessions.request_token
    kite.sessions.request_token = lambda user: tokens.append(issue(user)) or tokens[-1]
    page = browser.open(f"{base_url}/brokers/zerodha/login/?connection=zerodha")
    # Kite's own page and address carry the state: they are not ours.
    params = urllib.parse.parse_qs(urllib.parse.urlsplit(browser.address).query)
    states += urllib.parse.parse_qs(params["redirect_params"][0])["state"]
    del browser.texts[-3:]
    assert "Log in as SIM001" in page
    values = {"api_key": API_KEY, "redirect_params": params["redirect_params"][0]}
    page = browser.open(f"{kite.root}/connect/login", {**values, "user_id": "SIM001"})
    assert browser.address == f"{base_url}/settings/#accounts"
    assert "Connected as SIM001" in page
    (session,) = kite.sessions._sessions.values()
    secrets += [tokens[0], states[0], session.access_token]


def _look_at_everything(browser: Browser, server) -> None:
    for path in (
        "/",
        "/queue/",
        "/orders/",
        "/alerts/",
        "/positions/",
        "/analytics/",
        "/risk/",
        "/settings/",
        "/admin/brokers/brokerconnection/",
        "/admin/brokers/brokerconnection/2/change/",
        "/metrics",
        "/health/ready",
        "/api/zerodha/status/?connection=zerodha",
        "/api/schema/",
    ):
        try:
            browser.open(f"{server.base_url}{path}")
        except urllib.error.HTTPError as error:
            with error:
                browser.texts.append(error.read().decode())


def _wait_for_a_read(kite) -> None:
    """The worker has used the token, so whatever it would log of it is logged."""
    processes.wait_until(
        lambda: kite.journal.count() > kite.journal.count("token") + 1, "the worker reads", 30
    )
