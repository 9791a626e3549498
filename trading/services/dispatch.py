"""Sending a claimed order, exactly once: look again, one call, one outcome.

What is certain is written as certain. Everything else becomes UNKNOWN and is settled by
reading the broker's book (reconcile.py), never by sending again.
"""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.db import DatabaseError, close_old_connections

from brokers.errors import (
    BrokerError,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Refused,
    SessionExpired,
)
from brokers.models import PriceSource
from brokers.port import Broker, OrderRequest, Placed, TriggerLeg
from brokers.prices import latest_price, market_tick, record_price
from brokers.registry import broker_for
from brokers.sessions import end_session
from risk import policy
from sigmatrader import clock
from sigmatrader.db import Busy, write_transaction
from trading.domain.order import RETRYABLE, Status
from trading.domain.sizing import whole_lots
from trading.domain.values import (
    OrderType,
    Product,
    Side,
    TradingStateName,
    Validity,
    Variety,
)
from trading.models import Order, OrderAttempt
from trading.services import (
    adoption,
    exit_size,
    legs,
    lifecycle,
    market_data,
    outcomes,
    updates,
)
from trading.services.attempts import WORKER, close_attempt
from trading.services.claim import Claim
from trading.services.errors import Conflict
from trading.services.exposure import adds_exposure
from trading.services.setting_aside import set_aside

logger = logging.getLogger(__name__)

_SAVE_RETRY_SECONDS = 0.2


class _Stopped(NotSent):
    """The order may not go any more, and nothing of it has left."""


class LeaseLost(Exception):
    """Somebody else holds, or has settled, this order: touch nothing."""


def request_of(order: Order, attempt: OrderAttempt) -> OrderRequest:
    """What the broker is asked for."""
    order_type = OrderType(order.order_type)
    return OrderRequest(
        tag=attempt.tag,
        exchange=order.exchange,
        tradingsymbol=order.tradingsymbol,
        side=Side(order.side),
        quantity=order.qty,
        order_type=order_type,
        product=Product(order.product),
        validity=Validity(order.validity),
        price=order.price if order_type.needs_price else None,
        trigger_price=_trigger_of(order, order_type),
        market_protection=order.strategy.market_protection if order.strategy else Decimal(-1),
        variety=Variety(attempt.variety),
        reference_price=_last_seen_price(order),
        multiplier=order.multiplier,
        last_price=_market_price(order) if order.gtt else None,
        second_leg=_second_leg(order) if order.gtt else None,
    )


def _second_leg(order: Order) -> TriggerLeg | None:
    target = legs.target_of(order)
    if target is None or target.price is None:
        return None
    return TriggerLeg(target.trigger_price or target.price, target.price)


def _last_seen_price(order: Order) -> Decimal | None:
    """What the market was last seen at: by the order's alert, or by news since."""
    tick = latest_price(order.exchange, order.tradingsymbol)
    if tick is not None and tick.at > order.created_at:
        return tick.price
    return order.seen_price


def _market_price(order: Order) -> Decimal | None:
    """The market's own last price, else what the order's alert saw; never another alert's."""
    tick = market_tick(order.exchange, order.tradingsymbol, clock.now())
    return tick.price if tick else order.seen_price


def _trigger_of(order: Order, order_type: OrderType) -> Decimal | None:
    if order.gtt:
        return order.trigger_price or order.price
    return order.trigger_price if order_type.needs_trigger else None


def send(claim: Claim) -> Order:
    """Send a claimed order and write what came of it."""
    try:
        try:
            broker = broker_for(claim.order.connection)
        except BrokerError as error:
            unavailable = error
            return _insist(claim, lambda: outcomes.return_to_person(claim, unavailable))
        if not _may_still_go(claim, broker):
            return claim.order
        placed, problem = _call(claim, broker)
        if isinstance(problem, _Stopped):
            _give_back(claim, problem.message)
            return claim.order
        return _settle(claim, broker, placed, problem)
    except LeaseLost as error:
        logger.warning("order %s: %s; left to whoever has it", claim.order.pk, error)
        return claim.order


