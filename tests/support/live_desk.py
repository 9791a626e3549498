"""An installation that trades at a simulated Zerodha, in the middle of a session."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial

from playwright.sync_api import Page

from brokers.simulator.clock import SimClock
from brokers.simulator.exchange import Exchange
from brokers.simulator.portfolio import Movement
from brokers.simulator.server import KiteSimulator
from sigmatrader import clock
from tests.support.kite import API_KEY, API_SECRET
from tests.support.processes import wait_until
from tests.support.server import Server, installation

MOMENT = datetime(2026, 12, 2, 11, 0, tzinfo=clock.IST)
ACCOUNT = "zerodha"  # the name that the environment's keys get
ROBOT = "robot"  # a strategy whose alerts go to it by themselves
_LOG_IN = """
from datetime import timedelta
from brokers.models import BrokerConnection
from sigmatrader import clock
account = BrokerConnection.objects.get(name="{account}")
account.access_token, account.user_id = "{token}", "SIM001"
account.token_expires_at, account.logged_in_at = clock.now() + timedelta(hours=5), clock.now()
account.save()
"""


@dataclass
class LiveDesk:
    """The installation and its broker, whose truth is asked of the simulator itself."""

    server: Server
    broker: KiteSimulator
    _seen: int = field(default=0, init=False)

    def begin(self) -> None:
        """From here on: trading is ACTIVE, the broker behaves, orders count from now."""
        self.broker.faults.clear()
        self.server.resume()
        self._seen = max((order["id"] for order in self._orders()), default=0)

    def _orders(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = self.server.api("/api/orders/").json()["results"]
        return found

    def statuses(self) -> list[object]:
        """Of the orders since `begin`."""
        return [one["status"] for one in self._orders() if int(str(one["id"])) > self._seen]

    def sent(self) -> int:
        """How many orders the broker has ever got."""
        return len(self.broker.exchange.ledger()["orders"])

    def open_at_broker(self) -> dict[str, int]:
        """Signed units by symbol."""
        net = self.broker.exchange.ledger()["positions"]
        return {one["tradingsymbol"]: int(one["quantity"]) for one in net if int(one["quantity"])}

    def triggers(self) -> list[str]:
        """The symbols under which a GTT rests."""
        rows = self.broker.exchange.ledger()["triggers"]
        return [one["condition"]["tradingsymbol"] for one in rows if one["status"] == "active"]

    def last(self, symbol: str) -> Decimal:
        listed = self.broker.exchange.market.listing.find(f"NSE:{symbol}")
        assert listed is not None
        return self.broker.exchange.market.last(listed)

    def near(self, symbol: str, factor: str) -> float:
        """A round price so far from the last: at 0.98 of it a buy rests."""
        return float(int(self.last(symbol) * Decimal(factor)))

    def alert(self, symbol: str, **details: object) -> None:
        price = float(self.last(symbol))
        values = {"order_action": "BUY", "quantity": 2, "price": price, **details}
        answer = self.server.send_alert(
            {
                "alert_id": uuid.uuid4().hex,
                "strategy_name": ROBOT,
                "symbol": f"NSE:{symbol}",
                "trade_details": values,
            }
        )
        assert answer.status == 201, answer.body

    def move_unseen(self, symbol: str, side: str, quantity: int, product: str = "MIS") -> None:
        """Change the broker's position by no order that anybody could read."""
        exchange = self.broker.exchange
        listed = exchange.market.listing.find(f"NSE:{symbol}")
        assert listed is not None
        with exchange.lock:
            exchange.portfolio.apply(
                Movement(listed, product, side, quantity, exchange.market.last(listed))
            )


def in_session() -> dict[str, str]:
    """The environment of processes whose clock stands in the middle of a session."""
    offset = (MOMENT - datetime.now(clock.IST)).total_seconds()
    return {"ST_CLOCK_OFFSET_SECONDS": f"{offset:.3f}"}


@contextmanager
def live_desk() -> Iterator[LiveDesk]:
    """The desk, logged in as SIM001; both of the simulator's users may log in by its page."""
    exchange = Exchange(SimClock(MOMENT), cash=Decimal(10**9), prices_move=False, always_open=True)
    with KiteSimulator(exchange, api_key=API_KEY, rate_limits=False) as broker:
        environment = {
            "ST_ZERODHA_API_KEY": API_KEY,
            "ST_ZERODHA_API_SECRET": API_SECRET,
            "ST_ZERODHA_API_ROOT": broker.root,
            **in_session(),
            "ST_RECONCILE_INTERVAL_SECONDS": "0.5",
        }
        with installation(environment=environment) as server:
            broker.redirect_url = f"{server.base_url}/brokers/zerodha/callback/"
            server.start_web()
            server.manage("shell", "-c", _LOG_IN.format(account=ACCOUNT, token=broker.login()))
            robot = {"execution_mode": "AUTO", "execution_target": "LIVE", "connection": ACCOUNT}
            for path, data in (
                (
                    "/api/risk-settings/",
                    {"scope": "GLOBAL", "stale_alert": None, "duplicate_order": None},
                ),
                ("/api/strategies/", {"name": ROBOT, **robot}),
            ):
                made = server.api(path, data=data)
                assert made.status == 201, made.body
            listed = partial(server.api, "/api/instruments/?q=INFY")
            wait_until(lambda: listed().json(), "the worker has read the instrument list", 60)
            yield LiveDesk(server, broker)


def until(page: Page, condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    """`wait_until` while the page goes on living: its requests pass through this thread."""

    def met() -> object:
        page.evaluate("() => new Promise(requestAnimationFrame)")
        return condition()

    wait_until(met, what, seconds)
