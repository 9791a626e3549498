"""Hands on the simulated market: what tests and the demo do that no customer of a broker can."""

from collections.abc import Mapping
from decimal import Decimal

from brokers.simulator import gtt
from brokers.simulator.account import Account
from brokers.simulator.book import Order
from brokers.simulator.errors import input_error, order_error
from brokers.simulator.gtt import Trigger
from brokers.simulator.listing import Instrument
from brokers.simulator.schedule import trading_day


class Hands(Account):
    """Every method lets time pass up to the clock first."""

    def set_price(self, exchange: str, tradingsymbol: str, price: Decimal) -> None:
        """A trade at `price` now; orders that it meets fill. ValueError off tick or unlisted."""
        with self.lock:
            self.tick()
            instrument = self._instrument(exchange, tradingsymbol)
            self.market.set_price(instrument, price, self.at)
            self.tick()

    def limit_depth(self, units: int | None) -> None:
        """At one price at most so many units of an order fill; None: no limit."""
        with self.lock:
            self.market.depth = units

    def open_market(self) -> None:
        """Trading begins now, whatever the hour, until the market is closed or the day ends."""
        with self.lock:
            self.market.forced = None if self.market.always_open else True
            self.tick()

    def close_market(self) -> None:
        """Trading stops now, until the market is opened or a new day begins."""
        with self.lock:
            self.tick()
            self.market.forced = False

    def end_day(self) -> None:
        """Cancel DAY orders and settle now. The book stays visible until 06:00."""
        with self.lock:
            self.tick()
            self.finish_day(trading_day(self.at))

    def square_off(self, product: str = "MIS") -> None:
        """The broker's risk desk closes all positions of a product."""
        with self.lock:
            self.tick()
            self.close_positions(product)
            self.tick()

    def place_outside(self, params: Mapping[str, str]) -> str:
        """An order from the broker's own app: no tag, and not of our API key."""
        with self.lock:
            self.tick()
            outside = {"market_protection": "-1", **params, "tag": ""}
            variety = params.get("variety", "regular")
            return self.take_order(variety, outside, source="app").order_id

    def release(self, order_id: str | None = None) -> None:
        """Held or partly filled orders go on: one, or all and the knobs that hold them."""
        with self.lock:
            if order_id is None:
                self.behaviour.ack_only = self.behaviour.unfilled_market = False
            for order in self.matcher.live.values():
                if order_id in (None, order.order_id):
                    self.matcher.release(order)
            self.tick()

    def revise(
        self, order_id: str, *, average_price: Decimal | None = None, filled: int | None = None
    ) -> None:
        """The broker corrects what it reported of an order of today."""
        with self.lock:
            self.tick()
            self.matcher.revise(self.order_of(order_id), self.at, average_price, filled)

    def deposit(
        self, exchange: str, tradingsymbol: str, quantity: int, average_price: Decimal
    ) -> None:
        """Settled shares in the demat account."""
        with self.lock:
            self.tick()
            instrument = self._instrument(exchange, tradingsymbol)
            self.portfolio.deposit(instrument, quantity, average_price)

    def end_trigger(self, trigger_id: int, status: str) -> None:
        """The broker ends a trigger: disabled, expired, cancelled or rejected."""
        if status not in gtt.ENDINGS:
            raise ValueError(f"{status!r} is none of {', '.join(sorted(gtt.ENDINGS))}")
        with self.lock:
            self.tick()
            self.active_trigger(trigger_id).end(status, self.at)

    # Looking up

    def order_of(self, order_id: str) -> Order:
        order = self.book.get(order_id)
        if order is None:
            raise order_error("Couldn't find that `order_id`.")
        return order

    def trigger_of(self, trigger_id: int) -> Trigger:
        trigger = self.triggers.get(trigger_id)
        if trigger is None:
            raise input_error("Couldn't find that trigger.")
        return trigger

    def active_trigger(self, trigger_id: int) -> Trigger:
        trigger = self.trigger_of(trigger_id)
        if trigger.status != gtt.ACTIVE:
            raise input_error(f"The trigger is {trigger.status}; only active ones can be changed.")
        return trigger

    def _instrument(self, exchange: str, tradingsymbol: str) -> Instrument:
        found = self.market.listing.find(f"{exchange}:{tradingsymbol}")
        if found is None:
            raise ValueError(f"{exchange}:{tradingsymbol} is not listed")
        return found