def _may_still_go(claim: Claim, broker: Broker) -> bool:
    """The last look; what may not go is given back. Nothing has left until here."""
    if claim.order.retry_of_id is not None and not _originals_are_absent(claim, broker):
        return False
    if not _exit_still_fits(claim, broker):
        return False
    try:
        _price_of_trigger(claim, broker)
        on_paper = broker.capabilities.simulated and claim.order.order_type == OrderType.MARKET
        if on_paper:
            market_data.price_for_paper(claim.order)
        order = claim.order
        if order.retry_of_id is not None or order.reduce_only or order.gtt or on_paper:
            _renew_lease(claim)
        refusal = look_again(claim)
    except (DatabaseError, Busy) as error:
        never_sent = NotSent(f"The database did not answer before the call: {error}")
        _insist(claim, lambda: outcomes.back_off(claim, never_sent))
        return False
    if refusal is not None:
        _give_back(claim, refusal)
        return False
    return True


def _renew_lease(claim: Claim) -> None:
    """The reads before the call took their time: the lease must outlast the call as a whole."""
    now = clock.now()
    until = now + timedelta(seconds=settings.ST.lease_seconds)
    renewed = OrderAttempt.objects.filter(
        pk=claim.attempt.pk,
        lease_token=claim.attempt.lease_token,
        closed_at__isnull=True,
        lease_until__gt=now,
    ).update(lease_until=until)
    if not renewed:
        raise LeaseLost("its lease ran out before it could be sent")
    claim.attempt.lease_until = until


def _exit_still_fits(claim: Claim, broker: Broker) -> bool:
    """A live exit is sized by the position that the broker shows at this moment."""
    if not (claim.order.reduce_only and broker.capabilities.sessions):
        return True
    try:
        left = exit_size.left_to_close(claim.order, broker)
    except BrokerError as error:
        _unread(claim, error)
        return False
    left = whole_lots(Decimal(left), claim.order.lot_size)
    if left <= 0:
        _give_back(claim, "The broker shows nothing that this exit could close.")
        return False
    if left < claim.order.qty:
        _insist(claim, lambda: _shrink(claim, left))
    return True


def _unread(claim: Claim, error: BrokerError) -> None:
    """What must be known before the call can't be read: nothing was sent, so it may go again."""
    known = error
    if isinstance(error, SessionExpired):
        end_session(claim.order.connection, error.message)
    if isinstance(error, SessionExpired | Refused):
        _insist(claim, lambda: outcomes.return_to_person(claim, known))
        return
    again = NotSent(f"The broker could not be read before the order: {error.message}")
    if isinstance(error, RateLimited):
        again = RateLimited(again.message)
    _insist(claim, lambda: outcomes.back_off(claim, again))


def _price_of_trigger(claim: Claim, broker: Broker) -> None:
    """A GTT must name the market's price; it is asked for before the last look, and kept."""
    order = claim.order
    if not order.gtt or not broker.capabilities.sessions:
        return
    try:
        found = broker.last_prices([order.instrument]).get(order.instrument)
    except BrokerError as error:
        logger.info("no price for the trigger of order %s: %s", order.pk, error.message)
        return  # what the alert saw must do
    if found is not None:
        record_price(order.exchange, order.tradingsymbol, *found, PriceSource.BROKER)


def _shrink(claim: Claim, quantity: int) -> Order:
    reason = (
        f"Quantity cut from {claim.order.qty} to {quantity}: the broker shows no more to close."
    )
    for leg in (claim.order, legs.target_of(claim.order)):
        if leg is not None:
            lifecycle.amend(leg, {"qty": quantity}, actor=WORKER, reason=reason)
    return claim.order


def look_again(claim: Claim) -> str | None:
    """The last look before the call: None to go on, else why not.

    Raises LeaseLost when the claim is not ours any more.
    """
    attempt = OrderAttempt.objects.select_related("order__strategy", "order__connection").get(
        pk=claim.attempt.pk
    )
    if attempt.lease_token != claim.attempt.lease_token or attempt.closed_at is not None:
        raise LeaseLost("its lease was taken over")
    if clock.now() >= attempt.lease_until:
        raise LeaseLost("its lease ran out")
    order = attempt.order
    if order.status != Status.SENDING:
        raise LeaseLost(f"it is {order.status}")
    if order.cancel_requested:
        return "cancelled before it was sent"
    for state in policy.states_for(order.connection_id, order.strategy_id):
        if state.state == TradingStateName.HALTED:
            return f"Trading was halted ({state.label}): {state.reason}".rstrip(": ")
        if state.state == TradingStateName.REDUCING and adds_exposure(order):
            return f"Only exits are sent ({state.label}): {state.reason}".rstrip(": ")
    if order.expires_at is not None and order.expires_at <= clock.now():
        return "its time to live was over before it could be sent"
    return None


