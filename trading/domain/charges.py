"""What executed orders cost: brokerage, taxes and fees by a schedule of rates. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Final

from trading.domain.symbols import CALL, CASH_EXCHANGES, PUT
from trading.domain.values import Product, Side

ZERO: Final = Decimal(0)
_PAISA: Final = Decimal("0.01")
_DERIVATIVES: Final = frozenset({"NFO", "BFO"})
_CURRENCY: Final = frozenset({"CDS", "BCD"})
_COMMODITY: Final = frozenset({"MCX", "NCO"})


class ChargeSegment(StrEnum):
    """What the schedule tells apart. MTF is delivery with borrowed money."""

    EQUITY_INTRADAY = "EQUITY_INTRADAY"
    EQUITY_DELIVERY = "EQUITY_DELIVERY"
    EQUITY_MTF = "EQUITY_MTF"
    FUTURES = "FUTURES"
    OPTIONS = "OPTIONS"
    CURRENCY_FUTURES = "CURRENCY_FUTURES"
    CURRENCY_OPTIONS = "CURRENCY_OPTIONS"
    COMMODITY_FUTURES = "COMMODITY_FUTURES"
    COMMODITY_OPTIONS = "COMMODITY_OPTIONS"


@dataclass(frozen=True, slots=True)
class Rates:
    """What is asked for in one segment of one exchange from `valid_from` on.

    Percent of the order's value, but for rupees in `brokerage_cap` and `depository`. Without
    `brokerage_percent` the cap is the brokerage of every order. `gst` is on brokerage, fees of the
    exchange and SEBI, and on what the depository takes.
    """

    segment: ChargeSegment
    exchange: str
    valid_from: date
    brokerage_percent: Decimal | None = ZERO
    brokerage_cap: Decimal = ZERO
    tax_buy: Decimal = ZERO  # STT or CTT
    tax_sell: Decimal = ZERO
    transaction: Decimal = ZERO
    sebi: Decimal = ZERO
    stamp_buy: Decimal = ZERO
    gst: Decimal = ZERO
    depository: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Charges:
    """Rupees, each to the paisa."""

    brokerage: Decimal = ZERO
    tax: Decimal = ZERO
    transaction: Decimal = ZERO
    sebi: Decimal = ZERO
    stamp: Decimal = ZERO
    gst: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return self.brokerage + self.tax + self.transaction + self.sebi + self.stamp + self.gst


def to_paisa(rupees: Decimal) -> Decimal:
    return rupees.quantize(_PAISA, rounding=ROUND_HALF_UP)


def order_charges(rates: Rates, side: Side, value: Decimal) -> Charges:
    """Charges of one executed order, or of its part in one segment; `value` is its turnover.

    Each is rounded to the paisa, half up; GST is taken of the unrounded ones. A contract note
    rounds STT and stamp duty to whole rupees over a day; that is no property of an order, and is
    left out here.
    """
    if not value:
        return Charges()
    brokerage = rates.brokerage_cap
    if rates.brokerage_percent is not None:
        brokerage = min(_percent(value, rates.brokerage_percent), brokerage)
    transaction, sebi = _percent(value, rates.transaction), _percent(value, rates.sebi)
    buys = side is Side.BUY
    return Charges(
        brokerage=to_paisa(brokerage),
        tax=to_paisa(_percent(value, rates.tax_buy if buys else rates.tax_sell)),
        transaction=to_paisa(transaction),
        sebi=to_paisa(sebi),
        stamp=to_paisa(_percent(value, rates.stamp_buy)) if buys else ZERO,
        gst=to_paisa(_percent(brokerage + transaction + sebi, rates.gst)),
    )


def depository_charge(rates: Rates) -> Decimal:
    """Rupees with GST, for the shares of one company sold out of the depository on one day."""
    return to_paisa(rates.depository * (100 + rates.gst) / 100)


def _percent(value: Decimal, rate: Decimal) -> Decimal:
    return value * rate / 100


def segment_of(
    exchange: str, tradingsymbol: str, product: str, *, same_day: bool
) -> ChargeSegment | None:
    """Where an order's charges are looked up; None for an unknown exchange.

    Shares that were bought and sold on the same day are charged as intraday, CNC too. An order
    without an exchange is one of shares at NSE.
    """
    option = tradingsymbol.endswith((CALL, PUT))
    if exchange in CASH_EXCHANGES or not exchange:
        if product == Product.MTF:
            return ChargeSegment.EQUITY_MTF
        if product == Product.MIS or same_day:
            return ChargeSegment.EQUITY_INTRADAY
        return ChargeSegment.EQUITY_DELIVERY
    if exchange in _DERIVATIVES:
        return ChargeSegment.OPTIONS if option else ChargeSegment.FUTURES
    if exchange in _CURRENCY:
        return ChargeSegment.CURRENCY_OPTIONS if option else ChargeSegment.CURRENCY_FUTURES
    if exchange in _COMMODITY:
        return ChargeSegment.COMMODITY_OPTIONS if option else ChargeSegment.COMMODITY_FUTURES
    return None


class Schedule:
    """Rates of every segment and exchange, each from a day on."""

    def __init__(self, rates: Iterable[Rates]) -> None:
        self._rates: dict[tuple[str, str], list[Rates]] = {}
        for one in sorted(rates, key=lambda one: one.valid_from, reverse=True):
            self._rates.setdefault((one.segment, one.exchange), []).append(one)

    def find(self, segment: ChargeSegment | None, exchange: str, day: date) -> Rates | None:
        """The rates in force on `day`; before the first of them, the first. None: there are
        none."""
        if segment is None:
            return None
        known = self._rates.get((segment, exchange or "NSE"), [])
        return next((one for one in known if one.valid_from <= day), known[-1] if known else None)


@dataclass(frozen=True, slots=True)
class Executed:
    """An order as it was executed: `quantity` units for `value` rupees. `told`: what its broker
    said that it costs, if that is known."""

    exchange: str
    tradingsymbol: str
    product: str
    side: Side
    day: date
    quantity: int
    value: Decimal
    told: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """What an order has of a closed trade: units, and rupees at the order's own price."""

    quantity: int
    value: Decimal
    same_day: bool  # opened and closed on one day


