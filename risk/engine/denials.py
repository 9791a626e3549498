"""The closed list of reasons for which risk says no, or not yet."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What one rule says about one order."""

    PASS = "PASS"
    CLAMP = "CLAMP"
    DENY = "DENY"


class Code(StrEnum):
    """Every code of a rule or gate; `text` says in one sentence what it means."""

    text: str

    def __new__(cls, value: str, text: str) -> Code:
        code = str.__new__(cls, value)
        code._value_ = value
        code.text = text
        return code

    QUANTITY_REQUIRED = (
        "QUANTITY_REQUIRED",
        "The order has no quantity.",
    )
    STRATEGY_DISABLED = (
        "STRATEGY_DISABLED",
        "An AUTO order of a strategy that is switched off.",
    )
    MODE_MISMATCH = (
        "MODE_MISMATCH",
        "A paper order whose strategy or connection is live, or a live order where one is paper.",
    )
    MARKET_CLOSED = (
        "MARKET_CLOSED",
        "The market is closed and the strategy wants no orders off hours.",
    )
    REDUCE_ONLY = (
        "REDUCE_ONLY",
        "An exit that would do more than close what is open.",
    )
    REDUCING_ONLY = (
        "REDUCING_ONLY",
        "The trading state is REDUCING and the order adds exposure.",
    )
    SHORT_SELLING_DISABLED = (
        "SHORT_SELLING_DISABLED",
        "A sell that could leave a net short position while short selling is off.",
    )
    MAX_QUANTITY_PER_ORDER = (
        "MAX_QUANTITY_PER_ORDER",
        "The quantity is over the limit for one order.",
    )
    MAX_ORDER_VALUE = (
        "MAX_ORDER_VALUE",
        "The order is worth more than the limit for one order, or its worth is not known.",
    )
    SYMBOL_NOT_ALLOWED = (
        "SYMBOL_NOT_ALLOWED",
        "The symbol is missing from the whitelist or is on the blacklist.",
    )
    MAX_OPEN_POSITIONS = (
        "MAX_OPEN_POSITIONS",
        "The order would open one position more than the limit.",
    )
    TRADING_HALTED = (
        "TRADING_HALTED",
        "Trading is halted for everything, for this account or for this strategy.",
    )
    BROKER_SESSION = (
        "BROKER_SESSION",
        "The account has no valid broker session.",
    )
    UNRESOLVED_UNKNOWN = (
        "UNRESOLVED_UNKNOWN",
        "An earlier order on the same instrument has an unknown outcome.",
    )
