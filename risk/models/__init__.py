"""The tables of risk: limits, trading states, breakers, and their histories."""

from risk.models.breaker import Breaker, ProductSchedule, RiskDay, SquareOff
from risk.models.history import RiskSettingsChange
from risk.models.settings import (
    POSITIVE_LIMITS,
    SYMBOL_LISTS,
    WHOLE_LIMITS,
    RiskSettings,
    more_than_zero,
    no_trade_windows,
    not_negative,
    symbol_entries,
)
from risk.models.state import TradingState, TradingStateChange

__all__ = [
    "POSITIVE_LIMITS",
    "SYMBOL_LISTS",
    "WHOLE_LIMITS",
    "Breaker",
    "ProductSchedule",
    "RiskDay",
    "RiskSettings",
    "RiskSettingsChange",
    "SquareOff",
    "TradingState",
    "TradingStateChange",
    "more_than_zero",
    "no_trade_windows",
    "not_negative",
    "symbol_entries",
]
