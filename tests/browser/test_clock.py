"""Ages and times left go by the server's clock, however wrong the PC's is."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_person import new_order
from tests.support.browser import PageFactory
from tests.support.server import Server

pytestmark = pytest.mark.browser

SHIFT = """(() => {{
  const real = Date.now;
  window.shift = {hours} * 3600e3;
  Date.now = () => real() + window.shift;
}})()"""


@pytest.mark.parametrize("hours", [-30, 30])
def test_an_age_is_counted_by_the_servers_clock(
    server: Server, open_page: PageFactory, hours: int
) -> None:
    order_id = new_order(server, f"CLOCK{hours + 50}")
    page = open_page(server)
    page.add_init_script(SHIFT.format(hours=hours))
    page.goto("/queue/")
    age = page.locator(f"#order-{order_id} time[data-count=up]")
    shown = age.inner_text()
    expect(age).not_to_have_text(shown)  # the script counts
    assert 0 < _seconds(age.inner_text()) < 60


def test_a_clock_that_is_put_right_meanwhile_is_noticed_with_the_next_poll(
    server: Server, open_page: PageFactory
) -> None:
    order_id = new_order(server, "CLOCKSET")
    page = open_page(server)
    page.add_init_script(SHIFT.format(hours=0))
    page.goto("/queue/")
    age = page.locator(f"#order-{order_id} time[data-count=up]")
    page.evaluate("window.shift = 30 * 3600e3")
    expect(age).to_contain_text("1 d")
    expect(age).not_to_contain_text("1 d")
    assert 0 < _seconds(age.inner_text()) < 60


def _seconds(age: str) -> int:
    """Of an age under a minute: "12 s"."""
    number, unit = age.split()
    assert unit == "s", age
    return int(number)
