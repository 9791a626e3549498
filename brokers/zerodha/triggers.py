"""GTT triggers: Kite's rows as reports, and requests as the terms of a trigger. Pure.

Kite lists the legs of a two-leg trigger by their trigger value, the lower one first. Here leg 0 is
the stop and leg 1 the target: for a SELL the stop is the lower one, for a BUY the higher.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from brokers.errors import Refused
from brokers.port import BrokerStatus, OrderReport, OrderRequest, TriggerLeg
from brokers.zerodha.mapping import check_price
from brokers.zerodha.rows import (
    BadRow,
    Row,
    UnknownWord,
    identifier,
    moment,
    moment_if_readable,
    price,
    required_text,
    row_of,
    rows_of,
    text,
    units,
    word,
)
from trading.domain.values import OrderType, Product, Side, Validity, Variety

STOP: Final = 0
_LEGS: Final = {"single": 1, "two-leg": 2}
_STATUSES: Final = {
    "active": BrokerStatus.TRIGGER_ACTIVE,
    "disabled": BrokerStatus.CANCELLED,
    "cancelled": BrokerStatus.CANCELLED,
    "deleted": BrokerStatus.CANCELLED,
    "expired": BrokerStatus.EXPIRED,
    "rejected": BrokerStatus.REJECTED,
}


@dataclass(frozen=True, slots=True)
class _Leg:
    """A leg as Kite shows it. `fired`: what came of its order, None while nothing did."""

    number: int
    trigger_price: Decimal
    order: Row
    fired: Row | None


def trigger_id_of(row: Row) -> str:
    number = identifier(row, "id")
    if not number:
        raise BadRow("a trigger has no id")
    return number


def fired_order_ids(row: Row) -> list[str]:
    """The orders that a trigger became, so far."""
    return [number for leg in _legs(row) if (number := _order_id(leg))]


def trigger_reports(
    row: Row, book: Mapping[str, OrderReport], *, resting_only: bool = False
) -> list[OrderReport]:
    """One report for each leg. `book`: the known orders by id.

    A fired leg whose order is in the book is that order's report; one whose order is not in it
    has status UNKNOWN, or is left out when `resting_only` (its order was another day's, or is not
    shown yet). Raises BadRow, UnknownWord.
    """
    legs = _legs(row)
    any_fired = any(leg.fired is not None for leg in legs)
    found = []
    for leg in legs:
        report = _waiting(row, leg, two_leg=len(legs) > 1)
        number = _order_id(leg)
        if number in book:
            found.append(_became(report, book[number]))
        elif leg.fired is not None:
            ended = _fired_unseen(report, leg.fired, number)
            if ended.status.final or not resting_only:
                found.append(ended)
        elif any_fired:
            found.append(
                replace(report, status=BrokerStatus.CANCELLED, message="The other leg fired.")
            )
        else:
            found.append(report)
    return found


def the_one_that_fired(legs: list[OrderReport]) -> OrderReport:
    """Of a trigger's legs the one that became an order or failed to, else the stop."""
    for leg in legs:
        if leg.order_id or leg.status is BrokerStatus.REJECTED:
            return leg
    return legs[STOP]


def trigger_terms(request: OrderRequest, last_price: Decimal) -> dict[str, Any]:
    """The arguments of the client's place_gtt; prices as JSON's numbers."""
    legs = [_first_leg(request)]
    if request.second_leg is not None:
        legs.append(request.second_leg)
        legs.sort(key=lambda leg: leg.trigger_price)
    return {
        "trigger_type": "two-leg" if request.second_leg else "single",
        "exchange": request.exchange,
        "tradingsymbol": request.tradingsymbol,
        "trigger_values": [float(leg.trigger_price) for leg in legs],
        "last_price": float(last_price),
        "orders": [
            {
                "transaction_type": str(request.side),
                "quantity": request.quantity,
                "order_type": str(OrderType.LIMIT),
                "product": str(request.product),
                "price": float(leg.price),
            }
            for leg in legs
        ],
    }


