"""Limits of what an account, a segment or a strategy has open and working.

Everything that works or is in flight counts as filled, on the order's side: a buy is judged as if
every other buy filled and no sell, and the reverse.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from risk.engine.limits import Limits
from risk.engine.rules.base import (
    Finding,
    Use,
    denied,
    due_to,
    is_contract,
    is_of,
    no_price,
    passed,
    plain,
    unit_value,
    units_in,
    within,
)
from risk.engine.snapshot import Intent, OpenPosition, Snapshot, left_to_close
from trading.domain.values import Side


def max_open_positions(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """Open positions of the account, at most; an order that would open one more is denied.

    Working entry orders count as filled. Adding to or turning an open position opens none.
    """
    limit = limits.max_open_positions
    if limit is None:
        return None
    after = len(snapshot.open_instruments | {intent.position_key})
    if after <= limit or intent.position_key in snapshot.open_instruments:
        return passed(limit, after, quantity)
    text = (
        f"{intent.symbol} {intent.product} would be open position {after}; "
        f"{due_to('max_open_positions', limits)}."
    )
    return denied(limit, after, quantity, text)


def max_position_quantity(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """Units net of one instrument, and of all contracts of one underlying, long or short.

    An order over it is clamped or denied. What turns a position can always close it.
    """
    limit = limits.max_position_quantity
    if limit is None:
        return None
    groups = _groups(intent, snapshot)
    if groups is None:
        return _unknown_underlying(intent, limits, "max_position_quantity", quantity)
    uses = []
    for name, members in groups:
        before = sum(_lean(one, intent.side) for one in members)
        note = f"{name} would have {before + quantity} {_direction(intent.side)}."
        uses.append(Use("Position", before + quantity, limit - before, note))
    return _tightest(intent, snapshot, limits, quantity, "max_position_quantity", uses)


def max_position_value(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """Rupees net of one instrument, and of all contracts of one underlying, long or short.

    Units × last price × multiplier; without a price the order is denied.
    """
    limit, setting = limits.max_position_value, "max_position_value"
    if limit is None:
        return None
    groups, priced = _groups(intent, snapshot), unit_value(intent, snapshot)
    if groups is None:
        return _unknown_underlying(intent, limits, setting, quantity)
    if priced is None:
        return no_price(intent, limits, setting, quantity)
    unit, valued = priced
    uses = []
    for name, members in groups:
        if nameless := _unpriced(members):
            return _unpriced_position(nameless, limits, setting, quantity)
        before = sum((_lean(one, intent.side) * _worth(one) for one in members), Decimal(0))
        after = before + quantity * unit
        note = f"{name} would be worth {plain(after)} {_direction(intent.side)}. {valued}"
        uses.append(Use("Position", after, units_in(limit - before, unit), note))
    return _tightest(intent, snapshot, limits, quantity, setting, uses)


def max_gross_exposure(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """Rupees of all the account's positions in the order's segment, long and short added up."""
    limit, setting = limits.max_gross_exposure, "max_gross_exposure"
    if limit is None:
        return None
    valued = _segment(intent, snapshot, limits, setting, quantity)
    if isinstance(valued, Finding):
        return valued
    members, unit, note = valued
    before = sum((_extent(one) * _worth(one) for one in members), Decimal(0))
    mine = [one for one in members if _is_mine(intent, one)]
    free = sum(_extent(one) - _lean(one, intent.side) for one in mine)
    after = before + max(0, quantity - free) * unit
    # Over the limit already: only what closes something may go, however it would be added up.
    allowed = free + units_in(limit - before, unit) if before <= limit else 0
    use = Use("Exposure", after, allowed, note)
    return within(intent, snapshot, limits, quantity, setting, use, spares_exits=True)


def max_net_exposure(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """Rupees of long less short over the account's positions in the order's segment, either way."""
    limit, setting = limits.max_net_exposure, "max_net_exposure"
    if limit is None:
        return None
    valued = _segment(intent, snapshot, limits, setting, quantity)
    if isinstance(valued, Finding):
        return valued
    members, unit, note = valued
    before = sum((_lean(one, intent.side) * _worth(one) for one in members), Decimal(0))
    use = Use("Exposure", before + quantity * unit, units_in(limit - before, unit), note)
    return within(intent, snapshot, limits, quantity, setting, use, spares_exits=True)


def strategy_budget(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """Rupees that a strategy may have in use, open and working; what closes takes none."""
    limit, setting = limits.strategy_budget, "strategy_budget"
    if limit is None or intent.strategy_id is None:
        return None
    capital, priced = snapshot.strategy.capital, unit_value(intent, snapshot)
    if capital is None:
        text = (
            f"{due_to(setting, limits)} needs the worth of what {intent.strategy_name} has open, "
            "and a price is missing: wait for its last price, or close it."
        )
        return denied(limit, "not known", quantity, text)
    if priced is None:
        return no_price(intent, limits, setting, quantity)
    unit, valued = priced
    closes = left_to_close(intent, snapshot)
    after = capital + max(0, quantity - closes) * unit
    use = Use("Capital", after, closes + units_in(limit - capital, unit), valued)
    return within(intent, snapshot, limits, quantity, setting, use, spares_exits=True)


def max_working_orders(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """Orders that work at once: of the account, or of the strategy."""
    limit = limits.max_working_orders
    if limit is None:
        return None
    after = 1 + sum(is_of(intent, limits, one.strategy_id) for one in snapshot.account.working)
    if after <= limit:
        return passed(limit, after, quantity)
    text = f"It would be working order {after}; {due_to('max_working_orders', limits)}."
    return denied(limit, after, quantity, text)


def max_working_value(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """Rupees of the orders that work at once and of what is not filled of them yet."""
    limit, setting = limits.max_working_value, "max_working_value"
    if limit is None:
        return None
    working = [one for one in snapshot.account.working if is_of(intent, limits, one.strategy_id)]
    values = [one.value for one in working if one.value is not None]
    if len(values) < len(working):
        nameless = next(one for one in working if one.value is None)
        return _unpriced_position(nameless.instrument_key, limits, setting, quantity)
    priced = unit_value(intent, snapshot)
    if priced is None:
        return no_price(intent, limits, setting, quantity)
    unit, valued = priced
    after = sum(values, Decimal(0)) + quantity * unit
    if after <= limit:
        return passed(limit, after, quantity, valued)
    text = f"{plain(after)} would work at once; {due_to(setting, limits)}. {valued}"
    return denied(limit, after, quantity, text)


def insufficient_margin(
    intent: Intent, snapshot: Snapshot, limits: Limits, quantity: int
) -> Finding | None:
    """What the order takes must be free, less the share that stays free and what is in flight.

    The account itself says what is free and what the order takes; without its word: denied.
    """
    buffer, margin = limits.insufficient_margin, snapshot.account.margin
    if buffer is None:
        return None
    due = due_to("insufficient_margin", limits)
    if margin.available is None or margin.required is None:
        missing = "what is free" if margin.available is None else "what the order takes"
        text = f"The account has not said {missing}, and {due} needs it: try again in a moment."
        return denied(buffer, "not known", quantity, text)
    kept = max(Decimal(0), margin.available) * buffer / 100
    free = margin.available - kept - margin.reserved
    value = f"{plain(margin.required)} of {plain(round(free, 2))}"
    if margin.required <= free:
        return passed(buffer, value, quantity)
    text = (
        f"The order takes {plain(margin.required)} of margin and {plain(round(free, 2))} is free: "
        f"{plain(margin.available)} at the account, less {plain(round(kept, 2))} that stays free "
        f"and {plain(margin.reserved)} of orders in flight; {due}."
    )
    return denied(buffer, value, quantity, text)


# What they share


def _lean(position: OpenPosition, side: Side) -> int:
    """Units on that side once all that works there fills; negative: on the other side."""
    return position.longest if side is Side.BUY else -position.shortest


def _extent(position: OpenPosition) -> int:
    """The most units, long or short, that it can have once its working orders fill."""
    return max(position.longest, -position.shortest)


def _worth(position: OpenPosition) -> Decimal:
    """Rupees a unit; 0 without a price, which callers rule out where units are open."""
    price = position.price if _priced(position) else None
    return Decimal(0) if price is None else price * position.multiplier


def _priced(position: OpenPosition) -> bool:
    """Whether its price is one; an option may be worth nothing."""
    return position.price is not None and position.price.is_finite() and position.price >= 0


def _unpriced(positions: Iterable[OpenPosition]) -> str:
    """The first of them that has units and no price; empty when there is none."""
    for one in positions:
        if _extent(one) > 0 and not _priced(one):
            return one.instrument_key
    return ""


def _is_same(intent: Intent, position: OpenPosition) -> bool:
    """Whether the position is of the order's instrument, in whatever product."""
    return position.tradingsymbol == intent.tradingsymbol and position.exchange == intent.exchange


