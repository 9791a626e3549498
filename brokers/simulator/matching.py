"""How orders live at the simulated exchange: status by status, matched against the last price."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from brokers.simulator import book
from brokers.simulator.behaviour import Behaviour
from brokers.simulator.book import Order, Trade
from brokers.simulator.listing import Instrument
from brokers.simulator.market import Market, Ticker, to_tick
from brokers.simulator.portfolio import Movement, Portfolio
from trading.domain.session import session_on

# Not a status: the moment at which the exchange has the order, or has it back after a change.
_LIVE = "LIVE"
_TO_EXCHANGE = (book.VALIDATING, book.OPEN_PENDING, _LIVE)
_PARK = (book.VALIDATING, book.AMO_RECEIVED)
_PREOPEN = timedelta(minutes=15)


class Matcher:
    """All live orders of one account. The exchange calls it under its lock."""

    def __init__(
        self,
        market: Market,
        behaviour: Behaviour,
        portfolio: Portfolio,
        emit: Callable[[dict[str, Any]], None],
    ) -> None:
        self.live: dict[str, Order] = {}
        self.trades: list[Trade] = []
        self._market = market
        self._behaviour = behaviour
        self._portfolio = portfolio
        self._emit = emit
        self._afterwards: list[tuple[datetime, Callable[[datetime], None]]] = []
        self._number = 0

    # Requests

    def accept(self, order: Order, at: datetime) -> None:
        """The broker has the order; all further steps follow at later ticks."""
        order.move(book.RECEIVED, at)
        self._plan(order, _PARK if order.variety == "amo" else _TO_EXCHANGE, at)
        self.live[order.order_id] = order

    def modify(self, order: Order, at: datetime) -> None:
        """`order.wanted` holds the new terms."""
        order.modifications += 1
        if order.status in book.PARKED:
            self._adopt_terms(order)
            order.move(book.AMO_MODIFIED, at)
            return
        self._plan(
            order,
            (book.MODIFY_VALIDATING, book.MODIFY_PENDING, book.MODIFIED, _LIVE),
            at,
        )

    def cancel(self, order: Order, at: datetime) -> None:
        if order.status in book.PARKED:
            self._end(order, book.CANCELLED_AMO, at)
            return
        order.fills_late = self._behaviour.take("late_fill")
        order.fills_on_cancel = self._behaviour.take("cancel_completes")
        order.wanted = None
        self._plan(order, (book.CANCEL_PENDING, book.CANCELLED), at)

    def cancel_day_orders(self, at: datetime, exchange: str | None = None) -> None:
        """What is unfilled at the end of the day is cancelled by the exchange."""
        for order in list(self.live.values()):
            if order.status in book.PARKED or book.AMO_RECEIVED in order.steps:
                continue
            if exchange is None or order.instrument.exchange == exchange:
                self._end(order, book.CANCELLED, at)

    def withdraw(self, order: Order, at: datetime) -> None:
        """The broker itself cancels an order at once."""
        self._end(order, book.CANCELLED, at)

    def revise(
        self, order: Order, at: datetime, average: Decimal | None, filled: int | None
    ) -> None:
        """The broker corrects what it reported: the average price, or a busted fill."""
        while filled is not None and order.filled > filled:
            trade = order.trades[-1]
            cut = min(trade.quantity, order.filled - filled)
            trade.quantity -= cut
            trade.movement.quantity -= cut
            order.filled -= cut
            if not trade.quantity:
                order.trades.pop()
                self.trades.remove(trade)
                self._portfolio.movements.remove(trade.movement)
        if average is not None:
            shift = average - order.average
            for trade in order.trades:
                trade.price += shift
                trade.movement.price += shift
        self._portfolio.rebuild()
        order.note(at)

    # Time

    def advance(self, at: datetime) -> None:
        """One pass over everything that may happen at `at`."""
        due = [entry for entry in self._afterwards if entry[0] <= at]
        if due:
            self._afterwards = [entry for entry in self._afterwards if entry[0] > at]
            for _, act in due:
                act(at)
        for order in list(self.live.values()):
            self._release_parked(order, at)
            self._step(order, at)
            if order.at_exchange and self._market.is_open(order.instrument.exchange, at):
                self._match(order, at)

    def forget(self) -> None:
        """The book is purged overnight; parked orders stay."""
        self._afterwards.clear()
        self.trades.clear()

    def release(self, order: Order) -> None:
        """A held or capped order goes on."""
        order.fill_cap = None

    def _plan(self, order: Order, steps: tuple[str, ...], at: datetime) -> None:
        order.steps = list(steps)
        order.step_due = at + timedelta(seconds=self._behaviour.step_delay)

    def _release_parked(self, order: Order, at: datetime) -> None:
        if order.status in book.PARKED and not order.steps and self._may_release(order, at):
            self._plan(order, (book.OPEN_PENDING, _LIVE), at)

    def _may_release(self, order: Order, at: datetime) -> bool:
        exchange = order.instrument.exchange
        if self._behaviour.market_closed:
            return False
        if self._market.forced is not None or self._market.always_open:
            return self._market.is_open(exchange, at)
        session = session_on(exchange, at.date())
        if session is None:
            return False
        early = order.instrument.is_equity and not order.waits_for_trigger
        opens = session.opens_at
        if early and order.terms.validity == "DAY":
            opens -= _PREOPEN
        return opens <= at < session.closes_at

    def _step(self, order: Order, at: datetime) -> None:
        while order.steps and order.step_due is not None and at >= order.step_due:
            held = self._behaviour.ack_only and order.source == "api"
            if order.status == book.RECEIVED and held:
                return
            self._enter(order, order.steps.pop(0), at)
            order.step_due += timedelta(seconds=self._behaviour.step_delay)

    def _enter(self, order: Order, status: str, at: datetime) -> None:
        if status == _LIVE:
            self._go_live(order, at)
        elif status == book.OPEN_PENDING and order.reject_with is not None:
            order.message = order.message_raw = order.reject_with
            self._end(order, book.REJECTED, at)
        elif status == book.CANCELLED:
            self._finish_cancel(order, at)
        elif status == book.MODIFIED:
            self._finish_modify(order, at)
        else:
            order.move(status, at)

    def _go_live(self, order: Order, at: datetime) -> None:
        if order.exchange_order_id is None:
            self._number += 1
            token = order.instrument.exchange_token
            order.exchange_order_id = f"{at:%y%m%d}{token:07d}{self._number:06d}"
            order.registered_at = at
        if order.terms.order_type == "MARKET":
            self._protect(order)
        order.move(book.TRIGGER_PENDING if order.waits_for_trigger else book.OPEN, at)

    def _protect(self, order: Order) -> None:
        """A market order becomes a limit order at the edge of its protection."""
        instrument = order.instrument
        last = self._market.last(instrument)
        percent = order.terms.market_protection
        if percent == -1:
            percent = automatic_protection(instrument, last)
        share = last * percent / 100
        buying = order.side == "BUY"
        ticker = self._market.ticker(instrument)
        edge = to_tick(
            last + share if buying else last - share, instrument.tick_size, up=not buying
        )
        order.terms.price = min(max(edge, ticker.lower), ticker.upper)
        order.terms.order_type = "LIMIT"
        order.from_market = True
        others = [tag for tag in order.extra_tags if not tag.startswith("mktp")]
        order.extra_tags = [*others, "mktp", f"mktp:{percent:.2f}"]

    def _adopt_terms(self, order: Order) -> None:
        if order.wanted is not None:
            order.terms, order.wanted = order.wanted, None
            order.fresh = True
            order.from_market = order.terms.order_type == "MARKET"

    def _finish_modify(self, order: Order, at: datetime) -> None:
        if order.wanted is not None and order.wanted.quantity <= order.filled:
            order.wanted = None
            order.move(book.NOT_MODIFIED, at)
            return
        self._adopt_terms(order)
        order.move(book.MODIFIED, at)
        self._report(order, update=True)

    def _finish_cancel(self, order: Order, at: datetime) -> None:
        if order.fills_on_cancel:
            last = self._market.last(order.instrument)
            self._fill(order, order.remaining, last, at)
            return
        self._end(order, book.CANCELLED, at)
        if order.fills_late is not None:
            self._afterwards.append(
                (at + timedelta(seconds=order.fills_late), lambda now: self._fill_late(order, now))
            )

    def _fill_late(self, order: Order, at: datetime) -> None:
        self._fill(order, order.remaining, self._market.last(order.instrument), at)

    # Matching

    def _match(self, order: Order, at: datetime) -> None:
        ticker = self._market.ticker(order.instrument)
        ends_at = order.ttl_ends_at
        if ends_at is not None and at >= ends_at:
            self._end(order, book.CANCELLED, at)
            return
        if order.waits_for_trigger and not self._trigger(order, ticker, at):
            return
        price = self._meets(order, ticker)
        quantity = self._available(order, ticker) if price is not None else 0
        if price is not None and quantity:
            self._fill(order, quantity, price, at)
        order.fresh = False
        if order.ended:
            return
        capped = order.fill_cap is not None and order.filled >= order.fill_cap
        if order.terms.validity == "IOC" or (order.cancel_after_fill and capped):
            self._end(order, book.CANCELLED, at)

    def _trigger(self, order: Order, ticker: Ticker, at: datetime) -> bool:
        trigger = order.terms.trigger_price
        reached = ticker.last >= trigger if order.side == "BUY" else ticker.last <= trigger
        if not reached:
            return False
        order.triggered = order.fresh = True
        if order.terms.order_type == "SL-M":
            self._protect(order)
        if not order.steps:
            order.move(book.OPEN, at)
        return True

    def _meets(self, order: Order, ticker: Ticker) -> Decimal | None:
        """The price at which the order trades now, None when it rests."""
        limit, last = order.terms.price, ticker.last
        buying = order.side == "BUY"
        locked = last >= ticker.upper if buying else last <= ticker.lower
        held = order.from_market and self._behaviour.unfilled_market
        if locked or held or (last > limit if buying else last < limit):
            return None
        # A new order takes the price it finds; one that rested is met at its own.
        return last if order.fresh or order.from_market or order.filled else limit

    def _available(self, order: Order, ticker: Ticker) -> int:
        quantity = order.remaining
        capped = order.fill_cap is not None and order.filled >= order.fill_cap
        if capped and not order.cancel_after_fill and ticker.set_count > order.cap_lifts_at:
            order.fill_cap = None
        if order.fill_cap is not None:
            quantity = min(quantity, max(order.fill_cap - order.filled, 0))
        if self._market.depth is None:
            return quantity
        if order.met_at != ticker.trades:
            order.met_at, order.met_quantity = ticker.trades, 0
        quantity = min(quantity, max(self._market.depth - order.met_quantity, 0))
        order.met_quantity += quantity
        return quantity

    def _fill(self, order: Order, quantity: int, price: Decimal, at: datetime) -> None:
        if quantity <= 0:
            return
        movement = Movement(order.instrument, order.product, order.side, quantity, price)
        self._portfolio.apply(movement)
        self._number += 1
        trade = Trade(f"{self._number:08d}", order, movement, quantity, price, at)
        self.trades.append(trade)
        order.trades.append(trade)
        order.filled += quantity
        order.cap_lifts_at = self._market.ticker(order.instrument).set_count
        if order.remaining:
            order.note(at)
            self._report(order, update=True)
            return
        self._end(order, book.COMPLETE, at)
        shift = self._behaviour.take("revise_average")
        if shift is not None:
            average = order.average + shift
            self._afterwards.append((at, lambda now: self.revise(order, now, average, None)))

    def _end(self, order: Order, status: str, at: datetime) -> None:
        order.steps.clear()
        order.move(status, at)
        self.live.pop(order.order_id, None)
        if status != book.CANCELLED_AMO:
            self._report(order)

    def _report(self, order: Order, *, update: bool = False) -> None:
        row = {**order.history[-1], "_source": order.source}
        self._emit({**row, "_event": "UPDATE"} if update else row)


def automatic_protection(instrument: Instrument, last: Decimal) -> Decimal:
    """Percent that `market_protection=-1` stands for."""
    table = _OPTION_PROTECTION if instrument.is_option else _PROTECTION
    return next(percent for limit, percent in table if last < limit)


_PROTECTION = tuple(
    (Decimal(limit), Decimal(percent))
    for limit, percent in ((100, "2"), (500, "1"), ("Infinity", "0.5"))
)
_OPTION_PROTECTION = tuple(
    (Decimal(limit), Decimal(percent))
    for limit, percent in ((10, "5"), (100, "3"), (500, "2"), ("Infinity", "1"))
)
