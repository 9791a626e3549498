"""A second factor's whole life on a running installation: its secrets lie about nowhere."""

import re
import urllib.error
from base64 import b32decode

from tests.support.authenticator import Authenticator
from tests.support.server import Server, installation
from tests.support.visitor import Browser, csrf

PAGE = "/settings/second-factor/"


def test_neither_key_nor_recovery_code_is_kept_in_clear_or_shown_twice():
    with installation() as server:
        server.start_web()
        browser = Browser()
        _log_in(browser, server, "")
        _post(browser, server, PAGE, "begin/")
        app = Authenticator(_found(r'id="totp-key">([A-Z2-7 ]+)<', browser.texts[-3]))
        values = {"password": server.admin_password, "code": app.code()}
        page = _post(browser, server, PAGE, "confirm/", values)
        codes = re.findall(r"\b(?:[a-z2-7]{4}-){3}[a-z2-7]{4}\b", page)
        assert len(codes) == 10
        browser.texts.clear()
        used = _use_it(browser, server, app, codes)
        server.stop("up")
        stored = {path: path.read_bytes() for path in server.data_dir.rglob("*") if path.is_file()}
    shown = "\n".join(browser.texts)
    key = app.key.replace(" ", "")
    secrets = [app.key, key, b32decode(key).hex(), *codes, *(one.replace("-", "") for one in codes)]
    for secret in (*secrets, *used):
        assert secret not in shown
    assert any(b"SQLite format 3" in content for content in stored.values())
    assert any(path.suffix == ".jsonl" for path in stored)
    for secret in secrets:
        found = [path.name for path, content in stored.items() if secret.encode() in content]
        assert found == []


def _found(pattern: str, page: str) -> str:
    match = re.search(pattern, page)
    assert match is not None
    return match[1]


def _post(
    browser: Browser, server: Server, page: str, path: str, values: dict[str, str] | None = None
) -> str:
    """Send a form of `page`; its answer."""
    token = csrf(browser.open(f"{server.base_url}{page}"))
    return browser.open(f"{server.base_url}{page}{path}", {**token, **(values or {})})


def _log_in(browser: Browser, server: Server, code: str) -> str:
    values = {"username": server.admin_username, "password": server.admin_password, "code": code}
    return _post(browser, server, "/accounts/login/", "", values)


def _use_it(browser: Browser, server: Server, app: Authenticator, codes: list[str]) -> list[str]:
    """Log in anew, resume, look around; the codes that were typed on the way."""
    fresh, stranger, code = Browser(), Browser(), app.code(1)
    assert "Log out" in _log_in(fresh, server, codes[0])
    state = {"state": "HALTED", "target": "EVERYTHING", "reason": "a storm"}
    _post(fresh, server, "/risk/", "", state)
    resume = {**state, "state": "ACTIVE", "code": code}
    assert "ACTIVE now" in _post(fresh, server, "/risk/", "", resume)
    for path in (PAGE, "/settings/", "/risk/", "/admin/", "/admin/auth/user/", "/metrics"):
        try:
            fresh.open(f"{server.base_url}{path}")
        except urllib.error.HTTPError as error:
            with error:
                fresh.texts.append(error.read().decode())
    assert "not right" in _log_in(stranger, server, app.wrong_code())
    browser.texts += fresh.texts + stranger.texts
    return [code, codes[0]]
