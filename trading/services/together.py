"""Several waiting orders decided at one press: executed one after the other, or cancelled.

The next order is queued only once the one before it is past its broker, so that nothing more has
been released when something goes wrong. Whatever is not reached goes on waiting for a person.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from risk.engine.denials import Code
from risk.engine.evaluate import Decision
from sigmatrader import clock
from sigmatrader.db import Busy
from trading.domain.order import WORKING, IllegalTransition, Status
from trading.models import Order
from trading.services import legs, queue
from trading.services.errors import Conflict, ServiceError
from trading.services.exposure import decide_in_turn

MOST = 100
# How long one order may take to be past its broker, and all of them, before the rest is left.
ORDER_SECONDS = 20.0
ALL_SECONDS = 60.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.1
_BACKOFF_HORIZON = timedelta(seconds=60)
_WENT = WORKING | {Status.EXECUTED}
_REFUSED = (ServiceError, IllegalTransition, Busy, Order.DoesNotExist)


@dataclass(frozen=True, slots=True)
class Pick:
    """An order that was chosen, in the version that the person saw."""

    order_id: int
    version: int


class Result(StrEnum):
    """What became of one chosen order.

    DONE: as wanted. NOT_DONE: the reason is told; what else was chosen went on. STOPPED: it is out,
    nobody knows yet what came of it, and nothing more was released. LEFT: not touched after that.
    """

    DONE = "DONE"
    NOT_DONE = "NOT_DONE"
    STOPPED = "STOPPED"
    LEFT = "LEFT"


@dataclass(frozen=True, slots=True)
class Step:
    """`text` says in a sentence what became of the order."""

    order_id: int
    result: Result
    text: str


def problem(order: Order) -> str:
    """Why `order` can't be executed as it stands, whatever risk says; empty when it can."""
    if order.status != Status.WAITING:
        return f"It is already {order.status}."
    if order.oco_with_id is not None:
        return f"It is the target of order {order.oco_with_id} and goes with that one."
    try:
        queue.check_complete(order)
    except ServiceError as error:
        return error.message
    return ""


def judge(orders: Sequence[Order]) -> dict[int, Decision]:
    """What risk would say of each if they were executed in this order, by the order's id."""
    return decide_in_turn(order for order in orders if not problem(order))


def execute_each(
    picks: Sequence[Pick],
    *,
    actor: str,
    order_seconds: float = ORDER_SECONDS,
    all_seconds: float = ALL_SECONDS,
) -> list[Step]:
    """Execute the orders one after the other, and say what became of each.

    An order that has changed since it was seen, or that can't go, is passed over. The rest is left
    waiting as soon as the outcome of one is UNKNOWN or does not come, trading is halted, or the
    time is over. Polls rows; no transaction is open in between.
    """
    steps: list[Step] = []
    stop, end = "", time.monotonic() + all_seconds
    for place, pick in enumerate(picks, start=1):
        if not stop and time.monotonic() >= end:
            stop = f"There was no time left after {all_seconds:.0f} s."
        if stop:
            steps.append(Step(pick.order_id, Result.LEFT, f"{stop} It waits as before."))
            continue
        reason = f"executed, {place} of {len(picks)} at one press"
        until = min(time.monotonic() + order_seconds, end)
        step, stop = _execute(pick, actor, reason, until)
        steps.append(step)
    return steps


def _execute(pick: Pick, actor: str, reason: str, until: float) -> tuple[Step, str]:
    """The step, and why nothing more may be released; that is empty to go on."""
    number = pick.order_id
    try:
        order = _as_seen(pick)
        queue.execute(order, actor=actor, version=pick.version, reason=reason)
    except _REFUSED as error:
        halted = isinstance(error, ServiceError) and error.code == Code.TRADING_HALTED
        stop = f"Trading was halted before order {number}." if halted else ""
        step = Step(number, Result.NOT_DONE, f"Not executed: {_words(error, number)}")
        return step, stop or _doubt_about(number, until)
    return _outcome(_past_its_broker(number, until))


