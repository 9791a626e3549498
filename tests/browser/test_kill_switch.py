"""A person presses the kill switch while orders are on their way, and squares off after that."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from brokers.simulator.clock import SimClock
from brokers.simulator.exchange import Exchange
from brokers.simulator.faults import answer_late
from brokers.simulator.server import KiteSimulator
from sigmatrader import clock
from tests.support.browser import PageFactory, accessibility_violations
from tests.support.kite import API_KEY, API_SECRET
from tests.support.processes import wait_until
from tests.support.server import Server, installation

pytestmark = pytest.mark.browser

MOMENT = datetime(2026, 12, 2, 11, 0, tzinfo=clock.IST)
SYMBOLS = ("INFY", "TCS", "RELIANCE", "SBIN", "ITC", "LT", "ONGC", "HDFCBANK", "AXISBANK")
SLOW_SECONDS = 2.0  # an order takes so long at the broker
ON_THE_WAY = ("QUEUED", "SENDING")
_LOG_IN = """
from datetime import timedelta
from brokers.models import BrokerConnection
from sigmatrader import clock
account = BrokerConnection.objects.get(name="zerodha")
account.access_token, account.user_id = "{token}", "SIM001"
account.token_expires_at, account.logged_in_at = clock.now() + timedelta(hours=5), clock.now()
account.save()
"""


@dataclass
class Desk:
    """An installation that trades at a simulated broker, in the middle of a session."""

    server: Server
    broker: KiteSimulator

    def statuses(self) -> list[str]:
        return [one["status"] for one in self.server.api("/api/orders/").json()["results"]]

    def sent(self) -> int:
        return len(self.broker.exchange.ledger()["orders"])

    def open_positions(self) -> list[int]:
        net = self.broker.exchange.ledger()["positions"]
        return [int(one["quantity"]) for one in net if int(one["quantity"])]

    def last(self, symbol: str) -> Decimal:
        listed = self.broker.exchange.market.listing.find(f"NSE:{symbol}")
        assert listed is not None
        return self.broker.exchange.market.last(listed)

    def below(self, symbol: str) -> float:
        """A price at which a buy rests."""
        return float(int(self.last(symbol) * Decimal("0.98")))

    def alert(self, symbol: str, **details: object) -> None:
        price = float(self.last(symbol))
        values = {"order_action": "BUY", "quantity": 2, "price": price, **details}
        answer = self.server.send_alert(
            {"strategy_name": "robot", "symbol": f"NSE:{symbol}", "trade_details": values}
        )
        assert answer.status == 201, answer.body


@pytest.fixture
def desk() -> Iterator[Desk]:
    offset = (MOMENT - datetime.now(clock.IST)).total_seconds()
    exchange = Exchange(SimClock(MOMENT), cash=Decimal(10**9), prices_move=False, always_open=True)
    with KiteSimulator(exchange, api_key=API_KEY, rate_limits=False) as broker:
        environment = {
            "ST_ZERODHA_API_KEY": API_KEY,
            "ST_ZERODHA_API_SECRET": API_SECRET,
            "ST_ZERODHA_API_ROOT": broker.root,
            "ST_CLOCK_OFFSET_SECONDS": f"{offset:.3f}",
            "ST_RECONCILE_INTERVAL_SECONDS": "0.5",
        }
        with installation(environment=environment) as server:
            server.start_web()
            server.manage("shell", "-c", _LOG_IN.format(token=broker.login()))
            server.manage("syncinstruments", "--connection", "zerodha")
            for path, data in (
                ("/api/risk-settings/", {"scope": "GLOBAL", "stale_alert": None}),
                (
                    "/api/strategies/",
                    {"name": "robot", "execution_mode": "AUTO", "execution_target": "LIVE"},
                ),
            ):
                made = server.api(path, data=data)
                assert made.status == 201, made.body
            yield Desk(server, broker)


def change_state(page: Page, state: str, **boxes: bool) -> None:
    page.goto("/risk/")
    form = page.locator("#change")
    form.locator("[name=state]").select_option(state)
    form.locator("[name=reason]").fill("enough for today")
    for name, ticked in boxes.items():
        form.locator(f"[name={name}]").set_checked(ticked)
    form.get_by_role("button", name="Change the state").click()


def until(page: Page, condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    """`wait_until` while the page goes on living: its requests pass through this thread."""

    def met() -> object:
        page.evaluate("() => new Promise(requestAnimationFrame)")
        return condition()

    wait_until(met, what, seconds)


def test_the_kill_switch_stops_orders_on_their_way_and_squares_off(
    desk: Desk, open_page: PageFactory
) -> None:
    desk.alert("MARUTI", order_type="LIMIT", price=desk.below("MARUTI"))
    wait_until(lambda: desk.statuses() == ["SENT"], "a limit order rests at the broker", 30)
    page = open_page(desk.server)
    page.goto("/orders/")
    desk.broker.faults.always("place", answer_late(SLOW_SECONDS))
    for symbol in SYMBOLS:
        desk.alert(symbol)
    until(page, lambda: desk.statuses().count("SENDING") >= 2, "orders are on their way")
    page.get_by_role("button", name="Halt").click()
    expect(page.locator("#banner")).to_contain_text("Trading is HALTED.")
    left = desk.sent()
    until(page, lambda: not set(ON_THE_WAY) & set(desk.statuses()), "nothing is on its way")
    assert desk.sent() == left < 1 + len(SYMBOLS)
    assert desk.statuses().count("WAITING") == 1 + len(SYMBOLS) - left
    page.goto("/queue/")
    expect(page.locator("main")).to_contain_text("halted by")

    filled = left - 1
    until(page, lambda: desk.statuses().count("EXECUTED") == filled, "what had left is filled")
    assert len(desk.open_positions()) == filled
    desk.broker.faults.clear()
    change_state(page, "HALTED", square_off=True)
    expect(page.locator("#square-offs")).to_contain_text("Flat.", timeout=40_000)
    assert desk.open_positions() == []
    assert "SENT" not in desk.statuses()  # the limit order was cancelled
    page.goto("/risk/")
    expect(page.locator("#banner")).to_contain_text("Trading is HALTED.")
    expect(page.locator("#square-offs")).to_contain_text("enough for today")
    assert accessibility_violations(page) == []
