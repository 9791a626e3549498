"""The simulated broker and exchange of one account: a state machine without network or threads.

Every public method takes the lock, lets time pass up to the clock, and then does its work.
Prices and money are Decimal inside; rows carry floats as Kite's JSON does. Refusals are KiteError.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from brokers.simulator import book, gtt, margins, validation, views
from brokers.simulator.book import Order
from brokers.simulator.errors import (
    KiteError,
    input_error,
    network_error,
    order_error,
    permission_error,
    too_many,
)
from brokers.simulator.hands import Hands
from brokers.simulator.listing import HEADER
from brokers.simulator.portfolio import Movement
from brokers.simulator.schedule import trading_day

MOST_MODIFICATIONS = 25
MOST_SLICES = 10


class Exchange(Hands):
    """What Kite Connect offers one account."""

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
            fired = order.triggered
            validation.check_price(order.instrument, order.side, terms, self.market, fired=fired)
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
                return [dict(row) for row in self.stale_rows]
            times = 2 if self.behaviour.duplicate_rows else 1
            return [dict(row) for row in self.order_rows() for _ in range(times)]

    def order_history(self, order_id: str) -> list[dict[str, Any]]:
        """All states of one order, the current one last."""
        with self.lock:
            self.tick()
            return [dict(row) for row in self._visible(order_id).history]

    def trades(self) -> list[dict[str, Any]]:
        with self.lock:
            self.tick()
            return [trade.row() for trade in self.matcher.trades if not self.hidden(trade.order)]

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
            request_id = f"na8QgCeQm05{len(self.authorisations):04d}"
            self.authorisations[request_id] = params.get("isin") or ""
            return {"request_id": request_id}

    def confirm_authorisation(self, request_id: str) -> None:
        """The owner confirmed at the depository: the shares may be sold today."""
        with self.lock:
            self.tick()
            if request_id not in self.authorisations:
                raise input_error("Invalid `request_id`.")
            self.portfolio.authorise(self.authorisations.pop(request_id))

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
            self.last_trigger_id += 1
            trigger = gtt.new_trigger(self.last_trigger_id, self.user_id, plan, self.at)
            self.triggers[trigger.trigger_id] = trigger
            return trigger.trigger_id

    def gtt_modify(self, trigger_id: int, params: Mapping[str, str]) -> int:
        with self.lock:
            self.tick()
            trigger = self.active_trigger(trigger_id)
            trigger.plan = gtt.read_plan(params, self.market)
            trigger.updated_at = self.at
            return trigger_id

    def gtt_delete(self, trigger_id: int) -> int:
        with self.lock:
            self.tick()
            self.active_trigger(trigger_id).end("deleted", self.at)
            return trigger_id

    def gtts(self) -> list[dict[str, Any]]:
        """Active triggers and those that ended within the last seven days."""
        with self.lock:
            self.tick()
            return [each.row() for each in self.triggers.values() if each.shown(self.at)]

    def gtt(self, trigger_id: int) -> dict[str, Any]:
        with self.lock:
            self.tick()
            return self.trigger_of(trigger_id).row()

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

    # For tests

    def ledger(self) -> dict[str, Any]:
        """The truth over all days, untouched by any knob. JSON-able."""
        with self.lock:
            self.tick()
            return views.ledger(self.all_orders.values(), self.triggers.values(), self.portfolio)

    # Within

    def _visible(self, order_id: str) -> Order:
        order = self.order_of(order_id)
        if self.hidden(order):
            raise order_error("Couldn't find that `order_id`.")
        return order

    def _changeable(self, variety: str, order_id: str, what: str) -> Order:
        if self.behaviour.ip_reject:
            raise permission_error(validation.ip_refusal(""))
        order = self.order_of(order_id)
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

    def _estimates(self) -> views.Estimates:
        return views.Estimates(self.market, self.portfolio)


def _error_row(refusal: KiteError) -> dict[str, Any]:
    return {
        "code": refusal.status,
        "error_type": refusal.error_type,
        "message": refusal.message,
        "data": None,
    }
