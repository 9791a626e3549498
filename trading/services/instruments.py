"""From an alert's symbol to what the broker calls it."""

import re
from dataclasses import dataclass
from decimal import Decimal

from trading.models import Instrument

_NOT_KEY = re.compile(r"[^A-Z0-9]")


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a symbol stands for; `problem` says why a person must look, empty when it is clear."""

    exchange: str
    tradingsymbol: str
    lot_size: int = 1
    multiplier: Decimal = Decimal(1)
    problem: str = ""


def search_key(symbol: str) -> str:
    """Letters and digits alone: M_M, M&M and M-M look alike on purpose."""
    return _NOT_KEY.sub("", symbol.upper())


def resolve(exchange: str, symbol: str) -> Resolution:
    """Find `symbol` in the instrument list: an exact name, else the one look-alike.

    Without a list for the exchange the symbol is taken as it is. Never guesses: no match or
    several leave the symbol unchanged and say so in `problem`.
    """
    as_written = Resolution(exchange, symbol)
    candidates = list(
        Instrument.objects.filter(exchange=exchange, search_key=search_key(symbol))[:5]
    )
    exact = [found for found in candidates if found.tradingsymbol == symbol]
    matches = exact or candidates
    if len(matches) == 1:
        found = matches[0]
        return Resolution(found.exchange, found.tradingsymbol, found.lot_size, found.multiplier)
    if matches:
        names = ", ".join(match.tradingsymbol for match in matches)
        return Resolution(
            exchange, symbol, problem=f"{exchange}:{symbol} may be any of {names}: choose one."
        )
    if not Instrument.objects.filter(exchange=exchange).exists():
        return as_written
    return Resolution(
        exchange,
        symbol,
        problem=f"{exchange}:{symbol} is not in the instrument list of {exchange}: "
        "check the symbol before you execute.",
    )
