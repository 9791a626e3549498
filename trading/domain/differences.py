"""Where our positions and the broker's differ. Pure.

Ours are what our fills add up to. The broker's are its net positions, and for delivery the shares
in the holdings too: what was bought on an earlier day has left the positions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from trading.domain.values import Product

_DELIVERY = frozenset({Product.CNC.value, Product.MTF.value})


class PositionKey(NamedTuple):
    exchange: str
    tradingsymbol: str
    product: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Signed units. `why` is the likeliest reason, in words; only a look at the broker tells."""

    exchange: str
    tradingsymbol: str
    product: str
    ours: int
    brokers: int
    why: str

    @property
    def symbol(self) -> str:
        return f"{self.exchange}:{self.tradingsymbol}" if self.exchange else self.tradingsymbol


def differences(
    ours: Mapping[PositionKey, int],
    brokers: Mapping[PositionKey, int],
    delivered: Mapping[str, int],
    unfinished: frozenset[PositionKey] = frozenset(),
) -> list[Difference]:
    """What differs, by instrument.

    `delivered`: shares in the holdings by symbol; NSE and BSE are one there, and those that a
    person bought elsewhere are among them. `unfinished`: what our own orders may still change.
    """
    found = []
    for key in sorted({*ours, *brokers}):
        own, shown = ours.get(key, 0), brokers.get(key, 0)
        if own == shown or _settled(key, own, shown, delivered):
            continue
        why = _why(key, ours, brokers, key in unfinished)
        found.append(Difference(*key, ours=own, brokers=shown, why=why))
    return found


def _settled(key: PositionKey, own: int, shown: int, delivered: Mapping[str, int]) -> bool:
    """Whether delivery accounts for it: bought shares are in the holdings, sold ones have left."""
    if key.product not in _DELIVERY:
        return False
    return min(own, 0) <= own - shown <= delivered.get(key.tradingsymbol, 0)


def _why(
    key: PositionKey,
    ours: Mapping[PositionKey, int],
    brokers: Mapping[PositionKey, int],
    unfinished: bool,
) -> str:
    if unfinished:
        return "An order for it is not finished here yet: this may settle by itself."
    if _total(key, ours) == _total(key, brokers):
        return "Converted to another product at the broker."
    own, shown = ours.get(key, 0), brokers.get(key, 0)
    if not own:
        return "Opened outside SigmaTrader, or before it followed this account."
    if not shown:
        return "Closed at the broker, perhaps squared off, by an order that is not known here."
    return "Changed at the broker by an order that is not known here."


def _total(key: PositionKey, positions: Mapping[PositionKey, int]) -> int:
    """Of the instrument, all products together."""
    return sum(
        quantity
        for other, quantity in positions.items()
        if other.exchange == key.exchange and other.tradingsymbol == key.tradingsymbol
    )
