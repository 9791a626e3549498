"""Before the claim: what an order's limits ask of the broker is read, where it isn't known.

Risk decides inside the claim's transaction, where nobody may be asked, by what stands in rows. So
the last price, the day's circuit, the order's margin and the account's funds are brought up to
date here. What can't be had stays missing, and risk decides on that.
"""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from brokers.errors import BrokerError, OutcomeUnknown, SessionExpired
from brokers.models import AccountState, BrokerConnection, PriceBand
from brokers.port import Broker, Margins, OrderRequest
from brokers.registry import broker_for
from brokers.sessions import end_session
from risk import policy
from risk.engine.limits import Limits
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.order import Status
from trading.domain.values import InstrumentKey, Mode, OrderType
from trading.models import Order, OrderMargin
from trading.services import account_reads, market_data
from trading.services.account_rows import MONEY_MAX_AGE
from trading.services.cost_request import cost_request
from trading.services.margin_facts import asked_of

logger = logging.getLogger(__name__)

# The claim comes a moment later, and must find the answers young enough.
_MONEY_AGE: Final = MONEY_MAX_AGE - timedelta(seconds=10)
_MONEY_PATIENCE: Final = 3.0
# What nobody could tell is not asked for again at once.
_ERROR_AGE: Final = timedelta(seconds=3)
_DRIFT_AGE: Final = timedelta(seconds=5)
_VALUE_AGE: Final = timedelta(seconds=30)
_BAND_AGE: Final = timedelta(minutes=15)
_TOGETHER: Final = 100

_COLLARS: Final = ("price_collar", "price_collar_options")
_OF_THE_PRICE: Final = ("max_position_value", "max_gross_exposure", "max_net_exposure")
# These go by the order's own price, where it has one.
_OF_THE_ORDER: Final = ("max_order_value", "max_working_value", "strategy_budget")

_calls = ThreadPoolExecutor(max_workers=8, thread_name_prefix="margins")


@dataclass(frozen=True, slots=True)
class _Missing:
    """What is to be read: a price of at most that age, the circuit, the margin, the funds."""

    price_age: timedelta | None = None
    circuit: bool = False
    margin: bool = False
    funds: bool = False

    @property
    def market(self) -> bool:
        return self.price_age is not None or self.circuit

    @property
    def money(self) -> bool:
        return self.margin or self.funds


@dataclass(frozen=True, slots=True)
class _Told:
    """What a broker said of money: the margin with the charges, or why not, and the funds."""

    required: Decimal | None = None
    charges: Decimal | None = None
    margin_error: BrokerError | None = None
    funds: Margins | None = None
    funds_error: BrokerError | None = None


