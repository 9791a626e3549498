"""Prices of the simulated market: a seeded random walk, what tests set, circuits, open hours."""

import math
import random
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from brokers.simulator.listing import Instrument, Listing, listing_for
from trading.domain.session import current_session

_SIGMA = 0.00012  # one second's move relative to the price: about 1.8 % over a day
_OPTION_SIGMA = 0.0012
_MAX_DRIFT = 0.06  # the walk stays this close to the previous close


@dataclass
class Ticker:
    """One instrument's trading day. `trades` counts the moments at which it traded."""

    instrument: Instrument
    last: Decimal
    close: Decimal
    open: Decimal
    high: Decimal
    low: Decimal
    lower: Decimal
    upper: Decimal
    at: datetime
    rng: random.Random
    volume: int = 0
    turnover: Decimal = Decimal(0)
    last_quantity: int = 0
    trades: int = 0
    set_count: int = 0

    def trade(self, price: Decimal, quantity: int, at: datetime) -> None:
        self.last = price
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.volume += quantity
        self.turnover += price * quantity
        self.last_quantity = quantity
        self.trades += 1
        self.at = at


class Market:
    """Last prices of the instruments that are in use. The account's lock guards it."""

    def __init__(
        self,
        at: datetime,
        *,
        seed: int = 1,
        listing: Listing | None = None,
        moving: bool = True,
        always_open: bool = False,
    ) -> None:
        self.moving = moving
        self.always_open = always_open
        self.forced: bool | None = None
        self.depth: int | None = None
        self._fixed_listing = listing
        self.listing = listing or listing_for(at.date())
        self._seed = seed
        self._at = at
        self._tickers: dict[str, Ticker] = {}

    def is_open(self, exchange: str, at: datetime) -> bool:
        """Whether `exchange` trades at `at`; open_market and close_market outrank the calendar."""
        if self.forced is not None:
            return self.forced
        return self.always_open or current_session(exchange, at) is not None

    def ticker(self, instrument: Instrument) -> Ticker:
        """From its first use on, an instrument's price moves."""
        found = self._tickers.get(instrument.key)
        if found is None:
            found = self._start(instrument)
            self._tickers[instrument.key] = found
        return found

    def last(self, instrument: Instrument) -> Decimal:
        return self.ticker(instrument).last

    def known_price(self, instrument: Instrument) -> Decimal:
        """The last price, without following the instrument from now on."""
        found = self._tickers.get(instrument.key)
        return found.last if found else instrument.price

    def settle(self) -> None:
        """The day's last prices are its closing prices."""
        for ticker in self._tickers.values():
            ticker.close = ticker.last

    def advance(self, to: datetime) -> None:
        """Let every followed price move up to `to`; a shut market stands still."""
        seconds = (to - self._at).total_seconds()
        if 0 <= seconds < 1:
            return
        self._at = to
        if seconds < 0 or not self.moving:
            return
        open_now: dict[str, bool] = {}
        for ticker in self._tickers.values():
            exchange = ticker.instrument.exchange
            if exchange not in open_now:
                open_now[exchange] = self.is_open(exchange, to)
            if open_now[exchange]:
                _walk(ticker, seconds, to)

    def set_price(self, instrument: Instrument, price: Decimal, at: datetime) -> None:
        """A trade at `price`. One outside the daily range moves the range, as exchanges do."""
        if price <= 0 or price % instrument.tick_size:
            raise ValueError(f"{price} is not a positive multiple of {instrument.tick_size}")
        ticker = self.ticker(instrument)
        if not ticker.lower < price < ticker.upper:
            ticker.lower, ticker.upper = daily_range(instrument, price)
        ticker.trade(price, instrument.lot_size * 10, at)
        ticker.set_count += 1

    def set_range(self, key: str, limits: tuple[Decimal, Decimal] | None) -> None:
        """The daily range of an instrument; None: as it follows from the previous close."""
        instrument = self.listing.find(key)
        if instrument is not None:
            ticker = self.ticker(instrument)
            ticker.lower, ticker.upper = limits or daily_range(instrument, ticker.close)

    def new_day(self, day: date, at: datetime) -> None:
        """Yesterday's last prices become the previous closes; contracts expire and are listed."""
        self.forced = None
        if self._fixed_listing is None:
            self.listing = listing_for(day)
        kept: dict[str, Ticker] = {}
        for key, old in self._tickers.items():
            instrument = self.listing.find(key)
            if instrument is not None:
                kept[key] = self._start(instrument, old.last, old.rng)
        self._tickers = kept
        self._at = at

    def _start(
        self, instrument: Instrument, price: Decimal | None = None, rng: random.Random | None = None
    ) -> Ticker:
        close = instrument.price if price is None else price
        lower, upper = daily_range(instrument, close)
        # Contracts of one underlying share its stream, so they rise and fall together.
        rng = rng or random.Random(f"{self._seed}:{instrument.name}")  # noqa: S311
        return Ticker(instrument, close, close, close, close, close, lower, upper, self._at, rng)


def _walk(ticker: Ticker, seconds: float, at: datetime) -> None:
    instrument = ticker.instrument
    sigma = _OPTION_SIGMA if instrument.is_option else _SIGMA
    noise = ticker.rng.gauss(0.0, 1.0) * (-1 if instrument.kind == "PE" else 1)
    close, last = float(ticker.close), float(ticker.last)
    drift = (close - last) / close * 0.0002 * seconds
    move = last * (noise * sigma * math.sqrt(seconds) + drift)
    ticks = math.floor(move / float(instrument.tick_size) + ticker.rng.random())
    lots = ticker.rng.randint(1, 40)
    limit = Decimal(str(_MAX_DRIFT * (5 if instrument.is_option else 1))) * ticker.close
    floor = max(ticker.lower + instrument.tick_size, ticker.close - limit)
    ceiling = min(ticker.upper - instrument.tick_size, ticker.close + limit)
    price = ticker.last + ticks * instrument.tick_size
    returns = abs(price - ticker.close) < abs(ticker.last - ticker.close)
    if price > 0 and (floor <= price <= ceiling or returns):
        ticker.trade(price, instrument.lot_size * lots, at)


def daily_range(instrument: Instrument, close: Decimal) -> tuple[Decimal, Decimal]:
    """Lower and upper circuit of a day that starts from `close`."""
    tick = instrument.tick_size
    if instrument.is_option:
        width = close * Decimal("0.4") if close > 50 else Decimal(20)
    elif instrument.fno or instrument.kind == "FUT":
        width = close * Decimal("0.1")
    else:
        width = close * Decimal("0.2")
    return max(to_tick(close - width, tick, up=True), tick), to_tick(close + width, tick)


def to_tick(price: Decimal, tick: Decimal, *, up: bool = False) -> Decimal:
    """The nearest multiple of `tick` at or below `price`, or with `up` at or above it."""
    return (price / tick).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * tick
