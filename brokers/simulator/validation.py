"""What the broker checks before it takes an order, in its order and with its words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time
from decimal import Decimal, InvalidOperation

from brokers.simulator.behaviour import Behaviour
from brokers.simulator.book import Order, Terms
from brokers.simulator.errors import KiteError, input_error, order_error, permission_error
from brokers.simulator.listing import CASH_FREEZE, Instrument
from brokers.simulator.market import Market
from trading.domain.session import IST, session_on

EXCHANGES = ("NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX")
ORDER_TYPES = frozenset({"MARKET", "LIMIT", "SL", "SL-M"})
VALIDITIES = frozenset({"DAY", "IOC", "TTL"})
_CASH_VALUE_LIMIT = Decimal(100_000_000)
_AMO_WINDOWS = {  # from, until
    "NSE": (time(16, 0), time(8, 58)),
    "BSE": (time(16, 0), time(8, 58)),
    "NFO": (time(15, 45), time(9, 10)),
    "BFO": (time(15, 45), time(9, 10)),
    "CDS": (time(17, 0), time(8, 59)),
    "BCD": (time(17, 0), time(8, 59)),
    "MCX": (time(23, 30), time(8, 58)),
}
_PLAIN_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,8})?")


@dataclass(frozen=True, slots=True)
class Request:
    """A placement that passed the checks of its fields."""

    variety: str
    instrument: Instrument
    side: str
    product: str
    terms: Terms
    tag: str | None


def read_request(variety: str, params: Mapping[str, str], market: Market) -> Request:
    """The fields, the symbol and the product. Raises KiteError naming the field."""
    if variety not in {"regular", "amo"}:
        raise input_error(f"Variety `{variety}` is not supported; use regular or amo.")
    exchange = _choice(params, "exchange", frozenset(EXCHANGES))
    symbol = _required(params, "tradingsymbol")
    side = _choice(params, "transaction_type", frozenset({"BUY", "SELL"}))
    product = _choice(params, "product", frozenset({"CNC", "NRML", "MIS", "MTF"}))
    terms = _read_terms(params)
    tag = params.get("tag") or None
    if tag is not None and len(tag) > 20:
        raise input_error("Invalid `tag`: it can have at most 20 characters.")
    instrument = market.listing.find(f"{exchange}:{symbol}")
    if instrument is None or instrument.is_index:
        raise input_error(f"The instrument {exchange}:{symbol} does not exist or has expired.")
    _check_product(instrument, product)
    _check_terms(instrument, terms)
    return Request(variety, instrument, side, product, terms, tag)


def check_placement(
    request: Request, market: Market, behaviour: Behaviour, at: datetime, ip: str
) -> None:
    """All checks after the fields up to, but not including, the margin."""
    instrument, terms = request.instrument, request.terms
    _check_hours(request, market, behaviour, at)
    check_quantity(instrument, terms, market.last(instrument), forced=behaviour.freeze_reject)
    check_price(instrument, request.side, terms, market)
    check_protection(terms)
    if behaviour.ip_reject:
        raise permission_error(ip_refusal(ip))


def ip_refusal(ip: str) -> str:
    return (
        f"IP ({ip or 'unknown'}) is not allowed to place orders for this app. "
        "Update allowed IPs on the Kite developer console."
    )


def read_modification(order: Order, params: Mapping[str, str]) -> Terms:
    """The order's terms with the given fields replaced; `quantity` is the new total."""
    old = order.terms
    terms = replace(
        old,
        order_type=params.get("order_type") or old.order_type,
        quantity=_integer(params, "quantity", old.quantity),
        price=_decimal(params, "price", old.price),
        trigger_price=_decimal(params, "trigger_price", old.trigger_price),
        validity=params.get("validity") or old.validity,
        validity_ttl=_integer(params, "validity_ttl", old.validity_ttl),
        disclosed_quantity=_integer(params, "disclosed_quantity", old.disclosed_quantity),
        market_protection=_decimal(params, "market_protection", Decimal(0)),
    )
    if terms.order_type not in ORDER_TYPES:
        raise input_error(f"Invalid `order_type`: {terms.order_type}.")
    _check_terms(order.instrument, terms)
    if terms.quantity <= order.filled:
        raise order_error("Quantity cannot be at or below what is already traded.")
    return terms


