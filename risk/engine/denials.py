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
    MAX_DAILY_LOSS = (
        "MAX_DAILY_LOSS",
        "The day's loss, realised and unrealised, has reached its limit, or is not known.",
    )
    MIS_CUTOFF = (
        "MIS_CUTOFF",
        "A fresh intraday order too close to the hour at which the broker squares off.",
    )
    NO_NEW_ENTRIES = (
        "NO_NEW_ENTRIES",
        "The hour from which no new entries of this product are wanted has come.",
    )
    UNKNOWN_INSTRUMENT = (
        "UNKNOWN_INSTRUMENT",
        "The instrument is not in the day's list.",
    )
    EXPIRED_INSTRUMENT = (
        "EXPIRED_INSTRUMENT",
        "The contract has expired.",
    )
    INDEX_NOT_TRADABLE = (
        "INDEX_NOT_TRADABLE",
        "An index can't be traded, only its futures and options.",
    )
    LOT_SIZE = (
        "LOT_SIZE",
        "The quantity is not a whole number of lots.",
    )
    TICK_SIZE = (
        "TICK_SIZE",
        "A price is not a multiple of the instrument's tick.",
    )
    FREEZE_QUANTITY = (
        "FREEZE_QUANTITY",
        "The quantity is over what the exchange takes in one order.",
    )
    ORDER_TYPE_POLICY = (
        "ORDER_TYPE_POLICY",
        "The order type is not taken in this segment, or its trigger makes no sense.",
    )
    PRICE_COLLAR = (
        "PRICE_COLLAR",
        "The price is too far from the last price, or outside the day's circuit.",
    )
    DUPLICATE_ORDER = (
        "DUPLICATE_ORDER",
        "The same order of the same strategy was made a moment ago.",
    )
    MAX_POSITION_QUANTITY = (
        "MAX_POSITION_QUANTITY",
        "The position would have more units than the limit.",
    )
    MAX_POSITION_VALUE = (
        "MAX_POSITION_VALUE",
        "The position would be worth more than the limit.",
    )
    MAX_GROSS_EXPOSURE = (
        "MAX_GROSS_EXPOSURE",
        "All positions together, long and short, would be worth more than the limit.",
    )
    MAX_NET_EXPOSURE = (
        "MAX_NET_EXPOSURE",
        "Long less short would be worth more than the limit, either way.",
    )
    MAX_WORKING_ORDERS = (
        "MAX_WORKING_ORDERS",
        "More orders would work at once, or be worth more, than the limit.",
    )
    INSUFFICIENT_MARGIN = (
        "INSUFFICIENT_MARGIN",
        "The broker asks for more margin than is free, or has not said how much.",
    )
    MAX_ORDERS_PER_DAY = (
        "MAX_ORDERS_PER_DAY",
        "The day's orders have reached their limit.",
    )
    MAX_TRADES_PER_DAY = (
        "MAX_TRADES_PER_DAY",
        "The day's trades have reached their limit.",
    )
    CONSECUTIVE_LOSSES = (
        "CONSECUTIVE_LOSSES",
        "So many trades in a row have lost that no new one is opened.",
    )
    SELF_MATCH = (
        "SELF_MATCH",
        "An own working order on the other side could trade with this one.",
    )
    STRATEGY_BUDGET = (
        "STRATEGY_BUDGET",
        "The strategy would have more capital in use than its budget.",
    )
    NAKED_OPTION_SELL = (
        "NAKED_OPTION_SELL",
        "Writing an option that is not held, without leave to do so.",
    )
    ORDER_RATE = (
        "ORDER_RATE",
        "The account's own limit of orders for the day is used up.",
    )
    PYRAMIDING = (
        "PYRAMIDING",
        "The position has as many entries as its strategy may make.",
    )
    COOL_DOWN = (
        "COOL_DOWN",
        "The strategy's last trade on this instrument ended too short a while ago.",
    )
    NO_TRADE_WINDOW = (
        "NO_TRADE_WINDOW",
        "The strategy wants no entries at this hour.",
    )
    STALE_REFERENCE = (
        "STALE_REFERENCE",
        "No price of the market that is fresh enough to judge by.",
    )
    STALE_ALERT = (
        "STALE_ALERT",
        "The price has moved too far since the alert.",
    )
    APPROVAL_THRESHOLD = (
        "APPROVAL_THRESHOLD",
        "An AUTO order worth so much that a person wants to see it.",
    )
    REPEATED_EXECUTION = (
        "REPEATED_EXECUTION",
        "A strategy that sent too many orders by itself in a short time.",
    )
    CIRCUIT_BREAKER = (
        "CIRCUIT_BREAKER",
        "The account's AUTO orders are stopped after refusals or unknown outcomes.",
    )
    RECONCILIATION_GATE = (
        "RECONCILIATION_GATE",
        "What the broker shows of this instrument differs, or was not read lately.",
    )
    CLOCK_SKEW = (
        "CLOCK_SKEW",
        "This machine's clock differs from the broker's.",
    )
    CALENDAR_ENDS = (
        "CALENDAR_ENDS",
        "The market calendar does not reach this day.",
    )
