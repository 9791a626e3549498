"""Hard rules: what holds for every order, whatever is set."""

from __future__ import annotations

from risk.engine.denials import Verdict
from risk.engine.rules.base import (
    Amount,
    Finding,
    denied,
    held_words,
    lot_of,
    passed,
    whole_lots,
)
from risk.engine.snapshot import Intent, Snapshot, left_to_close
from trading.domain.session import IST
from trading.domain.values import ExecutionTarget, Mode, TradingStateName


def quantity_required(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """The order must have a quantity of at least 1."""
    if quantity >= 1:
        return passed("at least 1", quantity, quantity)
    text = f"The order for {intent.symbol} has no quantity: enter a whole number of at least 1."
    return denied("at least 1", quantity, quantity, text)


def strategy_disabled(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """A strategy that is switched off sends no AUTO orders; a person may still send one."""
    value = f"{intent.mode}, {'enabled' if intent.strategy_enabled else 'disabled'}"
    if intent.strategy_enabled or intent.mode is not Mode.AUTO:
        return passed("enabled", value, quantity)
    text = f"Strategy {intent.strategy_name} is disabled: its AUTO orders are not sent."
    return denied("enabled", value, quantity, text)


def mode_mismatch(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """An order made for paper is never sent live, nor the reverse, whatever was switched since."""
    order = _target(intent.simulated)
    connection = _target(snapshot.connection_simulated)
    others = []
    if connection is not order:
        others.append(f"its connection is {connection}")
    if intent.strategy_target not in (None, order):
        others.append(f"strategy {intent.strategy_name} is {intent.strategy_target} now")
    if not others:
        return passed(order, order, quantity)
    text = f"The order was made for {order}, but {' and '.join(others)}."
    return denied(order, _opposite(order), quantity, text)


def reduce_only(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """A reduce-only exit is cut to what is left to close, so that it can't open the other side.

    Other working orders on its side count as filled. With nothing left to close it is denied.
    """
    left = left_to_close(intent, snapshot)
    if not intent.reduce_only or quantity <= left:
        limit: Amount = left if intent.reduce_only else "not a reduce-only order"
        return passed(limit, quantity, quantity)
    where = f"{intent.symbol} {intent.product}"
    lots = whole_lots(left, lot_of(intent, snapshot))
    if lots > 0:
        text = (
            f"Quantity clamped from {quantity} to {lots} due to reduce_only: "
            f"{left} left to close in {where}."
        )
        return Finding(Verdict.CLAMP, left, quantity, lots, text)
    text = (
        f"A reduce-only {intent.side} finds nothing to close in {where}: "
        f"{held_words(intent, snapshot)}."
    )
    return denied(left, quantity, quantity, text)


def market_closed(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """A live order while its market is closed, of a strategy whose off hours are REJECT."""
    if not snapshot.market_refusal:
        return passed("market hours", "may go", quantity)
    return denied("market hours", "closed", quantity, snapshot.market_refusal)


def reducing_only(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """While a trading state is REDUCING, only orders that shrink a position pass."""
    reducing = [s for s in snapshot.states if s.state is TradingStateName.REDUCING]
    if not reducing:
        return passed("shrinks", "not reducing", quantity)
    where = ", ".join(f"{s.label}{f' ({s.reason})' if s.reason else ''}" for s in reducing)
    text = (
        f"Trading is REDUCING for {where}: only orders that shrink a position pass, "
        f"and {held_words(intent, snapshot)} in {intent.symbol} {intent.product}."
    )
    return denied("shrinks", "adds exposure", quantity, text)


def no_new_entries(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """From the hour that is set for a product, no entries in it until the market has closed."""
    since = snapshot.market.no_new_entries_at
    if since is None:
        return passed("no hour set", "may enter", quantity)
    hour = f"{since.astimezone(IST):%H:%M}"
    if snapshot.now < since or not snapshot.market.open:
        return passed(f"until {hour}", "may enter", quantity)
    text = f"No new entries in {intent.product} from {hour} on: only exits pass."
    return denied(f"until {hour}", f"{snapshot.now.astimezone(IST):%H:%M}", quantity, text)


def order_rate(intent: Intent, snapshot: Snapshot, quantity: int) -> Finding:
    """The orders that an account sends in a day, at most, as set at the account.

    Its limits of a second and of a minute only make orders wait.
    """
    limit, after = snapshot.account.orders_per_day, snapshot.account.sent_today + 1
    if limit is None:
        return passed("no limit", after, quantity)
    if after <= limit:
        return passed(limit, after, quantity)
    text = f"The account has sent its {limit} orders of the day: raise its limit, or wait a day."
    return denied(limit, after, quantity, text)


def _target(simulated: bool) -> ExecutionTarget:
    return ExecutionTarget.PAPER if simulated else ExecutionTarget.LIVE


def _opposite(target: ExecutionTarget) -> ExecutionTarget:
    return _target(target is ExecutionTarget.LIVE)
