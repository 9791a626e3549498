"""What is stored: fields, constraints, indexes and querysets. No decisions."""

from trading.models.alert import Alert, IntakeCounter
from trading.models.contract_note import ChargesRead, OrderCharges
from trading.models.idempotency import IdempotentRequest
from trading.models.instrument import ContractRule, Instrument, InstrumentLoad, SymbolOverride
from trading.models.notice import Notice, NoticeChannel, NoticeCursor, NoticeLink
from trading.models.order import Fill, Order, OrderAttempt, OrderEvent, OrderMargin
from trading.models.performance import (
    AnalyticsRebuild,
    ChargeRate,
    DayDue,
    DayExposure,
    DayTotal,
)
from trading.models.position import ClosedTrade, Position
from trading.models.session import MarketDay, MarketHours
from trading.models.settlement import Settlement, UnpricedLot
from trading.models.strategy import Strategy, WebhookSecret
from trading.models.trigger import BookEntry, Trigger
from trading.models.worker import RateWindow, WorkerHeartbeat

__all__ = [
    "Alert",
    "AnalyticsRebuild",
    "BookEntry",
    "ChargeRate",
    "ChargesRead",
    "ClosedTrade",
    "ContractRule",
    "DayDue",
    "DayExposure",
    "DayTotal",
    "Fill",
    "IdempotentRequest",
    "Instrument",
    "InstrumentLoad",
    "IntakeCounter",
    "MarketDay",
    "MarketHours",
    "Notice",
    "NoticeChannel",
    "NoticeCursor",
    "NoticeLink",
    "Order",
    "OrderAttempt",
    "OrderCharges",
    "OrderEvent",
    "OrderMargin",
    "Position",
    "RateWindow",
    "Settlement",
    "Strategy",
    "SymbolOverride",
    "Trigger",
    "UnpricedLot",
    "WebhookSecret",
    "WorkerHeartbeat",
]
