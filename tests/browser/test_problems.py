"""The browser tests notice what a page does wrong, even where it looks right."""

import pytest

from tests.support.browser import Problems
from tests.support.processes import wait_until

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("setTimeout(() => { throw new Error('boom') }, 0)", "script error: boom"),
        ("fetch('http://198.51.100.7/x').catch(() => 0)", "Content Security Policy"),
        ("document.body.setAttribute('style', 'color: red')", "Content Security Policy"),
    ],
)
def test_what_a_page_does_wrong_is_noticed(browser, server, script, complaint):
    problems = Problems()
    context = browser.new_context(base_url=server.base_url)
    try:
        page = context.new_page()
        problems.watch(page, server.base_url)
        page.goto("/admin/login/")
        assert problems.found == []
        page.evaluate(f"() => {{ {script} }}")

        def noticed() -> bool:
            page.evaluate("0")  # lets the browser's messages through
            return any(complaint in problem for problem in problems.found)

        wait_until(noticed, complaint)
    finally:
        context.close()


def test_a_request_to_another_host_is_stopped_and_noticed(browser, server):
    problems = Problems()
    context = browser.new_context(base_url=server.base_url, bypass_csp=True)
    try:
        page = context.new_page()
        problems.watch(page, server.base_url)
        page.goto("/admin/login/")
        page.evaluate("() => fetch('http://198.51.100.7/x').catch(() => 0)")
        assert problems.found == ["request to another host: http://198.51.100.7/x"]
    finally:
        context.close()
