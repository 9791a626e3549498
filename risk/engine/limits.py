"""The limits that one scope sets, as the rules read them, and the form of a symbol-list entry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from typing import Any

from trading.domain.values import ClampMode, Exchange, RiskScope

_SYMBOL = re.compile(r"[A-Z0-9&._!-]+")


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of the day in which a strategy wants no entries: from `start` until before `end`, IST.

    `days`: 0 is Monday; empty means every day. A window whose end is before its start goes on
    past midnight.
    """

    start: time
    end: time
    days: tuple[int, ...] = ()

    def contains(self, moment: datetime) -> bool:
        """Whether `moment`, in IST, is inside."""
        if self.start <= self.end:
            return self.start <= moment.time() < self.end and self._on(moment.weekday())
        if moment.time() >= self.start:
            return self._on(moment.weekday())
        return moment.time() < self.end and self._on((moment.weekday() - 1) % 7)

    def _on(self, weekday: int) -> bool:
        return not self.days or weekday in self.days


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """One scope's limits. `None`, an empty list and, for a switch, `True` mean that it is off.

    `label` is how texts name the scope: "GLOBAL" or "STRATEGY(name)". Quantities are units, money
    is rupees, percentages are of 100. List entries are "NSE:INFY" (that exchange only) or "INFY"
    (on any exchange). `FRESH` says what holds on a new installation.
    """

    scope: RiskScope
    label: str
    clamp_mode: ClampMode = ClampMode.CLAMP
    # One order.
    max_quantity_per_order: int | None = None
    max_order_value: Decimal | None = None
    allow_short_selling: bool | None = None
    naked_option_sell: bool | None = None  # False: writing an option is denied
    symbol_whitelist: tuple[str, ...] = ()
    symbol_blacklist: tuple[str, ...] = ()
    approval_threshold: Decimal | None = None
    # Its price.
    price_collar: Decimal | None = None  # % of the last price, shares and futures
    price_collar_options: Decimal | None = None
    stale_reference: int | None = None  # seconds
    stale_alert: Decimal | None = None  # % moved since the alert
    # The account.
    max_daily_loss: Decimal | None = None
    max_open_positions: int | None = None
    max_position_quantity: int | None = None
    max_position_value: Decimal | None = None
    max_gross_exposure: Decimal | None = None
    max_net_exposure: Decimal | None = None
    max_working_orders: int | None = None
    max_working_value: Decimal | None = None
    insufficient_margin: Decimal | None = None  # % kept free
    # How often.
    max_orders_per_day: int | None = None
    max_trades_per_day: int | None = None
    consecutive_losses: int | None = None
    duplicate_order: int | None = None  # seconds
    repeated_execution: int | None = None  # orders ...
    repeated_execution_minutes: int | None = None  # ... in so many minutes
    self_match: bool | None = None  # True: denied
    # A strategy.
    strategy_budget: Decimal | None = None
    pyramiding: int | None = None  # entries in one position
    cool_down: int | None = None  # seconds
    no_trade_windows: tuple[Window, ...] = ()
    # The market and the machine.
    mis_cutoff: int | None = None  # minutes
    circuit_breaker: int | None = None  # refusals in a row
    circuit_breaker_unknown: int | None = None  # unknown outcomes at once
    circuit_breaker_reducing: bool | None = None
    clock_skew: Decimal | None = None  # seconds: no AUTO
    clock_skew_warn: Decimal | None = None  # seconds: told


# What a new installation enforces beside the hard rules. GLOBAL settings begin with it.
FRESH: Mapping[str, Any] = {
    "duplicate_order": 30,
    "stale_alert": Decimal("0.5"),
    "self_match": True,
    "circuit_breaker": 3,
    "circuit_breaker_unknown": 3,
    "mis_cutoff": 15,
    "clock_skew": Decimal(2),
    "clock_skew_warn": Decimal("0.5"),
}


def fresh_limits() -> Limits:
    """GLOBAL's limits where nobody has set any."""
    return Limits(scope=RiskScope.GLOBAL, label="GLOBAL", **FRESH)


def clean_entries(entries: Iterable[object]) -> list[str]:
    """Symbol-list entries trimmed, upper-cased and without repeats, in the order given.

    Blank entries are dropped. Raises ValueError, whose text names the entry and the right form.
    """
    cleaned: dict[str, None] = {}
    for entry in entries:
        if not isinstance(entry, str):
            raise ValueError(f"{entry!r} is not a symbol; write it as text, like NSE:INFY or INFY.")
        exchange, colon, symbol = (part.strip() for part in entry.upper().rpartition(":"))
        if not (exchange or colon or symbol):
            continue
        if not _SYMBOL.fullmatch(symbol) or (colon and not exchange):
            raise ValueError(f"“{entry.strip()}” is not a symbol; write it like NSE:INFY or INFY.")
        if exchange and exchange not in Exchange.__members__:
            known = ", ".join(Exchange)
            raise ValueError(f"“{entry.strip()}” names no known exchange; use one of {known}.")
        cleaned[exchange + colon + symbol] = None
    return list(cleaned)


def names_instrument(entry: str, exchange: str, tradingsymbol: str) -> bool:
    """Whether a list entry means this instrument; upper and lower case are the same."""
    of_exchange, _, symbol = (part.strip() for part in entry.upper().rpartition(":"))
    return symbol == tradingsymbol.upper() and of_exchange in ("", exchange.upper())
