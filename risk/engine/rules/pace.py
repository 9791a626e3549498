"""Limits of the day, of how often, and of when."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from risk.engine.limits import Limits
from risk.engine.rules.base import (
    Finding,
    adds_to,
    denied,
    due_to,
    passed,
    plain,
    reference_price,
)
from risk.engine.snapshot import DayFacts, Intent, Snapshot, WorkingOrder
from trading.domain.session import IST
from trading.domain.values import OrderType, Product, RiskScope, Side


def max_daily_loss(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """The day's loss, realised and open, of the account or of the strategy; then only exits pass.

    While it is not known, as when a price is missing, entries are denied too.
    """
    limit = limits.max_daily_loss
    if limit is None:
        return None
    pnl, due = _day(snapshot, limits).pnl, due_to("max_daily_loss", limits)
    if pnl is None or not pnl.is_finite():
        text = (
            f"The day's profit or loss is not known, and {due} needs it: wait for the last prices "
            "of what is open."
        )
        return denied(limit, "not known", quantity, text)
    loss = max(Decimal(0), -pnl)
    if loss < limit:
        return passed(limit, loss, quantity)
    text = f"The day's loss of {plain(loss)} has reached {due}: only exits pass."
    return denied(limit, loss, quantity, text)


def max_orders_per_day(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """Orders sent in a day (IST): of the account, or of the strategy."""
    limit, after = limits.max_orders_per_day, _day(snapshot, limits).orders + 1
    if limit is None:
        return None
    if after <= limit:
        return passed(limit, after, quantity)
    text = f"It would be order {after} of the day; {due_to('max_orders_per_day', limits)}."
    return denied(limit, after, quantity, text)


def max_trades_per_day(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """Orders that opened or enlarged a position in a day: of the account, or of the strategy."""
    limit, after = limits.max_trades_per_day, _day(snapshot, limits).trades + 1
    if limit is None:
        return None
    if after <= limit:
        return passed(limit, after, quantity)
    text = f"It would be trade {after} of the day; {due_to('max_trades_per_day', limits)}."
    return denied(limit, after, quantity, text)


def consecutive_losses(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """So many losing trades in a row, of the account or of the strategy, and none is opened."""
    limit, row = limits.consecutive_losses, _day(snapshot, limits).losses_in_a_row
    if limit is None:
        return None
    if row < limit:
        return passed(limit, row, quantity)
    text = (
        f"The last {row} trades have lost; {due_to('consecutive_losses', limits)}: only exits "
        "pass until a trade wins or the limit is raised."
    )
    return denied(limit, row, quantity, text)


def duplicate_order(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """The same order of one strategy (instrument, side, quantity asked for) within so many seconds.

    A retry is no duplicate of what it retries; an order without a strategy is none at all.
    """
    window = limits.duplicate_order
    if window is None or intent.strategy_id is None:
        return None
    for one in snapshot.recent:
        age = snapshot.now - one.at
        if (
            one.order_id not in intent.retries
            and (one.instrument_key, one.side) == (intent.instrument_key, intent.side)
            and one.quantity == intent.quantity
            and age < timedelta(seconds=window)
        ):
            seconds = max(0, int(age.total_seconds()))
            text = (
                f"{intent.strategy_name} sent the same order, {intent.side} {one.quantity} "
                f"{intent.symbol}, {seconds} s ago; {due_to('duplicate_order', limits)}."
            )
            return denied(window, f"{seconds} s ago", quantity, text)
    return passed(window, "none", quantity)


def self_match(intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int) -> Finding | None:
    """An own working order on the other side that would trade with this one at once.

    MARKET counts as the last price, else the alert's; where neither is known, as any price. Stops
    that wait for their trigger trade with nothing. Getting out comes first: exits are spared.
    """
    if limits.self_match is not True:
        return None
    reach = _reach(intent, snapshot)
    for one in snapshot.account.working:
        if one.instrument_key == intent.instrument_key and _crosses(intent, reach, one):
            price = "MARKET" if one.price is None else plain(one.price)
            text = (
                f"An own working order to {one.side} {intent.symbol} at {price} could trade with "
                f"this one; self_match in {limits.label}. Cancel that one, or wait for it."
            )
            return denied(True, f"{one.side} at {price}", quantity, text)
    return passed(True, "none", quantity)


def pyramiding(intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int) -> Finding | None:
    """Entries in one position of a strategy, at most. An order that turns the position is none."""
    limit = limits.pyramiding
    if limit is None or intent.strategy_id is None:
        return None
    after = snapshot.strategy.entries + 1 if adds_to(intent, snapshot) else 1
    if after <= limit:
        return passed(limit, after, quantity)
    text = (
        f"It would be entry {after} of {intent.strategy_name} in {intent.symbol}; "
        f"{due_to('pyramiding', limits)}."
    )
    return denied(limit, after, quantity, text)


def cool_down(intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int) -> Finding | None:
    """Seconds after a strategy's trade has ended before its next entry in the instrument."""
    limit, ended = limits.cool_down, snapshot.strategy.last_exit_at
    if limit is None or intent.strategy_id is None:
        return None
    if ended is None:
        return passed(limit, "no trade before", quantity)
    ago = max(0, int((snapshot.now - ended).total_seconds()))
    if snapshot.now >= ended + timedelta(seconds=limit):
        return passed(limit, f"{ago} s ago", quantity)
    text = (
        f"The last trade of {intent.strategy_name} in {intent.symbol} ended {ago} s ago; "
        f"{due_to('cool_down', limits)}."
    )
    return denied(limit, f"{ago} s ago", quantity, text)


def mis_cutoff(intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int) -> Finding | None:
    """No fresh intraday (MIS) order so many minutes before the broker squares off, nor after."""
    limit, square_off = limits.mis_cutoff, snapshot.market.square_off_at
    if limit is None or intent.product is not Product.MIS:
        return None
    if square_off is None or not snapshot.market.open:
        return passed(limit, "no square-off ahead", quantity)
    hour = f"square-off at {square_off.astimezone(IST):%H:%M}"
    if snapshot.now < square_off - timedelta(minutes=limit):
        return passed(limit, hour, quantity)
    text = (
        f"The broker's {hour} is too near for a fresh MIS order; {due_to('mis_cutoff', limits)}. "
        "Choose another product, or trade tomorrow."
    )
    return denied(limit, hour, quantity, text)


# What they share


def _day(snapshot: Snapshot, limits: Limits) -> DayFacts:
    """The day of whom the limits are for: the account's, or the strategy's on it."""
    account = limits.scope is RiskScope.GLOBAL
    return snapshot.account.day if account else snapshot.strategy.day


def _reach(intent: Intent, snapshot: Snapshot) -> Decimal | None:
    """The worst price at which the order would trade at once; None: at any."""
    if intent.order_type is OrderType.LIMIT:
        return intent.price
    reference = reference_price(intent, snapshot)
    return None if reference is None else reference[0]


def _crosses(intent: Intent, reach: Decimal | None, other: WorkingOrder) -> bool:
    """Whether the order and that working one would trade with each other now."""
    if other.side is intent.side:
        return False
    if intent.order_type.needs_trigger or other.order_type.needs_trigger:
        return False
    if reach is None or other.price is None:
        return True
    return reach >= other.price if intent.side is Side.BUY else reach <= other.price