@dataclass(frozen=True, slots=True)
class _Part:
    """What of an order is charged by one segment's rates: the pieces at `places`, and all of its
    units and rupees, those that are still open too."""

    same_day: bool
    places: list[int]
    quantity: int
    value: Decimal


def charges_of_pieces(
    order: Executed, pieces: Sequence[Piece], schedule: Schedule
) -> list[Decimal]:
    """The share of each of an order's pieces in its charges, in the same order.

    Shares go by quantity and add up to the order's charges, to the paisa, once all of it is
    closed; what is still open keeps its own. The broker's word counts unless part of the order
    became intraday after it: the broker could not know that.
    """
    parts = _parts(order, pieces)
    shares = [ZERO] * len(pieces)
    for part in parts:
        total = order.told if order.told is not None and len(parts) == 1 else None
        if total is None:
            total = _by_schedule(order, part, schedule)
        quantities = [pieces[place].quantity for place in part.places]
        for place, share in zip(
            part.places, _shares(total, quantities, part.quantity), strict=True
        ):
            shares[place] = share
    return shares


def counts_told(order: Executed, pieces: Sequence[Piece]) -> bool:
    """Whether the order's charges are its broker's own word."""
    return order.told is not None and len(_parts(order, pieces)) == 1


def _parts(order: Executed, pieces: Sequence[Piece]) -> list[_Part]:
    """One, but for CNC of which some was closed on its own day: that is intraday."""
    everything = list(range(len(pieces)))
    quick = [place for place in everything if pieces[place].same_day]
    if order.product != Product.CNC or not quick:
        return [_Part(False, everything, order.quantity, order.value)]
    quantity = sum(pieces[place].quantity for place in quick)
    value = sum((pieces[place].value for place in quick), ZERO)
    slow = [place for place in everything if not pieces[place].same_day]
    return [
        _Part(True, quick, quantity, value),
        _Part(False, slow, order.quantity - quantity, order.value - value),
    ]


def _by_schedule(order: Executed, part: _Part, schedule: Schedule) -> Decimal:
    segment = segment_of(order.exchange, order.tradingsymbol, order.product, same_day=part.same_day)
    rates = schedule.find(segment, order.exchange, order.day)
    return order_charges(rates, order.side, part.value).total if rates else ZERO


def _shares(total: Decimal, quantities: Sequence[int], whole: int) -> list[Decimal]:
    """`total` of `whole` units for each of `quantities`: the running share is rounded, so that
    what is handed out never drifts from it."""
    shares, before, units = [], ZERO, 0
    for quantity in quantities:
        units += quantity
        until = to_paisa(total * units / whole)
        shares.append(until - before)
        before = until
    return shares