class _Turns:
    """One preparation at a time for an account, so that a slow broker takes one sender only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[int] = set()

    def take(self, account_id: int) -> bool:
        with self._lock:
            if account_id in self._taken:
                return False
            self._taken.add(account_id)
            return True

    def give_back(self, account_id: int) -> None:
        with self._lock:
            self._taken.discard(account_id)


_turns = _Turns()


def prepare(order: Order) -> bool:
    """Have in rows what the limits of a live `order` look at; True when it may be claimed.

    False while another thread reads for its account: try again in a moment. Asks nobody when
    nothing is missing. Takes at most three seconds for a price, and for money. Call it outside any
    transaction; raises no BrokerError.
    """
    missing = _missing(order, clock.now())
    if not (missing.market or missing.money):
        return True
    account = order.connection
    if not _turns.take(account.pk):
        return False
    asked: Future[_Told] | None = None
    try:
        asked_at = clock.now()
        asked = _ask_money(order, missing) if missing.money else None
        if missing.market:
            _read_market(order, missing)
        if asked is not None:
            _keep_money(order, missing, _wait(asked, missing), asked_at)
    finally:
        if asked is None:
            _turns.give_back(account.pk)
        else:  # also when it was given up: a broker that hangs is not asked the next thing
            asked.add_done_callback(lambda _: _turns.give_back(account.pk))
    return True


# -- what is missing -----------------------------------------------------------------------------


def _missing(order: Order, now: datetime) -> _Missing:
    limits = policy.limits_for(order.strategy_id, order.strategy.name if order.strategy else "")
    age = _price_age(order, limits)
    circuit = _has_collar(order, limits)
    if age is not None or circuit:
        tells = market_data.may_tell_prices(order.connection)
        known = age is None or market_data.is_known(order.instrument, age, now)
        age = age if tells and not known else None
        circuit = circuit and tells and not _has_band(order.instrument, now)
    if order.reduce_only or not any(one.insufficient_margin is not None for one in limits):
        return _Missing(age, circuit)
    return _Missing(age, circuit, _lacks_margin(order, now), _lacks_funds(order.connection, now))


def _price_age(order: Order, limits: Sequence[Limits]) -> timedelta | None:
    """How old the last price may be at most for these limits; None when none needs one."""

    def is_set(*names: str) -> bool:
        return any(getattr(one, name) is not None for one in limits for name in names)

    ages = [
        max(timedelta(seconds=one.stale_reference - 1), market_data.FRESH)
        for one in limits
        if one.stale_reference is not None
    ]
    automatic = order.mode == Mode.AUTO
    opens = not order.reduce_only
    if (automatic and opens and is_set("stale_alert")) or _has_collar(order, limits):
        ages.append(_DRIFT_AGE)
    order_type = OrderType(order.order_type)
    priceless = not (order_type.needs_price or order_type.needs_trigger)
    if (opens and is_set(*_OF_THE_PRICE)) or (priceless and is_set(*_OF_THE_ORDER)):
        ages.append(_VALUE_AGE)
    if automatic and priceless and is_set("approval_threshold"):
        ages.append(_VALUE_AGE)
    return min(ages, default=None)


def _has_collar(order: Order, limits: Sequence[Limits]) -> bool:
    if order.gtt or order.order_type == OrderType.MARKET:
        return False
    return any(getattr(one, name) is not None for one in limits for name in _COLLARS)


def _has_band(key: InstrumentKey, now: datetime) -> bool:
    """Whether its circuit was read lately, and today: it may be widened within the day."""
    read_at = (
        PriceBand.objects.filter(exchange=key.exchange, tradingsymbol=key.tradingsymbol)
        .values_list("read_at", flat=True)
        .first()
    )
    same_day = read_at and read_at.astimezone(clock.IST).date() == now.astimezone(clock.IST).date()
    return bool(read_at and same_day and timedelta(0) <= now - read_at <= _BAND_AGE)


def _lacks_margin(order: Order, now: datetime) -> bool:
    row = OrderMargin.objects.filter(order=order).first()
    if row is None or row.asked != asked_of(order):
        return True
    return not timedelta(0) <= now - row.read_at <= (_ERROR_AGE if row.error else _MONEY_AGE)


def _lacks_funds(account: BrokerConnection, now: datetime) -> bool:
    states = AccountState.objects.filter(connection=account)
    read_at = states.values_list("funds_read_at", flat=True).first()
    return read_at is None or not timedelta(0) <= now - read_at <= _MONEY_AGE


# -- reading -------------------------------------------------------------------------------------


def _read_market(order: Order, missing: _Missing) -> None:
    """One request for all that is due at accounts of this kind."""
    due = Order.objects.filter(
        status=Status.QUEUED, connection__kind=order.connection.kind, oco_with__isnull=True
    ).exclude(exchange=order.exchange, tradingsymbol=order.tradingsymbol)
    others = due.order_by("queued_at", "pk").values_list("exchange", "tradingsymbol")[:_TOGETHER]
    market_data.ask_quotes(
        order.connection,
        order.instrument,
        [InstrumentKey(*pair) for pair in others],
        price_age=missing.price_age,
        circuit=missing.circuit,
    )


def _ask_money(order: Order, missing: _Missing) -> "Future[_Told]":
    request = cost_request(order) if missing.margin else None
    try:
        broker = broker_for(order.connection)
    except BrokerError as error:
        unasked: Future[_Told] = Future()
        unasked.set_result(_all_failed(error, missing))
        return unasked
    return _calls.submit(_tell_money, broker, request, missing.funds)


def _tell_money(broker: Broker, request: OrderRequest | None, funds: bool) -> _Told:
    """In a thread of its own: it asks the broker and touches no database."""
    cost, margin_error, told, funds_error = None, None, None, None
    if request is not None:
        try:
            cost = broker.order_cost(request)
        except BrokerError as error:
            margin_error = error
    if funds:
        try:
            told = broker.margins()
        except BrokerError as error:
            funds_error = error
    return _Told(
        required=cost.required if cost else None,
        charges=cost.charges if cost else None,
        margin_error=margin_error,
        funds=told,
        funds_error=funds_error,
    )


def _wait(asked: "Future[_Told]", missing: _Missing) -> _Told:
    try:
        return asked.result(timeout=_MONEY_PATIENCE)
    except TookTooLong:
        return _all_failed(OutcomeUnknown("The broker did not answer in time."), missing)


def _all_failed(error: BrokerError, missing: _Missing) -> _Told:
    return _Told(
        margin_error=error if missing.margin else None,
        funds_error=error if missing.funds else None,
    )


def _keep_money(order: Order, missing: _Missing, told: _Told, asked_at: datetime) -> None:
    if missing.margin:
        error = told.margin_error
        with write_transaction():
            OrderMargin.objects.update_or_create(
                order=order,
                defaults={
                    "asked": asked_of(order),
                    "required": told.required,
                    "charges": told.charges,
                    "error": error.message if error else "",
                    "read_at": clock.now(),
                },
            )
    if told.funds is not None:
        account_reads.keep_funds(order.connection, told.funds, asked_at)
    for error in (told.margin_error, told.funds_error):
        if error is not None:
            logger.warning("order %s: money is not known: %s", order.pk, error.message)
        if isinstance(error, SessionExpired):
            end_session(order.connection, error.message)
