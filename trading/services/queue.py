"""What a person does with orders: edit, execute, cancel, restore, retry, resolve, modify."""

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from brokers.accounts import session_of
from brokers.models import BrokerConnection
from brokers.registry import capabilities_of
from risk.engine.evaluate import Decision
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.order import RETRYABLE, WORKING, Status
from trading.domain.session import waiting_expires_at
from trading.domain.values import Mode, OrderType, Origin, Product, Validity
from trading.models import Order, OrderAttempt
from trading.services import calendar, legs, lifecycle, limiter
from trading.services.attempts import new_client_order_id
from trading.services.cancelling import CancelResult as CancelResult
from trading.services.cancelling import cancel as cancel
from trading.services.contract import problems
from trading.services.errors import Conflict, InvalidChange, NotExecutable
from trading.services.exposure import decide, decide_all
from trading.services.instruments import resolve as resolve_symbol
from trading.services.modifications import as_changed
from trading.services.resolving import resolve as resolve

EDITABLE = ("qty", "price", "trigger_price", "order_type", "product", "validity", "gtt")
MODIFIABLE = ("qty", "price", "trigger_price", "order_type", "validity")
MAX_QUANTITY = 10**9
MAX_PRICE = Decimal(10**9)
MAX_MODIFICATIONS = 25


def get(order_id: int) -> Order:
    """The order with what the services read of it; raises Order.DoesNotExist."""
    return Order.objects.select_related("connection", "strategy", "alert").get(pk=order_id)


def shape_errors(order: Order | Mapping[str, Any]) -> dict[str, list[str]]:
    """What makes the fields no order, by field, with the fix."""
    value: Callable[[str], Any] = (
        order.__getitem__ if isinstance(order, Mapping) else partial(getattr, order)
    )
    errors: dict[str, list[str]] = {}
    order_type = OrderType(value("order_type"))
    price, trigger, quantity = value("price"), value("trigger_price"), value("qty")
    if quantity is None or quantity < 0 or quantity > MAX_QUANTITY:
        errors["qty"] = [f"Enter a whole number from 1 to {MAX_QUANTITY}."]
    for name, number in (("price", price), ("trigger_price", trigger)):
        if number is not None and not 0 < number <= MAX_PRICE:
            errors[name] = ["Enter a price above 0, or leave it empty."]
    if order_type.needs_price and price is None:
        errors["price"] = [f"A {order_type} order needs a price."]
    if order_type.needs_trigger and trigger is None:
        errors["trigger_price"] = [f"A {order_type} order needs a trigger price."]
    if value("gtt") and order_type is not OrderType.LIMIT:
        errors["gtt"] = ["A GTT can only place a LIMIT order: choose LIMIT, or switch GTT off."]
    return errors


def preview(order: Order) -> Decision:
    """What risk would say if the order were executed now. Changes nothing."""
    session = session_of(order.connection)
    return decide(
        order, order.connection, session_ok=session.connected, session_error=session.error
    )


def previews(orders: Iterable[Order]) -> dict[int, Decision]:
    """`preview` of each waiting order among `orders`, by its id."""
    return decide_all(order for order in orders if order.status == Status.WAITING)


def preview_of_changes(order: Order, changes: Mapping[str, Any]) -> Decision:
    """What risk would say of a waiting order with `changes` (fields of EDITABLE). Stores nothing.

    Raises InvalidChange with the fields and fixes.
    """
    merged = {name: getattr(order, name) for name in EDITABLE} | dict(changes)
    changed = copy(order)
    for name, value in merged.items():
        setattr(changed, name, value)
    if errors := shape_errors(merged) or problems(changed):
        raise InvalidChange("The order can't be changed so.", errors=errors)
    return preview(changed)


def _check_version(order: Order, version: int | None) -> None:
    if version is not None and version != order.version:
        raise Conflict(f"The order is at version {order.version}, not {version}: look at it again.")


def edit(
    order: Order, changes: Mapping[str, Any], *, actor: str, version: int | None = None
) -> Order:
    """Change a WAITING order. `changes`: fields of EDITABLE; None clears a price.

    Raises Conflict when it no longer waits, InvalidChange with the fields and fixes.
    """
    unknown = set(changes) - set(EDITABLE)
    if unknown:
        raise InvalidChange(
            "Some fields can't be edited.",
            errors={name: ["This field can't be edited."] for name in sorted(unknown)},
        )
    if order.status != Status.WAITING:
        raise Conflict(f"Only a waiting order can be edited; this one is {order.status}.")
    _check_version(order, version)
    merged = {name: getattr(order, name) for name in EDITABLE} | dict(changes)
    errors = shape_errors(merged)
    if changes.get("qty") == 0:
        errors["qty"] = [f"Enter a whole number from 1 to {MAX_QUANTITY}."]
    if errors:
        raise InvalidChange("The order can't be changed so.", errors=errors)
    changed = {name: value for name, value in changes.items() if value != getattr(order, name)}
    if not changed:
        return order
    if tied := sorted(set(changed) - {"price", "trigger_price"}):
        _not_of_two(order, dict.fromkeys(tied, "The two legs share it: cancel and protect anew."))
    if "qty" in changed:
        changed |= {"requested_qty": changed["qty"], "needs_quantity": changed["qty"] <= 0}
    return lifecycle.amend(order, changed, actor=actor, reason="edited")