def check_quantity(
    instrument: Instrument, terms: Terms, last: Decimal, *, forced: bool = False
) -> None:
    quantity, lot = terms.quantity, instrument.lot_size
    if quantity % lot:
        raise input_error(f"Quantity should be a multiple of the lot size {lot}.")
    if instrument.is_equity:
        value = quantity * (terms.price or last)
        if quantity > CASH_FREEZE or value > _CASH_VALUE_LIMIT or forced:
            raise input_error(
                f"The order quantity {quantity} is higher than the maximum quantity of "
                f"{CASH_FREEZE} or the maximum value of 10 crore. Please reduce the order "
                "quantity or use iceberg orders."
            )
        return
    most = instrument.freeze - instrument.freeze % lot
    if quantity > most or forced:
        raise input_error(
            f"The order quantity {quantity} ({quantity // lot} lots) is higher than the maximum "
            f"quantity of {most} ({most // lot} lots) allowed by the exchanges. Please reduce "
            "the order quantity or use iceberg orders."
        )


def check_price(
    instrument: Instrument, side: str, terms: Terms, market: Market, *, fired: bool = False
) -> None:
    """Tick size and daily range of price and trigger; a trigger that `fired` is not looked at."""
    ticker = market.ticker(instrument)
    for value in (terms.price, terms.trigger_price):
        if value % instrument.tick_size:
            raise input_error(
                f"Tick size for this script is {instrument.tick_size}. Kindly enter price in "
                "the multiple of tick size for this script"
            )
    if terms.order_type in {"LIMIT", "SL"}:
        _check_range(terms.price, ticker.lower, ticker.upper)
    if fired or terms.order_type not in {"SL", "SL-M"}:
        return
    if side == "SELL" and terms.trigger_price < ticker.lower:
        raise input_error(
            "Trigger price for stoploss sell orders cannot be below the lower circuit price. "
            f"Please try placing the order with trigger price above {ticker.lower}."
        )
    if side == "BUY" and terms.trigger_price > ticker.upper:
        raise input_error(
            "Trigger price for stoploss buy orders cannot be above the upper circuit price. "
            f"Please try placing the order with trigger price below {ticker.upper}."
        )
    _check_trigger_side(side, terms, ticker.last)


def check_protection(terms: Terms) -> None:
    """MARKET and SL-M carry -1 (automatic) or a percentage above 0 and up to 100."""
    value = terms.market_protection
    if value != 0 and value != -1 and not 0 < value <= 100:
        raise input_error("Invalid `market_protection`: use -1 or a percentage up to 100.")
    if terms.order_type in {"MARKET", "SL-M"} and value == 0:
        raise input_error(
            "Market orders without market protection are not allowed via API. "
            "Please set market protection or use a Limit order."
        )


def amo_window(exchange: str, at: datetime) -> bool:
    """Whether an after-market order is taken at `at` by the exchange's calendar."""
    at = at.astimezone(IST)
    if session_on(exchange, at.date()) is None:
        return True
    begins, ends = _AMO_WINDOWS[exchange]
    return at.time() >= begins or at.time() < ends


def _check_hours(request: Request, market: Market, behaviour: Behaviour, at: datetime) -> None:
    exchange = request.instrument.exchange
    is_open = market.is_open(exchange, at) and not behaviour.market_closed
    if request.variety == "amo":
        closed_by_hand = market.forced is False or behaviour.market_closed
        if is_open or not (closed_by_hand or amo_window(exchange, at)):
            raise input_error("After market orders (AMO) are not accepted at this time.")
    elif not is_open:
        if request.product == "MIS":
            raise input_error(
                "MIS (intraday) are blocked as the markets are not open for trading today. "
                "Try placing an AMO order."
            )
        raise input_error("Markets are closed right now. Try placing an AMO order.")


def _check_range(price: Decimal, lower: Decimal, upper: Decimal) -> None:
    for is_outside, word, limit in (
        (price < lower, "lower", lower),
        (price > upper, "upper", upper),
    ):
        if is_outside:
            direction = "lower" if word == "lower" else "higher"
            raise input_error(
                f"Your order price is {direction} than the current {word} circuit limit of "
                f"{limit}. Place an order within the daily range."
            )


