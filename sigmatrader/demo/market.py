"""The simulated market in the hands of the demo."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from brokers.simulator.listing import Instrument
from brokers.simulator.market import to_tick
from brokers.simulator.server import KiteSimulator

_STEP_SECONDS = 1.0


class DemoMarket:
    """Prices and broker's doings of one simulator. Symbols are `EXCHANGE:TRADINGSYMBOL`."""

    def __init__(
        self, simulator: KiteSimulator, user_id: str, pause: Callable[[float], None]
    ) -> None:
        """`user_id`: whose account it is about; `pause` waits so many seconds."""
        self._simulator = simulator
        self._exchange = simulator.exchanges[user_id]
        self._pause = pause

    def nearest_future(self, name: str) -> str:
        """The future of `name` that expires next."""
        futures = [
            one
            for one in self._exchange.market.listing
            if one.kind == "FUT" and one.name == name and one.expiry is not None
        ]
        return min(futures, key=lambda one: str(one.expiry)).key

    def last(self, symbol: str) -> Decimal:
        """What it last traded at, in rupees."""
        instrument = self._instrument(symbol)
        with self._exchange.lock:
            self._exchange.tick()
            return self._exchange.market.last(instrument)

    def off(self, symbol: str, percent: str) -> Decimal:
        """The price so many percent from the last one, on a tick."""
        wanted = self.last(symbol) * (1 + Decimal(percent) / 100)
        return to_tick(wanted, self._instrument(symbol).tick_size)

    def move(self, symbol: str, percent: str, seconds: float) -> None:
        """Let the price go there step by step, in about so many seconds."""
        self.move_to(symbol, self.off(symbol, percent), seconds)

    def move_to(self, symbol: str, price: Decimal, seconds: float) -> None:
        """Let the price go to `price`, which is on a tick."""
        instrument = self._instrument(symbol)
        start = self.last(symbol)
        steps = max(int(seconds / _STEP_SECONDS), 1)
        for step in range(1, steps + 1):
            at = start + (price - start) * step / steps
            at = price if step == steps else to_tick(at, instrument.tick_size)
            self._simulator.set_price(instrument.exchange, instrument.tradingsymbol, at)
            self._pause(seconds / steps)

    def fill_only(self, units: int) -> None:
        """The next order fills only so many at first."""
        self._exchange.behaviour.set("partial_fill", units)

    def place_in_app(self, order: Mapping[str, str]) -> str:
        """An order that the trader places in the broker's own app; its id."""
        return self._exchange.place_outside(order)

    def square_off(self) -> None:
        """The broker closes what was opened for the day."""
        self._exchange.square_off("MIS")

    def profit(self) -> Decimal:
        """The day's profit or loss on positions as the broker counts it, in rupees."""
        rows = self._exchange.positions()["net"]
        return sum((Decimal(str(row["pnl"])) for row in rows), Decimal(0))

    def _instrument(self, symbol: str) -> Instrument:
        found = self._exchange.market.listing.find(symbol)
        if found is None:
            raise ValueError(f"{symbol} is not listed")
        return found