def _is_mine(intent: Intent, position: OpenPosition) -> bool:
    """Whether it is the position that the order works on."""
    return _is_same(intent, position) and position.product == intent.product


def _positions(intent: Intent, snapshot: Snapshot) -> tuple[OpenPosition, ...]:
    """The account's positions, and the order's own even where they leave it out."""
    known = snapshot.account.positions
    if any(_is_mine(intent, one) for one in known):
        return known
    mine = OpenPosition(
        exchange=intent.exchange,
        tradingsymbol=intent.tradingsymbol,
        product=intent.product,
        underlying=snapshot.instrument.underlying,
        segment=snapshot.instrument.segment,
        kind=snapshot.instrument.kind,
        quantity=snapshot.position_quantity,
        working_buy=snapshot.working_buy_quantity,
        working_sell=snapshot.working_sell_quantity,
        price=snapshot.last_price,
        multiplier=intent.multiplier,
    )
    return (*known, mine) if _extent(mine) else known


def _groups(intent: Intent, snapshot: Snapshot) -> list[tuple[str, list[OpenPosition]]] | None:
    """The positions of the instrument and of its underlying, named; None when that is unknown."""
    positions, underlying = _positions(intent, snapshot), snapshot.instrument.underlying
    same = [one for one in positions if _is_same(intent, one)]
    groups = [(intent.symbol, same)]
    if underlying:
        kin = [one for one in positions if one.underlying == underlying or _is_same(intent, one)]
        return [*groups, (underlying, kin)]
    return None if is_contract(intent, snapshot) else groups


