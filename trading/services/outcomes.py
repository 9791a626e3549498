"""What a call to the broker came to, written as certain where it is, and UNKNOWN where it isn't."""

from datetime import timedelta

from brokers.errors import (
    BrokerError,
    MarketClosed,
    NotSent,
    PermissionRefused,
    RateLimited,
    Refused,
    SessionExpired,
)
from brokers.port import Placed
from brokers.sessions import end_session
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.order import Status
from trading.domain.values import StateScope, TradingStateName, Variety
from trading.models import Order, OrderAttempt
from trading.services import halting, legs, limiter, triggers
from trading.services.attempts import WORKER, close_attempt, mark_unknown
from trading.services.claim import Claim
from trading.services.routing import time_to_live, way_of
from trading.services.setting_aside import set_aside

_BACKOFF_SECONDS = (1, 2, 4, 8, 15)


def sent(claim: Claim, placed: Placed) -> Order:
    """The broker has it: SENT with its id, and a cancel that was asked meanwhile goes on."""
    data: dict[str, object] = {"attempt": claim.attempt.number}
    if placed.anomaly:
        data["anomaly"] = placed.anomaly
    with write_transaction():
        legs.transition(
            claim.order,
            Status.SENT,
            actor=WORKER,
            reason="the broker took it",
            changes={
                "broker_order_id": placed.order_id or "",
                "broker_trigger_id": placed.trigger_id or "",
                "sent_at": clock.now(),
                "error_message": "",
            },
            data=data,
        )
        close_attempt(
            claim.attempt,
            OrderAttempt.Outcome.SENT,
            broker_order_id=placed.order_id or placed.trigger_id or "",
        )
        if placed.trigger_id:
            triggers.remember(claim.order)
        _pass_on_cancel(claim.order)
    return claim.order


def _pass_on_cancel(order: Order) -> None:
    """A cancel that was asked while the order was on its way is sent now that it has an id."""
    if order.cancel_requested:
        legs.transition(
            order, Status.CANCEL_PENDING, actor=WORKER, reason="cancel asked while sending"
        )


def not_sent(claim: Claim, error: BrokerError) -> Order:
    """By what is known after `error`: to a person, again, another way, FAILED, or UNKNOWN."""
    if isinstance(error, SessionExpired):
        end_session(claim.order.connection, error.message)
        return return_to_person(claim, error)
    if isinstance(error, PermissionRefused):
        return _stop_the_account(claim, error)
    if isinstance(error, NotSent):
        return back_off(claim, error)
    if isinstance(error, MarketClosed):
        return _off_hours(claim, error)
    if isinstance(error, Refused):
        return _failed(claim, error)
    return mark_unknown(claim.order, claim.attempt, error.message)


def _stop_the_account(claim: Claim, error: BrokerError) -> Order:
    """The broker lets nobody trade through this connection: sending more would be a storm."""
    order = return_to_person(claim, error)
    halting.set_state(
        TradingStateName.HALTED,
        StateScope.ACCOUNT,
        f"{order.connection.name} may not place orders: {error.message} Put it right at "
        "developers.kite.trade (profile, IP whitelist; app permissions), then resume.",
        WORKER,
        connection_id=order.connection_id,
    )
    return order


def _off_hours(claim: Claim, error: BrokerError) -> Order:
    """The broker refused a regular order because its market is closed: as the strategy wants.

    The refusal was definite and nothing was placed, so the order may go once more, as a second
    attempt with its own tag, through the claim with its risk, trading state and time to live.
    """
    order = claim.order
    if claim.attempt.variety != Variety.REGULAR:
        return _failed(claim, error)
    now = clock.now()
    way = way_of(order, now, said_closed=True)
    if way.refusal:
        return _failed(claim, error)
    changes: dict[str, object] = {"variety": way.variety, "not_before": way.not_before}
    reason = f"{error.message} Once more as {way.variety.upper()}."
    if way.not_before is not None:
        reason = f"{error.message} It waits for the next session."
        changes["expires_at"] = way.not_before + time_to_live(order)
    if way.variety is Variety.GTT:
        changes |= {"gtt": True, "trigger_price": order.trigger_price or order.price}
    with write_transaction():
        legs.transition(
            order,
            Status.QUEUED,
            actor=WORKER,
            reason=reason,
            changes=changes,
            data={"attempt": claim.attempt.number},
        )
        close_attempt(claim.attempt, OrderAttempt.Outcome.REFUSED, error.message)
        if order.cancel_requested:
            return legs.transition(
                order, Status.CANCELLED, actor=WORKER, reason="cancelled before it was sent"
            )
        if way.question:
            return set_aside(order, f"{error.message} {way.question}")
    return order


def _failed(claim: Claim, error: BrokerError) -> Order:
    with write_transaction():
        legs.transition(
            claim.order,
            Status.FAILED,
            actor="broker",
            reason=error.message,
            changes={"error_message": error.message},
            data={"attempt": claim.attempt.number},
        )
        close_attempt(claim.attempt, OrderAttempt.Outcome.REFUSED, error.message)
    return claim.order


def back_off(claim: Claim, error: BrokerError) -> Order:
    """Provably never sent: back to the queue, to be claimed again a little later."""
    step = min(claim.attempt.number - 1, len(_BACKOFF_SECONDS) - 1)
    now = clock.now()
    with write_transaction():
        legs.transition(
            claim.order,
            Status.QUEUED,
            actor=WORKER,
            reason=error.message,
            changes={"not_before": now + timedelta(seconds=_BACKOFF_SECONDS[step])},
            data={"attempt": claim.attempt.number},
        )
        close_attempt(claim.attempt, OrderAttempt.Outcome.NOT_SENT, error.message)
        if isinstance(error, RateLimited):
            limiter.exhaust_second(claim.order.connection, now)
        if claim.order.cancel_requested:
            legs.transition(
                claim.order, Status.CANCELLED, actor=WORKER, reason="cancelled before it was sent"
            )
    return claim.order


def return_to_person(claim: Claim, error: BrokerError) -> Order:
    """The account can't trade now: SENDING → QUEUED → WAITING, and a person is told why."""
    with write_transaction():
        legs.transition(
            claim.order,
            Status.QUEUED,
            actor=WORKER,
            reason=error.message,
            data={"attempt": claim.attempt.number},
        )
        close_attempt(claim.attempt, OrderAttempt.Outcome.NOT_SENT, error.message)
        if claim.order.cancel_requested:
            return legs.transition(
                claim.order, Status.CANCELLED, actor=WORKER, reason="cancelled before it was sent"
            )
        return set_aside(claim.order, error.message)
