"""The paper broker: the port over a book of its own, with play money."""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Final

from django.db import DatabaseError
from django.db.models import Q, QuerySet

from brokers import prices
from brokers.errors import NotSent, NotSupported, OutcomeUnknown
from brokers.models import LIVE_STATUSES, BrokerConnection, PaperAccount, PaperOrder
from brokers.paper import book, funds, ledger, market
from brokers.paper.book import Changes
from brokers.paper.matching import day_start
from brokers.paper.reports import report
from brokers.paper.rules import check_request
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
from sigmatrader import clock
from sigmatrader.db import Busy, write_transaction
from trading.domain.values import InstrumentKey, OrderType, Validity, Variety

logger = logging.getLogger(__name__)

CAPABILITIES: Final = Capabilities(
    triggers=True, reports_at_once=True, simulated=True, modifies=True
)


class PaperBroker:
    """One paper account. Its book is in tables of its own, written in its own transactions.

    Delivery stays in `positions()`; `holdings()` is always empty.
    """

    capabilities = CAPABILITIES

    def __init__(self, connection: BrokerConnection) -> None:
        self._connection = connection

    def __repr__(self) -> str:
        return f"PaperBroker({self._connection.name!r})"

    def place(
        self, request: OrderRequest, *, before_send: Callable[[], None] | None = None
    ) -> Placed:
        """Raises Refused for what can't be an order; the same tag again gives the first order."""
        check_request(request)
        if before_send is not None:
            before_send()
        now = clock.now()
        with _outcome():
            order = book.enter(self._account_id, request, now)
        try:
            book.complete(self._account_id, order.pk, now)
        except (Busy, DatabaseError):
            # The order is in the book: whoever looks at it next ends the match.
            logger.warning("Paper order %s waits for its first match", order, exc_info=True)
        return Placed(order.order_id, order.trigger_id)

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
        changes = Changes(quantity, price, trigger_price, order_type, validity)
        now = clock.now()
        with _outcome():
            market.advance(self._account_id, now)
            book.modify(self._account_id, order_id, changes, now)

    def cancel(self, order_id: str, *, variety: Variety) -> None:
        now = clock.now()
        with _outcome():
            market.advance(self._account_id, now)
            book.cancel(self._account_id, order_id, now)

    def cancel_trigger(self, trigger_id: str) -> None:
        now = clock.now()
        with _outcome():
            market.advance(self._account_id, now)
            book.cancel_trigger(self._account_id, trigger_id, now)

    def orders(self) -> list[OrderReport]:
        today = Q(updated_at__gte=day_start(clock.now()))
        return self._reports(today | Q(status__in=LIVE_STATUSES))

    def order(self, order_id: str) -> OrderReport | None:
        return next(iter(self._reports(Q(order_id=order_id))), None)

    def trigger(self, trigger_id: str) -> OrderReport | None:
        return next(iter(self._reports(Q(trigger_id=trigger_id))), None)

    def find_by_tags(self, tags: Collection[str]) -> list[OrderReport]:
        return self._reports(Q(tag__in=set(tags)))

    def positions(self) -> list[BrokerPosition]:
        today = day_start(clock.now())
        with self._locked() as account:
            now_held = ledger.positions(account)
            before = ledger.positions(account, before=today)
            traded = ledger.traded_since(account, today)
        shown = [key for key, held in now_held.items() if held.state.quantity or key in traded]
        last = self.last_prices([InstrumentKey(key.exchange, key.tradingsymbol) for key in shown])
        return [_position(key, now_held[key], before[key], last) for key in sorted(shown)]

    def holdings(self) -> list[Holding]:
        return []

    def margins(self) -> Margins:
        with self._locked() as account:
            held = ledger.positions(account)
            working = ledger.working_claims(account)
        stakes, rates = ledger.stakes(held), ledger.rates(account)
        used = funds.positions_margin(stakes, rates) + funds.orders_margin(stakes, working, rates)
        net = ledger.cash(account, held)
        return Margins(available=net - used, used=used, net=net)

    def order_cost(self, request: OrderRequest) -> OrderCost:
        """The margin beside what is open and working; paper trades are free of charges.

        Raises NotSupported for a market order while no price is known.
        """
        check_request(request)
        price = _price_of(request, clock.now())
        if price is None:
            raise NotSupported(f"No price is known for {request.key}: use a LIMIT order.")
        key = funds.PositionKey(request.exchange, request.tradingsymbol, request.product)
        claim = funds.Claim(key, request.side, request.quantity, price, request.multiplier)
        with self._locked() as account:
            stakes = ledger.stakes(ledger.positions(account))
            working, rates = ledger.working_claims(account), ledger.rates(account)
        before = funds.orders_margin(stakes, working, rates)
        after = funds.orders_margin(stakes, [*working, claim], rates)
        return OrderCost(required=after - before, charges=Decimal(0))

    def charges(self, executed: Sequence[ExecutedOrder]) -> list[Decimal]:
        raise NotSupported("The paper broker charges nothing.")

    def instruments(self) -> Iterator[InstrumentRow]:
        raise NotSupported("The paper broker has no instrument list of its own.")

    def last_prices(
        self, keys: Collection[InstrumentKey]
    ) -> dict[InstrumentKey, tuple[Decimal, datetime]]:
        found = prices.latest_prices(keys)
        return {key: (tick.price, tick.at) for key, tick in found.items()}

    def quotes(self, keys: Collection[InstrumentKey]) -> dict[InstrumentKey, Quote]:
        """Paper knows no circuits."""
        return {key: Quote(price, at) for key, (price, at) in self.last_prices(keys).items()}

    def clock_skew(self) -> None:
        """Paper has no clock but ours."""

    def session(self) -> SessionState:
        """Connected while the connection is switched on; paper needs no login."""
        return SessionState(
            connected=self._connection.enabled,
            user_id="PAPER",
            user_name=self._connection.name,
            error="" if self._connection.enabled else "This connection is switched off.",
        )

    def advance(self, now: datetime) -> int:
        try:
            return market.advance(self._account_id, now)
        except Busy:
            return 0

    @cached_property
    def _account_id(self) -> int:
        return self._account.pk

    @property
    def _account(self) -> PaperAccount:
        """The account as it is now; made with the defaults when it is first asked for."""
        found = PaperAccount.objects.filter(connection=self._connection).first()
        if found is not None:
            return found
        with write_transaction():
            return PaperAccount.objects.get_or_create(connection=self._connection)[0]

    @contextmanager
    def _locked(self) -> Iterator[PaperAccount]:
        """The account while nothing about it changes, so that what is read belongs together."""
        with _outcome(), write_transaction():
            yield book.lock_account(self._account_id)

    def _reports(self, wanted: Q) -> list[OrderReport]:
        """Reports of the account's orders, once every match that was begun is ended."""
        for order_pk in book.pending_ids(self._account_id):
            try:
                book.complete(self._account_id, order_pk, clock.now())
            except Busy:
                break
        found: QuerySet[PaperOrder] = PaperOrder.objects.filter(wanted, account=self._account_id)
        return [report(order) for order in found.order_by("id").prefetch_related("trades")]


