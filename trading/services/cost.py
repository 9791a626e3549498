"""What an order would take of an account, by its broker's own word."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from brokers.models import BrokerQuestion, QuestionKind
from brokers.port import OrderRequest
from trading.domain.values import OrderType, Product, Side, Validity, Variety
from trading.models import Order
from trading.services import questions


def ask_cost(order: Order, changes: Mapping[str, Any], *, actor: str) -> BrokerQuestion:
    """Ask what `order` would take with `changes` (fields of queue.EDITABLE). Stores no order.

    Its answer: `{"required", "charges", "currency"}`, decimal text in rupees.
    """

    def value(name: str) -> Any:
        return changes.get(name, getattr(order, name))

    order_type = OrderType(value("order_type"))
    request = OrderRequest(
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
    params = questions.cost_params(request)
    return questions.ask(order.connection, QuestionKind.ORDER_COST, params, actor=actor)