def _check_trigger_side(side: str, terms: Terms, last: Decimal) -> None:
    trigger = terms.trigger_price
    if side == "SELL" and trigger > last:
        raise input_error("Trigger price for stoploss sell orders should be below the last price.")
    if side == "BUY" and trigger < last:
        raise input_error("Trigger price for stoploss buy orders should be above the last price.")
    if terms.order_type != "SL":
        return
    if (side == "BUY" and terms.price < trigger) or (side == "SELL" and terms.price > trigger):
        raise input_error("The limit price of a stoploss order must lie beyond its trigger price.")


def _check_product(instrument: Instrument, product: str) -> None:
    allowed = {"CNC", "MIS", "MTF"} if instrument.is_equity else {"NRML", "MIS"}
    if product not in allowed:
        raise input_error(
            f"Product {product} is not allowed for {instrument.exchange}; "
            f"use {' or '.join(sorted(allowed))}."
        )
    if product == "MIS" and instrument.tradingsymbol.endswith(("-BE", "-BL", "-BZ")):
        raise input_error(
            f"MIS orders are currently blocked for {instrument.tradingsymbol}, place CNC instead"
        )


def _check_terms(instrument: Instrument, terms: Terms) -> None:
    """Rules between the fields."""
    if terms.order_type in {"LIMIT", "SL"} and terms.price <= 0:
        raise input_error("Missing or invalid `price`: it must be above 0.")
    if terms.order_type in {"SL", "SL-M"} and terms.trigger_price <= 0:
        raise input_error("Missing or invalid `trigger_price`: it must be above 0.")
    if terms.order_type == "SL-M" and (instrument.is_option or instrument.exchange in _NO_SLM):
        raise input_error("SL-M orders are blocked for this contract. Use an SL order instead.")
    if terms.validity == "IOC" and instrument.exchange == "MCX":
        raise input_error("IOC orders are not allowed for MCX.")
    if terms.validity == "TTL" and terms.validity_ttl <= 0:
        raise input_error("Missing or invalid `validity_ttl`: it must be above 0.")
    if terms.disclosed_quantity > terms.quantity:
        raise input_error("Disclosed quantity cannot be above the quantity.")


_NO_SLM = frozenset({"BSE", "BFO"})


def _read_terms(params: Mapping[str, str]) -> Terms:
    quantity = _integer(params, "quantity")
    if quantity <= 0:
        raise input_error("Invalid `quantity`: it must be above 0.")
    order_type = _choice(params, "order_type", ORDER_TYPES)
    resting = order_type in {"LIMIT", "SL"}
    stop = order_type in {"SL", "SL-M"}
    return Terms(
        order_type=order_type,
        quantity=quantity,
        price=_decimal(params, "price", Decimal(0)) if resting else Decimal(0),
        trigger_price=_decimal(params, "trigger_price", Decimal(0)) if stop else Decimal(0),
        validity=_choice({"validity": "DAY", **params}, "validity", VALIDITIES),
        validity_ttl=_integer(params, "validity_ttl", 0),
        disclosed_quantity=_integer(params, "disclosed_quantity", 0),
        market_protection=_decimal(params, "market_protection", Decimal(0)),
    )


def _required(params: Mapping[str, str], name: str) -> str:
    value = str(params.get(name) or "")
    if not value:
        raise input_error(f"Missing or empty field `{name}`")
    return value


def _choice(params: Mapping[str, str], name: str, known: frozenset[str]) -> str:
    value = _required(params, name)
    if value not in known:
        raise input_error(f"Invalid `{name}`: {value}.")
    return value


def _integer(params: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = str(params.get(name) if params.get(name) is not None else "")
    if not text and default is not None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise _decode_error(name, text, "integer")
    return int(text)


def _decimal(params: Mapping[str, str], name: str, default: Decimal) -> Decimal:
    text = str(params.get(name) if params.get(name) is not None else "")
    if not text:
        return default
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise _decode_error(name, text, "decimal") from None
    if not value.is_finite() or not _PLAIN_NUMBER.fullmatch(format(value, "f")):
        raise _decode_error(name, text, "decimal")
    return value


def _decode_error(name: str, text: str, kind: str) -> KiteError:
    return input_error(f"Invalid request (failed to decode {name}, got: {text} (expected {kind}))")
