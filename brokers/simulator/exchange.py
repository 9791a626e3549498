"""The simulated broker and exchange of one account: a state machine without network or threads.

Every public method takes the lock, lets time pass up to the clock, and then does its work.
Prices and money are Decimal inside; rows carry floats as Kite's JSON does. Refusals are KiteError.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from brokers.simulator import book, gtt, margins, validation, views
from brokers.simulator.account import Account, instrument_of
from brokers.simulator.book import Order
from brokers.simulator.errors import (
    KiteError,
    input_error,
    network_error,
    order_error,
    permission_error,
    too_many,
)
from brokers.simulator.listing import HEADER
from brokers.simulator.portfolio import Movement
from brokers.simulator.schedule import trading_day

MOST_MODIFICATIONS = 25
MOST_SLICES = 10


class Exchange(Account):
    """What Kite Connect offers one account, and hands on the market for tests and demos."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stale_rows: list[dict[str, Any]] = []
        self._last_trigger_id = 100_000
        self._authorisations: dict[str, str] = {}
        self.behaviour.on_stale(self._keep_stale_rows)

    # Orders

    def place(self, variety: str, params: Mapping[str, str], *, ip: str = "") -> str:
        """The order id. All that follows happens at later ticks."""
        with self.lock:
            self.tick()
            return self.take_order(variety, params, ip=ip).order_id

    def place_autoslice(
        self, variety: str, params: Mapping[str, str], *, ip: str = ""
    ) -> dict[str, Any]:
        """An order above the freeze quantity as slices: `order_id`, and `children` that carry an
        `order_id` or an `error` each."""
        with self.lock:
            self.tick()
            slices = self._slices(variety, params)
            if len(slices) == 1:
                return {
                    "order_id": self.take_order(variety, params, ip=ip).order_id,
                    "children": [],
                }
            parent = self._new_order_id()
            children: list[dict[str, Any]] = []
            for quantity in slices:
                try:
                    part = {**params, "quantity": str(quantity)}
                    order = self.take_order(variety, part, ip=ip)
                except KiteError as refusal:
                    children.append({"error": _error_row(refusal)})
                else:
                    order.extra_tags += ["autoslice", f"autoslice:{parent}"]
                    children.append({"order_id": order.order_id})
            return {"order_id": parent, "children": children}

    def modify(self, variety: str, order_id: str, params: Mapping[str, str]) -> str:
        """Accepts the request; the order shows later whether it was done."""
        with self.lock:
            self.tick()
            order = self._changeable(variety, order_id, "modified")
            if order.modifications >= MOST_MODIFICATIONS:
                raise too_many("Maximum allowed order modifications exceeded.")
            terms = validation.read_modification(order, params)
            last = self.market.last(order.instrument)
            validation.check_quantity(order.instrument, terms, last)
            validation.check_price(order.instrument, order.side, terms, self.market)
            validation.check_protection(terms)
            self._check_added_margin(order, terms)
            order.wanted = terms
            self.matcher.modify(order, self.at)
            return order_id

    def cancel(self, variety: str, order_id: str) -> str:
        """Accepts the request; the order may still fill before it is CANCELLED."""
        with self.lock:
            self.tick()
            order = self._changeable(variety, order_id, "cancelled")
            message = self.behaviour.take("cancel_fails")
            if message is not None:
                raise order_error(message)
            self.matcher.cancel(order, self.at)
            return order_id

    def orders(self) -> list[dict[str, Any]]:
        """Today's order book, oldest first."""
        with self.lock:
            self.tick()
            if self.behaviour.stale_book:
                return [dict(row) for row in self._stale_rows]
            rows = self._order_rows()
            return [dict(row) for row in rows for _ in (0, 1)] if self._doubled else rows

    def order_history(self, order_id: str) -> list[dict[str, Any]]:
        """All states of one order, the current one last."""
        with self.lock:
            self.tick()
            return [dict(row) for row in self._visible(order_id).history]

    def trades(self) -> list[dict[str, Any]]:
        with self.lock:
            self.tick()
            return [trade.row() for trade in self.matcher.trades if not self._hidden(trade.order)]

    def order_trades(self, order_id: str) -> list[dict[str, Any]]:
        with self.lock:
            self.tick()
            return [trade.row() for trade in self._visible(order_id).trades]

    # Portfolio

    def positions(self) -> dict[str, list[dict[str, Any]]]:
        """`{"net": rows, "day": rows}`."""
        with self.lock:
            self.tick()
            return self.portfolio.position_rows()

    def convert_position(self, params: Mapping[str, str]) -> bool:
        """Move units of an open position to another product, at its average price."""
        with self.lock:
            self.tick()
            old, new = params.get("old_product", ""), params.get("new_product", "")
            move = {"variety": "regular", "order_type": "MARKET", "product": new}
            request = validation.read_request("regular", {**params, **move}, self.market)
            held = self.portfolio.held(request.instrument, old)
            quantity, side = request.terms.quantity, request.side
            if quantity > (held if side == "BUY" else -held) or old == new:
                raise input_error("Invalid `quantity`: more than the open position.")
            price = self.portfolio.position(request.instrument, old).average
            back = "SELL" if side == "BUY" else "BUY"
            for product, direction in ((old, back), (new, side)):
                moved = Movement(request.instrument, product, direction, quantity, price)
                self.portfolio.apply(moved)
            return True

    def holdings(self) -> list[dict[str, Any]]:
        with self.lock:
            self.tick()
            return self.portfolio.holding_rows(f"{trading_day(self.at):%Y-%m-%d}")

    def authorise_holdings(self, params: Mapping[str, str]) -> dict[str, str]:
        """Start an authorisation at the depository, of one `isin` or of all holdings."""
        with self.lock:
            self.tick()
            request_id = f"na8QgCeQm05{len(self._authorisations):04d}"
            self._authorisations[request_id] = params.get("isin") or ""
            return {"request_id": request_id}

    def confirm_authorisation(self, request_id: str) -> None:
        """The owner confirmed at the depository: the shares may be sold today."""
        with self.lock:
            self.tick()
            if request_id not in self._authorisations:
                raise input_error("Invalid `request_id`.")
            self.portfolio.authorise(self._authorisations.pop(request_id))

    def margins(self, segment: str | None = None) -> dict[str, Any]:
        """Both segments, or the inner object of one. Trades of all segments use `equity`."""
        with self.lock:
            self.tick()
            rows = {"equity": self.funds().row(), "commodity": margins.disabled_row()}
            if segment is None:
                return rows
            if segment not in rows:
                raise input_error("Invalid `segment`: use equity or commodity.")
            return rows[segment]

    def order_margins(
        self, orders: Iterable[Mapping[str, Any]], compact: bool = False
    ) -> list[dict[str, Any]]:
        with self.lock:
            self.tick()
            return self._estimates().order_margins(orders, compact=compact)

    def basket_margins(
        self, orders: Iterable[Mapping[str, Any]], consider_positions: bool = True
    ) -> dict[str, Any]:
        with self.lock:
            self.tick()
            return self._estimates().basket_margins(orders, consider_positions=consider_positions)

    def charges(self, orders: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The virtual contract note."""
        with self.lock:
            self.tick()
            return self._estimates().charges(orders)

    # Triggers

    def gtt_place(self, params: Mapping[str, str]) -> int:
        with self.lock:
            self.tick()
            plan = gtt.read_plan(params, self.market)
            self._last_trigger_id += 1
            trigger = gtt.new_trigger(self._last_trigger_id, self.user_id, plan, self.at)
            self.triggers[trigger.trigger_id] = trigger
            return trigger.trigger_id

    def gtt_modify(self, trigger_id: int, params: Mapping[str, str]) -> int:
        with self.lock:
            self.tick()
            trigger = self._active_trigger(trigger_id)
            trigger.plan = gtt.read_plan(params, self.market)
            trigger.updated_at = self.at
            return trigger_id

    def gtt_delete(self, trigger_id: int) -> int:
        with self.lock:
            self.tick()
            self._active_trigger(trigger_id).end("deleted", self.at)
            return trigger_id

    def gtts(self) -> list[dict[str, Any]]:
        """Active triggers and those that ended within the last seven days."""
        with self.lock:
            self.tick()
            return [each.row() for each in self.triggers.values() if each.shown(self.at)]

    def gtt(self, trigger_id: int) -> dict[str, Any]:
        with self.lock:
            self.tick()
            return self._trigger(trigger_id).row()

    # Market data and the user

    def quotes(self, keys: Iterable[str], mode: str) -> dict[str, Any]:
        """By the key that was asked for; unknown keys are absent. `mode`: quote, ohlc or ltp."""
        with self.lock:
            self.tick()
            found = ((key, self.market.listing.find(key)) for key in keys)
            return {
                key: views.quote_row(self.market.ticker(instrument), mode, self.at)
                for key, instrument in found
                if instrument is not None
            }

    def instruments_csv(self, exchange: str | None) -> Iterator[str]:
        """Lines of the list, header first, each with its line end."""
        with self.lock:
            self.tick()
            listing, market = self.market.listing, self.market
        yield HEADER + "\n"
        for instrument in listing:
            if exchange in (None, instrument.exchange):
                yield instrument.csv_row(market.known_price(instrument)) + "\n"

    def profile(self) -> dict[str, Any]:
        return views.profile_row(self.user_id)

    # Hands on the market, for tests and demos

    def set_price(self, exchange: str, tradingsymbol: str, price: Decimal) -> None:
        """A trade at `price` now; orders that it meets fill. ValueError off tick or unlisted."""
        with self.lock:
            self.tick()
            instrument = instrument_of(self.market, exchange, tradingsymbol)
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
            self.matcher.revise(self._order(order_id), self.at, average_price, filled)

    def deposit(
        self, exchange: str, tradingsymbol: str, quantity: int, average_price: Decimal
    ) -> None:
        """Settled shares in the demat account."""
        with self.lock:
            self.tick()
            instrument = instrument_of(self.market, exchange, tradingsymbol)
            self.portfolio.deposit(instrument, quantity, average_price)

    def end_trigger(self, trigger_id: int, status: str) -> None:
        """The broker ends a trigger: disabled, expired, cancelled or rejected."""
        if status not in gtt.ENDINGS:
            raise ValueError(f"{status!r} is none of {', '.join(sorted(gtt.ENDINGS))}")
        with self.lock:
            self.tick()
            self._active_trigger(trigger_id).end(status, self.at)

    def ledger(self) -> dict[str, Any]:
        """The truth over all days, untouched by any knob. JSON-able."""
        with self.lock:
            self.tick()
            return views.ledger(self.all_orders.values(), self.triggers.values(), self.portfolio)

    # Within

    @property
    def _doubled(self) -> bool:
        return self.behaviour.duplicate_rows

    def _order_rows(self) -> list[dict[str, Any]]:
        return [dict(order.history[-1]) for order in self.book.values() if not self._hidden(order)]

    def _keep_stale_rows(self, stale: bool) -> None:
        with self.lock:
            self.tick()
            self._stale_rows = self._order_rows() if stale else []

    def _hidden(self, order: Order) -> bool:
        return time.monotonic() - order.placed_monotonic < self.behaviour.book_lag

    def _order(self, order_id: str) -> Order:
        order = self.book.get(order_id)
        if order is None:
            raise order_error("Couldn't find that `order_id`.")
        return order

    def _visible(self, order_id: str) -> Order:
        order = self._order(order_id)
        if self._hidden(order):
            raise order_error("Couldn't find that `order_id`.")
        return order

    def _changeable(self, variety: str, order_id: str, what: str) -> Order:
        if self.behaviour.ip_reject:
            raise permission_error(validation.ip_refusal(""))
        order = self._order(order_id)
        if variety != ("amo" if order.status in book.PARKED else "regular"):
            raise network_error("The order system did not answer in time.")
        if order.ended:
            raise order_error(f"Order cannot be {what} as it is already {order.status.lower()}.")
        on_the_way = order.status in book.UNSENT and order.status not in book.PARKED
        if on_the_way or order.status == book.CANCEL_PENDING:
            raise order_error(f"Order cannot be {what} as it is being processed. Try later.")
        return order

    def _check_added_margin(self, order: Order, terms: book.Terms) -> None:
        needs = []
        for each in (order.terms, terms):
            price = margins.expected_price(each, order.instrument, self.market)
            quantity = each.quantity - order.filled
            held = self.portfolio.held(order.instrument, order.product)
            opening = margins.opening_quantity(order.side, quantity, held)
            need = margins.need_for(order.instrument, order.product, order.side, opening, price)
            needs.append(need.total)
        self.require_margin(needs[1] - needs[0])

    def _slices(self, variety: str, params: Mapping[str, str]) -> list[int]:
        request = validation.read_request(variety, params, self.market)
        instrument, quantity = request.instrument, request.terms.quantity
        most = instrument.freeze - instrument.freeze % instrument.lot_size
        if quantity > most * MOST_SLICES:
            raise input_error(f"An order can be cut into at most {MOST_SLICES} slices.")
        full, rest = divmod(quantity, most)
        return [most] * full + ([rest] if rest else [])

    def _trigger(self, trigger_id: int) -> gtt.Trigger:
        trigger = self.triggers.get(trigger_id)
        if trigger is None:
            raise input_error("Couldn't find that trigger.")
        return trigger

    def _active_trigger(self, trigger_id: int) -> gtt.Trigger:
        trigger = self._trigger(trigger_id)
        if trigger.status != gtt.ACTIVE:
            raise input_error(f"The trigger is {trigger.status}; only active ones can be changed.")
        return trigger

    def _estimates(self) -> views.Estimates:
        return views.Estimates(self.market, self.portfolio)


def _error_row(refusal: KiteError) -> dict[str, Any]:
    return {
        "code": refusal.status,
        "error_type": refusal.error_type,
        "message": refusal.message,
        "data": None,
    }
