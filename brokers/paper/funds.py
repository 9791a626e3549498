"""What paper orders cost: margin by product, delivery that is held. Pure.

An order, or the part of one, that closes a position needs no margin; the rest needs its value
times the product's percentage. CNC and MTF are delivery: only what is held can be sold.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from trading.domain.values import Product, Side

DELIVERY: Final = frozenset({Product.CNC, Product.MTF})

_PAISA: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True, order=True)
class PositionKey:
    exchange: str
    tradingsymbol: str
    product: Product


@dataclass(frozen=True, slots=True)
class Rates:
    """Margin in percent of an order's value: CNC and MTF, MIS, NRML."""

    delivery: Decimal
    intraday: Decimal
    carry: Decimal

    def fraction(self, product: Product) -> Decimal:
        if product in DELIVERY:
            return self.delivery / 100
        return (self.intraday if product is Product.MIS else self.carry) / 100


@dataclass(frozen=True, slots=True)
class Claim:
    """What an order could still trade: `quantity` units at `price` rupees."""

    key: PositionKey
    side: Side
    quantity: int
    price: Decimal
    multiplier: Decimal


@dataclass(frozen=True, slots=True)
class Stake:
    """An open position: signed `quantity`, and `cost`, what it was opened for, in rupees."""

    quantity: int
    cost: Decimal


def positions_margin(stakes: Mapping[PositionKey, Stake], rates: Rates) -> Decimal:
    """Rupees blocked by open positions."""
    return sum(
        (stake.cost * rates.fraction(key.product) for key, stake in stakes.items()), Decimal(0)
    )


def orders_margin(
    stakes: Mapping[PositionKey, Stake], working: Iterable[Claim], rates: Rates
) -> Decimal:
    """Rupees blocked by working orders. Those that close take from the position, in order."""
    closable = {key: stake.quantity for key, stake in stakes.items()}
    return sum((_take(claim, closable, rates) for claim in working), Decimal(0))


def refusal(
    claim: Claim,
    stakes: Mapping[PositionKey, Stake],
    working: Iterable[Claim],
    cash: Decimal,
    rates: Rates,
) -> str:
    """Why the account cannot carry `claim` beside its positions and `working`; "" when it can.

    `cash`: rupees paid in plus everything realised.
    """
    closable = {key: stake.quantity for key, stake in stakes.items()}
    blocked = positions_margin(stakes, rates)
    blocked += sum((_take(other, closable, rates) for other in working), Decimal(0))
    name = f"{claim.key.exchange}:{claim.key.tradingsymbol}"
    if claim.key.product in DELIVERY and claim.side is Side.SELL:
        held = max(closable.get(claim.key, 0), 0)
        if claim.quantity > held:
            return (
                f"Insufficient holdings: required {claim.quantity} {name} {claim.key.product}, "
                f"available {held}."
            )
    required = _take(claim, closable, rates)
    available = cash - blocked
    if required > max(available, Decimal(0)):
        return (
            f"Insufficient funds: required {_rupees(required, ROUND_CEILING)}, "
            f"available {_rupees(available, ROUND_FLOOR)} for "
            f"{claim.side} {claim.quantity} {name} {claim.key.product}."
        )
    return ""


def _take(claim: Claim, closable: dict[PositionKey, int], rates: Rates) -> Decimal:
    """The margin of one order; what it closes is taken out of `closable`."""
    position = closable.get(claim.key, 0)
    closes = min(claim.quantity, max(-claim.side.sign * position, 0))
    if closes:
        closable[claim.key] = position + claim.side.sign * closes
    value = (claim.quantity - closes) * claim.price * claim.multiplier
    return value * rates.fraction(claim.key.product)


def _rupees(amount: Decimal, rounding: str) -> str:
    return f"₹{amount.quantize(_PAISA, rounding)}"
