"""What one account at the simulated broker consists of, and how time passes for it."""

import threading
import time
import zlib
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from brokers.simulator import book, gtt, margins
from brokers.simulator.behaviour import Behaviour
from brokers.simulator.book import Order, Terms
from brokers.simulator.clock import SimClock
from brokers.simulator.errors import KiteError, margin_error
from brokers.simulator.gtt import Leg, Trigger
from brokers.simulator.listing import Listing
from brokers.simulator.market import Market
from brokers.simulator.matching import Matcher
from brokers.simulator.portfolio import Portfolio
from brokers.simulator.schedule import moments, next_roll, square_off_at, trading_day
from brokers.simulator.validation import EXCHANGES, Request, check_placement, read_request

RMS_USER = "ADMINSQF"
_EPOCH_MS = 1_288_834_974_657
_FREE = Decimal(0)


class Account:
    """State of one account. `tick` lets time pass up to the clock; `lock` guards everything."""

    def __init__(
        self,
        clock: SimClock,
        *,
        seed: int = 1,
        cash: Decimal = Decimal(1_000_000),
        user_id: str = "SIM001",
        listing: Listing | None = None,
        prices_move: bool = True,
        always_open: bool = False,
    ) -> None:
        """`cash` in rupees. `always_open`: the market is open at any hour, for tests and demos.
        Without a `listing` the instruments follow the clock's date."""
        self.clock = clock
        self.user_id = user_id
        self.behaviour = Behaviour()
        self.on_update: Callable[[dict[str, Any]], None] | None = None
        self.lock = threading.RLock()
        self.at = clock.now()
        self.market = Market(
            self.at, seed=seed, listing=listing, moving=prices_move, always_open=always_open
        )
        self.portfolio = Portfolio(self.market, cash)
        self.matcher = Matcher(self.market, self.behaviour, self.portfolio, self._emit)
        self.book: dict[str, Order] = {}
        self.all_orders: dict[str, Order] = {}
        self.triggers: dict[int, Trigger] = {}
        self._legs: dict[str, tuple[Trigger, Leg]] = {}
        self._was_open: dict[str, bool] = {}
        self._squared_off: set[tuple[str, date]] = set()
        self._ended_day: date | None = None
        self._next_roll = next_roll(self.at)
        self._last_order_id = 0
        self._circuit: tuple[str, str, Decimal, Decimal] | None = None
        self.last_trigger_id = 100_000
        self.authorisations: dict[str, str] = {}
        self.stale_rows: list[dict[str, Any]] = []
        self.behaviour.on_stale(self._keep_stale_rows)
        self._note_sessions(self.at)

    # The book as it is shown

    def order_rows(self) -> list[dict[str, Any]]:
        """The current row of every order of today that is not hidden by a lag."""
        return [order.history[-1] for order in self.book.values() if not self.hidden(order)]

    def hidden(self, order: Order) -> bool:
        return time.monotonic() - order.placed_monotonic < self.behaviour.book_lag

    def _keep_stale_rows(self, stale: bool) -> None:
        with self.lock:
            self.tick()
            self.stale_rows = self.order_rows() if stale else []

    # Time

    def tick(self) -> None:
        """Let the market and all orders move up to the clock."""
        with self.lock:
            now = self.clock.now()
            if now < self.at:
                self._next_roll = next_roll(now)
            for at in moments(self.at, now):
                self._live_through(at)

    def _live_through(self, at: datetime) -> None:
        self.at = at
        if at >= self._next_roll:
            self._roll(at)
        self._apply_circuit()
        self.market.advance(at)
        if not self.market.always_open and self.market.forced is None:
            self._close_sessions(at)
            self._square_off_intraday(at)
        self._watch_triggers(at)
        self.matcher.advance(at)

    def _apply_circuit(self) -> None:
        """Follow the knob: its range holds while it is set, then the day's own again."""
        wanted, current = self.behaviour.circuit, self._circuit
        if wanted == current:
            return
        self._circuit = wanted
        if current is not None:
            self.market.set_range(f"{current[0]}:{current[1]}", None)
        if wanted is not None:
            self.market.set_range(f"{wanted[0]}:{wanted[1]}", wanted[2:])

    def _roll(self, at: datetime) -> None:
        """06:00: yesterday's book is purged and a new day of prices begins."""
        ended = self._next_roll.date() - timedelta(days=1)
        if self._ended_day != ended:
            self.finish_day(ended)
        self.matcher.cancel_day_orders(at)
        self.matcher.forget()
        self.book = {key: order for key, order in self.book.items() if key in self.matcher.live}
        self.market.new_day(trading_day(at), at)
        self._circuit = None
        self._next_roll = next_roll(at)
        self._note_sessions(at)

    def finish_day(self, day: date) -> None:
        """DAY orders are cancelled, money and shares settle, positions become overnight ones."""
        self.matcher.cancel_day_orders(self.at)
        expired = {
            position.instrument.key
            for position in self.portfolio.positions.values()
            if position.instrument.expiry is not None and position.instrument.expiry <= day
        }
        self.portfolio.end_day(frozenset(expired))
        self.market.settle()
        self._ended_day = day

    def _note_sessions(self, at: datetime) -> None:
        self._was_open = {name: self.market.is_open(name, at) for name in EXCHANGES}

    def _close_sessions(self, at: datetime) -> None:
        was_open = self._was_open
        self._note_sessions(at)
        for exchange, is_open in self._was_open.items():
            if was_open[exchange] and not is_open:
                self.matcher.cancel_day_orders(at, exchange)

    def _square_off_intraday(self, at: datetime) -> None:
        for exchange, is_open in self._was_open.items():
            due = square_off_at(exchange, at.date())
            key = (exchange, at.date())
            if is_open and due is not None and at >= due and key not in self._squared_off:
                self._squared_off.add(key)
                self.close_positions("MIS", exchange)

    # Orders

    def take_order(
        self, variety: str, params: Mapping[str, str], *, source: str = "api", ip: str = ""
    ) -> Order:
        """Check a placement as the broker does and keep it. Raises KiteError."""
        request = read_request(variety, params, self.market)
        check_placement(request, self.market, self.behaviour, self.at, ip)
        self._check_holding(request)
        self._check_margin(request)
        return self._keep(request, source, self.user_id)

    def close_positions(self, product: str, exchange: str | None = None) -> None:
        """As the broker's risk desk does: cancel the product's orders, then market orders."""
        for order in list(self.matcher.live.values()):
            ours = exchange is None or order.instrument.exchange == exchange
            if ours and order.product == product and order.status not in book.PARKED:
                self.matcher.withdraw(order, self.at)
        for position in list(self.portfolio.positions.values()):
            instrument, quantity = position.instrument, position.quantity
            if position.product != product or not quantity:
                continue
            if exchange is None or instrument.exchange == exchange:
                side = "SELL" if quantity > 0 else "BUY"
                terms = Terms("MARKET", abs(quantity), _FREE, _FREE, "DAY", 0, 0, Decimal(-1))
                request = Request("regular", instrument, side, product, terms, None)
                self._keep(request, "rms", RMS_USER)

    def _keep(self, request: Request, source: str, placed_by: str) -> Order:
        order = Order(
            order_id=self._new_order_id(),
            source=source,
            variety=request.variety,
            instrument=request.instrument,
            side=request.side,
            product=request.product,
            terms=request.terms,
            tag=request.tag,
            placed_by=placed_by,
            placed_at=self.at,
            placed_monotonic=time.monotonic(),
        )
        if source in {"api", "gtt"}:
            order.reject_with = self.behaviour.take("reject_async")
            order.fill_cap = self.behaviour.take("partial_fill")
            if order.fill_cap is None:
                order.fill_cap = self.behaviour.take("partial_then_cancel")
                order.cancel_after_fill = order.fill_cap is not None
        self.book[order.order_id] = self.all_orders[order.order_id] = order
        self.market.ticker(order.instrument)
        self.matcher.accept(order, self.at)
        return order

    def _new_order_id(self) -> str:
        """19 digits that increase: milliseconds, account and a count, as the broker's are made."""
        milliseconds = int(self.at.timestamp() * 1000) - _EPOCH_MS
        account = zlib.crc32(self.user_id.encode()) & 0x3FF
        self._last_order_id = max(self._last_order_id + 1, milliseconds << 22 | account << 12)
        return str(self._last_order_id)

    def _check_holding(self, request: Request) -> None:
        if request.product != "CNC" or request.side != "SELL":
            return
        pending = sum(
            order.remaining
            for order in self.matcher.live.values()
            if order.product == "CNC"
            and order.side == "SELL"
            and order.instrument == request.instrument
        )
        self.portfolio.check_sale(
            request.instrument,
            request.terms.quantity,
            pending,
            authorise=self.behaviour.needs_authorisation,
        )

    def _check_margin(self, request: Request) -> None:
        instrument, side = request.instrument, request.side
        price = margins.expected_price(request.terms, instrument, self.market)
        held = self.portfolio.held(instrument, request.product)
        opening = margins.opening_quantity(side, request.terms.quantity, held)
        need = margins.need_for(instrument, request.product, side, opening, price).total
        self.require_margin(need)

    def require_margin(self, need: Decimal) -> None:
        """Raises MarginException when `need` rupees are not free."""
        available = self.funds().available
        if (need > 0 and need > available) or self.behaviour.margin_reject:
            raise margin_error(
                f"Insufficient funds. Required margin is {need:.2f} but available margin is "
                f"{available:.2f}. Check the orderbook for open orders."
            )

    def funds(self) -> margins.Funds:
        return margins.funds(self.portfolio, self.matcher.live.values(), self.market)

    # Triggers

    def _watch_triggers(self, at: datetime) -> None:
        for trigger in self.triggers.values():
            if trigger.status != gtt.ACTIVE:
                continue
            instrument = trigger.plan.instrument
            if at >= trigger.expires_at:
                trigger.end("expired", at)
            elif self.market.is_open(instrument.exchange, at):
                number = trigger.reached(self.market.last(instrument))
                if number is not None:
                    self._fire(trigger, trigger.plan.legs[number], at)

    def _fire(self, trigger: Trigger, leg: Leg, at: datetime) -> None:
        """The condition is used up by one leg; a refused order does not bring it back."""
        trigger.end("triggered", at)
        trigger.fired.append(leg)
        instrument = trigger.plan.instrument
        params = {
            "exchange": instrument.exchange,
            "tradingsymbol": instrument.tradingsymbol,
            "transaction_type": leg.side,
            "quantity": str(leg.quantity),
            "product": leg.product,
            "order_type": leg.order_type,
            "price": str(leg.price),
        }
        try:
            order = self.take_order("regular", params, source="gtt")
        except KiteError as refusal:
            trigger.settle(leg, at, "", refusal.message)
            return
        self._legs[order.order_id] = (trigger, leg)
        trigger.settle(leg, at, order.order_id, "")

    # Updates

    def _emit(self, row: dict[str, Any]) -> None:
        fired = self._legs.get(row["order_id"])
        if fired is not None and row["status"] == book.REJECTED:
            trigger, leg = fired
            trigger.settle(leg, self.at, leg.order_id, row["status_message"] or "Rejected.")
        if self.on_update is not None:
            self.on_update(row)
