"""The limits that one scope sets, as the rules read them, and the form of a symbol-list entry."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from trading.domain.values import ClampMode, Exchange, RiskScope

_SYMBOL = re.compile(r"[A-Z0-9&._!-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """One scope's limits. `None` and an empty list mean that the limit is off.

    `label` is how texts name the scope: "GLOBAL" or "STRATEGY(name)". Quantities are units, money
    is rupees. List entries are "NSE:INFY" (that exchange only) or "INFY" (on any exchange).
    `max_daily_loss` is carried for display; no rule reads it yet.
    """

    scope: RiskScope
    label: str
    allow_short_selling: bool | None = None
    max_quantity_per_order: int | None = None
    max_order_value: Decimal | None = None
    max_daily_loss: Decimal | None = None
    max_open_positions: int | None = None
    clamp_mode: ClampMode = ClampMode.CLAMP
    symbol_whitelist: tuple[str, ...] = ()
    symbol_blacklist: tuple[str, ...] = ()


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
