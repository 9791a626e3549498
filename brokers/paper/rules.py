"""What an order must look like before the paper broker takes it. Pure; raises `Refused`."""

import re
from decimal import Decimal
from typing import Final

from brokers.errors import NotSupported, Refused
from brokers.port import OrderRequest
from trading.domain.values import Exchange, OrderType, Side, Validity, Variety

_TAG = re.compile(r"[A-Za-z0-9]{1,20}")
_LARGEST: Final = 10**9


def check_request(request: OrderRequest) -> None:
    """Raises Refused, naming the field and the fix, when `request` cannot be an order."""
    if not _TAG.fullmatch(request.tag):
        raise Refused(f"tag {request.tag!r} must be 1 to 20 letters and digits.")
    if request.exchange not in set(Exchange):
        known = ", ".join(Exchange)
        raise Refused(f"exchange {request.exchange!r} is not known: use one of {known}.")
    if not request.tradingsymbol or len(request.tradingsymbol) > 128:
        raise Refused("tradingsymbol must have 1 to 128 characters.")
    if request.multiplier <= 0:
        raise Refused(f"multiplier must be above 0, not {request.multiplier}.")
    if request.variety is Variety.AMO:
        raise NotSupported("The paper broker has no after-market orders: send a regular order.")
    check_terms(
        side=request.side,
        quantity=request.quantity,
        order_type=request.order_type,
        validity=request.validity,
        price=request.price,
        trigger_price=request.trigger_price,
    )
    if request.variety is Variety.GTT:
        _check_gtt(request)


def check_terms(
    *,
    side: Side,
    quantity: int,
    order_type: OrderType,
    validity: Validity,
    price: Decimal | None,
    trigger_price: Decimal | None,
) -> None:
    """The rules that also hold for an order that is being modified."""
    if not 0 < quantity <= _LARGEST:
        raise Refused(f"quantity must be 1 to {_LARGEST}, not {quantity}.")
    if order_type.needs_price:
        _check_price("price", price, order_type)
    if order_type.needs_trigger:
        _check_price("trigger_price", trigger_price, order_type)
    if order_type is OrderType.SL:
        assert price is not None
        assert trigger_price is not None
        if (price - trigger_price) * side.sign < 0:
            where = "at or above" if side is Side.BUY else "at or below"
            raise Refused(
                f"price {price} of a SL {side} must be {where} its trigger_price {trigger_price}."
            )
    if validity is Validity.TTL:
        raise NotSupported("The paper broker has no validity TTL: use DAY or IOC.")
    if validity is Validity.IOC and order_type.needs_trigger:
        raise Refused(f"validity IOC cannot be combined with {order_type}: use DAY.")


def _check_gtt(request: OrderRequest) -> None:
    if request.order_type is not OrderType.LIMIT:
        raise Refused(f"order_type of a GTT must be LIMIT, not {request.order_type}.")
    if request.validity is not Validity.DAY:
        raise Refused(f"validity of a GTT must be DAY, not {request.validity}.")
    _check_price("trigger_price", request.trigger_price, "GTT")


def _check_price(name: str, value: Decimal | None, kind: str) -> None:
    if value is None:
        raise Refused(f"{name} is missing: {kind} needs one.")
    if not (value.is_finite() and 0 < value <= _LARGEST):
        raise Refused(f"{name} must be above 0 and at most {_LARGEST}, not {value}.")
