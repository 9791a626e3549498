"""What the day is played with: a voice, pauses, alerts, and a look at what came of them."""

import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from brokers.accounts import session_of
from brokers.models import AccountState, BrokerConnection
from risk import policy
from sigmatrader import clock
from sigmatrader.demo import wire
from sigmatrader.demo.market import DemoMarket
from trading.domain.values import TradingStateName
from trading.models import Order
from trading.services.instrument_list import list_problem

_LOOK_SECONDS = 0.2
_PATIENCE_SECONDS = 30.0


class DayStopped(Exception):
    """Ctrl-C: the rest of the day is not played."""


class Stage:
    """`say` prints one line; `stopping` ends the day at the next pause; `pace` shortens pauses."""

    def __init__(
        self,
        connection: BrokerConnection,
        say: Callable[[str], None],
        stopping: threading.Event,
        pace: float,
    ) -> None:
        self.connection = connection
        self._say = say
        self._stopping = stopping
        self._pace = pace

    def say(self, text: str) -> None:
        """A line with the demo's time before it."""
        self._say(f"{clock.now().astimezone(clock.IST):%H:%M:%S}  {text}")

    def note(self, text: str) -> None:
        """A line without a time."""
        self._say(text)

    def pause(self, seconds: float) -> None:
        """Let so many seconds of the story pass. Raises DayStopped."""
        self._wait(seconds / self._pace)

    # Waiting for the trader and for the worker

    def wait_for_login(self) -> None:
        """Return when the account is connected and the worker has read its book and the list."""
        while not self._connected():
            self._wait(_LOOK_SECONDS)
        self.say(f"{self.connection.name} is logged in as {self.connection.user_id}")
        while not self._ready():
            self._wait(_LOOK_SECONDS)
        self.say("the instrument list is loaded, the order book is read: the day begins")

    def _connected(self) -> bool:
        self.connection.refresh_from_db()
        return session_of(self.connection).connected

    def _ready(self) -> bool:
        state = AccountState.objects.filter(connection=self.connection).first()
        since = self.connection.logged_in_at
        read = state.book_read_at if state else None
        return bool(read and since and read >= since) and not list_problem(clock.now())

    # Alerts and orders

    def alert(self, strategy: str, symbol: str, told: str, **details: Any) -> int | None:
        """Post an alert; the id of its order, None when it made none.

        `told` is what the line says of it; `details` are the alert's trade_details.
        """
        message = {
            "strategy_name": strategy,
            "symbol": symbol,
            "interval": "5",
            "trade_details": details,
            "comment": told,
        }
        try:
            status, answer = wire.post_alert(message)
        except OSError as error:
            self.say(f"alert  {strategy} {told} → not delivered: {error}")
            return None
        order_id = answer.get("order_id")
        outcome = f"order {order_id}, {answer.get('mode')}" if order_id else ""
        self.say(
            f"alert  {strategy} {told} → "
            + (outcome or f"{status} {answer.get('status', '')} {answer.get('code', '')}".rstrip())
        )
        return int(order_id) if order_id else None

    def follow(self, order_id: int | None, *statuses: str, filled: int = 0) -> Order | None:
        """The order once it is in one of `statuses` with `filled` units or more, and a line on it.

        One that ended otherwise is told as it is; after half a minute the line says how far it
        has come. The day goes on either way.
        """
        if order_id is None:
            return None
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            order = Order.objects.get(pk=order_id)
            over = order.ended or (order.status in statuses and order.filled_qty >= filled)
            if over or time.monotonic() > deadline:
                still = f" – still. {order.set_aside_reason}".rstrip(". ")
                self.say(f"order  {order_id} {_told(order)}" + ("" if over else still))
                return order
            self._wait(_LOOK_SECONDS)

    def account_becomes(self, state: TradingStateName, seconds: float) -> bool:
        """Whether the account's trading state is `state` within so many seconds; told if it is."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for one in policy.current_states():
                if one.connection_id == self.connection.pk and one.state is state:
                    self.say(f"state  the account is {state}: {one.reason}")
                    return True
            self._wait(_LOOK_SECONDS)
        return False

    def tell_profit(self, market: DemoMarket) -> None:
        """A line with the day's profit or loss as the broker counts it."""
        self.say(f"market {_signed(market.profit())} on the day's positions")

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise DayStopped


def _told(order: Order) -> str:
    """The order in a few words."""
    words = f"{order.side} {order.qty} {order.tradingsymbol} is {order.status}"
    if order.filled_qty and order.average_price is not None:
        words += f", {order.filled_qty} at {order.average_price.normalize():f}"
    if order.broker_trigger_id and not order.broker_order_id:
        words += f", as trigger {order.broker_trigger_id}"
    if order.error_message:
        words += f": “{order.error_message}”"
    return words


def _signed(amount: Decimal) -> str:
    return f"{'+' if amount >= 0 else '−'}₹{abs(amount):,.2f}"
