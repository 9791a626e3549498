"""What is stored: fields, constraints, indexes and querysets. No decisions."""

from trading.models.alert import Alert, IntakeCounter
from trading.models.idempotency import IdempotentRequest
from trading.models.instrument import Instrument
from trading.models.order import Fill, Order, OrderAttempt, OrderEvent
from trading.models.position import ClosedTrade, Position
from trading.models.strategy import Strategy, WebhookSecret
from trading.models.worker import RateWindow, WorkerHeartbeat

__all__ = [
    "Alert",
    "ClosedTrade",
    "Fill",
    "IdempotentRequest",
    "Instrument",
    "IntakeCounter",
    "Order",
    "OrderAttempt",
    "OrderEvent",
    "Position",
    "RateWindow",
    "Strategy",
    "WebhookSecret",
    "WorkerHeartbeat",
]
