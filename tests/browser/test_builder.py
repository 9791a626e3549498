"""The message builder as a person uses it: choose, copy, try, send, check."""

import json
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import PageFactory, copied, fits, is_fine
from tests.support.server import Server

pytestmark = pytest.mark.browser

PAGE = "/settings/message/"
PASTED = '{“secret”: “x”, "symbol": {{ticker}}, "order_action": "{{strategy.order.actions}}",}'
LACKS_PLOT = '//@version=6\nindicator("Gap")\nplot(close, "Stop")'
BOTH = pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("phone", "dark")])
ORDER, PLAN, NOTE = "The order", "Exit plan", "Name and note"
FIRED, SAMPLE = "What fires it", "Values to try it with"
# Where it stands, its label, what is chosen, and what the message says then.
CHOSEN = (
    (ORDER, "Action", "BUY", '"order_action": "BUY"'),
    (ORDER, "Action", "SELL", '"order_action": "SELL"'),
    (ORDER, "Action", "ENTRY_LONG", '"side": "ENTRY_LONG"'),
    (ORDER, "Action", "EXIT_LONG", '"side": "EXIT_LONG"'),
    (ORDER, "Action", "EXIT_SHORT", '"side": "EXIT_SHORT"'),
    (ORDER, "Action", "ENTRY_SHORT", '"side": "ENTRY_SHORT"'),
    (ORDER, "Product", "CNC", '"product": "CNC"'),
    (ORDER, "Product", "NRML", '"product": "NRML"'),
    (ORDER, "Product", "MTF", '"product": "MTF"'),
    (ORDER, "Product", "MIS", '"product": "MIS"'),
    (ORDER, "Validity", "IOC", '"validity": "IOC"'),
    (ORDER, "Order type", "MARKET", '"order_type": "MARKET"'),
    (ORDER, "Order type", "GTT", '"gtt": true'),
    (ORDER, "Order type", "LIMIT", '"order_type": "LIMIT"'),
)
TYPED = (
    (FIRED, "Strategy here", "gap", '"strategy_name": "gap"'),
    (ORDER, "Price ₹", "1,499.50", '"price": "1499.50"'),
    (PLAN, "Stop ₹", '{{plot("Stop")}}', '{{plot("Stop")}}'),
    (PLAN, "Target ₹", "1,560", '"1560"'),
    (PLAN, "Trail by ₹", "5", '"5"'),
    (NOTE, "Comment", "gap filled", '"comment": "gap filled"'),
    (NOTE, "Id of the alert", "gap {{ticker}} {{time}}", '"alert_id": "gap {{ticker}} {{time}}"'),
)
SAMPLED = (("Script's units", "3", '"3"'), ("Price ₹", "123.45", "123.45"))


@pytest.fixture(scope="module", autouse=True)
def _strategies(server: Server) -> None:
    robot = {"name": "robot", "execution_mode": "AUTO", "execution_target": "PAPER"}
    for values in ({"name": "gap"}, robot):
        server.api("/api/strategies/", data=values)


def field(page: Page, where: str, label: str) -> Locator:
    return page.get_by_role("region", name=where).get_by_label(label, exact=True)


def fold(page: Page, name: str) -> None:
    page.locator("summary").get_by_text(name).click()


def message(page: Page) -> Locator:
    return page.get_by_label("Alert message", exact=True)


@BOTH
def test_every_choice_reaches_the_message(
    server: Server, open_page: PageFactory, size: str, scheme: str
) -> None:
    look = is_fine if size == "phone" else fits  # everybody's eyes once
    page = open_page(server, size=size, scheme=scheme)
    page.goto("/settings/")
    page.get_by_role("link", name="Message for robot").click()
    expect(message(page)).to_contain_text('"strategy_name": "robot"')
    for where, label, value, said in CHOSEN:
        field(page, where, label).select_option(value)
        expect(message(page)).to_contain_text(said)
        hidden = (label, value) == ("Order type", "MARKET")
        expect(field(page, ORDER, "Price ₹")).to_be_visible(visible=not hidden)
        expect(field(page, ORDER, "Validity")).to_be_visible(visible=value != "GTT")
        closes = (label, value[:4]) == ("Action", "EXIT")
        expect(field(page, PLAN, "Stop ₹")).to_be_visible(visible=not closes)
    for where, label, text, said in TYPED:
        field(page, where, label).fill(text)
        expect(message(page)).to_contain_text(said)

    sizing, units = field(page, ORDER, "Quantity"), field(page, ORDER, "Units")
    sizing.select_option("LEFT_OUT")
    expect(message(page)).not_to_contain_text('"quantity"')
    sizing.select_option("NUMBER")
    units.fill("1.5")
    wrong = page.get_by_role("status").filter(has_text="Mend this first")
    wrong.get_by_role("link", name="Units").click()
    expect(units).to_be_focused()
    units.fill("75")
    expect(message(page)).to_contain_text('"quantity": "75"')

    field(page, FIRED, "Symbol").select_option("FIXED")
    field(page, FIRED, "Exchange").select_option("NFO")
    field(page, FIRED, "Symbol there").fill("NIFTY26DECFUT")
    expect(message(page)).to_contain_text("NFO:NIFTY26DECFUT")
    field(page, FIRED, "Symbol").select_option("CHART")
    expect(message(page)).to_contain_text("{{exchange}}:{{ticker}}")

    fold(page, "As a command line")
    command = page.get_by_label("Command line")
    field(page, ORDER, "Action").select_option("SCRIPT")
    sizing.select_option("SCRIPT")
    field(page, SAMPLE, "Symbol").fill("NSE:TCS")
    field(page, SAMPLE, "Script says").select_option("sell")
    expect(command).to_contain_text("sell")
    expect(command).to_contain_text("NSE:TCS")
    field(page, ORDER, "Price ₹").fill("")
    for label, text, said in SAMPLED:
        field(page, SAMPLE, label).fill(text)
        expect(command).to_contain_text(said)
    for kind in ("A drawing or a price", "An indicator"):
        page.get_by_role("region", name=FIRED).get_by_label(kind).check()
        expect(field(page, SAMPLE, "Script says")).to_be_hidden()
    look(page)


