"""The rules: each one small function, all of them listed in RULES.

A hard rule holds for every order and has no setting. A limit rule is judged once for each scope,
GLOBAL first, against that scope's limits. A rule says what it finds; `evaluate` decides.
"""

from __future__ import annotations

from risk.engine.denials import Code
from risk.engine.rules import exposure, instruments, one_order, orders, pace, prices
from risk.engine.rules.base import (
    Amount,
    Finding,
    HardRule,
    LimitRule,
    plain,
    reference_price,
    whole_lots,
)

__all__ = [
    "RULES",
    "Amount",
    "Finding",
    "HardRule",
    "LimitRule",
    "plain",
    "reference_price",
    "whole_lots",
]

RULES: tuple[HardRule | LimitRule, ...] = (
    HardRule(Code.QUANTITY_REQUIRED, orders.quantity_required),
    HardRule(Code.STRATEGY_DISABLED, orders.strategy_disabled),
    HardRule(Code.MODE_MISMATCH, orders.mode_mismatch),
    HardRule(Code.MARKET_CLOSED, orders.market_closed, setting="off_hours"),
    HardRule(Code.REDUCE_ONLY, orders.reduce_only, cuts=True),
    HardRule(Code.REDUCING_ONLY, orders.reducing_only, spares_exits=True),
    HardRule(
        Code.NO_NEW_ENTRIES,
        orders.no_new_entries,
        spares_exits=True,
        setting="no_new_entries_at",
        unit="time",
    ),
    HardRule(Code.ORDER_RATE, orders.order_rate, setting="orders_per_day", unit="orders"),
    HardRule(Code.UNKNOWN_INSTRUMENT, instruments.unknown_instrument),
    HardRule(Code.EXPIRED_INSTRUMENT, instruments.expired_instrument),
    HardRule(Code.INDEX_NOT_TRADABLE, instruments.index_not_tradable),
    HardRule(Code.LOT_SIZE, instruments.lot_size),
    HardRule(Code.TICK_SIZE, instruments.tick_size),
    HardRule(Code.FREEZE_QUANTITY, instruments.freeze_quantity),
    HardRule(Code.ORDER_TYPE_POLICY, instruments.order_type_policy),
    # One order.
    LimitRule(
        Code.SHORT_SELLING_DISABLED, "allow_short_selling", "yes or no", one_order.short_selling
    ),
    LimitRule(
        Code.NAKED_OPTION_SELL,
        "naked_option_sell",
        "yes or no",
        one_order.naked_option_sell,
        spares_exits=True,
    ),
    LimitRule(
        Code.MAX_QUANTITY_PER_ORDER,
        "max_quantity_per_order",
        "units",
        one_order.max_quantity_per_order,
        cuts=True,
    ),
    LimitRule(Code.MAX_ORDER_VALUE, "max_order_value", "₹", one_order.max_order_value, cuts=True),
    LimitRule(
        Code.SYMBOL_NOT_ALLOWED,
        "symbol_whitelist",
        "symbols",
        one_order.symbol_whitelist,
        spares_exits=True,
    ),
    LimitRule(
        Code.SYMBOL_NOT_ALLOWED,
        "symbol_blacklist",
        "symbols",
        one_order.symbol_blacklist,
        spares_exits=True,
    ),
    LimitRule(Code.PRICE_COLLAR, "price_collar", "%", prices.price_collar, spares_exits=True),
    LimitRule(
        Code.PRICE_COLLAR,
        "price_collar_options",
        "%",
        prices.price_collar_options,
        spares_exits=True,
    ),
    # What is open and working.
    LimitRule(
        Code.MAX_OPEN_POSITIONS,
        "max_open_positions",
        "positions",
        exposure.max_open_positions,
        spares_exits=True,
    ),
    LimitRule(
        Code.MAX_POSITION_QUANTITY,
        "max_position_quantity",
        "units",
        exposure.max_position_quantity,
        spares_exits=True,
        cuts=True,
    ),
    LimitRule(
        Code.MAX_POSITION_VALUE,
        "max_position_value",
        "₹",
        exposure.max_position_value,
        spares_exits=True,
        cuts=True,
    ),
    LimitRule(
        Code.MAX_GROSS_EXPOSURE,
        "max_gross_exposure",
        "₹",
        exposure.max_gross_exposure,
        spares_exits=True,
        cuts=True,
    ),
    LimitRule(
        Code.MAX_NET_EXPOSURE,
        "max_net_exposure",
        "₹",
        exposure.max_net_exposure,
        spares_exits=True,
        cuts=True,
    ),
    LimitRule(
        Code.MAX_WORKING_ORDERS,
        "max_working_orders",
        "orders",
        exposure.max_working_orders,
        spares_exits=True,
    ),
    LimitRule(
        Code.MAX_WORKING_ORDERS,
        "max_working_value",
        "₹",
        exposure.max_working_value,
        spares_exits=True,
    ),
    LimitRule(
        Code.INSUFFICIENT_MARGIN,
        "insufficient_margin",
        "% kept free",
        exposure.insufficient_margin,
        spares_exits=True,
    ),
    LimitRule(
        Code.STRATEGY_BUDGET,
        "strategy_budget",
        "₹",
        exposure.strategy_budget,
        spares_exits=True,
        cuts=True,
    ),
    # The day, how often, and when.
    LimitRule(Code.MAX_DAILY_LOSS, "max_daily_loss", "₹", pace.max_daily_loss, spares_exits=True),
    LimitRule(
        Code.MAX_ORDERS_PER_DAY,
        "max_orders_per_day",
        "orders",
        pace.max_orders_per_day,
        spares_exits=True,
    ),
    LimitRule(
        Code.MAX_TRADES_PER_DAY,
        "max_trades_per_day",
        "trades",
        pace.max_trades_per_day,
        spares_exits=True,
    ),
    LimitRule(
        Code.CONSECUTIVE_LOSSES,
        "consecutive_losses",
        "trades",
        pace.consecutive_losses,
        spares_exits=True,
    ),
    LimitRule(
        Code.DUPLICATE_ORDER, "duplicate_order", "s", pace.duplicate_order, spares_exits=True
    ),
    LimitRule(Code.SELF_MATCH, "self_match", "yes or no", pace.self_match, spares_exits=True),
    LimitRule(Code.PYRAMIDING, "pyramiding", "entries", pace.pyramiding, spares_exits=True),
    LimitRule(Code.COOL_DOWN, "cool_down", "s", pace.cool_down, spares_exits=True),
    LimitRule(
        Code.MIS_CUTOFF, "mis_cutoff", "min", pace.mis_cutoff, spares_exits=True, live_only=True
    ),
)