def _call(claim: Claim, broker: Broker) -> tuple[Placed | None, BrokerError | None]:
    try:
        placed = broker.place(
            request_of(claim.order, claim.attempt), before_send=lambda: _once_more(claim)
        )
        if not placed.order_id and not placed.trigger_id:
            return None, OutcomeUnknown("The broker took the order and gave no id for it.")
        return placed, None
    except BrokerError as error:
        return None, error
    except Exception as error:
        # A fault of ours or the library's after the request may have left: nothing is known.
        logger.exception("order %s: the broker call broke", claim.order.pk)
        return None, OutcomeUnknown(f"{type(error).__name__} while the order was being sent")


def _once_more(claim: Claim) -> None:
    """The last look again, after the connection, which may have taken its time."""
    try:
        refusal = look_again(claim)
    except (DatabaseError, Busy, LeaseLost) as error:
        raise NotSent(f"No last look before the order was sent: {error}") from error
    if refusal is not None:
        raise _Stopped(refusal)


def _settle(
    claim: Claim, broker: Broker, placed: Placed | None, error: BrokerError | None
) -> Order:
    """Write the outcome; retried while the lease lives, else left to reconciliation."""

    def write() -> Order:
        if placed is not None:
            return outcomes.sent(claim, placed)
        assert error is not None
        return outcomes.not_sent(claim, error)

    try:
        order = _insist(claim, write)
    except LeaseLost:
        if placed is not None:
            adoption.adopt_answer(claim.order, broker, placed)
        raise
    if order.status == Status.SENT and broker.capabilities.reports_at_once:
        updates.refresh(order, broker)
    return order


def _insist(claim: Claim, write: Callable[[], Order]) -> Order:
    """Write an outcome, again and again while the lease lives.

    Raises LeaseLost when the order is no longer ours; what can't be saved in time is raised too,
    and reconciliation finds the order by its tag.
    """
    stale = False
    while True:
        try:
            if stale:
                _reload_if_ours(claim)
            return write()
        except Conflict:
            stale = True  # a cancel was asked meanwhile, or somebody took the lease over
        except (DatabaseError, Busy) as error:
            stale = True
            logger.error("order %s: its outcome can't be saved yet: %s", claim.order.pk, error)
            if clock.now() >= claim.attempt.lease_until:
                raise
            time.sleep(_SAVE_RETRY_SECONDS)
            close_old_connections()


def _reload_if_ours(claim: Claim) -> None:
    attempt = OrderAttempt.objects.get(pk=claim.attempt.pk)
    order = claim.order
    order.refresh_from_db(fields=["version", "status", "cancel_requested", "finished_at"])
    if attempt.lease_token != claim.attempt.lease_token or order.status != Status.SENDING:
        raise LeaseLost(f"it is {order.status}, settled by another")


def _give_back(claim: Claim, reason: str) -> None:
    """Ours, but not to be sent: close the attempt as not sent and settle the row."""

    def write() -> Order:
        with write_transaction():
            order = legs.transition(
                claim.order,
                Status.QUEUED,
                actor=WORKER,
                reason=reason,
                data={"attempt": claim.attempt.number},
            )
            close_attempt(claim.attempt, OrderAttempt.Outcome.NOT_SENT, reason)
            if order.cancel_requested:
                return legs.transition(order, Status.CANCELLED, actor=WORKER, reason=reason)
            if order.expires_at is not None and order.expires_at <= clock.now():
                return legs.transition(order, Status.EXPIRED, actor=WORKER, reason=reason)
            return set_aside(order, reason)

    _reload_if_ours(claim)
    _insist(claim, write)


def _originals_are_absent(claim: Claim, broker: Broker) -> bool:
    """Before a retry is sent: none of the orders that it retries has come to life.

    The book is read for every tag that they ever wore.
    """
    original = claim.order.retry_of
    while original is not None:
        if original.status not in RETRYABLE:
            _give_back(claim, f"Order {original.pk} is {original.status}: not sent again.")
            return False
        try:
            found = adoption.adopt_if_present(original, broker)
        except BrokerError as error:
            _give_back(claim, f"The broker's book can't be read before a retry: {error.message}")
            return False
        if found:
            _give_back(claim, f"Order {original.pk} is at the broker after all: not sent again.")
            return False
        original = original.retry_of
    return True
