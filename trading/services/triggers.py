"""The row of a GTT: what the broker holds for our orders until a price is reached."""

from collections.abc import Iterable
from typing import Any

from brokers.port import BrokerStatus, OrderReport
from sigmatrader import clock
from trading.domain.values import TriggerKind, TriggerStatus
from trading.models import Order, Trigger
from trading.services import legs


def _text(value: Any) -> str | None:
    return None if value is None else format(value.normalize(), "f")


def remember(order: Order) -> None:
    """Keep the trigger that the broker has just given an id to, with the legs that we asked."""
    asked = [leg for leg in (order, legs.target_of(order)) if leg is not None]
    Trigger.objects.get_or_create(
        connection_id=order.connection_id,
        trigger_id=order.broker_trigger_id,
        defaults={
            "kind": TriggerKind.TWO_LEG if len(asked) > 1 else TriggerKind.SINGLE,
            "legs": [
                {
                    "side": leg.side,
                    "quantity": leg.qty,
                    "trigger_price": _text(leg.trigger_price or leg.price),
                    "price": _text(leg.price),
                    "order_id": "",
                }
                for leg in asked
            ],
        },
    )


def follow(connection_id: int, book: Iterable[OrderReport]) -> None:
    """Bring the rows of our triggers to what the broker's book shows of them."""
    shown: dict[str, list[OrderReport]] = {}
    for report in book:
        if report.trigger_id:
            shown.setdefault(report.trigger_id, []).append(report)
    known = Trigger.objects.filter(connection_id=connection_id, trigger_id__in=shown)
    for trigger in known:
        reports = sorted(shown[trigger.trigger_id], key=lambda report: report.leg)
        values = {
            "status": _status(reports),
            "legs": _merged(trigger.legs, [_leg(report) for report in reports]),
            "expires_at": next(
                (one.trigger_expires_at for one in reports if one.trigger_expires_at),
                trigger.expires_at,
            ),
        }
        if any(getattr(trigger, name) != value for name, value in values.items()):
            Trigger.objects.filter(pk=trigger.pk).update(updated_at=clock.now(), **values)


def _status(reports: list[OrderReport]) -> TriggerStatus:
    if any(report.order_id for report in reports):
        return TriggerStatus.FIRED
    if any(report.status is BrokerStatus.TRIGGER_ACTIVE for report in reports):
        return TriggerStatus.ACTIVE
    return TriggerStatus.ENDED


def _leg(report: OrderReport) -> dict[str, Any]:
    return {
        "side": report.side.value,
        "quantity": report.quantity,
        "trigger_price": _text(report.trigger_price),
        "price": _text(report.price),
        "order_id": report.order_id or "",
    }


def _merged(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The legs as shown now; what an order no longer tells of its trigger stays as it was."""
    if len(before) != len(now):
        return now
    return [
        {**old, **{name: value for name, value in new.items() if value is not None}}
        for old, new in zip(before, now, strict=True)
    ]


def matches(order: Order, report: OrderReport) -> bool:
    """Whether a trigger that wears no tag has the legs of `order`: contract, side, size, prices."""
    return bool(
        report.exchange == order.exchange
        and report.tradingsymbol == order.tradingsymbol
        and report.side == order.side
        and report.product == order.product
        and report.quantity == order.qty
        and report.price == order.price
        # One that has fired shows the terms of its order.
        and (report.order_id or report.trigger_price == (order.trigger_price or order.price))
        and report.leg == legs.leg_number(order)
    )