@contextmanager
def _outcome() -> Iterator[None]:
    """What a failure of our own database means to whoever asked for a change."""
    try:
        yield
    except Busy as error:
        raise NotSent(f"The paper book is busy: {error}.") from error
    except DatabaseError as error:
        raise OutcomeUnknown("The paper book could not be written.") from error


def _price_of(request: OrderRequest, now: datetime) -> Decimal | None:
    """What a unit of the order would be paid with, as far as anybody can know before."""
    if request.order_type.needs_price:
        return request.price
    if request.order_type.needs_trigger:
        return request.trigger_price
    return prices.market_price(
        request.exchange, request.tradingsymbol, request.reference_price, now
    )


def _position(
    key: funds.PositionKey,
    held: ledger.Held,
    before: ledger.Held,
    last: dict[InstrumentKey, tuple[Decimal, datetime]],
) -> BrokerPosition:
    price, _ = last.get(InstrumentKey(key.exchange, key.tradingsymbol), (None, None))
    return BrokerPosition(
        exchange=key.exchange,
        tradingsymbol=key.tradingsymbol,
        product=key.product,
        quantity=held.state.quantity,
        average_price=held.state.average_price,
        last_price=price,
        realised=held.realised - before.realised,
        unrealised=held.state.unrealised(price, held.multiplier),
    )