@BOTH
def test_a_message_is_copied_tried_sent_and_checked(
    server: Server, open_page: PageFactory, size: str, scheme: str
) -> None:
    look = is_fine if size == "phone" else fits  # everybody's eyes once
    page = open_page(server, size=size, scheme=scheme)
    page.goto("/settings/")
    page.get_by_role("link", name="Build a message").click()
    fold(page, "Where it goes on TradingView")  # it stays as it is left, through errors too
    page.get_by_label("An indicator").first.check()
    field(page, ORDER, "Order type").select_option("SL-M")
    expect(page.locator("#made")).to_contain_text("A stop order needs one")
    look(page)
    trigger = field(page, ORDER, "Trigger ₹")
    trigger.press_sequentially('{{plot("Trigger")}}')
    expect(message(page)).to_contain_text('{{plot("Trigger")}}')
    expect(trigger).to_be_focused()
    page.get_by_label("Fill in the secret").check()
    expect(message(page)).not_to_contain_text("YOUR-SECRET")
    assert "secret" not in page.url
    expect(page.get_by_text("Create alert")).to_be_hidden()
    fold(page, "Where it goes on TradingView")
    expect(page.locator("#how-to")).to_contain_text(f"{server.base_url}/webhook/tradingview")
    made = message(page).inner_text()
    assert copied(page, "the message") == made
    fold(page, "As a Pine script")
    assert "//@version" in copied(page, "the script")
    fold(page, "As a command line")
    command = copied(page, "the command")
    assert command.startswith("curl ")
    assert server.webhook_secret in command
    look(page)

    page.get_by_role("button", name="What would it do?").click()
    expect(page.locator("#trial")).to_contain_text("wait in the queue for you")
    field(page, FIRED, "Strategy here").fill("robot")
    field(page, ORDER, "Order type").select_option("MARKET")
    field(page, ORDER, "Units").fill("3" if size == "wide" else "4")
    page.get_by_role("button", name="Send a test").click()
    look(page)
    page.get_by_role("link", name=re.compile("See order #")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("NSE:INFY")
    sent = server.api(f"/api/orders/{page.url.rstrip('/').rpartition('/')[2]}/").json()
    assert (sent["qty"], sent["side"], sent["mode"]) == (3 if size == "wide" else 4, "BUY", "AUTO")

    page.goto("/settings/")
    page.get_by_role("link", name="Check my message").click()
    check = page.get_by_role("region", name="Check my message")
    expect(check.get_by_role("heading")).to_be_in_viewport()
    press = check.get_by_role("button", name="Check it")
    check.get_by_label("Your message").fill("   ")
    press.click()
    expect(page.locator("#checked")).to_contain_text("Paste a message first.")
    check.get_by_label("Your message").fill(made)
    check.get_by_label("What fires the alert").select_option("INDICATOR")
    press.click()
    expect(page.locator("#checked")).to_contain_text("Nothing to mend")
    fold(page, "With the script behind it")
    check.get_by_label("The Pine script").fill(LACKS_PLOT)
    press.click()
    expect(page.locator("#checked")).to_contain_text("Trigger")  # a plot that it lacks
    check.get_by_label("Your message").fill(PASTED)
    check.get_by_label("What fires the alert").select_option("")
    press.click()
    expect(page.locator("#checked")).to_contain_text("Did you mean {{strategy.order.action}}?")
    assert '"{{ticker}}"' in copied(page, "the mended message")
    fold(page, "TradingView's placeholders")
    expect(page.get_by_role("cell", name="{{plot_0}}")).to_be_visible()
    look(page)
    expect(page.locator(".toast")).to_have_count(0)


def test_without_a_script_the_same_is_done_with_buttons(
    server: Server, open_page: PageFactory
) -> None:
    page = open_page(server, javascript=False)
    page.goto(PAGE)
    page.get_by_label("An indicator").first.check()
    field(page, ORDER, "Order type").select_option("SL-M")
    field(page, ORDER, "Action").select_option("ENTRY_SHORT")
    page.get_by_role("button", name="Make the message").click()
    # On this page the error stands beside its field too.
    expect(page.locator("#id_trigger_price + .help + .errorlist")).to_be_visible()
    field(page, ORDER, "Trigger ₹").fill("1,490")
    field(page, ORDER, "Quantity").select_option("NUMBER")
    field(page, ORDER, "Units").fill("5")
    page.get_by_label("Fill in the secret").check()
    page.get_by_role("button", name="Make the message").click()
    said = json.loads(message(page).inner_text())
    assert said["secret"] == server.webhook_secret
    assert said["trade_details"]["side"] == "ENTRY_SHORT"
    assert said["trade_details"]["trigger_price"] == "1490"
    page.get_by_role("button", name="What would it do?").click()
    expect(page.locator("#trial")).to_contain_text("wait in the queue for you")
    page.get_by_role("button", name="Send a test").click()
    page.get_by_role("link", name="It waits in the queue").click()
    expect(page).to_have_url(re.compile("/queue/$"))
    expect(page.locator("main")).to_contain_text("INFY")
    page.goto(f"{PAGE}#check")
    page.get_by_label("Your message").fill(PASTED)
    page.get_by_role("button", name="Check it").click()
    expect(page.locator("#mended")).to_contain_text('"{{ticker}}"')
