"""An order in the form in which a broker is asked what it would take."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from brokers.port import OrderRequest
from trading.domain.values import OrderType, Product, Side, Validity, Variety
from trading.models import Order

_UNCHANGED: Final[Mapping[str, Any]] = {}


def cost_request(order: Order, changes: Mapping[str, Any] = _UNCHANGED) -> OrderRequest:
    """`order` with `changes` (fields of queue.EDITABLE). It is never placed."""

    def value(name: str) -> Any:
        return changes.get(name, getattr(order, name))

    order_type = OrderType(value("order_type"))
    return OrderRequest(
        tag=order.client_order_id,
        exchange=order.exchange,
        tradingsymbol=order.tradingsymbol,
        side=Side(order.side),
        quantity=value("qty"),
        order_type=order_type,
        product=Product(value("product")),
        validity=Validity(value("validity")),
        variety=Variety(order.variety),
        price=value("price") if order_type.needs_price else None,
        trigger_price=value("trigger_price") if order_type.needs_trigger else None,
        market_protection=order.strategy.market_protection if order.strategy else Decimal(-1),
        reference_price=order.seen_price,
        multiplier=order.multiplier,
    )