def _not_of_two(order: Order, errors: Mapping[str, str]) -> None:
    """Raise InvalidChange when `order` is one leg of a two-leg trigger."""
    if legs.other_leg(order) is not None:
        raise InvalidChange(
            "The stop and the target of one trigger belong together.",
            errors={name: [text] for name, text in errors.items()},
        )


def check_account(connection: BrokerConnection) -> None:
    """Raise NotExecutable when the account is off or has no session."""
    if not connection.enabled:
        raise NotExecutable(
            f"The account {connection.name} is switched off.", code="account_disabled"
        )
    session = session_of(connection)
    if not session.connected:
        raise NotExecutable(
            session.error or f"{connection.name} is not connected: log in first.",
            code="broker_not_connected",
        )


def check_complete(order: Order) -> None:
    """Raise NotExecutable for what the order itself, or its account, lacks."""
    errors = shape_errors(order)
    if order.qty <= 0 or order.needs_quantity:
        errors["qty"] = ["The quantity is missing: fill it in first."]
    errors = errors or problems(order)
    if errors:
        first = "; ".join(text for texts in errors.values() for text in texts)
        raise NotExecutable(first, errors=errors)
    connection = order.connection
    check_account(connection)
    if order.gtt and not capabilities_of(connection).triggers:
        raise NotExecutable(
            f"{connection.name} can't hold a GTT trigger: switch GTT off for this order.",
            code="gtt_not_supported",
            errors={"gtt": ["This account can't hold GTT triggers."]},
        )


def execute(
    order: Order, *, actor: str, version: int | None = None, reason: str = "executed"
) -> Order:
    """WAITING → QUEUED: the worker sends it. Raises Conflict or NotExecutable.

    A temporary stop (a gate such as HALTED) leaves the order WAITING.
    """
    if order.status != Status.WAITING:
        raise Conflict(f"This order is already {order.status}.", code="already_decided")
    _check_version(order, version)
    if order.oco_with_id is not None:
        raise Conflict(f"This is the target of order {order.oco_with_id}: execute that one.")
    now = clock.now()
    if order.expires_at is not None and order.expires_at <= now:
        expire(order)
        raise Conflict("This order waited too long and has expired.", code="expired")
    _name_instrument(order, actor)
    check_complete(order)
    decision = preview(order)
    if decision.gates:
        raise NotExecutable(
            " ".join(gate.message for gate in decision.gates), code=decision.gates[0].code
        )
    return legs.transition(
        order,
        Status.QUEUED,
        actor=actor,
        reason=reason,
        changes={
            "queued_at": now,
            "set_aside_reason": "",
            "expires_at": sending_deadline(order),
            "not_before": None,
        },
    )


def _name_instrument(order: Order, actor: str) -> None:
    """Take over what the list, an override or a contract rule says by now of the instrument."""
    found = resolve_symbol(
        order.exchange,
        order.tradingsymbol,
        strategy=order.strategy,
        live=not order.simulated,
    )
    if found.problem:
        if order.simulated:
            return
        raise NotExecutable(found.problem, code="instrument", errors={"symbol": [found.problem]})
    changes = {
        name: value
        for name in ("exchange", "tradingsymbol", "lot_size", "multiplier")
        if (value := getattr(found, name)) != getattr(order, name)
    }
    if changes:
        lifecycle.amend(
            order, changes, actor=actor, reason=f"it is {found.exchange}:{found.tradingsymbol}"
        )


def sending_deadline(order: Order) -> Any:
    """Until when a live order may be sent after the press; paper trades at any hour."""
    if order.simulated:
        return None
    seconds = order.strategy.time_to_live_seconds if order.strategy else 60
    return clock.now() + timedelta(seconds=seconds)


def expire(order: Order) -> Order:
    why = filter(None, ("its time was over before it was sent", limiter.held_up(order)))
    return legs.transition(order, Status.EXPIRED, actor="clock", reason=": ".join(why))


def cancel_waiting(order: Order, *, actor: str) -> Order:
    """WAITING → CANCELLED only; anything else is a Conflict."""
    if order.status != Status.WAITING:
        raise Conflict(f"Only a waiting order can be cancelled here; this one is {order.status}.")
    return cancel(order, actor=actor).order


def restore(order: Order, *, actor: str) -> Order:
    """CANCELLED → WAITING, if it was never sent. Raises Conflict otherwise."""
    if order.status != Status.CANCELLED:
        raise Conflict(f"Only a cancelled order can be restored; this one is {order.status}.")
    if (
        not order.never_sent
        or order.attempts.exclude(outcome=OrderAttempt.Outcome.NOT_SENT).exists()
    ):
        raise Conflict("This order was sent to the broker: retry it as a new order instead.")
    _alone(order)
    with write_transaction():
        if order.retry_of_id is not None:
            _only_retry(order.retry_of_id, besides=order.pk)
        return lifecycle.transition(
            order,
            Status.WAITING,
            actor=actor,
            reason="restored",
            changes={
                "mode": Mode.MANUAL,
                "cancel_requested": False,
                "expires_at": waiting_expires_at(order.exchange, clock.now(), calendar.current()),
            },
        )


