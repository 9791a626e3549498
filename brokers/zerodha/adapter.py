"""Zerodha behind the port, over Kite Connect."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Final, TypeVar

from brokers.errors import (
    NotSent,
    NotSupported,
    OutcomeUnknown,
    PermissionRefused,
    Refused,
    SessionExpired,
)
from brokers.port import (
    BrokerPosition,
    Capabilities,
    ExecutedOrder,
    Holding,
    InstrumentRow,
    Margins,
    OrderCost,
    OrderReport,
    OrderRequest,
    Placed,
    Quote,
    SessionState,
)
from brokers.zerodha import mapping, portfolio, triggers
from brokers.zerodha.answers import clean
from brokers.zerodha.client import KiteClient
from brokers.zerodha.instruments import read_instruments
from brokers.zerodha.rows import BadRow, Row, UnknownWord, required_text, row_of, rows_of, text
from brokers.zerodha.transport import KITE_ROOT
from sigmatrader import clock
from trading.domain.values import InstrumentKey, OrderType, Validity, Variety

logger = logging.getLogger(__name__)
T = TypeVar("T")

CAPABILITIES: Final = Capabilities(
    triggers=True,
    reports_at_once=False,
    simulated=False,
    modifies=True,
    two_leg=True,
    sessions=True,
    tells_charges=True,
)


class ZerodhaBroker:
    """One account at Zerodha, in one session.

    `unreadable`: what the last read left out, a line each: rows with a product, an order type or
    a variety that has no counterpart here, and malformed ones. An order with a tag that is looked
    for, or with one of the form of ours, is never left out: OutcomeUnknown is raised instead.
    """

    capabilities = CAPABILITIES

    def __init__(
        self,
        api_key: str,
        access_token: str,
        root: str = KITE_ROOT,
        timeout: float = 7.0,
        *,
        session_expires_at: datetime | None = None,
        allow_other_root: bool = False,
        reads_per_second: float = 0.0,
    ) -> None:
        self._client = KiteClient(
            api_key,
            access_token,
            root=root,
            timeout=timeout,
            allow_other_root=allow_other_root,
            reads_per_second=reads_per_second,
        )
        self._session_expires_at = session_expires_at
        self.unreadable: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"ZerodhaBroker({self._client.root!r})"

    # -- placing and changing --------------------------------------------------------------

    def place(
        self, request: OrderRequest, *, before_send: Callable[[], None] | None = None
    ) -> Placed:
        mapping.check_request(request)
        if request.variety is Variety.GTT:
            triggers.check_trigger(request)
            terms = triggers.trigger_terms(request, self._price_for_trigger(request))
            number, anomaly = self._client.place_trigger(terms, before_send)
            return Placed(None, number, anomaly)
        form = mapping.order_form(request)
        number, anomaly = self._client.place(str(request.variety), form, before_send)
        return Placed(number, None, anomaly)

    def modify(
        self,
        order_id: str,
        *,
        variety: Variety,
        quantity: int | None = None,
        price: Decimal | None = None,
        trigger_price: Decimal | None = None,
        order_type: OrderType | None = None,
        validity: Validity | None = None,
    ) -> None:
        """The order is read first: its own terms stand beside the new ones, its variety counts."""
        if variety is Variety.GTT:
            raise NotSupported("A resting GTT can't be changed: withdraw it and place another.")
        try:
            row = self._row_to_change(order_id, "modified")
            form = mapping.change_form(
                row,
                quantity=quantity,
                limit=price,
                trigger=trigger_price,
                order_type=order_type,
                validity=validity,
            )
        except OutcomeUnknown as error:
            raise NotSent(f"Nothing was changed: {error.message}", code=error.code) from None
        except UnknownWord as error:
            raise NotSupported(f"Order {order_id} can't be changed here: {error}.") from None
        self._client.modify(mapping.variety_for_change(row), order_id, form)

    def cancel(self, order_id: str, *, variety: Variety) -> None:
        """A wrong variety is answered with a timeout, so anything but a regular order is read
        first; and a regular one again after an unclear answer. Cancelling twice does no harm.
        """
        if variety is not Variety.REGULAR:
            self._client.cancel(self._word_for(order_id), order_id)
            return
        try:
            self._client.cancel(str(variety), order_id)
        except (Refused, OutcomeUnknown):
            own = self._word_for(order_id)
            if own == variety:
                raise
            self._client.cancel(own, order_id)

    def _word_for(self, order_id: str) -> str:
        """Kite's variety for changing the order as it stands now."""
        return mapping.variety_for_change(self._row_to_change(order_id, "cancelled"))

    def cancel_trigger(self, trigger_id: str) -> None:
        try:
            self._client.cancel_trigger(trigger_id)
        except OutcomeUnknown as error:
            if not error.code:
                raise
            report = self.trigger(trigger_id)
            if report is None:
                raise Refused(f"There is no GTT {trigger_id}.") from None
            if report.status.final:
                raise Refused(f"GTT {trigger_id} is {report.raw_status}.") from None
            raise

    # -- the book --------------------------------------------------------------------------

    def orders(self) -> list[OrderReport]:
        """Also the GTTs that ended within a week, as Kite lists them."""
        with _readable("order book"):
            left_out: list[str] = []
            book = self._book(left_out)
            legs = self._legs(book, left_out)
            self._say_unreadable(left_out)
            fired = {leg.order_id for leg in legs if leg.order_id}
            others = [report for number, report in book.items() if number not in fired]
            return mapping.oldest_first([*others, *legs])

    def order(self, order_id: str) -> OrderReport | None:
        """Raises OutcomeUnknown also for an order that is there and can't be read."""
        with _readable(f"order {order_id}"):
            row = self._last_state(order_id)
            if row is None:
                return None
            trades = mapping.trades_by_order(self._client.order_trades(order_id), [])
            report = mapping.order_report(row, trades.get(order_id, ()))
            # What a trigger became carries no tag: the triggers know whether it is theirs.
            return report if report.tags else self._as_fired(report)

    def trigger(self, trigger_id: str) -> OrderReport | None:
        """Of a two-leg GTT: the leg that fired, else the stop. `orders` shows both."""
        with _readable(f"GTT {trigger_id}"):
            data = self._client.trigger(trigger_id)
            if data is None:
                return None
            row = row_of(data, "the trigger")
            known: dict[str, OrderReport] = {}
            for number in triggers.fired_order_ids(row):
                state = self._last_state(number)
                if state is not None:
                    trades = mapping.trades_by_order(self._client.order_trades(number), [])
                    known[number] = mapping.order_report(state, trades.get(number, ()))
            reports = triggers.trigger_reports(row, known)
            return triggers.the_one_that_fired(reports)

    def find_by_tags(self, tags: Collection[str]) -> list[OrderReport]:
        """Kite keeps no tag with a GTT, nor with the order that it becomes."""
        if not tags:
            return []
        with _readable("order book"):
            left_out: list[str] = []
            book = self._book(left_out, wanted=frozenset(tags))
            self._say_unreadable(left_out)
            found = (mapping.under_its_tag(report, tags) for report in book.values())
            return mapping.oldest_first([report for report in found if report is not None])

    # -- the account -----------------------------------------------------------------------

    def positions(self) -> list[BrokerPosition]:
        with _readable("positions"):
            rows = portfolio.position_rows(self._client.positions())
            return self._each("position", rows, portfolio.position_of)

    def holdings(self) -> list[Holding]:
        with _readable("holdings"):
            rows = rows_of(self._client.holdings(), "holdings")
            return self._each("holding", rows, portfolio.holding_of)

    def margins(self) -> Margins:
        with _readable("margins"):
            return portfolio.margins_of(self._client.margins())

    def order_cost(self, request: OrderRequest) -> OrderCost:
        """A GTT costs nothing while it rests: what its order will take is told."""
        mapping.check_request(request)
        with _readable("order's cost"):
            try:
                return portfolio.cost_of(self._client.order_margins([mapping.cost_form(request)]))
            except PermissionRefused as error:
                raise NotSupported(error.message, code=error.code) from None

    def charges(self, executed: Sequence[ExecutedOrder]) -> list[Decimal]:
        """By Kite's virtual contract note, at today's rates. The depository's fee is not in it."""
        if not executed:
            return []
        with _readable("contract note"):
            try:
                rows = self._client.contract_note([mapping.note_form(one) for one in executed])
            except PermissionRefused as error:
                raise NotSupported(error.message, code=error.code) from None
            return portfolio.charges_of(rows, executed)

    def instruments(self) -> Iterator[InstrumentRow]:
        def tell(line: int, wrong: str) -> None:
            logger.warning("instrument list, line %s is left out: %s", line, wrong)

        return read_instruments(self._client.instrument_lines(), on_malformed=tell)

    def last_prices(
        self, keys: Collection[InstrumentKey]
    ) -> dict[InstrumentKey, tuple[Decimal, datetime]]:
        """Raises NotSupported for an app without market data, as Kite's free plan is.

        Kite tells no time with these prices: it is the time of the answer.
        """
        told = self._told(keys, self._client.last_prices, portfolio.last_price_of)
        now = clock.now()
        return {key: (price, now) for key, price in told.items()}

    def quotes(self, keys: Collection[InstrumentKey]) -> dict[InstrumentKey, Quote]:
        """As `last_prices`, at the same price in requests."""
        told = self._told(keys, self._client.quotes, portfolio.quote_of)
        now = clock.now()
        return {key: Quote(price, now, *circuit) for key, (price, *circuit) in told.items()}

    def _told(
        self,
        keys: Collection[InstrumentKey],
        ask: Callable[[Collection[str]], Mapping[str, object]],
        read: Callable[[Row], T | None],
    ) -> dict[InstrumentKey, T]:
        """What `read` makes of the quotes of those instruments that Kite knows."""
        names = {str(key): key for key in keys}
        if not names:
            return {}
        with _readable("prices"):
            try:
                quotes = ask(list(names))
            except PermissionRefused as error:
                raise NotSupported(error.message, code=error.code) from None
            left_out: list[str] = []
            found: dict[InstrumentKey, T] = {}
            for name, key in names.items():
                quote = {"id": name, "quote": quotes.get(name) or {}}
                one = _or_left_out(left_out, "quote", quote, read)
                if one is not None:
                    found[key] = one
            return found

    def session(self) -> SessionState:
        """Asks Kite who is logged in."""
        with _readable("profile"):
            try:
                profile = row_of(self._client.profile(), "the profile")
            except SessionExpired as error:
                return SessionState(False, self._session_expires_at, error=error.message)
            return SessionState(
                True,
                self._session_expires_at,
                user_id=required_text(profile, "user_id"),
                user_name=text(profile, "user_name"),
            )

    def clock_skew(self) -> Decimal | None:
        return self._client.clock_skew()

    def advance(self, now: datetime) -> int:
        return 0

    # -- helpers ---------------------------------------------------------------------------

    def _price_for_trigger(self, request: OrderRequest) -> Decimal:
        """The market's price, which Kite wants beside a trigger to know the way to it.

        What the caller knows, else what the alert saw; never the trigger's own price, which would
        have it fire at once or never. It is not asked for here: nothing may come between the
        caller's last look and the order.
        """
        if request.last_price is not None:
            return mapping.check_price("last_price", request.last_price, "GTT")
        if request.reference_price is not None:
            return mapping.check_price("reference_price", request.reference_price, "GTT")
        raise Refused(f"A GTT needs the last price of {request.key}, and none is known.")

    def _book(
        self, left_out: list[str], wanted: frozenset[str] = frozenset()
    ) -> dict[str, OrderReport]:
        """The day's orders by id; an order that is shown twice counts once."""
        rows = rows_of(self._client.orders(), "orders")
        trades = mapping.trades_by_order(self._client.trades(), left_out)
        book: dict[str, OrderReport] = {}
        for row in rows:
            report = _or_left_out(left_out, "order", row, partial(_order, trades, left_out))
            if report is None and mapping.may_be_ours(row, wanted):
                raise OutcomeUnknown(f"{left_out[-1]}, and it may be ours by its tag.")
            if report is not None:
                number = str(report.order_id)
                seen = book.get(number)
                book[number] = mapping.the_further(seen, report) if seen else report
        return book

    def _each(self, what: str, rows: list[Row], read: Callable[[Row], T]) -> list[T]:
        """What `read` makes of the rows that can be read; BadRow when none of them can."""
        left_out: list[str] = []
        found = [_or_left_out(left_out, what, row, read) for row in rows]
        if len(left_out) == len(rows) > 0:
            raise BadRow(left_out[0])
        self._say_unreadable(left_out)
        return [one for one in found if one is not None]

    def _last_state(self, order_id: str) -> Row | None:
        """The newest row of an order's history; None when Kite knows no such order."""
        history = self._client.order_history(order_id)
        if history is None:
            return None
        rows = rows_of(history, "order history")
        return rows[-1] if rows else None

    def _row_to_change(self, order_id: str, verb: str) -> Row:
        """The order's own row; Refused when there is none, or nothing more to change."""
        with _readable(f"order {order_id}"):
            row = self._last_state(order_id)
            if row is None:
                raise Refused(f"There is no order {order_id}.")
            raw = text(row, "status")
            if mapping.status_of(raw).final:
                raise Refused(f"Order {order_id} is {raw}: it can't be {verb} any more.")
            return row

    def _legs(self, book: Mapping[str, OrderReport], left_out: list[str]) -> list[OrderReport]:
        """The legs of all triggers; those that fired as their orders in `book`."""
        found: list[OrderReport] = []
        for row in rows_of(self._client.triggers(), "triggers"):
            read = partial(triggers.trigger_reports, book=book, resting_only=True)
            found += _or_left_out(left_out, "GTT", row, read) or []
        return found

    def _as_fired(self, report: OrderReport) -> OrderReport:
        """`report` as the leg that it was, when a trigger says so."""
        legs = self._legs({report.order_id or "": report}, [])
        return next((leg for leg in legs if leg.order_id == report.order_id), report)

    def _say_unreadable(self, left_out: Iterable[str]) -> None:
        self.unreadable = tuple(left_out)
        for line in self.unreadable:
            _warn_once(line)


@lru_cache(maxsize=1000)
def _warn_once(line: str) -> None:
    """The book is read every few seconds, and says the same all day."""
    logger.warning("left out: %s", line)


def _or_left_out(
    left_out: list[str], what: str, row: Row, read: Callable[[Row], T | None]
) -> T | None:
    """What `read` makes of a row; None for one that can't be used here, which is noted."""
    try:
        return read(row)
    except (BadRow, UnknownWord) as error:
        left_out.append(f"{what} {_name(row)} can't be read: {error}")
        return None


def _name(row: Row) -> str:
    """What a person may know a row by that can't be read."""
    number = row.get("order_id") or row.get("id") or ""
    return clean(f"{number} {row.get('exchange')}:{row.get('tradingsymbol')}")[:200]


def _order(trades: Mapping[str, list[Row]], left_out: list[str], row: Row) -> OrderReport:
    return mapping.report_in_part(row, trades.get(mapping.order_id_of(row), ()), left_out)


@contextmanager
def _readable(what: str) -> Iterator[None]:
    """A malformed answer is no answer: nothing of it is used."""
    try:
        yield
    except (BadRow, UnknownWord) as error:
        raise OutcomeUnknown(f"Zerodha's {what} can't be read: {error}.") from None