def _doubt_about(order_id: int, until: float) -> str:
    """Why nothing more may be released beside an order that another press has released."""
    try:
        return _outcome(_past_its_broker(order_id, until))[1]
    except Order.DoesNotExist:
        return ""


def _outcome(order: Order) -> tuple[Step, str]:
    def step(result: Result, text: str, stop: str = "") -> tuple[Step, str]:
        return Step(order.pk, result, text), stop

    status = Status(order.status)
    if status in _WENT:
        return step(Result.DONE, "The broker took it.")
    if status is Status.UNKNOWN:
        text = "The broker may or may not have it. It is looked up, never sent again."
        return step(Result.STOPPED, text, f"The outcome of order {order.pk} is unknown.")
    if status is Status.SENDING:
        text = "The broker has not answered yet. The order's own page tells."
        return step(Result.STOPPED, text, f"Order {order.pk} has not been answered for yet.")
    if status is Status.QUEUED and _put_off(order):
        return step(Result.DONE, "It is queued for a later moment: see the order.")
    if status is Status.QUEUED:
        text = "It is queued and has not been sent yet. It goes as soon as it can."
        return step(Result.STOPPED, text, f"Order {order.pk} has not been sent yet.")
    if status is Status.WAITING:
        return step(Result.NOT_DONE, f"It waits again: {order.set_aside_reason}")
    return step(Result.NOT_DONE, order.error_message or f"It is {status}.")


def _past_its_broker(order_id: int, until: float) -> Order:
    """The order once it is no longer on its way, put off to a later session, or time is over."""
    pause = _FIRST_PAUSE
    while True:
        order = queue.get(order_id)
        left = until - time.monotonic()
        on_its_way = order.status in (Status.QUEUED, Status.SENDING)
        if not on_its_way or left <= 0 or _put_off(order):
            return order
        time.sleep(min(pause, left))
        pause = min(pause * 1.3, _LONGEST_PAUSE)


def _put_off(order: Order) -> bool:
    """Whether it waits for a later session; one that is tried again in a moment does not."""
    return order.not_before is not None and order.not_before - clock.now() > _BACKOFF_HORIZON


def _as_seen(pick: Pick) -> Order:
    """The order as it is now; raises Conflict when that is not what the person saw."""
    order = queue.get(pick.order_id)
    if order.status != Status.WAITING:
        raise Conflict(f"it is already {order.status}.")
    if order.version != pick.version:
        raise Conflict("it has changed since you looked at it.")
    return order


def _words(error: Exception, order_id: int) -> str:
    if isinstance(error, Order.DoesNotExist):
        return f"there is no order {order_id}."
    if isinstance(error, Busy):
        return "the database was busy with something else."
    return str(error)


# -- without a broker ----------------------------------------------------------------------------


def cancel_each(picks: Iterable[Pick], *, actor: str) -> list[Step]:
    """Cancel the orders that still wait as they were seen. The legs of a trigger go together."""
    gone: set[int] = set()

    def cancel(pick: Pick) -> str:
        if pick.order_id in gone:
            return "Cancelled with the other leg of its trigger."
        order = queue.cancel_waiting(_as_seen(pick), actor=actor)
        other = legs.other_leg(order)
        if other is not None:
            gone.add(other.pk)
        return "Cancelled."

    return list(_each(picks, cancel))


def restore_each(order_ids: Iterable[int], *, actor: str) -> list[Step]:
    """Put cancelled orders that were never sent back into the queue."""

    def restore(pick: Pick) -> str:
        queue.restore(queue.get(pick.order_id), actor=actor)
        return "It waits in the queue again."

    return list(_each((Pick(one, 0) for one in order_ids), restore))


def _each(picks: Iterable[Pick], act: Callable[[Pick], str]) -> Iterator[Step]:
    for pick in picks:
        try:
            yield Step(pick.order_id, Result.DONE, act(pick))
        except _REFUSED as error:
            words = _words(error, pick.order_id)
            yield Step(pick.order_id, Result.NOT_DONE, f"Not changed: {words}")