def _only_retry(original_id: int, *, besides: int | None = None) -> None:
    """Raise Conflict unless the original may still be retried and nothing else retries it.

    Locks the original, so that two presses at once queue up (SQLite has one writer anyway).
    """
    original = Order.objects.select_for_update(no_key=True).get(pk=original_id)
    if Status(original.status) not in RETRYABLE:
        raise Conflict(
            f"Only a failed or denied order can be retried; "
            f"order {original.pk} is {original.status}."
        )
    retries = original.retries.exclude(status__in=[Status.CANCELLED, Status.EXPIRED, *RETRYABLE])
    living = next((one for one in retries if one.pk != besides), None)
    if living is not None:
        raise Conflict(
            f"Order {living.pk} already retries order {original.pk}.", code="already_retried"
        )


def retry(order: Order, *, actor: str) -> Order:
    """A new, linked, WAITING order with the same intent. Raises Conflict unless it may be retried.

    One living retry at a time: the second press gets the first one's number.
    """
    _alone(order)
    with write_transaction():
        _only_retry(order.pk)
        return _retry_as_new(order, actor)


def _alone(order: Order) -> None:
    if legs.other_leg(order) is not None:
        raise Conflict("A stop and its target go together: protect the position anew.")


def _retry_as_new(order: Order, actor: str) -> Order:
    again = Order(
        alert=order.alert,
        strategy=order.strategy,
        connection=order.connection,
        retry_of=order,
        origin=Origin.PERSON,
        client_order_id=new_client_order_id(),
        mode=Mode.MANUAL,
        requested_qty=order.requested_qty,
        expires_at=waiting_expires_at(order.exchange, clock.now(), calendar.current()),
    )
    copied = (
        "symbol exchange tradingsymbol lot_size multiplier side price reference_price "
        "trigger_price order_type product validity gtt reduce_only exit_plan simulated repaired "
        "warnings"
    )
    for name in copied.split():
        setattr(again, name, getattr(order, name))
    again.qty = order.requested_qty
    return lifecycle.create(
        again,
        Status.WAITING,
        actor=actor,
        reason=f"retry of order {order.pk}",
        data={"retry_of": order.pk},
    )


def modify(order: Order, changes: Mapping[str, Any], *, actor: str) -> Order:
    """Ask the broker to change a working order; the worker sends it. Raises as `edit` does."""
    if Status(order.status) not in (WORKING - {Status.CANCEL_PENDING}):
        raise Conflict(f"Only a working order can be modified; this one is {order.status}.")
    if not capabilities_of(order.connection).modifies or order.broker_trigger_id:
        raise Conflict("This order can't be modified at the broker: cancel it and place a new one.")
    if order.modification is not None:
        raise Conflict("A modification is still on its way to the broker.")
    if order.modification_count >= MAX_MODIFICATIONS:
        raise Conflict(f"The broker allows {MAX_MODIFICATIONS} modifications of one order.")
    if not changes:
        raise InvalidChange("Nothing to change.", errors={"qty": ["Give at least one new value."]})
    unknown = set(changes) - set(MODIFIABLE)
    merged = {name: getattr(order, name) for name in EDITABLE} | dict(changes)
    errors = {name: ["This field can't be modified."] for name in sorted(unknown)}
    errors |= shape_errors(merged)
    if changes.get("qty", order.qty) < max(order.filled_qty, 1):
        errors["qty"] = [f"The new total must be at least {max(order.filled_qty, 1)}."]
    if errors:
        raise InvalidChange("The order can't be modified so.", errors=errors)
    asked = {
        name: str(value) if isinstance(value, Decimal) else value for name, value in changes.items()
    }
    for name, words in (("order_type", OrderType), ("validity", Validity), ("product", Product)):
        if name in asked:
            asked[name] = words(asked[name]).value
    with write_transaction():
        # As a claim does, so that no two orders take the last unit of a limit together.
        BrokerConnection.objects.select_for_update(no_key=True).get(pk=order.connection_id)
        _check_risk_of(order, {name: merged[name] for name in MODIFIABLE})
        return lifecycle.amend(
            order,
            {"modification": asked, "modification_count": order.modification_count + 1},
            actor=actor,
            reason="modification asked",
        )


def _check_risk_of(order: Order, changes: Mapping[str, Any]) -> None:
    """A working order may grow only as far as risk would let a new one go."""
    decision = preview(as_changed(order, changes))
    if decision.gates:
        raise NotExecutable(
            " ".join(gate.message for gate in decision.gates), code=decision.gates[0].code
        )
    if decision.outcome != "PASS":
        raise InvalidChange("Risk does not allow the change.", errors={"qty": list(decision.notes)})
