"""A simple margin model: delivery in full, intraday a fifth, options bought at their premium,
futures and written options at 15 % of the contract's value."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from brokers.simulator.book import Order, Terms
from brokers.simulator.listing import Instrument
from brokers.simulator.market import Market
from brokers.simulator.portfolio import Portfolio, Position

INTRADAY = Decimal("0.2")
DERIVATIVE = Decimal("0.15")
_ZERO = Decimal(0)
_LEVERED = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class Need:
    """What an order or position ties up, in rupees."""

    cash: Decimal = _ZERO
    var: Decimal = _ZERO
    span: Decimal = _ZERO
    exposure: Decimal = _ZERO
    option_premium: Decimal = _ZERO

    @property
    def total(self) -> Decimal:
        return self.cash + self.var + self.span + self.exposure + self.option_premium


def need_for(
    instrument: Instrument, product: str, side: str, quantity: int, price: Decimal
) -> Need:
    """Margin for `quantity` units that open or enlarge a position at `price`."""
    value = quantity * price * instrument.multiplier
    if instrument.is_equity:
        if product == "MIS":
            return Need(var=value * INTRADAY)
        return Need(cash=value) if side == "BUY" else Need()
    if instrument.is_option:
        if side == "BUY":
            return Need(option_premium=value)
        value = quantity * instrument.strike * instrument.multiplier
    exposure = value * _LEVERED
    return Need(span=value * DERIVATIVE - exposure, exposure=exposure)


def order_need(order: Order, portfolio: Portfolio, market: Market) -> Decimal:
    """What the unfilled part of a live order ties up; a reducing order ties up nothing."""
    price = expected_price(order.terms, order.instrument, market)
    held = portfolio.held(order.instrument, order.product)
    opening = opening_quantity(order.side, order.remaining, held)
    return need_for(order.instrument, order.product, order.side, opening, price).total


def opening_quantity(side: str, quantity: int, held: int) -> int:
    """How much of an order opens exposure, given the signed position it would meet first."""
    reducible = max(-held, 0) if side == "BUY" else max(held, 0)
    return max(quantity - reducible, 0)


def expected_price(terms: Terms, instrument: Instrument, market: Market) -> Decimal:
    return terms.price or terms.trigger_price or market.last(instrument)


@dataclass(frozen=True, slots=True)
class Funds:
    """The money of one account now, in rupees."""

    opening: Decimal
    available: Decimal
    used: Decimal
    span: Decimal
    exposure: Decimal
    premium: Decimal
    delivery: Decimal
    realised: Decimal
    unrealised: Decimal

    def row(self) -> dict[str, Any]:
        """The inner object of `/user/margins/equity`."""
        return {
            "enabled": True,
            "net": float(self.available),
            "available": {
                "adhoc_margin": 0,
                "cash": float(self.opening),
                "opening_balance": float(self.opening),
                "live_balance": float(self.available),
                "collateral": 0,
                "intraday_payin": 0,
            },
            "utilised": {
                "debits": float(self.used),
                "exposure": float(self.exposure),
                "m2m_realised": float(self.realised),
                "m2m_unrealised": float(self.unrealised),
                "option_premium": float(self.premium),
                "payout": 0,
                "span": float(self.span),
                "holding_sales": 0,
                "turnover": 0,
                "liquid_collateral": 0,
                "stock_collateral": 0,
                "delivery": float(self.delivery),
            },
        }


def disabled_row() -> dict[str, Any]:
    """The commodity wallet of an account that trades from one wallet."""
    row = Funds(*(_ZERO,) * 9).row()
    row["enabled"] = False
    return row


def funds(portfolio: Portfolio, orders: Iterable[Order], market: Market) -> Funds:
    """Cash, less what positions and live orders tie up, plus what was realised."""
    span = exposure = premium = delivery = realised = unrealised = _ZERO
    for position in portfolio.positions.values():
        need, gain = _position_need(position)
        span, exposure = span + need.span + need.var, exposure + need.exposure
        premium, delivery = premium + need.option_premium, delivery + need.cash
        realised += gain
        last = market.last(position.instrument)
        multiplier = position.instrument.multiplier
        unrealised += (last - position.average) * position.quantity * multiplier
    blocked = sum((order_need(order, portfolio, market) for order in orders), _ZERO)
    used = span + exposure + premium + delivery + blocked - realised
    return Funds(
        opening=portfolio.cash,
        available=portfolio.cash - used,
        used=used,
        span=span,
        exposure=exposure,
        premium=premium,
        delivery=delivery,
        realised=realised,
        unrealised=unrealised,
    )


def _position_need(position: Position) -> tuple[Need, Decimal]:
    """What a position ties up, and what it has realised."""
    instrument, quantity = position.instrument, position.quantity
    if position.product == "CNC":
        return Need(cash=-position.value), _ZERO
    side = "BUY" if quantity >= 0 else "SELL"
    need = need_for(instrument, position.product, side, abs(quantity), position.average)
    realised = position.value + quantity * position.average * instrument.multiplier
    return need, realised