def _segment(
    intent: Intent, snapshot: Snapshot, limits: Limits, setting: str, quantity: int
) -> tuple[list[OpenPosition], Decimal, str] | Finding:
    """The positions of the order's segment, its own unit's worth and why; or the denial."""
    segment, priced = snapshot.instrument.segment, unit_value(intent, snapshot)
    if not segment:
        text = (
            f"The segment of {intent.symbol} is not known, and {due_to(setting, limits)} needs it: "
            "give the order an exchange."
        )
        return denied(getattr(limits, setting), "not known", quantity, text)
    if priced is None:
        return no_price(intent, limits, setting, quantity)
    members = [one for one in _positions(intent, snapshot) if one.segment in (segment, "")]
    if nameless := _unpriced(members):
        return _unpriced_position(nameless, limits, setting, quantity)
    return members, *priced


def _tightest(
    intent: Intent,
    snapshot: Snapshot,
    limits: Limits,
    quantity: int,
    setting: str,
    uses: list[Use],
) -> Finding:
    use = min(uses, key=lambda one: one.allowed)
    return within(intent, snapshot, limits, quantity, setting, use, spares_exits=True)


def _unknown_underlying(intent: Intent, limits: Limits, setting: str, quantity: int) -> Finding:
    text = (
        f"The underlying of {intent.symbol} is not known, and {due_to(setting, limits)} needs it: "
        "load the instrument list."
    )
    return denied(getattr(limits, setting), "not known", quantity, text)


def _unpriced_position(name: str, limits: Limits, setting: str, quantity: int) -> Finding:
    text = (
        f"{due_to(setting, limits)} needs a price of {name}, and none is known: wait for its last "
        "price, or close it."
    )
    return denied(getattr(limits, setting), "no price", quantity, text)


def _direction(side: Side) -> str:
    return "long" if side is Side.BUY else "short"