def check_trigger(request: OrderRequest) -> None:
    """Raises Refused, naming the field and the fix, for what can't be a GTT."""
    if request.order_type is not OrderType.LIMIT:
        raise Refused(f"order_type of a GTT must be LIMIT, not {request.order_type}.")
    if request.validity is not Validity.DAY:
        raise Refused(f"validity of a GTT must be DAY, not {request.validity}.")
    stop = _first_leg(request)
    target = request.second_leg
    if target is None:
        return
    check_price("trigger_price of the target", target.trigger_price, "GTT")
    check_price("price of the target", target.price, "GTT")
    if (target.trigger_price - stop.trigger_price) * request.side.sign >= 0:
        where = "below" if request.side is Side.BUY else "above"
        raise Refused(
            f"The target's trigger {target.trigger_price} of a {request.side} must be {where} "
            f"the stop's, {stop.trigger_price}."
        )


def _first_leg(request: OrderRequest) -> TriggerLeg:
    return TriggerLeg(
        trigger_price=check_price("trigger_price", request.trigger_price, "GTT"),
        price=check_price("price", request.price, "GTT"),
    )


def _legs(row: Row) -> list[_Leg]:
    kind = required_text(row, "type")
    if kind not in _LEGS:
        raise UnknownWord("type", kind)
    condition = row_of(row.get("condition"), "a trigger's condition")
    values = condition.get("trigger_values")
    orders = rows_of(row.get("orders"), "a trigger's orders")
    if not isinstance(values, list) or not len(values) == len(orders) == _LEGS[kind]:
        raise BadRow("a trigger's values and orders don't fit its type")
    pairs = []
    for value, order in zip(values, orders, strict=True):
        found = price({"trigger_value": value}, "trigger_value")
        if found is None:
            raise BadRow("a trigger has no value")
        pairs.append((found, order))
    pairs.sort(key=lambda pair: pair[0])
    if len(pairs) > 1 and word(pairs[0][1], "transaction_type", Side) is Side.BUY:
        pairs.reverse()
    return [
        _Leg(number, value, order, _outcome(order)) for number, (value, order) in enumerate(pairs)
    ]


def _outcome(order: Row) -> Row | None:
    """What Kite says about the order that a leg became; None while the leg has not fired."""
    result = order.get("result")
    if not result:
        return None
    return row_of(row_of(result, "a leg's result").get("order_result") or {}, "an order's result")


def _order_id(leg: _Leg) -> str:
    return identifier(leg.fired, "order_id") if leg.fired is not None else ""


def _waiting(row: Row, leg: _Leg, *, two_leg: bool) -> OrderReport:
    """The leg as it stands when none has fired."""
    condition = row_of(row.get("condition"), "a trigger's condition")
    raw = required_text(row, "status")
    message = "The trigger has fired; its order is not known yet." if raw == "triggered" else ""
    return OrderReport(
        order_id=None,
        trigger_id=trigger_id_of(row),
        tag="",
        status=_STATUSES.get(raw, BrokerStatus.UNKNOWN),
        raw_status=raw,
        exchange=required_text(condition, "exchange"),
        tradingsymbol=required_text(condition, "tradingsymbol"),
        side=word(leg.order, "transaction_type", Side),
        product=word(leg.order, "product", Product),
        order_type=word(leg.order, "order_type", OrderType),
        variety=Variety.GTT,
        quantity=units(leg.order, "quantity"),
        filled_quantity=0,
        average_price=None,
        price=price(leg.order, "price"),
        trigger_price=leg.trigger_price,
        message=message,
        placed_at=moment(row, "created_at"),
        updated_at=moment_if_readable(row, "updated_at"),
        leg=leg.number,
        two_leg=two_leg,
        trigger_expires_at=moment_if_readable(row, "expires_at"),
    )


def _became(waiting: OrderReport, order: OrderReport) -> OrderReport:
    """The report of the order that a leg became."""
    return replace(
        order,
        trigger_id=waiting.trigger_id,
        leg=waiting.leg,
        two_leg=waiting.two_leg,
        trigger_expires_at=waiting.trigger_expires_at,
    )


def _fired_unseen(waiting: OrderReport, outcome: Row, order_id: str) -> OrderReport:
    """A leg that fired, and whose order is not in the book."""
    reason = text(outcome, "rejection_reason")
    said = text(outcome, "status")
    refused = bool(reason) or (not order_id and said.lower() in ("failed", "rejected"))
    if refused:
        status = BrokerStatus.REJECTED
        message = reason or f"The trigger fired and its order was {said}."
    else:
        status = BrokerStatus.UNKNOWN
        message = "The trigger has fired; its order is not in the order book."
    return replace(
        waiting, order_id=order_id or None, status=status, raw_status=said, message=message
    )
