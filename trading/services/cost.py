"""What an order would take of an account, by its broker's own word."""

from collections.abc import Mapping
from typing import Any

from brokers.models import BrokerQuestion, QuestionKind
from trading.models import Order
from trading.services import questions
from trading.services.cost_request import cost_request


def ask_cost(order: Order, changes: Mapping[str, Any], *, actor: str) -> BrokerQuestion:
    """Ask what `order` would take with `changes` (fields of queue.EDITABLE). Stores no order.

    Its answer: `{"required", "charges", "currency"}`, decimal text in rupees.
    """
    params = questions.cost_params(cost_request(order, changes))
    return questions.ask(order.connection, QuestionKind.ORDER_COST, params, actor=actor)
