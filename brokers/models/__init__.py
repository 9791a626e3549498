"""The tables of the accounts at brokers."""

from brokers.models.account import (
    AccountHolding,
    AccountPosition,
    AccountState,
    BrokerQuestion,
    LoginAttempt,
    QuestionKind,
)
from brokers.models.connection import BrokerConnection, BrokerName, ConnectionKind
from brokers.models.paper import (
    LIVE_STATUSES,
    UNFINISHED_STATUSES,
    PaperAccount,
    PaperOrder,
    PaperPosition,
    PaperSettlement,
    PaperTrade,
)
from brokers.models.prices import PriceBand, PriceSource, PriceTick

__all__ = [
    "LIVE_STATUSES",
    "UNFINISHED_STATUSES",
    "AccountHolding",
    "AccountPosition",
    "AccountState",
    "BrokerConnection",
    "BrokerName",
    "BrokerQuestion",
    "ConnectionKind",
    "LoginAttempt",
    "PaperAccount",
    "PaperOrder",
    "PaperPosition",
    "PaperSettlement",
    "PaperTrade",
    "PriceBand",
    "PriceSource",
    "PriceTick",
    "QuestionKind",
]
